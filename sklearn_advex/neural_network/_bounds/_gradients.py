"""Bounds of the gradients of a network's outputs for inputs within a box."""

import copy

import torch

from sklearn_advex.neural_network._bounds._box import Box
from sklearn_advex.neural_network._bounds._layers import steps_of
from sklearn_advex.neural_network._bounds._margins import propagate

#: Largest derivative of a probability by its logit.
_SIGMOID_STEEPEST = 0.25


def bounds_gradients(steps):
    """Return whether all layers have bounds of their gradients.

    Parameters
    ----------
    steps : list of Step

    Returns
    -------
    bool
    """
    return all(
        step.rule.bounds_gradients(step.layer)
        if step.rule is not None
        else all(map(bounds_gradients, step.branches))
        for step in steps
    )


class GradientBounds:
    """Bounds in float64 of the gradient of an output that is explained.

    Parameters
    ----------
    module : torch.nn.Module
        Whose layers have bounds of their gradients; copied.
    output : {"logit", "probability"}
    """

    def __init__(self, module, output):
        module = copy.deepcopy(module).double().eval().requires_grad_(False)
        self.steps, self.output = steps_of(module), output

    @torch.no_grad()
    def gradients(self, box, y):
        """Bound the gradient with respect to the input.

        Parameters
        ----------
        box : Box of float64
            Of inputs.
        y : Tensor of int64 of shape (n_samples,)
            Positions of the classes.

        Returns
        -------
        Box
        """
        nodes, outputs = propagate(self.steps, box)
        n_outputs = outputs.low.shape[1]
        if self.output == "probability" and n_outputs > 2:
            return _through(nodes, _softmax_slopes(outputs, y))
        # Two classes: the logit, and what the probability depends on, is the lead of the class.
        coefficients = _coefficients(y, n_outputs)
        gradients = _through(nodes, Box(coefficients, coefficients))
        if self.output == "logit":
            return gradients
        lead = (outputs.center * coefficients).sum(dim=1)
        slopes = _sigmoid_slopes(Box.around(lead, (outputs.radius * coefficients.abs()).sum(dim=1)))
        shape = (-1, *[1] * (gradients.low.ndim - 1))
        return _product(gradients, Box(*(slope.reshape(shape) for slope in slopes.ends)))


def _through(nodes, gradients):
    """Propagate gradients backward through layers."""
    for node in reversed(nodes):
        if node.step.rule is not None:
            gradients = node.step.rule.gradient(node.step.layer, node.box, gradients)
        else:
            one, other = (_through(branch, gradients) for branch in node.branches)
            gradients = one.plus(other)
    return gradients


def _coefficients(y, n_outputs):
    """The explained logit as a linear function of the outputs, (n_samples, n_outputs)."""
    if n_outputs == 1:
        return (2.0 * y - 1.0).double()[:, None]
    own = torch.nn.functional.one_hot(y, n_outputs).double()
    return 2.0 * own - 1.0 if n_outputs == 2 else own


def _sigmoid_slopes(box):
    """Slopes of the logistic function, which are the smaller the further from 0."""
    at_ends = [end.sigmoid() * (-end).sigmoid() for end in box.ends]
    holds_0 = (box.low <= 0) & (box.high >= 0)
    most = torch.maximum(*at_ends)
    return Box(torch.minimum(*at_ends), torch.where(holds_0, _SIGMOID_STEEPEST, most))


def _softmax_slopes(outputs, y):
    """Derivatives of a class's softmax by each output: p (1 - p) and -p q."""
    eye = torch.eye(outputs.low.shape[1], dtype=torch.bool, device=y.device)
    low, high = (
        torch.where(eye, one[:, None], other[:, None]).softmax(dim=2).diagonal(dim1=1, dim2=2)
        for one, other in (outputs.ends, outputs.ends[::-1])
    )
    probabilities, own = Box(low, high), eye[y]
    of_class = Box(*(end.gather(1, y[:, None]) for end in (low, high)))
    others = _product(probabilities, of_class)
    at_ends = low * (1 - low), high * (1 - high)
    holds_half = (low <= 0.5) & (high >= 0.5)
    most = torch.where(holds_half, _SIGMOID_STEEPEST, torch.maximum(*at_ends))
    least = torch.minimum(*at_ends)
    return Box(torch.where(own, least, -others.high), torch.where(own, most, -others.low))


def _product(one, other):
    """The box of products of the entries of two boxes."""
    products = [a * b for a in one.ends for b in other.ends]
    least = torch.minimum(torch.minimum(*products[:2]), torch.minimum(*products[2:]))
    return Box(least, torch.maximum(torch.maximum(*products[:2]), torch.maximum(*products[2:])))
