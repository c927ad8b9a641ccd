import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer, log_loss
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch.nn import Flatten, Linear, Sequential

from sklearn_advex import (
    AdversarialLogisticRegression,
    AdversarialMLPClassifier,
    AdversarialNetClassifier,
    explain,
)
from sklearn_advex.metrics import gini_index, sufficiency
from sklearn_advex.model_selection import make_adversarial_accuracy_scorer
from sklearn_advex.report import conciseness_report

COLUMNS = [
    "accuracy",
    "accuracy_drop",
    "adversarial_accuracy",
    "gini",
    "gini_gain",
    "gini_gain_low",
    "gini_gain_high",
    "sufficiency_3",
    "n_nonzero",
    "n_columns",
    "n_features_90",
]


@pytest.fixture(scope="module")
def data():
    return load_breast_cancer(return_X_y=True, as_frame=True)


@pytest.fixture(scope="module")
def models(data):
    models = {
        "n": AdversarialLogisticRegression(epsilon=0, alpha=1e-3),
        "a": AdversarialLogisticRegression(epsilon=0.2),
        "sklearn": LogisticRegression(),
    }
    return {name: make_pipeline(StandardScaler(), m).fit(*data) for name, m in models.items()}


def test_every_column_by_its_definition(models, data):
    X, y = data
    report = conciseness_report(models, X, y, epsilon=0.1)
    assert list(report.columns) == COLUMNS
    assert report.index.names == ["model", "method"]
    assert list(report.index) == [("n", "ig"), ("a", "ig"), ("sklearn", "ig")]
    scaled = models["a"][0].transform(X)
    model = models["a"][-1]
    A, A_n = (np.asarray(explain(models[name], X)) for name in ("a", "n"))
    gain = gini_index(A) - gini_index(A_n)
    row = report.loc[("a", "ig")]
    assert row["accuracy"] == models["a"].score(X, y)
    assert row["accuracy_drop"] == models["n"].score(X, y) - models["a"].score(X, y)
    margin = np.where(y == 1, 1, -1) * model.decision_function(scaled)
    worst = margin - 0.1 * np.abs(model.coef_).sum()
    assert row["adversarial_accuracy"] == pytest.approx((worst > 0).mean())
    assert row["gini"] == pytest.approx(gini_index(A).mean())
    assert row["gini_gain"] == pytest.approx(gain.mean())
    assert row["gini_gain_low"] < row["gini_gain"] < row["gini_gain_high"]
    assert row["gini_gain_high"] - row["gini_gain_low"] == pytest.approx(
        2 * 1.96 * gain.std() / np.sqrt(len(X)), rel=0.1
    )
    assert row["sufficiency_3"] == sufficiency(model.predict, scaled, A, k=3) < 1
    assert row["n_nonzero"] == np.count_nonzero(model.coef_) < 15
    shares = np.sort(np.abs(A).mean(axis=0) / np.abs(A).mean(axis=0).sum())[::-1].cumsum()
    count = int(row["n_features_90"])
    assert shares[count - 2] < 0.9 <= shares[count - 1]


def test_the_reference_gains_and_gives_up_nothing(models, data):
    for reference in models:
        row = conciseness_report(models, *data, reference=reference).loc[(reference, "ig")]
        assert (row[["accuracy_drop", "gini_gain", "gini_gain_low", "gini_gain_high"]] == 0).all()


def test_the_reference_is_the_first_model(models, data):
    reordered = {name: models[name] for name in ("a", "sklearn", "n")}
    pd.testing.assert_frame_equal(
        conciseness_report(reordered, *data), conciseness_report(reordered, *data, reference="a")
    )


def test_what_a_model_cannot_say_is_na(models, data):
    report = conciseness_report(models, *data)
    assert report.loc[("sklearn", "ig"), "adversarial_accuracy"] is pd.NA
    assert report.notna().to_numpy().sum() == report.size - 1
    assert report.dtypes.astype(str).to_dict() == {
        **dict.fromkeys(COLUMNS, "float64"),
        "adversarial_accuracy": "Float64",
        "sufficiency_3": "Float64",
        "n_nonzero": "Int64",
        "n_columns": "int64",
        "n_features_90": "int64",
    }
    only = conciseness_report({"n": models["n"]}, *data)
    assert only.dtypes.equals(report.dtypes)


