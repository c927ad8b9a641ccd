"""Data, objectives and reference optima that several tests of linear models share."""

import cvxpy as cp
import numpy as np
import pytest

from sklearn_advex._perturbation import perturbation_set
from sklearn_advex.linear_model._objective import TERMS
from sklearn_advex.linear_model._objective._design_matrix import as_design_matrix
from sklearn_advex.linear_model._objective._objective import RobustObjective

CVXPY_LOSSES = {
    "log_loss": cp.logistic,
    "hinge": lambda u: cp.pos(1 + u),
    "softplus_hinge": lambda u: cp.logistic(1 + u),
}
CVXPY_SUPPORTS = {"linf": cp.norm1, "l2": cp.norm2, "l1": cp.norm_inf}

# Clarabel is asked for more digits than it can always certify; that both agree is the certificate.
reference_may_complain = pytest.mark.filterwarnings("ignore:Solution may be inaccurate:UserWarning")


def sparse_gaussian(n_samples=120, n_features=7, seed=0):
    """X with zeros, labels 0 and 1 that depend on three features, and weights."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_samples, n_features)) * (rng.random((n_samples, n_features)) < 0.7)
    score = X @ np.r_[1.5, -1.0, 0.5, np.zeros(n_features - 3)]
    y = (score + 1.5 * rng.standard_normal(n_samples) > 0.3).astype(int)
    return X, y, rng.random(n_samples) + 0.1


def gaussian(n_samples, n_features, n_informative, seed=0):
    """X and labels -1.0 and 1.0 that depend on some features."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_samples, n_features))
    score = X[:, :n_informative] @ rng.standard_normal(n_informative)
    return X, np.where(score + rng.standard_normal(n_samples) > 0, 1.0, -1.0)


def objective_of(
    X,
    y,
    epsilon,
    *,
    loss="log_loss",
    norm="linf",
    weights=None,
    alpha=0.0,
    l1_ratio=0.0,
    fit_intercept=True,
):
    """The objective of labels -1.0 and 1.0; `epsilon` is a number or one per feature."""
    weights = np.full(y.size, 1 / y.size) if weights is None else weights
    term = TERMS[loss](as_design_matrix(X), y, weights, fit_intercept=fit_intercept)
    perturbation = perturbation_set(norm, np.broadcast_to(epsilon, X.shape[1]))
    return RobustObjective(term, perturbation, alpha=alpha, l1_ratio=l1_ratio)


def cvxpy_optimum(
    X, y, weights, epsilon, alpha, l1_ratio, fit_intercept, loss="log_loss", norm="linf"
):
    """The minimum of the objective of labels 0 and 1 by a general convex solver."""
    w, b = cp.Variable(X.shape[1]), cp.Variable() if fit_intercept else 0.0
    argument = CVXPY_SUPPORTS[norm](cp.multiply(epsilon, w)) - cp.multiply(2.0 * y - 1, X @ w + b)
    objective = (weights / weights.sum()) @ CVXPY_LOSSES[loss](argument) + alpha * (
        l1_ratio * cp.norm1(w) + (1 - l1_ratio) / 2 * cp.sum_squares(w)
    )
    problem = cp.Problem(cp.Minimize(objective))
    precise = dict.fromkeys(["tol_gap_abs", "tol_gap_rel", "tol_feas"], 1e-9)
    problem.solve(solver=cp.CLARABEL, **precise)
    return problem.value
