"""Seconds of a fit in memory and of the same rows in blocks on Dask's threads.

Once in memory, 400,000 x 50 float64 in 4 blocks, and once in a memory map, 4,000,000 x 60 float32
in 40 blocks. Run it with ``python -m benchmarks.dask.threads``.
"""

import argparse
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np
from threadpoolctl import threadpool_limits

import dask.array as da
from sklearn_advex import AdversarialLogisticRegression


def labels_of(X, rng):
    score = X @ np.linspace(-1, 1, X.shape[1], dtype=X.dtype)
    return (score + 2 * rng.logistic(size=len(X)) > 0).astype(np.int8)


def in_memory():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400_000, 50))
    return X, X, labels_of(X, rng), 4


def in_a_memory_map(folder):
    rng = np.random.default_rng(0)
    X = np.lib.format.open_memmap(folder / "rows.npy", "w+", np.float32, (4_000_000, 60))
    for start in range(0, len(X), 100_000):
        X[start : start + 100_000] = rng.standard_normal((100_000, 60), dtype=np.float32)
    X.flush()
    loaded = np.array(X)
    return loaded, np.load(folder / "rows.npy", mmap_mode="r"), labels_of(loaded, rng), 40


def compare(name, loaded, stored, y, n_blocks, rounds):
    n_rows = len(y) // n_blocks
    blocks = da.from_array(stored, chunks=(n_rows, -1)), da.from_array(y, chunks=n_rows)
    model, seconds = AdversarialLogisticRegression(epsilon=0.01, alpha=1e-4), []
    for _ in range(rounds):
        start = perf_counter()
        model.fit(loaded, y)
        between = perf_counter()
        model.fit(*blocks)
        seconds.append((between - start, perf_counter() - between))
    of_memory, of_dask = np.median(seconds, axis=0)
    ratios = [dask / memory for memory, dask in seconds]
    print(
        f"{name}: in memory {of_memory:.2f} s, Dask {of_dask:.2f} s in {model.n_passes_} passes,"
        f" {min(ratios):.2f} to {max(ratios):.2f} times",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with threadpool_limits(1), tempfile.TemporaryDirectory() as folder:
        compare("400,000 x 50", *in_memory(), rounds)
        compare("4,000,000 x 60", *in_a_memory_map(Path(folder)), rounds)


if __name__ == "__main__":
    main()
