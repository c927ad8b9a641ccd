"""The private scikit-learn names that the package uses, each imported here and nowhere else."""

from sklearn.base import _fit_context as fit_context
from sklearn.linear_model._base import LinearClassifierMixin
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.parallel import _get_threadpool_controller as get_threadpool_controller
from sklearn.utils.validation import _check_sample_weight as check_sample_weight

__all__ = [
    "Interval",
    "LinearClassifierMixin",
    "StrOptions",
    "check_sample_weight",
    "fit_context",
    "get_threadpool_controller",
    "safe_indexing",
]
