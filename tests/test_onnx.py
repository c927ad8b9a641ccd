"""Models that leave Python as ONNX graphs predict what they predict here."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_advex import (
    AdversarialLinearClassifier,
    AdversarialLogisticRegression,
    AdversarialLogisticRegressionCV,
    MaxColumnsClassifier,
)
from sklearn_advex.onnx import register_converters

skl2onnx = pytest.importorskip("skl2onnx")
onnxruntime = pytest.importorskip("onnxruntime")

DATA = {"two classes": load_breast_cancer, "three classes": load_iris}
MODELS = {
    "logistic": AdversarialLogisticRegression(epsilon=0.05),
    "linear": AdversarialLinearClassifier(epsilon=0.05),
    "cv": AdversarialLogisticRegressionCV([0.05, 0.1], cv=2),
    "columns": MaxColumnsClassifier(AdversarialLogisticRegression(epsilon=0.05), max_columns=2),
}


@pytest.fixture(scope="module", autouse=True)
def registered():
    register_converters()


def load(data, labels):
    X, y = DATA[data](return_X_y=True)
    X = StandardScaler().fit_transform(X).astype(np.float32)
    return X, {"numbers": y - 3, "texts": np.array(["no", "yes", "maybe"])[y]}[labels]


def run(graph, inputs):
    """Labels and the second output of a graph."""
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, inputs)


def converted(model, X, **options):
    options = {"zipmap": False, **options}
    return skl2onnx.to_onnx(model, X[:1], options={id(model): options})


@pytest.mark.parametrize("labels", ["numbers", "texts"])
@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())
def test_labels_and_probabilities_are_those_of_the_model(model, data, labels):
    X, y = load(data, labels)
    model = model.fit(X, y)
    predicted, probabilities = run(converted(model, X), {"X": X})
    np.testing.assert_array_equal(predicted, model.predict(X))
    np.testing.assert_allclose(probabilities, model.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("loss", ["hinge", "softplus_hinge"])
def test_losses_without_probabilities_give_scores(loss, data):
    X, y = load(data, "texts")
    model = AdversarialLinearClassifier(loss, epsilon=0.05).fit(X, y)
    predicted, scores = run(converted(model, X), {"X": X})
    expected = model.decision_function(X)
    expected = np.stack([-expected, expected], axis=1) if expected.ndim == 1 else expected
    np.testing.assert_array_equal(predicted, model.predict(X))
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-5)


def test_scores_can_be_had_in_place_of_probabilities():
    X, y = load("three classes", "numbers")
    model = AdversarialLogisticRegression(epsilon=0.05).fit(X, y)
    _, scores = run(converted(model, X, raw_scores=True), {"X": X})
    np.testing.assert_allclose(scores, model.decision_function(X), rtol=1e-5, atol=1e-5)


def test_float64_and_integer_inputs():
    X, y = load_iris(return_X_y=True)
    whole = np.rint(10 * X).astype(np.int64)
    for rows in (X, whole):
        model = AdversarialLogisticRegression(epsilon=0.05).fit(rows, y)
        _, probabilities = run(converted(model, rows), {"X": rows})
        np.testing.assert_allclose(probabilities, model.predict_proba(rows), atol=1e-6)
    _, probabilities = run(converted(model, X), {"X": X})
    np.testing.assert_allclose(probabilities, model.predict_proba(X), atol=1e-12)


def test_hopeless_rows_have_probabilities():
    """Far from all classes each one-vs-rest probability is 0 in float32; their ratio is not."""
    X, y = load("three classes", "numbers")
    model = AdversarialLogisticRegression(epsilon=0.05).fit(X, y)
    far = (1000 * X).astype(np.float32)
    _, probabilities = run(converted(model, X), {"X": far})
    np.testing.assert_allclose(probabilities, model.predict_proba(far), atol=1e-3)


@pytest.mark.parametrize("limit", [None, 2])
def test_a_pipeline_of_a_table(limit):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "size": rng.normal(size=200).astype(np.float32),
            "color": rng.choice(["red", "green", "blue"], 200),
            "age": rng.normal(size=200).astype(np.float32),
        }
    )
    y = np.where((X["color"] == "red") ^ (X["size"] > 1), "yes", "no")
    encoder = make_column_transformer(
        (StandardScaler(), ["size", "age"]), (OneHotEncoder(sparse_output=False), ["color"])
    )
    model = make_pipeline(encoder, AdversarialLogisticRegression(epsilon=0.02))
    model = (model if limit is None else MaxColumnsClassifier(model, limit)).fit(X, y)
    graph = skl2onnx.to_onnx(model, X[:1])
    inputs = {name: X[[name]].to_numpy() for name in X}
    predicted, probabilities = run(graph, inputs)
    np.testing.assert_array_equal(predicted, model.predict(X))
    probabilities = pd.DataFrame(probabilities)[model.classes_]
    np.testing.assert_allclose(probabilities, model.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("data", DATA)
def test_converters_of_scikit_learn_are_wrong_and_ours_are_not(data):
    """The obvious attempt, against which the documentation warns."""
    from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes
    from skl2onnx.operator_converters.linear_classifier import convert_sklearn_linear_classifier

    class ByHand(AdversarialLogisticRegression):
        pass

    skl2onnx.update_registered_converter(
        ByHand,
        "ByHand",
        calculate_linear_classifier_output_shapes,
        convert_sklearn_linear_classifier,
        options={"zipmap": [True, False], "nocl": [True, False], "raw_scores": [True, False]},
    )
    X, y = load(data, "numbers")
    error = {}
    for kind in (ByHand, AdversarialLogisticRegression):
        model = kind(epsilon=0.05).fit(X, y)
        _, probabilities = run(converted(model, X), {"X": X})
        error[kind] = np.abs(probabilities - model.predict_proba(X)).max()
    assert error[ByHand] > 0.1
    assert error[AdversarialLogisticRegression] < 1e-6


def test_models_of_scikit_learn_are_converted_as_before():
    X, y = load("three classes", "numbers")
    model = LogisticRegression().fit(X, y)
    _, probabilities = run(converted(model, X), {"X": X})
    np.testing.assert_allclose(probabilities, model.predict_proba(X), atol=1e-6)
