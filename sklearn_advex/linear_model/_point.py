"""A linear model during training, and what is known of the objective there."""

from dataclasses import dataclass, replace

import numpy as np


def with_intercept(of_features, of_intercept):
    """One array of a number per feature and, last, the one of the intercept."""
    array = np.empty(of_features.size + 1, dtype=of_features.dtype)
    array[:-1] = of_features
    array[-1] = of_intercept
    return array


@dataclass
class Point:
    """A linear model and its raw predictions ``X @ coef + intercept`` on the training rows."""

    coef: np.ndarray
    intercept: float
    raw: np.ndarray

    def restrict(self, features):
        """The same model for some features, among them all in use."""
        return Point(self.coef[features], self.intercept, self.raw)

    def among(self, n_features, features):
        """The same model of some features for all of them, the others not in use."""
        coef = np.zeros(n_features)
        coef[features] = self.coef
        return Point(coef, self.intercept, self.raw)


@dataclass
class Certificate:
    """What a solver knows of an optimum where subgradients are not unique.

    Attributes
    ----------
    slopes : ndarray of shape (n_samples,) or None
        A number in [0, 1] per row in place of the derivative of a loss that has none.
    change : ndarray of shape (n_features,) or None
        A change in the perturbation set that is the worst one, or one of them, for a set whose
        support function is not linear in each orthant.
    """

    slopes: np.ndarray | None = None
    change: np.ndarray | None = None


@dataclass
class Subgradients:
    """All subgradients of the objective at a point.

    For feature j they are ``coef[j] + kink[j] * s`` with s the sign of ``w_j``, or any s in
    [-1, 1] where ``w_j`` is 0; ``intercept`` is the derivative with respect to the intercept.
    """

    coef: np.ndarray
    kink: np.ndarray
    intercept: float

    def smallest(self, w):
        """The subgradient of least absolute value of each feature."""
        at_zero = np.copysign(np.maximum(np.abs(self.coef) - self.kink, 0.0), self.coef)
        return np.where(w == 0, at_zero, self.coef + np.sign(w) * self.kink)

    def slope(self, w):
        """The smallest subgradient with the derivative by the intercept, which comes last."""
        return with_intercept(self.smallest(w), self.intercept)

    def residual(self, w):
        """Distance from optimality: the max-norm of the smallest subgradient."""
        return np.abs(self.slope(w)).max()


@dataclass
class Expansion:
    """The objective and its derivatives at a point.

    Attributes
    ----------
    point : Point
    value : float
    curvature : ndarray of shape (n_samples,)
        Weighted second derivatives of the losses.
    slope : ndarray of shape (n_features + 1,)
        The smallest subgradient, the intercept's derivative last.
    """

    point: Point
    value: float
    curvature: np.ndarray
    slope: np.ndarray

    @property
    def residual(self):
        """Distance from optimality: the max-norm of the slope."""
        return np.abs(self.slope).max()

    def restrict(self, features):
        """That of a model that uses only some features, among them all in use at the point."""
        slope = with_intercept(self.slope[features], self.slope[-1])
        return replace(self, point=self.point.restrict(features), slope=slope)
