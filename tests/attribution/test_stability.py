from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, scale
from sklearn.svm import LinearSVC

from sklearn_advex import AdversarialLogisticRegression, explain
from sklearn_advex.attribution import attribution_stability
from sklearn_advex.metrics import attribution_change


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    return scale(X), y


def corners(epsilon):
    """All corners of the box."""
    return np.array(list(product([-1.0, 1.0], repeat=len(epsilon)))) * epsilon


def small_problem(seed, n_classes=2, n_features=6):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(25, n_features))
    y = np.digitize(X[:, 0] + 0.5 * rng.normal(size=25), np.linspace(-0.5, 0.5, n_classes - 1))
    return X, y, AdversarialLogisticRegression(0.02).fit(X, y), rng


@pytest.mark.parametrize(("seed", "n_classes"), [(0, 2), (1, 3), (2, 2)])
def test_loss_is_the_worst_of_all_corners(seed, n_classes):
    X, y, model, rng = small_problem(seed, n_classes)
    epsilon = rng.uniform(size=6) * (rng.random(6) < 0.8)
    change, exact, _ = attribution_stability(model, X, y, epsilon=epsilon)
    assert exact
    deltas = np.vstack([corners(epsilon), rng.uniform(-1, 1, size=(50, 6)) * epsilon])
    found = []
    for x, label in zip(X, y, strict=True):
        options = {"output": "loss", "target": "true", "baseline": x}
        A = explain(model, x + deltas, np.full(len(deltas), label), **options)
        found.append(np.abs(A).sum(axis=1).max())
    np.testing.assert_allclose(change, found, rtol=1e-9)


@pytest.mark.parametrize("method", ["ig", "shap"])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("target", ["predicted", "true", 0])
def test_logit_is_the_worst_of_all_corners(n_classes, method, target):
    X, y, model, _ = small_problem(0, n_classes)
    epsilon = np.linspace(0, 0.3, 6)
    options = {"output": "logit", "method": method, "baseline": 0.3}
    change, exact, _ = attribution_stability(model, X, y, epsilon=epsilon, target=target, **options)
    assert exact
    fixed = {"predicted": model.predict(X), "true": y, 0: np.zeros_like(y)}[target]
    A = explain(model, X, fixed, target="true", **options)
    changes = [
        attribution_change(A, explain(model, X + delta, fixed, target="true", **options))
        for delta in corners(epsilon)
    ]
    np.testing.assert_allclose(change, np.max(changes, axis=0), rtol=1e-10)


@pytest.mark.parametrize("method", ["ig", "shap"])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("seed", range(2))
def test_search_finds_the_worst_corner(n_classes, method, seed):
    X, y, model, rng = small_problem(seed, n_classes)
    epsilon = 0.5 * rng.uniform(size=6)
    baseline = X[:4] if method == "shap" else 0.2
    options = {"output": "probability", "method": method, "baseline": baseline}
    change, exact, _ = attribution_stability(model, X, y, epsilon=epsilon, **options)
    assert not exact
    A = explain(model, X, y, target="true", **options)
    inside = rng.uniform(-1, 1, size=(200, 6)) * epsilon
    best = np.max(
        [
            attribution_change(A, explain(model, X + delta, y, target="true", **options))
            for delta in np.vstack([corners(epsilon), inside])
        ],
        axis=0,
    )
    np.testing.assert_array_less(0.95 * best, change)
    assert (change > 0.99 * best).mean() > 0.9


def test_search_keeps_the_class_of_the_row_itself():
    X, _, model, _ = small_problem(1)
    options = {"output": "probability", "epsilon": 2.0}
    of_predicted = attribution_stability(model, X, target="predicted", **options)
    of_truth = attribution_stability(model, X, model.predict(X), **options)
    np.testing.assert_array_equal(of_predicted.change, of_truth.change)


def test_search_can_be_repeated_and_grows_with_its_length(cancer):
    X, y = cancer
    model = AdversarialLogisticRegression(0.05).fit(X, y)
    options = {"output": "probability", "epsilon": 0.2}
    short = attribution_stability(model, X, y, n_iter=0, **options).change
    long = attribution_stability(model, X, y, **options).change
    again = attribution_stability(model, X, y, **options).change
    np.testing.assert_array_equal(long, again)
    assert (long >= short).all()
    assert (long > short).any()
    assert not attribution_stability(model, X, y, output="probability", epsilon=0.0).change.any()


