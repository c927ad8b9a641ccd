"""What the paper claims, on its own data, in a size that a test suite can afford."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_advex import AdversarialCNNClassifier, AdversarialLogisticRegression
from sklearn_advex.model_selection import gini_scorer
from sklearn_advex.report import conciseness_report

ENCODERS = {"spambase": StandardScaler(), "mushroom": OneHotEncoder(handle_unknown="ignore")}


@pytest.mark.parametrize(("name", "epsilon"), [("spambase", 0.03), ("mushroom", 0.065)])
def test_adversarial_training_is_more_concise_at_the_same_accuracy(openml, name, epsilon):
    X, y = openml(name)
    gains, drops = [], []
    for seed in range(3):
        X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=seed)
        natural, adversarial = (
            make_pipeline(clone(ENCODERS[name]), model).fit(X_train, y_train)
            for model in (LogisticRegression(), AdversarialLogisticRegression(epsilon))
        )
        gains.append(gini_scorer(adversarial, X_test) - gini_scorer(natural, X_test))
        drops.append(natural.score(X_test, y_test) - adversarial.score(X_test, y_test))
    assert np.mean(drops) <= 0.005
    assert np.mean(gains) >= 0.05


def test_a_network_trained_adversarially_explains_itself_in_fewer_pixels(openml):
    """The paper's comparison on a tenth of the images; a penalty on weights does not do it."""
    X, y = openml("mnist_784")
    X, y = (X.to_numpy() / 255).astype(np.float32).reshape(-1, 28, 28), y.to_numpy()
    shared = {
        "module__n_filters": (8, 16),
        "module__n_hidden": 64,
        "batch_size": 50,
        "lr": 0.002,
        "lr_schedule": "linear",
        "random_state": 0,
    }
    models = {
        "n": AdversarialCNNClassifier(training=None, max_epochs=3, **shared),
        "l": AdversarialCNNClassifier(training=None, alpha=2e-4, max_epochs=3, **shared),
        "a": AdversarialCNNClassifier(
            epsilon=0.3,
            attack_steps=3,
            attack_step_size=0.2,
            epsilon_warmup=0.5,
            max_epochs=8,
            **shared,
        ),
    }
    for model in models.values():
        model.fit(X[:6000], y[:6000])
    test = slice(60_000, 60_100)
    report = conciseness_report(
        models, X[test], y[test], methods=("ig", "deep_shap"), epsilon=0.3, target="true"
    )
    for method in ("ig", "deep_shap"):
        of_natural, of_penalized, of_adversarial = (report.loc[name, method] for name in "nla")
        assert of_adversarial["gini_gain_low"] > 0
        assert of_penalized["gini_gain"] < of_adversarial["gini_gain"]
        assert of_adversarial["accuracy_drop"] <= 0.02
        assert of_adversarial["adversarial_accuracy"] > 0.5
        assert of_natural["adversarial_accuracy"] < 0.1
