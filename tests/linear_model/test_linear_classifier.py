"""Every loss, norm and solver: against a general convex solver, and at the edges of what is data.

What all of them share with logistic regression is held in `test_laws`.
"""

from dataclasses import replace
from itertools import count

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.sparse import csr_array
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from sklearn_advex import (
    AdversarialLinearClassifier,
    AdversarialLogisticRegression,
    epsilon_grid,
    epsilon_max,
)
from sklearn_advex._perturbation import PERTURBATION_SETS
from sklearn_advex.linear_model._objective._duality import optimality_residual
from sklearn_advex.linear_model._objective._objective import RobustObjective
from sklearn_advex.linear_model._objective._points import DualVariables
from tests.linear_model.problems import (
    cvxpy_optimum,
    objective_of,
    reference_may_complain,
    sparse_gaussian,
)

PENALTIES = [(0.0, 0.0), (1e-3, 0.0), (1e-2, 0.5), (1e-2, 1.0)]
EPSILON = np.array([0.1, 0.0, 0.2, 0.05, 0.0, 0.3, 0.1])


def make_classifier(case, **options):
    loss, norm, solver = case
    return AdversarialLinearClassifier(loss, norm=norm, solver=solver, **options)


@reference_may_complain
@pytest.mark.parametrize("fit_intercept", [True, False], ids=["intercept", "no intercept"])
@pytest.mark.parametrize(("alpha", "l1_ratio"), PENALTIES, ids=str)
def test_objective_equals_that_of_a_general_convex_solver(case, alpha, l1_ratio, fit_intercept):
    X, y, weights = sparse_gaussian()
    model = make_classifier(
        case, epsilon=EPSILON, alpha=alpha, l1_ratio=l1_ratio, fit_intercept=fit_intercept
    ).fit(csr_array(X) if fit_intercept else X, y, sample_weight=weights)
    reference = cvxpy_optimum(X, y, weights, EPSILON, alpha, l1_ratio, fit_intercept, *case[:2])
    assert model.objective_[0] == pytest.approx(reference, abs=1e-8)
    assert model.kkt_residual_[0] <= 1e-8
    assert model.dual_gap_[0] <= (1e-7 if alpha else model.objective_[0])
    if case[1] == "linf":
        assert np.count_nonzero(model.coef_ == 0.0) > 0


@reference_may_complain
@pytest.mark.filterwarnings("ignore:The solver stopped after")
@pytest.mark.filterwarnings("ignore:All coefficients are 0")
@pytest.mark.parametrize(("alpha", "l1_ratio"), PENALTIES, ids=str)
def test_the_dual_gap_bounds_the_suboptimality_at_every_stage(case, alpha, l1_ratio):
    X, y, weights = sparse_gaussian()
    minimum = cvxpy_optimum(X, y, weights, EPSILON, alpha, l1_ratio, True, *case[:2])
    for max_iter in (0, 2, 4, 8):
        model = make_classifier(
            case, epsilon=EPSILON, alpha=alpha, l1_ratio=l1_ratio, max_iter=max_iter
        ).fit(X, y, sample_weight=weights)
        assert model.objective_[0] - minimum <= model.dual_gap_[0] + 1e-8
        assert model.dual_gap_[0] <= model.objective_[0]


@pytest.mark.parametrize("alpha", [0.0, 1e-2])
def test_the_hinge_against_a_box_is_the_linear_program_that_highs_solves(alpha):
    X, y, weights = sparse_gaussian(60, 4)
    n, d = X.shape
    signed = (2.0 * y - 1)[:, None] * np.c_[X, np.ones(n)]
    # Variables: the positive and the negative parts of w, b, and the losses.
    rows = np.c_[0.1 - signed[:, :d], 0.1 + signed[:, :d], -signed[:, d:], -np.eye(n)]
    cost = np.r_[np.full(2 * d, alpha), 0.0, weights / weights.sum()]
    bounds = [(0, None)] * (2 * d) + [(None, None)] + [(0, None)] * n
    program = linprog(cost, rows, -np.ones(n), bounds=bounds, method="highs-ds")
    model = AdversarialLinearClassifier("hinge", alpha=alpha, l1_ratio=1.0).fit(X, y, weights)
    assert model.objective_[0] == pytest.approx(program.fun, abs=1e-10)
    np.testing.assert_allclose(model.coef_[0], program.x[:d] - program.x[d : 2 * d], atol=1e-8)
    np.testing.assert_array_equal(
        model.coef_[0] == 0, np.abs(program.x[:d] - program.x[d : 2 * d]) < 1e-12
    )


