"""Classifiers trained against an adversary: such models explain themselves in few features."""

from sklearn_advex.attribution import AttributionTransformer, explain
from sklearn_advex.linear_model import (
    AdversarialLogisticRegression,
    alpha_max,
    epsilon_grid,
    epsilon_max,
    epsilon_path,
)
from sklearn_advex.model_selection import AdversarialLogisticRegressionCV

__version__ = "0.1.0.dev0"

__all__ = [
    "AdversarialLogisticRegression",
    "AdversarialLogisticRegressionCV",
    "AttributionTransformer",
    "__version__",
    "alpha_max",
    "epsilon_grid",
    "epsilon_max",
    "epsilon_path",
    "explain",
]
