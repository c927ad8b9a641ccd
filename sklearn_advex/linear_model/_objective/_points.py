"""A linear model during training, and what is known of the objective there."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from sklearn_advex.linear_model._objective._data_term import TermDerivatives


@dataclass
class Point:
    """A linear model and what the data term keeps for it.

    Attributes
    ----------
    variables : ndarray of shape (n_features + n_intercepts,)
        The coefficients, then the intercepts.
    n_features : int
    rows : object
        Of the data term, which alone can read them.
    """

    variables: np.ndarray
    n_features: int
    rows: object

    @property
    def coef(self):
        """The coefficients, an ndarray of shape (n_features,)."""
        return self.variables[: self.n_features]

    @property
    def intercepts(self):
        """The intercepts, an ndarray of shape (n_intercepts,)."""
        return self.variables[self.n_features :]

    @property
    def used(self):
        """Indices of the coefficients that are not 0 and of all intercepts."""
        is_used = self.variables != 0
        is_used[self.n_features :] = True
        return np.flatnonzero(is_used)

    def restrict(self, variables):
        """Return the same model for some variables; all others are 0.

        Parameters
        ----------
        variables : ndarray of int
            In order, with all intercepts.

        Returns
        -------
        Point
        """
        n_features = np.count_nonzero(variables < self.n_features)
        return Point(self.variables[variables], n_features, self.rows)

    def embed(self, variables, whole):
        """Return the same model for all variables of another point, the reverse of `restrict`.

        Parameters
        ----------
        variables : ndarray of int
            Those of this model, among those of `whole`.
        whole : Point

        Returns
        -------
        Point
        """
        embedded = np.zeros(whole.variables.size)
        embedded[variables] = self.variables
        return Point(embedded, whole.n_features, self.rows)


@dataclass
class DualVariables:
    """The dual variables of a solution, where the derivatives of the objective do not tell them.

    Attributes
    ----------
    rows : object or None
        A dual of the data term, for a term that is not smooth.
    perturbation : ndarray of shape (n_sides, n_features) or None
        A subgradient of each support function, for a perturbation set without `l1_weights`.
    """

    rows: object = None
    perturbation: np.ndarray | None = None


@dataclass
class Evaluation:
    """The objective and its derivatives at a point.

    Attributes
    ----------
    point : Point
    value : float
    subgradient : ndarray of shape (n_variables,)
        The subgradient of least norm.
    derivatives : TermDerivatives
        Those of the data term.
    """

    point: Point
    value: float
    subgradient: np.ndarray
    derivatives: TermDerivatives

    @cached_property
    def residual(self):
        """Distance from optimality: the max-norm of the subgradient."""
        return np.abs(self.subgradient).max(initial=0.0)

    def restrict(self, variables):
        """Return the evaluation of a model of some variables; all others are 0.

        Parameters
        ----------
        variables : ndarray of int
            In order, with all intercepts.

        Returns
        -------
        Evaluation
        """
        of_term = replace(self.derivatives, variables=self.derivatives.variables[variables])
        point, subgradient = self.point.restrict(variables), self.subgradient[variables]
        return Evaluation(point, self.value, subgradient, of_term)


def min_norm_subgradient(center, kink, variables):
    """Return the subgradient of least norm.

    Parameters
    ----------
    center, kink : ndarray of shape (n_variables,)
        The subgradients of a variable are ``center + kink * s``, with s its sign, or any s in
        [-1, 1] if the variable is 0.
    variables : ndarray of shape (n_variables,)

    Returns
    -------
    ndarray of shape (n_variables,)
    """
    subgradient = np.abs(center)
    subgradient -= kink
    np.maximum(subgradient, 0.0, out=subgradient)
    np.copysign(subgradient, center, out=subgradient)
    signed = np.copysign(kink, variables)
    return np.add(center, signed, out=subgradient, where=variables != 0)
