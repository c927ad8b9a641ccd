"""On clusters: the same models, by the names of their tasks, and searches of rows in memory."""

import subprocess
import sys
import threading
from pathlib import Path

import dask
import joblib
import numpy as np
import pytest
from distributed import Client, LocalCluster
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from sklearn_advex import AdversarialLogisticRegression
from sklearn_advex._utils._dask_blocks import _row_blocks
from sklearn_advex.model_selection import gini_scorer, most_concise
from tests.dask.conftest import QUIET, UNCLOSED_SOCKETS, as_array, as_frame, rows_of

pytestmark = UNCLOSED_SOCKETS


@pytest.fixture
def threads():
    """The default client, of workers in this process."""
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": False}
    with LocalCluster(**options, **QUIET) as cluster, Client(cluster) as client:
        yield client


@pytest.fixture(scope="module")
def processes():
    """A cluster of two worker processes."""
    with LocalCluster(n_workers=2, threads_per_worker=1, **QUIET) as cluster:
        yield cluster


@pytest.fixture
def client(processes):
    """Its client, the default one."""
    with Client(processes) as client:
        yield client


def assert_fits_like_memory():
    rows = rows_of()
    # With few features out of use and with none, whose Hessian is that of all columns.
    for epsilon, container in ((0.05, as_array), (0.0, as_frame)):
        expected = AdversarialLogisticRegression(epsilon, alpha=1e-3).fit(*rows)
        model = clone(expected).fit(*container(*rows, 5))
        np.testing.assert_allclose(model.coef_, expected.coef_, atol=1e-8)
        np.testing.assert_array_equal(model.coef_ == 0, expected.coef_ == 0)
        assert (model.kkt_residual_ <= model.tol).all()


def test_the_default_client_computes(threads):
    before = threads.cluster.scheduler.transition_counter
    assert_fits_like_memory()
    assert threads.cluster.scheduler.transition_counter > before
    names = {dask.utils.key_split(key) for key in threads.cluster.scheduler.task_prefixes}
    assert {"gradient_and_hessian", "gradient", "validate"} <= names


@pytest.mark.parametrize("most_copied", [2**20, 0], ids=["sent with tasks", "sent once"])
def test_processes_fit_like_memory_and_predict(client, most_copied, monkeypatch):
    monkeypatch.setattr(_row_blocks, "_MOST_COPIED", most_copied)
    assert_fits_like_memory()
    X, y, weights = rows_of()
    rows, labels, _ = client.persist(as_array(X, y, weights, 4))
    model = AdversarialLogisticRegression(0.05).fit(rows, labels)
    np.testing.assert_array_equal(model.predict(rows).compute(), model.predict(X))
    assert model.score(rows, labels) == pytest.approx(model.score(X, y))
    assert gini_scorer(model, rows) == pytest.approx(gini_scorer(model, X))


def test_labels_in_memory_stay_on_the_cluster_for_all_passes(threads):
    X, y, weights = rows_of()
    rows = as_array(X, y, weights, 4)[0]
    expected = AdversarialLogisticRegression(0.05).fit(X, y, weights)
    model = clone(expected).fit(rows, y, weights)
    np.testing.assert_allclose(model.coef_, expected.coef_, atol=1e-8)
    assert model.score(rows, y) == pytest.approx(expected.score(X, y))
    attacked = model.perturb(rows, y).compute()
    np.testing.assert_allclose(attacked, expected.perturb(X, y), atol=1e-8)


def test_two_runs_give_the_same_bits(client):
    rows = as_array(*rows_of(), 7)
    models = [AdversarialLogisticRegression(0.05).fit(*rows) for _ in range(2)]
    np.testing.assert_array_equal(models[0].coef_, models[1].coef_)


def test_two_fits_at_once_do_not_mix(client):
    data = [rows_of(seed=seed) for seed in (0, 1)]
    expected = [AdversarialLogisticRegression(0.05).fit(*rows) for rows in data]
    models = [AdversarialLogisticRegression(0.05) for _ in data]
    fits = [
        threading.Thread(target=model.fit, args=as_array(*rows, 4))
        for model, rows in zip(models, data, strict=True)
    ]
    for fit in fits:
        fit.start()
    for fit in fits:
        fit.join(timeout=120)
    for model, of_memory in zip(models, expected, strict=True):
        np.testing.assert_allclose(model.coef_, of_memory.coef_, atol=1e-8)


def test_searches_in_memory_run_on_a_cluster_and_choose_the_same(client):
    X, y, _ = rows_of()
    search = GridSearchCV(
        AdversarialLogisticRegression(),
        {"epsilon": [0.02, 0.1, 0.3]},
        scoring={"accuracy": "accuracy", "gini": gini_scorer},
        refit=most_concise(0.02),
        cv=3,
    )
    expected = search.fit(X, y).best_params_
    with joblib.parallel_config("dask", scatter=[X, y]):
        assert search.fit(X, y).best_params_ == expected


def test_the_example_finds_the_features():
    path = Path(__file__).parents[2] / "examples" / "dask_cluster.py"
    run = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, check=False, timeout=300
    )
    assert run.returncode == 0, run.stderr
    assert "features used: x0 x1 x2 x3 x4\n" in run.stdout
