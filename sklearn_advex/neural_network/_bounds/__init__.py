"""Bounds on what a network can return for inputs within a box."""

from sklearn_advex.neural_network._bounds._box import Box, input_box
from sklearn_advex.neural_network._bounds._gradients import GradientBounds, bounds_gradients
from sklearn_advex.neural_network._bounds._layers import check_bounded, steps_of
from sklearn_advex.neural_network._bounds._margins import METHODS, MarginBounds
from sklearn_advex.neural_network._bounds._training import worst_case_logits

__all__ = [
    "METHODS",
    "Box",
    "GradientBounds",
    "MarginBounds",
    "bounds_gradients",
    "check_bounded",
    "input_box",
    "steps_of",
    "worst_case_logits",
]
