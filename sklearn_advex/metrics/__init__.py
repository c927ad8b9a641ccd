"""Numbers that describe attributions: pure functions of arrays, none of them sees a model."""

from sklearn_advex.metrics._impact import feature_impact, feature_value_impact
from sklearn_advex.metrics._sparseness import gini_index, sparseness_gain
from sklearn_advex.metrics._stability import adversarial_loss_increase, attribution_change
from sklearn_advex.metrics._sufficiency import sufficiency

__all__ = [
    "adversarial_loss_increase",
    "attribution_change",
    "feature_impact",
    "feature_value_impact",
    "gini_index",
    "sparseness_gain",
    "sufficiency",
]
