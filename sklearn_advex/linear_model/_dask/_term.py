"""The data term of rows in Dask collections."""

from copy import copy
from dataclasses import dataclass, field

import numpy as np

from sklearn_advex.linear_model._dask._sums import (
    ConjugateSum,
    DerivativeAndGramSum,
    Derivatives,
    DerivativeSum,
    GramColumnSum,
    GramDiagonalSum,
    GramProductSum,
    GramSum,
)
from sklearn_advex.linear_model._objective import _costs
from sklearn_advex.linear_model._objective._data_term import DataTerm, TermDerivatives
from sklearn_advex.linear_model._objective._design_matrix import ALL
from sklearn_advex.linear_model._objective._margin_term import balancing_factors

# Share of the losses by which conjugates may be too large: a larger one takes fewer passes, and
# makes dual gaps less tight.
_LARGEST_SLACK = 1e-10


@dataclass(eq=False)
class ModelRows:
    """The raw predictions of a model, as what they are computed from.

    Attributes
    ----------
    variables : ndarray of shape (n_variables,)
        Of all features, whatever the term is restricted to.
    known : dict of bytes to Derivatives
        Those computed so far, by heights.
    grams : dict of (bytes, bytes) to ndarray
        Gram matrices computed along with them, by heights and features.
    """

    variables: np.ndarray
    known: dict = field(default_factory=dict)
    grams: dict = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class RowFunction:
    """A number per row, as what it is computed from: a dual or a curvature.

    Attributes
    ----------
    rows : ModelRows
    heights : ndarray of shape (n_heights,)
    factors : ndarray of shape (2,)
        By which a dual is multiplied on the rows of each label, that of -1 first.
    """

    rows: ModelRows
    heights: np.ndarray
    factors: np.ndarray = field(default_factory=lambda: np.ones(2))

    @property
    def point(self):
        """Variables and heights."""
        return self.rows.variables, self.heights


