"""Boxes: sets of tensors, each entry within an interval of its own."""

import torch


class Box:
    """All tensors between two others, given by the ends or by center and radius.

    The other pair is computed where it is asked for. A radius that is the same for all rows may
    have a single one.

    Parameters
    ----------
    low, high : Tensor of shape (n_samples, ...)
    """

    def __init__(self, low, high):
        self._ends, self._ball = (low, high), None

    @classmethod
    def around(cls, center, radius):
        """Make a box from its center and half its width.

        Parameters
        ----------
        center : Tensor of shape (n_samples, ...)
        radius : Tensor of shape (n_samples, ...) or (1, ...)

        Returns
        -------
        Box
        """
        box = cls(None, None)
        box._ends, box._ball = None, (center, radius)
        return box

    @property
    def ends(self):
        """The lower and the upper end of each interval."""
        if self._ends is None:
            center, radius = self._ball
            self._ends = center - radius, center + radius
        return self._ends

    @property
    def ball(self):
        """The middle of each interval, and half its width."""
        if self._ball is None:
            low, high = self._ends
            self._ball = torch.lerp(low, high, 0.5), (high - low) * 0.5
        return self._ball

    @property
    def low(self):
        """The lower end of each interval."""
        return self.ends[0]

    @property
    def high(self):
        """The upper end of each interval."""
        return self.ends[1]

    @property
    def center(self):
        """The middle of each interval."""
        return self.ball[0]

    @property
    def radius(self):
        """Half the width of each interval."""
        return self.ball[1]

    def plus(self, other):
        """Return the sums of a tensor in this box and one in another.

        Parameters
        ----------
        other : Box

        Returns
        -------
        Box
        """
        return Box(self.low + other.low, self.high + other.high)

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
    if clip is None:
        return Box.around(X, epsilon)
    low, high = X - epsilon, X + epsilon
    least, most = torch.minimum(clip[0], X), torch.maximum(clip[1], X)
    return Box(low.clamp(least, most), high.clamp(least, most))
