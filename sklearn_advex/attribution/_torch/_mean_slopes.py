"""Mean derivatives of the explained output along a straight line of logits."""

import numpy as np
import torch
from torch.nn import functional

#: On a cell no logit changes against another by more: the nodes integrate a softmax to 1e-12.
_MAX_CHANGE = 2.0
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)
#: Where the same class leads by that much at both ends of a cell, nothing is left to integrate:
#: less than 1e-17 of a probability, and of a loss, which can be as small itself, less than 1e-300.
_CERTAIN_LEADS = {"probability": 40.0, "loss": 700.0}
#: Halvings after which the ends of a cell are the same number.
_MAX_HALVINGS = 50


def mean_slopes(start, stop, output, is_single, target):
    r"""Mean derivative of an output with respect to each score, from one point to another.

    .. math::

        m_k = \int_0^1 \partial_k F(z + t (z' - z)) \, dt,

    which is finite however close the scores are, and :math:`\sum_k m_k (z'_k - z_k)` is the change
    of F. A quadrature whose cells are halved until F is smooth on them.

    Parameters
    ----------
    start, stop : Tensor of float64 of shape (n_lines, n_classes)
        The scores z and z' of all classes.
    output : {"probability", "logit", "loss"}
    is_single : bool
        Whether the two scores are -s and s, and the probability the logistic function of a score.
    target : Tensor of int64 of shape (n_lines,)
        Positions of the explained classes.

    Returns
    -------
    Tensor of the shape of `start`
    """
    own = functional.one_hot(target, start.shape[1]).to(start)
    if output == "logit":
        return own
    if is_single:  # the softmax of -s / 2 and s / 2 is the logistic function of s
        return mean_slopes(start / 2, stop / 2, output, False, target) / 2
    change = stop - start
    lines, low, high = _smooth_cells(start, change, _CERTAIN_LEADS[output])
    total = torch.zeros_like(start)
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        places = torch.lerp(low, high, (1 + node) / 2)
        slopes = _slopes(start[lines] + places * change[lines], output, own[lines])
        total.index_add_(0, lines, weight / 2 * (high - low) * slopes)
    return total


def _smooth_cells(start, change, certain_lead):
    """Cut lines into cells on which the softmax hardly bends: their lines, starts and ends."""
    lines = torch.arange(len(start), device=start.device)
    low, high = torch.zeros_like(start[:, :1]), torch.ones_like(start[:, :1])
    cells = []
    for _ in range(_MAX_HALVINGS):
        first, last = (start[lines] + end * change[lines] for end in (low, high))
        steep = _is_steep(first, last, certain_lead)
        cells.append((lines[~steep], low[~steep], high[~steep]))
        lines, low, high = lines[steep], low[steep], high[steep]
        middle = (low + high) / 2
        lines, low, high = lines.repeat(2), torch.cat([low, middle]), torch.cat([middle, high])
        if len(lines) == 0:
            break
    cells.append((lines, low, high))
    return tuple(torch.cat(parts) for parts in zip(*cells, strict=True))


def _is_steep(first, last, certain_lead):
    """Whether the softmax may change much between two points."""
    change = last - first
    is_far = change.amax(dim=1) - change.amin(dim=1) > _MAX_CHANGE
    leads = [scores.topk(2, dim=1) for scores in (first, last)]
    is_certain = [lead.values[:, 0] - lead.values[:, 1] > certain_lead for lead in leads]
    is_same = leads[0].indices[:, 0] == leads[1].indices[:, 0]
    return is_far & ~(is_certain[0] & is_certain[1] & is_same)


def _slopes(scores, output, own):
    probabilities = scores.softmax(dim=1)
    rest = (probabilities * (1 - own)).sum(dim=1, keepdim=True)  # 1 - p would round to 0
    slopes = torch.where(own == 1, -rest, probabilities)
    if output == "loss":
        return slopes
    return -slopes * (probabilities * own).sum(dim=1, keepdim=True)
