"""Lower bounds of how far the logit of a class leads over all others within a box."""

import copy
from typing import NamedTuple

import torch

from sklearn_advex.neural_network._bounds._box import Box
from sklearn_advex.neural_network._bounds._layers import Step, steps_of
from sklearn_advex.neural_network._bounds._rules import UNIT_ROUNDOFF
from sklearn_advex.neural_network._categories import Flips

#: Numbers of float64 that a batch may hold: 64 MB, a few times.
_BATCH_NUMBERS = 2**23
#: Hidden layers up to this width get linear bounds of their own; wider ones intervals.
_MAX_REFINED_WIDTH = 512

METHODS = ("auto", "interval", "crown")


class Node(NamedTuple):
    """A layer with the box of its inputs.

    Attributes
    ----------
    step : Step
    box : Box
    branches : tuple of list of Node
        For a sum of branches.
    """

    step: Step
    box: Box
    branches: tuple = ()


class Inputs(NamedTuple):
    """The inputs that an adversary can choose from.

    Attributes
    ----------
    box : Box
    flips : Flips or None
        What it may change beside the box.
    """

    box: Box
    flips: Flips | None = None

    @property
    def hull(self):
        """The smallest box that holds them."""
        return self.box if self.flips is None else Box(*self.flips.hull(self.box))

    def minimum(self, A):
        """The smallest values of linear functions, exactly, (n_samples, n_functions)."""
        A = A.flatten(2)
        lowest = _minimum(self.box, A)
        return lowest if self.flips is None else lowest + self.flips.lowest_change(A)


