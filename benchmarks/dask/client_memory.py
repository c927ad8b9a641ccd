"""Peak memory of the client process while a cluster of two processes fits more and more rows.

Workers make their rows themselves, as they would read them. Run it with
``python -m benchmarks.dask.client_memory``.
"""

import resource
import subprocess
import sys

import numpy as np
from distributed import Client, LocalCluster

import dask.array as da
from sklearn_advex import AdversarialLogisticRegression

N_FEATURES, N_BLOCKS = 10, 20


def make_rows(n_rows, block_info=None):
    rng = np.random.default_rng(block_info[None]["chunk-location"][0])
    return rng.standard_normal((n_rows, N_FEATURES), dtype=np.float32)


def label(rows):
    return rows @ np.linspace(-1, 1, N_FEATURES) > rows[:, 0] ** 2 - 1


def fit(n_rows):
    """Fit as many blocks of rows, longer the more rows there are, and return megabytes."""
    chunks = ((n_rows // N_BLOCKS,) * N_BLOCKS, N_FEATURES)
    X = da.map_blocks(make_rows, n_rows // N_BLOCKS, chunks=chunks, dtype=np.float32)
    y = X.map_blocks(label, drop_axis=1, dtype=bool)
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    with LocalCluster(**options) as cluster, Client(cluster):
        model = AdversarialLogisticRegression(0.05).fit(X, y)
    return model.n_passes_, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main():
    if len(sys.argv) > 1:
        n_passes, peak = fit(int(sys.argv[1]))
        print(f"{int(sys.argv[1]):>10,} rows: {n_passes} passes, client {peak:.0f} MB")
        return
    for n_rows in (100_000, 1_000_000, 10_000_000):
        command = [sys.executable, "-m", "benchmarks.dask.client_memory", str(n_rows)]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
