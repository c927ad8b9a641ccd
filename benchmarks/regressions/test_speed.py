"""Seconds of what users wait for, on data of every shape, to be compared between two commits.

``make bench-regressions`` saves the times, and shows them beside those saved last;
``ARGS=--benchmark-compare-fail=min:30%`` makes a slowdown of the fastest round an error.
"""

import numpy as np
import pytest

from benchmarks.linear.problems import gaussian
from sklearn_advex import (
    AdversarialLogisticRegression,
    AdversarialLogisticRegressionCV,
    epsilon_max,
    epsilon_path,
)
from sklearn_advex.metrics import gini_index

SHAPES = {
    "tiny": (100, 5),
    "tall": (50_000, 50),
    "square": (2_000, 784),
    "wide": (500, 5_000),
    "sparse": (5_000, 20_000, 0.002),
}


@pytest.mark.parametrize("share", [0.9, 0.3], ids=["few features", "many features"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_fit(benchmark, shape, share):
    X, y = gaussian(*shape)
    model = AdversarialLogisticRegression(share * epsilon_max(X, y), alpha=1e-3, tol=1e-6)
    benchmark(model.fit, X, y)


def test_path(benchmark):
    X, y = gaussian(5_000, 50)
    benchmark(epsilon_path, X, y, epsilons=20)


def test_cross_validation(benchmark):
    X, y = gaussian(5_000, 50)
    benchmark(AdversarialLogisticRegressionCV().fit, X, y)


def test_explain(benchmark):
    X, y = gaussian(50_000, 50)
    model = AdversarialLogisticRegression().fit(X, y)
    benchmark(model.explain, X)


def test_gini_index(benchmark):
    attributions = np.random.default_rng(0).standard_normal((10_000, 784))
    benchmark(gini_index, attributions)