class MarginBounds:
    """Certified leads of a class, computed in float64 for a network evaluated in float32.

    A lead is proven for the network in exact arithmetic: what is subtracted for the rounding errors
    of its evaluation in float32 exceeds those of the bounds in float64 by many orders of magnitude.

    Parameters
    ----------
    module : torch.nn.Module
        With a rule for each layer; copied.
    input_shape : tuple of int
        Shape of a row as the module takes it.
    """

    def __init__(self, module, input_shape):
        module = copy.deepcopy(module).double().eval().requires_grad_(False)
        self.steps = steps_of(module)
        parameters = [*module.parameters(), *module.buffers()]
        self.device = parameters[0].device
        zeros = torch.zeros(1, *input_shape, dtype=torch.float64, device=self.device)
        nodes, output = propagate(self.steps, Box(zeros, zeros))
        self.n_outputs = output.low.shape[1]
        widths = [node.box.low[0].numel() for node in nodes]
        refined = [width for node, width in zip(nodes, widths, strict=True) if _is_refined(node)]
        self.numbers = max(widths) * max([2 * width for width in refined], default=0)
        self.numbers = max(self.numbers, max(widths) * self.n_outputs)

    def rows_per_batch(self, method):
        """How many rows to bound at a time, so that memory is bounded.

        Parameters
        ----------
        method : {"interval", "crown"}

        Returns
        -------
        int
        """
        return max(1, _BATCH_NUMBERS // self.numbers) if method == "crown" else 256

    @torch.no_grad()
    def leads(self, box, y, method, flips=None):
        """Bound from below the lead of a class over all others.

        Parameters
        ----------
        box : Box of float64
            Of inputs.
        y : Tensor of int64 of shape (n_samples,)
            Positions of the classes.
        method : {"interval", "crown"}
            "crown" is never below "interval".
        flips : Flips, default=None
            What the adversary may change beside the box, for modules that take flat rows.

        Returns
        -------
        Tensor of shape (n_samples,)
            What is above 0 is proven to lead.
        """
        box, differences = _widened(box), self._differences(y)
        inputs = Inputs(box, flips)
        leads = self._leads(inputs, differences, refine=False)
        if method == "crown":
            leads = torch.maximum(leads, self._leads(inputs, differences, refine=True))
        return leads

    def _leads(self, inputs, differences, refine):
        box = inputs.hull
        nodes, output = propagate(self.steps, box, refine, inputs)
        lower = _lower_bound(nodes, output, differences, inputs, only_affine=True)
        if refine:
            lower = torch.maximum(lower, _lower_bound(nodes, output, differences, inputs))
        errors = rounding(nodes, torch.zeros_like(box.low))
        slack = (differences.abs() @ errors[..., None]).squeeze(2)
        return (lower - slack).amin(dim=1)

    def _differences(self, y):
        """Coefficients of the leads over each other class, (n_samples, n_others, n_outputs)."""
        if self.n_outputs == 1:
            return (2.0 * y - 1.0).double().reshape(-1, 1, 1)
        others = torch.arange(self.n_outputs - 1, device=y.device)
        others = others + (others >= y[:, None])
        eye = torch.eye(self.n_outputs, dtype=torch.float64, device=y.device)
        return eye[y][:, None] - eye[others]


def propagate(steps, box, refine=False, inputs=None):
    """Propagate a box through layers, and keep the box of each layer's inputs.

    Parameters
    ----------
    steps : list of Step
    box : Box
    refine : bool, default=False
        Whether hidden layers get linear bounds too, intersected with the intervals.
    inputs : Inputs, default=None
        Of which `box` is the hull. The first hidden layer is bounded exactly where that is smaller.

    Returns
    -------
    nodes : list of Node
    box : Box
        Of the outputs.
    """
    nodes = []
    for step in steps:
        if step.rule is None:
            (branch, one), (shortcut, other) = (propagate(part, box) for part in step.branches)
            nodes.append(Node(step, box, (branch, shortcut)))
            box = one.plus(other)
            continue
        is_first = all(map(_is_affine, nodes))
        is_smaller = is_first and inputs is not None and inputs.flips is not None
        if not step.rule.is_affine and is_smaller:
            box = _refined(nodes, box, inputs, torch.ones_like(box.low[0], dtype=torch.bool))
        if refine and _is_refined(Node(step, box)) and not is_first:
            is_open = ~step.rule.is_settled(step.layer, box)
            box = _refined(nodes, box, inputs, is_open.any(dim=0))
        nodes.append(Node(step, box))
        box = step.rule.interval(step.layer, box)
    return nodes, box


def rounding(nodes, error):
    """Bound the errors of the outputs where a network is evaluated in float32.

    Parameters
    ----------
    nodes : list of Node
    error : Tensor
        Of the inputs.

    Returns
    -------
    Tensor of the shape of the outputs
    """
    for node in nodes:
        if node.step.rule is not None:
            error = node.step.rule.rounding(node.step.layer, node.box, error)
        else:
            errors = [rounding(branch, error) for branch in node.branches]
            size = sum(propagate(steps, node.box)[1].magnitude for steps in node.step.branches)
            error = sum(errors) + 2 * UNIT_ROUNDOFF * size
    return error


def _lower_bound(nodes, output, A, inputs, only_affine=False):
    """Lower bounds of linear functions of the outputs, (n_samples, n_functions)."""
    box, total = output, A.new_zeros(A.shape[:2])
    for node in reversed(nodes):
        if only_affine and not _is_affine(node):
            return _minimum(box, A.flatten(2)) + total
        A, constant = _backward(node, A)
        box, total = node.box, total + constant
    return inputs.minimum(A) + total


def _minimum(box, A):
    """The smallest values of linear functions of the tensors in a box."""
    center, radius = box.center.flatten(1), box.radius.flatten(1)
    return (A @ center[..., None] - A.abs() @ radius[..., None]).squeeze(2)


def _backward(node, A):
    if node.step.rule is not None:
        return node.step.rule.backward(node.step.layer, node.box, A)
    parts = []
    for branch in node.branches:
        of_branch, total = A, A.new_zeros(A.shape[:2])
        for inner in reversed(branch):
            of_branch, constant = _backward(inner, of_branch)
            total = total + constant
        parts.append((of_branch, total))
    return tuple(map(sum, zip(*parts, strict=True)))


def _refined(nodes, box, inputs, units):
    """The box of a layer's inputs, smaller for some units by bounds from the network's input."""
    functions = torch.diag_embed(units.flatten().to(box.low.dtype))[units.flatten()]
    functions = torch.cat([functions, -functions]).unflatten(1, units.shape)
    lower = _lower_bound(nodes, box, functions.expand(len(box.low), *functions.shape), inputs)
    low, high = box.low.clone(), box.high.clone()
    low[:, units], negative_high = lower.chunk(2, dim=1)
    high[:, units] = -negative_high
    return box.intersect(Box(low, high))


def _is_affine(node):
    return node.step.rule is not None and node.step.rule.is_affine


def _is_refined(node):
    is_small = node.box.low[0].numel() <= _MAX_REFINED_WIDTH
    return node.step.rule is not None and not _is_affine(node) and is_small


def _widened(box):
    """The box with what rounding its points to float32 may add."""
    more = 2 * UNIT_ROUNDOFF * box.magnitude
    return Box(box.low - more, box.high + more)
