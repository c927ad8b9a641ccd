"""The additions that the architecture page works out, each made outside the package."""

from functools import partial

import cvxpy as cp
import numpy as np
import pytest
from scipy.sparse import coo_array
from sklearn.metrics import roc_auc_score

from sklearn_advex import AdversarialLinearClassifier, AdversarialLogisticRegression
from sklearn_advex._losses import LogisticLoss, Loss
from sklearn_advex._perturbation import PERTURBATION_SETS, Epigraph, PerturbationSet
from sklearn_advex.linear_model._objective import TERMS
from sklearn_advex.linear_model._objective._design_matrix import as_design_matrix
from sklearn_advex.linear_model._objective._margin_term import MarginTerm
from tests.linear_model.problems import reference_may_complain, sparse_gaussian
from tests.linear_model.test_protocols import check_data_term, check_loss, check_perturbation_set

EPSILON = np.array([0.1, 0.0, 0.2, 0.05, 0.0, 0.3, 0.1])


def minimum(X, y, loss, heights, alpha=1e-3):
    """By a general convex solver; `heights` is a function of w for labels -1 and 1."""
    w, b = cp.Variable(X.shape[1]), cp.Variable()
    signs = 2.0 * y - 1
    height = cp.multiply(y == 0, heights(w)[0]) + cp.multiply(y == 1, heights(w)[1])
    losses = loss(height - cp.multiply(signs, X @ w + b))
    problem = cp.Problem(cp.Minimize(cp.sum(losses) / y.size + alpha / 2 * cp.sum_squares(w)))
    precise = dict.fromkeys(["tol_gap_abs", "tol_gap_rel", "tol_feas"], 1e-9)
    problem.solve(solver=cp.CLARABEL, **precise)
    return problem.value


# --- a loss


class SquaredHinge(Loss):
    """The squared hinge ``maximum(0, 1 + u) ** 2``."""

    attains_infimum = True

    def value(self, u):
        return np.maximum(0.0, 1.0 + u) ** 2

    def derivatives(self, u):
        excess = np.maximum(0.0, 1.0 + u)
        return excess**2, 2.0 * excess, 2.0 * (u > -1.0)

    def conjugate(self, p):
        return p * p / 4.0 - p

    def intercept_only(self, share):
        return 2.0 * share - 1.0


@reference_may_complain
@pytest.mark.parametrize("solver", ["active-set-newton", "interior-point"])
def test_a_loss_is_one_class_and_one_row(solver, monkeypatch):
    check_loss(SquaredHinge())
    monkeypatch.setitem(TERMS, "squared_hinge", partial(MarginTerm, SquaredHinge()))
    X, y, _ = sparse_gaussian()
    model = AdversarialLinearClassifier(
        "squared_hinge", epsilon=EPSILON, alpha=1e-3, solver=solver
    ).fit(X, y)
    reference = minimum(
        X, y, lambda u: cp.square(cp.pos(1 + u)), lambda w: [EPSILON @ cp.abs(w)] * 2
    )
    assert model.objective_[0] == pytest.approx(reference, abs=1e-8)
    assert model.kkt_residual_[0] <= model.tol
    assert 0 <= model.dual_gap_[0] < 1e-8
    assert (model.coef_ == 0).any()


# --- a perturbation set that is not symmetric


class UpwardBox(PerturbationSet):
    """Changes between 0 and `epsilon`: measurements that can only be too small."""

    is_symmetric = False

    def __init__(self, epsilon):
        self.epsilon = epsilon

    def support(self, w):
        return np.maximum(w, 0.0) @ self.epsilon

    def maximizer(self, w):
        return self.epsilon * (np.asarray(w) > 0)

    def gauge(self, change):
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = np.where(change > 0, change / self.epsilon, 0.0)
        return np.max(np.where(change < 0, np.inf, relative), axis=-1)

    def restrict(self, features):
        return UpwardBox(self.epsilon[features])

    def scaled(self, factor):
        return UpwardBox(factor * self.epsilon)

    def epigraph(self):
        # max(w, 0) is half of w + |w|.
        half = coo_array(-0.5 * self.epsilon[np.newaxis])
        return Epigraph(np.ones(1), half, half)


@reference_may_complain
@pytest.mark.parametrize(
    ("loss", "formula"),
    [("log_loss", cp.logistic), ("hinge", lambda u: cp.pos(1 + u))],
)
def test_a_perturbation_set_is_one_class_and_one_row(loss, formula, monkeypatch):
    check_perturbation_set(UpwardBox(np.array([0.1, 0.2, 0.0, 3.0])), 4)
    monkeypatch.setitem(PERTURBATION_SETS, "upward", UpwardBox)
    X, y, _ = sparse_gaussian()
    model = AdversarialLinearClassifier(loss, epsilon=EPSILON, norm="upward", alpha=1e-3).fit(X, y)
    reference = minimum(X, y, formula, lambda w: [EPSILON @ cp.pos(w), EPSILON @ cp.pos(-w)])
    assert model.objective_[0] == pytest.approx(reference, abs=1e-7)
    assert model.kkt_residual_[0] <= model.tol
    assert 0 <= model.dual_gap_[0] < 1e-6
    attacked = model.perturb(X, y)
    assert (attacked >= X).all()
    assert model.adversarial_score(X, y) == model.score(attacked, y)


# --- a data term


class PairwiseTerm(MarginTerm):
    """Logistic losses of all pairs of a positive and a negative row: a smooth stand-in for AUC."""

    def __init__(self, design, y, weights, *, fit_intercept=False, n_heights=1):
        positive, negative = np.flatnonzero(y > 0), np.flatnonzero(y < 0)
        i, j = (pairs.ravel() for pairs in np.meshgrid(positive, negative))
        X = design.X if isinstance(design.X, np.ndarray) else design.X.toarray()
        of_pair = weights[i] * weights[j]
        super().__init__(
            LogisticLoss(),
            as_design_matrix(X[i] - X[j]),
            np.ones(i.size),
            of_pair / of_pair.sum(),
            fit_intercept=False,
            n_heights=n_heights,
        )


def test_a_data_term_is_one_class_and_one_row(monkeypatch):
    X, y, weights = sparse_gaussian(60, 9)
    signs = 2.0 * y - 1
    check_data_term(PairwiseTerm(as_design_matrix(X), signs, weights / weights.sum()))
    monkeypatch.setitem(TERMS, "pairwise", PairwiseTerm)
    model = AdversarialLinearClassifier("pairwise", epsilon=0.1, alpha=1e-4).fit(X, y)
    assert model.kkt_residual_[0] <= model.tol
    assert model.intercept_[0] == 0.0
    pairs = (X[y == 1][:, np.newaxis] - X[y == 0]) @ model.coef_[0]
    expected = np.log1p(np.exp(0.1 * np.abs(model.coef_).sum() - pairs)).mean()
    penalty = 0.5e-4 * (model.coef_**2).sum()
    assert model.objective_[0] == pytest.approx(expected + penalty, rel=1e-12)
    rival = AdversarialLogisticRegression(0.1, alpha=1e-4).fit(X, y)
    of_rival = (X[y == 1][:, np.newaxis] - X[y == 0]) @ rival.coef_[0]
    assert expected < np.log1p(np.exp(0.1 * np.abs(rival.coef_).sum() - of_rival)).mean()
    assert roc_auc_score(y, model.decision_function(X)) > 0.75
