"""Attributions of single predictions, and the robustness of linear classifiers."""

from sklearn_advex.attribution._explain import explain
from sklearn_advex.attribution._mixin import ExplainMixin
from sklearn_advex.attribution._robustness import (
    adversarial_accuracy,
    certified_radius,
    worst_case_rows,
)
from sklearn_advex.attribution._stability import Stability, attribution_stability
from sklearn_advex.attribution._transformer import AttributionTransformer

__all__ = [
    "AttributionTransformer",
    "ExplainMixin",
    "Stability",
    "adversarial_accuracy",
    "attribution_stability",
    "certified_radius",
    "explain",
    "worst_case_rows",
]
