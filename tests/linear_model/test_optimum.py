"""The estimator's optimum against a general convex solver, scikit-learn and closed forms."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.linear_model import LogisticRegression

from sklearn_advex import AdversarialLogisticRegression, alpha_max, epsilon_max
from tests.linear_model.problems import cvxpy_optimum, reference_may_complain, sparse_gaussian


@reference_may_complain
@pytest.mark.parametrize("container", [np.asarray, csr_array], ids=["dense", "csr"])
@pytest.mark.parametrize("fit_intercept", [True, False], ids=["intercept", "no intercept"])
@pytest.mark.parametrize(
    ("alpha", "l1_ratio"), [(0.0, 0.0), (1e-3, 0.0), (1e-3, 0.5), (1e-3, 1.0)], ids=str
)
@pytest.mark.parametrize("seed", [0, 1])
def test_objective_equals_that_of_a_general_convex_solver(
    container, fit_intercept, alpha, l1_ratio, seed
):
    X, y, weights = sparse_gaussian(seed=seed)
    epsilon = np.array([0.1, 0.0, 0.2, 0.05, 0.0, 0.3, 0.1])
    model = AdversarialLogisticRegression(
        epsilon, alpha=alpha, l1_ratio=l1_ratio, fit_intercept=fit_intercept
    ).fit(container(X), y, sample_weight=weights)
    reference = cvxpy_optimum(X, y, weights, epsilon, alpha, l1_ratio, fit_intercept)
    assert model.objective_[0] == pytest.approx(reference, abs=1e-9)
    assert model.kkt_residual_[0] <= 1e-8


def test_reported_objective_and_residual_are_those_of_the_returned_coefficients():
    X, y, weights = sparse_gaussian()
    model = AdversarialLogisticRegression(0.1, alpha=0.0).fit(X, y, sample_weight=weights)
    w, weights = model.coef_[0], weights / weights.sum()
    signs = 2.0 * y - 1

    argument = 0.1 * np.abs(w).sum() - signs * model.decision_function(X)
    assert model.objective_[0] == pytest.approx(weights @ np.logaddexp(0, argument), rel=1e-13)

    slopes = weights / (1 + np.exp(-argument))
    smooth, kink = -(slopes * signs) @ X, 0.1 * slopes.sum()
    used = w != 0
    residuals = np.r_[
        np.abs(smooth + kink * np.sign(w))[used],
        np.maximum(np.abs(smooth) - kink, 0)[~used],
        abs(slopes @ signs),
    ]
    assert model.kkt_residual_[0] == pytest.approx(residuals.max(), abs=1e-15)


def test_irrelevant_features_get_coefficients_that_are_exactly_zero():
    X, y, _ = sparse_gaussian(n_samples=2000, n_features=30)
    coef = AdversarialLogisticRegression(0.1, alpha=0.0).fit(X, y).coef_[0]
    assert (coef[:3] != 0).all()
    assert np.count_nonzero(coef[3:] == 0.0) >= 24


@pytest.mark.parametrize("alpha", [1e-4, 1e-2])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_without_an_adversary_it_is_scikit_learns_ridge_logistic_regression(alpha, n_classes):
    X, y, weights = sparse_gaussian(n_samples=300)
    if n_classes == 3:
        y = y + (X[:, 3] > 0.8)
    model = AdversarialLogisticRegression(0, alpha=alpha).fit(X, y, sample_weight=weights)
    normalized = weights * (len(y) / weights.sum())
    for k, coef in enumerate(model.coef_):
        is_class = y == (1 if n_classes == 2 else k)
        reference = LogisticRegression(C=1 / (alpha * len(y)), tol=1e-10, max_iter=10_000)
        reference.fit(X, is_class, sample_weight=normalized)
        np.testing.assert_allclose(coef, reference.coef_[0], atol=1e-5)
        np.testing.assert_allclose(model.intercept_[k], reference.intercept_[0], atol=1e-5)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("container", [np.asarray, csr_array], ids=["dense", "csr"])
def test_epsilon_max_is_where_the_last_feature_leaves(weighted, n_classes, container):
    X, y, weights = sparse_gaussian()
    y = y if n_classes == 2 else y + (X[:, 3] > 0.8)
    weights = weights if weighted else None
    largest = epsilon_max(container(X), y, sample_weight=weights)

    def support(epsilon):
        model = AdversarialLogisticRegression(epsilon, alpha=0.0)
        return np.count_nonzero(model.fit(X, y, sample_weight=weights).coef_)

    assert support(0.999 * largest) == 1
    with pytest.warns(UserWarning, match="All coefficients are 0.*epsilon_max"):
        assert support(1.001 * largest) == 0


@pytest.mark.parametrize("l1_ratio", [0.3, 1.0])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_alpha_max_is_where_the_last_feature_leaves(l1_ratio, n_classes):
    X, y, weights = sparse_gaussian()
    y = y if n_classes == 2 else y + (X[:, 3] > 0.8)
    largest = alpha_max(X, y, l1_ratio, sample_weight=weights)

    def support(alpha):
        model = AdversarialLogisticRegression(0, alpha=alpha, l1_ratio=l1_ratio)
        return np.count_nonzero(model.fit(X, y, sample_weight=weights).coef_)

    assert support(0.999 * largest) == 1
    with pytest.warns(UserWarning, match="All coefficients are 0.*decrease `alpha`"):
        assert support(1.001 * largest) == 0


@pytest.mark.parametrize("fit_intercept", [True, False], ids=["intercept", "no intercept"])
@pytest.mark.parametrize(
    ("alpha", "l1_ratio"), [(0.0, 0.0), (1e-3, 0.0), (1e-3, 0.5), (1e-3, 1.0)], ids=str
)
@reference_may_complain
@pytest.mark.filterwarnings("ignore:The solver stopped after")
@pytest.mark.filterwarnings("ignore:All coefficients are 0")
def test_the_dual_gap_bounds_the_suboptimality_at_every_stage(fit_intercept, alpha, l1_ratio):
    X, y, weights = sparse_gaussian()
    epsilon = np.array([0.1, 0.0, 0.2, 0.05, 0.0, 0.3, 0.1])
    minimum = cvxpy_optimum(X, y, weights, epsilon, alpha, l1_ratio, fit_intercept)
    gaps = []
    for max_iter in (0, 1, 2, 3, 4, 100):
        model = AdversarialLogisticRegression(
            epsilon,
            alpha=alpha,
            l1_ratio=l1_ratio,
            fit_intercept=fit_intercept,
            max_iter=max_iter,
        ).fit(X, y, sample_weight=weights)
        gaps.append(model.dual_gap_[0])
        assert model.objective_[0] - minimum <= gaps[-1] + 1e-9
        assert gaps[-1] <= model.objective_[0]
    if alpha > 0:
        assert gaps[-1] < 1e-9
        assert gaps[-1] < gaps[0]
