"""Return results in the container of the input."""

import sys

import numpy as np
from scipy.sparse import issparse


def frame_like(X, values, columns):
    """Give values the index of a DataFrame; return them as they are where `X` is none.

    Parameters
    ----------
    X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
        What the values were computed from.
    values : {ndarray, sparse matrix} of shape (n_samples, n_columns)
    columns : array-like of shape (n_columns,) or None
        Column names; 0, 1, ... where None.

    Returns
    -------
    ndarray, sparse matrix or DataFrame
        A DataFrame of sparse columns for sparse values.
    """
    pandas = sys.modules.get("pandas")  # not loaded: nothing can be one of its frames
    if pandas is None or not isinstance(X, pandas.DataFrame):
        return values
    if issparse(values):
        return pandas.DataFrame.sparse.from_spmatrix(values, index=X.index, columns=columns)
    return pandas.DataFrame(values, index=X.index, columns=columns, copy=False)


def row_shape(X):
    """Return the shape of one sample: (n_features,) for a table, () for a list of texts.

    Parameters
    ----------
    X : array-like, sparse matrix or DataFrame of shape (n_samples, ...)

    Returns
    -------
    shape : tuple of int
    """
    X = X if hasattr(X, "shape") else np.asarray(X, dtype=object)
    return tuple(X.shape[1:])


def n_columns_of(X):
    """Return the number of columns of a table, None for images and lists of texts.

    Parameters
    ----------
    X : array-like, sparse matrix or DataFrame of shape (n_samples, ...)

    Returns
    -------
    n_columns : int or None
    """
    shape = row_shape(X)
    return shape[0] if len(shape) == 1 else None


def one_row_per_sample(values):
    """Flatten images to rows; return a table as it is.

    Parameters
    ----------
    values : array-like, sparse matrix or DataFrame of shape (n_samples, ...)

    Returns
    -------
    table : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
    """
    return values.reshape(len(values), -1) if len(values.shape) > 2 else values
