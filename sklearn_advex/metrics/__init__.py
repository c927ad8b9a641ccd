"""Numbers that describe attributions: pure functions of arrays, none of them sees a model."""

from sklearn_advex.metrics._impact import feature_value_impact
from sklearn_advex.metrics._sparseness import gini_index

__all__ = ["feature_value_impact", "gini_index"]
