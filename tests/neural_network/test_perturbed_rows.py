"""Perturbed rows are within epsilon of the caller's own numbers."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.datasets import make_classification
from torch import nn

from sklearn_advex import AdversarialMLPClassifier, AdversarialNetClassifier

EPSILON = {"a": 0.1, "b": 0.1, "c": 0.1, "customer": 0, "time": 0, "income": 0.04, "known": 0}


@pytest.fixture(scope="module")
def table():
    X, y = make_classification(300, n_features=3, n_redundant=0, random_state=0)
    frame = pd.DataFrame(X, columns=list("abc")).assign(
        customer=np.arange(300) + 100_000_000,
        time=1_700_000_000 + 7 * np.arange(300),
        income=1e6 + np.round(1e4 * X[:, 0], 2),
        known=X[:, 1] > 0,
    )
    return frame, y


def net(n_features, n_classes):
    return nn.Sequential(nn.BatchNorm1d(n_features), nn.Linear(n_features, n_classes))


def fitted(X, y, epsilon):
    return AdversarialNetClassifier(
        net, epsilon=epsilon, clip=None, max_epochs=2, random_state=0
    ).fit(X, y)


def test_frozen_columns_of_a_frame_come_back_as_they_were(table):
    X, y = table
    before = X.copy()
    perturbed = fitted(X, y, EPSILON).perturb(X, y)
    frozen = [name for name, width in EPSILON.items() if width == 0]
    pd.testing.assert_frame_equal(perturbed[frozen], X[frozen])
    for name in ("a", "b", "c", "income"):
        change = (perturbed[name] - X[name]).abs()
        assert 0 < change.max() <= EPSILON[name]
    pd.testing.assert_frame_equal(X, before)


def test_frozen_columns_of_polars_too(table):
    X, y = table
    in_polars = pl.from_pandas(X)
    perturbed = fitted(in_polars, y, EPSILON).perturb(in_polars, y)
    assert perturbed["customer"].equals(in_polars["customer"])
    assert perturbed["known"].equals(in_polars["known"])
    assert (perturbed["income"] - in_polars["income"]).abs().max() <= 0.04


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_change_exceeds_epsilon_in_the_type_of_the_caller(dtype, table):
    X, y = table
    X = X.drop(columns="known").to_numpy(dtype)
    epsilon = np.array([EPSILON[name] for name in ("a", "b", "c", "customer", "time", "income")])
    model = fitted(X, y, epsilon)
    perturbed = model.perturb(X, y)
    assert perturbed.dtype == dtype
    assert (np.abs(perturbed.astype(np.float64) - X.astype(np.float64)) <= epsilon).all()
    assert (np.abs(perturbed - X) <= epsilon).all()
    assert np.abs(perturbed - X)[:, :3].max() > 0.0999
    # what is asked for when attacking is what counts
    np.testing.assert_array_equal(model.perturb(X, y, epsilon=0 * epsilon), X)


def test_images_and_integers_keep_their_shape():
    X = np.random.default_rng(0).integers(0, 255, size=(40, 4, 5))
    module = nn.Sequential(nn.Flatten(), nn.Linear(20, 2))
    model = AdversarialNetClassifier(
        module, epsilon=3.5, clip=(0, 255), max_epochs=1, random_state=0
    ).fit(X, X[:, 0, 0] > 100)
    perturbed = model.perturb(X, X[:, 0, 0] > 100)
    assert perturbed.shape == X.shape
    assert perturbed.dtype == np.float64
    assert 0 < np.abs(perturbed - X).max() <= 3.5


def test_flips_of_categories_are_no_matter_of_epsilon():
    rng = np.random.default_rng(0)
    category = np.eye(3)[rng.integers(3, size=200)]
    X = np.c_[category, rng.normal(size=(200, 1)), 1e8 + np.arange(200)]
    y = (category[:, 0] == 1).astype(int)
    model = AdversarialMLPClassifier(
        (8,), epsilon=[0.1, 0.1, 0.1, 0.1, 0], categories=[[0, 1, 2]], max_epochs=10, random_state=0
    ).fit(np.c_[X[:, :4], np.zeros(200)], y)
    perturbed = model.perturb(X, y, max_flips=1)
    assert (perturbed[:, :3] != X[:, :3]).any()
    np.testing.assert_array_equal(perturbed[:, :3].sum(axis=1), 1)
    np.testing.assert_array_equal(perturbed[:, 4], X[:, 4])
