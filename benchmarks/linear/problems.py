"""The problems that are solved: shapes of data, and models of like support on them.

No model has an intercept: liblinear would penalize it, and then solve another problem.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import issparse, random_array
from sklearn.datasets import fetch_openml

from sklearn_advex import AdversarialLogisticRegression

# The ridge of l2-penalized models, and of robust ones where the data are separable without it.
RIDGE = 1e-3


@dataclass
class Problem:
    r"""A binary classification problem with labels -1 and 1, and what is to be minimized.

    .. math:: \frac 1 n \sum_i \log(1 + \exp(\epsilon \|w\|_1 - y_i \langle w, x_i \rangle))
              + \alpha (\rho \|w\|_1 + \tfrac{1 - \rho}{2} \|w\|_2^2)
    """

    X: object
    y: np.ndarray
    epsilon: float
    alpha: float
    l1_ratio: float

    def objective(self, coef):
        norm = np.abs(coef).sum()
        losses = np.logaddexp(0, self.epsilon * norm - self.y * (self.X @ coef))
        ridge = (1 - self.l1_ratio) / 2 * (coef @ coef)
        return losses.mean() + self.alpha * (self.l1_ratio * norm + ridge)

    @cached_property
    def optimum(self):
        return self.objective(self.solve(1e-10))

    def suboptimality(self, coef):
        """How far above the minimum, relative to it."""
        return self.objective(coef) / self.optimum - 1

    def solve(self, tol):
        """The coefficients that this package finds."""
        model = AdversarialLogisticRegression(
            self.epsilon, alpha=self.alpha, l1_ratio=self.l1_ratio, fit_intercept=False, tol=tol
        )
        return model.fit(self.X, self.y).coef_[0]

    def head(self, n_samples):
        """The same problem on the first rows alone."""
        return Problem(
            self.X[:n_samples], self.y[:n_samples], self.epsilon, self.alpha, self.l1_ratio
        )


@dataclass
class Case:
    """Data, the number of features that sparse models of them shall use, and those models."""

    family: str
    name: str
    X: object
    y: np.ndarray
    target: int
    ridge: float = 0.0
    against_all: bool = False  # or against the l1 solvers alone

    def __str__(self):
        return f"{self.name}, {self.X.shape[0]} x {self.X.shape[1]}, {self.target} features"

    @property
    def entries(self):
        return self.X.nnz if issparse(self.X) else self.X.size

    @cached_property
    def robust(self):
        pull = np.abs(self.X.T @ self.y).max() / self.y.size
        return self._sparse(lambda epsilon: (epsilon, self.ridge, 0.0), pull)

    @cached_property
    def l1(self):
        pull = np.abs(self.X.T @ self.y).max() / (2 * self.y.size)
        return self._sparse(lambda alpha: (0.0, alpha, 1.0), pull)

    @cached_property
    def l2(self):
        return Problem(self.X, self.y, 0.0, RIDGE, 0.0)

    def _sparse(self, parameters, largest):
        """The problem whose strength, below the largest, leaves about as many features."""
        if self.target == 0:
            return Problem(self.X, self.y, *parameters(1.01 * largest))
        sizes, low, high = {}, largest, largest

        def size(strength):
            problem = Problem(self.X, self.y, *parameters(strength))
            sizes[strength] = np.count_nonzero(problem.solve(1e-6))
            return sizes[strength]

        while size(low) < self.target:  # from above: weakly penalized models take long
            low, high = low / 2, low
        while len(sizes) < 16 and self.target not in sizes.values():
            middle = np.sqrt(low * high)
            low, high = (middle, high) if size(middle) > self.target else (low, middle)
        best = min(sizes, key=lambda strength: abs(sizes[strength] - self.target))
        return Problem(self.X, self.y, *parameters(best))


def gaussian(n_samples, n_features, density=None):
    """Independent columns, at most 100 of which matter, and as much noise as signal."""
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
    return X, np.where(score + score.std() * rng.standard_normal(n_samples) > 0, 1, -1)


def mnist(n_samples):
    X, y = fetch_openml("mnist_784", version=1, return_X_y=True, as_frame=False)
    X = np.ascontiguousarray(X[:n_samples] / 255.0)
    return X, np.where(y[:n_samples].astype(int) >= 5, 1, -1)


def shapes(quick=False):
    """What solvers are compared on, one case per shape and support."""
    small = 10 if quick else 1
    for name, make, targets, ridge in (
        ("tiny", lambda: gaussian(100, 5), (4,), 0.0),
        ("tall", lambda: gaussian(500_000 // small, 50), (12, 21), 0.0),
        ("square, MNIST", lambda: mnist(20_000 // small), (0, 80, 250), 0.0),
        ("wide", lambda: gaussian(500, 10_000 // small), (71, 228), RIDGE),
        (
            "sparse",
            lambda: gaussian(20_000 // small, 50_000 // small, 0.002 * small),
            (1715 // small, 9575 // small),
            RIDGE,
        ),
    ):
        X, y = make()
        for target in targets[-1:] if quick else targets:
            yield Case("shapes", name, X, y, target, ridge, target == targets[-1])


def growing(quick=False):
    """What the growth of time is measured on: ever more rows, columns or stored entries."""
    for n_samples in (1_000, 3_000, 10_000) if quick else (10_000, 30_000, 100_000, 1_000_000):
        yield Case("rows", "50 columns", *gaussian(n_samples, 50), 12)
    for n_features in (100, 300, 1_000) if quick else (100, 1_000, 3_000, 10_000):
        yield Case("columns", "2000 rows", *gaussian(2_000, n_features), 40)
    shape = (2_000, 5_000) if quick else (20_000, 50_000)
    for density in (0.002, 0.005, 0.01) if quick else (0.0005, 0.002, 0.005, 0.02):
        data = gaussian(*shape, density)
        yield Case("stored entries", f"CSR, {shape[0]} x {shape[1]}", *data, shape[1] // 50, RIDGE)
