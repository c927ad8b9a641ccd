"""A sum over blocks of rows has the fit of the rows in one piece."""

from functools import partial

import numpy as np
import pytest
from sklearn.base import clone

from sklearn_advex.linear_model._objective import TERMS
from tests.linear_model.blocked_term import BlockedTerm


@pytest.mark.parametrize("n_rows", [1, 7, 1000])
def test_blocks_of_rows_give_the_fit_of_all_rows(problem, n_rows, monkeypatch):
    estimator, limits = problem
    rng = np.random.default_rng(0)
    X = rng.standard_normal((90, 6)) * (rng.random((90, 6)) < 0.8)
    y = np.digitize(X[:, 0] - X[:, 1] + 0.7 * rng.standard_normal(90), limits)
    weights = rng.integers(0, 3, 90)
    expected = clone(estimator).fit(X, y, weights)
    for name, make in TERMS.items():
        monkeypatch.setitem(TERMS, name, partial(BlockedTerm.split, make, n_rows=n_rows))
    model = clone(estimator).fit(X, y, weights)
    np.testing.assert_allclose(model.coef_, expected.coef_, atol=1e-10)
    np.testing.assert_allclose(model.intercept_, expected.intercept_, atol=1e-10)
    np.testing.assert_array_equal(model.coef_ == 0, expected.coef_ == 0)
    np.testing.assert_allclose(model.dual_gap_, expected.dual_gap_, atol=1e-11)
    assert model.kkt_residual_.max() <= model.tol
