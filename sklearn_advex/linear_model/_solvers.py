"""Solvers of the robust objective. They know the objective and nothing of X, y or estimators."""

from dataclasses import dataclass
from time import perf_counter

import numpy as np

from sklearn_advex.linear_model._objective import Certificate, Point

# Features admitted to the first working set; later sets are at least twice the support.
_FIRST_WORKING_SET = 64
# A new working set is solved until its residual is this share of the residual over all features;
# one that no feature wants to join any more is solved to the end.
_WORKING_SET_ACCURACY = 0.3
# Block pivoting: exchanges of the whole block that may fail to help before single ones, the most
# exchanges before it is given up, and the pull (relative) that counts as rounding error.
_PATIENCE = 3
_MAX_PIVOTS = 30
_PIVOT_ROUNDING = 1e-12
# A Hessian is kept as long as steps with it cut the residual to this share.
_KEEPING_HESSIAN = 0.1
# Conjugate gradients are tried where at least so many products are worth the Hessian's matrix.
_FEWEST_PRODUCTS = 60
# They are kept to unless a step that left all signs as they were did not cut the residual to this
# share: then the curvature is too uneven for them.
_KEEPING_PRODUCTS = 0.5
# Share of the decrease that one variable alone promises by which curvatures are raised.
_DAMPING = 1e-2
# Further shares by which they are raised where pivoting does not end, or the step leads up.
_STRONGER_DAMPINGS = (1e-6, 1e-4, 1e-2, 1.0, 1e2, 1e4)
# The last steps are cheap: they go on to this share of the tolerance, so that coefficients are
# accurate also in nearly flat directions, which the residual hardly sees.
_OVERSHOOT = 0.01
_SUFFICIENT_DECREASE = 1e-4
_ROUNDING = 8 * np.finfo(float).eps
_SMALLEST_STEP = 2.0**-40


@dataclass
class Solution:
    """What a solver found.

    Attributes
    ----------
    point : Point
    value : float
        The objective at `point`.
    residual : float
        Max-norm of the smallest subgradient at `point`.
    n_iter : int
        Newton steps taken.
    status : {"converged", "separable", "max_iter", "stalled"}
        Why the solver stopped; "separable" means that the objective has no finite minimiser.
    certificate : Certificate or None
        What the residual was computed with, where the objective is not smooth in each orthant.
    """

    point: Point
    value: float
    residual: float
    n_iter: int
    status: str
    certificate: Certificate | None = None


class ActiveSetNewton:
    """Newton's method on the features in use, inside their orthant.

    The robust objective is smooth while no coefficient changes sign. Each step therefore minimises
    its second-order model over the coefficients that are non-zero or want to be, none of which may
    cross zero: those that would end at exactly 0.0, and may leave it on the other side in a
    later step. All of this runs on a working set of features that is at most doubled whenever its
    own problem is solved, as the working sets of Massias et al. (celer, ICML 2018) are.

    Parameters
    ----------
    tol : float
        Largest residual that counts as optimal.
    max_iter : int
        Largest number of Newton steps.
    verbose : bool
        Print a line per Newton step, and one for each working set before its first.
    """

    def __init__(self, *, tol, max_iter, verbose=False):
        self.tol = tol
        self.max_iter = max_iter
        self.verbose = verbose

    def solve(self, objective, point):
        """Minimise an objective.

        Parameters
        ----------
        objective : RobustObjective
            Its loss needs `expand`, its perturbation set `orthant_slopes`.
        point : Point
            Where to start.

        Returns
        -------
        Solution

        Raises
        ------
        ValueError
            If the loss or the perturbation set lacks what Newton's method needs.
        """
        _require(objective.loss, "expand", "a loss with first and second derivatives")
        _require(
            objective.perturbation,
            "orthant_slopes",
            "a perturbation set whose support function is linear in each orthant",
        )
        report = _Report(self.verbose)
        working_set = None
        status, n_iter = "running", 0
        subgradients = objective.subgradients(point)
        while True:
            residual = subgradients.residual(point.coef)
            report(n_iter, objective, point, residual)
            if residual <= self.tol:
                status = "converged"
            if status != "running":
                return Solution(point, objective.value(point), residual, n_iter, status)
            features = _wanted_features(point.coef, subgradients.smallest(point.coef))
            accuracy = _OVERSHOOT * self.tol
            if working_set is None or not np.isin(features, working_set.features).all():
                working_set = None  # frees the copy of its columns before the next is made
                working_set = _WorkingSet(objective, features, self.max_iter, report)
                if features.size < objective.n_features:
                    accuracy = max(accuracy, _WORKING_SET_ACCURACY * residual)
            before = n_iter
            point, subgradients, n_iter, status = working_set.minimise(
                point, subgradients, accuracy, n_iter
            )
            if n_iter == before and status == "running":
                status = "stalled"  # only rounding tells the residuals of the set and of all apart


