"""How the numbers of a row are arranged: as the user has them, and as the module takes them."""

from dataclasses import dataclass
from math import isqrt, prod

import numpy as np


@dataclass(frozen=True)
class RowLayout:
    """Two arrangements of the same numbers.

    Parameters
    ----------
    given : tuple of int
        Shape of a row as the user has it.
    stacked : tuple of int
        The same numbers in the same order, with an axis for the channels of an image.
    channels_last : bool, default=False
        Whether that axis of `stacked` is the last; the module takes it first.
    """

    given: tuple[int, ...]
    stacked: tuple[int, ...]
    channels_last: bool = False

    @property
    def module_shape(self):
        """Shape of a row as the module takes it, a tuple of int."""
        if not self.channels_last:
            return self.stacked
        return (self.stacked[-1], *self.stacked[:-1])

    def accepts(self, shape):
        """Whether rows of a shape hold the same numbers in the same order.

        Parameters
        ----------
        shape : tuple of int

        Returns
        -------
        bool
            True for flat rows of any length, and for shapes that differ by axes of length 1.
        """
        return len(shape) == 1 or _without_ones(shape) == _without_ones(self.stacked)

    def arrange(self, rows):
        """From rows as the user has them, or flat, to inputs of the module.

        Parameters
        ----------
        rows : Tensor of shape (n_samples, ...)

        Returns
        -------
        Tensor of shape (n_samples, *module_shape)
            A view where the order in memory allows.
        """
        stacked = rows.reshape(rows.shape[0], *self.stacked)
        return stacked.movedim(-1, 1) if self.channels_last else stacked

    def restore(self, inputs):
        """The inverse of :meth:`arrange`, to flat rows.

        Parameters
        ----------
        inputs : Tensor of shape (n_samples, *module_shape)

        Returns
        -------
        Tensor of shape (n_samples, n_features)
        """
        stacked = inputs.movedim(1, -1) if self.channels_last else inputs
        return stacked.reshape(len(inputs), -1)


def _without_ones(shape):
    return [length for length in shape if length > 1]


def image_layout(given, input_shape, channels):
    """Find out how images are stored.

    Parameters
    ----------
    given : tuple of int
        Shape of a row of X: flat, (h, w), (h, w, c) or (c, h, w).
    input_shape : "auto" or tuple of int
        Shape of an image; "auto" reads it off `given`, flat rows being square images of one
        channel. One entry may be -1: what the others leave.
    channels : {"auto", "first", "last"}
        Which axis of an image with three has the channels; "auto" is the shorter of the two.

    Returns
    -------
    RowLayout

    Raises
    ------
    ValueError
        If that is no image, or not one of these shapes.
    """
    shape = _image_shape(given, input_shape)
    if len(shape) == 2:
        return RowLayout(given, (1, *shape))
    if channels == "auto":
        if shape[0] == shape[-1] > 1:
            raise ValueError(
                f"X has images of shape {shape}, in which the channels could be the first or the"
                " last axis: pass channels='first' or channels='last'."
            )
        channels = "last" if shape[-1] < shape[0] else "first"
    return RowLayout(given, shape, channels == "last")


def _image_shape(given, input_shape):
    if isinstance(input_shape, str):
        return _read_off(given)
    n_features = prod(given)
    try:
        shape = np.empty(n_features, dtype=bool).reshape(input_shape).shape
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"input_shape={input_shape!r} does not fit X, whose rows have {n_features} features: it"
            " must be 'auto' or two or three integers whose product is that."
        ) from error
    if len(shape) not in (2, 3):
        raise ValueError(
            f"input_shape={input_shape!r} must have two entries, (height, width), or three with the"
            " channels."
        )
    return shape


def _read_off(given):
    if len(given) in (2, 3):
        return given
    side = isqrt(given[0])
    if len(given) != 1 or side * side != given[0]:
        raise ValueError(
            f"X has rows of shape {given}, which are not square images of one channel: pass"
            " input_shape=(height, width) or input_shape=(channels, height, width)."
        )
    return (side, side)
