import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from scipy import sparse
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_advex import AdversarialLogisticRegression, AttributionTransformer, explain


@parametrize_with_checks(
    [
        AttributionTransformer(AdversarialLogisticRegression()),
        AttributionTransformer(
            make_pipeline(StandardScaler(), AdversarialLogisticRegression()),
            method="shap",
            baseline="mean",
            groups=None,
        ),
    ]
)
# Some checks fit labels that are pure chance: a model without features is then the right answer.
@pytest.mark.filterwarnings("ignore:All coefficients are 0:UserWarning")
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.fixture
def iris():
    X, y = load_iris(return_X_y=True, as_frame=True)
    return X, y.map({0: "setosa", 1: "versicolor", 2: "virginica"})


@pytest.fixture
def mixed():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"color": rng.choice(["red", "blue", "green"], 60), "size": rng.normal(size=60)},
        index=[f"row{i}" for i in range(60)],
    )
    return frame, (frame["color"] == "red") ^ (frame["size"] > 0.5)


def encoder(sparse_output=True):
    return make_column_transformer(
        (OneHotEncoder(sparse_output=sparse_output), ["color"]), (StandardScaler(), ["size"])
    )


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"output": "logit", "target": "setosa", "baseline": "mean"},
        {"method": "shap", "baseline": np.ones((3, 4)), "batch_size": 7},
        {"output": "loss", "groups": {"a": list(load_iris().feature_names)}},
    ],
)
def test_gives_what_explain_gives(iris, options):
    X, y = iris
    transformer = AttributionTransformer(AdversarialLogisticRegression(0.1), **options)
    model = AdversarialLogisticRegression(0.1).fit(X.to_numpy(), y)
    if "groups" in options:
        options = options | {"groups": {"a": range(4)}}
    expected = explain(model, X.to_numpy(), **options)
    assert transformer.fit(X, y) is transformer
    A = transformer.transform(X)
    assert isinstance(A, np.ndarray)
    np.testing.assert_array_equal(A, expected)
    np.testing.assert_array_equal(transformer.fit_transform(X, y), expected)
    np.testing.assert_array_equal(transformer.classes_, model.classes_)


def test_number_of_steps_arrives(iris):
    X, y = iris
    model = LogisticRegression(C=10.0, max_iter=1000).fit(X, y)
    transformer = AttributionTransformer(FrozenEstimator(model), n_steps=2).fit(X)
    with pytest.warns(UserWarning, match=r"Raise n_steps above 2\."):
        A = transformer.transform(X)
    transformer.set_params(n_steps=100)
    assert np.abs(transformer.transform(X) - A).max() > 1e-3


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_set_output(mixed, kind):
    frame, y = mixed
    X = frame if kind == "pandas" else pl.DataFrame({c: frame[c].to_numpy() for c in frame})
    pipeline = make_pipeline(encoder(), AdversarialLogisticRegression(0.02))
    transformer = AttributionTransformer(pipeline).set_output(transform=kind)
    A = transformer.fit(X, y).transform(X)
    assert isinstance(A, pd.DataFrame if kind == "pandas" else pl.DataFrame)
    assert list(A.columns) == ["color", "size"]
    expected = explain(transformer.estimator_, frame)
    np.testing.assert_array_equal(A.to_numpy(), expected)
    if kind == "pandas":
        pd.testing.assert_index_equal(A.index, frame.index)


@pytest.mark.parametrize(
    ("groups", "names"),
    [
        ("auto", ["color", "size"]),
        (
            None,
            [
                "onehotencoder__color_blue",
                "onehotencoder__color_green",
                "onehotencoder__color_red",
                "standardscaler__size",
            ],
        ),
        (
            {
                "warm": ["onehotencoder__color_red"],
                0: ["onehotencoder__color_blue", "onehotencoder__color_green"],
                "size": "standardscaler__size",
            },
            ["warm", "0", "size"],
        ),
    ],
)
def test_names(mixed, groups, names):
    frame, y = mixed
    pipeline = make_pipeline(encoder(False), AdversarialLogisticRegression(0.02))
    transformer = AttributionTransformer(pipeline, groups=groups).fit(frame, y)
    assert transformer.get_feature_names_out().tolist() == names
    assert transformer.transform(frame).shape[1] == len(names)
    A = transformer.set_output(transform="pandas").transform(frame)
    assert A.columns.tolist() == names
    with pytest.raises(ValueError, match="input_features is not equal to feature_names_in_"):
        AttributionTransformer(pipeline).fit(frame, y).get_feature_names_out(["a", "b"])


def test_names_of_columns_without_names(iris):
    X, y = iris[0].to_numpy(), iris[1]
    transformer = AttributionTransformer(AdversarialLogisticRegression(0.1)).fit(X, y)
    assert transformer.get_feature_names_out().tolist() == ["x0", "x1", "x2", "x3"]
    assert transformer.get_feature_names_out(list("abcd")).tolist() == list("abcd")
    assert not hasattr(transformer, "feature_names_in_")
    transformer.fit(*iris)
    assert hasattr(transformer, "feature_names_in_")
    assert not hasattr(transformer.fit(X, y), "feature_names_in_")
    square = make_pipeline(
        FunctionTransformer(lambda X: np.c_[X, X**2]), AdversarialLogisticRegression(0.1)
    )
    transformer = AttributionTransformer(square, groups=None).fit(X, y)
    assert transformer.get_feature_names_out().tolist() == [f"x{i}" for i in range(8)]