class _Report:
    """What a fit prints where that is asked for: where it is and since when."""

    def __init__(self, verbose):
        self.verbose = verbose
        self.started = perf_counter()

    def __call__(self, n_iter, objective, point, residual):
        if self.verbose:
            print(
                f"step {n_iter:3d}  objective {objective.value(point):.10e}"
                f"  residual {residual:.1e} of {point.coef.size} features"
                f"  support {np.count_nonzero(point.coef)}  {perf_counter() - self.started:.2f} s"
            )


class _WorkingSet:
    """Newton's method on some of the features, the coefficients of the others being 0.

    The Hessian is the costly part of a step, unless there are few rows and features. Where products
    with it are much cheaper than its matrix, conjugate gradients are given as many as cost as much.
    Where these do not do there is the matrix, here and in all later steps. It is kept for the next
    one (the chord method) as long as steps with it cut the residual by much, and signs stay as they
    are.
    """

    def __init__(self, objective, features, max_iter, report):
        self.features = features
        self.max_iter = max_iter
        self.report = report
        self.whole = objective
        self.objective = objective.restrict(features)
        self._hessian = None
        self._hessian_signs = None
        worth = self.objective.products_worth_a_matrix(features.size)
        self._by_products = worth >= _FEWEST_PRODUCTS

    def minimise(self, point, subgradients, accuracy, n_iter):
        """Take steps from a point over all features, until the residual over these is small.

        Returns
        -------
        point : Point
        subgradients : Subgradients
            Both over all features.
        n_iter : int
            Newton steps taken, those before included.
        status : {"running", "separable", "max_iter", "stalled"}
            "running" where the accuracy was reached.
        """
        inner = Point(point.coef[self.features], point.intercept, point.raw)
        inner, subgradients, n_iter, status = self._minimise(
            inner, subgradients.restrict(self.features), accuracy, n_iter
        )
        coef = np.zeros(point.coef.size)
        coef[self.features] = inner.coef
        point = Point(coef, inner.intercept, inner.raw)
        if self.features.size < coef.size:
            subgradients = self.whole.subgradients(point)
        return point, subgradients, n_iter, status

    def _minimise(self, point, subgradients, accuracy, first):
        objective = self.objective
        expansion, last_residual, settled = objective.expand(point), np.inf, False
        for n_iter in range(first, self.max_iter + 1):
            if objective.separates(point):
                return point, subgradients, n_iter, "separable"
            slope = np.append(subgradients.smallest(point.coef), subgradients.intercept)
            residual = np.abs(slope).max()
            if residual <= accuracy:
                return point, subgradients, n_iter, "running"
            if n_iter == self.max_iter:
                return point, subgradients, n_iter, "max_iter"
            if n_iter > first:
                self.report(n_iter, objective, point, residual)
            if objective.hessian_is_cheap or residual > _KEEPING_HESSIAN * last_residual:
                self._hessian = None
            if settled and residual > _KEEPING_PRODUCTS * last_residual:
                self._by_products = False
            moved = self._step(point, expansion, slope)
            if moved is None:
                return point, subgradients, n_iter, "stalled"
            settled = np.array_equal(np.sign(point.coef), np.sign(moved[0].coef))
            (point, expansion), last_residual = moved, residual
            subgradients = objective.subgradients(point, slopes=expansion.slopes)

    def _step(self, point, expansion, slope):
        """The next point and its expansion, None where rounding errors allow no progress."""
        signs = np.sign(np.where(point.coef != 0, point.coef, -slope[:-1]))
        free = np.append(signs != 0, self.objective.fit_intercept)
        for hessian in self._hessians(expansion.curvature, slope, signs):
            moved = _search(self.objective, point, expansion.value, hessian, slope, signs, free)
            if moved is not None:
                return moved
        return None

    def _hessians(self, curvature, slope, signs):
        """Hessians to take a step with: each for the case that the ones before lead nowhere."""
        if self._hessian is not None and np.all((signs == 0) | (signs == self._hessian_signs)):
            yield self._hessian
        worth = self.objective.products_worth_a_matrix(np.count_nonzero(signs))
        if self._by_products and worth >= _FEWEST_PRODUCTS:
            yield _damped(self.objective.hessian(curvature, signs, worth), slope)
            self._by_products = False
        self._hessian = _damped(self.objective.hessian(curvature, signs), slope)
        self._hessian_signs = signs
        for share in _STRONGER_DAMPINGS:
            yield self._hessian
            self._hessian.damp(share)


