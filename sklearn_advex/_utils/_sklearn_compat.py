"""The private scikit-learn names that the package uses, all of them here and nowhere else."""

import numpy as np
from sklearn.base import _fit_context as fit_context
from sklearn.linear_model._base import LinearClassifierMixin
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.parallel import _get_threadpool_controller as get_threadpool_controller
from sklearn.utils.validation import _check_feature_names_in as check_feature_names_in
from sklearn.utils.validation import _check_sample_weight as check_sample_weight

__all__ = [
    "Interval",
    "LinearClassifierMixin",
    "StrOptions",
    "check_feature_names_in",
    "check_sample_weight",
    "column_positions",
    "fit_context",
    "get_threadpool_controller",
    "safe_indexing",
]


def column_positions(column_transformer, name):
    """Return the positions of the columns that a part of a fitted ColumnTransformer gets.

    The public `transformers_` has them as the user gave them: names, masks, slices, or a callable's
    answer.
    """
    return np.asarray(column_transformer._transformer_to_input_indices[name], dtype=int)
