"""Models of a sample of the rows, near which those of all rows are."""

import numpy as np

from sklearn_advex.linear_model._objective import _costs
from sklearn_advex.linear_model._solvers import SOLVERS
from sklearn_advex.linear_model._solvers._base import Status

# Rows for each feature and class: fewer make models that are hardly a better start than one without
# features.
_ROWS_EACH = 6
# Optimality residual of these models: their rows differ from all rows by more than a smaller one.
_TOL, _MAX_ITER = 1e-3, 20


def is_large_enough(n_rows, n_features, n_classes=2):
    """Return whether a sample of some rows says something about all features and classes.

    Parameters
    ----------
    n_rows, n_features : int
    n_classes : int, default=2

    Returns
    -------
    bool
    """
    return n_rows >= _ROWS_EACH * n_features * n_classes


def fit_sample(data, problem):
    """Fit the models of evenly spaced rows, roughly.

    Parameters
    ----------
    data : TrainingData
    problem : dict
        The arguments of `TrainingData.objectives`.

    Returns
    -------
    ndarray of shape (n_problems, n_variables) or None
        None where the sample does not tell where a minimum is, or the solver cannot find it.
    """
    n_rows, n_features = data.design.shape
    rows = slice(None, None, _costs.ROWS_PER_SAMPLED)
    n_sampled = n_rows // _costs.ROWS_PER_SAMPLED
    is_enough = is_large_enough(n_sampled, n_features, data.classes.size)
    if not is_enough or not data.row_weights[rows].any():
        return None
    try:
        sample = data.take(rows)
    except ValueError:  # not all classes are in it
        return None
    return fit_roughly(sample, problem)


def fit_roughly(data, problem):
    """Fit models, from those of a sample on.

    Parameters
    ----------
    data : TrainingData
    problem : dict
        The arguments of `TrainingData.objectives`.

    Returns
    -------
    ndarray of shape (n_problems, n_variables) or None
        None where the solver cannot find a minimum.
    """
    objectives, newton = data.objectives(**problem), SOLVERS["active-set-newton"]
    if newton.unmet(objectives[0]):
        return None
    solver = newton(tol=_TOL, max_iter=_MAX_ITER).with_tol(_TOL)  # without its last steps
    near = fit_sample(data, problem)
    if near is None:
        starts = [objective.intercept_only() for objective in objectives]
    else:
        starts = [objective.point(v) for objective, v in zip(objectives, near, strict=True)]
    solutions = list(map(solver.solve, objectives, starts))
    if any(solution.status is not Status.CONVERGED for solution in solutions):
        return None
    return np.stack([solution.point.variables for solution in solutions])
