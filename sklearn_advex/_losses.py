"""Pointwise losses: a number per row in, a number per row out; no data matrix, no weights."""

from abc import ABC, abstractmethod

import numpy as np
from scipy.special import xlog1py, xlogy


class Loss(ABC):
    """A convex, non-decreasing, non-negative function g of one number per row.

    The argument ``u`` of a row is its negated margin, or ``support(w) - margin`` for the robust
    loss (eq. 6 of Chalasani et al., ICML 2020).

    Attributes
    ----------
    is_smooth : bool
        Whether there are second derivatives; only then is `derivatives` called.
    attains_infimum : bool
        Whether the loss is 0 from some argument down. If not, it can be lowered for ever.
    """

    is_smooth = True
    attains_infimum = False

    @abstractmethod
    def value(self, u):
        """Loss of each row.

        Parameters
        ----------
        u : ndarray of shape (n_samples,)

        Returns
        -------
        ndarray of shape (n_samples,)
        """

    def derivatives(self, u):
        """Loss of each row with its first and second derivative.

        Parameters
        ----------
        u : ndarray of shape (n_samples,)

        Returns
        -------
        value, first, second : ndarray of float64 of shape (n_samples,)
            Three new arrays, which the caller may overwrite.
        """
        raise NotImplementedError(f"{type(self).__name__} has no second derivatives.")

    @abstractmethod
    def conjugate(self, p):
        """Convex conjugate of the loss, the supremum of ``p * u - g(u)`` over u.

        Parameters
        ----------
        p : ndarray of shape (n_samples,)
            In the range of the first derivative.

        Returns
        -------
        ndarray of shape (n_samples,)
        """

    @abstractmethod
    def intercept_only(self, share):
        """Return the prediction with the smallest mean loss if all rows have the same one.

        Parameters
        ----------
        share : float
            Weight of the positive rows, in (0, 1).

        Returns
        -------
        float
        """


class LogisticLoss(Loss):
    r"""The logistic loss :math:`g(u) = \log(1 + e^u)` (section B.1 of the paper)."""

    def value(self, u):
        """Loss of each row."""
        return np.log1p(np.exp(-np.abs(u))) + np.maximum(u, 0.0)

    def derivatives(self, u):
        """Loss of each row with its first and second derivative."""
        tail = -np.abs(u)
        np.exp(tail, out=tail)
        value = np.log1p(tail)
        value += np.maximum(u, 0.0)
        second = 1.0 + tail
        tail /= second
        np.divide(tail, second, out=second)
        return value, np.where(u >= 0, 1.0 - tail, tail), second

    def conjugate(self, p):
        """Convex conjugate of the loss, for p in [0, 1]."""
        return xlogy(p, p) + xlog1py(1.0 - p, -p)

    def intercept_only(self, share):
        """Return the prediction with the smallest mean loss if all rows have the same one."""
        return np.log(share) - np.log1p(-share)


class SoftplusHingeLoss(Loss):
    r"""The softplus hinge :math:`g(u) = \log(1 + e^{1 + u})`, a smooth upper bound of the hinge.

    It is the logistic loss of a row whose margin is 1 less (section B.1 of Chalasani et al., ICML
    2020).
    """

    _shifted = LogisticLoss()

    def value(self, u):
        """Loss of each row."""
        return self._shifted.value(1.0 + u)

    def derivatives(self, u):
        """Loss of each row with its first and second derivative."""
        return self._shifted.derivatives(1.0 + u)

    def conjugate(self, p):
        """Convex conjugate of the loss, for p in [0, 1]."""
        return self._shifted.conjugate(p) - p

    def intercept_only(self, share):
        """Return the prediction with the smallest mean loss if all rows have the same one."""
        odds = share / (1.0 - share)
        if odds < 1:
            return -self.intercept_only(1.0 - share)
        half_rise = np.e / 2 * (odds - 1.0)
        return np.log(half_rise + np.hypot(half_rise, np.sqrt(odds)))


class HingeLoss(Loss):
    r"""The hinge loss :math:`g(u) = \max(0, 1 + u)` (section B.1 of Chalasani et al., ICML 2020).

    There is a kink at ``u = -1``, where a minimum often puts many rows.
    """

    is_smooth = False
    attains_infimum = True

    def value(self, u):
        """Loss of each row."""
        return np.maximum(0.0, 1.0 + u)

    def conjugate(self, p):
        """Convex conjugate of the loss, for p in [0, 1]."""
        return -p

    def intercept_only(self, share):
        """Return the prediction with the smallest mean loss if all rows have the same one."""
        return np.sign(share - 0.5)


LOSSES = {"log_loss": LogisticLoss, "hinge": HingeLoss, "softplus_hinge": SoftplusHingeLoss}
