import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    LearningCurveDisplay,
    StratifiedKFold,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from sklearn_advex.attribution import attribution_stability, explain
from sklearn_advex.linear_model import AdversarialLogisticRegression
from sklearn_advex.metrics import gini_index
from sklearn_advex.model_selection import (
    adversarial_accuracy_scorer,
    gini_scorer,
    make_adversarial_accuracy_scorer,
    make_certified_accuracy_scorer,
    make_gini_scorer,
    make_n_features_scorer,
    make_stability_scorer,
    most_concise,
    n_features_scorer,
    stability_scorer,
)


@pytest.fixture(scope="module")
def cancer():
    return load_breast_cancer(return_X_y=True, as_frame=True)


@pytest.fixture(scope="module")
def pipeline(cancer):
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(*cancer)


class RecordsScore(ClassifierMixin, BaseEstimator):
    """Stands for an estimator with a worst case; its score tells what it was called with."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])

    def adversarial_score(self, X, y, epsilon=None, sample_weight=None):
        self.called_with_ = X, y, epsilon, sample_weight
        return np.float32(0.25)


def test_gini_is_the_mean_over_the_encoded_rows(cancer, pipeline):
    X, y = cancer
    z = pipeline[:-1].transform(X) * pipeline[-1].coef_
    score = gini_scorer(pipeline, X, y)
    assert type(score) is float
    # With baseline 0 the slope cancels: the index of x * w.
    assert score == pytest.approx(gini_index(z).mean(), rel=1e-12)
    assert score == gini_scorer(pipeline, X)
    assert score == gini_scorer(pipeline[-1], pipeline[:-1].transform(X))


def test_gini_passes_its_options_on(cancer, pipeline):
    X, y = cancer
    baseline = np.linspace(-1, 1, X.shape[1])
    options = {"output": "logit", "target": "true", "baseline": baseline}
    expected = gini_index(explain(pipeline, X, y, **options)).mean()
    assert make_gini_scorer(**options)(pipeline, X, y) == pytest.approx(expected, rel=1e-14)
    assert expected != pytest.approx(gini_scorer(pipeline, X, y), rel=1e-3)
    with pytest.raises(ValueError, match="pass them as y"):
        make_gini_scorer(target="true")(pipeline, X)


def test_gini_of_scores(cancer):
    # The output makes no difference to the index: only whether a model has it.
    model = make_pipeline(StandardScaler(), LinearSVC()).fit(*cancer)
    expected = gini_index(model[:-1].transform(cancer[0]) * model[-1].coef_).mean()
    assert make_gini_scorer(output="logit")(model, cancer[0]) == pytest.approx(expected, rel=1e-12)


def test_gini_of_wide_encodings_makes_no_frame(monkeypatch):
    frame = pd.DataFrame({"text": ["good film", "bad film", "good", "bad"]})
    encoder = make_column_transformer((TfidfVectorizer(), "text"), sparse_threshold=1.0)
    model = make_pipeline(encoder, LogisticRegression()).fit(frame, [1, 0, 1, 0])
    expected = gini_index(explain(model, frame, groups=None)).mean()
    monkeypatch.delattr(pd.DataFrame.sparse, "from_spmatrix")
    assert gini_scorer(model, frame) == pytest.approx(expected, rel=1e-12)


def test_gini_of_a_model_that_ignores_its_input_is_zero(cancer, pipeline):
    X, y = cancer
    constant = clone(pipeline).fit(X, y)
    constant[-1].coef_ *= 0.0
    assert gini_scorer(constant, X, y) == 0.0


def test_rows_without_attribution_count_as_zero():
    model = LogisticRegression().fit(np.eye(2), [0, 1])
    assert gini_scorer(model, np.array([[0.0, 0.0], [1.0, 0.0]])) == 0.25


@pytest.mark.parametrize("sparse_threshold", [0.0, 1.0])
def test_gini_on_raw_frames_with_text(sparse_threshold):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"color": rng.choice(["red", "blue"], 60), "size": rng.normal(size=60)})
    encoder = make_column_transformer(
        (OneHotEncoder(), ["color"]), remainder="passthrough", sparse_threshold=sparse_threshold
    )
    model = make_pipeline(encoder, LogisticRegression()).fit(frame, frame["color"])
    encoded = encoder.transform(frame)
    encoded = encoded.toarray() if sparse.issparse(encoded) else encoded
    expected = gini_index(encoded * model[-1].coef_).mean()
    assert gini_scorer(model, frame) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("max_samples", "chosen"),
    [(1, [0]), (3, [0, 3, 6]), (10, range(10)), (15, range(10)), (np.int64(5), range(0, 10, 2))],
)
@pytest.mark.parametrize(
    "container", [np.asarray, pd.DataFrame, sparse.csr_array, sparse.dia_array]
)
def test_max_samples_takes_rows_at_equal_distances(max_samples, chosen, container):
    X = np.random.default_rng(0).normal(size=(10, 4))
    y = np.arange(10) % 2
    model = LogisticRegression().fit(X, y)
    rows = list(chosen)
    expected = gini_index(explain(model, X[rows], y[rows], target="true", baseline=1.0)).mean()
    scorer = make_gini_scorer(target="true", baseline=1.0, max_samples=max_samples)
    if container is pd.DataFrame:
        model.feature_names_in_ = np.array(list("abcd"), dtype=object)
        X, y = pd.DataFrame(X, columns=list("abcd")), pd.Series(y, index=np.arange(10)[::-1])
    assert scorer(model, container(X), y) == pytest.approx(expected, rel=1e-12)


def test_max_samples_of_lists_without_y():
    X = np.random.default_rng(0).normal(size=(10, 4)).tolist()
    model = LogisticRegression().fit(X, np.arange(10) % 2)
    expected = gini_index(explain(model, X[::5])).mean()
    assert make_gini_scorer(max_samples=2)(model, X) == expected


def test_scoring_does_not_change_its_input(cancer, pipeline):
    X, y = cancer
    before = X.copy()
    gini_scorer(pipeline, X, y)
    make_gini_scorer(max_samples=5)(pipeline, X, y)
    pd.testing.assert_frame_equal(X, before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "no"}, "method='no' is unknown"),
        ({"output": "no"}, "output='no' is unknown"),
        ({"max_samples": 0}, "max_samples must be None or a positive integer, got 0"),
        ({"max_samples": 2.5}, "max_samples must be None or a positive integer"),
    ],
)
def test_bad_options_of_the_gini_scorer(options, message):
    with pytest.raises(ValueError, match=message):
        make_gini_scorer(**options)


def test_adversarial_accuracy_asks_the_last_step(cancer):
    X, y = cancer
    weight = np.arange(len(X))
    pipeline = make_pipeline(StandardScaler(), RecordsScore()).fit(X, y)
    score = make_adversarial_accuracy_scorer(epsilon=0.3)(pipeline, X, y, sample_weight=weight)
    assert score == 0.25
    assert type(score) is float
    encoded, labels, epsilon, sample_weight = pipeline[-1].called_with_
    np.testing.assert_array_equal(encoded, pipeline[0].transform(X))
    assert labels is y
    assert epsilon == 0.3
    assert sample_weight is weight
    adversarial_accuracy_scorer(pipeline, X, y)
    assert pipeline[-1].called_with_[2:] == (None, None)


@pytest.mark.parametrize("epsilon", [None, 0.02, 0.4])
def test_adversarial_accuracy_is_that_on_the_worst_rows(cancer, epsilon):
    X, y = cancer
    model = AdversarialLogisticRegression(epsilon=0.2)
    pipeline = make_pipeline(StandardScaler(), model).fit(X, y)
    worst = model.perturb(pipeline[0].transform(X), y, epsilon=epsilon)
    scorer = make_adversarial_accuracy_scorer(epsilon=epsilon)
    assert scorer(pipeline, X, y) == pytest.approx(model.score(worst, y), abs=1e-15)
    assert scorer(pipeline, X, y) < pipeline.score(X, y)


def test_adversarial_accuracy_of_other_models(cancer, pipeline):
    X, y = cancer
    assert 0 < make_adversarial_accuracy_scorer(epsilon=0.2)(pipeline, X, y) < pipeline.score(X, y)
    with pytest.raises(ValueError, match="epsilon_ of a model, and LogisticRegression has none"):
        adversarial_accuracy_scorer(pipeline, X, y)
    trees = DecisionTreeClassifier().fit(X, y)
    with pytest.raises(TypeError, match=r"DecisionTreeClassifier .* no adversarial_score"):
        adversarial_accuracy_scorer(trees, X, y)


@pytest.mark.parametrize(
    "scorer",
    [
        gini_scorer,
        make_gini_scorer(output="logit", target=1, baseline=0.5, max_samples=7),
        adversarial_accuracy_scorer,
        make_adversarial_accuracy_scorer(epsilon=0.3),
        n_features_scorer,
    ],
)
def test_pickling_and_repr(scorer):
    again = pickle.loads(pickle.dumps(scorer))
    assert repr(again) == repr(scorer)
    rebuilt = eval(repr(scorer))
    assert vars(rebuilt) == vars(scorer) == vars(again)


def test_grid_search_in_two_processes(cancer):
    X, y = cancer
    grid = {"logisticregression__C": [1e-4, 1e-2, 1.0]}
    search = GridSearchCV(
        make_pipeline(StandardScaler(), LogisticRegression(solver="liblinear", l1_ratio=1)),
        grid,
        scoring={"accuracy": "accuracy", "gini": gini_scorer},
        refit=most_concise(max_drop=0.05),
        cv=3,
        n_jobs=2,
    ).fit(X, y)
    accuracy = search.cv_results_["mean_test_accuracy"]
    gini = search.cv_results_["mean_test_gini"]
    # So strong a penalty leaves no coefficient: no explanation, a score of 0 and not NaN.
    assert gini[0] == 0.0
    assert gini[1] > gini[2] > 0.3
    assert accuracy.argmax() == 2
    assert accuracy[1] > accuracy[2] - 0.05
    assert search.best_index_ == 1
    assert search.best_params_ == {"logisticregression__C": 1e-2}
    assert gini_scorer(search.best_estimator_, X) > 0.8
    assert search.predict(X[:3]).shape == (3,)


def test_a_scorer_that_fails_is_seen(cancer):
    with pytest.raises(TypeError, match="cannot explain SVC"):
        cross_validate(SVC(), *cancer, scoring={"gini": gini_scorer}, error_score="raise", cv=2)
    with pytest.warns(UserWarning, match=r"(?s)Scoring failed.*cannot explain SVC"):
        scores = cross_validate(SVC(), *cancer, scoring={"gini": gini_scorer}, cv=2)
    assert np.isnan(scores["test_gini"]).all()


def test_a_search_with_these_parts_can_be_cloned_and_shown(pipeline):
    search = GridSearchCV(
        pipeline,
        {"logisticregression__C": [1.0]},
        scoring={"accuracy": "accuracy", "gini": make_gini_scorer(baseline=np.ones(30))},
        refit=most_concise(max_drop=0.02),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = clone(search)
    assert "most_concise(max_drop=0.02" in repr(again)
    np.testing.assert_array_equal(again.scoring["gini"].baseline, np.ones(30))


def test_gini_of_original_columns(cancer):
    X, y = cancer
    frame = pd.DataFrame(
        {"size": X["mean area"], "color": np.where(X["mean texture"] > 20, "red", "blue")}
    )
    encoder = make_column_transformer((OneHotEncoder(), ["color"]), (StandardScaler(), ["size"]))
    model = make_pipeline(encoder, LogisticRegression()).fit(frame, y)
    columns = gini_index(explain(model, frame)).mean()
    encoded = gini_index(explain(model, frame, groups=None)).mean()
    assert columns != pytest.approx(encoded, abs=0.05)
    assert make_gini_scorer(groups="auto")(model, frame) == pytest.approx(columns, rel=1e-12)
    assert gini_scorer(model, frame) == pytest.approx(encoded, rel=1e-12)
    with pytest.raises(ValueError, match="groups='columns' is unknown"):
        make_gini_scorer(groups="columns")


@pytest.mark.parametrize("max_samples", [None, 7])
def test_stability_is_minus_the_mean_change(cancer, max_samples):
    X, y = cancer
    pipeline = make_pipeline(StandardScaler(), AdversarialLogisticRegression(0.1)).fit(X, y)
    rows = np.arange(len(X)) if max_samples is None else np.arange(7) * len(X) // 7
    expected = -attribution_stability(pipeline, X.iloc[rows], y.iloc[rows]).change.mean()
    scorer = make_stability_scorer(max_samples=max_samples)
    score = scorer(pipeline, X, y)
    assert type(score) is float
    assert score == pytest.approx(expected, rel=1e-12)
    if max_samples is None:
        # Theorem 5.1: what the adversary adds to the log loss.
        worst = pipeline[-1].perturb(pipeline[:-1].transform(X), y)
        proba = pipeline[-1].predict_log_proba(worst)[np.arange(len(y)), y].mean()
        natural = pipeline.predict_log_proba(X)[np.arange(len(y)), y].mean()
        assert score == pytest.approx(proba - natural, rel=1e-9)
        assert stability_scorer(pipeline, X, y) == score


def test_stability_passes_its_options_on(cancer, pipeline):
    X, _ = cancer
    options = {"epsilon": 0.2, "output": "probability", "target": "predicted", "n_iter": 2}
    scorer = pickle.loads(pickle.dumps(make_stability_scorer(**options, baseline=0.5)))
    expected = -attribution_stability(pipeline, X, baseline=0.5, **options).change.mean()
    assert scorer(pipeline, X) == pytest.approx(expected, rel=1e-12)
    assert "n_iter=2" in repr(scorer)
    for bad in ({"output": "score"}, {"method": "lime"}, {"max_samples": 0}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            make_stability_scorer(**bad)


def test_all_scores_together_on_spambase(openml):
    X, y = openml("spambase")
    pipeline = make_pipeline(StandardScaler(), AdversarialLogisticRegression(alpha=1e-3))
    scoring = {
        "accuracy": "accuracy",
        "gini": gini_scorer,
        "adversarial_accuracy": make_adversarial_accuracy_scorer(epsilon=0.05),
        "stability": make_stability_scorer(epsilon=0.05),
    }
    search = GridSearchCV(
        pipeline,
        {"adversariallogisticregression__epsilon": [0.0, 0.05, 0.2]},
        scoring=scoring,
        refit=most_concise(max_drop=0.03),
        cv=3,
        n_jobs=2,
        error_score="raise",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search.fit(X, y)
    scores = pd.DataFrame(search.cv_results_).filter(like="mean_test_")
    assert np.isfinite(scores.to_numpy()).all()
    # A stronger adversary in training: more concise and more stable.
    assert scores["mean_test_gini"].is_monotonic_increasing
    assert scores["mean_test_stability"].is_monotonic_increasing
    assert (scores["mean_test_stability"] < 0).all()
    assert scores["mean_test_adversarial_accuracy"][1] > scores["mean_test_adversarial_accuracy"][0]


@pytest.fixture(scope="module")
def colors():
    """A table of a word and two numbers, and two classes that depend on the word and one number."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "color": rng.choice(["red", "green", "blue"], 300),
            "size": rng.normal(size=300),
            "noise": rng.normal(size=300),
        }
    )
    y = np.where(3 * (frame["color"] == "red") + frame["size"] > 1, "yes", "no")
    return frame, y


