"""Models along a path of epsilons, each starting from its more strongly attacked neighbor."""

from numbers import Integral
from typing import NamedTuple

import numpy as np

from sklearn_advex._perturbation import perturbation_set
from sklearn_advex._utils._counts import check_count
from sklearn_advex._utils._sklearn_compat import validate_params
from sklearn_advex._utils._tasks import Task
from sklearn_advex.linear_model._base import blas_threads, stack_models
from sklearn_advex.linear_model._classifier import AdversarialLogisticRegression
from sklearn_advex.linear_model._grid import grid_below, largest_epsilon
from sklearn_advex.linear_model._problem_fit import fit_all_features
from sklearn_advex.linear_model._solvers import make_solver
from sklearn_advex.linear_model._training_data import training_data
from sklearn_advex.linear_model._warnings import warn_about_path

_PARAMETERS = ("alpha", "l1_ratio", "fit_intercept", "class_weight", "tol", "max_iter")


class EpsilonPath(NamedTuple):
    """Coefficients of one model per epsilon.

    Attributes
    ----------
    epsilons : ndarray of shape (n_epsilons,)
        The path.
    coefs : ndarray of shape (n_epsilons, n_problems, n_features)
        Coefficients; one problem for two classes, else one per class.
    intercepts : ndarray of shape (n_epsilons, n_problems)
        Intercepts.
    kkt_residuals : ndarray of shape (n_epsilons, n_problems)
        Max-norm of the smallest subgradient of the objective.
    """

    epsilons: np.ndarray
    coefs: np.ndarray
    intercepts: np.ndarray
    kkt_residuals: np.ndarray


@validate_params(
    {name: AdversarialLogisticRegression._parameter_constraints[name] for name in _PARAMETERS},
    prefer_skip_nested_validation=True,
)
def epsilon_path(
    X,
    y,
    *,
    epsilons=10,
    alpha=1e-4,
    l1_ratio=0.0,
    fit_intercept=True,
    class_weight=None,
    sample_weight=None,
    tol=1e-8,
    max_iter=100,
):
    """Adversarial logistic regression along a path of epsilons.

    The models are those of :class:`AdversarialLogisticRegression` at each epsilon, but fitted from
    the strongest adversary down, each from the one before: much faster than one by one.

    Parameters
    ----------
    X : {array-like, sparse matrix, dask array or DataFrame} of shape (n_samples, n_features)
        Training data.
    y : array-like of shape (n_samples,)
        Class labels.
    epsilons : int or array-like of shape (n_epsilons,), default=10
        Half-widths of the change allowed per feature, one number for all features each, in any
        order; a number of them stands for `epsilon_grid` of that length.
    alpha : float, default=1e-4
        Strength of the penalty on the coefficients.
    l1_ratio : float, default=0.0
        Share of the l1 penalty, in [0, 1].
    fit_intercept : bool, default=True
        Whether to fit an intercept.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.
    tol : float, default=1e-8
        Largest residual that counts as converged.
    max_iter : int, default=100
        Largest number of Newton steps per epsilon and problem.

    Returns
    -------
    EpsilonPath
        A named tuple ``(epsilons, coefs, intercepts, kkt_residuals)`` in the order of `epsilons`.

    Raises
    ------
    ValueError
        If the data or a parameter is not valid; the message names it.

    Warns
    -----
    ConvergenceWarning
        If some models did not reach `tol`, or have no finite minimizer.

    See Also
    --------
    epsilon_grid : Values for a path.
    feature_path : Models along the number of features.
    sklearn_advex.plotting.PathDisplay : A picture of it.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_advex import epsilon_path
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> path = epsilon_path(StandardScaler().fit_transform(X), y, epsilons=[0.01, 0.1, 0.5])
    >>> (path.coefs != 0).sum(axis=-1).ravel()
    array([24, 12,  3])
    """
    data = training_data(X, y, sample_weight, class_weight)
    epsilons = resolve_epsilons(epsilons, data)
    with blas_threads(None, 1):
        fits = solve_path(
            data,
            epsilons,
            Task(),
            tol=tol,
            max_iter=max_iter,
            alpha=alpha,
            l1_ratio=l1_ratio,
            fit_intercept=fit_intercept,
        )
    warn_about_path([fit.solution for problems in fits for fit in problems], tol, max_iter)
    models = [stack_models(problems) for problems in fits]
    coefs, intercepts = map(np.array, zip(*models, strict=True))
    residuals = np.array([[fit.solution.residual for fit in problems] for problems in fits])
    return EpsilonPath(epsilons, coefs, intercepts, residuals)


