"""Memory is that of the blocks at work, not of the rows."""

import subprocess
import sys

SCRIPT = """
import resource, sys, warnings
import dask, dask.array as da, numpy as np
from sklearn_advex import AdversarialLogisticRegression

n_blocks = int(sys.argv[1])
coef = np.linspace(-1, 1, 10)

def rows(block_info=None):
    rng = np.random.default_rng(block_info[None]["chunk-location"][0])
    return rng.standard_normal((20_000, 10))

X = da.map_blocks(rows, chunks=((20_000,) * n_blocks, 10), dtype=float)
y = X.map_blocks(lambda X: (X @ coef > X[:, 0] ** 2 - 1), drop_axis=1, dtype=bool)
with dask.config.set(scheduler="synchronous"):
    AdversarialLogisticRegression(0.05).fit(X, y)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak(n_blocks):
    """Peak memory in MB of a process that fits 20,000 rows of 1.6 MB per block."""
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(n_blocks)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    return int(run.stdout) / 1024


def test_more_blocks_need_no_more_memory():
    # 96 MB more of rows; a number per row alone would be 9.6 MB.
    assert peak(62) - peak(2) < 8