def test_log_loss_is_adversarial_logistic_regression():
    X, y, weights = sparse_gaussian()
    for norm in PERTURBATION_SETS:
        options = {"epsilon": 0.1, "norm": norm, "alpha": 1e-3}
        one = AdversarialLinearClassifier("log_loss", **options).fit(X, y, weights)
        other = AdversarialLogisticRegression(**options).fit(X, y, weights)
        np.testing.assert_array_equal(one.coef_, other.coef_)
        np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))


def test_both_solvers_find_the_same_zeros():
    X, y, _ = sparse_gaussian(2000, 30)
    for loss in ("log_loss", "softplus_hinge"):
        models = [
            AdversarialLinearClassifier(loss, solver=solver, alpha=0.0).fit(X, y)
            for solver in ("active-set-newton", "interior-point")
        ]
        np.testing.assert_allclose(models[0].coef_, models[1].coef_, atol=1e-8)
        np.testing.assert_array_equal(models[0].coef_ == 0, models[1].coef_ == 0)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("norm", PERTURBATION_SETS)
@pytest.mark.parametrize("loss", ["log_loss", "softplus_hinge"])
def test_epsilon_max_is_where_the_last_coefficient_leaves(loss, norm, n_classes):
    X, y, weights = sparse_gaussian()
    y = y if n_classes == 2 else y + (X[:, 3] > 0.8)
    largest = epsilon_max(X, y, weights, norm=norm)
    assert epsilon_grid(X, y, sample_weight=weights, norm=norm)[-1] < largest
    below = AdversarialLinearClassifier(loss, epsilon=0.999 * largest, norm=norm, alpha=0.0)
    assert below.fit(X, y, weights).coef_.any()
    above = AdversarialLinearClassifier(loss, epsilon=1.001 * largest, norm=norm, alpha=0.0)
    with pytest.warns(UserWarning, match="All coefficients are 0.*epsilon_max=.*decrease `eps"):
        assert not above.fit(X, y, weights).coef_.any()


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_rounding_of_the_objective_does_not_end_a_fit(norm, monkeypatch):
    """Near the optimum another order of summation decides whether a step seems to lead down."""
    X, y, weights = sparse_gaussian()
    epsilon = 0.999 * epsilon_max(X, y, weights, norm=norm)
    evaluate, errors = RobustObjective.evaluate, count(step=1e-14)

    def evaluate_roughly(*args):
        at = evaluate(*args)
        return replace(at, value=at.value + next(errors))

    monkeypatch.setattr(RobustObjective, "evaluate", evaluate_roughly)
    model = AdversarialLinearClassifier(epsilon=epsilon, norm=norm, alpha=0.0)
    assert model.fit(X, y, weights).kkt_residual_ <= model.tol


@pytest.mark.parametrize("norm", PERTURBATION_SETS)
def test_from_epsilon_max_on_the_hinge_uses_no_feature_either(norm):
    X, y, _ = sparse_gaussian()
    model = AdversarialLinearClassifier("hinge", epsilon=1.001 * epsilon_max(X, y, norm=norm))
    with pytest.warns(UserWarning, match="All coefficients are 0.*`epsilon` is too large"):
        model.set_params(norm=norm, alpha=0.0).fit(X, y)
    np.testing.assert_array_equal(model.coef_, 0.0)
    assert model.intercept_[0] == pytest.approx(-1.0, abs=1e-6)


def test_the_certified_radius_is_the_distance_to_the_boundary_in_the_norm():
    X, y, _ = sparse_gaussian()
    for norm, dual in (("linf", 1), ("l2", 2), ("l1", np.inf)):
        model = AdversarialLinearClassifier("hinge", norm=norm).fit(X, y)
        distance = np.abs(model.decision_function(X)) / np.linalg.norm(model.coef_[0], dual)
        np.testing.assert_allclose(model.certified_radius(X), distance)


SEPARATED = np.array([[-2.0, 0.3, 1.0], [-1.0, -0.5, 0.0], [1.0, 0.1, 1.0], [2.0, -0.4, 0.0]])


