"""Networks trained against an adversary; needs torch, skorch, safetensors and tqdm.

To explain them captum too.
"""

from sklearn_advex._utils._optional import needs_network_packages

with needs_network_packages("sklearn_advex.neural_network"):
    from sklearn_advex.neural_network._checkpoint import TrainingCheckpoint
    from sklearn_advex.neural_network._classifier import (
        AdversarialCNNClassifier,
        AdversarialNetClassifier,
    )
    from sklearn_advex.neural_network._conv_net import ConvNet
    from sklearn_advex.neural_network._mlp_classifier import AdversarialMLPClassifier
    from sklearn_advex.neural_network._residual_sum import ResidualSum

__all__ = [
    "AdversarialCNNClassifier",
    "AdversarialMLPClassifier",
    "AdversarialNetClassifier",
    "ConvNet",
    "ResidualSum",
    "TrainingCheckpoint",
]
