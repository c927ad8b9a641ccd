"""What solvers return."""

from dataclasses import dataclass

from sklearn_advex.linear_model._point import Certificate, Point


@dataclass
class Solution:
    """What a solver found.

    Attributes
    ----------
    point : Point
    value : float
        The objective at `point`.
    residual : float
        Max-norm of the smallest subgradient at `point`.
    n_iter : int
        Newton steps taken.
    status : {"converged", "separable", "max_iter", "stalled"}
        Why the solver stopped; "separable" means that the objective has no finite minimizer.
    certificate : Certificate or None
        What the residual was computed with, where the objective is not smooth in each orthant.
    """

    point: Point
    value: float
    residual: float
    n_iter: int
    status: str
    certificate: Certificate | None = None


def solution_at(objective, point, certificate, n_iter, status):
    """The solution that a point and a certificate make."""
    value, residual = objective.value(point), objective.residual(point, certificate)
    return Solution(point, value, residual, n_iter, status, certificate)
