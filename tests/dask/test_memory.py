"""Memory is that of the blocks at work, not of the rows."""

import subprocess
import sys

import numpy as np
import pandas as pd

ARRAY = """
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
"""

PARQUET = """
import dask, dask.dataframe as dd
from sklearn_advex import AdversarialLogisticRegression

table = dd.read_parquet(sys.argv[1].split(","))
with dask.config.set(scheduler="threads", num_workers=2):
    AdversarialLogisticRegression(0.05).fit(table.drop(columns=["label"]), table["label"])
"""


def peak(script, argument):
    """Peak memory in MB of a process."""
    report = "\nprint(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    run = subprocess.run(
        [sys.executable, "-c", "import resource, sys" + script + report, str(argument)],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert run.returncode == 0, run.stderr
    return int(run.stdout) / 1024


def test_more_blocks_need_no_more_memory():
    # 96 MB more of rows; a number per row alone would be 9.6 MB.
    assert peak(ARRAY, 62) - peak(ARRAY, 2) < 8


def test_a_parquet_data_set_is_fitted_in_a_third_of_its_size(tmp_path):
    n_parts, n_rows, n_features = 50, 12_500, 30  # 3 MB each
    paths = [tmp_path / f"part.{number:02d}.parquet" for number in range(n_parts)]
    for number, path in enumerate(paths):
        X = np.random.default_rng(number).standard_normal((n_rows, n_features))
        frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(n_features)])
        frame.assign(label=X[:, 0] + X[:, 1] ** 2 > 1).to_parquet(path)
    size = sum(path.stat().st_size for path in paths) / 2**20
    assert size > 140
    whole, begun = (peak(PARQUET, ",".join(map(str, some))) for some in (paths, paths[:4]))
    assert whole - begun < size / 3
