"""What a cone program is the sum of, beside a quadratic function of its variables."""

from abc import ABC, abstractmethod

import numpy as np


class ProgramBlock(ABC):
    """A convex function or a condition, with slacks and multipliers inside their bounds.

    An interior-point method solves the optimality conditions of the sum by Newton's method, with
    each product of a slack and its multiplier at a small number, the *center*, in place of 0.

    Attributes
    ----------
    degree : float
        Number of products, each as it counts in `gap`.
    gap : float
        Sum of the products of slacks and multipliers; 0 at an optimum.
    """

    degree = 1

    @property
    @abstractmethod
    def gap(self):
        """Sum of the products of slacks and multipliers."""

    @abstractmethod
    def force(self):
        """Compute the block's part of the gradient of the Lagrangian.

        Returns
        -------
        ndarray of shape (n_variables,)
        """

    @abstractmethod
    def matrix(self):
        """Compute the derivative of `force` by the variables, multipliers eliminated.

        Returns
        -------
        ndarray of shape (n_variables, n_variables)
        """

    @abstractmethod
    def shift(self, center, last):
        """Compute the further change of `force` in a step toward the center.

        Parameters
        ----------
        center : float
        last : tuple or None
            A direction whose second-order effect is to be corrected.

        Returns
        -------
        ndarray of shape (n_variables,)
        """

    @abstractmethod
    def direction(self, dx, center, last):
        """Compute the changes of slacks and multipliers that belong to a change of x.

        Parameters
        ----------
        dx : ndarray of shape (n_variables,)
        center : float
        last : tuple or None

        Returns
        -------
        tuple
        """

    @abstractmethod
    def longest_step(self, direction):
        """Return the length of the step that ends at a bound.

        Parameters
        ----------
        direction : tuple

        Returns
        -------
        float
        """

    @abstractmethod
    def step(self, direction, length):
        """Take a step.

        Parameters
        ----------
        direction : tuple
        length : float
        """

    @abstractmethod
    def gap_after(self, direction, length):
        """Return the gap after a step.

        Parameters
        ----------
        direction : tuple
        length : float

        Returns
        -------
        float
        """


def step_to_zero(values, changes):
    """Return the longest step after which no value is negative.

    Parameters
    ----------
    values, changes : ndarray

    Returns
    -------
    float
    """
    falling = changes < 0
    return np.min(-values[falling] / changes[falling], initial=np.inf)
