"""Models inside searches, threshold tuners and ensembles."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier, VotingClassifier
from sklearn.feature_selection import RFE
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
    cross_validate,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import LinearSVC

from sklearn_advex import AdversarialLogisticRegression, AttributionTransformer, explain
from sklearn_advex.attribution import adversarial_accuracy, attribution_stability
from sklearn_advex.model_selection import (
    gini_scorer,
    make_adversarial_accuracy_scorer,
    make_stability_scorer,
    most_concise,
    n_features_scorer,
)
from sklearn_advex.report import conciseness_report


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    return X.iloc[::3], y.iloc[::3].map({0: "malignant", 1: "benign"})


def pipeline(epsilon=0.1):
    return make_pipeline(StandardScaler(), AdversarialLogisticRegression(epsilon, alpha=0.01))


SCORERS = {
    "gini": gini_scorer,
    "n_features": n_features_scorer,
    "adversarial_accuracy": make_adversarial_accuracy_scorer(epsilon=0.1),
    "stability": make_stability_scorer(epsilon=0.1),
}


def searched():
    grid = {"adversariallogisticregression__epsilon": [0.1, 0.2]}
    scoring = {"accuracy": "accuracy", "gini": gini_scorer}
    return GridSearchCV(pipeline(), grid, scoring=scoring, refit=most_concise(0.05), cv=2)


def test_a_search_is_explained_by_its_best_model(cancer):
    X, y = cancer
    search = searched().fit(X, y)
    best = search.best_estimator_
    pd.testing.assert_frame_equal(explain(search, X), explain(best, X))
    for scorer in SCORERS.values():
        assert scorer(search, X, y) == scorer(best, X, y)
    report = conciseness_report({"n": search}, X, y)
    pd.testing.assert_frame_equal(report, conciseness_report({"n": best}, X, y))
    assert adversarial_accuracy(search, X, y) == adversarial_accuracy(best, X, y)
    transformer = AttributionTransformer(searched()).fit(X, y)
    np.testing.assert_allclose(transformer.transform(X), explain(best, X).to_numpy())


def test_nested_cross_validation(cancer):
    X, y = cancer
    results = cross_validate(searched(), X, y, scoring=SCORERS, cv=2, error_score="raise")
    assert all(np.isfinite(results[f"test_{name}"]).all() for name in SCORERS)


def test_a_pipeline_that_ends_in_a_search(cancer):
    X, y = cancer
    search = GridSearchCV(AdversarialLogisticRegression(), {"epsilon": [0.1, 0.2]}, cv=2)
    model = make_pipeline(StandardScaler(), search).fit(X, y)
    inner = make_pipeline(model[0], model[-1].best_estimator_)
    pd.testing.assert_frame_equal(explain(model, X), explain(inner, X))


@pytest.mark.parametrize("wrapper", [FixedThresholdClassifier, TunedThresholdClassifierCV])
def test_another_threshold(wrapper, cancer):
    X, y = cancer
    options = {"threshold": 0.9, "pos_label": "malignant"}
    if wrapper is TunedThresholdClassifierCV:
        options = {"scoring": "balanced_accuracy", "thresholds": [0.8, 0.9, 0.95], "cv": 2}
    model = wrapper(pipeline(), **options).fit(X, y)
    predicted = model.predict(X)
    assert (predicted != model.estimator_.predict(X)).any()
    pd.testing.assert_frame_equal(
        explain(model, X), explain(model.estimator_, X, predicted, target="true")
    )
    for target in model.classes_:
        pd.testing.assert_frame_equal(
            explain(model, X, target=target), explain(model.estimator_, X, target=target)
        )
    assert gini_scorer(model, X) == pytest.approx(gini_scorer(model.estimator_, X), rel=1e-12)
    change = attribution_stability(model, X, target="predicted", output="logit", epsilon=0.1).change
    assert (change > 0).all()
    for worst_case in (SCORERS["adversarial_accuracy"], adversarial_accuracy):
        with pytest.raises(TypeError, match=r"threshold was tuned .* inside, its estimator_"):
            worst_case(model, X, y)
    report = conciseness_report({"n": model}, X, y, epsilon=0.1)
    assert report["adversarial_accuracy"].isna().all()
    assert report["accuracy"].item() == model.score(X, y)


def test_a_classifier_that_selects_features(cancer):
    X, y = cancer
    model = make_pipeline(StandardScaler(), RFE(LogisticRegression(), n_features_to_select=3))
    attributions, error = explain(model.fit(X, y), X, return_completeness=True)
    np.testing.assert_allclose(error, 0, atol=1e-12)
    assert attributions.any().tolist() == model[-1].support_.tolist()
    assert n_features_scorer(model, X) == -3
    expected = adversarial_accuracy(model[-1].estimator_, scaled(model, X), y, epsilon=0.1)
    assert adversarial_accuracy(model, X, y, epsilon=0.1) == expected


def scaled(model, X):
    return model[-1].transform(model[0].transform(X))


def test_a_classifier_that_labels_rows_by_itself(cancer):
    X, y = cancer
    codes = (y == "benign").astype(int).where(np.arange(len(y)) % 2 == 0, -1)
    model = make_pipeline(StandardScaler(), SelfTrainingClassifier(LogisticRegression()))
    inner = make_pipeline(model.fit(X, codes)[0], model[-1].estimator_)
    pd.testing.assert_frame_equal(explain(model, X), explain(inner, X))


ENSEMBLES = {
    "bagging": BaggingClassifier(pipeline(), n_estimators=3, random_state=0),
    "bagging of features": BaggingClassifier(
        LogisticRegression(max_iter=10_000),
        n_estimators=4,
        max_features=0.5,
        bootstrap_features=True,
        random_state=0,
    ),
    "voting": VotingClassifier(
        [
            ("a", pipeline(0.1)),
            ("no", "drop"),
            ("b", make_pipeline(StandardScaler(), LogisticRegression())),
        ],
        voting="soft",
        weights=[3, 5, 1],
    ),
}


@pytest.mark.parametrize("name", ENSEMBLES)
@pytest.mark.parametrize("several_classes", [False, True])
def test_the_probability_of_ensembles(name, several_classes, cancer):
    X, y = cancer
    if several_classes:
        X, y = load_iris(return_X_y=True, as_frame=True)
        y = y.map(dict(enumerate("xyz")))
    X, y = X.to_numpy(), y.to_numpy()
    model = ENSEMBLES[name].fit(X, y)
    plain = name == "bagging of features"
    for target in ("predicted", model.classes_[0]):
        attributions, error = explain(model, X, target=target, return_completeness=True)
        assert attributions.shape == X.shape
        np.testing.assert_allclose(error, 0.0, atol=1e-7)
    if plain and not several_classes:
        # The sum is the change of the ensemble's own probability, checked without our code.
        F = model.predict_proba(X)[:, 0]
        F_baseline = model.predict_proba(np.zeros((1, X.shape[1])))[0, 0]
        np.testing.assert_allclose(attributions.sum(axis=1), F - F_baseline, atol=1e-12)


def test_columns_of_an_ensemble(cancer):
    X, y = cancer
    bag = BaggingClassifier(LogisticRegression(), n_estimators=2, max_features=4, random_state=0)
    model = make_pipeline(StandardScaler(), bag).fit(X, y)
    used = {column for columns in bag.estimators_features_ for column in columns}
    assert n_features_scorer(model, X, y) == -len(used)
    assert "output='auto'" in repr(n_features_scorer)


@pytest.mark.parametrize("ensemble", [True, False])
@pytest.mark.parametrize("inner", [pipeline(), make_pipeline(StandardScaler(), LinearSVC())])
def test_calibrated_probabilities(ensemble, inner, cancer):
    X, y = cancer
    model = CalibratedClassifierCV(inner, cv=3, ensemble=ensemble).fit(X, y)
    attributions, error = explain(model, X, target="malignant", return_completeness=True)
    np.testing.assert_allclose(error, 0.0, atol=1e-7)
    pd.testing.assert_index_equal(attributions.columns, X.columns)
    # Between two rows the sums differ by the calibrated probabilities themselves.
    sums = attributions.sum(axis=1).to_numpy()
    F = model.predict_proba(X)[:, model.classes_.tolist().index("malignant")]
    np.testing.assert_allclose(sums - sums[0], F - F[0], atol=1e-7)


def test_ensembles_in_pipelines_frames_and_sparse_rows(cancer):
    X, y = cancer
    bag = BaggingClassifier(LogisticRegression(), n_estimators=2, max_features=7, random_state=0)
    model = make_pipeline(StandardScaler(), bag).fit(X, y)
    attributions = explain(model, X)
    pd.testing.assert_index_equal(attributions.columns, X.columns)
    assert np.count_nonzero(attributions.any()) <= 14
    assert gini_scorer(model, X) > 0.5
    rows = sparse.csr_array(model[0].transform(X))
    result = explain(bag, rows)
    assert sparse.issparse(result)
    np.testing.assert_allclose(result.toarray(), attributions.to_numpy(), atol=1e-12)
    with pytest.raises(ValueError, match=r"Only the probability of a BaggingClassifier .* mean"):
        explain(model, X, output="logit")


@pytest.mark.parametrize(
    ("wrapper", "inside"),
    [
        (
            CalibratedClassifierCV(pipeline(), cv=2, method="isotonic"),
            r"\.calibrated_classifiers_\[0\]\.estimator",
        ),
        (OneVsRestClassifier(pipeline()), r"\.estimators_\[0\]"),
        (AdaBoostClassifier(n_estimators=2), r"\.estimators_\[0\]"),
        (GridSearchCV(pipeline(), {}, refit=False, cv=2), r"best_estimator_, if it is .* refit"),
    ],
)
def test_where_the_model_is(wrapper, inside, cancer):
    X, y = cancer
    with pytest.raises(TypeError, match=f"cannot explain {type(wrapper).__name__}.*{inside}"):
        explain(wrapper.fit(X, y), X)
