"""Functions of rows, applied to blocks lazily."""

import numpy as np
from scipy.sparse import issparse

from sklearn_advex._utils._containers import frame_like
from sklearn_advex._utils._dask import is_dask_frame, whole_rows
from sklearn_advex._utils._dask_blocks._join import (
    BlockLengths,
    check_numbers_of_blocks,
    column_like,
    column_of,
    partitioned_like,
)


class RowFunction:
    """A function of rows that blocks of any length can be given to, also empty ones.

    Parameters
    ----------
    function : callable
        From rows, and labels if there are some, to an array, sparse matrix or frame of as many
        rows.
    columns : sequence or None
        Names of the columns of an array, where rows are a DataFrame.
    like : {ndarray, sparse matrix, Series, DataFrame}, default=None
        What the function returned for one row.
    """

    def __init__(self, function, columns, like=None):
        self.function = function
        self.columns = columns
        self.like = like

    def __call__(self, X, y=None):
        """Compute the rows of a block; Dask may have put it into a list."""
        X, y = (block[0] if isinstance(block, list) else block for block in (X, y))
        if X.shape[0] == 0 and self.like is not None:
            return self.like[:0]
        values = self.function(X) if y is None else self.function(X, column_of(y))
        if not hasattr(X, "index") or hasattr(values, "index"):
            return values
        if values.ndim == 1:
            return type(X.iloc[:, 0])(values, index=X.index)
        return frame_like(X, values, self.columns)


def map_rows(function, X, y=None, *, sample=None, label=None, columns=None):
    """Apply a function of rows to every block, lazily.

    Parameters
    ----------
    function : callable
        From a block of rows, and its labels if there are some, to an array, sparse matrix or frame
        of as many rows.
    X : dask array or DataFrame of shape (n_samples, n_features)
    y : dask array, Series or array-like of shape (n_samples,), default=None
    sample : {ndarray, DataFrame} of shape (1, n_features), default=None
        A row to learn from what results look like; None makes one up.
    label : object, default=None
        Its label.
    columns : sequence, default=None
        Names of the columns of an array that the function returns for a DataFrame.

    Returns
    -------
    dask array, Series or DataFrame
        A collection like X with the blocks of X.
    """
    X = whole_rows(X)
    sample = _sample_row(X) if sample is None else sample
    like = RowFunction(function, columns)(sample, None if y is None else np.array([label]))
    of_block = RowFunction(function, columns, like)
    if is_dask_frame(X):
        return _mapped_partitions(of_block, X, y)
    return _mapped_chunks(of_block, X, y)


def _sample_row(X):
    """Make one row up that looks like those of a collection, without computing it.

    Parameters
    ----------
    X : dask array or DataFrame of shape (n_samples, n_features)

    Returns
    -------
    {ndarray, CSR matrix, DataFrame} of shape (1, n_features)
    """
    if is_dask_frame(X):
        return X._meta_nonempty.iloc[:1]
    zeros = np.zeros((1, X.shape[1]), dtype=X.dtype)
    return type(X._meta)(zeros) if issparse(X._meta) else zeros


def first_row(X):
    """Compute the first row of a collection.

    Parameters
    ----------
    X : dask array or DataFrame of shape (n_samples, n_features)

    Returns
    -------
    {ndarray, sparse matrix, DataFrame} of shape (1, n_features)
        Made up if there is no row.
    """
    blocks = whole_rows(X).partitions if is_dask_frame(X) else whole_rows(X).blocks
    for number in range(blocks.shape[0] if hasattr(blocks, "shape") else X.npartitions):
        block = blocks[number].compute()
        if block.shape[0]:
            return block[:1]
    return _sample_row(X)


def _mapped_partitions(of_block, X, y):
    if y is None:
        return X.map_partitions(of_block, meta=of_block.like[:0])
    if not is_dask_frame(y):
        raise TypeError(
            f"y must be a Dask Series where X is a Dask DataFrame, got {type(y).__name__}: take"
            " both from one DataFrame."
        )
    return X.map_partitions(of_block, partitioned_like(X, y, "y"), meta=of_block.like[:0])


def _mapped_chunks(of_block, X, y):
    import dask.array as da

    like, labels = of_block.like, ()
    if y is not None:
        y = column_like(X, y, BlockLengths(X), "y")
        if is_dask_frame(y):
            y = y.to_dask_array()
        check_numbers_of_blocks({"X": X.numblocks[0], "y": y.numblocks[0]})
        labels = (y, "i")
    axes = {} if like.ndim == 1 else {"new_axes": {"k": like.shape[1]}}
    return da.blockwise(
        of_block,
        "i" if like.ndim == 1 else "ik",
        X,
        "ij",
        *labels,
        **axes,
        dtype=like.dtype,
        meta=like[:0],
        align_arrays=False,
        token="predict_rows",
    )
