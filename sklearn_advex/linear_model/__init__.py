"""Linear classifiers trained against an adversary."""

from sklearn_advex.linear_model._classifier import (
    AdversarialLinearClassifier,
    AdversarialLogisticRegression,
)
from sklearn_advex.linear_model._feature_path import feature_path
from sklearn_advex.linear_model._grid import alpha_max, epsilon_grid, epsilon_max
from sklearn_advex.linear_model._logistic_cv import AdversarialLogisticRegressionCV
from sklearn_advex.linear_model._max_columns import MaxColumnsClassifier
from sklearn_advex.linear_model._path import epsilon_path

__all__ = [
    "AdversarialLinearClassifier",
    "AdversarialLogisticRegression",
    "AdversarialLogisticRegressionCV",
    "MaxColumnsClassifier",
    "alpha_max",
    "epsilon_grid",
    "epsilon_max",
    "epsilon_path",
    "feature_path",
]
