"""
========================
Rows that come in blocks
========================

A linear fit reads its rows again and again, but only ever to add up sums over them. So they need
not be in memory together: a Dask DataFrame goes into `fit` as it is, is read block by block, and
gives the same model as the same rows in memory. Here are 200,000 rows in eight blocks.
"""

# %%
# A table that is never whole
# ---------------------------
# In practice ``dask.dataframe.read_parquet`` takes the place of this function. Five of thirty
# columns tell the classes apart, x0 the most and x4 the least.

import dask.dataframe as dd
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sklearn_advex import AdversarialLogisticRegression, epsilon_path
from sklearn_advex.metrics import feature_value_impact
from sklearn_advex.plotting import PathDisplay

N_BLOCKS, N_ROWS = 8, 25_000


def block(seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((N_ROWS, 30))
    score = X[:, :5] @ [1.0, 0.8, 0.6, 0.4, 0.2] + rng.logistic(size=N_ROWS)
    frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(30)])
    return frame.assign(label=np.where(score > 0, "yes", "no"))


table = dd.from_map(block, range(N_BLOCKS))
X, y = table.drop(columns=["label"]), table["label"]
megabytes = N_BLOCKS * block(0).memory_usage(deep=True).sum() // 2**20
print(table.npartitions, "blocks, together", megabytes, "MB")

# %%
# Fit
# ---
# `n_passes_` counts how often the rows were read.

model = AdversarialLogisticRegression(epsilon=0.1).fit(X, y)
print(model.n_passes_, "passes")
print("features in use:", *model.feature_names_in_[model.support_[0]])
print(f"accuracy {model.score(X, y):.3f}, under attack {model.adversarial_score(X, y):.3f}")

# %%
# The same model
# --------------
# Two blocks do fit into memory, and there both ways can be compared.

few = table.partitions[:2]
rows = few.compute()
lazy = AdversarialLogisticRegression(epsilon=0.1).fit(few.drop(columns=["label"]), few["label"])
eager = AdversarialLogisticRegression(epsilon=0.1).fit(rows.drop(columns=["label"]), rows["label"])
print("equal up to 1e-9:", np.allclose(lazy.coef_, eager.coef_, rtol=0, atol=1e-9))

# %%
# A path of epsilons
# ------------------
# :func:`~sklearn_advex.epsilon_path` fits six models, each from its neighbor. As epsilon grows, the
# features leave in the order of what they are worth; those that were only noise were never there.

path = epsilon_path(X, y, epsilons=[0.01, 0.03, 0.07, 0.14, 0.22, 0.3])
PathDisplay.from_path(path, feature_names=model.feature_names_in_, target="yes", top=5)
plt.show()

# %%
# Explanations of all rows
# ------------------------
# They are lazy as well: nothing is computed until the blocks are added up.

attributions = model.explain(X, target="yes")
print(type(attributions))
impact = feature_value_impact(attributions)
print(impact[impact > 0].round(3).to_string())
