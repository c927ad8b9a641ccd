"""Types of numbers."""

import torch


def at_least_float32(numbers):
    """Convert numbers in half precision, which neither numpy nor a loss is served by.

    Parameters
    ----------
    numbers : Tensor

    Returns
    -------
    Tensor
        In float32 where it was in float16 or bfloat16, else as it is.
    """
    is_half = numbers.is_floating_point() and numbers.dtype.itemsize < torch.float32.itemsize
    return numbers.float() if is_half else numbers
