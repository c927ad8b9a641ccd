"""The robust objective of one problem: a data term, a perturbation set and a penalty."""

from functools import cached_property

import numpy as np
from scipy.linalg.blas import dsyr2

from sklearn_advex.linear_model._objective import _costs
from sklearn_advex.linear_model._objective._design_matrix import ALL
from sklearn_advex.linear_model._objective._points import Evaluation, Point, min_norm_subgradient

_EPS = np.finfo(float).eps


class RobustObjective:
    r"""The mean robust loss plus an elastic-net penalty.

    .. math::

        f(w, b) = \sum_i s_i \, g\bigl(h(w) - y_i (\langle w, x_i \rangle + b)\bigr)
            + \alpha \bigl(\rho \|w\|_1 + \tfrac{1 - \rho}{2} \|w\|_2^2\bigr)

    with the loss :math:`g`, the support function :math:`h` of the perturbation set, weights
    :math:`s_i` that sum to 1, and :math:`\rho` = ``l1_ratio``.

    The *variables* are the coefficients followed by the intercepts: variables without kink and
    without penalty.

    Parameters
    ----------
    term : DataTerm
    perturbation : PerturbationSet
    alpha : float
    l1_ratio : float

    Notes
    -----
    The data term F depends on the variables v and on the heights :math:`h(w)`. By the chain rule
    the gradient is :math:`F_v + F_h h'(w)` plus that of the penalty. In the orthant of signs
    :math:`\xi` a support function with `l1_weights` :math:`\epsilon` is linear with the gradient
    :math:`a = \epsilon \xi`; there the Hessian is :math:`F_{vv} + a F_{hv} + F_{vh} a^T + a F_{hh}
    a^T` plus the ridge.
    """

    def __init__(self, term, perturbation, *, alpha, l1_ratio):
        self.term = term
        self.perturbation = perturbation
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.n_features = term.n_features
        self.n_variables = term.n_variables

    @property
    def is_smooth(self):
        """Whether the data term has second derivatives."""
        return self.term.is_smooth

    @property
    def is_streamed(self):
        """Whether the rows are read anew in each pass over them."""
        return self.term.is_streamed

    @property
    def has_l1_support(self):
        """Whether the support function is linear in each orthant."""
        return self.perturbation.l1_weights is not None

    @cached_property
    def lasso(self):
        """The factor of each variable's absolute value in the penalty."""
        return self._of_features(self.alpha * self.l1_ratio)

    @cached_property
    def ridge(self):
        """The factor of half of each variable's square in the penalty."""
        return self._of_features(self.alpha * (1.0 - self.l1_ratio))

    @cached_property
    def l1_weights(self):
        """The factor of each variable's absolute value in the support function."""
        return self._of_features(self.perturbation.l1_weights)

    @cached_property
    def has_kink(self):
        """Whether there is a kink at 0, for each variable."""
        return self.lasso + self.l1_weights > 0.0

    @property
    def hessian_is_cheap(self):
        """Whether second derivatives take no longer than the rest of a Newton step."""
        return self.term.gram_is_cheap

    def restrict(self, variables):
        """Return the objective of a model that uses only some variables.

        Parameters
        ----------
        variables : ndarray of int
            In order, with all intercepts.

        Returns
        -------
        RobustObjective
        """
        if variables.size == self.n_variables:
            return self
        features = self._features_among(variables)
        return self._with(self.term.restrict(features), self.perturbation.restrict(features))

    def with_perturbation(self, perturbation):
        """Return the objective against another adversary.

        Parameters
        ----------
        perturbation : PerturbationSet

        Returns
        -------
        RobustObjective
        """
        return self._with(self.term, perturbation)

    def with_term(self, term):
        """Return the objective of another data term of the same variables.

        Parameters
        ----------
        term : DataTerm

        Returns
        -------
        RobustObjective
        """
        return self._with(term, self.perturbation)

    def point(self, variables):
        """Return the point at given variables.

        Parameters
        ----------
        variables : ndarray of shape (n_variables,)

        Returns
        -------
        Point
        """
        return Point(variables, self.n_features, self.term.rows_at(variables))

    def intercept_only(self):
        """Return the best model without features.

        Returns
        -------
        Point
        """
        return self.point(np.append(np.zeros(self.n_features), self.term.intercept_only()))

    def along(self, point, direction):
        """Return the points on a line as a function of the step length.

        Parameters
        ----------
        point : Point
            The start.
        direction : ndarray of shape (n_variables,)

        Returns
        -------
        callable
            From a float to a Point.
        """
        rows_along = self.term.along(point.rows, direction)
        return lambda length: Point(
            point.variables + length * direction, self.n_features, rows_along(length)
        )

    def heights(self, point):
        """Return what the adversary adds to the arguments of the losses.

        Parameters
        ----------
        point : Point

        Returns
        -------
        ndarray of shape (n_heights,)
        """
        return self.perturbation.support_by_side(point.coef)

    def value(self, point):
        """Compute the objective.

        Parameters
        ----------
        point : Point

        Returns
        -------
        float
        """
        return self.term.value(point.rows, self.heights(point)) + self._penalty(point)

    def evaluate(self, point, dual=None):
        """Compute the objective and its derivatives.

        Parameters
        ----------
        point : Point
        dual : DualVariables, default=None
            Required where the data term is not smooth or the perturbation set has no `l1_weights`.

        Returns
        -------
        Evaluation
        """
        of_term = self.term.derivatives(point.rows, self.heights(point), dual and dual.rows)
        center, kink = of_term.variables + self.ridge * point.variables, self.lasso
        if self.has_l1_support:
            kink = kink + of_term.heights[0] * self.l1_weights
        else:
            center[: self.n_features] += of_term.heights @ dual.perturbation
        subgradient = min_norm_subgradient(center, kink, point.variables)
        return Evaluation(point, of_term.value + self._penalty(point), subgradient, of_term)

    def prefetch(self, points):
        """Announce points that may be evaluated next, and hardly more than that.

        Parameters
        ----------
        points : list of Point
        """
        self.term.prefetch([point.rows for point in points], [*map(self.heights, points)])

    def separates_robustly(self, point):
        """Return whether every row is on its side by more than the adversary can undo.

        Then, without a penalty, scaling the model up lowers the loss toward 0 for ever: the
        objective has no finite minimizer.

        Parameters
        ----------
        point : Point

        Returns
        -------
        bool
        """
        if self.alpha > 0:
            return False
        return self.term.largest_argument(point.rows, self.heights(point)) < 0

    def cg_budget(self, n_used):
        """Return the number of products with the Hessian that cost as much as factorizing it.

        If conjugate gradients are stopped there, a step costs at most twice the cheaper of the two
        ways.

        Parameters
        ----------
        n_used : int
            Number of features in use.

        Returns
        -------
        float
        """
        if self.n_features > _costs.LARGEST_DENSE_HESSIAN:
            return np.inf
        return (self.term.gram_cost(n_used) + n_used**3 / 3) / self.term.product_cost

    def hessian_is_matrix(self, cg_budget):
        """Return whether the Hessian is to be a matrix, not products.

        Parameters
        ----------
        cg_budget : float
            Products that conjugate gradients may take; 0 for a matrix if it is not too large.

        Returns
        -------
        bool
        """
        return cg_budget == 0 and self.n_features <= _costs.LARGEST_DENSE_HESSIAN

    def hessian_matrix(self, curvature, signs):
        """Compute the second derivatives within an orthant.

        Parameters
        ----------
        curvature : object
            Of an evaluation at a point in the orthant.
        signs : ndarray of shape (n_variables,)
            The orthant: -1.0 or 1.0 for each variable, 0.0 for one that stays 0. Variables without
            a kink may have either sign.

        Returns
        -------
        ndarray of shape (n_variables, n_variables)
            Fortran-ordered, its lower triangle. Zeros for variables out of use if that saves work.
        """
        used, features = self._choose_used(signs)
        gradient = (self.l1_weights * signs)[used]
        gram = self.term.gram(curvature, features)
        hessian = gram[:-1, :-1].copy(order="F")
        diagonal = hessian.ravel(order="K")[:: gradient.size + 1]
        rounding = _EPS * diagonal
        half = gram[-1, :-1] + (0.5 * gram[-1, -1]) * gradient
        hessian = dsyr2(1.0, half, gradient, lower=True, a=hessian, overwrite_a=True)
        diagonal += self.ridge[used]
        # Clip sums of squares that cancellation can make negative.
        np.maximum(diagonal, rounding, out=diagonal)
        if used is ALL:
            return hessian
        matrix = np.zeros((self.n_variables,) * 2, order="F")
        matrix[np.ix_(used, used)] = hessian
        return matrix

    def hessian_product(self, curvature, signs, v):
        """Multiply the second derivatives within an orthant by a vector.

        Parameters
        ----------
        curvature : object
        signs : ndarray of shape (n_variables,)
        v : ndarray of shape (n_variables,)

        Returns
        -------
        ndarray of shape (n_variables,)
        """
        gradient = self.l1_weights * signs
        variables, heights = self.term.gram_product(curvature, v, np.array([gradient @ v]))
        return variables + heights[0] * gradient + self.ridge * v

    def hessian_diagonal(self, curvature, signs):
        """Compute the diagonal of the second derivatives within an orthant.

        Parameters
        ----------
        curvature : object
        signs : ndarray of shape (n_variables,)

        Returns
        -------
        ndarray of shape (n_variables,)
        """
        gradient = self.l1_weights * signs
        squares = self.term.gram_diagonal(curvature)[: self.n_variables]
        no_variable = np.zeros(self.n_variables)
        cross, total = self.term.gram_product(curvature, no_variable, np.ones(1))
        diagonal = squares + gradient * (2 * cross + total[0] * gradient)
        return np.maximum(diagonal, _EPS * squares) + self.ridge

    def _choose_used(self, signs):
        """Choose the variables of a Hessian, and the features among them."""
        if not self.hessian_is_cheap:
            used = signs.nonzero()[0]
            if used.size <= _costs.USED_SHARE * self.n_variables:
                return used, self._features_among(used)
        return ALL, ALL

    def _with(self, term, perturbation):
        return RobustObjective(term, perturbation, alpha=self.alpha, l1_ratio=self.l1_ratio)

    def _of_features(self, numbers):
        """Append zeros for the intercepts, without a copy where there are none."""
        if self.n_variables == self.n_features:
            return np.broadcast_to(numbers, self.n_variables)
        of_variables = np.zeros(self.n_variables)
        of_variables[: self.n_features] = numbers
        return of_variables

    def _features_among(self, variables):
        return variables[: np.searchsorted(variables, self.n_features)]

    def _penalty(self, point):
        v = point.variables
        return self.lasso @ np.abs(v) + 0.5 * ((self.ridge * v) @ v)
