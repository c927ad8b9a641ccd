"""How fast and how lean the exact linear solver is, against targets of its own.

Run it with ``make bench-targets``. Two ways are always timed in turn within one run, so that a
machine whose speed drifts changes both; the table gives the median ratio and its range.
"""

import platform
import subprocess
import sys
import tracemalloc
import warnings
from time import perf_counter

import numpy as np
import scipy
import sklearn
from sklearn.datasets import fetch_openml
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler

from sklearn_advex import (
    AdversarialLogisticRegression,
    AdversarialLogisticRegressionCV,
    epsilon_grid,
    epsilon_path,
)
from sklearn_advex.model_selection import gini_scorer, most_concise

from .problems import mnist

REPETITIONS = 9


def seconds(task):
    start = perf_counter()
    task()
    return perf_counter() - start


def ratios(task, reference):
    """Times of one task over those of another, taken in turn after a warm-up of both."""
    task(), reference()
    return np.array([seconds(task) / seconds(reference) for _ in range(REPETITIONS)])


def report(what, values, target):
    low, middle, high = np.quantile(values, [0, 0.5, 1])
    verdict = "met" if middle <= target else "MISSED"
    span = f"{low:.2f} to {high:.2f}"
    print(f"| {what} | {middle:.2f} | {span} | {target:g} | {verdict} |", flush=True)


def bench_mnist():
    X, y = mnist(20_000)
    w, r = np.ones(X.shape[1]), np.ones(X.shape[0])

    def products():
        return X @ w, X.T @ r

    for epsilon, target in ((0.05, 15), (0.01, 35)):
        model = AdversarialLogisticRegression(epsilon, alpha=0.0)
        values = ratios(lambda model=model: model.fit(X, y), products)
        support = np.count_nonzero(model.coef_)
        what = f"MNIST 20000 x 784, epsilon {epsilon}: fit ({support} features) / (X @ w + X.T @ r)"
        report(what, values, target)
        tracemalloc.start()
        model.fit(X, y)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        report(f"MNIST, epsilon {epsilon}: peak memory above X / X", [peak / X.nbytes], 0.25)
    bench_path("MNIST", X, y)


def bench_spambase():
    X, y = fetch_openml("spambase", version=1, return_X_y=True, as_frame=False)
    X = StandardScaler().fit_transform(X)
    robust = AdversarialLogisticRegression(0.1, alpha=0.0)
    zeros = np.count_nonzero(robust.fit(X, y).coef_ == 0)

    def lasso(C):
        return LogisticRegression(l1_ratio=1, solver="liblinear", C=C, random_state=0)

    def excess_zeros(C):
        return abs(np.count_nonzero(lasso(C).fit(X, y).coef_ == 0) - zeros)

    rival = lasso(min(np.geomspace(1e-3, 1, 40), key=excess_zeros))
    values = ratios(lambda: robust.fit(X, y), lambda: rival.fit(X, y))
    rival_zeros = np.count_nonzero(rival.coef_ == 0)
    what = f"Spambase, fit ({zeros} zeros) / liblinear l1 ({rival_zeros} zeros)"
    report(what, values, 1)

    bench_path("Spambase", X, y)
    bench_search(X, y)


def bench_path(name, X, y):
    """A path against its hardest fit, which is one of the weakest adversaries."""
    epsilons = epsilon_grid(X, y, n=20)

    def fit(epsilon):
        return AdversarialLogisticRegression(epsilon).fit(X, y)

    hardest = max(epsilons[:6], key=lambda e: min(seconds(lambda: fit(e)) for _ in range(3)))
    values = ratios(lambda: epsilon_path(X, y, epsilons=epsilons), lambda: fit(hardest))
    report(f"{name}, 20 epsilons of the path / the hardest single fit", values, 5)


def bench_search(X, y):
    epsilons = epsilon_grid(X, y, n=20)
    model = AdversarialLogisticRegressionCV(epsilons)
    search = GridSearchCV(
        AdversarialLogisticRegression(),
        {"epsilon": epsilons},
        scoring={"accuracy": "accuracy", "gini": gini_scorer},
        refit=most_concise(),
    )
    values = ratios(lambda: model.fit(X, y), lambda: search.fit(X, y))
    same = model.best_epsilon_ == search.best_params_["epsilon"]
    what = f"AdversarialLogisticRegressionCV / GridSearchCV ({'same' if same else 'OTHER'} choice)"
    report(f"Spambase, 20 epsilons, {what}", values, 0.2)


def bench_import():
    def load(module):
        return lambda: subprocess.run([sys.executable, "-c", f"import {module}"], check=True)

    values = ratios(load("sklearn_advex"), load("sklearn.linear_model"))
    report("import sklearn_advex / import sklearn.linear_model", values, 1.3)


if __name__ == "__main__":
    warnings.simplefilter("error")
    print(
        f"{platform.machine()}, {platform.system()}, Python {platform.python_version()},"
        f" NumPy {np.__version__}, SciPy {scipy.__version__}, scikit-learn {sklearn.__version__};"
        f" {REPETITIONS} repetitions\n"
    )
    print("| ratio | median | range | target | |\n|---|---|---|---|---|")
    bench_mnist()
    bench_spambase()
    bench_import()
