"""Integrated Gradients of multilayer perceptrons with ReLUs, exactly: the path is cut at its kinks.

Along the straight path from the baseline to a row each unit of the first layer changes sign at most
once, and the logits are linear between the places where some unit of some layer does. So on each
piece the gradient of the logits is constant, and what is left of the integral is that of a smooth
function of a number.
"""

import copy

import torch
from torch import nn

from sklearn_advex._networks import layers_of
from sklearn_advex.attribution._torch._mean_slopes import mean_slopes

_RECTIFIERS = (nn.ReLU, nn.LeakyReLU)
_AFFINE = (nn.Linear, nn.Flatten, nn.Dropout, nn.Identity, nn.BatchNorm1d)
#: Networks with more units have so many kinks that a quadrature is the better way.
_MAX_UNITS = 1024
#: Numbers of float64 that a batch may hold in one layer.
_BATCH_NUMBERS = 2**22


def has_exact_path(module):
    """Whether a module is made of dense layers and ReLUs, and of not too many.

    Parameters
    ----------
    module : torch.nn.Module

    Returns
    -------
    bool
    """
    layers = _layers(module)
    if not layers or not all(type(layer) in _AFFINE + _RECTIFIERS for layer in layers):
        return False
    widths = [layer.out_features for layer in layers if type(layer) is nn.Linear]
    return 0 < sum(widths) <= _MAX_UNITS


def integrate_exactly(scores, output, x, baseline, target):
    """Integrate the gradient of an output along the straight path from a baseline to each row.

    Parameters
    ----------
    scores : Scores
        Whose module has :func:`has_exact_path`.
    output : {"probability", "logit", "loss"}
    x : Tensor of shape (n_samples, ...)
    baseline : Tensor of shape (1, ...)
    target : Tensor of int64 of shape (n_samples,)
        Positions of the explained classes.

    Returns
    -------
    Tensor of float64 of the shape of x
    """
    scores = copy.deepcopy(scores).double()
    x, baseline = x.double(), baseline.double()
    layers = _layers(scores.module)
    widest = max(layer.out_features for layer in layers if type(layer) is nn.Linear)
    parts = []
    start = 0
    while start < len(x):
        # the number of pieces is not known before: half of the units bend on most paths
        stop = start + max(1, _BATCH_NUMBERS // (widest * widest))
        rows = slice(start, stop)
        parts.append(_integrate(scores, layers, output, x[rows], baseline, target[rows]))
        start = stop
    return torch.cat(parts)


def _integrate(scores, layers, output, x, baseline, target):
    ends = torch.cat([baseline.expand_as(x), x])
    with torch.no_grad():
        inputs = scores.arrange(ends).unflatten(0, (2, len(x))).transpose(0, 1)
        places, outputs = _pieces(layers, inputs)
        logits = _all_scores(outputs, scores.is_single)
    starts, stops = logits[:, :-1].flatten(0, 1), logits[:, 1:].flatten(0, 1)
    targets = target.repeat_interleave(places.shape[1] - 1)
    slopes = mean_slopes(starts, stops, output, scores.is_single, targets)
    widths = places.diff(dim=1)
    middles = (places[:, 1:] + places[:, :-1]) / 2
    change = x - baseline
    shape = (*middles.shape, *[1] * (x.ndim - 1))
    probe = (baseline + middles.reshape(shape) * change[:, None]).flatten(0, 1).requires_grad_()
    weighted = (scores(probe) * slopes * widths.flatten()[:, None]).sum()
    (gradient,) = torch.autograd.grad(weighted, probe)
    return change * gradient.unflatten(0, middles.shape).sum(dim=1)


def _layers(module):
    """The layers of a sequence, or of what is a layer itself, or None for any other module."""
    return layers_of(nn.Sequential(module))


def _pieces(layers, inputs):
    """Where a path bends, and the module's outputs there.

    Parameters
    ----------
    layers : list of torch.nn.Module
    inputs : Tensor of shape (n_samples, 2, ...)
        Both ends of each path.

    Returns
    -------
    places : Tensor of shape (n_samples, n_places)
        Ascending from 0 to 1; a path with fewer kinks repeats its end.
    outputs : Tensor of shape (n_samples, n_places, n_outputs)
    """
    places = inputs.new_tensor([0.0, 1.0]).expand(len(inputs), -1)
    values = inputs
    for layer in layers:
        if type(layer) in _RECTIFIERS:
            places, values = _cut(places, values)
        shape = values.shape[:2]
        values = layer(values.flatten(0, 1)).unflatten(0, shape)
    return places, values


def _cut(places, values):
    """Add the places at which an entry of the values, linear between places, crosses 0."""
    before, after = values[:, :-1], values[:, 1:]
    crosses = before * after < 0
    share = torch.where(crosses, before / (before - after), 2.0)
    new = places[:, :-1, None] + share * places.diff(dim=1)[..., None]
    new = torch.where(crosses, new, 2.0).flatten(1)
    n_new = int(crosses.flatten(1).sum(dim=1).max())
    new = new.topk(n_new, dim=1, largest=False).values if n_new else new[:, :0]
    finer = torch.cat([places, new.clamp(max=1.0)], dim=1).sort(dim=1).values
    left = torch.searchsorted(places.contiguous(), finer.contiguous(), right=True) - 1
    left = left.clamp(0, places.shape[1] - 2)
    start, stop = places.gather(1, left), places.gather(1, left + 1)
    width = (stop - start).clamp(min=torch.finfo(places.dtype).tiny)
    share = ((finer - start) / width).clamp(0, 1)[..., None]
    index = left[..., None].expand(-1, -1, values.shape[2])
    return finer, torch.lerp(values.gather(1, index), values.gather(1, index + 1), share)


def _all_scores(outputs, is_single):
    return torch.cat([-outputs, outputs], dim=2) if is_single else outputs
