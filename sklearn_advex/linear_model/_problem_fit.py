"""The solution of one binary problem, with all features or with the best of a limited number."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from sklearn_advex._utils._groups import positions_of_groups
from sklearn_advex.linear_model._best_subset import best_subsets
from sklearn_advex.linear_model._objective._duality import dual_gap, optimality_residual
from sklearn_advex.linear_model._objective._objective import RobustObjective
from sklearn_advex.linear_model._objective._points import DualVariables
from sklearn_advex.linear_model._solvers._base import Solution

# Branch and bound is tried for up to this number of features or groups, ...
_MAX_CERTIFIED_GROUPS = 30
# ... and solves up to this number of problems: a larger number proves more, and takes longer.
_MAX_NODES = 100


@dataclass
class ProblemFit:
    """The solution of a binary problem, as far as it is to be stored.

    Attributes
    ----------
    problem : RobustObjective
        Of all features.
    solution : Solution
        Of `objective`.
    features : ndarray of int
        Those that the model may use, in order.
    optimality_gap : float
        Certified upper bound on how far the value is above that of the best choice of features.
    """

    problem: RobustObjective
    solution: Solution
    features: np.ndarray
    optimality_gap: float

    @cached_property
    def objective(self):
        """The objective of the features that the model may use."""
        intercepts = np.arange(self.problem.n_features, self.problem.n_variables)
        return self.problem.restrict(np.append(self.features, intercepts))

    @property
    def dual_gap(self):
        """Upper bound on how far the value is above the minimum for these features."""
        return dual_gap(self.objective, self.solution)

    @property
    def coef(self):
        """The coefficients of all features, an ndarray of shape (n_features,)."""
        coef = np.zeros(self.problem.n_features)
        coef[self.features] = self.solution.point.coef
        return coef

    @property
    def intercept(self):
        """The intercept, 0 if it is not fitted."""
        return self.solution.point.intercepts.sum()

    @property
    def whole_solution(self):
        """The solution as a point among those of all features."""
        point = self.problem.point(np.append(self.coef, self.solution.point.intercepts))
        dual = self.solution.dual
        if dual is not None and dual.perturbation is not None:
            subgradients = np.zeros((dual.perturbation.shape[0], self.problem.n_features))
            subgradients[:, self.features] = dual.perturbation
            dual = DualVariables(dual.rows, subgradients)
        return replace(self.solution, point=point, dual=dual)

    def as_stored(self, dtype):
        """Return the fit as it is after its variables are stored in a dtype.

        Parameters
        ----------
        dtype : numpy dtype

        Returns
        -------
        ProblemFit
        """
        if dtype == np.float64:
            return self
        objective, solution = self.objective, self.solution
        point = objective.point(solution.point.variables.astype(dtype).astype(np.float64))
        at = objective.evaluate(point, solution.dual)
        residual = optimality_residual(objective, at, solution.dual)
        return replace(
            self, solution=replace(solution, point=point, value=at.value, residual=residual)
        )


def fit_all_features(objective, solver, start):
    """Solve a problem.

    Parameters
    ----------
    objective : RobustObjective
    solver : Solver
    start : Point

    Returns
    -------
    ProblemFit
    """
    solution = solver.solve(objective, start)
    return ProblemFit(objective, solution, np.arange(objective.n_features), 0.0)


def fit_path_of_subsets(objective, solver, max_features, groups, certify_last=False):
    """Find the best models of at most 1, 2, ... features or groups.

    Parameters
    ----------
    objective : RobustObjective
    solver : Solver
    max_features : int
    groups : ndarray of int of shape (n_features,) or None
        The group of each feature, from 0.
    certify_last : bool, default=False
        Whether to narrow the gap of the last one by branch and bound, unless there are many groups.

    Returns
    -------
    list of ProblemFit
    """
    n_groups = objective.n_features if groups is None else groups.max() + 1
    effort = {}
    is_fast = objective.is_smooth and objective.has_l1_support
    if certify_last and is_fast and n_groups <= _MAX_CERTIFIED_GROUPS:
        effort = {"max_nodes": _MAX_NODES, "certify_last": True}
    return [
        ProblemFit(objective, subset.solution, subset.features, subset.optimality_gap)
        for subset in best_subsets(objective, solver, max_features, groups, **effort)
    ]


def resolve_groups(groups, n_features, feature_names=None):
    """Turn any form in which a user may give groups of features into numbers.

    Parameters
    ----------
    groups : array-like of shape (n_features,), dict or None
    n_features : int
    feature_names : array-like of str, default=None

    Returns
    -------
    ndarray of int of shape (n_features,) or None

    Raises
    ------
    ValueError
        If there is not one group for each feature, or labels are not of one kind.
    """
    if groups is None:
        return None
    if hasattr(groups, "items"):
        columns = range(n_features) if feature_names is None else feature_names
        return positions_of_groups(dict(groups.items()), columns)
    labels = np.asarray(groups)
    if labels.shape != (n_features,):
        raise ValueError(
            f"groups has shape {labels.shape} but X has {n_features} features: pass one label per"
            " feature, or a dict from the name of a group to its columns."
        )
    try:
        return np.unique(labels, return_inverse=True)[1]
    except TypeError as error:
        kinds = ", ".join(dict.fromkeys(type(label).__name__ for label in labels))
        raise ValueError(
            f"groups must be labels of one kind, all of them texts or all numbers, but got {kinds}."
            " Give a feature that stands alone a label of its own."
        ) from error
