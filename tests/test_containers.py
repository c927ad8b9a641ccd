"""Tables of other libraries go in, and the same come out."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_advex import (
    AdversarialLogisticRegression,
    AdversarialLogisticRegressionCV,
    AttributionTransformer,
    MaxColumnsClassifier,
    epsilon_max,
    epsilon_path,
    explain,
    feature_path,
)
from sklearn_advex._utils._containers import (
    column_names,
    first_row,
    frame_like,
    is_frame,
    is_sparse,
    missing_rows,
    replace_columns,
    select_columns,
    values_of,
    with_other_numbers,
)
from sklearn_advex.attribution import attribution_stability
from sklearn_advex.metrics import feature_impact, feature_value_impact, gini_index
from sklearn_advex.model_selection import gini_scorer, n_features_scorer
from sklearn_advex.plotting import (
    AttributionDisplay,
    FeatureImpactDisplay,
    SparsenessGainDisplay,
    to_shap_explanation,
)
from sklearn_advex.report import conciseness_report


def to_pyarrow(frame):
    pyarrow = pytest.importorskip("pyarrow")
    return pyarrow.Table.from_pandas(frame, preserve_index=False)


CONTAINERS = {"pandas": lambda frame: frame, "polars": pl.from_pandas, "pyarrow": to_pyarrow}


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "color": rng.choice(["red", "green", "blue"], 90),
            "size": rng.normal(size=90),
            "weight": rng.normal(size=90),
        }
    )


@pytest.fixture(scope="module")
def y(frame):
    return np.where((frame["color"] == "red") + frame["size"] > 0.3, "yes", "no")


@pytest.fixture(params=CONTAINERS)
def convert(request):
    if request.param == "polars":
        pytest.importorskip("pyarrow", reason="polars converts texts of pandas by pyarrow")
    return CONTAINERS[request.param]


def numbers(frame):
    return frame.drop(columns="color")


def encoder():
    return make_column_transformer(
        (OneHotEncoder(sparse_output=False), ["color"]), (StandardScaler(), ["size", "weight"])
    )


def test_explain_and_perturb(convert, frame, y):
    expected_model = AdversarialLogisticRegression(0.1).fit(numbers(frame), y)
    X = convert(numbers(frame))
    model = AdversarialLogisticRegression(0.1).fit(X, y)
    for result, expected in (
        (explain(model, X), explain(expected_model, numbers(frame))),
        (model.perturb(X, y), expected_model.perturb(numbers(frame), y)),
    ):
        assert type(result) is type(X)
        assert column_names(result) == ["size", "weight"]
        np.testing.assert_allclose(values_of(result), expected.to_numpy())


def test_pipelines_back_to_the_columns(convert, frame, y):
    X = convert(frame)
    model = make_pipeline(encoder(), AdversarialLogisticRegression(0.1)).fit(X, y)
    expected = explain(clone_fitted(frame, y), frame)
    attributions = explain(model, X)
    assert type(attributions) is type(X)
    assert column_names(attributions) == ["color", "size", "weight"]
    np.testing.assert_allclose(values_of(attributions), expected.to_numpy())
    encoded = explain(model, X, groups=None)
    assert column_names(encoded) == list(model[:-1].get_feature_names_out())
    grouped = explain(model, X, groups={"one": column_names(encoded)})
    assert column_names(grouped) == ["one"]


def clone_fitted(frame, y):
    return make_pipeline(encoder(), AdversarialLogisticRegression(0.1)).fit(frame, y)


@pytest.mark.filterwarnings(
    "ignore::PendingDeprecationWarning"  # by the import of shap
)
def test_what_reads_attributions(convert, frame, y):
    X = convert(frame)
    model = make_pipeline(encoder(), AdversarialLogisticRegression(0.1)).fit(X, y)
    expected = explain(clone_fitted(frame, y), frame)
    attributions = explain(model, X)
    impact = feature_value_impact(attributions)
    pd.testing.assert_series_equal(impact, feature_value_impact(expected))
    np.testing.assert_allclose(gini_index(attributions), gini_index(expected))
    groups = {"what": ["color"], "how much": ["size", "weight"]}
    assert feature_impact(attributions, groups).index.tolist() == list(groups)
    assert n_features_scorer(model, X, y) == n_features_scorer(clone_fitted(frame, y), frame, y)
    report = conciseness_report({"n": model}, X, y)
    assert report["n_columns"].item() == np.count_nonzero(impact)
    explanation = to_shap_explanation(model, X)
    assert explanation.feature_names == ["color", "size", "weight"]
    display = AttributionDisplay.from_estimator(model, X[:1] if is_slice(X) else X.iloc[[0]])
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert any(label.startswith("size = ") for label in labels)
    assert "color" in FeatureImpactDisplay.from_estimator(model, X).impacts.index


def is_slice(X):
    return not hasattr(X, "iloc")


def test_stability_of_probabilities(convert, frame, y):
    X = convert(numbers(frame)[:5])
    model = AdversarialLogisticRegression(0.1).fit(convert(numbers(frame)), y)
    options = {"output": "probability", "n_iter": 2}
    change = attribution_stability(model, X, y[:5], **options).change
    expected = attribution_stability(model, numbers(frame)[:5], y[:5], **options).change
    np.testing.assert_allclose(change, expected)


def test_missing_numbers(convert, frame, y):
    gaps = numbers(frame)
    gaps.loc[::7, "size"] = np.nan
    X = convert(gaps)
    linear = AdversarialLogisticRegression(0.1)
    pipeline = make_pipeline(SimpleImputer(), StandardScaler(), linear)
    expected, model = (clone(pipeline).fit(table, y) for table in (gaps, X))
    np.testing.assert_allclose(values_of(explain(model, X)), explain(expected, gaps).to_numpy())
    assert n_features_scorer(model, X, y) == n_features_scorer(expected, gaps, y)
    assert conciseness_report({"n": model}, X, y)["n_columns"].item() == 2
    assert MaxColumnsClassifier(pipeline, max_columns=1).fit(X, y).columns_ == [["size"]]
    transformed, other = (
        AttributionTransformer(pipeline).fit(table, y).transform(table) for table in (X, gaps)
    )
    np.testing.assert_allclose(transformed, other)


def test_encoded_names_of_polars_steps(frame, y):
    model = make_pipeline(
        encoder().set_output(transform="polars"), AdversarialLogisticRegression(0.1)
    ).fit(frame, y)
    attributions = explain(model, frame, groups=None)
    assert isinstance(attributions, pl.DataFrame)
    assert attributions.columns == list(model[:-1].get_feature_names_out())


def test_sparse_booleans_are_numbers(frame, y):
    dummies = pd.get_dummies(frame[["color"]], sparse=True)
    model = AdversarialLogisticRegression(0.02).fit(dummies.astype(float), y)
    attributions = explain(model, dummies)
    expected = explain(model, dummies.astype(float))
    assert list(attributions) == list(expected)
    np.testing.assert_array_equal(attributions.to_numpy(), expected.to_numpy())
    background = explain(model, dummies, method="shap", baseline=dummies[:7])
    expected = explain(model, dummies, method="shap", baseline=dummies[:7].astype(float))
    np.testing.assert_allclose(background.to_numpy(), expected.to_numpy())


@pytest.mark.parametrize(
    "compute",
    {
        "fit": lambda X, y, _: AdversarialLogisticRegression(0.02).fit(X, y).coef_,
        "cv": lambda X, y, _: AdversarialLogisticRegressionCV(cv=3).fit(X, y).coef_,
        "path": lambda X, y, _: epsilon_path(X, y, epsilons=[0.1, 0.05]).coefs,
        "subsets": lambda X, y, _: feature_path(X, y, max_features=2).coefs,
        "largest epsilon": lambda X, y, _: epsilon_max(X, y),
        "predict_proba": lambda X, y, model: model.predict_proba(X),
        "perturb": lambda X, y, model: np.asarray(model.perturb(X, y), dtype=float),
        "adversarial_score": lambda X, y, model: model.adversarial_score(X, y),
        "certified_radius": lambda X, y, model: model.certified_radius(X),
    }.values(),
)
def test_sparse_booleans_are_numbers_to_linear_models(compute, frame, y):
    dummies = pd.get_dummies(frame[["color"]], sparse=True)
    model = AdversarialLogisticRegression(0.02).fit(dummies.astype(float), y)
    expected = compute(dummies.astype(float), y, model)
    actual = compute(dummies, y, model)
    assert np.asarray(actual).dtype == np.float64
    np.testing.assert_allclose(actual, expected)


@pytest.mark.parametrize("dtype", ["category", object, "boolean", "Int64", np.float16])
def test_columns_that_hold_numbers_are_predicted(dtype, frame, y):
    numbers = (frame[["size", "weight"]] > 0).astype(int)
    model = AdversarialLogisticRegression(0.02).fit(numbers, y)
    converted = numbers.astype(bool).astype(dtype) if dtype == "boolean" else numbers.astype(dtype)
    np.testing.assert_allclose(model.predict_proba(converted), model.predict_proba(numbers))


def test_texts_get_names():
    texts = pd.Series(["good film", "bad film", "good", "bad day"], index=list("abcd"))
    model = make_pipeline(CountVectorizer(), AdversarialLogisticRegression(0.01))
    attributions = explain(model.fit(texts, [1, 0, 1, 0]), texts)
    assert attributions.columns.tolist() == ["bad", "day", "film", "good"]
    assert attributions.index.tolist() == list("abcd")
    assert is_sparse(attributions)
    of_list = explain(model, texts.tolist())
    pd.testing.assert_frame_equal(of_list, attributions.reset_index(drop=True))
    of_array = explain(model, texts.to_numpy())
    pd.testing.assert_frame_equal(of_array, of_list)


@pytest.fixture(scope="module")
def twins():
    """A pipeline two of whose encoded columns have the same name."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "q1": rng.choice(["1", "1_other", "2"], 120),
            "q1_1": rng.choice(["other", "none"], 120),
        }
    )
    y = ((X["q1"] == "1_other") | (X["q1_1"] == "other")).astype(int)
    model = make_pipeline(OneHotEncoder(sparse_output=False), AdversarialLogisticRegression(0.02))
    model.fit(X, y)
    assert pd.Index(model[0].get_feature_names_out()).has_duplicates
    return model, X, y


