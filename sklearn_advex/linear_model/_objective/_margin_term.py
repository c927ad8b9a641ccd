"""The data term of classifiers with two classes: losses of margins."""

import numpy as np

from sklearn_advex.linear_model._objective._data_term import DataTerm, TermDerivatives
from sklearn_advex.linear_model._objective._design_matrix import ALL


class MarginTerm(DataTerm):
    r"""Losses of margins, :math:`\sum_i s_i \, g(h_{y_i} - y_i (\langle w, x_i \rangle + b))`.

    The *side* of a row is :math:`-y_i`, 1 if it loses by a larger prediction. A row acts like the
    row of coefficients, intercept and height that is its side times (x, 1, side).

    Parameters
    ----------
    loss : Loss
    design : DesignMatrix of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
        Labels, -1.0 or 1.0.
    weights : ndarray of shape (n_samples,)
        Not negative.
    fit_intercept : bool, default=True
    n_heights : {1, 2}, default=1
        One height for all rows, or one for each label, that of -1 first.
    """

    def __init__(self, loss, design, y, weights, *, fit_intercept=True, n_heights=1):
        self.loss = loss
        self.design = design
        self.sides = -y
        self.weights = weights
        self._counted = ALL if weights.all() else weights > 0
        self.fit_intercept = fit_intercept
        self.n_heights = n_heights
        self.columns = ALL
        self.n_rows = y.size
        self.n_features = design.shape[1]
        self.n_intercepts = int(fit_intercept)
        self._ones = [np.broadcast_to(1.0, y.size)] * self.n_intercepts

    @property
    def is_smooth(self):
        """Whether the loss has second derivatives."""
        return self.loss.is_smooth

    @property
    def unit_curvature(self):
        """The weights of the rows."""
        return self.weights

    @property
    def product_cost(self):
        """The price of a product with X and one with its transpose."""
        return self.design.product_cost

    def restrict(self, features):
        """Return the term of a model that uses only some features."""
        chosen = features if self.columns is ALL else self.columns[features]
        design, columns = self.design.restrict(chosen)
        return self._with(design=design, columns=columns, n_features=features.size)

    def rows_at(self, variables):
        """Compute the raw predictions of a model."""
        coef, intercept = variables[: self.n_features], variables[self.n_features :]
        if not coef.any():
            return np.full(self.n_rows, intercept.sum())
        return self._raw_predictions(variables)

    def along(self, rows, direction):
        """Return the raw predictions on a line as a function of the step length."""
        change = self._raw_predictions(direction)
        return lambda length: rows + length * change

    def value(self, rows, heights):
        """Compute the sum."""
        return self.weights @ self.loss.value(self.arguments(rows, heights))

    def derivatives(self, rows, heights, dual=None):
        """Compute the sum and its derivatives."""
        if dual is None:
            losses, pull, curvature = self.loss.derivatives(self.arguments(rows, heights))
            pull *= self.weights
            curvature *= self.weights
        else:
            losses = self.loss.value(self.arguments(rows, heights))
            pull, curvature = self.weights * dual, None
        return TermDerivatives(self.weights @ losses, *self.transposed(pull), curvature)

    def dual(self, rows, heights):
        """Compute the derivative of each row's loss."""
        return self.loss.derivatives(self.arguments(rows, heights))[1]

    def balanced(self, dual):
        """Scale a dual down so that the derivative by the intercept vanishes."""
        if not self.fit_intercept:
            return dual
        return self.scale_sides(dual, balancing_factors(self.side_totals(dual)))

    def side_totals(self, dual):
        """Sum the weighted dual over the rows of each label.

        Parameters
        ----------
        dual : ndarray of shape (n_samples,)

        Returns
        -------
        ndarray of shape (2,)
            That of label -1 first.
        """
        return self._sums_by_label(self.weights * dual)

    def scale_sides(self, dual, factors):
        """Multiply the dual of the rows of each label by a factor.

        Parameters
        ----------
        dual : ndarray of shape (n_samples,)
        factors : ndarray of shape (2,)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return dual * np.where(self.sides > 0, factors[0], factors[1])

    def adjoint(self, dual):
        """Compute the derivatives of the sum if those of the losses are a dual."""
        return self.transposed(self.weights * dual)

    def conjugate(self, dual, factor=1.0):
        """Compute the weighted sum of the losses' conjugates."""
        return self.weights @ self.loss.conjugate(factor * dual)

    def gram(self, curvature, features=ALL):
        """Compute the second derivatives by features, intercept and heights."""
        columns = features if self.columns is ALL else self.columns[features]
        return self.design.gram(curvature, self._border(), columns)

    def gram_cost(self, n_columns):
        """Return the price of the `gram` of some features."""
        return self.design.gram_cost(n_columns)

    def gram_diagonal(self, curvature):
        """Compute the diagonal of `gram`."""
        squares = self.design.squares(curvature, self.columns)
        total = np.full(self.n_intercepts, curvature.sum())
        return np.concatenate([squares, total, self._height_sums(curvature)])

    def gram_columns(self, curvature, features):
        """Compute the columns of the whole of `gram` that belong to some features."""
        columns = features if self.columns is ALL else self.columns[features]
        right = np.column_stack([self.design.columns(columns), *self._border()])
        right *= curvature[:, np.newaxis]
        of_features = self.design.rmatvec(right, self.columns)
        return np.vstack([of_features, np.array(self._border()) @ right])

    def gram_product(self, curvature, variables, heights):
        """Multiply a vector by the whole of `gram`."""
        return self.transposed(curvature * self.arguments(self.rows_at(variables), heights))

    def intercept_only(self):
        """Compute the intercept of the best model without features."""
        if not self.fit_intercept:
            return np.empty(0)
        totals = self._sums_by_label(self.weights)
        return np.array([self.loss.intercept_only(totals[1] / totals.sum())])

    def largest_argument(self, rows, heights):
        """Return the largest argument of a loss, if the losses fall for ever below 0."""
        if self.loss.attains_infimum:
            return np.inf
        return self.arguments(rows, heights)[self._counted].max(initial=-np.inf)

    def arguments(self, rows, heights):
        """Compute the argument of each row's loss.

        Parameters
        ----------
        rows : ndarray of shape (n_samples,)
        heights : ndarray of shape (n_heights,)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        arguments = self.sides * rows
        arguments += heights[0] if self.n_heights == 1 else np.where(self.sides > 0, *heights)
        return arguments

    def transposed(self, numbers):
        """Compute the derivatives of the sum of `numbers` times the arguments.

        Parameters
        ----------
        numbers : ndarray of shape (n_samples,)

        Returns
        -------
        variables : ndarray of shape (n_variables,)
        heights : ndarray of shape (n_heights,)
        """
        signed = numbers * self.sides
        of_features = self.design.rmatvec(signed, self.columns)
        if not self.fit_intercept:
            return of_features, self._height_sums(numbers)
        variables = np.empty(self.n_variables)
        variables[:-1], variables[-1] = of_features, signed.sum()
        return variables, self._height_sums(numbers)

    def _with(self, **changes):
        changed = object.__new__(type(self))
        vars(changed).update(vars(self), **changes)
        return changed

    def _height_sums(self, numbers):
        return numbers.sum(keepdims=True) if self.n_heights == 1 else self._sums_by_label(numbers)

    def _sums_by_label(self, numbers):
        of_negative = numbers * (self.sides > 0)  # sooner than to pick them
        return np.array([of_negative.sum(), (numbers - of_negative).sum()])

    def _raw_predictions(self, variables):
        raw = self.design.matvec(variables[: self.n_features], self.columns)
        return raw + variables[-1] if self.fit_intercept else raw

    def _border(self):
        """The columns of intercept and heights in a Gram matrix."""
        if self.n_heights == 1:
            return [*self._ones, self.sides]
        return [*self._ones, np.maximum(self.sides, 0.0), np.minimum(self.sides, 0.0)]


def balancing_factors(totals):
    """Factors of at most 1 that make two sums equal.

    Parameters
    ----------
    totals : ndarray of shape (2,)
        Not negative.

    Returns
    -------
    ndarray of shape (2,)
    """
    return totals[::-1] / max(totals.max(), np.finfo(float).tiny)
