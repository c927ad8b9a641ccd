"""Seconds of a fit in memory, of the same on two processes, and of dask-ml's L-BFGS there.

Beside the time that passes stands that of processors, of the client and the workers together.

All three solve one l2 problem of 400,000 x 50 without an intercept (dask-ml penalizes it), in 8
blocks that the workers keep, to a suboptimality of 1e-6 of the mean objective: L-BFGS is stopped
after the fewest iterations that reach it, ours has a loose tolerance; once more it has the
default. Run it with ``python -m benchmarks.dask.cluster``; it needs dask-ml 2025.1.
"""

import argparse
from time import perf_counter, process_time

import numpy as np
from dask_ml.linear_model import LogisticRegression
from distributed import Client, LocalCluster
from scipy.optimize import fmin_l_bfgs_b
from scipy.special import expit
from sklearn.base import clone
from threadpoolctl import threadpool_limits

import dask
import dask.array as da
from sklearn_advex import AdversarialLogisticRegression

N_FEATURES, N_BLOCKS, ALPHA = 50, 8, 1e-4
SUBOPTIMALITY, LOOSE_TOL = 1e-6, 5e-2


def make_rows(n_rows, correlation):
    """Standard normal features, each pair of which has the same correlation."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_rows, N_FEATURES))
    X *= np.sqrt(1 - correlation)
    X += np.sqrt(correlation) * rng.standard_normal((n_rows, 1))
    score = X @ rng.standard_normal(N_FEATURES) + 2 * rng.logistic(size=n_rows)
    return X, (score > 0).astype(np.int64)


def objective(coef, X, y):
    """The mean loss and the penalty, and their gradient."""
    score = X @ coef
    value = np.mean(np.logaddexp(0.0, score) - y * score) + ALPHA / 2 * coef @ coef
    return value, X.T @ (expit(score) - y) / y.size + ALPHA * coef


def fewest_iterations(X, y, optimum):
    """The number of iterations that L-BFGS of SciPy, which dask-ml calls, needs."""

    def of_sum(coef):  # of which dask-ml takes the sum
        value, gradient = objective(coef, X, y)
        return y.size * value, y.size * gradient

    points = []
    fmin_l_bfgs_b(of_sum, np.zeros(N_FEATURES), pgtol=0.0, maxiter=100, callback=points.append)
    values = [objective(point, X, y)[0] for point in points]
    return 1 + next(i for i, value in enumerate(values) if value - optimum <= SUBOPTIMALITY)


def processor_seconds(client):
    return process_time() + sum(client.run(process_time).values())


def timed(client, fit, X, y):
    start, processors = perf_counter(), processor_seconds(client)
    model = fit(X, y)
    return perf_counter() - start, processor_seconds(client) - processors, model


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=400_000)
    parser.add_argument("--correlation", type=float, default=0.0)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    X, y = make_rows(args.rows, args.correlation)
    model = AdversarialLogisticRegression(epsilon=0.0, alpha=ALPHA, fit_intercept=False)
    with threadpool_limits(1):
        optimum = objective(model.fit(X, y).coef_[0], X, y)[0]
        n_iter = fewest_iterations(X, y, optimum)
    exact, ours = clone(model).fit, model.set_params(tol=LOOSE_TOL).fit
    options = {"solver": "lbfgs", "C": 1 / (ALPHA * y.size), "fit_intercept": False}
    options["solver_kwargs"] = {"normalize": False}
    theirs = LogisticRegression(max_iter=n_iter, tol=0.0, **options).fit
    workers = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    with threadpool_limits(1), LocalCluster(**workers) as cluster, Client(cluster) as client:
        blocks = dask.persist(
            *(da.from_array(a, chunks=(y.size // N_BLOCKS, -1)[: a.ndim]) for a in (X, y))
        )
        of = {
            "in memory": (ours, X, y),
            "Dask": (ours, *blocks),
            "dask-ml": (theirs, *blocks),
            "Dask, default tol": (exact, *blocks),
        }
        seconds = {name: [] for name in of}
        for _ in range(args.rounds):
            for name, call in of.items():
                *duration, model = timed(client, *call)
                seconds[name].append(duration)
                value = objective(np.ravel(model.coef_), X, y)[0]
                excess, passes = value - optimum, getattr(model, "n_passes_", None)
                passed, used = duration
                print(f"{name}: {passed:.2f} s, of processors {used:.2f} s", end=", ")
                print(f"{excess:.0e} above the optimum, {passes} passes", flush=True)
    medians = {name: np.median(of_name, axis=0) for name, of_name in seconds.items()}
    for name, (passed, used) in medians.items():
        relative = f"{passed / medians['Dask'][0]:.2f} and {used / medians['Dask'][1]:.2f} of Dask"
        print(f"{name}: {passed:.2f} s, of processors {used:.2f} s; {relative}")
    print(f"L-BFGS took {n_iter} iterations")


if __name__ == "__main__":
    main()
