"""The former path of functions of `_containers`, for the estimators that import it."""

from sklearn_advex._utils._containers import frame_like, row_shape

__all__ = ["frame_like", "row_shape"]
