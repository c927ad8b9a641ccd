"""Measure the prices in ``sklearn_advex/linear_model/_objective/_costs.py`` anew.

Run it with ``python -m benchmarks.linear.calibrate`` on an idle machine, one thread. It prints what
the package uses beside what this machine takes; nothing is written.
"""

from time import perf_counter

import numpy as np
from scipy.linalg.blas import dsyrk
from scipy.sparse import random_array
from threadpoolctl import threadpool_limits

from sklearn_advex.linear_model._objective import _costs
from sklearn_advex.linear_model._objective._design_matrix import as_design_matrix

REPETITIONS = 15


def seconds(task):
    """Median of repeated runs."""
    times = []
    for _ in range(REPETITIONS):
        start = perf_counter()
        task()
        times.append(perf_counter() - start)
    return np.median(times)


def seconds_per_multiplication():
    """The unit of all prices: a Gram matrix counts n_samples * n_features**2 multiplications."""
    factor = np.random.default_rng(0).standard_normal((2000, 400))
    return seconds(lambda: dsyrk(1.0, factor, trans=True, lower=True)) / (2000 * 400**2)


def product_seconds(X):
    """Seconds of a matvec and an rmatvec."""
    design = as_design_matrix(X)
    v, r = np.ones(X.shape[1]), np.ones(X.shape[0])
    return seconds(lambda: design.matvec(v)) + seconds(lambda: design.rmatvec(r))


def sparse_gram_prices(rng):
    """Seconds of a pair of entries of a row, and of an entry of the result."""
    counts, times = [], []
    for n_samples, n_features, density in ((20_000, 100, 0.2), (1000, 1000, 0.02)):
        X = random_array((n_samples, n_features), density=density, format="csr", rng=rng)
        design, weights = as_design_matrix(X), np.ones(n_samples)
        counts.append([n_samples * (n_features * density) ** 2, n_features**2])
        times.append(seconds(lambda design=design, w=weights: design.gram(w, [w])))
    return np.linalg.solve(counts, times)


def main():
    """Print the table."""
    rng = np.random.default_rng(0)
    dense = rng.standard_normal((20_000, 500))
    sparse = random_array((20_000, 5000), density=0.01, format="csr", rng=rng)
    with threadpool_limits(1):
        unit = seconds_per_multiplication()
        pair, entry = sparse_gram_prices(rng)
        measured = {
            "DENSE_ENTRY": product_seconds(dense) / dense.size,
            "SPARSE_ENTRY": product_seconds(sparse) / (sparse.nnz + sparse.shape[0]),
            "SPARSE_PAIR": pair,
            "SPARSE_GRAM_ENTRY": entry,
        }
    print(f"{1 / unit:.1e} multiplications of dense matrices a second; prices in multiplications")
    print(f"{'':20s}{'in use':>10s}{'measured':>10s}")
    for name, price in measured.items():
        print(f"{name:20s}{getattr(_costs, name):10d}{price / unit:10.1f}")


if __name__ == "__main__":
    main()
