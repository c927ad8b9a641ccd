"""Newton's method on some of the features."""

import numpy as np

from sklearn_advex.linear_model._orthant_step import step_in_orthant

# A Hessian is kept as long as steps with it cut the residual to this share.
_KEEPING_HESSIAN = 0.1
# Conjugate gradients are tried where at least so many products are worth the Hessian's matrix.
_FEWEST_PRODUCTS = 60
# They are kept to unless a step that crossed no kink did not cut the residual to this share: then
# the curvature is too uneven for them.
_KEEPING_PRODUCTS = 0.5
# Share of the decrease that one variable alone promises by which curvatures are raised.
_DAMPING = 1e-2
# Further shares by which they are raised where pivoting does not end, or the step leads up.
_STRONGER_DAMPINGS = (1e-6, 1e-4, 1e-2, 1.0, 1e2, 1e4)


class WorkingSet:
    """Newton's method on some of the features, the coefficients of the others being 0.

    The Hessian is the costly part of a step, unless there are few rows and features. Where products
    with it are much cheaper than its matrix, conjugate gradients are given as many as cost as much.
    Where these do not do there is the matrix, here and in all later steps. It is kept for the next
    one (the chord method) as long as steps with it cut the residual by much, and no coefficient
    with a kink changes its sign.
    """

    def __init__(self, objective, features, max_iter, report):
        self.features = features
        self.max_iter = max_iter
        self.report = report
        self.whole = objective
        self.objective = objective.restrict(features)
        self._without_kink = np.flatnonzero(~self.objective.kinked)
        self._hessian = None
        self._hessian_signs = None
        worth = self.objective.products_worth_a_matrix(features.size)
        self._by_products = worth >= _FEWEST_PRODUCTS

    def minimize(self, at, accuracy, n_iter):
        """Take steps from a point, until the residual over the features of the set is small.

        Parameters
        ----------
        at : Expansion
            At the point, over all features.
        accuracy : float
        n_iter : int
            Newton steps taken before.

        Returns
        -------
        at : Expansion
            At the last point, over all features.
        n_iter : int
            Newton steps taken, those before included.
        status : {"running", "separable", "max_iter", "stalled"}
            "running" where the accuracy was reached.
        """
        n_features = at.point.coef.size
        at, n_iter, status = self._minimize(at.restrict(self.features), accuracy, n_iter)
        if self.features.size < n_features:
            at = self.whole.expand(at.point.among(n_features, self.features))
        return at, n_iter, status

    def _minimize(self, at, accuracy, first):
        objective = self.objective
        last_residual, settled = np.inf, False
        for n_iter in range(first, self.max_iter + 1):
            if objective.separates(at.point):
                return at, n_iter, "separable"
            residual = at.residual
            if residual <= accuracy:
                return at, n_iter, "running"
            if n_iter == self.max_iter:
                return at, n_iter, "max_iter"
            if n_iter > first:
                self.report(n_iter, at, residual)
            if objective.hessian_is_cheap or residual > _KEEPING_HESSIAN * last_residual:
                self._hessian = None
            if settled and residual > _KEEPING_PRODUCTS * last_residual:
                self._by_products = False
            reached = self._step(at)
            if reached is None:
                return at, n_iter, "stalled"
            settled = self._by_products and self._same_orthant(at, reached)
            at, last_residual = reached, residual

    def _step(self, at):
        """The expansion at the next point, None where rounding errors allow no progress."""
        coef = at.point.coef
        signs = np.sign(np.where(coef != 0, coef, -at.slope[:-1]))
        signs[self._without_kink] = 1.0
        for hessian in self._hessians(at, signs):
            reached = step_in_orthant(self.objective, at, signs, hessian)
            if reached is not None:
                return reached
        return None

    def _hessians(self, at, signs):
        """Hessians to take a step with: each for the case that the ones before lead nowhere."""
        if self._hessian is not None and np.all((signs == 0) | (signs == self._hessian_signs)):
            yield self._hessian
        if self._by_products:
            worth = self.objective.products_worth_a_matrix(np.count_nonzero(signs))
            if worth >= _FEWEST_PRODUCTS:
                yield _damped(self.objective.hessian(at.curvature, signs, worth), at.slope)
                self._by_products = False
        self._hessian = _damped(self.objective.hessian(at.curvature, signs), at.slope)
        self._hessian_signs = signs
        for share in _STRONGER_DAMPINGS:
            yield self._hessian
            self._hessian.damp(share)

    def _same_orthant(self, at, other):
        """Whether all coefficients that have a kink have the same sign."""
        signs, other_signs = np.sign(at.point.coef), np.sign(other.point.coef)
        return not (self.objective.kinked & (signs != other_signs)).any()


def _damped(hessian, slope):
    hessian.damp(_DAMPING * np.max(slope**2 / hessian.diagonal))
    return hessian