def test_encoded_columns_of_one_name(twins):
    model, X, y = twins
    attributions = explain(model, X, groups=None)
    values = attributions.to_numpy()
    np.testing.assert_allclose(gini_index(attributions), gini_index(values))
    np.testing.assert_allclose(feature_value_impact(attributions), np.abs(values).mean(axis=0))
    report = conciseness_report({"n": model}, X, y)
    assert report["gini"].item() == pytest.approx(gini_scorer(model, X))
    models = {"n": model, "again": model}
    gains = SparsenessGainDisplay.from_estimators(models, X, y=y, target="true").gains
    np.testing.assert_array_equal(gains["again"], 0.0)
    impacts = FeatureImpactDisplay.from_estimators(models, X, groups=None).impacts
    assert impacts.shape == (5, 2)
    assert "q1_1_other (2)" in impacts.index
    with pytest.raises(
        ValueError, match=r"columns of the same name apart: 'q1_1_other'.*groups=No"
    ):
        explain(model, X, groups={"all": attributions.columns})


def test_polars_output_of_the_transformer(frame, y):
    transformer = AttributionTransformer(AdversarialLogisticRegression(0.1))
    X = pl.DataFrame(numbers(frame).to_dict("list"))
    out = transformer.set_output(transform="polars").fit(X, y).transform(X)
    assert out.columns == ["size", "weight"]


