"""The solver for smooth losses and perturbation sets that are boxes."""

import numpy as np

from sklearn_advex.linear_model._objective import _costs
from sklearn_advex.linear_model._solvers._base import Report, Solution, Solver, Status
from sklearn_advex.linear_model._solvers._linear_systems import orthant_hessian
from sklearn_advex.linear_model._solvers._orthant_step import step_in_orthant

# Features admitted to the first working set: a larger number needs fewer sets, of costlier steps.
# Later sets have at least twice the support.
_FIRST_WORKING_SET = 64
# A new working set is solved to this share of the residual over all variables: a smaller one solves
# sets more accurately that will grow anyway.
_WORKING_SET_ACCURACY = 0.3
# A Hessian is reused after a step that cut the residual to this share: a larger one reuses it more.
_REUSE_PROGRESS = 0.1
# What a first step is taken to cut the residual to; later ones square the share of the step before.
_FIRST_PROGRESS = 0.2
# Factor of what residuals are expected to be: a larger one expects fewer steps to be the last.
_SAFETY = 3
# Conjugate gradients are dropped after a smooth step that did not cut the residual to this share:
# then the curvature is too uneven for them.
_CG_PROGRESS = 0.5
# Diagonals are raised by this share of the decrease that one variable alone promises: a larger one
# makes steps shorter far from the optimum.
_DAMPING = 1e-2
# Share of a tolerance at which the last working set stops at the latest: with 1 rounding errors
# could part the residuals of a working set and of all variables.
_LARGEST_FINAL_TOL = 0.9
# Further shares by which diagonals are raised if pivoting does not end or the objective rises.
_STRONGER_DAMPINGS = (1e-6, 1e-4, 1e-2, 1.0, 1e2, 1e4)


class ActiveSetNewton(Solver):
    """Newton's method on the variables in use, from orthant to orthant.

    The robust objective is smooth while no coefficient changes sign. Each step therefore minimizes
    its second-order model over the variables that are not 0 or whose subgradient is not, none of
    which may cross a kink: a coefficient that would ends at exactly 0.0, and may leave it on the
    other side in a later step.

    All of this runs on a working set: the support, the variables without a kink, and of the others
    those with the largest subgradients, at most as many more. It is chosen anew whenever its own
    problem is solved, as the working sets of Massias et al. (celer, ICML 2018) are.

    Parameters
    ----------
    tol : float
        Largest residual that counts as optimal.
    max_iter : int
        Largest number of Newton steps.
    final_tol : float, default=0.01
        Share of `tol` at which the last working set stops. The last steps are cheap, and make
        coefficients accurate also in nearly flat directions, which the residual hardly sees.
    verbose : bool, default=False
        Print a line per Newton step, and one for each working set before its first.
    """

    requires = {
        "is_smooth": ("term", "a loss with first and second derivatives"),
        "has_l1_support": (
            "perturbation",
            "a perturbation set whose support function is linear in each orthant",
        ),
    }

    def __init__(self, *, tol, max_iter, final_tol=0.01, verbose=False):
        super().__init__(tol=tol, max_iter=max_iter, verbose=verbose)
        self.final_tol = final_tol

    def with_tol(self, tol):
        """Return a solver that stops once the residual is at most `tol`, without last steps."""
        solver = super().with_tol(tol)
        solver.final_tol = _LARGEST_FINAL_TOL
        return solver

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
        report, working_set = Report(self.verbose), None
        at, n_iter, status = objective.evaluate(point), 0, Status.ACCURATE
        final_accuracy = self.final_tol * self.tol
        while True:
            residual = at.residual
            report(n_iter, residual, at)
            if objective.separates_robustly(at.point):
                status = Status.SEPARABLE
            elif residual <= (final_accuracy if working_set is None else self.tol):
                status = Status.CONVERGED
            if status is not Status.ACCURATE:
                return Solution(at.point, at.value, residual, n_iter, status)
            variables = _choose_variables(at, objective.has_kink)
            accuracy = final_accuracy
            if working_set is None or not working_set.contains(variables):
                working_set = None  # free the copy of its columns before the next is made
                working_set = WorkingSet(objective, variables, self.max_iter, report)
                if variables.size < objective.n_variables:
                    accuracy = max(accuracy, _WORKING_SET_ACCURACY * residual)
            n_before = n_iter
            at, n_iter, status = working_set.minimize(at, accuracy, n_iter)
            if n_iter == n_before and status is Status.ACCURATE:
                # Rounding parts the residuals of the set and of all variables.
                status = Status.STALLED


def _choose_variables(at, has_kink):
    """Return the support, the variables without a kink and those with large subgradients."""
    variables, subgradient, n_features = at.point.variables, at.subgradient, at.point.n_features
    if n_features <= _FIRST_WORKING_SET:
        return np.arange(variables.size)
    chosen = (variables != 0) | ~has_kink
    n_chosen = np.count_nonzero(chosen[:n_features])
    entering = np.flatnonzero(~chosen & (subgradient != 0))
    room = max(_FIRST_WORKING_SET, 2 * n_chosen) - n_chosen
    if entering.size > room:
        entering = entering[np.argpartition(np.abs(subgradient[entering]), -room)[-room:]]
    chosen[entering] = True
    return np.flatnonzero(chosen)


