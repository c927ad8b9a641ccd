"""Pictures of explanations, in scikit-learn's Display protocol."""

from sklearn_advex.plotting._attribution import AttributionDisplay
from sklearn_advex.plotting._feature_impact import FeatureImpactDisplay
from sklearn_advex.plotting._frontier import FrontierDisplay
from sklearn_advex.plotting._path import PathDisplay
from sklearn_advex.plotting._saliency import SaliencyDisplay
from sklearn_advex.plotting._shap import to_shap_explanation
from sklearn_advex.plotting._sparseness_gain import SparsenessGainDisplay
from sklearn_advex.plotting._tradeoff import TradeoffDisplay

__all__ = [
    "AttributionDisplay",
    "FeatureImpactDisplay",
    "FrontierDisplay",
    "PathDisplay",
    "SaliencyDisplay",
    "SparsenessGainDisplay",
    "TradeoffDisplay",
    "to_shap_explanation",
]