def test_replacing_columns(convert, frame):
    X = convert(frame)
    other = convert(frame[::-1].reset_index(drop=True))
    mixed = replace_columns(X, other, np.array([True, False, True]))
    assert type(mixed) is type(X)
    expected = frame.assign(color=frame["color"].to_numpy()[::-1])
    expected["weight"] = frame["weight"].to_numpy()[::-1]
    for name in frame.columns:
        assert values_of(select_columns(mixed, [name])).ravel().tolist() == expected[name].tolist()
    assert first_row(mixed).tolist() == expected.iloc[0].tolist()


def test_other_numbers(convert, frame):
    frame = frame.assign(none=np.where(np.arange(len(frame)) % 2, 3.0, np.nan))
    X = convert(frame)
    other = with_other_numbers(X)
    assert type(other) is type(X)
    for name, values in frame.items():
        expected = 2 * values.fillna(0) + 1 if values.dtype.kind in "fi" else values
        found = values_of(select_columns(other, [name])).ravel()
        assert found.tolist() == expected.tolist()


@pytest.mark.parametrize("container", [np.array, sparse.csr_matrix, sparse.csr_array])
def test_other_numbers_of_matrices(container):
    other = with_other_numbers(container([[1, 2.5, np.nan]]))
    assert type(other) is type(container([[0.0]]))
    other = other.toarray() if sparse.issparse(other) else other
    np.testing.assert_array_equal(other, [[3, 6, 1]])