def test_epsilon_of_the_adversary(models, data):
    X, y = data
    own = conciseness_report(models, X, y)["adversarial_accuracy"]
    scaled = models["a"][0].transform(X)
    assert own["a"].item() == models["a"][-1].adversarial_score(scaled, y)
    assert own["n"].item() == models["n"].score(X, y)
    common = conciseness_report(models, X, y, epsilon=0.1)["adversarial_accuracy"]
    assert common["n"].item() < own["n"].item()


def test_all_networks_are_attacked_in_as_many_steps(data):
    X, y = StandardScaler().fit_transform(data[0]), data[1]
    few, many = (
        AdversarialMLPClassifier((32,), training=None, attack_steps=steps, random_state=0)
        for steps in (1, 15)
    )
    models = {"few": few.fit(X, y), "many": many.fit(X, y)}
    found = conciseness_report(models, X, y, epsilon=0.5)["adversarial_accuracy"]
    assert found["few"].item() == found["many"].item() == many.adversarial_score(X, y, epsilon=0.5)
    assert few.adversarial_score(X, y, epsilon=0.5) > found["few"].item()


def test_same_seed_same_interval(models, data):
    reports = [conciseness_report(models, *data, random_state=seed) for seed in (0, 0, 1)]
    pd.testing.assert_frame_equal(reports[0], reports[1])
    first, _, other = (report.loc[("a", "ig"), "gini_gain_low"] for report in reports)
    assert first != other


def test_options_of_explain_are_passed_on(models, data):
    X, y = data
    report = conciseness_report(models, X, y, output="logit")
    A = explain(models["a"], X, output="logit")
    assert report.loc[("a", "ig"), "gini"] == pytest.approx(gini_index(A).mean())
    with_labels = conciseness_report({"n": models["n"]}, X, y, target="true")
    A = explain(models["n"], X, y, target="true")
    assert with_labels.loc[("n", "ig"), "gini"] == pytest.approx(gini_index(A).mean())


def negative_log_loss(model, X, y):
    return -log_loss(y, model.predict_proba(X))


@pytest.mark.parametrize(
    ("accuracy", "name"), [("roc_auc", "roc_auc"), (negative_log_loss, "negative_log_loss")]
)
def test_another_score(models, data, accuracy, name):
    models = {key: models[key] for key in ("n", "a")}
    report = conciseness_report(models, *data, accuracy=accuracy)
    assert list(report.columns[:2]) == [name, f"{name}_drop"]
    scores = [get_scorer(accuracy)(model, *data) for model in models.values()]
    assert report[name].tolist() == scores
    assert report[f"{name}_drop"].tolist() == [0.0, scores[0] - scores[1]]


def test_a_score_that_the_table_has_already(models, data):
    scorer = make_adversarial_accuracy_scorer(epsilon=0.2)
    report = conciseness_report({"a": models["a"]}, *data, accuracy=scorer, epsilon=0.1)
    row = report.loc[("a", "ig")]
    assert row["adversarial_accuracy_score"] == scorer(models["a"], *data)
    assert row["adversarial_accuracy"] > row["adversarial_accuracy_score"]


def test_several_classes_and_arrays():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 4))
    y = np.array(["red", "green", "blue"])[np.argmax(X[:, :3] + 0.3, axis=1)]
    models = {
        "n": AdversarialLogisticRegression(epsilon=0).fit(X, y),
        "a": AdversarialLogisticRegression(epsilon=0.3).fit(X, y),
    }
    report = conciseness_report(models, X, y)
    assert report.loc[("n", "ig"), "n_nonzero"] == 4
    assert report.loc[("a", "ig"), "n_nonzero"] == 3


def test_counts_of_a_model_without_features(data):
    X, y = data
    with pytest.warns(UserWarning, match="All coefficients are 0"):
        nothing = AdversarialLogisticRegression(epsilon=1e6).fit(X, y)
    row = conciseness_report({"nothing": nothing}, X, y, epsilon=None).iloc[0]
    assert row["n_nonzero"] == row["n_columns"] == row["n_features_90"] == row["gini"] == 0