def test_texts():
    texts = ["good film", "bad film", "good", "bad"]
    pipeline = make_pipeline(TfidfVectorizer(), AdversarialLogisticRegression(0.01))
    transformer = AttributionTransformer(pipeline).fit(texts, [1, 0, 1, 0])
    assert transformer.transform(texts).format == "csr"
    assert transformer.get_feature_names_out().tolist() == ["bad", "film", "good"]


def test_sparse_rows(iris):
    X, y = sparse.csr_array(iris[0].to_numpy()), iris[1]
    transformer = AttributionTransformer(AdversarialLogisticRegression(0.1))
    A = transformer.fit_transform(X, y)
    assert A.format == "csr"
    np.testing.assert_allclose(A.toarray(), transformer.transform(X.toarray()), rtol=1e-12)


def test_feeds_a_second_model(mixed, iris):
    frame, y = mixed
    pipeline = make_pipeline(
        AttributionTransformer(make_pipeline(encoder(), AdversarialLogisticRegression(0.02))),
        StandardScaler(),
        KMeans(3, random_state=0, n_init=10),
    )
    clusters = pipeline.fit(frame, y).predict(frame)
    assert len(np.unique(clusters)) == 3
    search = GridSearchCV(
        make_pipeline(
            AttributionTransformer(AdversarialLogisticRegression(), target="virginica"),
            DecisionTreeClassifier(random_state=0),
        ),
        {"attributiontransformer__estimator__epsilon": [0.01, 0.1]},
        error_score="raise",
    )
    assert search.fit(*iris).best_score_ > 0.8


def test_a_fitted_estimator_is_fitted_again_and_a_frozen_one_is_not(iris):
    X, y = iris
    model = AdversarialLogisticRegression(0.1).fit(X[:100], y[:100])
    coef = model.coef_.copy()
    again = AttributionTransformer(model).fit(X, y)
    assert again.estimator_ is not model
    assert again.estimator_.coef_.shape == (3, 4)
    np.testing.assert_array_equal(model.coef_, coef)
    for frozen in (
        AttributionTransformer(FrozenEstimator(model)),
        clone(AttributionTransformer(FrozenEstimator(model))),
    ):
        A = frozen.fit(X).transform(X)
        np.testing.assert_array_equal(A, explain(model, X))
        assert frozen.get_feature_names_out().tolist() == list(X.columns)
    with pytest.raises(NotFittedError):
        AttributionTransformer(FrozenEstimator(LogisticRegression())).fit(X)
    assert sklearn.utils.get_tags(AttributionTransformer(model)).target_tags.required
    assert not sklearn.utils.get_tags(frozen).target_tags.required


def test_clone_and_pickle(iris):
    X, y = iris
    transformer = AttributionTransformer(
        AdversarialLogisticRegression(0.1), output="logit", baseline=np.arange(4.0), groups=None
    )
    copy = clone(transformer)
    assert copy.get_params()["estimator__epsilon"] == 0.1
    assert not hasattr(copy, "estimator_")
    A = transformer.fit_transform(X, y)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(transformer)).transform(X), A)
    np.testing.assert_array_equal(clone(transformer).fit_transform(X, y), A)
    with pytest.raises(NotFittedError):
        copy.transform(X)
    with pytest.raises(NotFittedError):
        copy.get_feature_names_out()


def test_parameters_of_fit_go_to_the_estimator(iris):
    X, y = iris
    weight = np.random.default_rng(0).uniform(size=len(y))
    expected = AdversarialLogisticRegression(0.1).fit(X, y, sample_weight=weight).coef_
    transformer = AttributionTransformer(AdversarialLogisticRegression(0.1))
    transformer.fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(transformer.estimator_.coef_, expected)
    with sklearn.config_context(enable_metadata_routing=True):
        model = AdversarialLogisticRegression(0.1).set_fit_request(sample_weight=True)
        pipeline = make_pipeline(AttributionTransformer(model), KMeans(2, random_state=0))
        pipeline[-1].set_fit_request(sample_weight=False)
        pipeline.fit(X, y, sample_weight=weight)
        np.testing.assert_array_equal(pipeline[0].estimator_.coef_, expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "lime"}, "method='lime' is unknown"),
        ({"output": "score"}, "output='score' is unknown"),
        (
            {"target": "true"},
            r"target='true' needs labels, which transform does not get.*explain\(",
        ),
        ({"groups": "columns"}, "groups='columns' is unknown"),
        ({"n_steps": 0}, "n_steps must be a positive integer, got 0"),
        ({"n_steps": 2.5}, r"n_steps must be a positive integer, got 2\.5"),
        ({"n_steps": True}, "n_steps must be a positive integer, got True"),
        ({"batch_size": -1}, "batch_size must be None or a positive integer, got -1"),
    ],
)
def test_bad_options_are_seen_by_fit(iris, options, message):
    with pytest.raises(ValueError, match=message):
        AttributionTransformer(AdversarialLogisticRegression(0.1), **options).fit(*iris)


def test_bad_estimators_are_seen_by_fit(iris):
    X, y = iris
    with pytest.raises(TypeError, match="method='ig' cannot explain SVC: it has no coef_"):
        AttributionTransformer(SVC()).fit(X, y)
    mixing = make_pipeline(PCA(2), AdversarialLogisticRegression(0.1))
    with pytest.raises(ValueError, match=r"groups='auto' cannot sum .* 'pca' \(PCA\)"):
        AttributionTransformer(mixing).fit(X, y)
    transformer = AttributionTransformer(mixing, groups=None).fit(X, y)
    assert transformer.get_feature_names_out().tolist() == ["pca0", "pca1"]
