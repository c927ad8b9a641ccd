"""Cross-validated adversarial logistic regression against GridSearchCV over the same grid."""

import warnings

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.model_selection import GridSearchCV, GroupKFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_advex import (
    AdversarialLogisticRegression,
    AdversarialLogisticRegressionCV,
    epsilon_grid,
)
from sklearn_advex.model_selection import (
    gini_scorer,
    make_adversarial_accuracy_scorer,
    most_concise,
)


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    names = np.array(["malignant", "benign"])
    return StandardScaler().fit_transform(X), names[y]


def digits():
    X, y = load_digits(n_class=4, return_X_y=True)
    return X / 16, y


@pytest.mark.parametrize("select", ["most_concise", "best"])
@pytest.mark.parametrize("kind", ["binary", "four classes", "csr"])
def test_the_choice_and_the_scores_are_those_of_a_grid_search(cancer, select, kind):
    X, y = digits() if kind == "four classes" else cancer
    X = csr_array(X) if kind == "csr" else X
    grid = {"epsilon": [0.01, 0.05, 0.1, 0.2], "alpha": [1e-3, 1e-2]}
    model = AdversarialLogisticRegressionCV(
        grid["epsilon"], grid["alpha"], l1_ratio=0.5, cv=3, select=select, max_drop=0.02
    ).fit(X, y)
    search = GridSearchCV(
        AdversarialLogisticRegression(l1_ratio=0.5),
        grid,
        scoring={"accuracy": "accuracy", "gini": gini_scorer},
        refit=most_concise(0.02 if select == "most_concise" else 0.0),
        cv=3,
    ).fit(X, y)
    for name in ("accuracy", "gini"):
        expected = search.cv_results_[f"mean_test_{name}"].reshape(2, 4)
        np.testing.assert_allclose(model.scores_[name].mean(axis=2), expected, atol=1e-5)
    assert search.best_params_ == {"epsilon": model.best_epsilon_, "alpha": model.best_alpha_}
    np.testing.assert_allclose(model.coef_, search.best_estimator_.coef_, atol=1e-5)
    assert (model.predict(X) == search.predict(X)).all()


def test_fitted_attributes_have_their_shapes_and_fit_together(cancer):
    X, y = cancer
    model = AdversarialLogisticRegressionCV(
        5, [1e-4, 1e-3], cv=StratifiedKFold(4), scoring=("accuracy", "gini", "roc_auc")
    ).fit(X, y)
    np.testing.assert_array_equal(model.epsilons_, epsilon_grid(X, y, n=5))
    assert {name: s.shape for name, s in model.scores_.items()} == dict.fromkeys(
        ("accuracy", "gini", "roc_auc"), (2, 5, 4)
    )
    assert (model.scores_["roc_auc"] > model.scores_["accuracy"].mean()).mean() > 0.8
    assert model.coefs_paths_.shape == (2, 5, 1, 30)
    chosen = (
        list(model.alphas_).index(model.best_alpha_),
        list(model.epsilons_).index(model.best_epsilon_),
    )
    np.testing.assert_array_equal(model.coefs_paths_[chosen], model.coef_)
    np.testing.assert_array_equal(model.epsilon_, np.full(30, model.best_epsilon_))
    assert model.kkt_residual_[0] <= 1e-8
    assert model.adversarial_score(X, y) < model.score(X, y)


def test_a_dict_of_scorers_is_that_of_a_grid_search(cancer):
    X, y = cancer
    scoring = {
        "accuracy": "accuracy",
        "gini": gini_scorer,
        "under attack": make_adversarial_accuracy_scorer(epsilon=0.1),
    }
    grid = {"epsilon": [0.05, 0.2]}
    rule = most_concise(0.02, "under attack")
    search = GridSearchCV(AdversarialLogisticRegression(), grid, scoring=scoring, refit=rule, cv=3)
    search.fit(X, y)
    model = AdversarialLogisticRegressionCV(
        [0.05, 0.2], cv=3, scoring=scoring, accuracy="under attack", max_drop=0.02
    ).fit(X, y)
    assert model.best_index_ == search.best_index_
    for name in scoring:
        np.testing.assert_allclose(
            model.cv_results_[f"mean_test_{name}"], search.cv_results_[f"mean_test_{name}"]
        )


def test_needed_scores_are_added(cancer):
    X, y = cancer
    model = AdversarialLogisticRegressionCV([0.1], cv=3, scoring=[], accuracy="f1_macro").fit(X, y)
    assert set(model.scores_) == {"f1_macro", "gini"}
    limited = AdversarialLogisticRegressionCV([0.1], cv=3, scoring=["gini"], max_features=[2])
    assert set(limited.fit(X, y).scores_) == {"gini", "accuracy", "n_features"}


def test_bad_scores_are_refused_before_any_fit(cancer, monkeypatch):
    X, y = cancer
    monkeypatch.setattr(AdversarialLogisticRegressionCV, "_validate", None)
    with pytest.raises(ValueError, match="magic"):
        AdversarialLogisticRegressionCV(scoring=["magic"]).fit(X, y)


