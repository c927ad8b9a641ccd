"""Divided differences of functions, accurate however close the two points are."""

import numpy as np
from scipy.special import expit, exprel


def logistic_divided_difference(a, b):
    r"""Divided difference of the logistic function, :math:`(\sigma(a) - \sigma(b)) / (a - b)`.

    At a = b it is the derivative. With :math:`\sigma(a) - \sigma(b) = \sinh\frac{a - b}{2} /
    (2 \cosh\frac{a}{2} \cosh\frac{b}{2})` no two close numbers are subtracted, so the result is
    accurate to a few units in the last place for all finite a and b, in the far tails too.

    Parameters
    ----------
    a, b : float or ndarray
        Broadcast against each other.

    Returns
    -------
    quotient : float or ndarray
        In [0, 1/4].
    """
    # The exponentials of the three hyperbolic functions combine to exp(-m): m is the distance of
    # the interval between a and b from zero, hence nothing overflows.
    m = np.maximum(np.maximum(np.minimum(a, b), -np.maximum(a, b)), 0.0)
    cosh_factors = (1.0 + np.exp(-np.abs(a))) * (1.0 + np.exp(-np.abs(b)))
    return exprel(-np.abs(a - b)) * np.exp(-m) / cosh_factors


def softplus_divided_difference(a, b):
    r"""Divided difference of :math:`g(z) = \log(1 + e^z)`, :math:`(g(a) - g(b)) / (a - b)`.

    At a = b it is the derivative, the logistic function. Accurate to a few units in the last place
    for all finite a and b, in the far tails too.

    Parameters
    ----------
    a, b : float or ndarray
        Broadcast against each other.

    Returns
    -------
    quotient : float or ndarray
        In [0, 1].
    """
    high, low = np.maximum(a, b), np.minimum(a, b)
    distance = high - low
    # g(high) - g(low) = -log(1 - q) with q = sigma(high) (1 - exp(-distance)): close together the
    # logarithm is taken of 1 minus a little, and far apart nothing cancels in the difference.
    ratio = expit(high) * exprel(-np.minimum(distance, 1.0))
    q = ratio * np.minimum(distance, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        close = ratio * np.where(q > 0, -np.log1p(-q) / q, 1.0)
        far = (np.logaddexp(0.0, high) - np.logaddexp(0.0, low)) / distance
    return np.where(distance < 1.0, close, far)[()]
