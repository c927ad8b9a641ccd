"""What solvers share: their protocol, what they return, the line search, the progress report."""

from abc import ABC, abstractmethod
from copy import copy
from dataclasses import dataclass
from enum import Enum
from time import perf_counter

import numpy as np

from sklearn_advex.linear_model._objective._duality import optimality_residual
from sklearn_advex.linear_model._objective._points import DualVariables, Point

# Share of the decrease of a linear model that counts as enough: a larger one takes shorter steps.
_SUFFICIENT_DECREASE = 1e-4
# Change of the objective, relative, that may be rounding error.
_ROUNDING = 8 * np.finfo(float).eps
_SHORTEST_STEP = 2.0**-40
# Steps that are announced at once: more of them save passes over rows that are read anew each time,
# and cost arithmetic in each.
_HALVINGS_AHEAD = 4


class Status(Enum):
    """Why a solver stopped."""

    CONVERGED = "the residual is at most `tol`"
    SEPARABLE = "the objective has no finite minimizer: the rows stay separable"
    MAX_ITER = "the steps were used up"
    STALLED = "rounding errors allow no further progress"
    ACCURATE = "the accuracy asked for within a working set is reached; no solver ends so"


@dataclass
class Solution:
    """What a solver found.

    Attributes
    ----------
    point : Point
    value : float
        The objective at `point`.
    residual : float
        Distance from optimality at `point`, see `optimality_residual`.
    n_iter : int
        Newton steps taken.
    status : Status
    dual : DualVariables or None
        What the residual was computed with, where derivatives alone do not tell it.
    """

    point: Point
    value: float
    residual: float
    n_iter: int
    status: Status
    dual: DualVariables | None = None


class Solver(ABC):
    """Minimizes a `RobustObjective` without seeing a row of the data.

    Parameters
    ----------
    tol : float
        Largest residual that counts as optimal.
    max_iter : int
        Largest number of Newton steps.
    verbose : bool, default=False
        Print a line per step.

    Attributes
    ----------
    requires : dict of str to tuple of str
        Attributes of an objective that must be true, each with the part of the objective that
        decides it and what that part must be, in the words of an error.
    """

    requires: dict = {}

    def __init__(self, *, tol, max_iter, verbose=False):
        self.tol = tol
        self.max_iter = max_iter
        self.verbose = verbose

    @classmethod
    def unmet(cls, objective):
        """Return what an objective lacks for this solver.

        Parameters
        ----------
        objective : RobustObjective

        Returns
        -------
        list of str
        """
        return [
            f"{need}, which {type(getattr(objective, part)).__name__} is not"
            for ability, (part, need) in cls.requires.items()
            if not getattr(objective, ability)
        ]

    def with_tol(self, tol):
        """Return a solver that stops once the residual is at most `tol`.

        Parameters
        ----------
        tol : float

        Returns
        -------
        Solver
        """
        solver = copy(self)
        solver.tol = tol
        return solver

    @abstractmethod
    def solve(self, objective, point):
        """Minimize an objective.

        Parameters
        ----------
        objective : RobustObjective
        point : Point
            Where to start.

        Returns
        -------
        Solution
        """


class Report:
    """Prints one line per step if a fit is verbose.

    Parameters
    ----------
    verbose : bool
    """

    def __init__(self, verbose):
        self.verbose = verbose
        self.started = perf_counter()

    def __call__(self, n_iter, residual, at=None):
        """Print a line.

        Parameters
        ----------
        n_iter : int
        residual : float
        at : Evaluation, default=None
            Where its objective and support are to be printed.
        """
        if not self.verbose:
            return
        objective, support = "", ""
        if at is not None:
            coef = at.point.coef
            objective = f"  objective {at.value:.10e}"
            support = f" of {coef.size} features  support {np.count_nonzero(coef)}"
        passed = perf_counter() - self.started
        print(f"step {n_iter:3d}{objective}  residual {residual:.1e}{support}  {passed:.2f} s")


def rounding_error(value):
    """Return the change of an objective that may be rounding error.

    Parameters
    ----------
    value : float

    Returns
    -------
    float
    """
    return _ROUNDING * abs(value)


def line_search(evaluate, along, value, slope, announce=None, announces_first=False):
    """Halve a step until the objective falls enough (Armijo's rule).

    Parameters
    ----------
    evaluate : callable
        From a point to something with a `value`.
    along : callable
        From a step length in (0, 1] to a point.
    value : float
        The objective at the start.
    slope : float
        Its derivative along the step, negative.
    announce : callable, default=None
        Gets the list of points that come next if the full step is refused.
    announces_first : bool, default=False
        Whether it gets the full step too.

    Returns
    -------
    object or None
        What `evaluate` returned at the point reached; None if the objective does not fall.
    """
    length, rounding, n_ahead = 1.0, rounding_error(value), 1
    while length >= _SHORTEST_STEP:
        points = [along(length / 2**k) for k in range(n_ahead)]
        if n_ahead > 1 or announces_first:
            announce(points)
        for point in points:
            reached = evaluate(point)
            if reached.value <= value + _SUFFICIENT_DECREASE * length * slope + rounding:
                return reached
            length /= 2
        n_ahead = _HALVINGS_AHEAD if announce else 1
    return None


def solution_at(objective, point, dual, n_iter, status):
    """Return the solution that a point and dual variables make.

    Parameters
    ----------
    objective : RobustObjective
    point : Point
    dual : DualVariables
    n_iter : int
    status : Status

    Returns
    -------
    Solution
    """
    at = objective.evaluate(point, dual)
    residual = optimality_residual(objective, at, dual)
    return Solution(point, at.value, residual, n_iter, status, dual)