def test_other_numbers_among_texts():
    other = with_other_numbers(np.array([["red", 2.5, None, np.nan]], dtype=object))
    assert other.tolist() == [["red", 6.0, None, 1.0]]
    assert with_other_numbers(np.array([["red"]])).tolist() == [["red"]]


def test_missing_rows(convert, frame):
    X = frame.assign(color=["red", None, *frame["color"][2:]], weight=np.nan)
    found = [(column, rows.tolist()) for column, rows in missing_rows(convert(X))]
    assert found == [(0, [1]), (2, list(range(len(X))))]


@pytest.mark.parametrize("container", [np.array, sparse.csr_matrix, sparse.csc_array])
def test_missing_rows_of_matrices(container):
    X = container([[0, np.nan, 1], [0, 0, 2], [np.nan, np.nan, 3]])
    found = [(column, rows.tolist()) for column, rows in missing_rows(X)]
    assert found == [(0, [2]), (1, [0, 2])]
    assert not list(missing_rows(container([[0, 1]])))


@pytest.mark.parametrize("container", [np.array, sparse.csr_matrix, sparse.csr_array])
def test_replacing_columns_of_matrices(container):
    X = np.arange(6.0).reshape(2, 3)
    mixed = replace_columns(container(X), container(10 + X), np.array([False, True, False]))
    assert type(mixed) is type(container(X))
    mixed = mixed.toarray() if sparse.issparse(mixed) else mixed
    np.testing.assert_array_equal(mixed, [[0, 11, 2], [3, 14, 5]])


def test_values_in_containers_that_cannot_hold_them():
    X = pl.DataFrame({"a": [1.0, 2.0]})
    values = np.ones((2, 2))
    assert frame_like(X, values, ["b", "b"]) is values
    matrix = sparse.csr_array(values)
    assert frame_like(X, matrix, ["b", "c"]) is matrix
    assert frame_like(X, values).columns == ["0", "1"]
    assert frame_like([[1.0], [2.0]], values) is values
    assert not is_frame(values)
    assert column_names(matrix) is None


@pytest.mark.parametrize("name", ["pandas", "polars", "pyarrow"])
def test_dates_are_no_numbers(name, frame, y):
    model = AdversarialLogisticRegression(0.1).fit(numbers(frame), y)
    days = pd.date_range("2020", periods=len(frame), tz="UTC" if name == "pandas" else None)
    X = CONTAINERS[name](pd.DataFrame({"size": frame["size"], "weight": days}))
    with pytest.raises(TypeError, match="columns of dates or durations: 'weight'"):
        explain(model, X)
    with pytest.raises(TypeError, match="columns of dates or durations: 'size'"):
        explain(model, pd.DataFrame({"size": days - days[0], "weight": frame["weight"]}))
