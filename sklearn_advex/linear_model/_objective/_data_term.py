"""What is summed over the rows of the training data, whatever the rows are."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from sklearn_advex.linear_model._objective import _costs
from sklearn_advex.linear_model._objective._design_matrix import ALL

# Floor of the spread of a feature as a share of its size: what is below is rounding error.
_MIN_SPREAD = 1e-12


@dataclass
class TermDerivatives:
    """The value of a data term and its derivatives.

    Attributes
    ----------
    value : float
    variables : ndarray of shape (n_features + n_intercepts,)
        Derivative by the coefficients and intercepts.
    heights : ndarray of shape (n_heights,)
        Derivative by the heights.
    curvature : object
        Second derivatives row by row, for `DataTerm.gram`; None if the term is not smooth.
    """

    value: float
    variables: np.ndarray
    heights: np.ndarray
    curvature: object


class DataTerm(ABC):
    """A weighted sum over rows of convex functions of raw predictions and heights.

    The *variables* are the coefficients followed by the intercepts. The *heights* are what the
    adversary adds, one number for all rows or one for each label
    (`PerturbationSet.support_by_side`). Everything that has a number per row is opaque to all
    others and only handed back to the term that made it:

    - *rows*, the raw predictions of a model;
    - a *dual*, a number per row in the range of the derivative of its loss;
    - a *curvature*, a weight per row.

    Attributes
    ----------
    n_rows, n_features, n_intercepts, n_heights : int
    is_smooth : bool
        Whether the term has second derivatives. If not, an interior-point method needs
        `program_rows`, `program_dual`, `project_dual` and `augmented`.
    unit_curvature : object
        The curvature of a term with second derivatives of 1: the weights of the rows.
    product_cost : float
        The price of a product with X and one with its transpose, in the unit of `_costs`.
    is_streamed : bool
        Whether the rows are read anew for each call; then `prefetch` does several at once.
    """

    n_rows: int
    n_features: int
    n_intercepts: int
    n_heights: int
    is_smooth: bool
    unit_curvature: object
    product_cost: float
    is_streamed = False

    @property
    def gram_is_cheap(self):
        """Whether the matrix is so small that calls take as long."""
        return self.n_rows * self.n_features**2 <= _costs.CHEAP_HESSIAN

    @property
    def n_variables(self):
        """Number of coefficients and intercepts."""
        return self.n_features + self.n_intercepts

    @abstractmethod
    def restrict(self, features):
        """Return the term of a model that uses only some features.

        Parameters
        ----------
        features : ndarray of int

        Returns
        -------
        DataTerm
        """

    @abstractmethod
    def rows_at(self, variables):
        """Compute the rows of a model.

        Parameters
        ----------
        variables : ndarray of shape (n_variables,)

        Returns
        -------
        rows : object
        """

    @abstractmethod
    def along(self, rows, direction):
        """Return the rows on a line as a function of the step length.

        Parameters
        ----------
        rows : object
            At the start.
        direction : ndarray of shape (n_variables,)

        Returns
        -------
        callable
            From a float to rows.
        """

    @abstractmethod
    def value(self, rows, heights):
        """Compute the sum.

        Parameters
        ----------
        rows : object
        heights : ndarray of shape (n_heights,)

        Returns
        -------
        float
        """

    @abstractmethod
    def derivatives(self, rows, heights, dual=None):
        """Compute the sum and its derivatives.

        Parameters
        ----------
        rows : object
        heights : ndarray of shape (n_heights,)
        dual : object, default=None
            In place of the derivatives of the losses, required for a term that is not smooth.

        Returns
        -------
        TermDerivatives
        """

    def prefetch(self, rows, heights):
        """Announce where first derivatives alone may be asked for next, to a streamed term.

        Parameters
        ----------
        rows : list of object
        heights : list of ndarray of shape (n_heights,)
        """
        raise NotImplementedError(f"{type(self).__name__} has its rows in memory.")

    @abstractmethod
    def dual(self, rows, heights):
        """Compute the derivative of each row's loss, for a smooth term.

        Parameters
        ----------
        rows : object
        heights : ndarray of shape (n_heights,)

        Returns
        -------
        dual : object
        """

    @abstractmethod
    def balanced(self, dual):
        """Scale a dual down so that the derivative by each intercept vanishes.

        Parameters
        ----------
        dual : object

        Returns
        -------
        dual : object
        """

    @abstractmethod
    def adjoint(self, dual):
        """Compute the derivatives of the sum if those of the losses are a dual.

        Parameters
        ----------
        dual : object

        Returns
        -------
        variables : ndarray of shape (n_variables,)
        heights : ndarray of shape (n_heights,)
        """

    @abstractmethod
    def conjugate(self, dual, factor=1.0):
        """Compute the weighted sum of the losses' conjugates.

        Parameters
        ----------
        dual : object
        factor : float, default=1.0
            By which the dual is multiplied first.

        Returns
        -------
        float
        """

    @abstractmethod
    def gram(self, curvature, features=ALL):
        """Compute the second derivatives by features, intercepts and heights, in this order.

        Parameters
        ----------
        curvature : object
        features : ndarray of int of shape (n_columns,) or ALL
            Those to differentiate by.

        Returns
        -------
        ndarray of shape (n_columns + n_intercepts + n_heights,) * 2
            Its lower triangle, with zeros above.
        """

    @abstractmethod
    def gram_cost(self, n_columns):
        """Return the price of the `gram` of some features, in the unit of `_costs`.

        Parameters
        ----------
        n_columns : int

        Returns
        -------
        float
        """

    @abstractmethod
    def gram_diagonal(self, curvature):
        """Compute the diagonal of `gram`.

        Parameters
        ----------
        curvature : object

        Returns
        -------
        ndarray of shape (n_variables + n_heights,)
        """

    @abstractmethod
    def gram_columns(self, curvature, features):
        """Compute the columns of the whole of `gram` that belong to some features.

        Parameters
        ----------
        curvature : object
        features : ndarray of int of shape (n_columns,)

        Returns
        -------
        ndarray of shape (n_variables + n_heights, n_columns + n_intercepts + n_heights)
            All columns of intercepts and heights are among them.
        """

    @abstractmethod
    def gram_product(self, curvature, variables, heights):
        """Multiply a vector by the whole of `gram`.

        Parameters
        ----------
        curvature : object
        variables : ndarray of shape (n_variables,)
        heights : ndarray of shape (n_heights,)

        Returns
        -------
        variables : ndarray of shape (n_variables,)
        heights : ndarray of shape (n_heights,)
        """

    @abstractmethod
    def intercept_only(self):
        """Compute the intercepts of the best model without features.

        Returns
        -------
        ndarray of shape (n_intercepts,)
        """

    def model_curvature(self, rows, heights):
        """Return second derivatives for a quadratic model of a term that is not smooth.

        Parameters
        ----------
        rows : object
        heights : ndarray of shape (n_heights,)

        Returns
        -------
        curvature : object
            Those of a smoothed loss.
        """
        raise NotImplementedError(f"{type(self).__name__} has second derivatives of its own.")

    def feature_spread(self, curvature):
        """Compute weighted squares of the features, about their means if there is an intercept.

        Parameters
        ----------
        curvature : object

        Returns
        -------
        ndarray of shape (n_features,)
        """
        squares = self.gram_diagonal(curvature)[: self.n_features]
        spread = squares.copy()
        for i in range(self.n_features, self.n_variables):
            unit = np.eye(1, self.n_variables, i)[0]
            cross, _ = self.gram_product(curvature, unit, np.zeros(self.n_heights))
            spread -= cross[: self.n_features] ** 2 / max(cross[i], np.finfo(float).tiny)
        return np.maximum(spread, _MIN_SPREAD * squares)

    def largest_argument(self, rows, heights):
        """Return the largest argument of a loss, if the losses fall for ever below 0.

        If it is negative, scaling the model up lowers every loss.

        Parameters
        ----------
        rows : object
        heights : ndarray of shape (n_heights,)

        Returns
        -------
        float
            Infinity for losses that attain their infimum.
        """
        return np.inf

    def program_rows(self, x, scale):
        """Return the rows as blocks of a cone program, for a term that is not smooth.

        Parameters
        ----------
        x : ndarray of shape (size,)
            Where the program starts: variables, heights and others, divided by their scale.
        scale : ndarray of shape (size,)
            0 for variables of the program that the term does not depend on.

        Returns
        -------
        list of ProgramBlock
        """
        raise NotImplementedError(f"{type(self).__name__} has no part in a cone program.")

    def program_dual(self, program_rows):
        """Return the dual that the blocks of `program_rows` have arrived at.

        Parameters
        ----------
        program_rows : list of ProgramBlock

        Returns
        -------
        dual : object
        """
        raise NotImplementedError(f"{type(self).__name__} has no part in a cone program.")

    def project_dual(self, dual):
        """Move a dual into the domain of the conjugates, for a term that is not smooth.

        Parameters
        ----------
        dual : object

        Returns
        -------
        dual : object
        """
        raise NotImplementedError(f"{type(self).__name__} has no part in a cone program.")

    def augmented(self, rows, heights, dual):
        """Return the augmented Lagrangian of the rows that are on a kink, a smooth term.

        Parameters
        ----------
        rows : object
        heights : ndarray of shape (n_heights,)
        dual : object
            The multipliers.

        Returns
        -------
        DataTerm
        """
        raise NotImplementedError(f"{type(self).__name__} has no part in a cone program.")
