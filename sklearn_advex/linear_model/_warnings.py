"""What a user is told about a fit that did not end at an ordinary optimum."""

import warnings
from itertools import compress

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklearn_advex._perturbation import perturbation_set
from sklearn_advex.linear_model._objective._duality import entry_epsilon, separability_bracket
from sklearn_advex.linear_model._solvers import make_solver
from sklearn_advex.linear_model._solvers._base import Status

# Relative accuracy of the epsilon that a warning names: a smaller one takes more probes.
_PROBE_ACCURACY = 0.1
# Largest number of models that the search for it trains, and how far it trains them.
_PROBES = 6
_PROBE_TOL = 1e-6
_PROBE_MAX_ITER = 25
_UNSOLVED = {Status.MAX_ITER, Status.STALLED}


def warn_about(estimator, fits, data):
    """Warn of problems without a finite minimizer, short of convergence, or without features.

    Parameters
    ----------
    estimator : BaseAdversarialLinearClassifier
        With its `classes_` and `epsilon_`.
    fits : list of ProblemFit
        One per binary problem.
    data : TrainingData
    """
    solutions = [fit.solution for fit in fits]
    if all(s.status is Status.CONVERGED and s.point.coef.any() for s in solutions):
        return
    problems = [(fit.problem, fit.whole_solution) for fit in fits]
    solutions = [solution for _, solution in problems]
    for message, causes in (
        (_separable, {Status.SEPARABLE}),
        (_unsolved, _UNSOLVED),
    ):
        affected = [solution.status in causes for solution in solutions]
        if any(affected):
            text = message(estimator, list(compress(problems, affected)))
            if len(problems) > 1:
                classes = list(compress(estimator.classes_.tolist(), affected))
                text += f" This concerns the classes {classes}."
            warnings.warn(text, ConvergenceWarning, stacklevel=4)
    if all(s.status is Status.CONVERGED and not s.point.coef.any() for s in solutions):
        warnings.warn(_featureless(estimator, problems, data), UserWarning, stacklevel=4)


def warn_about_path(solutions, tol, max_iter):
    """Warn once of all fits along paths that did not converge.

    Parameters
    ----------
    solutions : list of Solution
    tol, max_iter
        Of the fits.
    """
    unsolved = [s for s in solutions if s.status in _UNSOLVED]
    separable = [s for s in solutions if s.status is Status.SEPARABLE]
    if unsolved:
        residual = max(solution.residual for solution in unsolved)
        text = (
            f"{len(unsolved)} of {len(solutions)} fits did not reach tol={tol:g}; their"
            f" optimality residuals are up to {residual:.1e}. Increase `max_iter` (now"
            f" {max_iter}), or raise `tol` or `alpha`."
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
    unit = _unit(estimator)
    bound = max(_inseparable_from(objective, s.point, unit) for objective, s in problems)
    useful = max(
        unit.gauge(entry_epsilon(objective, objective.intercept_only()))
        for objective, _ in problems
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
    """Return an upper bound of the multiples of a set against which a model separates the rows.

    Duality brackets the largest of them from any point, most narrowly from a model trained against
    an adversary within the bracket, which is halved until it is narrow enough to be of use.
    """
    lower, upper = separability_bracket(objective, point, unit)
    solver = make_solver("auto", objective, tol=_PROBE_TOL, max_iter=_PROBE_MAX_ITER)
    for _ in range(_PROBES):
        if not np.isfinite(upper) or upper <= lower * (1 + _PROBE_ACCURACY):
            break
        probe = objective.with_perturbation(unit.scaled(np.sqrt(lower * upper)))
        trained = solver.solve(probe, probe.intercept_only()).point
        bounds = separability_bracket(probe, trained, unit)
        if bounds[0] <= lower and bounds[1] >= upper:
            break
        lower, upper = max(lower, bounds[0]), min(upper, bounds[1])
    return upper


def _rounded_up(number):
    """Round up to four significant digits."""
    digit = 10.0 ** (np.floor(np.log10(number)) - 3)
    return f"{np.ceil(number / digit) * digit:.4g}"


def _unsolved(estimator, problems):
    residual = max(solution.residual for _, solution in problems)
    n_iter = max(solution.n_iter for _, solution in problems)
    if any(solution.status is Status.MAX_ITER for _, solution in problems):
        remedy = f"Increase `max_iter` (now {estimator.max_iter})"
    else:
        remedy = "Rounding errors allow no further progress: bring the features to one scale"
    return (
        f"The solver stopped after {n_iter} iterations with an optimality residual of"
        f" {residual:.1e}, above tol={estimator.tol:g}. {remedy}, or raise `tol` or `alpha`."
    )


def _featureless(estimator, problems, data):
    unit = _unit(estimator)
    bound = max(
        unit.gauge(entry_epsilon(objective, solution.point, solution.dual))
        for objective, solution in problems
    )
    uniform = _is_uniform(estimator.epsilon_)
    is_pulled = estimator.alpha * estimator.l1_ratio > 0 or bound > 0
    if not data.class_mean_gaps[0].any() and (estimator.fit_intercept or not is_pulled):
        cause = (
            "No feature differs between the classes in its mean, so no linear model gains from one:"
            " add features that do, such as squares or products"
        )
    elif bound <= 0:
        cause = "`alpha` * `l1_ratio` outweighs every feature: decrease `alpha`"
    elif bound > (estimator.epsilon_[0] if uniform else 1.0):
        cause = "All gradients are below `tol`: rescale X, or decrease `tol`"
    elif not problems[0][0].is_smooth:
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


def _unit(estimator):
    """Return the set whose multiples a message names: of `epsilon_`, or of 1 if that is uniform."""
    epsilon = estimator.epsilon_
    return perturbation_set(
        estimator.norm, np.ones_like(epsilon) if _is_uniform(epsilon) else epsilon
    )
