"""Classifiers trained against an adversary: such models explain themselves in few features."""

from sklearn_advex._utils._categories import one_hot_categories
from sklearn_advex.attribution import AttributionTransformer, explain
from sklearn_advex.linear_model import (
    AdversarialLinearClassifier,
    AdversarialLogisticRegression,
    AdversarialLogisticRegressionCV,
    MaxColumnsClassifier,
    alpha_max,
    epsilon_grid,
    epsilon_max,
    epsilon_path,
    feature_path,
)

__version__ = "0.1.0.dev0"

__all__ = [
    "AdversarialCNNClassifier",
    "AdversarialLinearClassifier",
    "AdversarialLogisticRegression",
    "AdversarialLogisticRegressionCV",
    "AdversarialMLPClassifier",
    "AdversarialNetClassifier",
    "AttributionTransformer",
    "MaxColumnsClassifier",
    "__version__",
    "alpha_max",
    "epsilon_grid",
    "epsilon_max",
    "epsilon_path",
    "explain",
    "feature_path",
    "one_hot_categories",
]

_NETWORKS = {
    "AdversarialCNNClassifier",
    "AdversarialMLPClassifier",
    "AdversarialNetClassifier",
}


def __getattr__(name):
    """Load the networks when they are asked for: torch takes seconds that others need not wait."""
    if name in _NETWORKS:
        from sklearn_advex import neural_network

        return getattr(neural_network, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *_NETWORKS})