class DaskTerm(DataTerm):
    """The sum of the margin terms of all blocks of Dask collections, for smooth losses.

    Whatever has a number per row is kept as the model that it comes from, and computed anew by each
    block in each pass: the client holds nothing as long as the rows, and a pass is one round trip.
    A pass over all features costs hardly more than one over some, as blocks have to be read anyway.
    So first derivatives are those of all features even if the term is restricted to some, and are
    remembered with the model: a working set that is solved has its derivatives for all variables.
    A Gram matrix of few features is computed in the same pass, before it is asked for: each step of
    Newton's method then reads the rows once. A model without features needs no pass, as the sums
    over each class say what its derivatives are.

    Parameters
    ----------
    blocks : RowBlocks
    problem : BinaryProblem
    sums : ClassSums
    """

    is_smooth = True
    is_streamed = True
    unit_curvature = None

    def __init__(self, blocks, problem, sums):
        self.blocks = blocks
        self.problem = problem
        self.sums = sums
        self.features = ALL
        self.n_rows = int(sums.counts.sum())
        self.n_all_features = self.n_features = sums.features.shape[1]
        self.n_intercepts = int(problem.fit_intercept)
        self.n_heights = problem.n_heights
        self.loss = problem.make_term.args[0]

    @property
    def product_cost(self):
        """The price of a product with X and one with its transpose: a pass over all data."""
        return _costs.STREAMED_ENTRY * self.n_rows * self.n_all_features

    @property
    def gram_is_cheap(self):
        """Whether the matrix takes no longer than to read the rows, so that it comes with them."""
        return self.n_features**2 <= _costs.HESSIAN_IN_PASSING * self.n_all_features

    def restrict(self, features):
        """Return the term of a model that uses only some features."""
        restricted = copy(self)
        restricted.features = self._among_all(features)
        restricted.n_features = features.size
        return restricted

    def rows_at(self, variables):
        """Return the rows of a model, not computed yet."""
        return ModelRows(self._embedded(variables).copy())

    def along(self, rows, direction):
        """Return the rows on a line as a function of the step length."""
        change = self._embedded(direction)
        return lambda length: ModelRows(rows.variables + length * change)

    def prefetch(self, rows, heights):
        """Compute the sums and first derivatives at several points in one pass."""
        pairs = list(zip(rows, heights, strict=True))
        points = tuple((of.variables, at) for of, at in pairs)
        (found,) = self.blocks.compute(DerivativeSum(self.problem, points))
        for (of, at), derivatives in zip(pairs, found, strict=True):
            of.known[at.tobytes()] = derivatives

    def value(self, rows, heights):
        """Compute the sum."""
        return self._derivatives(rows, heights).value

    def derivatives(self, rows, heights, dual=None):
        """Compute the sum and its derivatives."""
        found = self._derivatives(rows, heights)
        of_variables, of_heights = self._signed(found.features, found.totals)
        curvature = RowFunction(rows, heights)
        return TermDerivatives(found.value, of_variables, of_heights, curvature)

    def dual(self, rows, heights):
        """Return the derivative of each row's loss, not computed yet."""
        return RowFunction(rows, heights)

    def balanced(self, dual):
        """Scale a dual down so that the derivative by the intercept vanishes."""
        if not self.n_intercepts:
            return dual
        totals = self._derivatives(dual.rows, dual.heights).totals * dual.factors
        return RowFunction(dual.rows, dual.heights, dual.factors * balancing_factors(totals))

    def adjoint(self, dual):
        """Compute the derivatives of the sum if those of the losses are a dual."""
        found = self._derivatives(dual.rows, dual.heights)
        return self._signed(found.features * dual.factors, found.totals * dual.factors)

    def conjugate(self, dual, factor=1.0):
        """Compute the weighted sum of the losses' conjugates."""
        found, factors = self._derivatives(dual.rows, dual.heights), factor * dual.factors
        if (1.0 - factors) @ found.losses > _LARGEST_SLACK * found.value:
            return self._pass(ConjugateSum(self.problem, dual.point, factors))
        # Of a derivative it is their product with the arguments, less the losses; it is convex and
        # 0 at 0, so that this bounds it from above where factors are below 1.
        coef, intercept = np.split(dual.rows.variables, [self.n_all_features])
        scores = coef @ found.features + intercept.sum() * found.totals
        products = dual.heights * found.totals + np.array([1.0, -1.0]) * scores
        return factors @ (products - found.losses)

    def gram(self, curvature, features=ALL):
        """Compute the second derivatives by features, intercept and heights."""
        chosen = self._sent(features)
        gram = curvature and curvature.rows.grams.get(_key(curvature.heights, chosen))
        if gram is None:
            gram = self._pass(GramSum(self.problem, curvature and curvature.point, chosen))
        return np.asfortranarray(gram)

    def gram_cost(self, n_columns):
        """Return the price of the `gram` of some features."""
        return self.n_rows * n_columns**2

    def gram_diagonal(self, curvature):
        """Compute the diagonal of `gram`."""
        diagonal = self._pass(GramDiagonalSum(self.problem, curvature and curvature.point))
        return np.append(self._of_term(diagonal), diagonal[self._n_all_variables :])

    def gram_columns(self, curvature, features):
        """Compute the columns of the whole of `gram` that belong to some features."""
        point = curvature and curvature.point
        columns = self._pass(GramColumnSum(self.problem, point, self._among_all(features)))
        return np.vstack([self._of_term(columns), columns[self._n_all_variables :]])

    def gram_product(self, curvature, variables, heights):
        """Multiply a vector by the whole of `gram`."""
        point = curvature and curvature.point
        product = self._pass(
            GramProductSum(self.problem, point, self._embedded(variables), heights)
        )
        return self._of_term(product), product[self._n_all_variables :]

    def intercept_only(self):
        """Compute the intercept of the best model without features."""
        if not self.n_intercepts:
            return np.empty(0)
        weights = self.sums.weights * self.problem.weight_of_class
        share = weights[self.problem.positive] / weights.sum()
        return np.array([self.loss.intercept_only(share)])

    def largest_argument(self, rows, heights):
        """Return the largest argument of a loss, if the losses fall for ever below 0."""
        return self._derivatives(rows, heights).largest_argument

    @property
    def _n_all_variables(self):
        return self.n_all_features + self.n_intercepts

    def _pass(self, wanted):
        (found,) = self.blocks.compute(wanted)
        return found

    def _derivatives(self, rows, heights):
        if heights.tobytes() not in rows.known:
            if not rows.variables[: self.n_all_features].any():
                rows.known[heights.tobytes()] = self._without_features(rows.variables, heights)
            elif self.gram_is_cheap:
                self._compute_with_gram(rows, heights)
            else:
                self.prefetch([rows], [heights])
        return rows.known[heights.tobytes()]

    def _compute_with_gram(self, rows, heights):
        chosen = self._sent(ALL)
        wanted = DerivativeAndGramSum(self.problem, (rows.variables, heights), chosen)
        rows.known[heights.tobytes()], rows.grams[_key(heights, chosen)] = self._pass(wanted)

    def _without_features(self, variables, heights):
        """Derive the derivatives at a model that predicts the same for all rows."""
        is_positive = np.arange(self.sums.classes.size) == self.problem.positive
        of_class = np.stack([~is_positive, is_positive]) * self.problem.weight_of_class
        intercept = variables[self.n_all_features :].sum()
        arguments = np.array([1.0, -1.0]) * intercept + heights
        losses, pull, _ = self.loss.derivatives(arguments)
        weights, features = of_class @ self.sums.weights, of_class @ self.sums.features
        largest = np.inf
        if not self.loss.attains_infimum:
            largest = arguments.max(where=weights > 0, initial=-np.inf)
        return Derivatives(weights * losses, features.T * pull, weights * pull, largest)

    def _signed(self, features, totals):
        """Put derivatives together from those of the rows of each label."""
        of_features = (features[:, 0] - features[:, 1])[self.features]
        variables = np.append(of_features, [totals[0] - totals[1]] * self.n_intercepts)
        return variables, totals.sum(keepdims=True) if self.n_heights == 1 else totals

    def _among_all(self, features):
        """Return the positions of features of this term among all."""
        return features if self.features is ALL else self.features[features]

    def _sent(self, features):
        """Return the positions of features among all as they are sent to blocks, None for all."""
        chosen = self.features if features is ALL else self._among_all(features)
        return None if chosen is ALL else chosen

    def _embedded(self, variables):
        """Return the variables of all features."""
        if self.features is ALL:
            return variables
        embedded = np.zeros(self._n_all_variables)
        embedded[self.features] = variables[: self.n_features]
        embedded[self.n_all_features :] = variables[self.n_features :]
        return embedded

    def _of_term(self, numbers):
        """Return the numbers of the variables of this term from those of all."""
        of_features = numbers[: self.n_all_features][self.features]
        return np.concatenate([of_features, numbers[self.n_all_features : self._n_all_variables]])


def _key(heights, features):
    return heights.tobytes(), None if features is None else features.tobytes()
