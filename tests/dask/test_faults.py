"""What fails or changes on a cluster in the middle of a fit."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import dask
import dask.array as da
import numpy as np
import pytest
from distributed import Client, Event, KilledWorker, LocalCluster, get_worker

from sklearn_advex import AdversarialLogisticRegression
from tests.dask.conftest import QUIET, UNCLOSED_SOCKETS, rows_of

pytestmark = UNCLOSED_SOCKETS

X, Y, _ = rows_of()


def fit(read):
    """Fit three blocks of rows that a function reads in each pass."""
    rows = da.from_array(X, chunks=(100, -1)).map_blocks(read, meta=X[:0])
    return AdversarialLogisticRegression(0.05).fit(rows, da.from_array(Y, chunks=100))


def is_first(block):
    return block.shape[0] > 0 and np.array_equal(block[0], X[0])


def assert_like_memory(model):
    expected = AdversarialLogisticRegression(0.05).fit(X, Y)
    np.testing.assert_allclose(model.coef_, expected.coef_, atol=1e-8)
    np.testing.assert_array_equal(model.coef_ == 0, expected.coef_ == 0)


@pytest.fixture(autouse=True)
def dask_as_it_was():
    """Clients that workers in this process make keep a client that closes from unsetting Dask."""
    with dask.config.set(scheduler=None):
        yield


@pytest.fixture
def cluster():
    """A worker in this process, which starts faster than one of its own."""
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, **QUIET) as cluster:
        yield cluster


def test_a_fit_survives_the_death_of_a_worker(tmp_path):
    killed = tmp_path / "killed"

    def read(block):
        """Kill the worker that reads the first block for the fifth time."""
        if is_first(block):
            with open(killed, "a") as reads:
                reads.write(".")
            if killed.stat().st_size == 5:
                os.kill(os.getpid(), signal.SIGKILL)
        return block

    with LocalCluster(n_workers=2, threads_per_worker=1, **QUIET) as cluster, Client(cluster):
        model = fit(read)
    assert killed.stat().st_size > 5
    assert_like_memory(model)


def test_a_worker_that_joins_takes_part(cluster, tmp_path):
    def read(block):
        """Wait for the second worker in the third pass, and note who reads."""
        if is_first(block):
            with open(tmp_path / "passes", "a") as passes:
                passes.write(".")
            if (tmp_path / "passes").stat().st_size == 3:
                Event("asked").set()
                Event("joined").wait(timeout=60)
        (tmp_path / f"worker {get_worker().id}").touch()
        return block

    with Client(cluster) as client, ThreadPoolExecutor(1) as thread:
        fitting = thread.submit(fit, read)
        assert Event("asked").wait(timeout=60)
        cluster.scale(2)
        client.wait_for_workers(2, timeout=60)
        Event("joined").set()
        model = fitting.result(timeout=60)
    assert len(list(tmp_path.glob("worker *"))) == 2
    assert_like_memory(model)


@pytest.mark.parametrize("in_pass", [1, 4])
@pytest.mark.parametrize("close", ["client", "cluster"])
def test_a_client_that_is_closed_ends_the_fit(cluster, tmp_path, close, in_pass):
    def read(block):
        if is_first(block):
            with open(tmp_path / "passes", "a") as passes:
                passes.write(".")
            if (tmp_path / "passes").stat().st_size == in_pass:
                Event("asked").set()
                time.sleep(1)
        return block

    with Client(cluster) as client, ThreadPoolExecutor(1) as thread:
        fitting = thread.submit(fit, read)
        assert Event("asked").wait(timeout=60)
        (client if close == "client" else cluster).close()
        with pytest.raises(RuntimeError, match=r"Dask client was closed.* keep both open"):
            fitting.result(timeout=60)


def test_a_client_that_is_closed_between_passes_is_not_replaced_by_threads(cluster):
    class ClosesAfterOnePass(AdversarialLogisticRegression):
        def _solve(self, *problem):
            client.close()
            return super()._solve(*problem)

    with Client(cluster) as client:
        model = ClosesAfterOnePass()
        with pytest.raises(RuntimeError, match="Dask client was closed"):
            model.fit(da.from_array(X, chunks=(100, -1)), Y)


def test_a_fit_stays_with_the_client_that_it_began_with(cluster):
    class OpensAnother(AdversarialLogisticRegression):
        def _solve(self, *problem):
            others.append(Client(other))
            return super()._solve(*problem)

    others = []
    with LocalCluster(n_workers=1, processes=False, **QUIET) as other, Client(cluster):
        model = OpensAnother(0.05).fit(da.from_array(X, chunks=(100, -1)), Y)
        n_computed = other.scheduler.transition_counter
        others[0].close()
    assert n_computed == 0
    assert_like_memory(model)


def test_a_task_that_fails_reaches_the_user(cluster):
    def read(block):
        if block.shape[0]:
            raise MemoryError("no room for a block")
        return block

    with Client(cluster), pytest.raises(MemoryError, match="no room for a block"):
        fit(read)


def test_a_task_that_runs_out_of_memory_reaches_the_user():
    def read(block):
        """Take more memory than the worker may, until the worker is ended."""
        if is_first(block):
            taken = np.ones(2**27)
            time.sleep(60)
            return block + taken[0]
        return block

    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        LocalCluster(n_workers=1, threads_per_worker=1, memory_limit="0.6 GB", **QUIET) as cluster,
        Client(cluster),
        pytest.raises(KilledWorker, match="died while running it"),
    ):
        fit(read)
