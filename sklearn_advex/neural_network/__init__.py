"""Networks trained against an adversary; needs torch, skorch and, to explain them, captum."""

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
