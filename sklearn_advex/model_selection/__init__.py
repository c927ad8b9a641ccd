"""Model selection by accuracy, sparseness of explanations and robustness together."""

from sklearn_advex.metrics._concise_choice import MostConcise, most_concise
from sklearn_advex.model_selection._certified import (
    certified_accuracy_scorer,
    make_certified_accuracy_scorer,
)
from sklearn_advex.model_selection._scorers import (
    adversarial_accuracy_scorer,
    gini_scorer,
    make_adversarial_accuracy_scorer,
    make_gini_scorer,
    make_n_features_scorer,
    make_stability_scorer,
    n_features_scorer,
    stability_scorer,
)

__all__ = [
    "MostConcise",
    "adversarial_accuracy_scorer",
    "certified_accuracy_scorer",
    "gini_scorer",
    "make_adversarial_accuracy_scorer",
    "make_certified_accuracy_scorer",
    "make_gini_scorer",
    "make_n_features_scorer",
    "make_stability_scorer",
    "most_concise",
    "n_features_scorer",
    "stability_scorer",
]
