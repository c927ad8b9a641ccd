"""Blocks of rows, and passes over them that compute sums."""

from abc import ABC, abstractmethod
from threading import Lock
from typing import NamedTuple
from uuid import uuid4

import cloudpickle
import dask.threaded
from dask.base import get_scheduler
from dask.delayed import Delayed
from dask.highlevelgraph import HighLevelGraph
from dask.task_spec import DataNode, List, Task, TaskRef

# Results of blocks that are added up by one task: fewer make a deeper tree, more wait for more.
_FAN_IN = 16
# Bytes of all copies of what is asked for that go with the tasks: a larger number saves more
# questions of a worker to another, and sends more.
_MOST_COPIED = 2**20


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
    has_large_parts : bool
        Whether the client is to get one part only; else it puts the last few together, which saves
        workers a round.
    """

    label: str
    has_large_parts = False

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

    def __dask_tokenize__(self):
        """Return what Dask hashes: tasks have keys of their own, whatever is asked for."""
        return self.label


class RowBlocks:
    """The blocks of X and the columns that go with it, and passes over them.

    Every pass is one graph and one call of the scheduler: that of the client of `distributed` that
    is the default when the blocks are joined, else threads. Sums are taken in the order of the
    blocks, so that two runs give the same bits. The part of the graph that makes the blocks is the
    same in every pass, and made once: collections would make and optimize theirs anew.

    Parameters
    ----------
    blocks : list of Delayed or of tuple of Delayed or None
        Each a tuple of X, y, weights and folds, or a tuple of the four.
    sources : list of dask collection
        What they come from. A cluster forgets results that nobody holds, and graphs do not hold
        them.

    Attributes
    ----------
    n_blocks : int
    n_passes : int
        Passes over the data so far.
    """

    def __init__(self, blocks, sources):
        self.n_blocks = len(blocks)
        self.sources = sources
        self.client = _default_client()
        self.n_passes = 0
        self._rows = [_reference(block) for block in blocks]
        self._graph = _graph_of(blocks)
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
        token, label, wanted = uuid4().hex, sums[0].label, sums
        tasks = {}
        if self.client is not None and self.n_blocks * _size(sums) > _MOST_COPIED:
            held = DataNode(f"parameters_of_{label}-{token}", sums)
            tasks[held.key], wanted = held, held.ref()
        parts = [
            Task(f"{label}-{token}-{number}", _of_block, wanted, rows, number)
            for number, rows in enumerate(self._rows)
        ]
        tasks |= {part.key: part for part in parts}
        n_last = 1 if any(of.has_large_parts for of in sums) else _FAN_IN
        while len(parts) > n_last:
            groups = [parts[i : i + _FAN_IN] for i in range(0, len(parts), _FAN_IN)]
            parts = [
                Task(
                    f"join_{label}-{token}-{len(parts)}-{i}",
                    _join,
                    wanted,
                    List(*(part.ref() for part in group)),
                )
                for i, group in enumerate(groups)
            ]
            tasks |= {part.key: part for part in parts}
        return _join(sums, self._results(self._graph | tasks, [part.key for part in parts]))

    def _results(self, graph, keys):
        """Compute tasks, always where the first were: Dask would go on here without its client."""
        if self.client is None:
            return (get_scheduler() or dask.threaded.get)(graph, keys)
        cancelled = RuntimeError(
            "The Dask client was closed, or lost its cluster, before all passes over the rows were"
            " done: keep both open until the computation has returned."
        )
        if self.client.status == "closed":
            raise cancelled
        try:
            return self.client.get(graph, keys)
        except Exception as error:
            if self.client.status == "running":
                raise
            raise cancelled from error


def _reference(block):
    """Return a block as an argument of tasks."""
    if isinstance(block, Delayed):
        return TaskRef(block.key)
    return List(*(None if part is None else TaskRef(part.key) for part in block))


def _graph_of(blocks):
    """Return the tasks that make blocks, by their keys."""
    parts = [
        part
        for block in blocks
        for part in ([block] if isinstance(block, Delayed) else block)
        if part is not None
    ]
    graphs = [part.dask for part in parts]  # most parts share one
    unique = {id(graph): graph for graph in graphs}.values()
    return dict(HighLevelGraph.merge(*unique).cull({part.key for part in parts}))


def _default_client():
    """Return the client of `distributed` that Dask computes with, None for other schedulers."""
    computing = getattr(get_scheduler(), "__self__", None)
    return computing if hasattr(computing, "scheduler_info") else None


def _size(sums):
    """Return the bytes of sums as they are sent."""
    return len(cloudpickle.dumps(sums))


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
