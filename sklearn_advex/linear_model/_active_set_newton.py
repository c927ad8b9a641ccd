"""The solver for smooth losses and perturbation sets that are boxes."""

from time import perf_counter

import numpy as np

from sklearn_advex.linear_model._solution import Solution
from sklearn_advex.linear_model._working_set import WorkingSet

# Features admitted to the first working set; later sets are at least twice the support.
_FIRST_WORKING_SET = 64
# A new working set is solved until its residual is this share of the residual over all features;
# one that no feature wants to join any more is solved to the end.
_WORKING_SET_ACCURACY = 0.3


class ActiveSetNewton:
    """Newton's method on the features in use, from orthant to orthant.

    The robust objective is smooth while no coefficient changes sign. Each step therefore minimizes
    its second-order model over the coefficients that are non-zero or want to be, none of which may
    cross zero: those that would, end at exactly 0.0, and may leave it on the other side in a later
    step. A coefficient may cross where neither adversary nor penalty puts a kink at zero.

    All of this runs on a working set: the support, the features without a kink, and of the others
    those that most want to join, at most as many more. It is chosen anew whenever its own problem
    is solved, as the working sets of Massias et al. (celer, ICML 2018) are.

    Parameters
    ----------
    tol : float
        Largest residual that counts as optimal.
    max_iter : int
        Largest number of Newton steps.
    overshoot : float, default=0.01
        The last steps are cheap: they go on to this share of the tolerance, so that coefficients
        are accurate also in nearly flat directions, which the residual hardly sees. Less than 1, or
        rounding errors could part the residuals of a working set and of all features.
    verbose : bool
        Print a line per Newton step, and one for each working set before its first.
    """

    def __init__(self, *, tol, max_iter, overshoot=0.01, verbose=False):
        self.tol = tol
        self.max_iter = max_iter
        self.overshoot = overshoot
        self.verbose = verbose

    def solve(self, objective, point):
        """Minimize an objective.

        Parameters
        ----------
        objective : RobustObjective
            Its loss needs `expand`, its perturbation set `orthant_slopes`.
        point : Point
            Where to start.

        Returns
        -------
        Solution

        Raises
        ------
        ValueError
            If the loss or the perturbation set lacks what Newton's method needs.
        """
        _require(objective.loss, "expand", "a loss with first and second derivatives")
        _require(
            objective.perturbation,
            "orthant_slopes",
            "a perturbation set whose support function is linear in each orthant",
        )
        return self.solve_from(objective, objective.expand(point))

    def solve_from(self, objective, at):
        """The same from an expansion of an objective that is known to have what is needed.

        Parameters
        ----------
        objective : RobustObjective
        at : Expansion
            Where to start.

        Returns
        -------
        Solution
        """
        report = _Report(self.verbose)
        working_set = None
        status, n_iter = "running", 0
        while True:
            residual = at.residual
            report(n_iter, at, residual)
            if objective.separates(at.point):
                status = "separable"
            elif residual <= self.tol:
                status = "converged"
            if status != "running":
                return Solution(at.point, at.value, residual, n_iter, status)
            features = _wanted_features(at, objective.kinked)
            accuracy = self.overshoot * self.tol
            if working_set is None or not np.isin(features, working_set.features).all():
                working_set = None  # frees the copy of its columns before the next is made
                working_set = WorkingSet(objective, features, self.max_iter, report)
                if features.size < objective.n_features:
                    accuracy = max(accuracy, _WORKING_SET_ACCURACY * residual)
            before = n_iter
            at, n_iter, status = working_set.minimize(at, accuracy, n_iter)
            if n_iter == before and status == "running":
                status = "stalled"  # only rounding tells the residuals of the set and of all apart


class _Report:
    """What a fit prints where that is asked for: where it is and since when."""

    def __init__(self, verbose):
        self.verbose = verbose
        self.started = perf_counter()

    def __call__(self, n_iter, at, residual):
        if self.verbose:
            coef = at.point.coef
            print(
                f"step {n_iter:3d}  objective {at.value:.10e}"
                f"  residual {residual:.1e} of {coef.size} features"
                f"  support {np.count_nonzero(coef)}  {perf_counter() - self.started:.2f} s"
            )


def _require(component, attribute, needed):
    if not hasattr(component, attribute):
        raise ValueError(
            f"solver='active-set-newton' needs {needed}, which {type(component).__name__} is not."
            " Choose another solver."
        )


def _wanted_features(at, kinked):
    """The support, the features that most want to join it and those without a kink, in order."""
    coef, slope = at.point.coef, at.slope[:-1]
    if coef.size <= _FIRST_WORKING_SET:
        return np.arange(coef.size)
    wanted = (coef != 0) | ~kinked
    n_wanted = np.count_nonzero(wanted)
    joining = np.flatnonzero(~wanted & (slope != 0))
    room = max(_FIRST_WORKING_SET, 2 * n_wanted) - n_wanted
    if joining.size > room:
        joining = joining[np.argpartition(np.abs(slope[joining]), -room)[-room:]]
    wanted[joining] = True
    return np.flatnonzero(wanted)
