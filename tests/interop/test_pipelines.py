"""Pipelines of other libraries, explained in the columns of the user's table.

The origins are right if the attributions of each column are those of its encoded columns, which is
checked by hand: by the coefficients of what moves when the column is permuted.
"""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import issparse
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_advex import AdversarialLogisticRegression, AttributionTransformer, explain
from sklearn_advex.model_selection import gini_scorer, most_concise, n_features_scorer
from sklearn_advex.plotting import AttributionDisplay, FeatureImpactDisplay
from sklearn_advex.report import conciseness_report

pytestmark = pytest.mark.filterwarnings("ignore")  # of other libraries


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    n = 240
    X = pd.DataFrame(
        {
            "age": rng.normal(40, 10, n),
            "city": rng.choice(["Oslo", "Rome", "Bonn"], n),
            "city_kind": rng.choice(["old", "new"], n),
            "income": rng.normal(3, 1, n),
        }
    )
    score = (X["age"] - 40) / 10 + 1.5 * (X["city"] == "Oslo") - (X["city_kind"] == "new")
    return X, (score + rng.normal(scale=0.3, size=n) > 0).astype(int).to_numpy()


def model():
    return AdversarialLogisticRegression(0.01, alpha=1e-2)


def check(pipeline, X, y, rows=slice(None)):
    """Hold the attributions of each column against those of the encoded columns that it moves."""
    pipeline.fit(X, y)
    attributions = explain(pipeline, X)
    assert attributions.columns.tolist() == X.columns.tolist()
    encoded = np.asarray(explain(pipeline, X, groups=None))
    moved_by = moves(pipeline[:-1], X, encoded.shape[1])
    assert (moved_by.sum(axis=0) <= 1).all()
    for position, name in enumerate(X.columns):
        expected = encoded[:, moved_by[position]].sum(axis=1)
        np.testing.assert_allclose(attributions[name], expected, atol=1e-6, err_msg=name)  # float32
    one = explain(pipeline, X.iloc[[0]])  # one row shows nothing: names have to do
    np.testing.assert_allclose(one, attributions.iloc[[0]], atol=1e-6)
    np.testing.assert_allclose(attributions.sum(axis=1), encoded.sum(axis=1), atol=1e-6)


def moves(head, X, n_encoded):
    rng = np.random.default_rng(1)
    before, moved_by = output(head, X), np.zeros((X.shape[1], n_encoded), dtype=bool)
    for position, name in enumerate(X):
        other = X.assign(**{name: X[name].to_numpy()[rng.permutation(len(X))]})
        moved_by[position] = (np.abs(output(head, other) - before) > 1e-9).any(axis=0)
    return moved_by


def output(head, X):
    encoded = head.transform(X)
    return np.asarray(encoded.toarray() if issparse(encoded) else encoded, dtype=float)


def test_skrub_table_vectorizer(table):
    skrub = pytest.importorskip("skrub")
    check(make_pipeline(skrub.TableVectorizer(), StandardScaler(), model()), *table)


def test_skrub_tabular_pipeline(table):
    skrub = pytest.importorskip("skrub")
    X, y = table
    check(skrub.tabular_pipeline(model()), X, y)
    check(skrub.tabular_pipeline(model()), X.assign(day=pd.date_range("2020", periods=len(X))), y)


def test_skrub_apply_to_cols_and_selectors(table):
    skrub = pytest.importorskip("skrub")
    X, y = table
    numbers = X.drop(columns=["city", "city_kind"])
    check(make_pipeline(skrub.ApplyToCols(StandardScaler()), model()), numbers, y)
    check(make_pipeline(skrub.SelectCols(["income", "age"]), model()), X, y)
    check(make_pipeline(skrub.DropCols(["city", "city_kind"]), StandardScaler(), model()), X, y)
    check(make_pipeline(skrub.Cleaner(), skrub.TableVectorizer(), model()), X, y)


def test_skrub_with_polars(table):
    skrub = pytest.importorskip("skrub")
    X, y = table
    pipeline = skrub.tabular_pipeline(model())
    frame = pl.DataFrame(X.to_dict("list"))
    attributions = explain(pipeline.fit(frame, y), frame)
    assert isinstance(attributions, pl.DataFrame)
    assert attributions.columns == X.columns.tolist()
    expected = explain(skrub.tabular_pipeline(model()).fit(X, y), X)
    np.testing.assert_allclose(attributions.to_numpy(), expected.to_numpy(), atol=1e-6)


@pytest.mark.parametrize(
    "name",
    [
        "OneHotEncoder",
        "OrdinalEncoder",
        "TargetEncoder",
        "BinaryEncoder",
        "CatBoostEncoder",
        "CountEncoder",
        "HelmertEncoder",
        "JamesSteinEncoder",
        "SumEncoder",
        "WOEEncoder",
    ],
)
def test_category_encoders(name, table):
    encoders = pytest.importorskip("category_encoders")
    check(make_pipeline(getattr(encoders, name)(), StandardScaler(), model()), *table)


