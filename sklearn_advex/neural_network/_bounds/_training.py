"""Worst-case logits by intervals, to be differentiated and minimized."""

import torch
from torch import nn

from sklearn_advex.neural_network._bounds._box import Box
from sklearn_advex.neural_network._modules import class_logits


def worst_case_logits(steps, box, y, mixture=None):
    r"""Bound how far each logit can rise above that of the true class.

    Boxes are propagated through all layers but the last (interval bound propagation: Gowal et al.,
    2018, https://arxiv.org/abs/1810.12715). A linear last layer is folded into the differences of
    logits,

    .. math::

        z_k = (w_k - w_y)^\top c + b_k - b_y + |w_k - w_y|^\top r

    for a box with center c and radius r: what both logits have in common cancels.

    Parameters
    ----------
    steps : list of Step
    box : Box
        Of inputs.
    y : Tensor of int64 of shape (n_samples,)
        Positions of the true classes.
    mixture : callable, default=None
        ``mixture(weight) -> low, high``: how far linear functions of each row may fall and rise
        beside the box; for modules whose first layer is linear.

    Returns
    -------
    Tensor of shape (n_samples, n_classes)
        The upper bounds z; 0 for the true class.
    """
    if mixture is not None and len(steps) > 1:
        first, *steps = steps
        low, high = mixture(first.layer.weight)
        box = first.rule.interval(first.layer, box)
        return worst_case_logits(steps, Box(box.low + low, box.high + high), y)
    if type(steps[-1].layer) is nn.Linear:
        return _folded(steps[-1].layer, propagate(steps[:-1], box), y, mixture)
    low, high = (class_logits(end) for end in propagate(steps, box).ends)
    worst = high - low.gather(1, y[:, None])
    return worst.scatter(1, y[:, None], 0.0)


def propagate(steps, box):
    """Propagate a box through layers.

    Parameters
    ----------
    steps : list of Step
    box : Box

    Returns
    -------
    Box
    """
    for step in steps:
        if step.rule is not None:
            box = step.rule.interval(step.layer, box)
        else:
            branch, shortcut = step.branches
            box = propagate(branch, box).plus(propagate(shortcut, box))
    return box


def _folded(layer, box, y, mixture):
    weight, bias = layer.weight, layer.bias
    if len(weight) == 1:
        weight = torch.cat([torch.zeros_like(weight), weight])
        bias = None if bias is None else torch.cat([torch.zeros_like(bias), bias])
    logits = nn.functional.linear(box.center, weight, bias)
    differences = (weight - weight[:, None]).flatten(0, 1)
    spread = nn.functional.linear(box.radius, differences.abs())
    if mixture is not None:
        spread = spread + mixture(differences)[1]
    spread = spread.unflatten(1, (len(weight), len(weight))).expand(len(y), -1, -1)
    own = y[:, None, None].expand(-1, 1, len(weight))
    return logits - logits.gather(1, y[:, None]) + spread.gather(1, own).squeeze(1)
