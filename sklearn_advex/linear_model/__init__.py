"""Linear classifiers trained against an adversary."""

from sklearn_advex.linear_model._linear_classifier import AdversarialLinearClassifier
from sklearn_advex.linear_model._logistic import AdversarialLogisticRegression
from sklearn_advex.linear_model._path import epsilon_path
from sklearn_advex.linear_model._strength import alpha_max, epsilon_grid, epsilon_max

__all__ = [
    "AdversarialLinearClassifier",
    "AdversarialLogisticRegression",
    "alpha_max",
    "epsilon_grid",
    "epsilon_max",
    "epsilon_path",
]