def encoded(*last_steps):
    encoder = make_column_transformer(
        (OneHotEncoder(), ["color"]), (StandardScaler(), ["size", "noise"])
    )
    return make_pipeline(encoder, *last_steps)


def test_n_features_counts_columns_of_the_table(colors):
    X, y = colors
    model = encoded(AdversarialLogisticRegression(0.1, alpha=0.02, l1_ratio=1)).fit(X, y)
    coef = model[-1].coef_[0]
    assert np.count_nonzero(coef[:3]) >= 1
    assert coef[3] != 0
    assert coef[4] == 0  # noise
    score = n_features_scorer(model, X, y)
    assert type(score) is float
    assert score == -2
    in_encoded_columns = make_n_features_scorer(groups=None)
    assert in_encoded_columns(model, X) == -np.count_nonzero(coef)
    # One weight of a column decides, however many rows it is 0 in.
    model[-1].coef_ = np.array([[0.0, 0.0, 1.0, 0.0, 0.0]])
    assert n_features_scorer(model, X) == -1
    assert n_features_scorer(model, X[X["color"] == "blue"]) == 0
    model[-1].coef_ *= 0
    assert n_features_scorer(model, X) == 0


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_n_features_of_scores_and_sparse_rows(container):
    X = np.array([[1.0, 0.0, 2.0], [0.0, 0.0, 1.0], [3.0, 0.0, 0.0], [1.0, 0.0, 5.0]])
    model = LinearSVC().fit(X, [0, 1, 0, 1])
    assert n_features_scorer(model, container(X)) == -2
    assert make_n_features_scorer(max_samples=1)(model, container(X[1:])) == -1


