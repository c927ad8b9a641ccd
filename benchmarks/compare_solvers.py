"""Time to an exact robust model against time to an l1 model with as many features, by shape.

The rivals solve the l1-penalised problem (`epsilon=0`), which is the closest that they can: their
penalty is chosen so that they use about as many features as our robust model at half of
`epsilon_max`. We solve to an optimality residual of 1e-6, the rivals at their default tolerance.
All solvers take turns within one run. Run ``python benchmarks/compare_solvers.py``; skglm joins in
where it is installed.
"""

import warnings
from functools import partial
from time import perf_counter

import numpy as np
from scipy.sparse import random_array
from sklearn.linear_model import LogisticRegression

from sklearn_advex import AdversarialLogisticRegression, alpha_max, epsilon_max

REPETITIONS = 5
SHAPES = {
    "tiny, 100 x 5": (100, 5, None),
    "tall, 500000 x 50": (500_000, 50, None),
    "square, 20000 x 784": (20_000, 784, None),
    "wide, 500 x 10000": (500, 10_000, None),
    "CSR, 20000 x 50000": (20_000, 50_000, 0.002),
}


def make_data(n_samples, n_features, density):
    rng = np.random.default_rng(0)
    w = np.zeros(n_features)
    informative = min(n_features // 2, 100)
    w[:informative] = rng.standard_normal(informative)
    if density is None:
        X = rng.standard_normal((n_samples, n_features))
    else:
        X = random_array((n_samples, n_features), density=density, format="csr", rng=rng)
        X.data = rng.standard_normal(X.nnz)
    score = X @ w
    return X, score + score.std() * rng.standard_normal(n_samples) > 0


def rivals():
    makers = {
        "liblinear": partial(LogisticRegression, l1_ratio=1, solver="liblinear", random_state=0),
        "saga": partial(LogisticRegression, l1_ratio=1, solver="saga", random_state=0),
    }
    solvers = {
        name: lambda alpha, n, maker=maker: maker(C=1 / (alpha * n))
        for name, maker in makers.items()
    }
    try:
        from skglm import SparseLogisticRegression
    except ImportError:
        return solvers
    return solvers | {"skglm": lambda alpha, n: SparseLogisticRegression(alpha=alpha)}


def matching_alpha(X, y, support):
    """The l1 penalty with which about as many features are used."""
    grid = alpha_max(X, y) * np.geomspace(0.99, 0.003, 25)
    model = AdversarialLogisticRegression(0, l1_ratio=1, tol=1e-4, warm_start=True)
    sizes = [np.count_nonzero(model.set_params(alpha=a).fit(X, y).coef_) for a in grid]
    return grid[np.argmin(np.abs(np.array(sizes) - support))]


def seconds(model, X, y):
    start = perf_counter()
    model.fit(X, y)
    return perf_counter() - start


def compare(name, shape):
    X, y = make_data(*shape)
    ours = AdversarialLogisticRegression(0.5 * epsilon_max(X, y), alpha=1e-6, tol=1e-6)
    support = np.count_nonzero(ours.fit(X, y).coef_)
    alpha = matching_alpha(X, y, support)
    models = {"ours": ours} | {rival: make(alpha, y.size) for rival, make in rivals().items()}
    times = {solver: [] for solver in models}
    for repetition in range(REPETITIONS + 1):
        for solver, model in models.items():
            elapsed = seconds(model, X, y)
            if repetition:
                times[solver].append(elapsed)
    supports = [np.count_nonzero(model.coef_) for model in models.values()]
    cells = [
        f"{np.median(values):.4f} s ({used})"
        for values, used in zip(times.values(), supports, strict=True)
    ]
    print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # saga stops at its step limit; that is part of its time
    header = ["shape", "ours", *rivals()]
    print(f"Median of {REPETITIONS} fits, features in use in brackets.\n")
    print("| " + " | ".join(header) + " |\n|" + "---|" * len(header))
    for name, shape in SHAPES.items():
        compare(name, shape)
