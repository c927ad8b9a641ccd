"""Attributions: how much each feature contributed to each single prediction."""

from sklearn_advex.attribution._explain import explain
from sklearn_advex.attribution._mixin import ExplainMixin
from sklearn_advex.attribution._stability import Stability, attribution_stability
from sklearn_advex.attribution._transformer import AttributionTransformer

__all__ = [
    "AttributionTransformer",
    "ExplainMixin",
    "Stability",
    "attribution_stability",
    "explain",
]
