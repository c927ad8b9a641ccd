"""Explanations of Dask collections are lazy, and their summaries are reduced block by block."""

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import issparse
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_advex import AdversarialLogisticRegression, AttributionTransformer, explain
from sklearn_advex.metrics import feature_value_impact
from sklearn_advex.model_selection import (
    adversarial_accuracy_scorer,
    certified_accuracy_scorer,
    gini_scorer,
    make_adversarial_accuracy_scorer,
    make_gini_scorer,
    make_stability_scorer,
    n_features_scorer,
    stability_scorer,
)
from tests.dask.conftest import as_array, as_csr, as_frame, rows_of

CONTAINERS = [as_array, as_csr, as_frame]


SCORERS = [
    adversarial_accuracy_scorer,
    make_adversarial_accuracy_scorer(epsilon=0.3),
    certified_accuracy_scorer,
    n_features_scorer,
    stability_scorer,
    make_stability_scorer(epsilon=0.1, output="logit", target="predicted"),
    make_gini_scorer(target="true", output="logit"),
]


def values_of(computed):
    return computed.toarray() if issparse(computed) else np.asarray(computed)


@pytest.fixture(params=CONTAINERS, ids=lambda make: make.__name__)
def explained(request):
    """A model, rows in a Dask collection and in memory, and labels of both kinds."""
    X, y, weights = rows_of()
    rows, labels, lazy_weights = request.param(X, y, weights, 5)
    model = AdversarialLogisticRegression(0.05, alpha=1e-3).fit(rows, labels)
    return model, (rows, labels, lazy_weights), (rows.compute(), y, weights)


def test_attributions_are_like_the_rows(explained):
    model, (rows, labels, _), (known, y, _) = explained
    for target in ("predicted", "true"):
        lazy = model.explain(rows, labels, target=target)
        expected = model.explain(known, y, target=target)
        np.testing.assert_allclose(values_of(lazy.compute()), values_of(expected), atol=1e-13)
    if isinstance(known, pd.DataFrame):
        assert isinstance(lazy, dd.DataFrame)
        assert lazy.columns.tolist() == list("abcdef")
        assert lazy.divisions == rows.divisions
        assert lazy.compute().index.tolist() == known.index.tolist()
    else:
        assert isinstance(lazy, da.Array)
        assert lazy.chunks == rows.chunks
        assert lazy.dtype == np.float64
    transformed = AttributionTransformer(FrozenEstimator(model)).fit(known).transform(rows)
    expected = model.explain(known)
    np.testing.assert_allclose(values_of(transformed.compute()), values_of(expected), atol=1e-13)


def test_summaries_of_attributions_are_those_of_memory(explained):
    model, lazy, known = explained
    assert gini_scorer(model, *lazy) == pytest.approx(gini_scorer(model, *known), abs=1e-12)
    assert gini_scorer(model, lazy[0]) == pytest.approx(gini_scorer(model, known[0]), abs=1e-12)
    for scorer in SCORERS:
        assert scorer(model, *lazy) == pytest.approx(scorer(model, *known), abs=1e-12)
        assert scorer(model, *lazy[:2]) == pytest.approx(scorer(model, *known[:2]), abs=1e-12)
    assert n_features_scorer(model, lazy[0]) == n_features_scorer(model, known[0]) < 0
    expected = feature_value_impact(model.explain(known[0]))
    impact = feature_value_impact(model.explain(lazy[0]))
    np.testing.assert_allclose(impact, expected, atol=1e-12)
    assert type(impact) is type(expected)
    if isinstance(expected, pd.Series):
        pd.testing.assert_index_equal(impact.index, expected.index)


def test_a_pipeline_with_texts_is_explained_by_its_columns():
    texts = pd.DataFrame({"city": ["a", "b", "a", "c"] * 5, "size": ["s", "l", "m", "m"] * 5})
    y = np.arange(20) % 2
    pipeline = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(texts, y)
    lazy = explain(pipeline, dd.from_pandas(texts, npartitions=3))
    pd.testing.assert_frame_equal(lazy.compute(), explain(pipeline, texts))
    assert lazy.columns.tolist() == ["city", "size"]


def test_rows_without_weight_use_no_column():
    X = np.eye(6)
    model = AdversarialLogisticRegression(0.0).fit(*rows_of()[:2])
    rows, weights = da.from_array(X, chunks=(2, 6)), (np.arange(6) < 3).astype(float)
    assert n_features_scorer(model, rows) == -6
    assert n_features_scorer(model, rows, None, weights) == -3
    with pytest.raises(ValueError, match="sample_weight is 0"):
        n_features_scorer(model, rows, None, np.zeros(6))


def test_scorers_reduce_the_blocks_of_a_pipeline():
    X, y, weights = rows_of()
    names = list("abcdef")
    pipeline = make_pipeline(StandardScaler(), AdversarialLogisticRegression(0.2))
    pipeline.fit(pd.DataFrame(X, columns=names), y)
    table, labels, _ = as_frame(X, y, weights, 5)
    known = pd.DataFrame(X, columns=names)
    for scorer in (*SCORERS, gini_scorer):
        with dask.config.set(scheduler=counting_rows):
            found = scorer(pipeline, table, labels)
        assert found == pytest.approx(scorer(pipeline, known, y), abs=1e-12)


def counting_rows(graph, keys, **options):
    """Compute, and see that no rows come back."""
    found = dask.get(graph, keys, **options)
    assert max(np.size(values) for part in found for of_sum in part for values in of_sum) <= 6
    return found


def test_options_that_need_all_rows_name_themselves():
    X, y, weights = rows_of()
    model = make_pipeline(StandardScaler(), AdversarialLogisticRegression()).fit(X, y)
    rows = as_array(X, y, weights, 3)[0]
    with pytest.raises(ValueError, match="return_completeness=True is not available"):
        explain(model, rows, return_completeness=True)
    with pytest.raises(ValueError, match="set max_samples=None"):
        make_gini_scorer(max_samples=10)(model, rows)
