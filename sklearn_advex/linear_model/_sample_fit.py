"""Models of a sample of the rows, near which those of all rows are."""

import numpy as np

from sklearn_advex.linear_model._solvers import SOLVERS
from sklearn_advex.linear_model._solvers._base import Status

# Rows for each feature and class: fewer make models that are hardly a better start than one without
# features.
_ROWS_EACH = 6
# Optimality residual of these models: their rows differ from all rows by more than a smaller one.
_TOL, _MAX_ITER = 1e-4, 20


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
    """Fit the models of a sample, roughly.

    Parameters
    ----------
    data : TrainingData
        The sample.
    problem : dict
        The arguments of `TrainingData.objectives`.

    Returns
    -------
    ndarray of shape (n_problems, n_variables) or None
        None where the sample does not tell where a minimum is, or the solver cannot find it.
    """
    objectives, newton = data.objectives(**problem), SOLVERS["active-set-newton"]
    if newton.unmet(objectives[0]):
        return None
    solver = newton(tol=_TOL, max_iter=_MAX_ITER).with_tol(_TOL)  # without its last steps
    solutions = [solver.solve(objective, objective.intercept_only()) for objective in objectives]
    if any(solution.status is not Status.CONVERGED for solution in solutions):
        return None
    return np.stack([solution.point.variables for solution in solutions])
