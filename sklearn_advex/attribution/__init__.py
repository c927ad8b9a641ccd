"""Attributions: how much each feature contributed to each single prediction."""

from sklearn_advex.attribution._explain import explain
from sklearn_advex.attribution._mixin import ExplainMixin

__all__ = ["ExplainMixin", "explain"]
