"""Laws that hold for every configuration, over one table of estimators."""

import warnings

import numpy as np
import pytest
from scipy.sparse import csr_array, csr_matrix
from sklearn.base import clone

from sklearn_advex import AdversarialLogisticRegression, epsilon_max
from sklearn_advex._losses import LOSSES
from sklearn_advex._perturbation import PERTURBATION_SETS


@pytest.fixture
def estimator(problem):
    return clone(problem[0])


def make_data(limits):
    rng = np.random.default_rng(5)
    X = rng.standard_normal((200, 6)) * (rng.random((200, 6)) < 0.8)
    score = X @ np.array([1.5, -1.0, 0.7, 0.2, 0.0, 0.0]) + rng.standard_normal(200)
    return X, np.digitize(score, limits), rng.integers(0, 4, 200)


@pytest.fixture
def data(problem):
    return make_data(problem[1])


def assert_same_model(one, other, features=slice(None), **tolerance):
    tolerance = {"atol": 1e-6, **tolerance}
    np.testing.assert_allclose(one.coef_[:, features], other.coef_, **tolerance)
    np.testing.assert_allclose(one.intercept_, other.intercept_, **tolerance)


def test_a_weight_is_a_number_of_copies_of_the_row(estimator, data):
    X, y, counts = data
    weighted = clone(estimator).fit(X, y, sample_weight=counts)
    repeated = estimator.fit(np.repeat(X, counts, axis=0), np.repeat(y, counts))
    assert_same_model(weighted, repeated)
    np.testing.assert_allclose(weighted.feature_means_, repeated.feature_means_)


def test_only_the_ratios_of_weights_matter(estimator, data):
    X, y, counts = data
    weights = counts + 0.5
    assert_same_model(clone(estimator).fit(X, y, weights), estimator.fit(X, y, weights * 1e3))


def test_the_order_of_features_does_not_matter(estimator, data):
    X, y, _ = data
    order = np.array([3, 1, 5, 0, 2, 4])
    permuted = clone(estimator)
    if np.ndim(estimator.epsilon):
        permuted.set_params(epsilon=np.take(estimator.epsilon, order))
    assert_same_model(estimator.fit(X, y), permuted.fit(X[:, order], y), features=order)


def test_the_order_of_rows_does_not_matter(estimator, data):
    X, y, _ = data
    order = np.random.default_rng(0).permutation(y.size)
    assert_same_model(clone(estimator).fit(X, y), estimator.fit(X[order], y[order]))


def test_a_feature_and_its_epsilon_can_be_measured_in_other_units(estimator, data):
    X, y, _ = data
    units = np.array([1000.0, 1.0, 0.01, 3.0, 1.0, 7.0])
    estimator.set_params(alpha=0.0)
    converted = clone(estimator).set_params(epsilon=units * estimator.epsilon)
    np.testing.assert_allclose(
        estimator.fit(X, y).decision_function(X),
        converted.fit(X * units, y).decision_function(X * units),
        atol=1e-6,
    )


@pytest.mark.parametrize("to_sparse", [csr_array, csr_matrix])
def test_sparse_rows_give_the_same_model_and_predictions(estimator, data, to_sparse):
    X, y, _ = data
    S = to_sparse(X)
    dense, sparse = clone(estimator).fit(X, y), estimator.fit(S, y)
    assert_same_model(dense, sparse)
    np.testing.assert_allclose(dense.decision_function(X), sparse.decision_function(S), atol=1e-6)
    np.testing.assert_allclose(dense.certified_radius(X), sparse.certified_radius(S), atol=1e-6)
    assert dense.adversarial_score(X, y) == sparse.adversarial_score(S, y)
    perturbed = sparse.perturb(S, y)
    assert type(perturbed) is to_sparse
    np.testing.assert_allclose(perturbed.toarray(), dense.perturb(X, y), atol=1e-15)


def test_float32_stays_float32_and_finds_the_same_model(estimator, data):
    X, y, _ = data
    X = X.astype(np.float32)
    single, double = clone(estimator).fit(X, y), estimator.fit(X.astype(np.float64), y)
    assert single.coef_.dtype == single.intercept_.dtype == np.float32
    assert single.perturb(X, y).dtype == single.decision_function(X).dtype == np.float32
    assert single.kkt_residual_.max() < 1e-6
    assert_same_model(single, double, rtol=1e-6)