def test_robustly_separable_rows(case):
    model = make_classifier(case, epsilon=0.1, alpha=0.0)
    if case[0] == "hinge":  # which has a minimizer all the same
        model.fit(SEPARATED, [0, 0, 1, 1])
        assert model.objective_[0] <= 1e-8
    else:
        with pytest.warns(ConvergenceWarning, match="stay separable.*`alpha` > 0") as caught:
            model.fit(SEPARATED, [0, 0, 1, 1])
        assert len(caught) == 1
        if case[1] != "l1":  # whose bound by duality is too far off to be of use here
            named = float(str(caught[0].message).split("above ")[1].split(",")[0])
            make_classifier(case, epsilon=named, alpha=0.0).fit(SEPARATED, [0, 0, 1, 1])
    assert model.adversarial_score(SEPARATED, [0, 0, 1, 1]) == 1.0
    assert np.abs(model.coef_).max() < 1e4


def noisy(n_samples=60, n_features=3):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_samples, n_features))
    return X, (X[:, 0] + rng.standard_normal(n_samples) > 0.2).astype(int)


EDGES = {
    "collinear columns": lambda X: np.c_[X, X],
    "a column of zeros": lambda X: np.c_[X, np.zeros(len(X))],
    "a constant column": lambda X: np.c_[X, np.full(len(X), 7.0)],
    "one feature": lambda X: X[:, :1],
    "two rows": lambda X: X,
    "all rows equal": np.ones_like,
    "far from the origin": lambda X: X + 1e3,
}


@pytest.mark.parametrize("alpha", [0.0, 1e-3])
@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.filterwarnings("ignore:All coefficients are 0")
def test_degenerate_data_ends_at_an_optimum(case, edge, alpha):
    X, y = noisy()
    if edge == "two rows":
        X, y, alpha = X[:2], np.array([0, 1]), 1e-3
    model = make_classifier(case, alpha=alpha).fit(EDGES[edge](X), y)
    assert model.kkt_residual_[0] <= 1e-8
    assert np.isfinite(model.coef_).all()
    if edge == "all rows equal":
        assert not model.coef_.any()
    # An intercept and an l1 adversary who does better elsewhere leave a constant column a choice.
    if edge in ("a column of zeros", "a constant column") and (alpha > 0 or case[1] == "linf"):
        assert np.abs(model.coef_[0, -1]) < 1e-7


def test_a_column_far_larger_than_the_others_ends_in_a_good_model_or_a_warning(case, recwarn):
    X, y = noisy()
    scale = np.array([1e8, 1.0, 1.0])
    plain = make_classifier(case, epsilon=np.full(3, 0.1), alpha=0.0).fit(X, y)
    assert len(recwarn) == 0
    model = make_classifier(case, epsilon=0.1 * scale, alpha=0.0).fit(X * scale, y)
    assert [w.category for w in recwarn] in ([], [ConvergenceWarning])
    assert (model.kkt_residual_[0] > 1e-8) == bool(recwarn)
    np.testing.assert_allclose(
        model.decision_function(X * scale), plain.decision_function(X), atol=1e-4
    )


def test_too_few_steps_are_reported(case):
    X, y, _ = sparse_gaussian()
    with pytest.warns(ConvergenceWarning, match=r"stopped after 2 iter.*`max_iter` \(now 2"):
        model = make_classifier(case, max_iter=2).fit(X, y)
    assert model.kkt_residual_[0] > model.tol
    assert model.n_iter_[0] == 2


def test_residual_and_gap_hold_for_coefficients_in_float32(case):
    X, y, _ = sparse_gaussian()
    model = make_classifier(case, alpha=1e-3).fit(X.astype(np.float32), y)
    assert 0 < model.kkt_residual_[0] < 1e-5
    assert 0 <= model.dual_gap_[0] < 1e-5


@pytest.mark.parametrize(
    ("loss", "norm", "missing"),
    [("hinge", "linf", "derivatives, which HingeTerm"), ("log_loss", "l2", "which L2Ball is not")],
)
def test_a_solver_that_cannot_solve_it_says_what_is_missing(loss, norm, missing):
    model = AdversarialLinearClassifier(loss, norm=norm, solver="active-set-newton")
    with pytest.raises(ValueError, match=missing):
        model.fit(*noisy())


def test_more_features_than_matrices_can_hold_are_refused():
    X = csr_array((np.ones(2), ([0, 1], [0, 1])), shape=(4, 5000))
    with pytest.raises(ValueError, match="X has 5000 features, it can take 2000"):
        AdversarialLinearClassifier("hinge").fit(X, [0, 1, 0, 1])


