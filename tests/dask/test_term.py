"""The data term of Dask blocks, and the passes that it takes."""

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose

from sklearn_advex._perturbation import perturbation_set
from sklearn_advex._utils._dask_blocks import BlockSum, join_blocks
from sklearn_advex.linear_model._dask._rows import slices_of
from sklearn_advex.linear_model._dask._summary import _different
from sklearn_advex.linear_model._dask._sums import ConjugateSum, GramSum
from sklearn_advex.linear_model._dask._training_data import DaskTrainingData
from tests.dask.conftest import as_array, rows_of
from tests.linear_model.test_protocols import N_FEATURES, check_data_term, sparse_rows


def term_of(loss, n_blocks, **options):
    rng = np.random.default_rng(2)
    X = sparse_rows()
    y, weights = rng.integers(0, 2, len(X)), rng.random(len(X))
    weights[:5] = 0.0
    data = DaskTrainingData.from_collections(*as_array(X, y, weights, n_blocks))
    unit = perturbation_set("linf", np.ones(N_FEATURES))
    return data, data.objectives(loss, unit, alpha=0.0, l1_ratio=0.0, **options)[0]


@pytest.mark.parametrize("n_blocks", [1, 3, 17])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("loss", ["log_loss", "softplus_hinge"])
def test_the_term_keeps_the_contract_of_data_terms(loss, fit_intercept, n_blocks):
    check_data_term(term_of(loss, n_blocks, fit_intercept=fit_intercept)[1].term)


def test_an_evaluation_is_one_pass_and_is_remembered():
    data, objective = term_of("log_loss", 5, fit_intercept=True)
    point = objective.point(np.linspace(-1, 1, N_FEATURES + 1))
    before = data.n_passes
    at = objective.evaluate(point)
    objective.value(point)
    objective.separates_robustly(point)
    assert data.n_passes == before + 1
    kept = np.arange(3, N_FEATURES + 1)
    part = objective.restrict(kept)
    reached = part.evaluate(part.point(at.point.variables[kept]))
    objective.evaluate(reached.point.embed(kept, at.point))
    assert data.n_passes == before + 2


def test_a_newton_step_is_one_pass():
    data, objective = term_of("log_loss", 5, fit_intercept=True)
    at = objective.evaluate(objective.point(np.linspace(-1, 1, N_FEATURES + 1)))
    before = data.n_passes
    curvature = at.derivatives.curvature
    along = objective.term.gram(curvature)
    assert data.n_passes == before
    (alone,) = data.blocks.compute(GramSum(objective.term.problem, curvature.point, None))
    assert_allclose(np.tril(along), np.tril(alone), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("loss", ["log_loss", "softplus_hinge"])
def test_a_model_without_features_needs_no_pass(loss, fit_intercept):
    data, objective = term_of(loss, 5, fit_intercept=fit_intercept)
    point = objective.point(np.append(np.zeros(N_FEATURES), [0.7] * fit_intercept))
    before = data.n_passes
    at = objective.evaluate(point)
    assert data.n_passes == before
    other = objective.point(point.variables.copy())
    objective.prefetch([other])
    assert data.n_passes == before + 1
    assert_allclose(at.value, objective.evaluate(other).value, rtol=1e-13)
    assert_allclose(at.subgradient, objective.evaluate(other).subgradient, atol=1e-13)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("loss", ["log_loss", "softplus_hinge"])
def test_conjugates_of_derivatives_need_no_pass(loss, fit_intercept):
    data, objective = term_of(loss, 5, fit_intercept=fit_intercept)
    point = objective.point(np.linspace(-1, 1, N_FEATURES + fit_intercept))
    at, term = objective.evaluate(point), objective.term
    dual = term.dual(point.rows, objective.heights(point))
    for factor, n_passes in ((1.0, 0), (1.0 - 1e-11, 0), (0.5, 1)):
        before = data.n_passes
        found = term.conjugate(dual, factor)
        assert data.n_passes == before + n_passes
        wanted = ConjugateSum(term.problem, dual.point, factor * dual.factors)
        (exact,) = data.blocks.compute(wanted)
        assert -1e-14 <= found - exact <= 1e-10 * at.derivatives.value


@pytest.mark.parametrize("labels", [[3, 7], [True, False], [0.5, -1.0, 2.0], range(9), ["a", "b"]])
def test_different_labels_are_found_wherever_they_stand(labels):
    labels = np.array(labels)
    y = np.repeat(labels, 300)
    np.testing.assert_array_equal(_different(y), np.unique(labels))
    np.testing.assert_array_equal(_different(np.resize(labels, 2000)), np.unique(labels))
    np.testing.assert_array_equal(_different(np.append(y[:300], y[-1:])), np.unique(y[[0, -1]]))


def unaligned(X):
    copy = np.empty(X.nbytes + 1, dtype=np.uint8)[1:].view(X.dtype).reshape(X.shape)
    copy[:] = X
    return copy


@pytest.mark.parametrize(
    "made", [np.asfortranarray, unaligned, np.float32, np.int64, sp.csr_matrix, pd.DataFrame]
)
def test_slices_are_the_rows_of_a_block(made):
    X = np.random.default_rng(0).integers(0, 9, (20_000, 3)).astype(float)
    found = [
        (rows, np.array(numbers.todense() if sp.issparse(numbers) else numbers))
        for rows, numbers in slices_of(made(X), X.dtype)
    ]
    assert np.array_equal(np.concatenate([numbers for _, numbers in found]), X)
    assert all(np.array_equal(X[rows], numbers) for rows, numbers in found)
    assert all(numbers.dtype == X.dtype for _, numbers in found)


def test_points_announced_together_take_one_pass():
    data, objective = term_of("log_loss", 5, fit_intercept=True)
    start = objective.point(np.zeros(N_FEATURES + 1))
    along = objective.along(start, np.ones(N_FEATURES + 1))
    points = [along(0.5**k) for k in range(4)]
    before = data.n_passes
    objective.prefetch(points)
    found = [objective.evaluate(point).value for point in points]
    assert data.n_passes == before + 1
    apart = [objective.value(objective.point(point.variables)) for point in points]
    assert found == apart


def test_sums_are_taken_in_the_order_of_the_blocks():
    class Numbers(BlockSum):
        label = "numbers"

        def of_block(self, block):
            return [block.number]

        def join(self, parts):
            return [number for part in parts for number in part]

    X, y, _ = rows_of(n_rows=300)
    blocks = join_blocks(da.from_array(X, chunks=(2, -1)), y)
    assert blocks.compute(Numbers()) == [list(range(150))]


def test_two_runs_give_the_same_bits():
    values = []
    for _ in range(2):
        _, objective = term_of("log_loss", 17, fit_intercept=True)
        at = objective.evaluate(objective.point(np.linspace(-1, 1, N_FEATURES + 1)))
        values.append(np.append(at.subgradient, at.value))
    np.testing.assert_array_equal(*values)
