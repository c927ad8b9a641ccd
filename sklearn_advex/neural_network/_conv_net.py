"""The network of the paper."""

from itertools import pairwise
from math import prod

from torch import nn


class ConvNet(nn.Sequential):
    """Two convolutions with pooling, a dense layer and logits: the network of the paper.

    Each 5x5 convolution keeps the size of the image and is followed by ReLU and a 2x2 max-pool;
    then come a dense layer with ReLU and a linear head (section 6.1 of Chalasani et al., ICML 2020;
    the network that Madry et al., ICLR 2018, trained on MNIST). A pool over an odd number of rows
    or columns takes what there is at the border.

    Parameters
    ----------
    input_shape : tuple (channels, height, width)
        Shape of one image.
    n_classes : int
        Number of logits.
    n_filters : tuple of int, default=(32, 64)
        Filters of each convolution.
    n_hidden : int, default=1024
        Width of the dense layer.

    See Also
    --------
    AdversarialCNNClassifier : The classifier that trains it.

    Examples
    --------
    >>> import torch
    >>> from sklearn_advex.neural_network import ConvNet
    >>> ConvNet((1, 28, 28), n_classes=10)(torch.zeros(3, 1, 28, 28)).shape
    torch.Size([3, 10])
    """

    def __init__(self, input_shape, n_classes, n_filters=(32, 64), n_hidden=1024):
        channels, *size = input_shape
        layers = []
        for n_in, n_out in pairwise((channels, *n_filters)):
            layers += [
                nn.Conv2d(n_in, n_out, kernel_size=5, padding=2),
                nn.ReLU(inplace=True),
                nn.MaxPool2d(2, ceil_mode=True),
            ]
            size = [-(-length // 2) for length in size]
        layers += [
            nn.Flatten(),
            nn.Linear((channels, *n_filters)[-1] * prod(size), n_hidden),
            nn.ReLU(inplace=True),
            nn.Linear(n_hidden, n_classes),
        ]
        super().__init__(*layers)
