"""Fits to many rows start from the models of a sample, and come to the same models."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.datasets import make_classification

from sklearn_advex import AdversarialLinearClassifier, AdversarialLogisticRegression
from sklearn_advex.linear_model._objective import _costs
from sklearn_advex.linear_model._training_data import TrainingData
from tests.linear_model.conftest import LOGISTIC_REGRESSIONS

ESTIMATORS = LOGISTIC_REGRESSIONS | {
    "softplus hinge": AdversarialLinearClassifier("softplus_hinge", epsilon=0.1),
    "float32": AdversarialLogisticRegression(0.05),
    "CSR": AdversarialLogisticRegression(0.05),
}


@pytest.fixture
def starts(monkeypatch):
    """What samples of an eighth of 1000 rows or more give, as it is found."""
    found, start = [], TrainingData.start

    def spy(data, problem):
        found.append(start(data, problem))
        return found[-1]

    monkeypatch.setattr(_costs, "MIN_ROWS_TO_SAMPLE", 1000)
    monkeypatch.setattr(_costs, "ROWS_PER_SAMPLED", 8)
    monkeypatch.setattr(TrainingData, "start", spy)
    return found


def rows_of(n_classes=2, n_rows=1000):
    return make_classification(
        n_rows, 6, n_informative=4, n_classes=n_classes, flip_y=0.2, random_state=0
    )


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_model_is_the_one_without_a_start(name, n_classes, starts, monkeypatch):
    X, y = rows_of(n_classes)
    X = {"float32": X.astype(np.float32), "CSR": csr_matrix(X)}.get(name, X)
    weights = np.random.default_rng(0).integers(0, 4, len(y))
    model = clone(ESTIMATORS[name]).fit(X, y, weights)
    assert starts[0].shape == (model.coef_.shape[0], 6 + model.fit_intercept)
    monkeypatch.setattr(_costs, "MIN_ROWS_TO_SAMPLE", 1001)
    expected = clone(model).fit(X, y, weights)
    assert starts[1] is None
    rounding = 1e-6 if name == "float32" else 1e-8
    np.testing.assert_allclose(model.coef_, expected.coef_, atol=rounding)
    np.testing.assert_allclose(model.intercept_, expected.intercept_, atol=rounding)
    np.testing.assert_array_equal(model.coef_ == 0, expected.coef_ == 0)


def test_it_takes_fewer_steps(starts, monkeypatch):
    X, y = rows_of(n_rows=10000)
    model = AdversarialLogisticRegression(0.05).fit(X, y)
    n_iter = model.n_iter_[0]
    monkeypatch.setattr(_costs, "MIN_ROWS_TO_SAMPLE", 10001)
    assert n_iter <= model.fit(X, y).n_iter_[0] - 2


def test_a_start_that_is_worse_than_none_is_not_used(monkeypatch):
    X, y = rows_of(3)
    expected = AdversarialLogisticRegression(0.05).fit(X, y)
    monkeypatch.setattr(TrainingData, "start", lambda data, problem: np.full((3, 7), 30.0))
    model = clone(expected).fit(X, y)
    np.testing.assert_array_equal(model.n_iter_, expected.n_iter_)
    np.testing.assert_array_equal(model.coef_, expected.coef_)


@pytest.mark.parametrize(
    "reason",
    ["a rare class", "separable", "many features", "many classes", "weights", "l2", "hinge"],
)
def test_there_is_no_start_where_a_sample_tells_nothing(reason, starts):
    (X, y), weights = rows_of(), None
    model = AdversarialLinearClassifier("log_loss", epsilon=0.05)
    if reason == "a rare class":
        y[:] = 0
        y[1::200] = 1
    elif reason == "separable":
        y[::8] = X[::8, 0] > 0  # the sample; all rows together are not
        model.set_params(epsilon=0.0, alpha=0.0)
    elif reason == "many features":
        X = np.hstack([X, X[:, ::-1] ** 2, X**3])
    elif reason == "many classes":
        y = np.arange(len(y)) % 5
    elif reason == "weights":
        weights = (np.arange(len(y)) % 8 > 0).astype(float)
    elif reason == "l2":
        model.set_params(norm="l2")
    else:
        model.set_params(loss="hinge")
    model.fit(X, y, weights)
    assert starts == [None]


def test_previous_coefficients_are_the_start_that_is_asked_for(starts):
    X, y = rows_of()
    model = AdversarialLogisticRegression(0.05, warm_start=True).fit(X, y).fit(X, y)
    assert len(starts) == 1
    assert model.n_iter_[0] == 0