def resolve_epsilons(epsilons, data):
    """Turn any form in which a user may give a path of epsilons into an array.

    Parameters
    ----------
    epsilons : int or array-like of shape (n_epsilons,)
        A number stands for a grid below `epsilon_max` of the data.
    data : TrainingData

    Returns
    -------
    ndarray of shape (n_epsilons,)
    """
    if isinstance(epsilons, Integral):
        check_count(epsilons, "epsilons")
        return grid_below(largest_epsilon(data), epsilons)
    try:
        resolved = np.array(epsilons, dtype=np.float64)
    except (TypeError, ValueError):
        resolved = np.empty(0)
    if resolved.ndim != 1 or resolved.size == 0:
        raise ValueError(
            "epsilons must be a number of values or a list of them, each one number for all"
            f" columns, got {epsilons!r:.80}. For one epsilon per column, search for the `epsilon`"
            " of an AdversarialLogisticRegression by a GridSearchCV."
        )
    if not np.isfinite(resolved).all() or (resolved < 0).any():
        raise ValueError(f"epsilons must be finite and not negative, got {epsilons!r}.")
    return resolved


def solve_path(data, epsilons, task, *, tol, max_iter, final_tol=0.01, **penalty):
    """Solve the problems of logistic regression for every epsilon of a path.

    Parameters
    ----------
    data : TrainingData
    epsilons : ndarray of shape (n_epsilons,)
    task : Task
        Announced, with a subtask for each epsilon.
    tol, max_iter, final_tol
        Options of `ActiveSetNewton`.
    **penalty
        `alpha`, `l1_ratio` and `fit_intercept`.

    Returns
    -------
    list of list of ProblemFit
        One list per epsilon, one fit per problem.
    """
    unit = perturbation_set("linf", np.ones(data.n_features))
    objectives = data.objectives("log_loss", unit, **penalty)
    solver = make_solver(
        "active-set-newton", objectives[0], tol=tol, max_iter=max_iter, final_tol=final_tol
    )
    points = [objective.intercept_only() for objective in objectives]
    before, values = points, [np.inf] * len(objectives)
    fits = [None] * epsilons.size
    with task:
        subtasks = task.subtasks("epsilon", epsilons.size)
        for i, subtask in zip(np.argsort(-epsilons, kind="stable"), subtasks, strict=True):
            perturbation = unit.scaled(epsilons[i])
            with subtask:
                fits[i] = [
                    _solve_next(solver, objective.with_perturbation(perturbation), *start)
                    for objective, *start in zip(objectives, before, points, values, strict=True)
                ]
            before, points = points, [fit.solution.point for fit in fits[i]]
            values = [fit.solution.value for fit in fits[i]]
    return fits


def _solve_next(solver, objective, before, last, last_value):
    """Solve the next problem of a path, from an extrapolated point unless that is a bad start.

    Parameters
    ----------
    solver : ActiveSetNewton
    objective : RobustObjective
        Under a weaker adversary than the last one.
    before : Point
        The solution before the last.
    last : Point
        The last solution.
    last_value : float
        The objective there under its own adversary, an upper bound of its value now.

    Returns
    -------
    ProblemFit
    """
    start = _extrapolated(objective, before, last)
    if not objective.value(start) <= last_value:
        start = last
    return fit_all_features(objective, solver, start)


def _extrapolated(objective, before, point):
    """Go on as from the point before; no coefficient changes its sign.

    A point that separates the rows is returned as it is, or coefficients would grow for ever.
    """
    if objective.separates_robustly(point):
        return point
    variables = 2 * point.variables - before.variables
    changes_sign = objective.has_kink & (variables * point.variables <= 0)
    return objective.point(np.where(changes_sign, 0.0, variables))
