"""Fit a parquet data set on two processes: seconds, passes, accuracy, features used.

    pip install ".[dask]"
    python examples/dask_cluster.py

On a real cluster only the client is another one; see docs/dask.rst.
"""

import tempfile
from time import perf_counter

import dask.dataframe as dd
import numpy as np
import pandas as pd
from distributed import Client, LocalCluster

from sklearn_advex import AdversarialLogisticRegression
from sklearn_advex.model_selection import gini_scorer

N_PARTS, N_ROWS, N_FEATURES, N_INFORMATIVE = 8, 25_000, 30, 5


def make_part(seed):
    """Rows of standard normal features, of which the first five tell the classes apart."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((N_ROWS, N_FEATURES))
    score = X[:, :N_INFORMATIVE].sum(axis=1) + rng.logistic(size=N_ROWS)
    frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(N_FEATURES)])
    return frame.assign(label=np.where(score > 0, "yes", "no"))


def main():
    """Write the rows, fit them, and print what came out."""
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalCluster(**options) as cluster,
        Client(cluster),
    ):
        dd.from_map(make_part, range(N_PARTS)).to_parquet(folder)
        table = dd.read_parquet(folder)
        X, y = table.drop(columns=["label"]), table["label"]
        started = perf_counter()
        model = AdversarialLogisticRegression(epsilon=0.1).fit(X, y)
        print(
            f"{N_PARTS * N_ROWS} rows: {perf_counter() - started:.1f} s, {model.n_passes_} passes"
        )
        print(f"accuracy {model.score(X, y):.3f}, adversarial {model.adversarial_score(X, y):.3f}")
        print(f"Gini index of the explanations {gini_scorer(model, X):.3f}")
        print("features used:", *model.feature_names_in_[model.support_[0]])
        print(model.predict_proba(X).head(3))


if __name__ == "__main__":
    main()
