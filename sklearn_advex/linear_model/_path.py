"""Models along a path of epsilons, each starting from its more strongly attacked neighbor."""

from numbers import Integral
from typing import NamedTuple

import numpy as np

from sklearn_advex._perturbation import PERTURBATION_SETS
from sklearn_advex._utils._class_targets import check_row_weights
from sklearn_advex._utils._counts import check_count
from sklearn_advex._utils._tasks import Task
from sklearn_advex.linear_model._active_set_newton import ActiveSetNewton
from sklearn_advex.linear_model._diagnostics import warn_about_path
from sklearn_advex.linear_model._logistic import AdversarialLogisticRegression
from sklearn_advex.linear_model._strength import grid_below, largest_epsilon


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
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
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
    model = AdversarialLogisticRegression(
        alpha=alpha,
        l1_ratio=l1_ratio,
        fit_intercept=fit_intercept,
        class_weight=class_weight,
        tol=tol,
        max_iter=max_iter,
    )
    model._validate_params()
    design, labels, weights = model._prepare(X, y, sample_weight)
    row_weights = check_row_weights(sample_weight, design.X)
    epsilons = resolve_epsilons(epsilons, largest_epsilon(design, labels, row_weights))
    with model._blas_threads(1):
        solutions = solve_path(model, design, labels, weights, epsilons, alpha, Task())
    warn_about_path(model, [solution for problems in solutions for solution in problems])
    points = [[solution.point for solution in problems] for problems in solutions]
    return EpsilonPath(
        epsilons,
        np.array([[point.coef for point in problems] for problems in points]),
        np.array([[point.intercept for point in problems] for problems in points]),
        np.array([[solution.residual for solution in problems] for problems in solutions]),
    )


def resolve_epsilons(epsilons, largest):
    """A path of epsilons as an array, from the forms in which a user may give it.

    Parameters
    ----------
    epsilons : int or array-like of shape (n_epsilons,)
    largest : float
        What `epsilon_max` says, for a grid.

    Returns
    -------
    ndarray of shape (n_epsilons,)
    """
    if isinstance(epsilons, Integral):
        check_count(epsilons, "epsilons")
        return grid_below(largest, epsilons)
    resolved = np.array(epsilons, dtype=np.float64)
    if resolved.ndim != 1 or resolved.size == 0:
        raise ValueError(
            f"epsilons must be a number of values or a list of them, got {epsilons!r}."
        )
    if not np.isfinite(resolved).all() or (resolved < 0).any():
        raise ValueError(f"epsilons must be finite and not negative, got {epsilons!r}.")
    return resolved


def solve_path(model, design, labels, weights, epsilons, alpha, task, **options):
    """Solve the problems of a model for every epsilon of a path.

    Parameters
    ----------
    model : BaseAdversarialLinearClassifier
        Prepared for the data; its own `epsilon` and `alpha` do not matter.
    design, labels, weights
        What `model` prepared.
    epsilons : ndarray of shape (n_epsilons,)
    alpha : float
    task : Task
        Announced, with a subtask for each epsilon.
    **options
        Of the solver, other than its `tol` and `max_iter`.

    Returns
    -------
    list of list of Solution
        One list per epsilon, one solution per problem.
    """
    strongest_first = np.argsort(-epsilons, kind="stable")
    perturbations = [
        PERTURBATION_SETS[model.norm](np.full(design.shape[1], epsilons[i]))
        for i in strongest_first
    ]
    solver = ActiveSetNewton(tol=model.tol, max_iter=model.max_iter, **options)
    objectives = model._objectives(design, labels, weights, perturbations[0], alpha)
    nulls = [objective.null_point() for objective in objectives]
    befores = nulls
    lasts = [objective.expand(null) for objective, null in zip(objectives, nulls, strict=True)]
    solutions = [None] * epsilons.size
    with task:
        subtasks = task.subtasks("epsilon", epsilons.size)
        for i, perturbation, subtask in zip(strongest_first, perturbations, subtasks, strict=True):
            with subtask:
                solutions[i] = [
                    _solve_next(solver, objective.against(perturbation), before, last)
                    for objective, before, last in zip(objectives, befores, lasts, strict=True)
                ]
            befores, lasts = [last.point for last in lasts], solutions[i]
    return solutions


def _solve_next(solver, objective, before, last):
    """Solve the next problem of a path from the solution of the last, or from beyond it.

    Parameters
    ----------
    solver : ActiveSetNewton
    objective : RobustObjective
        Under a weaker adversary than the last one.
    before : Point
        The solution before the last.
    last : Solution or Expansion
        The last solution, and what it cost under its own adversary. It costs no more now, so that a
        start that costs more is a bad one; this spares its evaluation.

    Returns
    -------
    Solution
    """
    start = objective.expand(_extrapolated(objective, before, last.point))
    if not start.value <= last.value:
        start = objective.expand(last.point)
    return solver.solve_from(objective, start)


def _extrapolated(objective, before, point):
    """Where the path leads if it goes on as from the point before; no coefficient changes sign.

    It goes on no further from a point that separates the rows, or coefficients would grow for ever.
    """
    if objective.separates(point):
        return point
    coef = 2 * point.coef - before.coef
    return objective.point(
        np.where(coef * point.coef > 0, coef, 0.0), 2 * point.intercept - before.intercept
    )
