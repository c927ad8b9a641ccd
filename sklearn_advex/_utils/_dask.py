"""Dask collections: what is one, and functions of blocks of rows applied to all of them, lazily.

dask is imported by functions that have been given a collection, never before.
"""

from copy import copy
from functools import partial, wraps

import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_data


def is_dask(X):
    """Return whether `X` is a Dask collection.

    Parameters
    ----------
    X : object

    Returns
    -------
    bool
        By Dask's own protocol, which needs no import of it.
    """
    return hasattr(X, "__dask_graph__")


def is_dask_frame(X):
    """Return whether a Dask collection is a DataFrame or Series.

    Parameters
    ----------
    X : object

    Returns
    -------
    bool
    """
    return is_dask(X) and hasattr(X, "divisions")


def refuse_mixed(X, **others):
    """Raise a TypeError if a Dask collection goes with rows in memory.

    Parameters
    ----------
    X : array-like
        Known not to be a Dask collection.
    **others : array-like
        By the names of the parameters.
    """
    for name, other in others.items():
        if is_dask(other):
            raise TypeError(
                f"{name} is a Dask collection but X is a {type(X).__name__} in memory: pass"
                f" {name}.compute(), or X as a Dask array or DataFrame."
            )


def empty_rows(X):
    """Return rows like those of a Dask collection, but none of them.

    Parameters
    ----------
    X : dask array or DataFrame of shape (n_samples, n_features)

    Returns
    -------
    ndarray or DataFrame of shape (0, n_features)

    Raises
    ------
    TypeError
        If the collection is neither.
    ValueError
        If it does not have two dimensions, or an unknown number of columns.
    """
    if is_dask_frame(X):
        if X.ndim != 2:
            raise ValueError("X must be a DataFrame, got a Series: pass X.to_frame().")
        return X._meta
    if not hasattr(X, "chunks"):
        raise TypeError(
            f"X must be a Dask array or DataFrame, got {type(X).__name__}: make one with"
            " dask.array.from_delayed or dask.dataframe.from_delayed."
        )
    if X.ndim != 2:
        raise ValueError(f"X must have two dimensions, rows and features, got {X.ndim}.")
    if np.isnan(X.shape[1]):
        raise ValueError("X has an unknown number of columns: call X.compute_chunk_sizes() first.")
    return np.empty((0, int(X.shape[1])), dtype=X.dtype)


def whole_rows(X):
    """Return a Dask array whose blocks hold all columns of their rows; a DataFrame as it is.

    Parameters
    ----------
    X : dask array or DataFrame of shape (n_samples, n_features)

    Returns
    -------
    dask array or DataFrame
    """
    if is_dask_frame(X) or X.ndim == 1 or X.numblocks[1] == 1:
        return X
    return X.rechunk({1: -1})


def lazy_for_dask(method):
    """Let a method of a fitted classifier return a Dask collection for one, block by block.

    Parameters
    ----------
    method : callable
        ``method(self, X, ...)`` or ``method(self, X, y, ...)``, from rows to a result for each.

    Returns
    -------
    callable
        For any other X the method as it is. In a DataFrame, columns of an array are named after the
        classes.
    """

    @wraps(method)
    def lazy(self, X, *labels, **options):
        if not is_dask(X):
            return method(self, X, *labels, **options)
        check_is_fitted(self)
        labels = (*labels, *([options.pop("y")] if "y" in options else []))
        return _mapped(self, method.__name__, X, labels, options)

    return lazy


def _mapped(model, method, X, labels, options):
    from sklearn_advex._utils._dask_blocks import map_rows  # imports dask

    # Feature names are compared once, here, not in every block.
    validate_data(model, empty_rows(X), reset=False, skip_check_array=True)
    model = copy(model)  # fitted anew, it must not change what has been asked for
    if not is_dask_frame(X):
        vars(model).pop("feature_names_in_", None)
    function = partial(_call, method, model, options)
    return map_rows(function, X, *labels, label=model.classes_[0], columns=model.classes_)


def _call(method, model, options, X, *labels):
    return getattr(model, method)(X, *labels, **options)
