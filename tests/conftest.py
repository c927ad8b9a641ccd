"""Fixtures shared by the whole suite."""

import functools
import http.client
import importlib.util
import os
import socket
import warnings

import hypothesis
import pytest
from sklearn import datasets

# A deadline per example measures how busy the machine is; in CI the examples are the same each run.
hypothesis.settings.register_profile("suite", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("suite")

# What is about networks alone is left out of an environment for linear models (`make test-light`).
if importlib.util.find_spec("torch") is None:
    collect_ignore = [
        "_networks",
        "neural_network",
        "attribution/test_deep_shap_of_softmax.py",
        "attribution/test_exact_path.py",
        "attribution/test_networks.py",
        "attribution/test_paper_network.py",
        "attribution/test_stability_bounds.py",
        "report/test_conciseness.py",
    ]


@functools.cache
def _fetch(name):
    """X, y and None, or None, None and why the data set cannot be had."""
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(20)
    try:
        with warnings.catch_warnings():
            # Retries and cache repairs are announced by warnings, which are errors in this suite.
            warnings.simplefilter("ignore")
            X, y = datasets.fetch_openml(
                name,
                version=1,
                return_X_y=True,
                as_frame=True,
                parser="pandas",
                n_retries=1,
                delay=0.1,
            )
    except (OSError, http.client.HTTPException) as error:
        return None, None, str(error)
    finally:
        socket.setdefaulttimeout(timeout)
    return X, y, None


@pytest.fixture(scope="session")
def openml():
    """Load a data set of OpenML by its name: ``X, y = openml("spambase")``.

    X is a DataFrame and y a Series as published, read once per session and shared by all tests: do
    not write into them. A data set that is neither cached nor within reach skips the test, or fails
    it where the environment variable SKLEARN_ADVEX_REQUIRE_DATA is set.
    """

    def load(name):
        X, y, reason = _fetch(name)
        if reason is not None:
            complain = pytest.fail if os.environ.get("SKLEARN_ADVEX_REQUIRE_DATA") else pytest.skip
            complain(f"data set {name!r} is neither cached nor reachable: {reason}")
        return X, y

    return load
