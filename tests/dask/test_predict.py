"""Predictions of Dask collections are lazy, like the collection, and those of memory."""

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import issparse

from sklearn_advex import AdversarialLogisticRegression
from tests.dask.conftest import as_array, as_csr, as_frame, no_scheduler, rows_of
from tests.one_hot import GROUPS, table

METHODS = ["predict", "decision_function", "predict_proba", "predict_log_proba", "certified_radius"]


@pytest.fixture(params=[2, 3], ids=["binary", "three classes"])
def fitted(request):
    X, y, weights = rows_of(request.param)
    labels = np.array(["no", "yes", "perhaps"], dtype=object)[y]
    model = AdversarialLogisticRegression(0.05, alpha=1e-3)
    return model, X, labels, weights


def values_of(computed):
    return computed.toarray() if issparse(computed) else np.asarray(computed)


@pytest.mark.parametrize("method", METHODS)
def test_predictions_are_lazy_and_those_of_memory(fitted, container, method):
    model, X, y, weights = fitted
    rows, labels, _ = container(X, y, weights, 7)
    model.fit(rows, labels)
    known = rows.compute() if container is as_frame else X
    expected = getattr(model, method)(known)
    with dask.config.set(scheduler=no_scheduler):
        lazy = getattr(model, method)(rows)
    found = lazy.compute(scheduler="threads")
    if method == "predict":
        np.testing.assert_array_equal(values_of(found), expected)
    else:
        np.testing.assert_allclose(values_of(found), expected, rtol=1e-12, atol=1e-14)
    if container is as_frame:
        assert lazy.divisions == rows.divisions
        assert type(found) is type(lazy._meta)
        assert found.index.tolist() == rows.index.compute().tolist()
        if found.ndim == 2:
            assert lazy.columns.tolist() == found.columns.tolist() == model.classes_.tolist()
            assert lazy.dtypes.tolist() == found.dtypes.tolist()
        else:
            assert lazy.dtype == found.dtype
    else:
        assert lazy.dtype == expected.dtype
        assert lazy.ndim == expected.ndim
        assert np.array_equal(lazy.chunks[0], rows.chunks[0], equal_nan=True)


def test_the_worst_rows_are_like_the_rows(fitted, container):
    model, X, y, weights = fitted
    rows, labels, _ = container(X, y, weights, 7)
    model.fit(rows, labels)
    with dask.config.set(scheduler=no_scheduler):
        lazy = model.perturb(rows, labels, epsilon=0.3)
    found = lazy.compute()
    if container is as_frame:
        expected = model.perturb(rows.compute(), y, 0.3)
        pd.testing.assert_frame_equal(found, expected)
        assert lazy.columns.tolist() == list("abcdef")
    else:
        np.testing.assert_allclose(values_of(found), model.perturb(X, y, 0.3), atol=1e-15)


def test_scores_are_those_of_memory(fitted, container):
    model, X, y, weights = fitted
    rows = container(X, y, weights, 7)
    model.fit(*rows)
    known = rows[0].compute() if container is as_frame else X
    assert model.score(*rows) == pytest.approx(model.score(known, y, weights), abs=1e-12)
    assert model.score(*rows[:2]) == pytest.approx(model.score(known, y), abs=1e-12)
    expected = model.adversarial_score(known, y, 0.1, weights)
    assert model.adversarial_score(rows[0], rows[1], 0.1, rows[2]) == pytest.approx(expected)
    assert model.adversarial_score(*rows[:2]) == pytest.approx(model.adversarial_score(known, y))


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
