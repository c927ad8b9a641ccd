"""Blocks of rows, and passes over them that compute sums."""

from abc import ABC, abstractmethod
from concurrent.futures import CancelledError
from threading import Lock
from typing import NamedTuple
from uuid import uuid4

import dask
from dask.base import get_scheduler

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