@pytest.mark.parametrize("loss", ["hinge", "softplus_hinge"])
def test_only_log_odds_have_probabilities(loss):
    X, y = noisy()
    model = AdversarialLinearClassifier(loss).fit(X, y)
    assert not hasattr(model, "predict_proba")
    with pytest.raises(AttributeError, match="has no attribute 'predict_proba'") as caught:
        model.predict_log_proba(X) if hasattr(model, "predict_log_proba") else model.predict_proba
    assert "CalibratedClassifierCV" in str(caught.value.__cause__)
    attributions = model.explain(X, output="logit")
    np.testing.assert_allclose(np.abs(attributions), np.abs(model.coef_ * X))


def test_verbose_prints_the_way_to_the_optimum(case, capsys):
    model = make_classifier(case, verbose=1).fit(*noisy())
    lines = capsys.readouterr().out.splitlines()
    assert f"step {model.n_iter_[0]:3d}" in lines[-1]
    assert "residual" in lines[0]


def test_real_data_is_fitted_by_every_loss_and_norm(case):
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    epsilon = 0.3 * epsilon_max(X, y, norm=case[1])
    model = make_classifier(case, epsilon=epsilon).fit(X, y)
    assert model.kkt_residual_[0] <= 1e-8
    assert model.score(X, y) > 0.92
    assert model.adversarial_score(X, y) == model.score(model.perturb(X, y), y)


@pytest.mark.parametrize(
    ("loss", "norm", "epsilon", "alpha", "l1_ratio", "digit"),
    [
        ("hinge", "linf", 0.1, 1e-3, 0.0, 3),
        ("hinge", "linf", 1.0, 1e-4, 0.0, 5),
        ("hinge", "linf", 0.01, 1e-2, 1.0, 3),
        ("log_loss", "l2", 0.01, 1e-2, 1.0, 3),
        ("log_loss", "l1", 0.1, 1e-2, 1.0, 3),
    ],
)
def test_raw_pixels_are_fitted_to_the_tolerance(loss, norm, epsilon, alpha, l1_ratio, digit):
    X, _, y, _ = train_test_split(*load_digits(return_X_y=True), random_state=0)
    model = AdversarialLinearClassifier(
        loss, norm=norm, epsilon=epsilon, alpha=alpha, l1_ratio=l1_ratio, tol=1e-7
    ).fit(X, y == digit)
    assert model.kkt_residual_[0] <= 1e-7


@pytest.mark.parametrize("seed", [21, 59, 96])
def test_steps_beyond_the_tolerance_do_not_lead_away_from_it(seed):
    rng = np.random.default_rng(seed)
    X = rng.lognormal(0, 2, (300, 12)) * 10.0 ** rng.uniform(-1, 3, 12)
    score = (np.log(X) - np.log(X).mean(axis=0))[:, :4].sum(axis=1)
    y = score + rng.standard_normal(300) > 0
    model = AdversarialLinearClassifier(norm="l2", epsilon=0.1, alpha=1e-2, l1_ratio=1.0)
    assert model.fit(X, y).kkt_residual_[0] <= model.tol
    assert model.n_iter_[0] < 25


def test_dual_variables_that_prove_nothing_do_not_lower_the_residual():
    X, y, _ = sparse_gaussian()
    variables = np.append(np.arange(1.0, 8.0), 0.0)

    # A dual of 0 makes the gradient of the hinge vanish, but it is not one of its subgradients.
    hinge = objective_of(X, 2.0 * y - 1, EPSILON, loss="hinge")
    dual = DualVariables(rows=np.zeros(y.size))
    at = hinge.evaluate(hinge.point(variables), dual)
    assert at.residual == 0.0
    assert optimality_residual(hinge, at, dual) == pytest.approx(at.value)

    # Neither is 0 a subgradient of the support function.
    logistic = objective_of(X, 2.0 * y - 1, 1e6 * EPSILON, norm="l1")
    dual = DualVariables(perturbation=np.zeros((1, 7)))
    at = logistic.evaluate(logistic.point(variables), dual)
    expected = 1e6 * (EPSILON * variables[:-1]).max()
    assert optimality_residual(logistic, at, dual) == pytest.approx(expected)


@pytest.mark.parametrize("norm", PERTURBATION_SETS)
def test_a_huge_constant_column_does_no_harm_to_the_hinge(norm):
    X, y = noisy()
    model = AdversarialLinearClassifier("hinge", norm=norm).fit(X, y)
    wider = AdversarialLinearClassifier("hinge", norm=norm).fit(np.c_[X, np.full(len(X), 1e8)], y)
    assert wider.kkt_residual_[0] <= 1e-8
    np.testing.assert_allclose(wider.coef_[0, :-1], model.coef_[0], atol=1e-6)
