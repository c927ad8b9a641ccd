"""The private path of :func:`most_concise` that the cross-validated estimator imports."""

from sklearn_advex.metrics._concise_choice import most_concise

__all__ = ["most_concise"]