class WorkingSet:
    """Newton's method on some of the variables, all others being 0.

    The Hessian is the costly part of a step, unless there are few rows and features. If products
    with it are much cheaper than its matrix, conjugate gradients are tried first, with a budget of
    products that cost as much. If they fail, the Hessian is factorized, in this and all later
    steps. It is reused in the next step (the chord method) as long as steps with it cut the
    residual by much, and no variable with a kink changes its sign.

    Parameters
    ----------
    objective : RobustObjective
        Of all variables.
    variables : ndarray of int
        In order, with all that have no kink.
    max_iter : int
    report : Report
    """

    def __init__(self, objective, variables, max_iter, report):
        self.variables = variables
        self.max_iter = max_iter
        self.report = report
        self.whole = objective
        self.objective = objective.restrict(variables)
        self._hessian = None
        self._hessian_signs = None
        self._try_cg = self.objective.cg_budget(self.objective.n_features) >= _costs.MIN_CG_BUDGET

    def contains(self, variables):
        """Return whether some variables are all in the set.

        Parameters
        ----------
        variables : ndarray of int

        Returns
        -------
        bool
        """
        is_member = np.zeros(self.whole.n_variables, dtype=bool)
        is_member[self.variables] = True
        return is_member[variables].all()

    def minimize(self, at, accuracy, n_iter):
        """Take steps until the residual over the variables of the set is small.

        Parameters
        ----------
        at : Evaluation
            Of all variables, at the start.
        accuracy : float
        n_iter : int
            Newton steps taken before.

        Returns
        -------
        at : Evaluation
            Of all variables, at the end.
        n_iter : int
            Newton steps taken, those before included.
        status : Status
            ACCURATE if the accuracy was reached.
        """
        whole, first = at.point, n_iter
        is_part = self.variables.size < whole.variables.size
        if is_part:
            at = at.restrict(self.variables)
        last_residual, was_smooth = np.inf, False
        while (status := self._status(at, accuracy, n_iter)) is None:
            residual = at.residual
            if n_iter > first:
                self.report(n_iter, residual, at)
            if self.objective.hessian_is_cheap or residual > _REUSE_PROGRESS * last_residual:
                self._hessian = None
            if was_smooth and residual > _CG_PROGRESS * last_residual:
                self._try_cg = False
            reached = self._step(at, _reaches(accuracy, residual, last_residual))
            if reached is None:
                status = Status.STALLED
                break
            was_smooth = self._try_cg and self._is_same_orthant(at, reached)
            at, last_residual, n_iter = reached, residual, n_iter + 1
        if is_part:
            at = self.whole.evaluate(at.point.embed(self.variables, whole))
        return at, n_iter, status

    def _status(self, at, accuracy, n_iter):
        """Return why to stop, None to go on."""
        if self.objective.separates_robustly(at.point):
            return Status.SEPARABLE
        if at.residual <= accuracy:
            return Status.ACCURATE
        return Status.MAX_ITER if n_iter == self.max_iter else None

    def _step(self, at, is_last):
        """Evaluate the next point; None if rounding errors allow no progress."""
        objective, curvature = self.objective, at.derivatives.curvature
        variables = at.point.variables
        signs = np.sign(np.where(variables != 0, variables, -at.subgradient))
        signs[~objective.has_kink] = 1.0
        if self._hessian is not None and np.all((signs == 0) | (signs == self._hessian_signs)):
            reached = step_in_orthant(objective, at, signs, self._hessian, is_last)
            if reached is not None:
                return reached
        if self._try_cg:
            budget = objective.cg_budget(np.count_nonzero(signs[: objective.n_features]))
            if budget >= _costs.MIN_CG_BUDGET:
                operator = orthant_hessian(objective, curvature, signs, budget)
                damped = _damped(operator, at.subgradient)
                reached = step_in_orthant(objective, at, signs, damped, is_last)
                if reached is not None:
                    return reached
                self._try_cg = False
        self._hessian = _damped(orthant_hessian(objective, curvature, signs), at.subgradient)
        self._hessian_signs = signs
        for share in _STRONGER_DAMPINGS:
            reached = step_in_orthant(objective, at, signs, self._hessian, is_last)
            if reached is not None:
                return reached
            self._hessian.damp(share)
        return None

    def _is_same_orthant(self, at, other):
        signs, other_signs = np.sign(at.point.variables), np.sign(other.point.variables)
        return not (self.objective.has_kink & (signs != other_signs)).any()


def _reaches(accuracy, residual, last_residual):
    """Return whether a step of Newton's method is expected to reach an accuracy."""
    progress = residual / last_residual if last_residual < np.inf else _FIRST_PROGRESS
    return _SAFETY * progress**2 * residual <= accuracy


def _damped(hessian, subgradient):
    hessian.damp(_DAMPING * np.max(subgradient**2 / hessian.diagonal))
    return hessian