def _damped(hessian, slope):
    hessian.damp(_DAMPING * np.max(slope**2 / hessian.diagonal))
    return hessian


def _require(component, attribute, needed):
    if not hasattr(component, attribute):
        raise ValueError(
            f"solver='active-set-newton' needs {needed}, which {type(component).__name__} is not."
            " Choose another solver."
        )


def _wanted_features(coef, violation):
    """The support and the features that most want to join it, in increasing order."""
    if coef.size <= _FIRST_WORKING_SET:
        return np.arange(coef.size)
    support = np.flatnonzero(coef)
    joining = np.flatnonzero((coef == 0) & (violation != 0))
    room = max(_FIRST_WORKING_SET, 2 * support.size) - support.size
    if joining.size > room:
        largest = np.argpartition(np.abs(violation[joining]), -room)[-room:]
        joining = joining[largest]
    return np.sort(np.concatenate([support, joining]))


def _search(objective, point, value, hessian, slope, signs, free):
    """Go to the minimum of the second-order model, or less far until the objective falls.

    Returns None where the minimum is not found, or the objective does not fall.
    """
    found = _minimise_in_orthant(hessian, slope, point.coef, signs, free)
    if found is None:
        return None
    change, at_zero = found
    at = objective.move(point, change[:-1], change[-1])
    rounding = _ROUNDING * abs(value)
    length = 1.0
    while length >= _SMALLEST_STEP:
        candidate = at(length)
        if length == 1.0:
            candidate.coef[at_zero] = 0.0
        expansion = objective.expand(candidate)
        if expansion.value <= value + _SUFFICIENT_DECREASE * length * (slope @ change) + rounding:
            return candidate, expansion
        length /= 2
    return None


def _minimise_in_orthant(hessian, gradient, coef, signs, free):
    """Minimise ``gradient @ d + d @ hessian @ d / 2`` while no coefficient crosses zero.

    Block principal pivoting (Kim & Park, SIAM J. Sci. Comput. 2011): solve for the free variables,
    pin the coefficients that would cross at zero, free those pinned that would rather not be; one
    of them at a time where all of them at once does not help.

    Parameters
    ----------
    hessian : DenseHessian or HessianOperator of size n_features + 1
    gradient : ndarray of shape (n_features + 1,)
    coef, signs : ndarray of shape (n_features,)
        Where the step starts, and the orthant that it stays in.
    free : ndarray of shape (n_features + 1,), bool
        The variables that may change.

    Returns
    -------
    change : ndarray of shape (n_features + 1,)
    at_zero : ndarray of shape (n_features,), bool
        The coefficients that the change takes to zero.

    None where pivoting does not end, as it may for a Hessian that is nearly singular, or a system
    is not solved.
    """
    change = np.zeros(gradient.size)
    kept = free.copy()
    pinned = np.zeros(coef.size, dtype=bool)
    fewest_wrong, patience = np.inf, _PATIENCE
    for n_pivots in range(_MAX_PIVOTS):
        solved = np.flatnonzero(kept)
        right = -gradient[solved]
        if n_pivots > 0:
            pinned = free[:-1] & ~kept[:-1]
            change[:-1][pinned] = -coef[pinned]
            right -= hessian.product(np.where(kept, 0.0, change))[solved]
        if solved.size > 0:
            solution = hessian.solve(solved, right, change[solved])
            if solution is None:
                return None
            change[solved] = solution
        wrong = kept[:-1] & (signs * (coef + change[:-1]) < 0)
        if n_pivots > 0:
            pull = signs * (gradient + hessian.product(change))[:-1]
            wrong |= pinned & (pull < -_PIVOT_ROUNDING * np.abs(gradient).max())
        n_wrong = np.count_nonzero(wrong)
        if n_wrong == 0:
            return change, pinned
        if n_wrong < fewest_wrong:
            fewest_wrong, patience = n_wrong, _PATIENCE
        elif patience > 0:
            patience -= 1
        else:
            wrong[: np.flatnonzero(wrong)[-1]] = False
        kept[:-1] ^= wrong
    return None
