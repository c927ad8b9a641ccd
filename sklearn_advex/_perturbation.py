"""Perturbation sets: what the adversary may do to one row, and what it gains by it."""

import numpy as np


class LinfBall:
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

    def __init__(self, epsilon):
        self.epsilon = epsilon

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

    def restrict(self, features):
        """The set seen by a model that uses only some features.

        Parameters
        ----------
        features : ndarray of int
            Indices of the features kept.

        Returns
        -------
        LinfBall
        """
        return LinfBall(self.epsilon[features])


PERTURBATION_SETS = {"linf": LinfBall}


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
