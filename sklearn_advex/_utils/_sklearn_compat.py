"""Import the private scikit-learn names that the package uses; no other file may import them.

Also the public names that the oldest supported version lacks.
"""

from inspect import signature

import numpy as np
from sklearn.base import _fit_context as fit_context
from sklearn.linear_model._base import LinearClassifierMixin
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions, validate_params
from sklearn.utils.parallel import _get_threadpool_controller as get_threadpool_controller
from sklearn.utils.validation import _check_feature_names_in as check_feature_names_in
from sklearn.utils.validation import _check_sample_weight as check_sample_weight

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # scikit-learn 1.8

    class CallbackSupportMixin:
        """Stands in for the mixin of later versions: estimators have no `set_callbacks`."""


__all__ = [
    "CallbackSupportMixin",
    "HasMethods",
    "Interval",
    "LinearClassifierMixin",
    "StrOptions",
    "accepts_sample_weight",
    "check_feature_names_in",
    "check_sample_weight",
    "column_positions",
    "fit_context",
    "get_threadpool_controller",
    "has_callbacks",
    "safe_indexing",
    "validate_params",
]


def has_callbacks(estimator):
    """Return whether callbacks were set on an estimator, by its user or by a meta-estimator."""
    return hasattr(estimator, "_skl_callbacks")


def accepts_sample_weight(scorer):
    """Return whether a scorer can be called with `sample_weight`.

    Parameters
    ----------
    scorer : callable
        Of scikit-learn, or with the arguments ``(estimator, X, y)`` and maybe `sample_weight`.

    Returns
    -------
    bool
    """
    if hasattr(scorer, "_accept_sample_weight"):
        return scorer._accept_sample_weight()
    return "sample_weight" in signature(scorer).parameters


def column_positions(column_transformer, name):
    """Return the positions of the columns that a part of a fitted ColumnTransformer gets.

    The public `transformers_` holds the user's specification: names, masks, slices or the result of
    a callable.
    """
    return np.asarray(column_transformer._transformer_to_input_indices[name], dtype=int)
