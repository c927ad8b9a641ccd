"""Boxes: sets of tensors, each entry within an interval of its own."""

from typing import NamedTuple

import torch


class Box(NamedTuple):
    """All tensors between two others.

    Attributes
    ----------
    low, high : Tensor of shape (n_samples, ...)
    """

    low: torch.Tensor
    high: torch.Tensor

    @property
    def center(self):
        """The middle of each interval."""
        return (self.low + self.high) / 2

    @property
    def radius(self):
        """Half the width of each interval."""
        return (self.high - self.low) / 2

    @property
    def magnitude(self):
        """The largest absolute value in each interval."""
        return torch.maximum(self.low.abs(), self.high.abs())

    def intersect(self, other):
        """Return the tensors that are in both boxes, which must overlap but for rounding.

        Parameters
        ----------
        other : Box

        Returns
        -------
        Box
        """
        return Box(torch.maximum(self.low, other.low), torch.minimum(self.high, other.high))

    def take(self, rows):
        """Return the boxes of some rows.

        Parameters
        ----------
        rows : Tensor or slice

        Returns
        -------
        Box
        """
        return Box(self.low[rows], self.high[rows])


def input_box(X, epsilon, clip):
    """The inputs that an adversary can choose from.

    Parameters
    ----------
    X : Tensor of shape (n_samples, ...)
    epsilon : Tensor that broadcasts to X
        Half-width of the allowed change.
    clip : tuple (low, high) of Tensors that broadcast to X, or None
        The valid inputs. An input beyond is not moved further out.

    Returns
    -------
    Box
    """
    low, high = X - epsilon, X + epsilon
    if clip is None:
        return Box(low, high)
    least, most = torch.minimum(clip[0], X), torch.maximum(clip[1], X)
    return Box(low.clamp(least, most), high.clamp(least, most))