def test_a_search_takes_the_fewest_columns(colors):
    X, y = colors
    search = GridSearchCV(
        encoded(AdversarialLogisticRegression(alpha=1e-3, l1_ratio=1)),
        {"adversariallogisticregression__epsilon": [0.0, 0.1, 0.2]},
        scoring={"accuracy": "accuracy", "n_features": n_features_scorer},
        refit=most_concise(max_drop=0.05, sparseness="n_features"),
        cv=3,
    ).fit(X, y)
    counts = -search.cv_results_["mean_test_n_features"]
    allowed = search.cv_results_["mean_test_accuracy"] >= (
        search.cv_results_["mean_test_accuracy"].max() - 0.05
    )
    assert counts[search.best_index_] == counts[allowed].min() < counts[0]


SCORERS = {
    "gini": gini_scorer,
    "n_features": n_features_scorer,
    "adversarial_accuracy": make_adversarial_accuracy_scorer(epsilon=0.3),
    "stability": make_stability_scorer(epsilon=0.3),
    "certified_accuracy": make_certified_accuracy_scorer(epsilon=0.3),
}


@pytest.fixture(scope="module")
def uneven():
    """Rows of two laws, of which the weights leave out the second one."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    X[60:] += 2.0
    y = np.arange(120) % 2
    X[:, 0] += y
    X[:60, 2] = 0.0
    weight = np.r_[np.repeat([1.0, 3.0], 30), np.zeros(60)]
    return X, y, weight


@pytest.mark.parametrize("name", SCORERS)
def test_weights_are_numbers_of_copies(name, uneven):
    X, y, weight = uneven
    model = AdversarialLogisticRegression(0, alpha=0.1).fit(X, y)
    copies = np.repeat(np.arange(len(X)), weight.astype(int))
    expected = SCORERS[name](model, X[copies], y[copies])
    assert SCORERS[name](model, X, y, sample_weight=weight) == pytest.approx(expected, rel=1e-12)
    assert SCORERS[name](model, X, y) != pytest.approx(expected, rel=1e-3)


def test_a_search_with_several_scorers_takes_weights(uneven):
    X, y, weight = uneven
    order = np.random.default_rng(1).permutation(len(X))
    X, y, weight = X[order], y[order], weight[order]
    search = GridSearchCV(
        AdversarialLogisticRegression(),
        {"epsilon": [0.1, 0.2]},
        scoring={"accuracy": "accuracy", **SCORERS},
        refit=most_concise(),
        cv=2,
    ).fit(X, y, sample_weight=weight)
    train, test = next(StratifiedKFold(2).split(X, y))
    model = AdversarialLogisticRegression(0.1).fit(X[train], y[train], weight[train])
    for name, scorer in SCORERS.items():
        expected = scorer(model, X[test], y[test], sample_weight=weight[test])
        assert search.cv_results_[f"split0_test_{name}"][0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", SCORERS)
def test_weights_by_metadata_routing(name, uneven):
    X, y, weight = uneven
    scorer = pickle.loads(pickle.dumps(SCORERS[name]))
    model = AdversarialLogisticRegression(0, alpha=0.1)
    folds = 2 * [(np.arange(120), np.arange(120))]
    options = {"cv": folds, "error_score": "raise", "params": {"sample_weight": weight}}
    with config_context(enable_metadata_routing=True):
        model.set_fit_request(sample_weight=False)
        with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
            cross_validate(model, X, y, scoring=scorer, **options)
        scorer.set_score_request(sample_weight=True)
        scores = cross_validate(model, X, y, scoring={name: scorer}, **options)[f"test_{name}"]
    fitted = model.fit(X, y)
    assert scores[1] == SCORERS[name](fitted, X, y, sample_weight=weight)
    assert scores[1] != SCORERS[name](fitted, X, y)
    with pytest.raises(RuntimeError, match="when metadata routing is enabled"):
        scorer.set_score_request(sample_weight=True)


def test_scorers_have_names(cancer):
    names = [scorer.__name__ for scorer in SCORERS.values()]
    assert names == list(SCORERS)
    display = LearningCurveDisplay.from_estimator(
        make_pipeline(StandardScaler(), LogisticRegression()),
        *cancer,
        scoring=gini_scorer,
        cv=2,
        train_sizes=[0.5, 1.0],
    )
    assert display.score_name == "Gini"