def test_category_encoders_that_mix_are_refused(table):
    encoders = pytest.importorskip("category_encoders")
    X, y = table
    pipeline = make_pipeline(encoders.HashingEncoder(max_process=1), model()).fit(X, y)
    with pytest.raises(ValueError, match=r"step 'hashingencoder' .*HashingEncoder.* makes columns"):
        explain(pipeline, X)


@pytest.mark.parametrize(
    "name",
    [
        "encoding.OneHotEncoder",
        "encoding.OrdinalEncoder",
        "encoding.MeanEncoder",
        "encoding.CountFrequencyEncoder",
        "encoding.WoEEncoder",
    ],
)
def test_feature_engine(name, table):
    pytest.importorskip("feature_engine")
    import feature_engine.encoding

    encoder = getattr(feature_engine.encoding, name.partition(".")[2])()
    check(make_pipeline(encoder, StandardScaler(), model()), *table)


def test_feature_engine_steps(table):
    pytest.importorskip("feature_engine")
    from feature_engine.discretisation import EqualWidthDiscretiser
    from feature_engine.encoding import OneHotEncoder, RareLabelEncoder
    from feature_engine.outliers import Winsorizer
    from feature_engine.selection import DropConstantFeatures, DropFeatures

    X, y = table
    steps = [
        RareLabelEncoder(n_categories=2),
        Winsorizer(),
        DropFeatures(["income"]),
        DropConstantFeatures(),
        EqualWidthDiscretiser(bins=5),
        OneHotEncoder(),
    ]
    check(make_pipeline(*steps, model()), X, y)


def test_feature_engine_drops_rows(table):
    pytest.importorskip("feature_engine")
    from feature_engine.imputation import DropMissingData

    X, y = table
    numbers = X[["age", "income"]].copy()
    pipeline = make_pipeline(DropMissingData(missing_only=False), model()).fit(numbers, y)
    holes = numbers.copy()
    holes.iloc[:20, 0] = np.nan
    with pytest.raises(ValueError, match=r"Step 'dropmissingdata' .* returned 220 rows for 240"):
        explain(pipeline, holes)


@pytest.fixture(scope="module")
def imbalanced(table):
    X, y = table
    numbers = X[["age", "income"]]
    kept = (y == 1) | (np.arange(len(y)) % 4 == 0)
    return numbers[kept], y[kept]


@pytest.mark.parametrize("sampler", ["RandomOverSampler", "SMOTE"])
def test_imbalanced_learn(sampler, imbalanced):
    pytest.importorskip("imblearn")
    import imblearn.over_sampling
    import imblearn.pipeline

    X, y = imbalanced
    sampler = getattr(imblearn.over_sampling, sampler)(random_state=0)
    pipeline = imblearn.pipeline.make_pipeline(StandardScaler(), sampler, model()).fit(X, y)
    plain = make_pipeline(pipeline[0], pipeline[-1])
    pd.testing.assert_frame_equal(explain(pipeline, X), explain(plain, X))
    assert explain(pipeline, X, groups=None).columns.tolist() == ["age", "income"]
    for scorer in (gini_scorer, n_features_scorer):
        assert scorer(pipeline, X) == scorer(plain, X)
    assert conciseness_report({"n": pipeline}, X, y).equals(conciseness_report({"n": plain}, X, y))
    transformer = AttributionTransformer(pipeline).fit(X, y)
    assert transformer.transform(X).shape == X.shape
    AttributionDisplay.from_estimator(pipeline, X.iloc[[0]])
    FeatureImpactDisplay.from_estimator(pipeline, X)
    search = GridSearchCV(
        pipeline,
        {"adversariallogisticregression__epsilon": [0.01, 0.1]},
        scoring={"accuracy": "accuracy", "gini": gini_scorer},
        refit=most_concise(),
        cv=2,
        error_score="raise",
    )
    assert np.isfinite(search.fit(X, y).cv_results_["mean_test_gini"]).all()


def test_balanced_bagging(imbalanced):
    ensemble = pytest.importorskip("imblearn.ensemble")
    X, y = imbalanced
    bag = ensemble.BalancedBaggingClassifier(model(), n_estimators=3, random_state=0)
    attributions, error = explain(
        make_pipeline(StandardScaler(), bag).fit(X, y), X, return_completeness=True
    )
    assert attributions.shape == X.shape
    np.testing.assert_allclose(error, 0, atol=1e-12)


def test_a_sampler_needs_no_library(imbalanced):
    class Sampler:
        def fit_resample(self, X, y):
            raise AssertionError("explanations do not resample")

        def get_params(self, deep=True):
            return {}

    X, y = imbalanced
    plain = make_pipeline(StandardScaler(), model()).fit(X, y)
    pipeline = make_pipeline(StandardScaler(), model()).fit(X, y)
    pipeline.steps.insert(1, ("sampler", Sampler()))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pd.testing.assert_frame_equal(explain(pipeline, X), explain(plain, X))
