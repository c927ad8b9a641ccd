"""Split fitted pipelines into transformers and the model at the end."""

import numpy as np
from sklearn.feature_selection import RFE
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.pipeline import Pipeline
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.utils.validation import check_is_fitted

from sklearn_advex._utils._containers import n_rows_of
from sklearn_advex._utils._origins import column_origins

_THRESHOLDS = (FixedThresholdClassifier, TunedThresholdClassifierCV)


def transform_to_last_step(model, X):
    """Carry `X` through the transformers in front of a model.

    Parameters
    ----------
    model : estimator
        A fitted model, or a fitted pipeline (of pipelines) that ends in one; each of them may be
        wrapped in a :class:`~sklearn.frozen.FrozenEstimator`, a search such as
        :class:`~sklearn.model_selection.GridSearchCV`, or a classifier that tunes the threshold.
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
    ValueError
        If a step returns another number of rows than it gets.
    """
    for head, last_step in _unwrap(model):
        for name, step in () if head is None else head.steps:
            X = _transform(name, step, X)
        model = last_step
    return model, X


def _transform(name, step, X):
    """Transform rows by one step, and check that they are as many as before."""
    if step is None or isinstance(step, str):  # "passthrough"
        return X
    n_rows, X = n_rows_of(X), step.transform(X)
    if n_rows_of(X) != n_rows:
        raise ValueError(
            f"Step {name!r} ({type(step).__name__}) returned {n_rows_of(X)} rows for {n_rows}, so"
            " that they do not belong to the rows of X any more. Drop rows before the pipeline."
        )
    return X


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
            except (AttributeError, TypeError):  # no such method, or one that insists on names
                return None
    return names


def encoded_column_origins(model, n_columns):
    """Find the column of `X` that each column seen by the last step is named after.

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


def transformers_of(model):
    """List the transformers before the last step of a fitted pipeline.

    Parameters
    ----------
    model : estimator
        As for :func:`transform_to_last_step`.

    Returns
    -------
    list of tuple of (str, estimator)
        Names and steps, in order.
    """
    return [
        (name, step)
        for head, _ in _unwrap(model)
        if head is not None
        for name, step in head.steps
        if step is not None and not isinstance(step, str)
    ]


def decides_by_threshold(model):
    """Return whether a model predicts by another threshold than that of its last step.

    Parameters
    ----------
    model : estimator
        As for :func:`transform_to_last_step`.

    Returns
    -------
    bool
    """
    return isinstance(model, _THRESHOLDS) or any(
        isinstance(part, _THRESHOLDS) for _, part in _unwrap(model)
    )


def refuse_thresholds(model):
    """Raise a TypeError if a model predicts by another threshold than that of its last step.

    Parameters
    ----------
    model : estimator
        As for :func:`transform_to_last_step`.
    """
    if decides_by_threshold(model):
        raise TypeError(
            "The worst case of a model whose threshold was tuned is not that of its coefficients."
            " Pass the classifier inside, its estimator_."
        )


def _unwrap(model):
    """Yield pairs of transformers (or None) and the model after them, from the outside in.

    The transformers are a pipeline without its last step and without samplers, which act in `fit`
    only. The model of the last pair is neither a pipeline nor a wrapper that is looked through: a
    frozen estimator, a search, a classifier that selects features, labels rows by itself or has
    another threshold.
    """
    check_is_fitted(model)
    while True:
        head = None
        if isinstance(model, Pipeline):
            head = _head(model)
            model = model[-1]
        elif isinstance(model, FrozenEstimator):
            model = model.estimator
        elif isinstance(model, RFE):
            head = Pipeline([(type(model).__name__.lower(), model)])
            model = model.estimator_
        elif isinstance(model, (*_THRESHOLDS, SelfTrainingClassifier)):
            model = model.estimator_
        elif hasattr(model, "best_estimator_"):
            model = model.best_estimator_
        else:
            yield None, model
            return
        check_is_fitted(model)
        yield head, model


def _head(pipeline):
    """Return the transformers of a pipeline as one, None if there are none."""
    steps = [(name, step) for name, step in pipeline.steps[:-1] if not _is_sampler(step)]
    return Pipeline(steps) if steps else None


def _is_sampler(step):
    """Return whether a step only resamples the training data, as those of imbalanced-learn do."""
    return hasattr(step, "fit_resample") and not hasattr(step, "transform")
