"""Perturbation sets: what the adversary may do to one row, and what it gains by it."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import coo_array


@dataclass
class Epigraph:
    """The pairs of a linear model w and a height with ``height >= support(w)``, as a cone.

    They are the pairs for which ``coef @ w + sizes @ abs(w) + height * of_height`` lies in the
    cone of vectors without a negative component, or in the second-order cone of vectors whose
    first component is at least the norm of the others.

    Attributes
    ----------
    of_height : ndarray of shape (n_conditions,)
    coef : coo_array of shape (n_conditions, n_features)
    sizes : coo_array of shape (n_conditions, n_features)
        Without positive entries.
    is_second_order : bool
    """

    of_height: np.ndarray
    coef: coo_array
    sizes: coo_array
    is_second_order: bool = False


class PerturbationSet(ABC):
    r"""A convex set of changes :math:`\delta` of a row, with 0 among them.

    Training, attack and robust accuracy need two functions of a linear model w: the most that a
    change can add to its score, `support`, and a change that adds it, `maximizer`, which is a
    subgradient of the first.

    A row of label -1 loses by a larger score, a row of label 1 by a smaller one. The methods that
    end in `by_side` answer for label -1 first and for label 1 second; once for both if the set is
    symmetric. A set that depends on the label overrides them and sets `is_symmetric` to False.

    Attributes
    ----------
    is_symmetric : bool
        Whether -delta is allowed where delta is, for both labels alike.
    l1_weights : ndarray of shape (n_features,) or None
        Weights e with ``support(w) == e @ abs(w)``, if the set is symmetric and there are such.
    has_hessian : bool
        Whether there is a `hessian` wherever `support` is not 0.
    """

    is_symmetric = True
    l1_weights = None
    has_hessian = False

    @abstractmethod
    def support(self, w):
        """Return the most that a change can add to a linear function.

        Parameters
        ----------
        w : ndarray of shape (..., n_features)

        Returns
        -------
        float or ndarray of shape (...)
        """

    @abstractmethod
    def maximizer(self, w):
        """Return a change that attains `support`.

        Parameters
        ----------
        w : ndarray of shape (..., n_features)

        Returns
        -------
        ndarray of shape (..., n_features)
        """

    @abstractmethod
    def gauge(self, change):
        """Return the multiple of the set that has a change on its boundary.

        Parameters
        ----------
        change : ndarray of shape (..., n_features)

        Returns
        -------
        float or ndarray of shape (...)
            Infinity for a change of a feature that cannot be changed.
        """

    @abstractmethod
    def restrict(self, features):
        """Return the set that a model of some features sees.

        Parameters
        ----------
        features : ndarray of int
            Indices of the features kept.

        Returns
        -------
        PerturbationSet
        """

    @abstractmethod
    def scaled(self, factor):
        """Return the set of all changes multiplied by a factor.

        Parameters
        ----------
        factor : float
            Not negative.

        Returns
        -------
        PerturbationSet
        """

    @abstractmethod
    def epigraph(self):
        """Describe what is above `support`.

        Returns
        -------
        Epigraph
        """

    def hessian(self, w):
        """Return the second derivatives of `support` where it is not 0, else zeros.

        Parameters
        ----------
        w : ndarray of shape (n_features,)

        Returns
        -------
        ndarray of shape (n_features, n_features)
        """
        raise NotImplementedError(f"{type(self).__name__} has no second derivatives.")

    def support_by_side(self, w):
        """Return what the adversary gains on rows of each label.

        Parameters
        ----------
        w : ndarray of shape (n_features,)

        Returns
        -------
        ndarray of shape (n_sides,)
        """
        if self.is_symmetric:
            return np.array([self.support(w)])
        return np.array([self.support(w), self.support(-w)])

    def subgradient_by_side(self, w):
        """Return a subgradient of each component of `support_by_side`.

        Parameters
        ----------
        w : ndarray of shape (n_features,)

        Returns
        -------
        ndarray of shape (n_sides, n_features)
        """
        if self.is_symmetric:
            return self.maximizer(w)[np.newaxis]
        return np.array([self.maximizer(w), -self.maximizer(-w)])

    def hessian_by_side(self, w):
        """Return the second derivatives of each component of `support_by_side`.

        Parameters
        ----------
        w : ndarray of shape (n_features,)

        Returns
        -------
        ndarray of shape (n_sides, n_features, n_features)
        """
        if self.is_symmetric:
            return self.hessian(w)[np.newaxis]
        return np.array([self.hessian(w), self.hessian(-w)])

    def epigraph_by_side(self):
        """Describe what is above each component of `support_by_side`.

        Returns
        -------
        list of Epigraph
        """
        cone = self.epigraph()
        if self.is_symmetric:
            return [cone]
        return [cone, replace(cone, coef=-cone.coef)]

    @property
    def n_sides(self):
        """1 for a set that is the same to both labels, else 2."""
        return 1 if self.is_symmetric else 2


class _Ball(PerturbationSet):
    """A ball of the norm of some `order`, stretched along the axes.

    Parameters
    ----------
    epsilon : ndarray of shape (n_features,)
        Half-width of the set per feature, in the feature's own units; 0 for a feature that cannot
        be changed.
    """

    def __init__(self, epsilon):
        self.epsilon = epsilon

    def restrict(self, features):
        """Return the set that a model of some features sees."""
        return type(self)(self.epsilon[features])

    def scaled(self, factor):
        """Return the set of all changes multiplied by a factor."""
        return type(self)(factor * self.epsilon)

    def gauge(self, change):
        """Return the multiple of the set that has a change on its boundary."""
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = np.where(change != 0, np.abs(change) / self.epsilon, 0.0)
        if self.order == np.inf:  # np.linalg.norm refuses a model without features in NumPy 2.0
            return relative.max(axis=-1, initial=0.0)
        return np.linalg.norm(relative, self.order, axis=-1)


class LinfBall(_Ball):
    r"""All changes :math:`\delta` with :math:`|\delta_j| \le \epsilon_j` for every feature.

    Parameters
    ----------
    epsilon : ndarray of shape (n_features,)
        Half-width of the allowed change per feature, in the feature's own units; 0 for a feature
        that cannot be changed.
    """

    order = np.inf
    has_hessian = True

    @property
    def l1_weights(self):
        """Derivative of `support` with respect to ``abs(w)``, an ndarray of shape (n_features,)."""
        return self.epsilon

    def support(self, w):
        r"""Return the most that a change can add: :math:`\sum_j \epsilon_j |w_j|`."""
        return np.abs(w) @ self.epsilon

    def maximizer(self, w):
        r"""Return the change that attains it: :math:`\epsilon_j \, \mathrm{sign}(w_j)`."""
        return self.epsilon * np.sign(w)

    def hessian(self, w):
        """Return zeros: within an orthant the support function is linear."""
        return np.zeros((w.size, w.size))

    def epigraph(self):
        """Describe what is above `support`: one linear condition on the sizes."""
        sizes = coo_array(-self.epsilon[np.newaxis])
        return Epigraph(np.ones(1), coo_array(sizes.shape), sizes)


class L2Ball(_Ball):
    r"""All changes with :math:`\sum_j (\delta_j / \epsilon_j)^2 \le 1`, an ellipsoid.

    Parameters
    ----------
    epsilon : ndarray of shape (n_features,)
        Half-axis per feature, in the feature's own units; 0 for a feature that cannot be changed.
    """

    order = 2
    has_hessian = True

    def support(self, w):
        r"""Return the most that a change can add: :math:`\sqrt{\sum_j (\epsilon_j w_j)^2}`."""
        return np.linalg.norm(self.epsilon * w, axis=-1)

    def maximizer(self, w):
        """Return the change that attains it; 0 if it is 0."""
        support = np.asarray(self.support(w))[..., None]
        return self.epsilon * np.divide(
            self.epsilon * w, support, out=np.zeros(np.shape(w)), where=support > 0
        )

    def hessian(self, w):
        """Return the second derivatives of `support`; zeros if it is 0."""
        direction, support = self.maximizer(w), self.support(w)
        if support == 0:
            return np.zeros((w.size, w.size))
        return (np.diag(self.epsilon**2) - np.outer(direction, direction)) / support

    def epigraph(self):
        """Describe what is above `support`: a second-order cone."""
        n_features = self.epsilon.size
        features, shape = np.arange(n_features), (n_features + 1, n_features)
        coef = coo_array((self.epsilon, (features + 1, features)), shape)
        return Epigraph(np.eye(1, coef.shape[0])[0], coef, coo_array(coef.shape), True)


class L1Ball(_Ball):
    r"""All changes with :math:`\sum_j |\delta_j| / \epsilon_j \le 1`.

    Parameters
    ----------
    epsilon : ndarray of shape (n_features,)
        The most that a feature can change if no other does, in its own units; 0 if it cannot.
    """

    order = 1

    def support(self, w):
        r"""Return the most that a change can add: :math:`\max_j \epsilon_j |w_j|`."""
        return np.max(self.epsilon * np.abs(w), axis=-1, initial=0.0)

    def maximizer(self, w):
        """Return a change that attains it: that of the first feature with the largest gain."""
        gains = self.epsilon * np.abs(w)
        change = np.zeros(np.shape(w))
        if not change.size:
            return change
        best = gains.argmax(axis=-1)[..., None]
        of_best = np.take_along_axis(self.epsilon * np.sign(w), best, axis=-1)
        np.put_along_axis(change, best, of_best, axis=-1)
        return change

    def epigraph(self):
        """Describe what is above `support`: two linear conditions per feature."""
        n_features = self.epsilon.size
        if n_features == 0:  # all balls are the same
            return LinfBall(self.epsilon).epigraph()
        conditions = np.arange(2 * n_features)
        widths = np.concatenate([-self.epsilon, self.epsilon])
        coef = coo_array((widths, (conditions, conditions % n_features)))
        return Epigraph(np.ones(conditions.size), coef, coo_array(coef.shape))


PERTURBATION_SETS = {"linf": LinfBall, "l2": L2Ball, "l1": L1Ball}


def perturbation_set(norm, epsilon):
    """Make the perturbation set of a norm.

    Parameters
    ----------
    norm : {"linf", "l2", "l1"}
    epsilon : ndarray of shape (n_features,)
        Half-width per feature, from `resolve_epsilon`.

    Returns
    -------
    PerturbationSet
    """
    return PERTURBATION_SETS[norm](epsilon)


def resolve_epsilon(epsilon, n_features, feature_names=None):
    """Turn any form in which a user may give `epsilon` into one half-width per feature.

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
