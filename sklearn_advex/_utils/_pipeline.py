"""The way of the data through a fitted pipeline to the model at its end."""

from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted


def transform_to_last_step(model, X):
    """Carry `X` through the transformers in front of a model.

    Parameters
    ----------
    model : estimator
        A fitted model, or a fitted pipeline (of pipelines) that ends in one.
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
    check_is_fitted(model)
    while isinstance(model, Pipeline):
        if len(model) > 1:
            X = model[:-1].transform(X)
        model = model[-1]
        check_is_fitted(model)
    return model, X


def encoded_feature_names(model):
    """Name the columns that the last step of a pipeline sees.

    Parameters
    ----------
    model : estimator
        As for :func:`transform_to_last_step`.

    Returns
    -------
    names : ndarray of str or None
        None where nothing transforms the columns, or where a transformer cannot name its output.
    """
    names = None
    while isinstance(model, Pipeline):
        if len(model) > 1:
            try:
                names = model[:-1].get_feature_names_out(names)
            except AttributeError:  # how a pipeline says that one of its steps has no such method
                return None
        model = model[-1]
    return names
