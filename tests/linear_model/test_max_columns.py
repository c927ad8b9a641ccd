"""Pipelines of at most so many columns of the user's table."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.impute import KNNImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_advex import (
    AdversarialLinearClassifier,
    AdversarialLogisticRegression,
    AdversarialLogisticRegressionCV,
    MaxColumnsClassifier,
    explain,
)
from sklearn_advex.model_selection import (
    adversarial_accuracy_scorer,
    gini_scorer,
    most_concise,
    n_features_scorer,
)

EPSILON = "estimator__adversariallogisticregression__epsilon"


@pytest.fixture(scope="module")
def table():
    """Two columns tell the class, one of them of many categories; two are noise."""
    rng = np.random.default_rng(0)
    n = 400
    city = rng.choice(list("abcdefgh"), n)
    income, noise = rng.standard_normal((2, n))
    color = rng.choice(["red", "blue"], n)
    score = 2.0 * np.isin(city, ["a", "c", "g"]) + income + 0.5 * rng.standard_normal(n)
    frame = pd.DataFrame({"noise": noise, "city": city, "color": color, "income": income})
    return frame, np.where(score > 0.8, "yes", "no")


def pipeline(head=AdversarialLogisticRegression(epsilon=0.05)):  # noqa: B008
    encoder = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["city", "color"]),
        (StandardScaler(), ["noise", "income"]),
    )
    return make_pipeline(encoder, clone(head))


def used_columns(model, X):
    """The columns with an attribution in some row."""
    return {name for name, values in explain(model, X).items() if (values != 0).any()}


@pytest.mark.parametrize(("limit", "columns"), [(1, {"income"}), (2, {"city", "income"})])
def test_the_columns_that_matter_are_used_whole(table, limit, columns):
    X, y = table
    model = MaxColumnsClassifier(pipeline(), max_columns=limit).fit(X, y)
    assert set(model.columns_[0]) == used_columns(model, X) == columns
    assert (explain(model, X) != 0).sum(axis=1).max() == limit
    n_encoded = model.best_estimator_[-1].support_[0].size
    assert n_encoded == 1 if limit == 1 else n_encoded > 2  # categories of one column
    pd.testing.assert_frame_equal(explain(model, X), model.explain(X))
    assert model.score(X, y) > 0.6


def test_it_is_the_pipeline_fitted_by_groups(table):
    X, y = table
    model = MaxColumnsClassifier(pipeline(), max_columns=2).fit(X, y)
    groups = [0] * 8 + [1] * 2 + [2, 3]
    head = AdversarialLogisticRegression(epsilon=0.05, max_features=2, groups=groups)
    by_hand = pipeline(head).fit(X, y)
    np.testing.assert_array_equal(model.best_estimator_[-1].coef_, by_hand[-1].coef_)
    np.testing.assert_array_equal(model.predict_proba(X), by_hand.predict_proba(X))
    np.testing.assert_array_equal(model.decision_function(X), by_hand.decision_function(X))
    np.testing.assert_array_equal(model.predict_log_proba(X), by_hand.predict_log_proba(X))
    np.testing.assert_array_equal(model.classes_, ["no", "yes"])
    np.testing.assert_array_equal(model.feature_names_in_, X.columns)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_search_over_columns_and_epsilon_chooses_without_a_warning(table, n_jobs):
    X, y = table
    X = X.assign(city=np.where(X.index == 7, "only in one fold", X["city"]))
    search = GridSearchCV(
        MaxColumnsClassifier(pipeline()),
        {"max_columns": [1, 2, 3], EPSILON: [0.01, 0.1]},
        scoring={"accuracy": "accuracy", "n_features": n_features_scorer},
        refit=most_concise(0.02, sparseness="n_features"),
        cv=3,
        n_jobs=n_jobs,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search.fit(X, y)
        best = pickle.loads(pickle.dumps(search)).best_estimator_
        attributions = explain(best, X)
    assert search.best_params_["max_columns"] == 2
    limits = np.array([params["max_columns"] for params in search.cv_results_["params"]])
    n_features = -search.cv_results_["mean_test_n_features"]
    assert (n_features <= limits).all()
    np.testing.assert_array_equal(n_features[limits < 3], limits[limits < 3])
    assert ((attributions != 0).sum(axis=1) <= 2).all()
    pd.testing.assert_frame_equal(explain(search, X), attributions)


def test_scorers_see_through_it(table):
    X, y = table
    scores = cross_validate(
        MaxColumnsClassifier(pipeline(), max_columns=1),
        X,
        y,
        scoring={
            "gini": gini_scorer,
            "n": n_features_scorer,
            "robust": adversarial_accuracy_scorer,
        },
        cv=3,
    )
    np.testing.assert_array_equal(scores["test_n"], -1.0)
    np.testing.assert_allclose(scores["test_gini"], 1 - 1 / 12)  # of twelve encoded columns
    assert (scores["test_robust"] > 0.5).all()


def test_rows_of_weight_two_are_two_rows(table):
    X, y = table
    encoder = make_column_transformer((OneHotEncoder(), ["city", "color"]), remainder="passthrough")
    model = MaxColumnsClassifier(
        make_pipeline(encoder, AdversarialLogisticRegression(0.05)), max_columns=2
    )
    weights = np.random.default_rng(1).integers(1, 3, len(X))
    weighted = clone(model).fit(X, y, sample_weight=weights)
    twice = clone(model).fit(X.loc[np.repeat(X.index, weights)], np.repeat(y, weights))
    assert weighted.columns_ == twice.columns_
    np.testing.assert_allclose(
        weighted.best_estimator_[-1].coef_, twice.best_estimator_[-1].coef_, atol=1e-8
    )


def test_columns_that_are_filled_from_others_are_refused(table):
    X = table[0][["noise", "income"]].copy()
    model = MaxColumnsClassifier(
        make_pipeline(KNNImputer(), StandardScaler(), AdversarialLogisticRegression(0.05)), 1
    )
    assert model.fit(X, table[1]).columns_ == [["income"]]
    other = X.assign(noise=X["noise"].to_numpy()[::-1])
    np.testing.assert_array_equal(model.predict(X), model.predict(other))
    X.loc[7, "income"] = np.nan
    with pytest.raises(ValueError, match=r"'knnimputer' .* fills missing .* from other columns"):
        model.fit(X, table[1])


def test_a_classifier_alone_is_limited_by_its_features(table):
    X, y = table[0][["noise", "income"]].to_numpy(), table[1]
    model = MaxColumnsClassifier(AdversarialLogisticRegression(0.05), max_columns=1).fit(X, y)
    assert repr(model.columns_) == "[[1]]"
    assert isinstance(model.best_estimator_, AdversarialLogisticRegression)


def test_scores_without_probabilities_have_none(table):
    X, y = table
    hinge = AdversarialLinearClassifier("hinge", epsilon=0.05)
    model = MaxColumnsClassifier(pipeline(hinge), max_columns=1).fit(X, y)
    assert not hasattr(model, "predict_proba")
    assert model.decision_function(X).shape == (len(X),)


def test_the_given_pipeline_is_never_fitted(table):
    X, y = table
    given = pipeline()
    before = repr(given.get_params())
    MaxColumnsClassifier(given, max_columns=1).fit(X, y)
    assert repr(given.get_params()) == before
    assert not hasattr(given[-1], "coef_")


def test_sparse_encodings_stay_sparse(table):
    X, y = table
    encoder = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["city", "color"]), sparse_threshold=1.0
    )
    model = MaxColumnsClassifier(
        make_pipeline(encoder, AdversarialLogisticRegression(0.05)), max_columns=1
    ).fit(X, y)
    assert issparse(model.best_estimator_[0].transform(X))
    assert model.columns_ == [["city"]]


@pytest.mark.parametrize(
    ("estimator", "max_columns", "message"),
    [
        (pipeline(), 0, "'max_columns' parameter .* range .1, inf"),
        (LogisticRegression(), 1, "estimator ends in LogisticRegression, which has no `max_feat"),
        (
            pipeline(AdversarialLogisticRegressionCV()),
            1,
            "ends in AdversarialLogisticRegressionCV, which has no `epsilon`: end .*GridSearchCV",
        ),
        ("model", 1, "'estimator' parameter"),
    ],
    ids=["no column", "no limit", "a search", "no estimator"],
)
def test_what_cannot_be_limited_is_refused_by_name(table, estimator, max_columns, message):
    with pytest.raises(ValueError, match=message):
        MaxColumnsClassifier(estimator, max_columns=max_columns).fit(*table)


def test_a_step_that_mixes_columns_is_named(table):
    X, y = table
    mixing = make_pipeline(StandardScaler(), PCA(2), AdversarialLogisticRegression(0.05))
    with pytest.raises(ValueError, match="pca"):
        MaxColumnsClassifier(mixing).fit(X[["noise", "income"]], y)
