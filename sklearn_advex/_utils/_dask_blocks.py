"""Blocks of rows of Dask collections, joined once, and sums over them.

This file imports dask: only functions that were given a collection import it.
"""

from abc import ABC, abstractmethod
from concurrent.futures import CancelledError
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import NamedTuple
from uuid import uuid4

import dask
import numpy as np
from dask.base import get_scheduler
from scipy.sparse import issparse

from sklearn_advex._utils._containers import frame_like
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
    fold : {ndarray, Series} of shape (n_rows,) or None
        The number of the fold of each row.
    number : int
        Its position among all blocks.
    """

    X: object
    y: object
    sample_weight: object
    fold: object
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
    """The blocks of X and the columns that go with it, and passes over them.

    Every pass is one graph and one call of the scheduler: that of the client of `distributed` that
    is the default when the blocks are joined, else threads. Sums are taken in the order of the
    blocks, so that two runs give the same bits.

    Parameters
    ----------
    blocks : list of Delayed
        Each a tuple of X and of y, weights and folds or None, known by one graph.
    sources : list of dask collection
        What they come from. A cluster forgets results that nobody holds, and graphs do not hold
        them.

    Attributes
    ----------
    n_passes : int
        Passes over the data so far.
    """

    def __init__(self, blocks, sources):
        self.blocks = blocks
        self.sources = sources
        self.client = _default_client()
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

        Raises
        ------
        RuntimeError
            If the client has been closed, or has lost its cluster.
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
        return self._result(parts[0])

    def _result(self, task):
        """Compute a task, always where the first was: Dask would go on here without its client."""
        if self.client is None:
            return dask.compute(task)[0]
        cancelled = RuntimeError(
            "The Dask client was closed, or lost its cluster, before all passes over the rows were"
            " done: keep both open until the computation has returned."
        )
        if self.client.status == "closed":
            raise cancelled
        try:
            return dask.compute(task, scheduler=self.client)[0]
        except CancelledError as error:
            if self.client.status == "running":
                raise
            raise cancelled from error


def _default_client():
    """Return the client of `distributed` that Dask computes with, None for other schedulers."""
    computing = getattr(get_scheduler(), "__self__", None)
    return computing if hasattr(computing, "scheduler_info") else None


def _of_block(sums, rows, number):
    block = Block(*rows, number)
    return [of.of_block(block) for of in sums]


def _join(sums, parts):
    by_sum = zip(*parts, strict=True)
    return [of.join(list(results)) for of, results in zip(sums, by_sum, strict=True)]


@dataclass(frozen=True)
class MeanSum(BlockSum):
    """The weighted sum of one or more numbers per row, and the sum of the weights.

    Attributes
    ----------
    function : callable
        From rows and labels to numbers.
    """

    function: object
    label = "score"

    def of_block(self, block):
        """Return both sums over a block."""
        if block.X.shape[0] == 0:
            return [0.0, 0.0]
        numbers = self.function(block.X, _labels_of(block))
        weights = _weights_of(block)
        if weights is None:
            return [np.ravel(numbers.sum(axis=0, dtype=np.float64)), numbers.shape[0]]
        return [np.ravel(weights @ numbers), weights.sum()]

    def join(self, parts):
        """Add them up."""
        return add_up(parts)


@dataclass(frozen=True)
class ScoreSum(BlockSum):
    """A score of each block times its weight, and the sum of the weights.

    Attributes
    ----------
    score : callable
        From rows, labels and weights to the weighted mean of a number per row.
    """

    score: object
    label = "score"

    def of_block(self, block):
        """Return both for a block."""
        weights = _weights_of(block)
        total = block.X.shape[0] if weights is None else weights.sum()
        if total == 0:
            return [0.0, 0.0]
        return [total * self.score(block.X, _labels_of(block), weights), total]

    def join(self, parts):
        """Add them up."""
        return add_up(parts)


def add_up(parts):
    """Add lists of numbers or arrays up, position by position.

    Parameters
    ----------
    parts : list of list

    Returns
    -------
    list
    """
    return [sum(of[1:], start=of[0]) for of in zip(*parts, strict=True)]


def _labels_of(block):
    return None if block.y is None else column_of(block.y)


def _weights_of(block):
    if block.sample_weight is None:
        return None
    weights = column_of(block.sample_weight).astype(np.float64)
    if (weights < 0).any():
        raise ValueError("Negative values in data passed to `sample_weight`.")
    return weights


def mean_over_rows(function, X, y=None, sample_weight=None):
    """Compute the weighted mean of one or more numbers per row, without collecting the rows.

    Parameters
    ----------
    function : callable
        From a block of rows and their labels (None without `y`) to an array or sparse matrix with
        as many rows.
    X : dask array or DataFrame of shape (n_samples, n_features)
    y, sample_weight : dask array, Series or array-like of shape (n_samples,), default=None

    Returns
    -------
    ndarray of shape (1,) or (n_numbers,)
    """
    return _mean(MeanSum(function), X, y, sample_weight)


def mean_of_scores(score, X, y=None, sample_weight=None):
    """Compute a score that is a weighted mean over the rows from those of the blocks.

    Parameters
    ----------
    score : callable
        From a block of rows, their labels and their weights (None without them) to a float.
    X : dask array or DataFrame of shape (n_samples, n_features)
    y, sample_weight : dask array, Series or array-like of shape (n_samples,), default=None

    Returns
    -------
    float
    """
    return float(_mean(ScoreSum(score), X, y, sample_weight))


def _mean(wanted, X, y, sample_weight):
    ((total, weight),) = join_blocks(X, y, sample_weight).compute(wanted)
    if weight == 0:
        raise ValueError("X has no rows, or sample_weight is 0 for all of them.")
    return total / weight


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
    _check_numbers_of_blocks(dict(zip(["X", *columns], map(len, delayed), strict=True)))
    together = dask.delayed(partial(_together, tuple(columns)), pure=False)
    return RowBlocks([together(*block) for block in zip(*delayed, strict=True)], sources)


def _optimized_together(collections):
    """Let arrays share what they read; Dask mistakes frames among arrays for one of these."""
    if any(is_dask_frame(c) for c in collections):
        return [dask.optimize(c)[0] for c in collections]
    return dask.optimize(*collections)


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
    return joined.to_delayed()


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
    _check_numbers_of_blocks({"X": X.npartitions, name: column.npartitions})
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
        blocks = _delayed_blocks(dask.optimize(self.X)[0])
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


def _check_numbers_of_blocks(numbers):
    if len(set(numbers.values())) > 1:
        listed = ", ".join(f"{name} has {number}" for name, number in numbers.items())
        raise ValueError(
            f"The blocks of rows do not match: {listed}. Reading few columns of a parquet data set"
            " joins its row groups; pass X as a Dask DataFrame and the others as its Series, or"
            " call compute_chunk_sizes() on arrays and rechunk them alike."
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
    sample = sample_row(X) if sample is None else sample
    like = RowFunction(function, columns)(sample, None if y is None else np.array([label]))
    of_block = RowFunction(function, columns, like)
    if is_dask_frame(X):
        return _mapped_partitions(of_block, X, y)
    return _mapped_chunks(of_block, X, y)


def sample_row(X):
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
    return sample_row(X)


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
        _check_numbers_of_blocks({"X": X.numblocks[0], "y": y.numblocks[0]})
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
