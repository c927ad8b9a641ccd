"""The network for tables."""

from itertools import pairwise

from torch import nn

#: By the names of scikit-learn's MLPClassifier.
ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "logistic": nn.Sigmoid}


class MultilayerPerceptron(nn.Sequential):
    """Dense layers with an activation between them.

    Parameters
    ----------
    n_features : int
    n_classes : int
    hidden_layer_sizes : sequence of int
        Widths of the hidden layers; none of them makes a linear model.
    activation : {"relu", "tanh", "logistic"}
    """

    def __init__(self, n_features, n_classes, hidden_layer_sizes, activation):
        layers = []
        widths = (n_features, *hidden_layer_sizes)
        for n_in, n_out in pairwise(widths):
            layers += [nn.Linear(n_in, n_out), ACTIVATIONS[activation]()]
        super().__init__(*layers, nn.Linear(widths[-1], n_classes))
