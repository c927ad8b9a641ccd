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

    def expand(self, u):
        """Loss of each row with its first and second derivative.

        Parameters
        ----------
        u : ndarray of shape (n_samples,)

        Returns
        -------
        value, first, second : ndarray of float64 of shape (n_samples,)
            Three new arrays, which the caller may overwrite.
        """
        tail = -np.abs(u)
        np.exp(tail, out=tail)
        value = np.log1p(tail)
        value += np.maximum(u, 0.0)
        second = 1.0 + tail
        tail /= second
        np.divide(tail, second, out=second)
        return value, np.where(u >= 0, 1.0 - tail, tail), second

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

    def best_constant(self, share):
        """The score that has the smallest mean loss where all rows have the same.

        Parameters
        ----------
        share : float
            Weight of the positive rows, in (0, 1).

        Returns
        -------
        float
        """
        return np.log(share) - np.log1p(-share)


class SoftplusHingeLoss:
    r"""The softplus hinge :math:`g(u) = \log(1 + e^{1 + u})`, a smooth upper bound of the hinge.

    It is the logistic loss of a row whose margin is 1 less (section B.1 of Chalasani et al., ICML
    2020). Its methods are those of :class:`LogisticLoss`.
    """

    _shifted = LogisticLoss()

    def value(self, u):
        """Loss of each row."""
        return self._shifted.value(1.0 + u)

    def expand(self, u):
        """Loss of each row with its first and second derivative."""
        return self._shifted.expand(1.0 + u)

    def conjugate(self, p):
        """Convex conjugate of the loss, for p in [0, 1]."""
        return self._shifted.conjugate(p) - p

    def best_constant(self, share):
        """The score that has the smallest mean loss where all rows have the same."""
        odds = share / (1.0 - share)
        if odds < 1:
            return -self.best_constant(1.0 - share)
        half_rise = np.e / 2 * (odds - 1.0)
        return np.log(half_rise + np.hypot(half_rise, np.sqrt(odds)))


class HingeLoss:
    r"""The hinge loss :math:`g(u) = \max(0, 1 + u)` (section B.1 of Chalasani et al., ICML 2020).

    It cannot `expand`: there is a kink at ``u = -1``, where a minimum often puts many rows.
    """

    def value(self, u):
        """Loss of each row."""
        return np.maximum(0.0, 1.0 + u)

    def conjugate(self, p):
        """Convex conjugate of the loss, for p in [0, 1]."""
        return -p

    def best_constant(self, share):
        """The score that has the smallest mean loss where all rows have the same."""
        return np.sign(share - 0.5)


LOSSES = {"log_loss": LogisticLoss, "hinge": HingeLoss, "softplus_hinge": SoftplusHingeLoss}
