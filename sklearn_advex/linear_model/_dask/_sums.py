"""What the data term of a binary problem adds up over its rows, one class per kind of sum."""

from dataclasses import dataclass

import numpy as np

from sklearn_advex._utils._dask_blocks import BlockSum, add_up
from sklearn_advex.linear_model._dask._rows import BinaryProblem
from sklearn_advex.linear_model._objective._design_matrix import ALL


@dataclass(frozen=True)
class TermSum(BlockSum):
    """A sum over the rows of a binary problem.

    Attributes
    ----------
    problem : BinaryProblem
    """

    problem: BinaryProblem

    def of_block(self, block):
        """Return the part of a block, None without rows."""
        return self.join([self.of_term(term) for term in self.problem.terms(block)])

    def of_term(self, term):
        """Return the part of some rows of a block.

        Parameters
        ----------
        term : MarginTerm

        Returns
        -------
        object
        """
        raise NotImplementedError

    def join(self, parts):
        """Add up the parts that are of some rows."""
        parts = [part for part in parts if part is not None]
        return self.add(parts) if parts else None

    def add(self, parts):
        """Add up parts.

        Parameters
        ----------
        parts : list

        Returns
        -------
        object
        """
        return sum(parts[1:], start=parts[0])


@dataclass
class Derivatives:
    """The value and the first derivatives of a data term, apart for the rows of each label.

    Attributes
    ----------
    losses : ndarray of shape (2,)
        Sums of the losses of the rows, those of label -1 first.
    features : ndarray of shape (n_features, 2)
        Sums of the rows of X by the derivatives of their losses.
    totals : ndarray of shape (2,)
        Sums of the derivatives of the losses.
    largest_argument : float
        See `DataTerm.largest_argument`.
    """

    losses: np.ndarray
    features: np.ndarray
    totals: np.ndarray
    largest_argument: float

    @property
    def value(self):
        """The sum of all losses."""
        return self.losses.sum()

    def __add__(self, other):
        return Derivatives(
            self.losses + other.losses,
            self.features + other.features,
            self.totals + other.totals,
            max(self.largest_argument, other.largest_argument),
        )


@dataclass(frozen=True)
class DerivativeSum(TermSum):
    """The `Derivatives` at several points.

    Attributes
    ----------
    points : tuple of pair of ndarray of shape (n_variables,) and ndarray of shape (n_heights,)
        Variables and heights.
    """

    points: tuple
    label = "gradient"

    def of_term(self, term):
        """Return a list with the derivatives at each point."""
        return [_derivatives(term, *point) for point in self.points]

    def add(self, parts):
        """Add up the derivatives at each point."""
        return add_up(parts)


def _derivatives(term, variables, heights):
    arguments = term.arguments(term.rows_at(variables), heights)
    losses, pull, _ = term.loss.derivatives(arguments)
    return _derivatives_from(term, arguments, losses, pull)


def _derivatives_from(term, arguments, losses, pull):
    pull *= term.weights
    by_side = np.empty((term.n_rows, 2), order="F")
    np.multiply(pull, term.sides > 0, out=by_side[:, 0])
    np.subtract(pull, by_side[:, 0], out=by_side[:, 1])
    largest = np.inf
    if not term.loss.attains_infimum:
        largest = arguments.max(where=term.weights > 0, initial=-np.inf)
    features = term.design.rmatvec(by_side)
    return Derivatives(term.side_totals(losses), features, by_side.sum(axis=0), largest)


@dataclass(frozen=True)
class DerivativeAndGramSum(TermSum):
    """The `Derivatives` at a point, and `DataTerm.gram` with the second derivatives there.

    Attributes
    ----------
    point : pair of ndarray
        Variables and heights.
    features : ndarray of int or None
        See `GramSum`.
    """

    point: tuple
    features: object
    label = "gradient_and_hessian"

    def of_term(self, term):
        """Return both for these rows."""
        variables, heights = self.point
        arguments = term.arguments(term.rows_at(variables), heights)
        losses, pull, curvature = term.loss.derivatives(arguments)
        gram = term.gram(curvature * term.weights, ALL if self.features is None else self.features)
        return [_derivatives_from(term, arguments, losses, pull), gram]

    def add(self, parts):
        """Add both up."""
        return add_up(parts)


@dataclass(frozen=True)
class CurvatureSum(TermSum):
    """A sum that second derivatives are the weights of: those of the losses, or the weights.

    Attributes
    ----------
    point : pair of ndarray or None
        Variables and heights. None for second derivatives of 1.
    """

    point: tuple | None

    def of_term(self, term):
        """Return the sum over some rows of a block."""
        if self.point is None:
            return self.weighted(term, term.unit_curvature)
        variables, heights = self.point
        arguments = term.arguments(term.rows_at(variables), heights)
        return self.weighted(term, term.loss.derivatives(arguments)[2] * term.weights)

    def weighted(self, term, curvature):
        """Return the sum over some rows of a block with their weights.

        Parameters
        ----------
        term : MarginTerm
        curvature : ndarray of shape (n_rows,)

        Returns
        -------
        ndarray
        """
        raise NotImplementedError


@dataclass(frozen=True)
class GramSum(CurvatureSum):
    """See `DataTerm.gram`.

    Attributes
    ----------
    features : ndarray of int or None
        None for all: `ALL` would be another object on another machine.
    """

    features: object
    label = "hessian"
    has_large_parts = True

    def weighted(self, term, curvature):
        """Return the Gram matrix of these rows."""
        return term.gram(curvature, ALL if self.features is None else self.features)


@dataclass(frozen=True)
class GramDiagonalSum(CurvatureSum):
    """See `DataTerm.gram_diagonal`."""

    label = "hessian_diagonal"

    def weighted(self, term, curvature):
        """Return the diagonal of these rows."""
        return term.gram_diagonal(curvature)


@dataclass(frozen=True)
class GramColumnSum(CurvatureSum):
    """See `DataTerm.gram_columns`.

    Attributes
    ----------
    features : ndarray of int
    """

    features: np.ndarray
    label = "hessian_columns"
    has_large_parts = True

    def weighted(self, term, curvature):
        """Return the columns of these rows."""
        return term.gram_columns(curvature, self.features)


@dataclass(frozen=True)
class GramProductSum(CurvatureSum):
    """See `DataTerm.gram_product`.

    Attributes
    ----------
    variables, heights : ndarray
    """

    variables: np.ndarray
    heights: np.ndarray
    label = "hessian_product"

    def weighted(self, term, curvature):
        """Return the product of these rows, variables and heights in one array."""
        return np.concatenate(term.gram_product(curvature, self.variables, self.heights))


@dataclass(frozen=True)
class ConjugateSum(TermSum):
    """The weighted sum of the losses' conjugates, see `DataTerm.conjugate`.

    Attributes
    ----------
    point : pair of ndarray
        Variables and heights where the dual is the derivative of the losses.
    factors : ndarray of shape (2,)
        By which it is multiplied on the rows of each label, that of -1 first.
    """

    point: tuple
    factors: np.ndarray
    label = "conjugate"

    def of_term(self, term):
        """Return the sum over some rows of a block."""
        variables, heights = self.point
        dual = term.dual(term.rows_at(variables), heights)
        return term.conjugate(term.scale_sides(dual, self.factors))
