"""Families of sparse linear models: each yields the models of its path, sparse ones first.

A family takes X, y (-1.0 and 1.0), the group of each feature or None, and the largest number of
features or groups that is of interest. It yields triples of parameters by their names, coefficients
and intercept.
"""

from functools import partial
from importlib.util import find_spec

import numpy as np

from sklearn_advex import (
    AdversarialLogisticRegression,
    alpha_max,
    epsilon_grid,
    epsilon_path,
    feature_path,
)

EPSILONS = (0.0, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
N_STEPS = 60  # of paths over a penalty
WEAK_RIDGE = 1e-5  # of models of at most k features; abess and fastSparse have none
SMALLEST = 1e-3  # penalty of such a path, relative to the one that leaves no feature
UNPENALIZED = 1e-6  # ridge of refitted models: data may be separable
MCP_GAMMA = 5.0  # above 4, or the problem of a single coefficient is not convex


def here(X, y, groups, most, epsilon):
    """Of at most k features or groups."""
    options = {"epsilon": epsilon, "alpha": WEAK_RIDGE, "groups": groups}
    path = feature_path(X, y, max_features=most, **options)
    for coefs, intercepts in zip(path.coefs, path.intercepts, strict=True):
        yield {"epsilon": epsilon}, coefs[0], intercepts[0]


def abess(X, y, groups, most):
    """The best subset of exactly k features or groups, by splicing."""
    from abess import LogisticRegression

    kept = X.std(axis=0) > 0  # it fails on a constant column
    labels, n_groups = None, np.count_nonzero(kept)
    if groups is not None:
        kept &= np.append(False, groups[1:] == groups[:-1])  # categories that sum to 1 confuse it
        labels = np.unique(groups[kept], return_inverse=True)[1]
        n_groups = labels.max() + 1
    for k in range(1, min(most, n_groups) + 1):
        model = LogisticRegression(support_size=k, group=labels, thread=1)
        model.fit(X[:, kept], (y > 0).astype(int))
        coef = np.zeros(X.shape[1])
        coef[kept] = model.coef_.ravel()
        yield {"k": k}, coef, np.ravel(model.intercept_)[0]


def fastsparse(X, y, groups, most):
    """A penalty on the number of features, by coordinate descent and exchanges."""
    import fastsparsegams

    path = fastsparsegams.fit(
        np.asfortranarray(X), y, penalty="L0", loss="Logistic", algorithm="CDPSI",
        num_lambda=50, max_support_size=most if groups is None else 4 * most,
    )  # fmt: skip
    coefs, intercepts = path.coeffs[0].toarray().T, path.intercepts[0]
    for penalty, coef, intercept in zip(path.lambda_0[0], coefs, intercepts, strict=True):
        yield {"lambda": penalty}, coef, intercept


def mcp(X, y, groups, most):
    """The minimax concave penalty, on standardized columns."""
    from skglm import GeneralizedLinearEstimator
    from skglm.datafits import Logistic
    from skglm.penalties import MCPenalty
    from skglm.solvers import AndersonCD

    mean, scale = X.mean(axis=0), X.std(axis=0)
    kept = scale > 0
    mean, scale = mean[kept], scale[kept]
    standardized = (X[:, kept] - mean) / scale
    solver = AndersonCD(warm_start=True, tol=1e-4, fit_intercept=True)
    model = GeneralizedLinearEstimator(Logistic(), MCPenalty(1.0, MCP_GAMMA), solver)
    for alpha in _penalties(standardized, y):
        model.penalty = MCPenalty(alpha, MCP_GAMMA)
        model.fit(standardized, y)
        coef = np.zeros(X.shape[1])
        coef[kept] = model.coef_.ravel() / scale
        yield {"alpha": alpha}, coef, np.ravel(model.intercept_)[0] - coef[kept] @ mean
        if count(coef, groups) > most:
            return


def lasso(X, y, groups, most):
    """The l1 penalty."""
    for alpha in _penalties(X, y):
        model = AdversarialLogisticRegression(epsilon=0, alpha=alpha, l1_ratio=1)
        coef, intercept = _fitted(model, X, y)
        yield {"alpha": alpha}, coef, intercept
        if count(coef, groups) > most:
            return


def relaxed_lasso(X, y, groups, most):
    """The supports of the l1 penalty, refitted without it."""
    natural = AdversarialLogisticRegression(epsilon=0, alpha=UNPENALIZED)
    supports = set()
    for parameters, coef, _ in lasso(X, y, groups, most):
        support = np.flatnonzero(coef)
        if support.size > 0 and tuple(support) not in supports:
            supports.add(tuple(support))
            refitted = np.zeros_like(coef)
            refitted[support], intercept = _fitted(natural, X[:, support], y)
            yield parameters, refitted, intercept


def adversarial(X, y, groups, most):
    """The a-models, which nothing but epsilon makes sparse."""
    epsilons = epsilon_grid(X, y, n=N_STEPS)
    path = epsilon_path(X, y, epsilons=epsilons)
    for epsilon, coefs, intercepts in zip(epsilons, path.coefs, path.intercepts, strict=True):
        yield {"epsilon": epsilon}, coefs[0], intercepts[0]


def _penalties(X, y):
    return alpha_max(X, y) * np.geomspace(0.95, SMALLEST, N_STEPS)


def _fitted(model, X, y):
    model.fit(X, y)
    return model.coef_[0], model.intercept_[0]


HERE = "at most k"
ABESS = "abess"
PATHS = {  # of a family; each has the whole time to itself
    HERE: [partial(here, epsilon=epsilon) for epsilon in EPSILONS],
    ABESS: [abess],
    "fastSparse, L0": [fastsparse],
    "skglm, MCP": [mcp],
    "l1, refitted": [relaxed_lasso],
    "l1": [lasso],
    "a": [adversarial],
}
_NEEDS = {ABESS: "abess", "fastSparse, L0": "fastsparsegams", "skglm, MCP": "skglm"}


def available():
    """The families whose library is installed."""
    return [name for name in PATHS if name not in _NEEDS or find_spec(_NEEDS[name])]


def count(coef, groups):
    """How many features or groups a model uses."""
    used = np.flatnonzero(coef)
    return used.size if groups is None else np.unique(groups[used]).size


def compile_skglm():
    """Let it compile its functions before anything is timed."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((50, 5))
    for _ in mcp(X, np.where(X[:, 0] > 0, 1.0, -1.0), None, 1):
        pass