def test_rows_of_weight_zero_decide_nothing(cancer):
    X, y = cancer
    rng = np.random.default_rng(0)
    nonsense = 3 * rng.standard_normal(X.shape)
    folds = np.arange(len(y)) % 3
    splits = [(np.flatnonzero(folds != k), np.flatnonzero(folds == k)) for k in range(3)]
    scoring = {
        "accuracy": "accuracy",
        "gini": "gini",
        "roc_auc": "roc_auc",
        "attacked": make_adversarial_accuracy_scorer(epsilon=0.1),
        "unaware": lambda estimator, X, y: float(len(y)),
    }
    model = AdversarialLogisticRegressionCV([0.05, 0.2], cv=splits, scoring=scoring).fit(X, y)
    both = [
        (np.append(train, train + len(y)), np.append(test, test + len(y))) for train, test in splits
    ]
    X, labels = np.vstack([X, nonsense]), np.append(y, rng.permutation(y))
    weights = np.repeat([1.0, 0.0], len(y))
    weighted = AdversarialLogisticRegressionCV([0.05, 0.2], cv=both, scoring=scoring)
    weighted.fit(X, labels, sample_weight=weights)
    for name in set(scoring) - {"unaware"}:
        np.testing.assert_allclose(weighted.scores_[name], model.scores_[name], atol=1e-6)
    np.testing.assert_array_equal(weighted.scores_["unaware"], 2 * model.scores_["unaware"])


def test_folds_without_weight_are_refused(cancer):
    X, y = cancer
    weights = np.ones(len(y))
    weights[::3] = 0
    splits = [(np.flatnonzero(np.arange(len(y)) % 3), np.arange(0, len(y), 3))]
    with pytest.raises(ValueError, match="sample_weight of 0 in some fold"):
        AdversarialLogisticRegressionCV([0.1], cv=splits).fit(X, y, sample_weight=weights)


@pytest.mark.parametrize("routing", [False, True])
def test_folds_by_groups_of_rows(cancer, routing):
    X, y = cancer
    groups = np.arange(len(y)) % 7
    with config_context(enable_metadata_routing=routing):
        by_groups = AdversarialLogisticRegressionCV([0.1], cv=GroupKFold(3))
        by_groups.fit(X, y, groups=groups)
        with pytest.raises(TypeError, match="magic"):
            by_groups.fit(X, y, groups=groups, magic=1)
    splits = list(GroupKFold(3).split(X, y, groups))
    expected = AdversarialLogisticRegressionCV([0.1], cv=splits).fit(X, y)
    np.testing.assert_array_equal(by_groups.scores_["accuracy"], expected.scores_["accuracy"])
    with pytest.raises(ValueError, match=r"fit\(X, y, groups=\.\.\.\)"):
        AdversarialLogisticRegressionCV([0.1], cv=GroupKFold(3)).fit(X, y)


def test_groups_of_rows_reach_a_search_in_a_pipeline(cancer):
    X, y = cancer
    groups = np.arange(len(y)) % 7
    with config_context(enable_metadata_routing=True):
        search = AdversarialLogisticRegressionCV([0.1], cv=GroupKFold(3))
        model = make_pipeline(StandardScaler(), search).fit(X, y, groups=groups)
    assert model[-1].scores_["accuracy"].shape == (1, 1, 3)


def test_weights_count_in_the_fits(cancer):
    X, y = cancer
    weights = np.where(y == "benign", 1.0, 5.0)
    plain = AdversarialLogisticRegressionCV([0.1], cv=3).fit(X, y)
    weighted = AdversarialLogisticRegressionCV([0.1], cv=3).fit(X, y, sample_weight=weights)
    expected = AdversarialLogisticRegression(0.1).fit(X, y, sample_weight=weights)
    np.testing.assert_allclose(weighted.coef_, expected.coef_, atol=1e-7)
    assert not np.allclose(weighted.scores_["accuracy"], plain.scores_["accuracy"], atol=1e-12)


def test_two_processes_find_the_same(cancer):
    X, y = cancer
    one = AdversarialLogisticRegressionCV([0.1, 0.2], cv=3).fit(X, y)
    two = AdversarialLogisticRegressionCV([0.1, 0.2], cv=3, n_jobs=2).fit(X, y)
    np.testing.assert_array_equal(one.coef_, two.coef_)
    np.testing.assert_array_equal(one.scores_["gini"], two.scores_["gini"])


def test_a_model_without_features_has_gini_zero_in_the_scores(cancer):
    X, y = cancer
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = AdversarialLogisticRegressionCV([0.1, 5.0], cv=3).fit(X, y)
    assert (model.scores_["gini"][0, 1] == 0).all()
    assert model.best_epsilon_ == 0.1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alphas": []}, "alphas must be a list of numbers"),
        ({"alphas": [-1]}, "alphas must be finite and not negative"),
        ({"epsilons": [-1]}, "epsilons must be finite and not negative"),
        ({"epsilons": 0}, "'epsilons' parameter"),
        ({"select": "sparsest"}, "'select' parameter.*'most_concise'"),
        ({"scoring": "roc_auc"}, "scoring must be a sequence.*accuracy='roc_auc'"),
        ({"scoring": ("accuracy", "gini", "magic")}, "magic"),
        ({"scoring": {"accuracy": 0.5}}, "scoring must hold names.*0.5 for 'accuracy'"),
        ({"max_drop": -0.1}, "'max_drop' parameter"),
    ],
)
def test_bad_parameters_are_refused_by_name(cancer, options, message):
    with pytest.raises(ValueError, match=message):
        AdversarialLogisticRegressionCV(**{"epsilons": [0.1], "cv": 3, **options}).fit(*cancer)


def test_folds_without_a_class_are_refused():
    X, y = np.arange(12.0).reshape(-1, 1), np.arange(12) > 5
    folds = [(np.arange(6), np.arange(6, 12))]
    with pytest.raises(ValueError, match="class"):
        AdversarialLogisticRegressionCV([0.1], cv=folds).fit(X, y)


@pytest.mark.filterwarnings("ignore:The least populated class in y has only 1 members")
def test_a_class_of_one_row_cannot_be_in_training_and_test():
    X, y = np.arange(40.0).reshape(-1, 1), np.arange(40) == 39
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    with pytest.raises(ValueError, match=r"class\(es\) \[True\] have a single row, .*more rows"):
        AdversarialLogisticRegressionCV([0.1], cv=folds).fit(X, y)
