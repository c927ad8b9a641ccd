"""Blocks of rows of Dask collections, joined once, and sums over them."""

from abc import ABC, abstractmethod
from threading import Lock
from typing import NamedTuple
from uuid import uuid4

import dask
import numpy as np

from sklearn_advex._utils._dask import is_dask, is_dask_frame, whole_rows

# Results of blocks that are added up by one task: fewer make a deeper tree, more wait for more.
_FAN_IN = 16


class Block(NamedTuple):
    """A block of rows as it comes from the user's collections.

    Attributes
    ----------
    X : {ndarray, sparse matrix, DataFrame} of shape (n_rows, n_features)
    y : {ndarray, Series} of shape (n_rows,)
    sample_weight : {ndarray, Series} of shape (n_rows,) or None
    number : int
        Its position among all blocks.
    """

    X: object
    y: object
    sample_weight: object
    number: int


class BlockSum(ABC):
    """What is computed of each block of rows, and how the results of blocks are put together.

    Attributes
    ----------
    label : str
        The name of its tasks on Dask's dashboard.
    """

    label: str

    @abstractmethod
    def of_block(self, block):
        """Compute the part of one block.

        Parameters
        ----------
        block : Block

        Returns
        -------
        part : object
        """

    @abstractmethod
    def join(self, parts):
        """Put the parts of several blocks together.

        Parameters
        ----------
        parts : list
            In the order of the blocks.

        Returns
        -------
        part : object
        """


class RowBlocks:
    """The blocks of X, y and weights, and passes over them.

    Every pass is one graph and one call of the scheduler: that of the default client of
    `distributed` if there is one, else threads. Sums are taken in the order of the blocks, so that
    two runs give the same bits.

    Parameters
    ----------
    blocks : list of Delayed
        Each a triple of X, y and weights or None, known by one graph.

    Attributes
    ----------
    n_passes : int
        Passes over the data so far.
    """

    def __init__(self, blocks):
        self.blocks = blocks
        self.n_passes = 0
        self._counting = Lock()

    def compute(self, *sums):
        """Compute sums over all blocks in one pass.

        Parameters
        ----------
        *sums : BlockSum

        Returns
        -------
        tuple
            One result for each.
        """
        with self._counting:
            self.n_passes += 1
        token, label = uuid4().hex, sums[0].label
        name = f"{label}-{token}"
        shared = dask.delayed(sums, name=f"parameters_of_{label}-{token}", traverse=False)
        of_block, join = dask.delayed(_of_block, pure=False), dask.delayed(_join, pure=False)
        parts = [
            of_block(shared, block, i, dask_key_name=f"{name}-{i}")
            for i, block in enumerate(self.blocks)
        ]
        depth = 0
        while len(parts) > 1 or depth == 0:
            groups = [parts[i : i + _FAN_IN] for i in range(0, len(parts), _FAN_IN)]
            parts = [
                join(shared, group, dask_key_name=f"join_{name}-{depth}-{i}")
                for i, group in enumerate(groups)
            ]
            depth += 1
        return dask.compute(parts[0])[0]


def _of_block(sums, rows, number):
    block = Block(*rows, number)
    return [of.of_block(block) for of in sums]


def _join(sums, parts):
    by_sum = zip(*parts, strict=True)
    return [of.join(list(results)) for of, results in zip(sums, by_sum, strict=True)]


def join_blocks(X, y, sample_weight=None):
    """Join X, y and weights in one graph, block by block.

    What comes from one parquet data set must not be taken apart: Dask reads several of its row
    groups at once if few columns are asked for, so that y alone has fewer partitions than X.

    Parameters
    ----------
    X : dask array or DataFrame of shape (n_samples, n_features)
    y : dask array, Series or array-like of shape (n_samples,)
    sample_weight : dask array, Series or array-like of shape (n_samples,), default=None

    Returns
    -------
    RowBlocks

    Raises
    ------
    ValueError
        If blocks do not match.
    """
    if is_dask_frame(X) and all(is_dask_frame(c) for c in (y, sample_weight) if c is not None):
        return RowBlocks(_joined_frames(X, y, sample_weight))
    X = whole_rows(X)
    lengths = _BlockLengths(X)
    others = {"y": y, "sample_weight": sample_weight}
    columns = {
        name: _column_like(X, column, lengths, name)
        for name, column in others.items()
        if column is not None
    }
    delayed = [_delayed_blocks(c) for c in _optimized_together([X, *columns.values()])]
    _check_numbers_of_blocks(dict(zip(["X", *columns], map(len, delayed), strict=True)))
    if sample_weight is None:
        delayed.append([None] * len(delayed[0]))
    triple = dask.delayed(_triple, pure=False)
    return RowBlocks([triple(*block) for block in zip(*delayed, strict=True)])


def _optimized_together(collections):
    """Let arrays share what they read; Dask mistakes frames among arrays for one of these."""
    if any(is_dask_frame(c) for c in collections):
        return [dask.optimize(c)[0] for c in collections]
    return dask.optimize(*collections)


def _delayed_blocks(collection):
    blocks = collection.to_delayed(optimize_graph=False)
    return np.ravel(np.array(blocks, dtype=object)).tolist()


def _triple(X, y, sample_weight=None):
    return X, y, sample_weight


def _joined_frames(X, y, sample_weight):
    import dask.dataframe as dd  # an array needs no pandas

    columns = {"y": y} if sample_weight is None else {"y": y, "sample_weight": sample_weight}
    aligned = [_partitioned_like(X, column, name) for name, column in columns.items()]
    joined = dd.map_partitions(
        _triple, X, *aligned, meta=X._meta, enforce_metadata=False, token="join_rows"
    )
    return joined.to_delayed()


def _partitioned_like(X, column, name):
    """Return a Series with the partitions of X."""
    if column.known_divisions and X.known_divisions and column.divisions != X.divisions:
        try:
            return column.repartition(divisions=X.divisions, force=True)
        except ValueError as error:
            raise ValueError(
                f"{name} has another index than X ({error}): take both from one DataFrame."
            ) from error
    _check_numbers_of_blocks({"X": X.npartitions, name: column.npartitions})
    return column


class _BlockLengths:
    """The number of rows of each block of X, counted only if it is asked for and not known."""

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
        blocks = _delayed_blocks(dask.optimize(self.X)[0])
        return dask.compute(*(dask.delayed(_n_rows)(block) for block in blocks))


def _n_rows(block):
    return block.shape[0]


def _column_like(X, column, lengths, name):
    """Return a Dask array or Series whose blocks go with those of X, where that can be known."""
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


def _check_numbers_of_blocks(numbers):
    if len(set(numbers.values())) > 1:
        listed = ", ".join(f"{name} has {number}" for name, number in numbers.items())
        raise ValueError(
            f"The blocks of rows do not match: {listed}. Reading few columns of a parquet data set"
            " joins its row groups; pass X as a Dask DataFrame and the others as its Series, or"
            " call compute_chunk_sizes() on arrays and rechunk them alike."
        )
