"""The last digits of a solution, once it is clear which kinks it is on."""

import numpy as np

from sklearn_advex.linear_model._objective._points import DualVariables
from sklearn_advex.linear_model._solvers._base import solution_at
from sklearn_advex.linear_model._solvers._linear_systems import refined_solver

# Steps of a refinement.
_REFINEMENTS = 3


def refine_kinked(objective, solution):
    """Refine a solution by the method of multipliers on the support and the rows on a kink.

    The duals of an interior-point method leave small errors, the larger the smaller a coefficient.
    On the support, with the rows on their kinks held there, the problem is smooth.

    Parameters
    ----------
    objective : RobustObjective
        With a data term that is not smooth, and a perturbation set that has a Hessian.
    solution : Solution
        With a coefficient that is not 0.

    Returns
    -------
    Solution
        The given one if the refined one is not better.
    """
    used = solution.point.used
    part, point, rows = objective.restrict(used), solution.point.restrict(used), solution.dual.rows
    term = part.term
    for _ in range(_REFINEMENTS):
        term = term.augmented(point.rows, part.heights(point), rows)
        change = _newton_step(part.with_term(term), point)
        if change is None:
            return solution
        point = part.point(point.variables + change)
        rows = term.dual(point.rows, part.heights(point))
    rows, whole = part.term.project_dual(rows), point.embed(used, solution.point)
    dual = DualVariables(rows, objective.perturbation.subgradient_by_side(whole.coef))
    refined = solution_at(objective, whole, dual, solution.n_iter, solution.status)
    return refined if refined.residual <= solution.residual else solution


def refine_smooth(objective, solution):
    """Refine a solution by Newton's method on the support, where support functions are smooth.

    Interior-point duals of second-order cones are accurate to half of the digits only, and digits
    are lost where coefficients are small.

    Parameters
    ----------
    objective : RobustObjective
        With a smooth data term, and a perturbation set that has a Hessian.
    solution : Solution

    Returns
    -------
    Solution
        The given one if the refined one is not better.
    """
    refined = solution
    for _ in range(_REFINEMENTS):
        change = _newton_step(objective, refined.point)
        if change is None:
            break
        point = objective.point(refined.point.variables + change)
        dual = DualVariables(None, objective.perturbation.subgradient_by_side(point.coef))
        refined = solution_at(objective, point, dual, solution.n_iter, solution.status)
    return refined if refined.residual <= solution.residual else solution


def _newton_step(objective, point):
    """Newton's step of the variables in use; None if the Hessian is not positive semidefinite."""
    perturbation, n, d = objective.perturbation, objective.n_variables, objective.n_features
    subgradients = perturbation.subgradient_by_side(point.coef)
    at = objective.evaluate(point, DualVariables(None, subgradients))
    gram = objective.term.gram(at.derivatives.curvature)
    gram = gram + np.tril(gram, -1).T
    chain = np.zeros((n, gram.shape[0]))
    chain[:, :n] = np.eye(n)
    chain[:d, n:] = subgradients.T
    hessian = chain @ gram @ chain.T + np.diag(objective.ridge)
    bend = perturbation.hessian_by_side(point.coef)
    hessian[:d, :d] += np.tensordot(at.derivatives.heights, bend, axes=1)
    solve = refined_solver(hessian[np.ix_(point.used, point.used)])
    if solve is None:
        return None
    step = np.zeros(n)
    step[point.used] = -solve(at.subgradient[point.used])
    return step
