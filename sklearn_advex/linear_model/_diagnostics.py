"""What a user is told about a fit that did not end at an ordinary optimum."""

import warnings
from itertools import compress

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklearn_advex.linear_model._solver_choice import make_solver

# The search for the epsilon that a warning names: how close, and how much work it may cost.
_PROBE_ACCURACY = 0.1
_PROBES = 6
_PROBE_TOLERANCE = 1e-6
_PROBE_ITERATIONS = 25


def warn_about(estimator, objectives, solutions):
    """Warn of problems without a finite minimizer, short of convergence, or without features.

    Parameters
    ----------
    estimator : BaseAdversarialLinearClassifier
        With its `classes_` and `epsilon_`.
    objectives : list of RobustObjective
        One per binary problem.
    solutions : list of Solution
        One per binary problem.
    """
    problems = list(zip(objectives, solutions, strict=True))
    for message, causes in (
        (_separable, {"separable"}),
        (_unsolved, {"max_iter", "stalled"}),
    ):
        affected = [solution.status in causes for solution in solutions]
        if any(affected):
            text = message(estimator, list(compress(problems, affected)))
            if len(problems) > 1:
                classes = list(compress(estimator.classes_.tolist(), affected))
                text += f" This concerns the classes {classes}."
            warnings.warn(text, ConvergenceWarning, stacklevel=4)
    if all(s.status == "converged" and not s.point.coef.any() for s in solutions):
        warnings.warn(_featureless(estimator, problems), UserWarning, stacklevel=4)


def warn_about_path(estimator, solutions):
    """Warn once of all fits along paths that did not converge.

    Parameters
    ----------
    estimator : BaseAdversarialLinearClassifier
        With the `tol` and `max_iter` of the fits.
    solutions : list of Solution
    """
    unsolved = [s for s in solutions if s.status in ("max_iter", "stalled")]
    separable = [s for s in solutions if s.status == "separable"]
    if unsolved:
        residual = max(solution.residual for solution in unsolved)
        text = (
            f"{len(unsolved)} of {len(solutions)} fits did not reach tol={estimator.tol:g}; their"
            f" optimality residuals are up to {residual:.1e}. Increase `max_iter` (now"
            f" {estimator.max_iter}), or raise `tol` or `alpha`."
        )
        warnings.warn(text, ConvergenceWarning, stacklevel=3)
    if separable:
        text = (
            f"{len(separable)} of {len(solutions)} fits have no finite minimizer: the classes stay"
            " separable under every change that `epsilon` allows. Leave out the smallest epsilons,"
            " or set `alpha` > 0, for example 1e-4."
        )
        warnings.warn(text, ConvergenceWarning, stacklevel=3)


def _separable(estimator, problems):
    uniform = _is_uniform(estimator.epsilon_)
    unit = _unit(problems[0][0].perturbation)
    bound = max(_inseparable_from(objective, s.point, unit) for objective, s in problems)
    useful = max(
        unit.gauge(objective.joining_strength(objective.null_point())) for objective, _ in problems
    )
    remedies = "Set `alpha` > 0, for example 1e-4"
    if bound < useful:
        by = f"above {_rounded_up(bound)}" if uniform else f"by a factor above {_rounded_up(bound)}"
        remedies = f"Raise `epsilon` {by}, or set `alpha` > 0, for example 1e-4"
    return (
        "The classes stay separable under every change that `epsilon` allows, so without a penalty"
        " the loss has no finite minimizer; fit stopped at a finite model that separates them."
        f" {remedies}."
    )


def _inseparable_from(objective, point, unit):
    """The multiple of the set `unit` from which on no model separates the rows, never too low.

    Duality brackets it from any point; the points that tell most are models trained against an
    adversary within the bracket, which is halved until it is narrow enough to be of use.
    """
    lower, upper = objective.separation(point, unit)
    options = {"tol": _PROBE_TOLERANCE, "max_iter": _PROBE_ITERATIONS}
    solver = make_solver("auto", objective.loss, unit, **options)
    for _ in range(_PROBES):
        if not np.isfinite(upper) or upper <= lower * (1 + _PROBE_ACCURACY):
            break
        probe = objective.against(type(unit)(np.sqrt(lower * upper) * unit.epsilon))
        bounds = probe.separation(solver.solve(probe, probe.null_point()).point, unit)
        if bounds[0] <= lower and bounds[1] >= upper:
            break
        lower, upper = max(lower, bounds[0]), min(upper, bounds[1])
    return upper


def _rounded_up(number):
    """Four significant digits, not below the number."""
    digit = 10.0 ** (np.floor(np.log10(number)) - 3)
    return f"{np.ceil(number / digit) * digit:.4g}"


def _unsolved(estimator, problems):
    residual = max(solution.residual for _, solution in problems)
    n_iter = max(solution.n_iter for _, solution in problems)
    if any(solution.status == "max_iter" for _, solution in problems):
        remedy = f"Increase `max_iter` (now {estimator.max_iter})"
    else:
        remedy = "Rounding errors allow no further progress: bring the features to one scale"
    return (
        f"The solver stopped after {n_iter} iterations with an optimality residual of"
        f" {residual:.1e}, above tol={estimator.tol:g}. {remedy}, or raise `tol` or `alpha`."
    )


def _featureless(estimator, problems):
    unit = _unit(problems[0][0].perturbation)
    bound = max(
        unit.gauge(objective.joining_strength(solution.point, solution.certificate))
        for objective, solution in problems
    )
    uniform = _is_uniform(estimator.epsilon_)
    if bound <= 0:
        cause = "`alpha` * `l1_ratio` outweighs every feature: decrease `alpha`"
    elif bound > (estimator.epsilon_[0] if uniform else 1.0):
        cause = "All gradients are below `tol`: rescale X, or decrease `tol`"
    elif not hasattr(problems[0][0].loss, "expand"):
        cause = "`epsilon` is too large for every feature: decrease it"
    elif uniform:
        pure = estimator.fit_intercept and estimator.alpha * estimator.l1_ratio == 0
        limit = "epsilon_max" if pure else "the limit"
        cause = (
            f"epsilon={estimator.epsilon_[0]:.4g} is not below {limit}={bound:.4g}, from which on"
            " no feature is worth using: decrease `epsilon`"
        )
    else:
        cause = f"`epsilon` is too large for every feature: multiply it by less than {bound:.4g}"
    return f"All coefficients are 0 and predictions are the prior. {cause}."


def _is_uniform(epsilon):
    return np.ptp(epsilon) == 0


def _unit(perturbation):
    """The set whose multiples a message speaks of: a uniform `epsilon` of 1, else what was used."""
    if _is_uniform(perturbation.epsilon):
        return type(perturbation)(np.ones_like(perturbation.epsilon))
    return perturbation
