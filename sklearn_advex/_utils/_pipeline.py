"""Split fitted pipelines into transformers and the model at the end."""

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sklearn_advex._utils._origins import column_origins


def transform_to_last_step(model, X):
    """Carry `X` through the transformers in front of a model.

    Parameters
    ----------
    model : estimator
        A fitted model, or a fitted pipeline (of pipelines) that ends in one; each of them may be
        wrapped in a :class:`~sklearn.frozen.FrozenEstimator`.
    X : array-like, sparse matrix or DataFrame
        What `model` predicts on.

    Returns
    -------
    last_step : estimator
        `model` itself where it is no pipeline.
    X : array-like, sparse matrix or DataFrame
        What `last_step` predicts on; the very object passed in where nothing transforms it.

    Raises
    ------
    NotFittedError
        If `model`, or the step that it ends in, is not fitted.
    """
    for head, last_step in _unwrap(model):
        if head is not None:
            X = head.transform(X)
        model = last_step
    return model, X


def last_step_of(model):
    """Return the model that a fitted pipeline ends in, `model` itself where it is no pipeline.

    Parameters
    ----------
    model : estimator
        As for :func:`transform_to_last_step`.

    Returns
    -------
    last_step : estimator
    """
    *_, (_, last_step) = _unwrap(model)
    return last_step


def encoded_feature_names(model, names=None):
    """Name the columns that the last step of a pipeline sees.

    Parameters
    ----------
    model : estimator
        As for :func:`transform_to_last_step`.
    names : array-like of str, default=None
        Names of the columns that go in.

    Returns
    -------
    names : ndarray of str or None
        The names passed in where nothing transforms the columns; None if a transformer cannot
        name its output.
    """
    for head, _ in _unwrap(model):
        if head is not None:
            try:
                names = head.get_feature_names_out(names)
            except AttributeError:  # a step without this method
                return None
    return names


def encoded_column_origins(model, n_columns):
    """Find the column of `X` that each column seen by the last step was made from.

    Parameters
    ----------
    model : estimator
        As for :func:`transform_to_last_step`.
    n_columns : int
        Number of columns of `X`.

    Returns
    -------
    origins : ndarray of int of shape (n_encoded_columns,)

    Raises
    ------
    ValueError
        If there is no such column; the message names the step that is the reason.
    """
    origins = np.arange(n_columns)
    for head, _ in _unwrap(model):
        if head is not None:
            origins = origins[column_origins(head, origins.size)]
    return origins


def _unwrap(model):
    """Yield pairs of a transformer (or None) and the model after it, from the outside in.

    The model of the last pair is neither a pipeline nor frozen.
    """
    check_is_fitted(model)
    while True:
        head = None
        if isinstance(model, FrozenEstimator):
            model = model.estimator
        elif isinstance(model, Pipeline):
            head = model[:-1] if len(model) > 1 else None
            model = model[-1]
        else:
            yield None, model
            return
        check_is_fitted(model)
        yield head, model
