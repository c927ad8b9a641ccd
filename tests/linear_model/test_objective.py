"""The objective against finite differences, and the same numbers from every kind of X."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from sklearn_advex._losses import LogisticLoss
from sklearn_advex._perturbation import LinfBall
from sklearn_advex.linear_model import _design_matrix, _objective
from sklearn_advex.linear_model._design_matrix import as_design_matrix
from sklearn_advex.linear_model._objective import RobustObjective

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
    return RobustObjective(
        as_design_matrix(X),
        rng.choice([-1.0, 1.0], N_SAMPLES),
        weights / weights.sum(),
        LogisticLoss(),
        LinfBall(np.linspace(0, 0.5, N_FEATURES)),
        alpha=0.03,
        l1_ratio=l1_ratio,
        fit_intercept=fit_intercept,
    )


@pytest.fixture
def coef():
    return np.random.default_rng(2).standard_normal(N_FEATURES)


def test_value_is_the_formula(X, coef):
    objective = make_objective(X)
    margins = objective.y * (X @ coef + 0.3)
    robust = np.log1p(np.exp(np.linspace(0, 0.5, 9) @ np.abs(coef) - margins))
    penalty = 0.03 * (0.4 * np.abs(coef).sum() + 0.3 * (coef**2).sum())
    expected = (objective.weights * robust).sum() + penalty
    assert objective.value(objective.point(coef, 0.3)) == pytest.approx(expected, rel=1e-14)


def test_gradient_is_the_slope_of_the_value(X, coef, container):
    objective = make_objective(container(X))
    subgradients = objective.subgradients(objective.point(coef, 0.3))
    gradient = np.append(subgradients.smallest(coef), subgradients.intercept)
    packed = np.append(coef, 0.3)

    def value(v):
        return objective.value(objective.point(v[:-1], v[-1]))

    slopes = [(value(packed + h) - value(packed - h)) / 2e-6 for h in 1e-6 * np.eye(10)]
    np.testing.assert_allclose(gradient, slopes, atol=1e-8)


def test_subgradient_at_zero_is_the_nearest_one_sided_slope(X, coef):
    coef[[2, 5]] = 0.0
    objective = make_objective(X)
    smallest = objective.subgradients(objective.point(coef, 0.3)).smallest(coef)
    for j in (2, 5):
        value = objective.value(objective.point(coef, 0.3))
        right, left = (
            (objective.value(objective.point(coef + h * np.eye(9)[j], 0.3)) - value) / h
            for h in (1e-7, -1e-7)
        )
        expected = max(left, 0.0) + min(right, 0.0)
        assert smallest[j] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("largest_dense", [0, 1000], ids=["by products", "as a matrix"])
def test_hessian_is_the_slope_of_the_gradient(X, coef, container, largest_dense, monkeypatch):
    monkeypatch.setattr(_objective, "_LARGEST_DENSE_HESSIAN", largest_dense)
    objective = make_objective(container(X))
    curvature = objective.expand(objective.point(coef, 0.3)).curvature
    hessian = objective.hessian(curvature, np.sign(coef))
    packed = np.append(coef, 0.3)

    def gradient(v):
        subgradients = objective.subgradients(objective.point(v[:-1], v[-1]))
        return np.append(subgradients.smallest(v[:-1]), subgradients.intercept)

    for direction in np.eye(10):
        slope = (gradient(packed + 1e-6 * direction) - gradient(packed - 1e-6 * direction)) / 2e-6
        np.testing.assert_allclose(hessian.product(direction), slope, atol=1e-7)


def test_diagonal_of_the_hessian_operator(X, coef, container, monkeypatch):
    as_matrix = make_objective(X)
    curvature = as_matrix.expand(as_matrix.point(coef, 0.3)).curvature
    matrix = as_matrix.hessian(curvature, np.sign(coef)).matrix
    monkeypatch.setattr(_objective, "_LARGEST_DENSE_HESSIAN", 0)
    objective = make_objective(container(X))
    operator = objective.hessian(curvature, np.sign(coef))
    np.testing.assert_allclose(operator.diagonal, np.diag(matrix), rtol=1e-12)


def test_hessian_leaves_out_the_features_that_are_not_in_use(X, coef, container, monkeypatch):
    signs = np.sign(coef) * (np.arange(N_FEATURES) % 3 == 1)
    objective = make_objective(container(X))
    curvature = objective.expand(objective.point(coef * np.abs(signs), 0.3)).curvature
    everything = objective.hessian(curvature, signs).matrix
    monkeypatch.setattr(_objective, "_CHEAP_HESSIAN", 0)
    monkeypatch.setattr(_design_matrix, "_BLOCK_ROWS", 128)  # the last of three blocks is shorter
    matrix = objective.hessian(curvature, signs).matrix
    used = np.append(signs != 0, True)
    pairs = np.tril(np.outer(used, used))
    np.testing.assert_allclose(matrix[pairs], everything[pairs], rtol=1e-12, atol=1e-15)
    assert everything[np.tril_indices_from(everything)].all()
    assert not matrix[~pairs].any()


@pytest.mark.parametrize("kept", [[1], [0, 4, 7], [0, 1, 2, 3, 5, 6, 8]], ids=len)
@pytest.mark.parametrize("largest_dense", [0, 1000], ids=["by products", "as a matrix"])
def test_restriction_is_the_objective_with_the_other_coefficients_at_zero(
    X, coef, container, kept, largest_dense, monkeypatch
):
    monkeypatch.setattr(_objective, "_LARGEST_DENSE_HESSIAN", largest_dense)
    kept = np.array(kept)
    whole = make_objective(container(X))
    part = whole.restrict(kept)
    padded = np.zeros(N_FEATURES)
    padded[kept] = coef[kept]
    at, part_at = whole.point(padded, 0.3), part.point(coef[kept], 0.3)
    assert part.value(part_at) == pytest.approx(whole.value(at), rel=1e-13)
    np.testing.assert_allclose(
        part.subgradients(part_at).smallest(coef[kept]),
        whole.subgradients(at).smallest(padded)[kept],
        rtol=1e-10,
    )
    v = np.arange(1.0, kept.size + 2)
    v_padded = np.zeros(N_FEATURES + 1)
    v_padded[kept], v_padded[-1] = v[:-1], v[-1]
    rows = np.append(kept, N_FEATURES)
    np.testing.assert_allclose(
        part.hessian(part.expand(part_at).curvature, np.sign(coef[kept])).product(v),
        whole.hessian(whole.expand(at).curvature, np.sign(coef)).product(v_padded)[rows],
        rtol=1e-10,
    )


def test_float32_rows_are_computed_with_in_float64(X, coef, container):
    single = X.astype(np.float32)
    expected = make_objective(single.astype(np.float64))
    objective = make_objective(container(single))
    point, expected_point = objective.point(coef, 0.3), expected.point(coef, 0.3)
    assert objective.value(point) == pytest.approx(expected.value(expected_point), rel=1e-14)
    np.testing.assert_allclose(
        objective.subgradients(point).coef, expected.subgradients(expected_point).coef, rtol=1e-10
    )


def test_null_point_is_the_best_model_without_features(X):
    objective = make_objective(X)
    point = objective.null_point()
    assert not point.coef.any()
    assert abs(objective.subgradients(point).intercept) < 1e-15
    assert make_objective(X, fit_intercept=False).null_point().intercept == 0.0


def test_points_along_a_segment_have_the_right_predictions(X, coef, container):
    objective = make_objective(container(X))
    start = objective.point(coef, 0.3)
    there = objective.move(start, -0.5 * coef, 0.1)(0.25)
    np.testing.assert_allclose(there.raw, X @ (0.875 * coef) + 0.325, atol=1e-12)
