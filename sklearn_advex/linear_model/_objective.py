"""The robust objective of one binary problem: value, gradient, curvature, optimality residual."""

from functools import cached_property

import numpy as np
from scipy.linalg.blas import dsyr2

from sklearn_advex.linear_model._hessian import DenseHessian, HessianOperator
from sklearn_advex.linear_model._point import Expansion, Point, Subgradients, with_intercept

# A Hessian of more features is never made a matrix (2 MB per 500 of them, squared).
_LARGEST_DENSE_HESSIAN = 1500
# Columns not in use are left out of it where those in use are at most this share: picking columns
# costs more than multiplying them.
_USED_SHARE = 0.9
# So many products of a row's entries take no longer than the rest of a Newton step on few rows.
_CHEAP_HESSIAN = 2**18
_EPS = np.finfo(float).eps


class RobustObjective:
    r"""The mean robust loss plus an elastic-net penalty.

    .. math::

        f(w, b) = \sum_i s_i \, g\big(h(w) - y_i (\langle w, x_i \rangle + b)\big)
            + \alpha \big(\rho \|w\|_1 + \tfrac{1 - \rho}{2} \|w\|_2^2\big)

    with the loss :math:`g`, the support function :math:`h` of the perturbation set, weights
    :math:`s_i` that sum to 1, and :math:`\rho` = ``l1_ratio``.

    Parameters
    ----------
    design : DenseMatrix or CSRMatrix of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
        Labels, -1.0 or 1.0.
    weights : ndarray of shape (n_samples,)
        Non-negative, summing to 1.
    loss : LogisticLoss, SoftplusHingeLoss or HingeLoss
    perturbation : perturbation set
    alpha : float
    l1_ratio : float
    fit_intercept : bool

    Notes
    -----
    Conventions: with :math:`u_i = h(w) - y_i z_i` the argument of the loss, :math:`p_i = s_i
    g'(u_i)` and :math:`q_i = s_i g''(u_i)`, and a support function that is linear in the orthant
    of signs :math:`\xi` with slopes :math:`\epsilon`, a row acts there as the row
    :math:`\epsilon \xi - y_i x_i` of an ordinary problem. Hence the gradient
    :math:`\sum_i p_i (\epsilon \xi - y_i x_i)` and the Hessian :math:`\sum_i q_i (\epsilon \xi -
    y_i x_i)(\epsilon \xi - y_i x_i)^T`, both without the penalty.
    """

    def __init__(self, design, y, weights, loss, perturbation, *, alpha, l1_ratio, fit_intercept):
        self.design = design
        self.y = y
        self.weights = weights
        self.loss = loss
        self.perturbation = perturbation
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept

    @property
    def n_features(self):
        """Number of features."""
        return self.design.shape[1]

    @cached_property
    def kinked(self):
        """Whether there is a kink where a coefficient is 0, for each feature."""
        return self.lasso + self.perturbation.orthant_slopes > 0.0

    @property
    def hessian_is_cheap(self):
        """Whether second derivatives take no longer than the rest of a Newton step."""
        return self.y.size * self.n_features**2 <= _CHEAP_HESSIAN

    @property
    def lasso(self):
        """The factor of the l1 norm in the penalty."""
        return self.alpha * self.l1_ratio

    @property
    def ridge(self):
        """The factor of half the squared l2 norm in the penalty."""
        return self.alpha * (1.0 - self.l1_ratio)

    def restrict(self, features):
        """The same objective for a model that uses only some features."""
        if features.size == self.n_features:
            return self
        return self._with(self.design.columns(features), self.perturbation.restrict(features))

    def against(self, perturbation):
        """The same objective with another adversary."""
        return self._with(self.design, perturbation)

    def _with(self, design, perturbation):
        return RobustObjective(
            design,
            self.y,
            self.weights,
            self.loss,
            perturbation,
            alpha=self.alpha,
            l1_ratio=self.l1_ratio,
            fit_intercept=self.fit_intercept,
        )

    def point(self, coef, intercept):
        """The point at given coefficients."""
        raw = self.design.matvec(coef) if np.any(coef) else np.zeros(self.y.size)
        return Point(coef, intercept, raw + intercept)

    def null_point(self):
        """The best model without features: the intercept alone."""
        intercept = 0.0
        if self.fit_intercept:
            intercept = self.loss.best_constant(self.weights[self.y > 0].sum())
        return self.point(np.zeros(self.n_features), intercept)

    def value(self, point):
        """The objective."""
        return self._value(point, self.loss.value(self._loss_argument(point)))

    def expand(self, point, certificate=None):
        """The objective and its derivatives at a point; the loss has to have them."""
        losses, first, second = self.loss.expand(self._loss_argument(point))
        first *= self.weights
        second *= self.weights
        slope = self._subgradients(point, first, certificate).slope(point.coef)
        return Expansion(point, self._value(point, losses), second, slope)

    def _value(self, point, losses):
        l1_part = self.lasso * np.abs(point.coef).sum()
        l2_part = 0.5 * self.ridge * (point.coef @ point.coef)
        return (self.weights * losses).sum() + l1_part + l2_part

    def excess(self, point):
        """By how much the margin of each row is less than 1, the adversary's part subtracted."""
        return 1.0 + self._loss_argument(point)

    def slopes(self, point, certificate=None):
        """Weighted derivatives of the losses, or what a certificate has in their place."""
        return self.weights * self._unweighted_slopes(point, certificate)

    def _unweighted_slopes(self, point, certificate):
        if hasattr(self.loss, "expand"):
            return self.loss.expand(self._loss_argument(point))[1]
        return certificate.slopes

    def subgradients(self, point, certificate=None):
        """All subgradients of the objective at a point, as far as a certificate leaves a choice."""
        return self._subgradients(point, self.slopes(point, certificate), certificate)

    def _subgradients(self, point, slopes, certificate):
        signed = slopes * self.y
        coef = self.ridge * point.coef - self.design.rmatvec(signed)
        if hasattr(self.perturbation, "orthant_slopes"):
            kink = self.lasso + slopes.sum() * self.perturbation.orthant_slopes
        else:
            kink = np.full(coef.size, float(self.lasso))
            coef += slopes.sum() * certificate.change
        return Subgradients(coef, kink, -signed.sum() if self.fit_intercept else 0.0)

    def residual(self, point, certificate=None):
        r"""Distance from optimality.

        It is the max-norm of the smallest subgradient. Where slopes :math:`p_i` and a change
        :math:`\delta` come from a certificate it is at least also what these fall short of being
        subgradients themselves: :math:`\sum_i s_i (g(u_i) + g^*(p_i) - p_i u_i)` and
        :math:`\sum_i s_i p_i (h(w) - \langle \delta, w \rangle)`, both 0 at an optimum.
        """
        residual = self.subgradients(point, certificate).residual(point.coef)
        if not hasattr(self.loss, "expand"):
            argument, p = self._loss_argument(point), certificate.slopes
            short = self.loss.value(argument) + self.loss.conjugate(p) - p * argument
            residual = max(residual, self.weights @ short)
        if not hasattr(self.perturbation, "orthant_slopes"):
            short = self.perturbation.support(point.coef) - certificate.change @ point.coef
            residual = max(residual, self.slopes(point, certificate).sum() * short)
        return residual

    def products_worth_a_matrix(self, n_used):
        """How many products with the Hessian take as long as to form and factorize its matrix.

        How many conjugate gradients will need is not known, but if they are given up after so many
        no step takes more than twice the time that the faster way takes.
        """
        if self.n_features > _LARGEST_DENSE_HESSIAN:
            return np.inf
        factorization = n_used**3 / 3
        return (self.design.gram_cost(n_used) + factorization) / self.design.product_cost

    def hessian(self, curvature, signs, most_products=0):
        """Second derivatives within an orthant, intercept last.

        Parameters
        ----------
        curvature : ndarray of shape (n_samples,)
            Of an expansion at a point in the orthant, as far as features have kinks.
        signs : ndarray of shape (n_features,)
            The orthant: -1.0 or 1.0 for each feature, 0.0 for one that stays out of the model. It
            does not matter which of 1.0 and -1.0 for a feature without a kink.
        most_products : float, default=0
            How many products may be spent on its systems; 0 for a matrix where that is not too
            large, else for as many as it takes.

        Returns
        -------
        DenseHessian or HessianOperator of size n_features + 1
        """
        shift = self.perturbation.orthant_slopes * signs
        with np.errstate(over="ignore", invalid="ignore"):
            if most_products == 0 and self.n_features <= _LARGEST_DENSE_HESSIAN:
                hessian = DenseHessian(self._hessian_of_used(curvature, shift, signs))
            else:
                hessian = HessianOperator(
                    lambda v: self._hessian_product(curvature, shift, v),
                    self._hessian_diagonal(curvature, shift),
                    most_products or np.inf,
                )
        if not np.isfinite(hessian.diagonal.sum()):
            raise ValueError(
                "X or epsilon holds values so large that their squares overflow: bring the features"
                " to one scale first."
            )
        return hessian

    def _hessian_of_used(self, curvature, shift, signs):
        """The Hessian, with zeros for features not in use where that saves work."""
        share = np.count_nonzero(signs) / self.n_features
        if share > _USED_SHARE or self.hessian_is_cheap:
            return self._hessian_matrix(curvature, shift, slice(None))
        used = signs.nonzero()[0]
        matrix = np.zeros((self.n_features + 1,) * 2, order="F")
        rows = with_intercept(used, self.n_features)
        matrix[np.ix_(rows, rows)] = self._hessian_matrix(curvature, shift, used)
        return matrix

    def _hessian_matrix(self, curvature, shift, features):
        shift = with_intercept(shift[features], 0.0)
        gram = self.design.gram(curvature, self.y, features)
        hessian, with_y, total = gram[:-1, :-1].copy(order="F"), gram[-1, :-1], gram[-1, -1]
        rounding = _EPS * hessian.diagonal()
        # The gram of the rows (x, 1) - y * shift, as y is -1 or 1.
        half = with_y - 0.5 * total * shift
        hessian = dsyr2(-1.0, half, shift, lower=True, a=hessian, overwrite_a=True)
        diagonal = hessian.diagonal() + self.ridge
        diagonal[-1] = total
        # A sum of squares, of which the differences above may leave less than nothing.
        hessian.flat[:: shift.size + 1] = np.maximum(diagonal, rounding)
        return hessian

    def _hessian_product(self, curvature, shift, v):
        in_rows = curvature * (shift @ v[:-1] - self.y * (self.design.matvec(v[:-1]) + v[-1]))
        signed = in_rows * self.y
        features = in_rows.sum() * shift - self.design.rmatvec(signed) + self.ridge * v[:-1]
        return with_intercept(features, -signed.sum())

    def _hessian_diagonal(self, curvature, shift):
        total = curvature.sum()
        cross = self.design.rmatvec(curvature * self.y)
        squares = self.design.weighted_squares(curvature)
        diagonal = squares - shift * (2 * cross - total * shift) + self.ridge
        return with_intercept(np.maximum(diagonal, _EPS * squares), total)

    def move(self, point, direction, intercept_step):
        """The points along a segment as a function of the step length in [0, 1]."""
        change = self.design.matvec(direction) + intercept_step

        def at(step):
            return Point(
                point.coef + step * direction,
                point.intercept + step * intercept_step,
                point.raw + step * change,
            )

        return at

    def dual_gap(self, solution):
        r"""An upper bound on how far the value of a solution is above the minimum.

        For any :math:`p_i` in [0, 1], with :math:`\lambda_i = s_i p_i` balanced between the
        classes, :math:`\Lambda = \sum_i \lambda_i` and :math:`v = \sum_i \lambda_i y_i x_i`, no
        model has a value below

        .. math::

            -\sum_i s_i g^*(p_i) - \sum_j \frac{\max(|v_j| - \Lambda \epsilon_j - \alpha \rho,
            0)^2}{2 \alpha (1 - \rho)}

        (Fenchel duality; without a ridge all the maxima have to be 0). Here p is the derivative of
        the loss at the point, or the slopes of the certificate, shrunk as far as it takes to make
        it admissible. For a perturbation set that is no box, :math:`|v_j| - \Lambda \epsilon_j` is
        :math:`|v_j - \Lambda \delta_j|`, with the change :math:`\delta` of the certificate.

        Parameters
        ----------
        solution : Solution

        Returns
        -------
        float
            Never above the value itself, as no loss is below 0; without a penalty no more than
            that is known.
        """
        p = self._unweighted_slopes(solution.point, solution.certificate)
        if self.fit_intercept:
            share = [self.weights[side] @ p[side] for side in (self.y > 0, self.y < 0)]
            heavier = max(*share, np.finfo(float).tiny)
            p = p * np.where(self.y > 0, share[1], share[0]) / heavier
        slopes = self.weights * p
        pull = self.design.rmatvec(slopes * self.y)
        if hasattr(self.perturbation, "orthant_slopes"):
            pull = np.abs(pull) - slopes.sum() * self.perturbation.orthant_slopes
        else:
            pull = np.abs(pull - slopes.sum() * solution.certificate.change)
        largest = pull.max(initial=0.0)
        if self.ridge == 0 and largest > self.lasso:
            p, pull = p * (self.lasso / largest), pull * (self.lasso / largest)
        excess = np.maximum(pull - self.lasso, 0.0)
        ridge_part = (excess @ excess) / (2 * self.ridge) if self.ridge else 0.0
        dual = -(self.weights * self.loss.conjugate(p)).sum() - ridge_part
        return max(solution.value - max(dual, 0.0), 0.0)

    def separates(self, point):
        """Whether every row is on its side by more than the adversary can undo.

        Then, without a penalty, scaling the model up lowers the loss toward 0 for ever: the
        objective has no finite minimizer.
        """
        if self.alpha > 0:
            return False
        return self._loss_argument(point).max(where=self.weights > 0, initial=-np.inf) < 0

    def separation(self, point, unit):
        """Between which multiples of `unit` the set lies from which on nothing separates.

        The lower bound is the largest multiple under which this very point separates the rows
        whatever the adversary does. The upper bound is from duality: with any weights on the rows
        that are balanced between the classes, here weights for how hard a row is, no model can
        separate the rows by more than it separates their weighted means.

        Parameters
        ----------
        point : Point
        unit : perturbation set

        Returns
        -------
        lower, upper : float
        """
        margins = np.where(self.weights > 0, self.y * point.raw, np.inf)
        slopes = self.slopes(point)
        hardness = np.maximum(slopes, np.finfo(float).tiny)
        groups = [self.y > 0, self.y < 0] if self.fit_intercept else [np.full(self.y.size, True)]
        for group in groups:
            hardness[group] /= hardness[group].sum() * len(groups)
        strength = np.abs(self.design.rmatvec(hardness * self.y))
        with np.errstate(divide="ignore", invalid="ignore"):
            lower = margins.min() / unit.support(point.coef)
        return lower, unit.gauge(strength)

    def joining_strength(self, point, certificate=None):
        """The `epsilon` of each feature below which its coefficient would not be 0.

        Returns
        -------
        ndarray of shape (n_features,)
            In the units of the features; 0 where the penalty alone keeps it at 0. Under another
            norm than "linf" the gauge of this vector counts.
        """
        slopes = self.slopes(point, certificate)
        pull = np.abs(self.design.rmatvec(slopes * self.y)) - self.lasso
        return np.maximum(pull, 0.0) / slopes.sum()

    def _loss_argument(self, point):
        return self.perturbation.support(point.coef) - self.y * point.raw
