"""Pointwise losses: a number per row in, a number per row out; no data matrix, no weights."""

import numpy as np
from scipy.special import xlog1py, xlogy


class LogisticLoss:
    r"""The logistic loss :math:`g(u) = \log(1 + e^u)`.

    The argument ``u`` of a row is its negated margin, or ``support(w) - margin`` for the robust
    loss (eq. 6 of Chalasani et al., ICML 2020; the loss itself is in their section B.1).
    """

    def value(self, u):
        """Loss of each row.

        Parameters
        ----------
        u : ndarray of shape (n_samples,)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return np.log1p(np.exp(-np.abs(u))) + np.maximum(u, 0.0)

    def derivatives(self, u):
        """First and second derivative of the loss of each row.

        Parameters
        ----------
        u : ndarray of shape (n_samples,)

        Returns
        -------
        first, second : ndarray of shape (n_samples,)
        """
        decay = np.exp(-np.abs(u))
        tail = decay / (1.0 + decay)
        return np.where(u >= 0, 1.0 - tail, tail), tail / (1.0 + decay)

    def conjugate(self, p):
        """Convex conjugate of the loss, the supremum of ``p * u - g(u)`` over u.

        Parameters
        ----------
        p : ndarray of shape (n_samples,)
            In [0, 1], the range of the first derivative.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return xlogy(p, p) + xlog1py(1.0 - p, -p)
