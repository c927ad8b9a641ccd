"""The objective against finite differences, and the same numbers from every kind of X."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from sklearn_advex.linear_model._objective import _costs
from sklearn_advex.linear_model._solvers._linear_systems import orthant_hessian
from tests.linear_model.problems import objective_of

N_SAMPLES, N_FEATURES = 300, 9


@pytest.fixture
def X():
    rng = np.random.default_rng(0)
    return rng.standard_normal((N_SAMPLES, N_FEATURES)) * (rng.random((300, 9)) < 0.6)


CONTAINERS = {
    "C order": np.ascontiguousarray,
    "Fortran order": np.asfortranarray,
    "every second row": lambda X: np.repeat(X, 2, axis=0)[::2],
    "csr": csr_array,
}


@pytest.fixture(params=CONTAINERS.values(), ids=CONTAINERS)
def container(request):
    return request.param


def make_objective(X, l1_ratio=0.4, fit_intercept=True):
    rng = np.random.default_rng(1)
    weights = rng.random(N_SAMPLES)
    weights[:5] = 0.0
    return objective_of(
        X,
        rng.choice([-1.0, 1.0], N_SAMPLES),
        np.linspace(0, 0.5, N_FEATURES),
        weights=weights / weights.sum(),
        alpha=0.03,
        l1_ratio=l1_ratio,
        fit_intercept=fit_intercept,
    )


def evaluate(objective, variables):
    return objective.evaluate(objective.point(variables))


@pytest.fixture
def variables():
    return np.append(np.random.default_rng(2).standard_normal(N_FEATURES), 0.3)


def test_value_is_the_formula(X, variables):
    objective = make_objective(X)
    coef, term = variables[:-1], objective.term
    margins = -term.sides * (X @ coef + 0.3)
    robust = np.log1p(np.exp(np.linspace(0, 0.5, 9) @ np.abs(coef) - margins))
    penalty = 0.03 * (0.4 * np.abs(coef).sum() + 0.3 * (coef**2).sum())
    expected = (term.weights * robust).sum() + penalty
    assert objective.value(objective.point(variables)) == pytest.approx(expected, rel=1e-14)


def test_gradient_is_the_slope_of_the_value(X, variables, container):
    objective = make_objective(container(X))

    def value(v):
        return objective.value(objective.point(v))

    slopes = [(value(variables + h) - value(variables - h)) / 2e-6 for h in 1e-6 * np.eye(10)]
    np.testing.assert_allclose(evaluate(objective, variables).subgradient, slopes, atol=1e-8)


def test_subgradient_at_zero_is_the_nearest_one_sided_slope(X, variables):
    variables[[2, 5]] = 0.0
    objective = make_objective(X)
    at = evaluate(objective, variables)
    for j in (2, 5):
        right, left = (
            (objective.value(objective.point(variables + h * np.eye(10)[j])) - at.value) / h
            for h in (1e-7, -1e-7)
        )
        expected = max(left, 0.0) + min(right, 0.0)
        assert at.subgradient[j] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("largest_dense", [0, 1000], ids=["by products", "as a matrix"])
def test_hessian_is_the_slope_of_the_gradient(X, variables, container, largest_dense, monkeypatch):
    monkeypatch.setattr(_costs, "LARGEST_DENSE_HESSIAN", largest_dense)
    objective = make_objective(container(X))
    curvature = evaluate(objective, variables).derivatives.curvature
    hessian = orthant_hessian(objective, curvature, np.sign(variables))

    def gradient(v):
        return evaluate(objective, v).subgradient

    for h in 1e-6 * np.eye(10):
        slope = (gradient(variables + h) - gradient(variables - h)) / 2e-6
        np.testing.assert_allclose(hessian.product(1e6 * h), slope, atol=1e-7)


def test_diagonal_of_the_hessian_operator(X, variables, container, monkeypatch):
    as_matrix = make_objective(X)
    curvature = evaluate(as_matrix, variables).derivatives.curvature
    matrix = orthant_hessian(as_matrix, curvature, np.sign(variables)).matrix
    monkeypatch.setattr(_costs, "LARGEST_DENSE_HESSIAN", 0)
    operator = orthant_hessian(make_objective(container(X)), curvature, np.sign(variables))
    np.testing.assert_allclose(operator.diagonal, np.diag(matrix), rtol=1e-12)


def test_hessian_leaves_out_the_features_that_are_not_in_use(X, variables, container, monkeypatch):
    signs = np.sign(variables) * (np.arange(N_FEATURES + 1) % 3 == 1)
    signs[-1] = 1.0
    objective = make_objective(container(X))
    curvature = evaluate(objective, variables * np.abs(signs)).derivatives.curvature
    everything = objective.hessian_matrix(curvature, signs)
    monkeypatch.setattr(_costs, "CHEAP_HESSIAN", 0)
    monkeypatch.setattr(_costs, "BLOCK_ROWS", 128)  # the last of three blocks is shorter
    matrix = objective.hessian_matrix(curvature, signs)
    pairs = np.tril(np.outer(signs != 0, signs != 0))
    np.testing.assert_allclose(matrix[pairs], everything[pairs], rtol=1e-12, atol=1e-15)
    assert everything[np.tril_indices_from(everything)].all()
    assert not matrix[~pairs].any()


@pytest.mark.parametrize("kept", [[1], [0, 4, 7], [0, 1, 2, 3, 5, 6, 8]], ids=len)
@pytest.mark.parametrize("largest_dense", [0, 1000], ids=["by products", "as a matrix"])
def test_restriction_is_the_objective_with_the_other_coefficients_at_zero(
    X, variables, container, kept, largest_dense, monkeypatch
):
    monkeypatch.setattr(_costs, "LARGEST_DENSE_HESSIAN", largest_dense)
    kept = np.append(kept, N_FEATURES)
    whole = make_objective(container(X))
    part = whole.restrict(kept)
    padded = np.zeros(N_FEATURES + 1)
    padded[kept] = variables[kept]
    at, part_at = evaluate(whole, padded), evaluate(part, variables[kept])
    assert part_at.value == pytest.approx(at.value, rel=1e-13)
    np.testing.assert_allclose(part_at.subgradient, at.subgradient[kept], rtol=1e-10)
    restricted, embedded = at.restrict(kept), part_at.point.embed(kept, at.point)
    np.testing.assert_array_equal(restricted.subgradient, at.subgradient[kept])
    assert restricted.point.n_features == part.n_features
    np.testing.assert_array_equal(embedded.variables, padded)
    v = np.arange(1.0, kept.size + 1)
    v_padded = np.zeros(N_FEATURES + 1)
    v_padded[kept] = v
    hessians = [
        orthant_hessian(objective, evaluation.derivatives.curvature, signs)
        for objective, evaluation, signs in (
            (part, part_at, np.sign(variables[kept])),
            (whole, at, np.sign(variables)),
        )
    ]
    np.testing.assert_allclose(
        hessians[0].product(v), hessians[1].product(v_padded)[kept], rtol=1e-10
    )


def test_float32_rows_are_computed_with_in_float64(X, variables, container):
    single = X.astype(np.float32)
    expected = evaluate(make_objective(single.astype(np.float64)), variables)
    at = evaluate(make_objective(container(single)), variables)
    assert at.value == pytest.approx(expected.value, rel=1e-14)
    np.testing.assert_allclose(at.derivatives.variables, expected.derivatives.variables, rtol=1e-10)


def test_intercept_only_is_the_best_model_without_features(X):
    objective = make_objective(X)
    point = objective.intercept_only()
    assert not point.coef.any()
    assert abs(objective.evaluate(point).subgradient[-1]) < 1e-15
    assert make_objective(X, fit_intercept=False).intercept_only().intercepts.size == 0


def test_points_along_a_line_have_the_right_predictions(X, variables, container):
    objective = make_objective(container(X))
    start = objective.point(variables)
    direction = np.append(-0.5 * variables[:-1], 0.1)
    there = objective.along(start, direction)(0.25)
    np.testing.assert_allclose(there.variables, variables + 0.25 * direction)
    np.testing.assert_allclose(there.rows, X @ (0.875 * variables[:-1]) + 0.325, atol=1e-12)
