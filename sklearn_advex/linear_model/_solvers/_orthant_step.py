"""A step of Newton's method that crosses no kink."""

import numpy as np

from sklearn_advex.linear_model._solvers._base import line_search

# Exchanges of whole blocks that may fail to help before single ones: a larger number is faster
# unless they cycle.
_PATIENCE = 3
# Exchanges after which block pivoting is given up.
_MAX_PIVOTS = 30
# Multiplier, relative to the gradient, that counts as rounding error.
_PIVOT_ROUNDING = 1e-12


def step_in_orthant(objective, at, signs, hessian, is_last):
    """Go to the minimum of the second-order model, or less far until the objective falls.

    Parameters
    ----------
    objective : RobustObjective
    at : Evaluation
        At the point where the step starts.
    signs : ndarray of shape (n_variables,)
        The orthant: -1.0 or 1.0 for each variable, 0.0 for one that stays 0. A variable without a
        kink may leave it.
    hessian : DenseHessian or HessianOperator of size n_variables
    is_last : bool
        Whether no step is expected to start at its end.

    Returns
    -------
    Evaluation or None
        At the point where the step ends. None if the minimum is not found, or the objective does
        not fall.
    """
    sign_constraints = signs * objective.has_kink
    start = at.point.variables
    found = minimize_in_orthant(hessian, at.subgradient, start, sign_constraints, signs != 0)
    if found is None:
        return None
    change, at_zero = found
    along = objective.along(at.point, change)

    def candidate(length):
        point = along(length)
        if length == 1.0:
            point.variables[at_zero] = 0.0
        return point

    slope = at.subgradient @ change
    announce = objective.prefetch if objective.is_streamed else None
    announces_first = is_last and objective.is_streamed
    return line_search(objective.evaluate, candidate, at.value, slope, announce, announces_first)


def minimize_in_orthant(hessian, gradient, start, sign_constraints, variables):
    """Minimize ``gradient @ d + d @ hessian @ d / 2`` under sign constraints on ``start + d``.

    Block principal pivoting (Kim & Park, SIAM J. Sci. Comput. 2011): solve for the free variables,
    make those active that violate their constraint, free the active ones with a multiplier of the
    wrong sign; one of them at a time if all of them at once does not help.

    Parameters
    ----------
    hessian : DenseHessian or HessianOperator of size n_variables
    gradient : ndarray of shape (n_variables,)
    start : ndarray of shape (n_variables,)
    sign_constraints : ndarray of shape (n_variables,)
        The sign that each variable has to keep, 0.0 for any.
    variables : ndarray of shape (n_variables,), bool
        Those that may change.

    Returns
    -------
    change : ndarray of shape (n_variables,)
    active : ndarray of shape (n_variables,), bool
        The variables that the change takes to 0.

    None if pivoting does not end, as may happen for a Hessian that is nearly singular, or if a
    system is not solved.
    """
    change = np.zeros(gradient.size)
    free, active = variables.copy(), np.zeros(gradient.size, dtype=bool)
    fewest, patience = np.inf, _PATIENCE
    for n_pivots in range(_MAX_PIVOTS):
        solved = free.nonzero()[0]
        right = -gradient[solved]
        if n_pivots > 0:
            active = variables & ~free
            change[active] = -start[active]
            right -= hessian.product(np.where(free, 0.0, change))[solved]
        if solved.size > 0:
            solution = hessian.solve(solved, right, change[solved])
            if solution is None:
                return None
            change[solved] = solution
        infeasible = free & (sign_constraints * (start + change) < 0)
        if n_pivots > 0:
            multipliers = sign_constraints * (gradient + hessian.product(change))
            infeasible |= active & (multipliers < -_PIVOT_ROUNDING * np.abs(gradient).max())
        n_infeasible = np.count_nonzero(infeasible)
        if n_infeasible == 0:
            return change, active
        if n_infeasible < fewest:
            fewest, patience = n_infeasible, _PATIENCE
        elif patience > 0:
            patience -= 1
        else:
            infeasible[: np.flatnonzero(infeasible)[-1]] = False
        free ^= infeasible
    return None
