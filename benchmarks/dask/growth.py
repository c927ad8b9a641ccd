"""The cost model of a fit, with constants measured here, against fits of more and more rows.

A fit costs ``passes * (entries * a + blocks * b) + hessians * rows * support**2 * c``. The
constants are those of single passes over 1,000,000 rows, and b of one over blocks of a row each.
Times are of the processor, with Dask's synchronous scheduler, so that other users of a machine do
not count. Run it with ``python -m benchmarks.dask.growth``.
"""

import argparse
import tempfile
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from time import process_time
from unittest.mock import patch

import numpy as np
from threadpoolctl import threadpool_limits

import dask
import dask.array as da
from sklearn_advex import AdversarialLogisticRegression
from sklearn_advex._perturbation import perturbation_set
from sklearn_advex._utils._dask_blocks import RowBlocks
from sklearn_advex.linear_model._dask._training_data import DaskTrainingData

N_FEATURES, ROWS_PER_BLOCK = 20, 250_000
EPSILON = 0.02


def rows_on_disk(path, n_rows):
    """Float32 rows in a memory map, and labels that depend on all features."""
    X = np.lib.format.open_memmap(path, "w+", np.float32, (n_rows, N_FEATURES))
    y = np.empty(n_rows, dtype=np.int8)
    for start in range(0, n_rows, ROWS_PER_BLOCK):
        rng = np.random.default_rng(start)
        rows = X[start : start + ROWS_PER_BLOCK]
        rows[:] = rng.standard_normal(rows.shape, dtype=np.float32)
        score = rows @ np.linspace(0.2, 1, N_FEATURES) + rng.logistic(size=len(rows))
        y[start : start + ROWS_PER_BLOCK] = score > 0
    X.flush()
    return np.load(path, mmap_mode="r"), y


def blocks_of(X, y, n_rows):
    return da.from_array(X, chunks=(n_rows, -1)), da.from_array(y, chunks=n_rows)


def objective(X, y, n_rows):
    data = DaskTrainingData.from_collections(*blocks_of(X, y, n_rows))
    unit = perturbation_set("linf", np.ones(N_FEATURES))
    return data.objectives("log_loss", unit, alpha=1e-4, l1_ratio=0.0, fit_intercept=True)[0]


def seconds_of_a_pass(X, y, n_rows):
    """Processor seconds of the derivatives at a point and of the Hessian there, medians of 5."""
    term = objective(X, y, n_rows).term
    gradient, hessian = [], []
    for _ in range(5):
        rows, heights = term.rows_at(np.full(N_FEATURES + 1, 0.1)), np.zeros(1)
        start = process_time()
        term.prefetch([rows], [heights])
        gradient.append(process_time() - start)
        curvature = term.derivatives(rows, heights).curvature
        start = process_time()
        term.gram(curvature)
        hessian.append(process_time() - start)
    return np.median(gradient), np.median(hessian)


def measure_constants(X, y):
    short, _ = seconds_of_a_pass(X[:500], y[:500], 1)
    per_block = short / 500
    n_blocks = len(y) / ROWS_PER_BLOCK
    gradient, hessian = seconds_of_a_pass(X, y, ROWS_PER_BLOCK)
    per_entry = (gradient - n_blocks * per_block) / X.size
    # A Hessian multiplies by the rows once, a gradient twice; what is beyond that is its own.
    per_flop = max(hessian - gradient / 2, 0.0) / (len(y) * N_FEATURES**2)
    return per_entry, per_block, per_flop


@contextmanager
def counted_passes():
    counts, compute = Counter(), RowBlocks.compute

    def count(self, *sums):
        counts[sums[0].label] += 1
        return compute(self, *sums)

    with patch.object(RowBlocks, "compute", count):
        yield counts


def fit(X, y):
    with counted_passes() as counts:
        start = process_time()
        model = AdversarialLogisticRegression(EPSILON, alpha=1e-4)
        model.fit(*blocks_of(X, y, ROWS_PER_BLOCK))
    return process_time() - start, model.support_[0].size, counts


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10**5, 10**6, 10**7, 3 * 10**7])
    args = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        threadpool_limits(1),
        dask.config.set(scheduler="synchronous"),
    ):
        path = Path(folder) / "rows.npy"
        of_entry, of_block, of_flop = measure_constants(*rows_on_disk(path, 10**6))
        print(
            f"{of_entry * 1e9:.2f} ns per entry and pass, {of_block * 1e3:.2f} ms per block and"
            f" pass, {of_flop * 1e9:.3f} ns per product of a Hessian",
            flush=True,
        )
        for n_rows in args.rows:
            seconds, support, counts = fit(*rows_on_disk(path, n_rows))
            path.unlink()
            passes = counts.total()
            hessians = counts["hessian"] + counts["gradient_and_hessian"]
            n_blocks = -(-n_rows // ROWS_PER_BLOCK)
            model = passes * (n_rows * N_FEATURES * of_entry + n_blocks * of_block)
            model += hessians * n_rows * support**2 * of_flop
            print(
                f"{n_rows:>11,} rows: {passes} passes, {hessians} with a Hessian of {support}"
                f" features; {seconds:.2f} s, by the model {model:.2f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
