"""Perturbation sets: what the adversary may do to one row, and what it gains by it."""

import numpy as np


class _Ball:
    """A ball of some norm, scaled by `epsilon`.

    Parameters
    ----------
    epsilon : ndarray of shape (n_features,)
        Half-width of the set per feature, in the feature's own units; 0 where a feature cannot be
        changed.
    """

    def __init__(self, epsilon):
        self.epsilon = epsilon

    def restrict(self, features):
        """The set seen by a model that uses only some features.

        Parameters
        ----------
        features : ndarray of int
            Indices of the features kept.

        Returns
        -------
        perturbation set
        """
        return type(self)(self.epsilon[features])

    def gauge(self, change):
        """The multiple of the set that a change is on the boundary of.

        Parameters
        ----------
        change : ndarray of shape (..., n_features)

        Returns
        -------
        float or ndarray of shape (...)
            Infinity for a change of a feature that cannot be changed.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = np.where(change != 0, np.abs(change) / self.epsilon, 0.0)
        return np.linalg.norm(relative, self.order, axis=-1)


class LinfBall(_Ball):
    r"""All changes :math:`\delta` with :math:`|\delta_j| \le \epsilon_j` for every feature.

    Parameters
    ----------
    epsilon : ndarray of shape (n_features,)
        Half-width of the allowed change per feature, in the feature's own units; 0 where a
        feature cannot be changed.

    Notes
    -----
    A perturbation set answers two questions about a linear function ``w``: how much an allowed
    change can add to it, `support`, and which change adds that much, `worst`. The second is a
    subgradient of the first, so training, attack and robust accuracy all use the same pair.

    Here the support function is linear in each orthant, with slopes `epsilon`; that is the
    `orthant_slopes` that the active-set Newton solver asks for.
    """

    order = np.inf

    @property
    def orthant_slopes(self):
        """Derivative of `support` with respect to ``|w_j|``, an ndarray of shape (n_features,)."""
        return self.epsilon

    def support(self, w):
        r"""The most that a change can add: :math:`\sum_j \epsilon_j |w_j|`.

        Parameters
        ----------
        w : ndarray of shape (..., n_features)

        Returns
        -------
        float or ndarray of shape (...)
        """
        return np.abs(w) @ self.epsilon

    def worst(self, w):
        r"""The change that attains the support function: :math:`\epsilon_j \, \mathrm{sign}(w_j)`.

        Parameters
        ----------
        w : ndarray of shape (..., n_features)

        Returns
        -------
        ndarray of shape (..., n_features)
        """
        return self.epsilon * np.sign(w)

    def curvature(self, w):
        """Second derivatives of the support function within an orthant: none.

        Parameters
        ----------
        w : ndarray of shape (n_features,)

        Returns
        -------
        ndarray of shape (n_features, n_features)
        """
        return np.zeros((w.size, w.size))


class L2Ball(_Ball):
    r"""All changes with :math:`\sum_j (\delta_j / \epsilon_j)^2 \le 1`, an ellipsoid.

    Parameters
    ----------
    epsilon : ndarray of shape (n_features,)
        Half-axis per feature, in the feature's own units; 0 where a feature cannot be changed.
    """

    order = 2

    def support(self, w):
        r"""The most that a change can add: :math:`\sqrt{\sum_j (\epsilon_j w_j)^2}`."""
        return np.linalg.norm(self.epsilon * w, axis=-1)

    def worst(self, w):
        """The change that attains the support function; none where it is 0."""
        support = np.asarray(self.support(w))[..., None]
        return self.epsilon * np.divide(
            self.epsilon * w, support, out=np.zeros(np.shape(w)), where=support > 0
        )

    def curvature(self, w):
        """Second derivatives of the support function; none where it is 0.

        Parameters
        ----------
        w : ndarray of shape (n_features,)

        Returns
        -------
        ndarray of shape (n_features, n_features)
        """
        slope, support = self.worst(w), self.support(w)
        if support == 0:
            return np.zeros((w.size, w.size))
        return (np.diag(self.epsilon**2) - np.outer(slope, slope)) / support


class L1Ball(_Ball):
    r"""All changes with :math:`\sum_j |\delta_j| / \epsilon_j \le 1`.

    Parameters
    ----------
    epsilon : ndarray of shape (n_features,)
        The most that a feature can change if no other does, in its own units; 0 where it cannot.
    """

    order = 1

    def support(self, w):
        r"""The most that a change can add: :math:`\max_j \epsilon_j |w_j|`."""
        return np.max(self.epsilon * np.abs(w), axis=-1)

    def worst(self, w):
        """A change that attains the support function, of the first feature that is worth most."""
        gains = self.epsilon * np.abs(w)
        change = np.zeros(np.shape(w))
        best = gains.argmax(axis=-1)[..., None]
        worth = np.take_along_axis(self.epsilon * np.sign(w), best, axis=-1)
        np.put_along_axis(change, best, worth, axis=-1)
        return change


PERTURBATION_SETS = {"linf": LinfBall, "l2": L2Ball, "l1": L1Ball}


def resolve_epsilon(epsilon, n_features, feature_names=None):
    """One half-width per feature, from any form in which a user may give `epsilon`.

    Parameters
    ----------
    epsilon : float, array-like of shape (n_features,) or dict
        One number for all features, one per feature, or a dict from column name to number that
        names every column.
    n_features : int
        Number of features.
    feature_names : array-like of str, default=None
        Column names, where the data has them.

    Returns
    -------
    ndarray of shape (n_features,), float64

    Raises
    ------
    ValueError
        If `epsilon` does not fit the features, or is negative or not finite.
    """
    if _names_columns(epsilon):
        epsilon = _in_column_order(dict(epsilon.items()), feature_names)
    try:
        resolved = np.array(epsilon, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"epsilon must be a number, one number per feature, or a dict from column name to"
            f" number; got {epsilon!r}."
        ) from None
    if resolved.shape not in ((), (n_features,)):
        raise ValueError(
            f"epsilon has shape {resolved.shape} but X has {n_features} features: pass one number,"
            f" or {n_features} numbers."
        )
    if not np.isfinite(resolved).all() or (resolved < 0).any():
        raise ValueError(
            "epsilon must be finite and not negative; use 0 for a feature that cannot be changed."
            f" Got {resolved.min() if np.isfinite(resolved).all() else 'NaN or infinity'}."
        )
    return np.full(n_features, resolved)


def _names_columns(epsilon):
    """Whether epsilon is a dict, or a Series with names for an index."""
    index = getattr(epsilon, "index", None)
    named = index is not None and not callable(index) and all(isinstance(i, str) for i in index)
    return isinstance(epsilon, dict) or named


def _in_column_order(epsilon, feature_names):
    if feature_names is None:
        raise ValueError(
            "epsilon is a dict but X has no column names: pass X as a DataFrame whose column names"
            " are strings, or epsilon as an array with one number per feature."
        )
    missing = [name for name in feature_names if name not in epsilon]
    known = set(feature_names)
    unknown = [name for name in epsilon if name not in known]
    if missing or unknown:
        faults = [f"lacks the columns {missing}"] if missing else []
        faults += [f"names the unknown columns {unknown}"] if unknown else []
        raise ValueError(
            f"epsilon {' and '.join(faults)}. Give every column of X a number; 0 for one that"
            " cannot be changed."
        )
    return [epsilon[name] for name in feature_names]
