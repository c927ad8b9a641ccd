"""Time to an exact robust model against time to an l1 model with as many features, by shape.

The rivals solve the l1-penalised problem (`epsilon=0`), which is the closest that they can. Our
epsilon and their penalty are found by bisection so that all models use about as many features as
the table says. We solve the robust problem to a residual of 1e-6. liblinear runs at its default
tolerance, skglm once at its own (1e-4) and once at ours, where it is as accurate as we are. All
solvers take turns within one run. Run ``OPENBLAS_NUM_THREADS=1 python
benchmarks/compare_solvers.py``, with names of shapes to leave out the others; skglm joins in where
it is installed.
"""

import sys
from time import perf_counter

import numpy as np
from scipy.sparse import random_array
from sklearn.linear_model import LogisticRegression

from sklearn_advex import AdversarialLogisticRegression, alpha_max, epsilon_max

REPETITIONS = 5
# Rows, columns and density; numbers of features to use; the ridge that keeps our problem bounded.
SHAPES = {
    "tiny": ((100, 5, None), (4,), 0.0),
    "tall": ((500_000, 50, None), (12, 21), 0.0),
    "square": ((20_000, 784, None), (80, 250), 0.0),
    "wide": ((500, 10_000, None), (71, 228), 1e-3),
    "CSR": ((20_000, 50_000, 0.002), (1715, 9575), 1e-3),
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


def rivals(alpha, n_samples):
    models = {
        "liblinear": LogisticRegression(
            l1_ratio=1, solver="liblinear", random_state=0, C=1 / (alpha * n_samples)
        )
    }
    try:
        from skglm import SparseLogisticRegression
    except ImportError:
        return models
    return models | {
        "skglm": SparseLogisticRegression(alpha=alpha),
        "skglm, 1e-6": SparseLogisticRegression(alpha=alpha, tol=1e-6, max_iter=100),
    }


def support(model):
    return np.count_nonzero(model.coef_)


def with_support(make, largest, target, X, y):
    """The strength below `largest` at which a model uses about as many features as wanted."""
    low, high, sizes = largest * 1e-3, largest, {}
    for _ in range(14):
        middle = np.sqrt(low * high)
        sizes[middle] = support(make(middle).fit(X, y))
        low, high = (middle, high) if sizes[middle] > target else (low, middle)
    return min(sizes, key=lambda strength: abs(sizes[strength] - target))


def seconds(model, X, y):
    n_fits = 50 if X.size < 10_000 else 1  # one alone would be shorter than what disturbs it
    start = perf_counter()
    for _ in range(n_fits):
        model.fit(X, y)
    return (perf_counter() - start) / n_fits


def compare(name, X, y, target, ridge):
    def robust(epsilon):
        return AdversarialLogisticRegression(epsilon, alpha=ridge, tol=1e-6)

    def lasso(alpha):
        return AdversarialLogisticRegression(0, alpha=alpha, l1_ratio=1, tol=1e-6)

    ours = robust(with_support(robust, epsilon_max(X, y), target, X, y))
    models = {"ours": ours} | rivals(with_support(lasso, alpha_max(X, y), target, X, y), y.size)
    times = {solver: [] for solver in models}
    for repetition in range(REPETITIONS + 1):
        for solver, model in models.items():
            elapsed = seconds(model, X, y)
            if repetition:
                times[solver].append(elapsed)
    cells = [f"{np.median(times[s]):.4f} s ({support(model)})" for s, model in models.items()]
    fastest = min(np.median(times[rival]) for rival in times if rival != "ours")
    cells.append(f"{np.median(times['ours']) / fastest:.2f}")
    print(f"| {name} {X.shape[0]} x {X.shape[1]} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    header = ["shape", "ours", *rivals(1.0, 1), "ours / fastest rival"]
    print(f"Median of {REPETITIONS} fits, features in use in brackets.\n")
    print("| " + " | ".join(header) + " |\n|" + "---|" * len(header))
    for name in sys.argv[1:] or SHAPES:
        shape, targets, ridge = SHAPES[name]
        X, y = make_data(*shape)
        for target in targets:
            compare(name, X, y, target, ridge)
