"""Proofs about models: distance from optimality, dual gap, separability."""

import numpy as np


def optimality_residual(objective, at, dual=None):
    r"""Compute the distance from optimality.

    It is the max-norm of the smallest subgradient. With dual variables it is at least also what
    these lack of being subgradients themselves: for the numbers :math:`p_i` of the rows
    :math:`\sum_i s_i (g(u_i) + g^*(p_i) - p_i u_i)`, for the subgradients :math:`\delta` of the
    support functions :math:`\sum_i s_i p_i (h(w) - \langle \delta, w \rangle)`. Both are 0 at an
    optimum.

    Parameters
    ----------
    objective : RobustObjective
    at : Evaluation
    dual : DualVariables, default=None
        Those of `at`.

    Returns
    -------
    float
    """
    residual = at.residual
    heights, of_term = objective.heights(at.point), at.derivatives
    if not objective.is_smooth:
        pairing = of_term.variables @ at.point.variables + of_term.heights @ heights
        residual = max(residual, of_term.value + objective.term.conjugate(dual.rows) - pairing)
    if not objective.has_l1_support:
        lack = heights - dual.perturbation @ at.point.coef
        residual = max(residual, of_term.heights @ lack)
    return residual


def dual_gap(objective, solution):
    r"""Compute an upper bound on how far the value of a solution is above the minimum.

    For any :math:`p_i` in the domain of :math:`g^*`, with :math:`\lambda_i = s_i p_i` balanced
    between the classes, :math:`\Lambda = \sum_i \lambda_i` and :math:`v = \sum_i \lambda_i y_i
    x_i`, no model has a value below

    .. math::

        -\sum_i s_i g^*(p_i) - \sum_j \frac{\max(|v_j| - \Lambda \epsilon_j - \alpha \rho,
        0)^2}{2 \alpha (1 - \rho)}

    (Fenchel duality; without a ridge all the maxima have to be 0). Here p is the derivative of
    the loss at the point, or the dual of the solution, scaled down until it is admissible. For a
    perturbation set without `l1_weights`, :math:`|v_j| - \Lambda \epsilon_j` is :math:`|v_j -
    \Lambda \delta_j|`, with the subgradients :math:`\delta` of the solution.

    Parameters
    ----------
    objective : RobustObjective
    solution : Solution

    Returns
    -------
    float
        At most the value itself, as no loss is below 0; without a penalty this trivial bound is
        returned.
    """
    term, n_features = objective.term, objective.n_features
    dual = term.balanced(_row_dual(objective, solution.point, solution.dual))
    variables, heights = term.adjoint(dual)
    pull = variables[:n_features]
    if objective.has_l1_support:
        pull = np.abs(pull) - heights.sum() * objective.perturbation.l1_weights
    else:
        pull = np.abs(pull + heights @ solution.dual.perturbation)
    lasso = objective.alpha * objective.l1_ratio
    ridge = objective.alpha * (1.0 - objective.l1_ratio)
    largest, factor = pull.max(initial=0.0), 1.0
    if ridge == 0 and largest > lasso:
        factor = lasso / largest
    excess = np.maximum(factor * pull - lasso, 0.0)
    ridge_part = (excess @ excess) / (2 * ridge) if ridge else 0.0
    bound = -term.conjugate(dual, factor) - ridge_part
    return max(solution.value - max(bound, 0.0), 0.0)


def separability_bracket(objective, point, unit):
    """Bracket the smallest multiple of a set against which no model separates the rows.

    The lower bound is the largest multiple against which this very point separates the rows. The
    upper bound is from duality: with any weights on the rows that are balanced between the classes,
    here weights for how hard a row is, no model can separate the rows by more than it separates
    their weighted means.

    Parameters
    ----------
    objective : RobustObjective
        With a smooth data term.
    point : Point
    unit : PerturbationSet

    Returns
    -------
    lower, upper : float
    """
    term = objective.term
    least_margin = -term.largest_argument(point.rows, np.zeros(term.n_heights))
    dual = term.balanced(_row_dual(objective, point, None))
    variables, heights = term.adjoint(dual)
    with np.errstate(divide="ignore", invalid="ignore"):
        lower = least_margin / unit.support(point.coef)
        upper = unit.gauge(np.abs(variables[: objective.n_features]) / heights.sum())
    return lower, upper


def entry_epsilon(objective, point, dual=None):
    """Compute the `epsilon` of each feature below which its coefficient leaves 0.

    Parameters
    ----------
    objective : RobustObjective
    point : Point
        A model without features.
    dual : DualVariables, default=None

    Returns
    -------
    ndarray of shape (n_features,)
        In the units of the features; 0 where the penalty alone keeps the coefficient at 0. Under
        another norm than "linf" the gauge of this vector counts.
    """
    variables, heights = objective.term.adjoint(_row_dual(objective, point, dual))
    pull = np.abs(variables[: objective.n_features]) - objective.alpha * objective.l1_ratio
    return np.maximum(pull, 0.0) / heights.sum()


def _row_dual(objective, point, dual):
    if objective.is_smooth:
        return objective.term.dual(point.rows, objective.heights(point))
    return dual.rows