def test_adversarial_training_stabilizes(cancer):
    X, y = cancer
    for output in ("loss", "logit", "probability"):
        natural, adversarial = (
            attribution_stability(
                AdversarialLogisticRegression(epsilon).fit(X, y),
                X,
                y,
                epsilon=0.1,
                output=output,
                n_iter=20,
            ).change.mean()
            for epsilon in (0.0, 0.3)
        )
        assert adversarial < 0.5 * natural


def test_epsilon_of_the_model_and_of_columns(cancer):
    X, y = cancer
    frame = pd.DataFrame(X[:, :3], columns=list("abc"))
    model = AdversarialLogisticRegression(0.2).fit(frame, y)
    default = attribution_stability(model, frame, y).change
    for epsilon in (0.2, np.full(3, 0.2), {"c": 0.2, "a": 0.2, "b": 0.2}):
        change = attribution_stability(model, frame, y, epsilon=epsilon).change
        np.testing.assert_array_equal(change, default)
    only = attribution_stability(model, frame, y, epsilon={"a": 0.0, "b": 0.0, "c": 0.0}).change
    assert not only.any()
    found = attribution_stability(model, frame, y, output="probability", n_iter=3)
    assert (found.change > 0).all()


def test_pipelines_and_sparse_rows(cancer):
    X, y = cancer
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    direct = attribution_stability(pipeline[-1], pipeline[:-1].transform(X), y, epsilon=0.1)
    change = attribution_stability(pipeline, X, y, epsilon=0.1).change
    np.testing.assert_array_equal(change, direct.change)
    frame = pd.DataFrame({"color": np.where(X[:, 0] > 0, "red", "blue")})
    encoder = make_column_transformer((OneHotEncoder(), ["color"]), sparse_threshold=1.0)
    pipeline = make_pipeline(encoder, LogisticRegression()).fit(frame, y)
    assert attribution_stability(pipeline, frame, y, epsilon=0.1).exact
    rows = sparse.csr_array(X)
    model = LogisticRegression().fit(X, y)
    np.testing.assert_allclose(
        attribution_stability(model, rows, y, epsilon=0.1).change,
        attribution_stability(model, X, y, epsilon=0.1).change,
        rtol=1e-10,
    )
    with pytest.raises(ValueError, match=r"takes a search .*X\.toarray\(\)"):
        attribution_stability(model, rows, y, epsilon=0.1, output="probability")


def test_softmax():
    X, y = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=1000).fit(X, y)
    with pytest.raises(ValueError, match="output='loss' has no formula for LogisticRegression"):
        attribution_stability(model, X, y, epsilon=0.1)
    change, exact, _ = attribution_stability(model, X, y, epsilon=0.1, output="logit")
    assert exact
    np.testing.assert_allclose(change, 0.1 * np.abs(model.coef_).sum(axis=1)[y])
    change, exact, _ = attribution_stability(
        model, X, y, epsilon=0.1, output="probability", n_iter=5
    )
    assert not exact
    assert (change > 0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "epsilon=None takes the epsilon_ of a model, and LogisticRegression has none"),
        ({"epsilon": -1.0}, "epsilon must be finite and not negative"),
        ({"epsilon": [0.1, 0.2]}, r"epsilon has shape \(2,\) but X has 30 features"),
        ({"epsilon": 0.1, "y": None}, "target='true' needs the true labels"),
        ({"epsilon": 0.1, "output": "score"}, "output='score' is unknown"),
        ({"epsilon": 0.1, "n_iter": -1}, "n_iter must be an integer of at least 0, got -1"),
        ({"epsilon": 0.1, "target": "yes"}, "target='yes' is unknown"),
    ],
)
def test_bad_options(cancer, options, message):
    X, y = cancer
    model = LogisticRegression().fit(X, y)
    with pytest.raises(ValueError, match=message):
        attribution_stability(model, X, **({"y": y} | options))


def test_models_without_probabilities(cancer):
    X, y = cancer
    model = LinearSVC().fit(X, y)
    assert attribution_stability(model, X, y, epsilon=0.1, output="logit").exact
    with pytest.raises(ValueError, match="output='loss' needs predict_proba"):
        attribution_stability(model, X, y, epsilon=0.1)
