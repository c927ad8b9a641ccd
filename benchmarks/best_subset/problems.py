"""The problems on which the search for best subsets is measured."""

import numpy as np
import pandas as pd
from sklearn.datasets import fetch_openml, load_breast_cancer
from sklearn.preprocessing import StandardScaler

from sklearn_advex._perturbation import perturbation_set
from sklearn_advex.linear_model._objective import TERMS
from sklearn_advex.linear_model._objective._design_matrix import as_design_matrix
from sklearn_advex.linear_model._objective._objective import RobustObjective
from sklearn_advex.linear_model._solvers import ActiveSetNewton

ALPHA = 1e-4


def make_solver():
    return ActiveSetNewton(tol=1e-8, max_iter=100)


def make_objective(X, y, epsilon, alpha=ALPHA):
    """The objective of AdversarialLogisticRegression, for labels -1.0 and 1.0."""
    term = TERMS["log_loss"](as_design_matrix(X), y, np.full(y.size, 1 / y.size))
    ball = perturbation_set("linf", np.full(X.shape[1], epsilon))
    return RobustObjective(term, ball, alpha=alpha, l1_ratio=0.0)


def optimum(objective, features):
    """The lowest value of a model of some features."""
    part = objective.restrict(np.append(features, objective.n_features))
    return make_solver().solve(part, part.intercept_only()).value


def random_problem(seed):
    """Correlated columns, few of which matter: X, y, epsilon, groups or None, and how many."""
    rng = np.random.default_rng(seed)
    n_features, n_samples = rng.integers(12, 16), rng.integers(100, 400)
    factors, share = rng.standard_normal((n_features, 4)), rng.uniform(0.3, 0.9)
    X = np.sqrt(share / 4) * rng.standard_normal((n_samples, 4)) @ factors.T
    X = StandardScaler().fit_transform(X + np.sqrt(1 - share) * rng.standard_normal(X.shape))
    coef = np.zeros(n_features)
    informative = rng.choice(n_features, rng.integers(2, 8), replace=False)
    coef[informative] = 2 * rng.standard_normal(informative.size)
    noise = rng.uniform(0.3, 1.5) * rng.logistic(size=n_samples)
    y = np.where(X @ coef + noise > 0, 1.0, -1.0)
    labels = np.unique(rng.integers(0, 8, n_features), return_inverse=True)[1]
    groups = labels if seed % 2 else None
    return X, y, (0.0, 0.05)[seed // 2 % 2], groups, int(rng.integers(2, 6))


def breast_cancer():
    X, y = load_breast_cancer(return_X_y=True)
    return StandardScaler().fit_transform(X), np.where(y == 1, 1.0, -1.0)


def spambase():
    X, y = fetch_openml(data_id=44, return_X_y=True, as_frame=False)
    return StandardScaler().fit_transform(X), np.where(y.astype(int) == 1, 1.0, -1.0)


def mushroom():
    """One-hot, without the columns that are constant: abess fails on them."""
    table = fetch_openml(data_id=24, as_frame=True)
    X = pd.get_dummies(table.data.astype(str)).to_numpy(float)
    X = StandardScaler().fit_transform(X[:, X.std(axis=0) > 0])
    return X, np.where(table.target == "p", 1.0, -1.0)


def mushroom_groups():
    """The column of the table that each column of `mushroom` comes from."""
    table = fetch_openml(data_id=24, as_frame=True).data.astype(str)
    n_values = [table[name].nunique() for name in table if table[name].nunique() > 1]
    return np.repeat(np.arange(len(n_values)), n_values)


def mnist_3_or_8():
    X, y = fetch_openml("mnist_784", version=1, return_X_y=True, as_frame=False)
    rows = np.isin(y, ["3", "8"])
    return np.ascontiguousarray(X[rows] / 255.0), np.where(y[rows] == "8", 1.0, -1.0)


def wide():
    """500 x 10000, of which 100 matter."""
    rng = np.random.default_rng(0)
    X, coef = rng.standard_normal((500, 10_000)), np.zeros(10_000)
    coef[:100] = rng.standard_normal(100)
    score = X @ coef
    return X, np.where(score + score.std() * rng.standard_normal(500) > 0, 1.0, -1.0)
