"""The scorer of certified accuracy, on networks and on linear models."""

import pickle

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sklearn_advex import AdversarialLogisticRegression
from sklearn_advex.attribution import adversarial_accuracy
from sklearn_advex.model_selection import (
    adversarial_accuracy_scorer,
    certified_accuracy_scorer,
    make_certified_accuracy_scorer,
)

X, y = load_breast_cancer(return_X_y=True)


def network():
    torch = pytest.importorskip("torch")
    from sklearn_advex import AdversarialNetClassifier

    model = AdversarialNetClassifier(
        torch.nn.Linear(30, 1), training="ibp", epsilon=0.2, clip=None, lr=0.05, random_state=0
    )
    return make_pipeline(StandardScaler(), model).fit(X, y)


def test_it_is_the_score_of_the_last_step():
    model = network()
    X_scaled = model[0].transform(X)
    for epsilon in (0.05, 0.5):
        scorer = make_certified_accuracy_scorer(epsilon=epsilon, method="interval")
        assert scorer(model, X, y) == model[-1].certified_score(X_scaled, y, epsilon=epsilon)
    weight = np.arange(len(y))
    weighted = certified_accuracy_scorer(model, X, y, sample_weight=weight)
    assert weighted == model[-1].certified_score(X_scaled, y, sample_weight=weight)


def test_linear_models_are_exact():
    model = make_pipeline(StandardScaler(), AdversarialLogisticRegression(0.2)).fit(X, y)
    certified = certified_accuracy_scorer(model, X, y)
    assert certified == adversarial_accuracy_scorer(model, X, y) < model.score(X, y)


def test_it_serves_cross_validation_and_pickles():
    scorer = pickle.loads(pickle.dumps(make_certified_accuracy_scorer(epsilon=0.1)))
    assert repr(scorer) == "make_certified_accuracy_scorer(epsilon=0.1, method='auto')"
    model = make_pipeline(StandardScaler(), AdversarialLogisticRegression(0.2))
    assert cross_val_score(model, X, y, scoring=scorer, cv=3).min() > 0.85


def test_what_proves_nothing_is_refused():
    model = DecisionTreeClassifier().fit(X, y)
    with pytest.raises(TypeError, match="DecisionTreeClassifier has no certified_score method"):
        certified_accuracy_scorer(model, X, y)


def test_linear_models_of_scikit_learn_are_exact_too():
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    certified = make_certified_accuracy_scorer(epsilon=0.1)(model, X, y)
    assert certified == adversarial_accuracy(model, X, y, epsilon=0.1) < model.score(X, y)
