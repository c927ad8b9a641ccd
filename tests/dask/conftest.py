"""Data as Dask collections of every kind."""

from itertools import pairwise

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

N_ROWS, N_FEATURES = 300, 6

QUIET = {"dashboard_address": ":0", "silence_logs": 50}

# Sockets that distributed leaves to the garbage collector when a cluster closes.
UNCLOSED_SOCKETS = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def rows_of(n_classes=2, n_rows=N_ROWS, seed=0):
    """Rows, labels and weights, a tenth of which are 0."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_rows, N_FEATURES)) * (rng.random((n_rows, N_FEATURES)) < 0.8)
    score = X[:, 0] - X[:, 1] + 0.7 * rng.standard_normal(n_rows)
    y = np.digitize(score, [0.4] if n_classes == 2 else [-0.5, 0.7])
    return X, y, rng.integers(0, 10, n_rows) / 4.0


def chunks_of(n_rows, n_blocks):
    """Lengths of blocks; more than one of very different length, one of them empty."""
    if n_blocks == 1:
        return (n_rows,)
    cuts = np.sort(np.random.default_rng(1).integers(0, n_rows, n_blocks - 2))
    return tuple(int(length) for length in np.diff([0, 0, *cuts, n_rows]))


def as_array(X, y, weights, n_blocks):
    chunks = chunks_of(len(y), n_blocks)
    columns = (da.from_array(column, chunks=(chunks,)) for column in (y, weights))
    return da.from_array(X, chunks=(chunks, -1)), *columns


def as_csr(X, y, weights, n_blocks):
    X, *columns = as_array(X, y, weights, n_blocks)
    return X.map_blocks(csr_matrix), *columns


def as_frame(X, y, weights, n_blocks):
    frame = pd.DataFrame(X, columns=list("abcdef")).assign(y=y, weight=weights)
    starts = np.append(0, np.cumsum(chunks_of(len(y), n_blocks)))
    pieces = [dask.delayed(frame.iloc[start:stop]) for start, stop in pairwise(starts)]
    table = dd.from_delayed(pieces, meta=frame.iloc[:0])
    return table[list("abcdef")], table["y"], table["weight"]


def as_unknown_lengths(X, y, weights, n_blocks):
    return tuple(column.to_dask_array() for column in as_frame(X, y, weights, n_blocks))


def no_scheduler(*_, **__):
    """A scheduler for what must be lazy."""
    raise AssertionError("something was computed")


CONTAINERS = {
    "array": as_array,
    "CSR": as_csr,
    "DataFrame": as_frame,
    "unknown lengths": as_unknown_lengths,
}


@pytest.fixture(params=CONTAINERS.values(), ids=CONTAINERS)
def container(request):
    return request.param


@pytest.fixture
def parquet(tmp_path):
    """A data set of few row groups, whose single columns are read several row groups at a time."""
    X, y, weights = rows_of(n_rows=4000)
    frame = pd.DataFrame(X, columns=list("abcdef"))
    frame = frame.assign(y=np.where(y == 1, "yes", "no"), weight=weights)
    dd.from_pandas(frame, npartitions=4).to_parquet(tmp_path / "rows")
    return frame, dd.read_parquet(tmp_path / "rows")
