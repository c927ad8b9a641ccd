"""Validate parameters that are counts."""

from numbers import Integral


def check_count(number, name, none_allowed=False):
    """Raise a ValueError unless a number is a positive integer.

    Parameters
    ----------
    number : object
    name : str
        The parameter's name.
    none_allowed : bool, default=False
        Whether it may also be None.
    """
    if none_allowed and number is None:
        return
    if not isinstance(number, Integral) or isinstance(number, bool) or number < 1:
        allowed = "None or a positive integer" if none_allowed else "a positive integer"
        raise ValueError(f"{name} must be {allowed}, got {number!r}.")
