"""Classifiers of at most so many features: through the estimators, as users call them."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.feature_selection import SelectFromModel
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler

from sklearn_advex import (
    AdversarialLinearClassifier,
    AdversarialLogisticRegression,
    AdversarialLogisticRegressionCV,
    feature_path,
)
from sklearn_advex._losses import LOSSES
from sklearn_advex._perturbation import PERTURBATION_SETS
from sklearn_advex.model_selection import most_concise, n_features_scorer

GROUPS = np.repeat(["mean", "error", "worst"], 10)


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    return StandardScaler().fit_transform(X), y


@pytest.fixture(scope="module")
def wine():
    X, y = load_wine(return_X_y=True)
    return StandardScaler().fit_transform(X), y


@pytest.mark.parametrize(
    ("epsilon", "best"), [(0.0, [21, 23, 27]), (0.1, [20, 21, 27])], ids=["natural", "adversarial"]
)
def test_the_best_three_features_are_found_and_proven_best(cancer, epsilon, best):
    model = AdversarialLogisticRegression(epsilon, max_features=3).fit(*cancer)
    assert [features.tolist() for features in model.support_] == [best]
    assert model.kkt_residual_[0] <= model.tol
    assert model.dual_gap_[0] <= 1e-10
    if epsilon:
        assert model.optimality_gap_[0] <= 1e-7


def test_the_model_is_that_of_its_features_alone(cancer):
    X, y = cancer
    limited = AdversarialLogisticRegression(0.1, max_features=4).fit(X, y)
    features = limited.support_[0]
    alone = AdversarialLogisticRegression(0.1).fit(X[:, features], y)
    np.testing.assert_allclose(limited.coef_[:, features], alone.coef_, atol=1e-8)
    np.testing.assert_allclose(limited.intercept_, alone.intercept_, atol=1e-8)
    assert limited.objective_[0] == pytest.approx(alone.objective_[0], abs=1e-12)
    assert np.count_nonzero(limited.coef_) == features.size == 4


@pytest.mark.parametrize("max_features", [30, 1000])
def test_a_limit_that_is_none_gives_the_ordinary_model(cancer, max_features):
    X, y = cancer
    limited = AdversarialLogisticRegression(0.05, max_features=max_features).fit(X, y)
    ordinary = AdversarialLogisticRegression(0.05).fit(X, y)
    np.testing.assert_array_equal(limited.coef_, ordinary.coef_)
    np.testing.assert_array_equal(limited.optimality_gap_, 0.0)


@pytest.mark.parametrize("norm", PERTURBATION_SETS)
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_and_norm_can_be_limited(wine, loss, norm):
    X, y = wine[0], wine[1] == 1
    model = AdversarialLinearClassifier(loss, norm=norm, alpha=1e-3, max_features=2).fit(X, y)
    assert model.support_[0].size == 2
    assert model.kkt_residual_[0] <= model.tol
    assert model.score(X, y) > 0.85
    assert model.optimality_gap_[0] <= model.objective_[0]


def test_each_class_has_features_of_its_own(wine):
    X, y = wine
    model = AdversarialLogisticRegression(0.1, max_features=2).fit(X, y)
    assert [features.size for features in model.support_] == [2, 2, 2]
    assert len({tuple(features) for features in model.support_}) > 1
    np.testing.assert_array_equal(
        [np.flatnonzero(coef).tolist() for coef in model.coef_],
        [features.tolist() for features in model.support_],
    )
    assert model.score(X, y) > 0.85


@pytest.mark.parametrize(
    "groups",
    [
        GROUPS,
        {"mean": range(10), "error": list(range(10, 20)), "worst": np.arange(20, 30)},
    ],
    ids=["array", "dict"],
)
def test_groups_enter_whole(cancer, groups):
    model = AdversarialLogisticRegression(0.2, max_features=1, groups=groups).fit(*cancer)
    assert set(GROUPS[model.support_[0]]) == {"worst"}
    assert 1 < model.support_[0].size < 10


def test_groups_are_named_by_the_columns_of_a_frame(cancer):
    X, y = cancer
    names = load_breast_cancer().feature_names
    frame = pd.DataFrame(X, columns=names)
    groups = {label: names[label == GROUPS].tolist() for label in ("mean", "error", "worst")}
    named = AdversarialLogisticRegression(0.05, max_features=1, groups=groups).fit(frame, y)
    plain = AdversarialLogisticRegression(0.05, max_features=1, groups=GROUPS).fit(X, y)
    np.testing.assert_allclose(named.coef_, plain.coef_, atol=1e-8)


def test_sparse_float32_and_dense_find_the_same(cancer):
    X, y = cancer
    X = np.where(np.abs(X) > 0.7, X, 0.0)
    dense = AdversarialLogisticRegression(0.1, max_features=3).fit(X, y)
    sparse = AdversarialLogisticRegression(0.1, max_features=3).fit(csr_array(X), y)
    single = AdversarialLogisticRegression(0.1, max_features=3).fit(X.astype(np.float32), y)
    np.testing.assert_allclose(sparse.coef_, dense.coef_, atol=1e-8)
    np.testing.assert_allclose(single.coef_, dense.coef_, atol=1e-5)
    assert single.coef_.dtype == np.float32
    assert single.kkt_residual_[0] < 1e-5


def test_a_path_has_the_models_of_every_limit(cancer):
    X, y = cancer
    path = feature_path(X, y, max_features=4, epsilon=0.1)
    np.testing.assert_array_equal(path.n_features, [1, 2, 3, 4])
    assert (np.diff(path.objectives[:, 0]) < 0).all()
    assert path.kkt_residuals.max() <= 1e-8
    assert (path.optimality_gaps <= path.objectives).all()
    for k, coefs, intercepts in zip(path.n_features, path.coefs, path.intercepts, strict=True):
        model = AdversarialLogisticRegression(0.1, max_features=int(k)).fit(X, y)
        np.testing.assert_allclose(coefs, model.coef_, atol=1e-7)
        np.testing.assert_allclose(intercepts, model.intercept_, atol=1e-7)


def test_a_path_ends_where_all_features_are_used(wine):
    path = feature_path(*wine, max_features=50, epsilon=0.0)
    assert path.coefs.shape == (13, 3, 13)


def test_the_search_chooses_the_fewest_features_within_the_drop(cancer):
    X, y = cancer
    X = X[:, 20:]
    grid = {"epsilon": [0.05, 0.1], "max_features": [1, 2, 3]}
    model = AdversarialLogisticRegressionCV(
        grid["epsilon"], max_features=grid["max_features"], cv=3, max_drop=0.02
    ).fit(X, y)
    search = GridSearchCV(
        AdversarialLogisticRegression(),
        grid,
        scoring={"accuracy": "accuracy", "n_features": n_features_scorer},
        refit=most_concise(0.02, sparseness="n_features"),
        cv=3,
    ).fit(X, y)
    assert model.scores_["accuracy"].shape == (1, 2, 3, 3)
    assert model.coefs_paths_.shape == (1, 2, 3, 1, 10)
    for name in ("accuracy", "n_features"):
        expected = search.cv_results_[f"mean_test_{name}"].reshape(2, 3)
        np.testing.assert_allclose(model.scores_[name].mean(axis=-1)[0], expected)
    assert search.best_params_ == {
        "epsilon": model.best_epsilon_,
        "max_features": model.best_max_features_,
    }
    np.testing.assert_allclose(model.coef_, search.best_estimator_.coef_, atol=1e-6)
    assert np.count_nonzero(model.coef_) == model.best_max_features_


def test_a_rare_class_is_kept_in_sight_by_another_score():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((1500, 6))
    y = (X[:, 0] + 0.8 * rng.standard_normal(1500) > 2.7).astype(int)
    assert 0.01 < y.mean() < 0.03
    options = {"epsilons": [0.05, 0.3], "max_features": [1, 2], "cv": 3}
    with pytest.warns(UserWarning, match="A model without features scores 0.97.*balanced_accuracy"):
        AdversarialLogisticRegressionCV(max_drop=0.03, **options).fit(X, y)
    guarded = AdversarialLogisticRegressionCV(
        accuracy="balanced_accuracy", class_weight="balanced", **options
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        guarded.fit(X, y)
    assert guarded.predict(X)[y == 1].mean() > 0.7
    assert "balanced_accuracy" in guarded.scores_


def test_select_from_model_keeps_exactly_the_features_in_use(cancer):
    X, y = cancer
    model = AdversarialLogisticRegression(0.1, max_features=4)
    selector = SelectFromModel(model, threshold=np.finfo(float).tiny).fit(X, y)
    np.testing.assert_array_equal(
        np.flatnonzero(selector.get_support()), selector.estimator_.support_[0]
    )


def test_nothing_is_used_against_an_adversary_that_is_too_strong(cancer):
    model = AdversarialLogisticRegression(5.0, max_features=2)
    with pytest.warns(UserWarning, match="All coefficients are 0.*epsilon_max"):
        model.fit(*cancer)
    assert model.support_[0].size == 0
    assert model.optimality_gap_[0] <= 1e-7


def test_limited_models_are_pickled_and_warm_start_does_not_matter(cancer):
    X, y = cancer
    model = AdversarialLogisticRegression(0.1, max_features=2, warm_start=True).fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.coef_, model.coef_)
    np.testing.assert_allclose(again.fit(X, y).coef_, model.coef_, atol=1e-8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_features": 0}, "'max_features' parameter .* range .1, inf.*Got 0"),
        ({"max_features": 1.5}, "'max_features' parameter"),
        ({"groups": [0, 1]}, "groups has shape .2,. but X has 30 features: pass one label per"),
        ({"groups": ["a", None] * 15}, "groups must be labels of one kind.* got str, NoneType"),
        ({"groups": {"a": range(30), "b": [3]}}, "groups holds columns more than once: 3"),
        ({"groups": {"a": range(29)}}, "groups leaves out columns: 29"),
        ({"groups": {"a": ["age"]}}, "groups names unknown columns: 'age'"),
        ({"groups": 3}, "'groups' parameter"),
    ],
    ids=str,
)
def test_limits_that_make_no_sense_are_refused_by_name(cancer, options, message):
    options = {"max_features": 2, **options}
    with pytest.raises(ValueError, match=message):
        AdversarialLogisticRegression(0.1, **options).fit(*cancer)
    with pytest.raises(ValueError, match=message):
        feature_path(*cancer, **options)


@pytest.mark.parametrize("max_features", [[0, 2], [], 3, [1.5], [[1, 2]]], ids=str)
def test_numbers_of_features_that_make_no_grid_are_refused_by_name(cancer, max_features):
    with pytest.raises(ValueError, match="max_features"):
        AdversarialLogisticRegressionCV([0.1], max_features=max_features).fit(*cancer)
