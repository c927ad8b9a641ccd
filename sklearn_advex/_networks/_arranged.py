"""The same function as a network, faster in its gradient with respect to the input."""

from functools import partial, reduce

import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional

from sklearn_advex._networks._layers import layers_of
from sklearn_advex._networks._pixel_convolution import PixelConvolution
from sklearn_advex._networks._trial import N_TRIED, Trial

#: Dense layers with fewer weights are faster by torch's own library than by oneDNN, up to four
#: times; larger ones take about the same time on some processors, and half of it on others.
_MIN_ONEDNN_WEIGHTS = 2**20


def arrange(module, dtype=None):
    """Arrange a network for many gradients with respect to its input while its weights stay.

    A plain :class:`torch.nn.Sequential` on the CPU becomes the same function, computed in another
    way; any other module is returned as it is:

    - weights are converted to `dtype` once rather than in every pass;
    - a ReLU in front of a max-pool goes behind it, where a quarter of the numbers is left;
    - the convolution of the pixels becomes a :class:`PixelConvolution`;
    - large dense layers in float32 are computed by oneDNN, which on some processors takes half the
      time of the library that torch takes for them.

    The weights are those of the call; a module whose parts are hooked, replaced or compiled is
    returned as it is. Others may still do what a layer's class does not say: see
    :func:`input_gradient_network`.

    Parameters
    ----------
    module : torch.nn.Module
        In evaluation mode.
    dtype : torch.dtype, default=None
        What convolutions and dense layers compute with; None is the type of the weights. Any other
        needs autocast around the calls.

    Returns
    -------
    callable
        From inputs to outputs, for the present values of the weights.
    """
    layers = layers_of(module)
    if layers is None or any(parameter.device.type != "cpu" for parameter in module.parameters()):
        return module
    steps = [_step(layer, dtype) for layer in _rectified_last(layers)]
    if steps and PixelConvolution.suits(layers[0]):
        steps[0] = PixelConvolution(layers[0], dtype)
    return lambda X: reduce(lambda outputs, step: step(outputs), steps, X)


def input_gradient_network(module, X):
    """Arrange a network as :func:`arrange` does, if that returns what the module returns.

    Parameters
    ----------
    module : torch.nn.Module
        In evaluation mode.
    X : Tensor of shape (n_samples, ...)
        Inputs; some of them are tried.

    Returns
    -------
    callable
        The arranged network, or the module where it is no other or where both disagree.
    """
    network = arrange(module)
    if network is module:
        return module
    trial = Trial(module, X[:N_TRIED])
    return network if trial.agrees(network, has_own_gradient=True) else module


def _rectified_last(layers):
    """Move each max-pool before its ReLU: they commute, since ReLU is increasing."""
    layers = list(layers)
    for first in range(len(layers) - 1):
        pair = layers[first : first + 2]
        if [type(layer) for layer in pair] == [nn.ReLU, nn.MaxPool2d] and not pair[
            1
        ].return_indices:
            layers[first : first + 2] = reversed(pair)
    return layers


def _step(layer, dtype):
    if type(layer) not in (nn.Conv2d, nn.Linear):
        return layer
    if dtype not in (None, layer.weight.dtype):
        weights = {name: weight.to(dtype) for name, weight in layer.named_parameters()}
        return partial(functional_call, layer, weights)
    return partial(_dense_by_onednn, layer) if _suits_onednn(layer) else layer


def _suits_onednn(layer):
    is_large = layer.weight.numel() >= _MIN_ONEDNN_WEIGHTS
    is_dense = type(layer) is nn.Linear and layer.weight.dtype == torch.float32
    if not (is_large and is_dense and torch.backends.mkldnn.is_available()):
        return False
    return not torch.is_anomaly_enabled()  # it cannot look into tensors of oneDNN


def _dense_by_onednn(layer, X):
    if X.ndim != 2:  # up to five dimensions it could take
        return layer(X)
    return functional.linear(X.to_mkldnn(), layer.weight, layer.bias).to_dense()
