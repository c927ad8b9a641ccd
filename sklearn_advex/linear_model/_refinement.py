"""The last digits of a solution, once it is clear where the kinks are."""

import numpy as np

from sklearn_advex.linear_model._cone_program import ConeProgram
from sklearn_advex.linear_model._conic import factorized
from sklearn_advex.linear_model._point import Certificate
from sklearn_advex.linear_model._solution import solution_at

# Steps of a refinement.
_REFINEMENTS = 2
# How much faster the slope of a row changes with its margin, when it is held where it is, than a
# hinge loss that was smoothed over a width of 1 would let it.
_STIFFNESS = 1e6


def refine_hinge(objective, solution):
    """The method of multipliers on the coefficients in use and the rows whose margin is 1.

    Programs leave a trace of the bounds that do not hold, the larger the smaller a coefficient.
    Which of them hold is clear by then, and what is left of the problem has no kink.

    Parameters
    ----------
    objective : RobustObjective
        With the hinge loss, and a perturbation set that has `orthant_slopes`.
    solution : Solution
        With a coefficient that is not 0.

    Returns
    -------
    Solution
        The same one where the refined one is not better.
    """
    used = np.flatnonzero(solution.point.coef)
    part = objective.restrict(used)
    point = solution.point.restrict(used)
    excess = part.excess(point)
    slopes = solution.certificate.slopes
    is_tight = np.abs(excess) < np.minimum(slopes, 1.0 - slopes)
    slopes = np.where(is_tight, slopes, excess > 0)
    stiffness = _STIFFNESS * is_tight
    hessian = part.hessian(stiffness * part.weights, np.sign(point.coef))
    free = np.arange(used.size + part.fit_intercept)
    for _ in range(_REFINEMENTS):
        pulled = Certificate(slopes + stiffness * excess)
        gradient = part.subgradients(point, pulled).slope(point.coef)[free]
        step = np.zeros(used.size + 1)
        step[free] = -hessian.solve(free, gradient, None)
        point = part.point(point.coef + step[:-1], point.intercept + step[-1])
        excess = part.excess(point)
        slopes = slopes + stiffness * excess
    certificate = Certificate(np.clip(slopes, 0.0, 1.0), solution.certificate.change)
    whole = point.among(objective.n_features, used)
    refined = solution_at(objective, whole, certificate, solution.n_iter, solution.status)
    return refined if refined.residual <= solution.residual else solution


def refine_smooth(objective, solution):
    """Newton's method on the coefficients in use, for a support function that is smooth there.

    Programs know the worst change of a round set to half of their digits only, and lose digits
    where coefficients are hardly worth more than their kinks.

    Parameters
    ----------
    objective : RobustObjective
        With a smooth loss, and a perturbation set that has a `curvature`.
    solution : Solution

    Returns
    -------
    Solution
        The same one where the refined one is not better.
    """
    refined = solution
    for _ in range(_REFINEMENTS):
        point = refined.point
        change = _smooth_step(objective, point)
        if change is None:
            break
        point = objective.point(point.coef + change[:-1], point.intercept + change[-1])
        certificate = Certificate(change=objective.perturbation.worst(point.coef))
        refined = solution_at(objective, point, certificate, solution.n_iter, solution.status)
    return refined if refined.residual <= solution.residual else solution


def _smooth_step(objective, point):
    """Newton's step of the coefficients in use and the intercept, None where there is none."""
    worst = objective.perturbation.worst(point.coef)
    expansion = objective.expand(point, Certificate(change=worst))
    program = ConeProgram(objective, expansion.curvature)
    d, scale = program.scale.size, np.append(program.scale, 1.0)
    gram = program.gram(expansion.curvature[program.rows])
    along = np.append(program.scale * worst, 0.0)
    cross = np.outer(gram[: d + 1, program.height], along)
    hessian = gram[: d + 1, : d + 1] + np.diag(program.ridge[: d + 1])
    hessian += cross + cross.T + gram[program.height, program.height] * np.outer(along, along)
    bend = objective.slopes(point).sum() * objective.perturbation.curvature(point.coef)
    hessian[:d, :d] += program.scale[:, np.newaxis] * bend * program.scale
    gradient = expansion.slope
    used = np.flatnonzero(np.append(point.coef != 0, True))
    solve = factorized(hessian[np.ix_(used, used)])
    if solve is None:
        return None
    step = np.zeros(d + 1)
    step[used] = -solve((scale * gradient)[used])
    return scale * step
