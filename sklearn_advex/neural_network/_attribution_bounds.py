"""Bounds of the attributions of a network for inputs within a box."""

from functools import partial
from itertools import pairwise

import numpy as np
import torch
from sklearn.utils import gen_batches

from sklearn_advex.neural_network._bounds import (
    Box,
    GradientBounds,
    bounds_gradients,
    check_bounded,
)

_BATCH_SIZE = 256


class AttributionBoundsMixin:
    """Mixin for networks whose attributions can be bounded."""

    def _attribution_bounds(self, X, positions, *, method, output, epsilon, baseline, n_steps):
        """Bound the attributions of rows that may change, in exact arithmetic.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, ...)
        positions : int or ndarray of int of shape (n_samples,)
            Of the classes that are explained.
        method, output
            As for :func:`sklearn_advex.explain`.
        epsilon : ndarray of shape (n_features,)
            Half-width of the change of each feature.
        baseline : ndarray of shape (n_features,)
        n_steps : int
            Segments into which paths are cut: the more, the tighter are bounds of "ig".

        Returns
        -------
        tuple of ndarray of shape (n_samples, n_features), or None
            Lower and upper ends. None if the method is not one of gradients, or a layer has no
            bounds of its gradient.
        """
        bound = _BOUNDS.get(method)
        if bound is None:
            return None
        try:
            steps = check_bounded(self.module_, "attribution_stability")
        except ValueError:
            return None
        if not bounds_gradients(steps):
            return None
        rows = np.asarray(self._check_inputs(X), dtype=np.float64)
        positions = np.broadcast_to(positions, len(rows))
        gradients = partial(self._flat_gradients, GradientBounds(self.module_, output))
        ends = [
            bound(gradients, rows[batch], positions[batch], epsilon, baseline, n_steps)
            for batch in gen_batches(len(rows), _BATCH_SIZE)
        ]
        return tuple(map(np.concatenate, zip(*ends, strict=True)))

    def _flat_gradients(self, bounds, center, radius, positions):
        """Ends of the gradients of flat rows in a box, two ndarrays of the shape of `center`."""
        as_inputs = partial(self._as_inputs, dtype=torch.float64)
        y = torch.tensor(positions, device=self.device_)
        box = bounds.gradients(Box.around(as_inputs(center), as_inputs(radius)), y)
        return tuple(self._layout.restore(end).cpu().numpy() for end in box.ends)


def _of_saliency(gradients, rows, positions, epsilon, baseline, n_steps):
    low, high = gradients(rows, epsilon, positions)
    least = np.maximum(np.maximum(low, -high), 0.0)
    return least, np.maximum(np.abs(low), np.abs(high))


def _of_input_x_gradient(gradients, rows, positions, epsilon, baseline, n_steps):
    return _products(rows, epsilon, *gradients(rows, epsilon, positions))


def _of_integrated_gradients(gradients, rows, positions, epsilon, baseline, n_steps):
    """Mean over segments of the paths of the bounds within each segment."""
    difference = rows - baseline
    low, high = np.zeros(rows.shape), np.zeros(rows.shape)
    for start, stop in pairwise(np.linspace(0.0, 1.0, n_steps + 1)):
        ends = [baseline + t * difference for t in (start, stop)]
        least = np.minimum(ends[0] - start * epsilon, ends[1] - stop * epsilon)
        most = np.maximum(ends[0] + start * epsilon, ends[1] + stop * epsilon)
        of_segment = gradients((least + most) / 2, (most - least) / 2, positions)
        low += of_segment[0] / n_steps
        high += of_segment[1] / n_steps
    return _products(difference, epsilon, low, high)


def _products(center, radius, low, high):
    """The ends of products of numbers around a center with numbers between two ends."""
    products = [(center + sign * radius) * end for sign in (-1, 1) for end in (low, high)]
    return np.min(products, axis=0), np.max(products, axis=0)


_BOUNDS = {
    "saliency": _of_saliency,
    "input_x_gradient": _of_input_x_gradient,
    "ig": _of_integrated_gradients,
}
