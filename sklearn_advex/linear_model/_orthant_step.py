"""A step of Newton's method that crosses no kink."""

import numpy as np

from sklearn_advex.linear_model._point import with_intercept

# Block pivoting: exchanges of the whole block that may fail to help before single ones, the most
# exchanges before it is given up, and the pull (relative) that counts as rounding error.
_PATIENCE = 3
_MAX_PIVOTS = 30
_PIVOT_ROUNDING = 1e-12
_SUFFICIENT_DECREASE = 1e-4
_ROUNDING = 8 * np.finfo(float).eps
_SMALLEST_STEP = 2.0**-40


def step_in_orthant(objective, at, signs, hessian):
    """Go to the minimum of the second-order model, or less far until the objective falls.

    Parameters
    ----------
    objective : RobustObjective
    at : Expansion
        At the point where the step starts.
    signs : ndarray of shape (n_features,)
        The orthant: -1.0 or 1.0 for each feature, 0.0 for one that stays out of the model. A
        coefficient without a kink at zero may leave it.
    hessian : DenseHessian or HessianOperator of size n_features + 1

    Returns
    -------
    Expansion or None
        At the point where the step ends. None where the minimum is not found, or the objective does
        not fall.
    """
    free = with_intercept(signs != 0, objective.fit_intercept)
    walls = signs * objective.kinked
    found = minimize_in_orthant(hessian, at.slope, at.point.coef, walls, free)
    if found is None:
        return None
    change, at_zero = found
    along = objective.move(at.point, change[:-1], change[-1])
    rounding = _ROUNDING * abs(at.value)
    length = 1.0
    while length >= _SMALLEST_STEP:
        candidate = along(length)
        if length == 1.0:
            candidate.coef[at_zero] = 0.0
        reached = objective.expand(candidate)
        fall = _SUFFICIENT_DECREASE * length * (at.slope @ change)
        if reached.value <= at.value + fall + rounding:
            return reached
        length /= 2
    return None


def minimize_in_orthant(hessian, gradient, coef, walls, free):
    """Minimize ``gradient @ d + d @ hessian @ d / 2`` while no coefficient crosses a wall at zero.

    Block principal pivoting (Kim & Park, SIAM J. Sci. Comput. 2011): solve for the free variables,
    pin the coefficients that would cross at zero, free those pinned that would rather not be; one
    of them at a time where all of them at once does not help.

    Parameters
    ----------
    hessian : DenseHessian or HessianOperator of size n_features + 1
    gradient : ndarray of shape (n_features + 1,)
    coef, walls : ndarray of shape (n_features,)
        Where the step starts, and the sign that each coefficient has to keep, 0.0 for any.
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
        solved = kept.nonzero()[0]
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
        wrong = kept[:-1] & (walls * (coef + change[:-1]) < 0)
        if n_pivots > 0:
            pull = walls * (gradient + hessian.product(change))[:-1]
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
