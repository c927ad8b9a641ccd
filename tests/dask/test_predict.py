"""Predictions of Dask collections are lazy, like the collection, and those of memory."""

from typing import NamedTuple

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import issparse

from sklearn_advex import AdversarialLogisticRegression
from tests.dask.conftest import CONTAINERS, as_array, as_csr, as_frame, no_scheduler, rows_of
from tests.one_hot import GROUPS, table

METHODS = ["predict", "decision_function", "predict_proba", "predict_log_proba", "certified_radius"]


# Several classes in one of the containers, as the others treat these alike.
CASES = [(2, container) for container in CONTAINERS] + [(3, "DataFrame")]


class Fitted(NamedTuple):
    """A model, rows in memory, and the same as Dask collections, all of which stay as they are."""

    model: AdversarialLogisticRegression
    X: object
    y: np.ndarray
    weights: np.ndarray
    of_dask: tuple


@pytest.fixture(scope="module", params=CASES, ids="{0[0]} classes, {0[1]}".format)
def fitted(request):
    n_classes, name = request.param
    X, y, weights = rows_of(n_classes)
    labels = np.array(["no", "yes", "perhaps"], dtype=object)[y]
    of_dask = CONTAINERS[name](X, labels, weights, 7)
    model = AdversarialLogisticRegression(0.05, alpha=1e-3).fit(*of_dask[:2])
    return Fitted(
        model, of_dask[0].compute() if name == "DataFrame" else X, labels, weights, of_dask
    )


def values_of(computed):
    return computed.toarray() if issparse(computed) else np.asarray(computed)


@pytest.mark.parametrize("method", METHODS)
def test_predictions_are_lazy_and_those_of_memory(fitted, method):
    rows, predict = fitted.of_dask[0], getattr(fitted.model, method)
    expected = predict(fitted.X)
    with dask.config.set(scheduler=no_scheduler):
        lazy = predict(rows)
    found = lazy.compute(scheduler="threads")
    if method == "predict":
        np.testing.assert_array_equal(values_of(found), expected)
    else:
        np.testing.assert_allclose(values_of(found), expected, rtol=1e-12, atol=1e-14)
    if isinstance(rows, dd.DataFrame):
        assert lazy.divisions == rows.divisions
        assert type(found) is type(lazy._meta)
        assert found.index.tolist() == rows.index.compute().tolist()
        if found.ndim == 2:
            classes = fitted.model.classes_.tolist()
            assert lazy.columns.tolist() == found.columns.tolist() == classes
            assert lazy.dtypes.tolist() == found.dtypes.tolist()
        else:
            assert lazy.dtype == found.dtype
    else:
        assert lazy.dtype == expected.dtype
        assert lazy.ndim == expected.ndim
        assert np.array_equal(lazy.chunks[0], rows.chunks[0], equal_nan=True)


def test_the_worst_rows_are_like_the_rows(fitted):
    rows, labels, _ = fitted.of_dask
    with dask.config.set(scheduler=no_scheduler):
        lazy = fitted.model.perturb(rows, labels, epsilon=0.3)
    found, expected = lazy.compute(), fitted.model.perturb(fitted.X, fitted.y, 0.3)
    if isinstance(rows, dd.DataFrame):
        pd.testing.assert_frame_equal(found, expected)
        assert lazy.columns.tolist() == list("abcdef")
    else:
        np.testing.assert_allclose(values_of(found), expected, atol=1e-15)


def test_scores_are_those_of_memory(fitted):
    model, X, y, weights, rows = fitted
    assert model.score(*rows) == pytest.approx(model.score(X, y, weights), abs=1e-12)
    assert model.score(*rows[:2]) == pytest.approx(model.score(X, y), abs=1e-12)
    expected = model.adversarial_score(X, y, 0.1, weights)
    assert model.adversarial_score(rows[0], rows[1], 0.1, rows[2]) == pytest.approx(expected)
    assert model.adversarial_score(*rows[:2]) == pytest.approx(model.adversarial_score(X, y))


def test_a_model_that_is_fitted_anew_changes_no_earlier_prediction():
    X, y, weights = rows_of()
    model = AdversarialLogisticRegression().fit(X, y)
    expected = model.decision_function(X)
    lazy = model.decision_function(as_array(X, y, weights, 3)[0])
    model.fit(X, 1 - y)
    np.testing.assert_array_equal(lazy.compute(), expected)


def test_rows_of_other_features_are_refused_at_once():
    X, y, weights = rows_of()
    table, labels, _ = as_frame(X, y, weights, 3)
    model = AdversarialLogisticRegression().fit(table, labels)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(table.rename(columns={"a": "z"}))
    with pytest.raises(ValueError, match="5 features"):
        AdversarialLogisticRegression().fit(X, y).predict(da.from_array(X[:, :5], chunks=100))
    with pytest.warns(UserWarning, match="valid feature names") as caught:
        model.predict(as_array(X, y, weights, 3)[0]).compute()
    assert len(caught) == 1


def test_labels_of_a_frame_have_to_be_a_series():
    X, y, weights = rows_of()
    table, labels, _ = as_frame(X, y, weights, 3)
    model = AdversarialLogisticRegression().fit(table, labels)
    with pytest.raises(TypeError, match="y must be a Dask Series"):
        model.perturb(table, y)


def test_one_parquet_data_set_is_attacked_and_scored_row_by_row(parquet):
    frame, table = parquet
    X, y = table[list("abcdef")], table["y"]
    model = AdversarialLogisticRegression(0.05).fit(X, y, table["weight"])
    known = frame[list("abcdef")]
    found = model.perturb(X, y).compute().reset_index(drop=True)
    pd.testing.assert_frame_equal(found, model.perturb(known, frame["y"]))
    assert model.score(X, y) == pytest.approx(model.score(known, frame["y"]))
    assert isinstance(model.predict(X), dd.Series)


def test_flips_of_categories_are_those_of_memory():
    X, y = table(100)
    model = AdversarialLogisticRegression(0.01).fit(X, y)
    threat = {"epsilon": 0.1, "categories": GROUPS, "max_flips": 1}
    rows, labels, _ = as_csr(X, y, np.ones(100), 7)
    with dask.config.set(scheduler=no_scheduler):
        lazy = model.perturb(rows, labels, **threat)
    np.testing.assert_array_equal(values_of(lazy.compute()), model.perturb(X, y, **threat))
    assert model.adversarial_score(rows, labels, **threat) == model.adversarial_score(
        X, y, **threat
    )
    radii = model.certified_radius(rows, categories=GROUPS, max_flips=1).compute()
    expected = model.certified_radius(X, categories=GROUPS, max_flips=1)
    np.testing.assert_allclose(radii, expected, rtol=1e-5)
    with pytest.raises(ValueError, match="must be one-hot"):
        model.adversarial_score(2 * rows, labels, **threat)