def test_the_robust_loss_is_the_natural_loss_on_the_worst_inputs(estimator):
    X, y, _ = make_data([0.4])
    estimator.fit(X, y)
    balance = (y.size / (2 * np.bincount(y)))[y] if estimator.class_weight else np.ones(y.size)
    scores = estimator.decision_function(estimator.perturb(X, y))
    losses = LOSSES[getattr(estimator, "loss", "log_loss")]().value(
        np.where(y == 1, -1, 1) * scores
    )
    ridge = (estimator.coef_**2).sum() * (1 - estimator.l1_ratio) / 2
    penalty = estimator.alpha * (estimator.l1_ratio * np.abs(estimator.coef_).sum() + ridge)
    robust = np.average(losses, weights=balance) + penalty
    assert estimator.objective_[0] == pytest.approx(robust, abs=1e-12)


def test_no_allowed_change_is_worse_than_the_worst_one(estimator, data):
    X, y, _ = data
    estimator.fit(X, y)
    worst = estimator.perturb(X, y)
    allowed = PERTURBATION_SETS[estimator.norm](estimator.epsilon_)
    assert (allowed.gauge(worst - X) <= 1 + 1e-12).all()

    def lead_of_the_true_class(rows):
        scores = estimator.decision_function(rows)
        scores = np.column_stack([-scores, scores]) if scores.ndim == 1 else scores
        true = scores[np.arange(y.size), y]
        scores[np.arange(y.size), y] = -np.inf
        return true - scores.max(axis=1)

    rng = np.random.default_rng(0)
    for _ in range(200):
        change = estimator.epsilon_ * rng.choice([-1, 0, 1], X.shape)
        change /= np.maximum(allowed.gauge(change), 1.0)[:, np.newaxis]
        assert (lead_of_the_true_class(X + change) >= lead_of_the_true_class(worst) - 1e-12).all()


def test_adversarial_score_is_the_accuracy_on_the_worst_inputs(estimator, data):
    X, y, weights = data
    estimator.fit(X, y)
    for epsilon in (None, 0.0, 0.03, 0.4):
        on_worst_inputs = estimator.score(estimator.perturb(X, y, epsilon), y, weights)
        exact = estimator.adversarial_score(X, y, epsilon, sample_weight=weights)
        assert exact == pytest.approx(on_worst_inputs, abs=1e-12)


def test_within_the_certified_radius_nothing_changes_and_beyond_it_something_does(estimator, data):
    X, y, _ = data
    estimator.fit(X, y)
    radii = estimator.certified_radius(X)
    for i in np.argsort(radii)[::12]:  # from the least to the most certain row
        row, label, radius = X[[i]], estimator.predict(X[[i]])[0], radii[i]
        assert estimator.adversarial_score(row, [label], epsilon=radius * (1 - 1e-9)) == 1
        assert estimator.adversarial_score(row, [label], epsilon=radius * (1 + 1e-9)) == 0


@pytest.mark.parametrize("limits", [[0.4], [-0.5, 0.7]], ids=["binary", "three classes"])
def test_a_stronger_adversary_costs_objective_and_never_adds_certainty(limits):
    X, y, _ = make_data(limits)
    strengths = np.linspace(0, 0.99, 12) * epsilon_max(X, y)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All coefficients are 0", UserWarning)
        models = [AdversarialLogisticRegression(e, alpha=1e-6).fit(X, y) for e in strengths]
    objectives = np.array([model.objective_ for model in models])
    norms = np.array([np.abs(model.coef_).sum(axis=1) for model in models])
    assert (np.diff(objectives, axis=0) > -1e-9).all()
    assert (np.diff(norms, axis=0) < 1e-6).all()


def test_warm_start_ends_at_the_same_optimum_in_fewer_steps(estimator, data):
    X, y, _ = data
    cold = clone(estimator).fit(X, y)
    warm = clone(estimator).set_params(warm_start=True, alpha=estimator.alpha + 1e-3).fit(X, y)
    warm.set_params(alpha=estimator.alpha).fit(X, y)
    assert_same_model(cold, warm)
    if getattr(estimator, "loss", None) == "hinge":  # its programs start where they always do
        assert warm.n_iter_.sum() == cold.n_iter_.sum()
    else:
        assert warm.n_iter_.sum() < cold.n_iter_.sum()
