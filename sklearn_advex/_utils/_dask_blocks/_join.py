"""X and the columns that go with it, joined block by block in one graph."""

from functools import partial

import dask
import numpy as np

from sklearn_advex._utils._dask import is_dask, is_dask_frame, whole_rows
from sklearn_advex._utils._dask_blocks._row_blocks import RowBlocks


def column_of(y):
    """Return labels or weights of a block as a one-dimensional array.

    Parameters
    ----------
    y : {ndarray, Series, DataFrame} of shape (n_rows,) or (n_rows, 1)

    Returns
    -------
    ndarray of shape (n_rows,)
    """
    return np.ravel(np.asarray(y))


def join_blocks(X, y, sample_weight=None, cv=None):
    """Join X and the columns that go with it in one graph, block by block.

    What comes from one parquet data set must not be taken apart: Dask reads several of its row
    groups at once if few columns are asked for, so that y alone has fewer partitions than X.

    Parameters
    ----------
    X : dask array or DataFrame of shape (n_samples, n_features)
    y : dask array, Series or array-like of shape (n_samples,) or None
    sample_weight : dask array, Series or array-like of shape (n_samples,), default=None
    cv : dask array or Series of shape (n_samples,), default=None
        The number of the fold of each row.

    Returns
    -------
    RowBlocks

    Raises
    ------
    ValueError
        If blocks do not match.
    """
    columns = {"y": y, "sample_weight": sample_weight, "cv": cv}
    columns = {name: column for name, column in columns.items() if column is not None}
    if is_dask_frame(X) and all(map(is_dask_frame, columns.values())):
        return RowBlocks(_joined_frames(X, columns), [X, *columns.values()])
    X = whole_rows(X)
    lengths = BlockLengths(X)
    columns = {name: column_like(X, c, lengths, name) for name, c in columns.items()}
    sources = [X, *columns.values()]
    delayed = [_delayed_blocks(c) for c in _optimized_together(sources)]
    check_numbers_of_blocks(dict(zip(["X", *columns], map(len, delayed), strict=True)))
    return RowBlocks([_together(columns, *block) for block in zip(*delayed, strict=True)], sources)


def _optimized_together(collections):
    """Let arrays share what they read; Dask mistakes frames among arrays for one of these."""
    if any(is_dask_frame(c) for c in collections):
        return [_optimized(c) for c in collections]
    return dask.optimize(*collections)


def _optimized(collection):
    if is_dask_frame(collection):  # dask.optimize would take columns back in that were left out
        return collection.optimize()
    return dask.optimize(collection)[0]


def _delayed_blocks(collection):
    blocks = collection.to_delayed(optimize_graph=False)
    return np.ravel(np.array(blocks, dtype=object)).tolist()


def _together(names, X, *columns):
    """Return X, y, weights and folds, each of the last three None unless it is among the names."""
    named = dict(zip(names, columns, strict=True))
    return X, named.get("y"), named.get("sample_weight"), named.get("cv")


def _joined_frames(X, columns):
    import dask.dataframe as dd  # an array needs no pandas

    joined = dd.map_partitions(
        partial(_together, tuple(columns)),
        X,
        *(partitioned_like(X, column, name) for name, column in columns.items()),
        meta=X._meta,
        enforce_metadata=False,
        token="join_rows",
    )
    # What is read for a column alone may have its row groups joined, and does not go with an X that
    # is in memory then. Without the optimization it is read with all columns.
    parts = joined.optimize(fuse=False).expr.dependencies()
    return joined.to_delayed(optimize_graph=len({part.npartitions for part in parts}) == 1)


def partitioned_like(X, column, name):
    """Return a Series with the partitions of X.

    Parameters
    ----------
    X : dask DataFrame
    column : dask Series
    name : str
        Of the column, for errors.

    Returns
    -------
    dask Series
    """
    if column.known_divisions and X.known_divisions and column.divisions != X.divisions:
        try:
            return column.repartition(divisions=X.divisions, force=True)
        except ValueError as error:
            raise ValueError(
                f"{name} has another index than X ({error}): take both from one DataFrame."
            ) from error
    check_numbers_of_blocks({"X": X.npartitions, name: column.npartitions})
    return column


class BlockLengths:
    """The number of rows of each block, counted only if it is asked for and not known.

    Parameters
    ----------
    X : dask array or DataFrame of shape (n_samples, n_features)
    """

    def __init__(self, X):
        self.X = X
        self._counted = None

    def __call__(self):
        """Return a tuple of int."""
        if self._counted is None:
            self._counted = self._count()
        return self._counted

    def _count(self):
        if not is_dask_frame(self.X) and not np.isnan(self.X.chunks[0]).any():
            return self.X.chunks[0]
        blocks = _delayed_blocks(_optimized(self.X))
        return dask.compute(*(dask.delayed(_n_rows)(block) for block in blocks))


def _n_rows(block):
    return block.shape[0]


def column_like(X, column, lengths, name):
    """Return a column whose blocks go with those of X, where that can be known.

    Parameters
    ----------
    X : dask array or DataFrame of shape (n_samples, n_features)
    column : dask array, Series or array-like of shape (n_samples,)
    lengths : BlockLengths
        Of X.
    name : str
        Of the column, for errors.

    Returns
    -------
    dask array or Series
    """
    import dask.array as da

    if is_dask(column):
        if is_dask_frame(column) or is_dask_frame(X) or column.chunks[0] == X.chunks[0]:
            return column
        known = not np.isnan([*column.chunks[0], *X.chunks[0]]).any()
        if not known:
            return column
    chunks = lengths()
    column = column if is_dask(column) else np.asarray(column)
    if column.shape[0] != sum(chunks):
        raise ValueError(f"X has {sum(chunks)} rows but {name} has {column.shape[0]}.")
    if is_dask(column):
        return column.rechunk({0: chunks})
    # Kept where the blocks are computed, not sent there anew in each pass.
    return da.from_array(column, chunks=(chunks, *column.shape[1:])).persist()


def check_numbers_of_blocks(numbers):
    """Raise ValueError unless all have as many blocks.

    Parameters
    ----------
    numbers : dict of str to int
        By the names for the error.
    """
    if len(set(numbers.values())) > 1:
        listed = ", ".join(f"{name} has {number}" for name, number in numbers.items())
        raise ValueError(
            f"The blocks of rows do not match: {listed}. Reading few columns of a parquet data set"
            " joins its row groups; pass X as a Dask DataFrame and the others as its Series, or"
            " call compute_chunk_sizes() on arrays and rechunk them alike."
        )
