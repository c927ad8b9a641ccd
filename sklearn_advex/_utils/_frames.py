"""Results in the container of the input."""

import sys


def in_frame_of(X, values, columns=None):
    """Give values the index of a DataFrame and its columns, or other names; else return them.

    Parameters
    ----------
    X : array-like or DataFrame of shape (n_samples, n_features)
        What the values were computed from.
    values : ndarray of shape (n_samples, n_columns)
    columns : array-like of shape (n_columns,), default=None
        Column names; those of `X` where None.

    Returns
    -------
    ndarray or DataFrame
    """
    pandas = sys.modules.get("pandas")  # not loaded: nothing can be one of its frames
    if pandas is None or not isinstance(X, pandas.DataFrame):
        return values
    columns = X.columns if columns is None else columns
    return pandas.DataFrame(values, index=X.index, columns=columns, copy=False)