def test_gini_of_encoded_columns_counts_of_original_ones():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"color": rng.choice(list("rgbcmyk"), 200), "size": rng.normal(size=200)})
    y = np.isin(X["color"], ["r", "g"]) ^ (rng.random(200) < 0.1)
    encode = make_column_transformer((OneHotEncoder(), ["color"]), (StandardScaler(), ["size"]))
    models = {"n": make_pipeline(encode, AdversarialLogisticRegression(epsilon=0)).fit(X, y)}
    row = conciseness_report(models, X, y).iloc[0]
    encoded = explain(models["n"], X, groups=None)
    assert encoded.shape[1] == 8
    assert row["gini"] == pytest.approx(gini_index(encoded).mean())
    assert row["n_features_90"] == 1
    assert row["n_nonzero"] == 8
    assert row["n_columns"] == 2
    of_encoded = sufficiency(models["n"][-1].predict, models["n"][0].transform(X), encoded, k=3)
    assert row["sufficiency_3"] == of_encoded
    original = conciseness_report(models, X, y, groups="auto").iloc[0]
    assert original["sufficiency_3"] == of_encoded
    assert original["gini"] == pytest.approx(gini_index(explain(models["n"], X)).mean())
    finest = conciseness_report(models, X, y, groups=None).iloc[0]
    assert finest["gini"] == row["gini"]
    assert finest["n_features_90"] > 1
    assert finest["n_columns"] == 8
    few = make_column_transformer((StandardScaler(), ["size"]))
    models["few"] = make_pipeline(few, LogisticRegression()).fit(X, y)
    with pytest.raises(ValueError, match="'few' sees 1 columns and the reference 'n' 8"):
        conciseness_report(models, X, y)
    assert len(conciseness_report(models, X, y, groups="auto")) == 2


@pytest.mark.parametrize("baseline", ["mean", 0.5, "row", "background"])
def test_sufficiency_is_against_the_baseline_of_the_attributions(models, data, baseline):
    X, y = data
    scaler, model = models["a"]
    scaled = scaler.transform(X)
    passed, row = {
        "mean": ("mean", model.feature_means_),
        0.5: (0.5, 0.5),
        "row": (scaled[0], scaled[0]),
        "background": (X[:9], scaled[:9].mean(axis=0)),
    }[baseline]
    options = {"methods": "shap", "baseline": passed}
    found = conciseness_report({"a": models["a"]}, X, y, **options)["sufficiency_3"].item()
    A = explain(models["a"], X, method="shap", baseline=passed)
    assert found == sufficiency(model.predict, scaled, A, k=3, baseline=row)


def test_sufficiency_of_sparse_rows_images_and_thresholds(data):
    X, y = data[0].to_numpy()[:, :20] / data[0].to_numpy()[:, :20].max(axis=0), data[1]
    dense, sparse = (
        conciseness_report({"a": AdversarialLogisticRegression(0.01).fit(rows, y)}, rows, y)
        for rows in (X, csr_array(X))
    )
    assert dense["sufficiency_3"].item() == sparse["sufficiency_3"].item() < 1
    images = X.reshape(-1, 1, 4, 5)
    flatten = Sequential(Flatten(), Linear(20, 2))
    network = AdversarialNetClassifier(flatten, training=None, clip=None, max_epochs=2)
    network.fit(images, y)
    found = conciseness_report({"net": network}, images, y)["sufficiency_3"].item()
    A = explain(network, images).reshape(-1, 20)
    assert found == sufficiency(lambda rows: network.predict(rows.reshape(-1, 1, 4, 5)), X, A)
    tuned = FixedThresholdClassifier(LogisticRegression().fit(X, y), threshold=0.9).fit(X, y)
    assert conciseness_report({"tuned": tuned}, X, y)["sufficiency_3"].item() is pd.NA


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"models": {}}, ValueError, "models is empty"),
        ({"models": [LogisticRegression()]}, TypeError, "must be a dict .* got list"),
        ({"reference": "natural"}, ValueError, r"reference='natural' is not among .*'n', 'a'"),
        ({"methods": ()}, ValueError, "methods is empty"),
        ({"methods": "guess"}, ValueError, "method='guess' is unknown"),
        ({"accuracy": 0.9}, TypeError, "accuracy must be the name of a scikit-learn scorer"),
        ({"accuracy": "guess"}, ValueError, "'guess' is not a valid scoring value"),
        ({"output": "guess"}, ValueError, "output='guess' is unknown"),
        (
            {"models": {"n": make_pipeline(StandardScaler(), LogisticRegression())}},
            NotFittedError,
            "The model 'n' is not fitted: call its fit",
        ),
    ],
)
def test_errors(models, data, arguments, error, message):
    with pytest.raises(error, match=message):
        conciseness_report(**{"models": models, "X": data[0], "y": data[1], **arguments})


def test_lists_are_reported_like_arrays():
    X, y = [[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]], [0, 0, 1, 1]
    models = {"a": AdversarialLogisticRegression(0.1).fit(X, y)}
    pd.testing.assert_frame_equal(
        conciseness_report(models, X, y), conciseness_report(models, np.array(X), np.array(y))
    )
