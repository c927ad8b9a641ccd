"""The solver for losses without derivatives and perturbation sets that are no boxes."""

from dataclasses import replace

import numpy as np

from sklearn_advex.linear_model._objective._duality import optimality_residual
from sklearn_advex.linear_model._objective._points import DualVariables
from sklearn_advex.linear_model._solvers._base import (
    Report,
    Solution,
    Solver,
    Status,
    line_search,
    rounding_error,
    solution_at,
)
from sklearn_advex.linear_model._solvers._cone_program import ConeProgram
from sklearn_advex.linear_model._solvers._cones import minimize
from sklearn_advex.linear_model._solvers._refinement import refine_kinked, refine_smooth

# Largest number of features: variables are up to two per feature, and a program holds some matrices
# of their number squared.
_MAX_FEATURES = 2000
# Share of the tolerance to which programs are solved, or as far as rounding errors allow.
_PROGRAM_ACCURACY = 1e-5
_PROGRAM_MAX_ITER = 80
# Share of the tolerance at which Newton's method stops, for coefficients that are accurate in flat
# directions.
_FINAL_TOL = 0.01
# Shares by which diagonals are raised if the quadratic model leads up.
_DAMPINGS = (1e-10, 1e-6, 1e-3, 1e-1, 10.0)
# Ridge that keeps the minimizers of a linear program bounded, in features that are scaled to size
# 1: a larger one biases them.
_MIN_RIDGE = 1e-15
# Share to which a step must lower the residual if it does not lower the objective.
_PROGRESS = 0.9


class InteriorPoint(Solver):
    """Interior-point methods, for every loss and perturbation set.

    The hinge loss makes the objective a linear, quadratic or second-order cone program, which is
    solved as such. A smooth loss is replaced by its second-order model, the perturbation set is
    not: each step of this Newton's method solves a program of the size of the features.

    Parameters
    ----------
    tol : float
        Largest residual that counts as optimal.
    max_iter : int
        Largest number of Newton steps, or of steps of the one program of the hinge loss.
    verbose : bool, default=False
        Print a line per step.
    """

    def solve(self, objective, point):
        """Minimize an objective.

        Parameters
        ----------
        objective : RobustObjective
        point : Point
            Where to start; the program of a hinge loss always starts from 0.

        Returns
        -------
        Solution

        Raises
        ------
        ValueError
            If there are so many features that the matrices would be too large.
        """
        if objective.n_features > _MAX_FEATURES:
            raise ValueError(
                f"solver='interior-point' needs matrices of the number of features squared; X has"
                f" {objective.n_features} features, it can take {_MAX_FEATURES}. Select features"
                " first, or use loss='log_loss' or 'softplus_hinge' with norm='linf', which"
                " solver='active-set-newton' can solve."
            )
        report = Report(self.verbose)
        if objective.is_smooth:
            return self._solve_smooth(objective, point, report)
        return self._solve_kinked(objective, report)

    def _solve_kinked(self, objective, report):
        solution = self._solve_program(objective, self.max_iter, report)
        used = solution.point.used
        is_part = solution.point.coef.any() and used.size < objective.n_variables
        steps_left = self.max_iter - solution.n_iter
        if solution.residual > self.tol and steps_left and is_part:
            # Rounding to 0 moved the optimum of the others: solve again on the support.
            part = self._solve_program(objective.restrict(used), steps_left, report)
            again = _embedded(objective, used, part, solution)
            solution = min(again, solution, key=lambda candidate: candidate.residual)
        if solution.residual <= self.tol:
            solution.status = Status.CONVERGED
        elif solution.n_iter == self.max_iter:
            solution.status = Status.MAX_ITER
        return solution

    def _solve_program(self, objective, max_iter, report):
        """Solve the program of a loss that is not smooth."""
        program = ConeProgram(objective)
        x = program.interior(objective.point(np.zeros(objective.n_variables)))
        best, n_iter = minimize(
            np.diag(program.ridge + _MIN_RIDGE),
            program.penalty,
            [*program.cones(x), *program.rows(x)],
            x,
            accuracy=_PROGRAM_ACCURACY * self.tol,
            max_iter=max_iter,
            report=report,
        )
        dual = program.dual(best)
        point = _with_exact_zeros(objective, program, best, dual, self.tol)
        solution = solution_at(objective, point, dual, n_iter, Status.STALLED)
        if objective.perturbation.has_hessian and point.coef.any():
            solution = refine_kinked(objective, solution)
        return solution

    def _solve_smooth(self, objective, point, report):
        dual = DualVariables(None, objective.perturbation.subgradient_by_side(point.coef))
        solution, status = solution_at(objective, point, dual, 0, Status.STALLED), None
        while status is None:
            report(solution.n_iter, solution.residual)
            if objective.separates_robustly(solution.point):
                return replace(solution, status=Status.SEPARABLE)
            if solution.n_iter == self.max_iter:
                status = Status.MAX_ITER
            elif solution.residual <= _FINAL_TOL * self.tol:
                status = Status.CONVERGED
            else:
                reached = self._step(objective, solution)
                if reached is None:
                    status = Status.STALLED
                elif solution.residual <= self.tol and reached.residual > solution.residual:
                    status = Status.CONVERGED
                else:
                    solution = reached
        if status is not Status.MAX_ITER and objective.perturbation.has_hessian:
            solution = refine_smooth(objective, solution)
        if solution.residual <= self.tol:
            status = Status.CONVERGED
        return replace(solution, status=status)

    def _step(self, objective, solution):
        """Take a step of Newton's method; None if rounding errors allow no progress."""
        point, value = solution.point, solution.value
        of_term = objective.evaluate(point, solution.dual).derivatives
        program = ConeProgram(objective, of_term.curvature)
        hessian = program.hessian(of_term.curvature) + np.diag(program.ridge)
        start = program.boundary(point)
        gradient = program.gradient(of_term) + program.ridge * start + program.penalty
        for damping in _DAMPINGS:
            damped = hessian + np.diag(damping * np.diag(hessian) + _MIN_RIDGE)
            x = program.interior(point)
            best, _ = minimize(
                damped,
                gradient - damped @ start,
                program.cones(x),
                x,
                accuracy=_PROGRAM_ACCURACY * self.tol,
                max_iter=_PROGRAM_MAX_ITER,
            )
            change = best.x - start
            promise = -(gradient @ change + 0.5 * change @ damped @ change)
            dual = program.dual(best)
            target = _with_exact_zeros(objective, program, best, dual, self.tol)
            searched = _search_to(objective, point, target, value, promise, dual)
            reached = _improvement(objective, solution, searched, dual)
            if reached is None:
                # Near the optimum the objective changes by less than its rounding errors: what it
                # says of a step is chance, while the residual still tells.
                full = objective.evaluate(target, dual)
                reached = _improvement(objective, solution, full, dual)
            if reached is not None:
                return reached
        return None


def _improvement(objective, solution, at, dual):
    """Return the next solution; None if neither objective nor residual fall, or at no point."""
    if at is None:
        return None
    residual = optimality_residual(objective, at, dual)
    falls = at.value < solution.value - rounding_error(solution.value)
    if not falls and residual >= _PROGRESS * solution.residual:
        return None
    return Solution(at.point, at.value, residual, solution.n_iter + 1, Status.STALLED, dual)


def _search_to(objective, point, target, value, promise, dual):
    """Go to a target, or less far until the objective falls."""
    along = objective.along(point, target.variables - point.variables)
    return line_search(
        lambda candidate: objective.evaluate(candidate, dual),
        lambda length: target if length == 1.0 else along(length),
        value,
        -promise,
    )


def _with_exact_zeros(objective, program, state, dual, tol):
    """Return the point of a state, coefficients rounded to 0 unless that is worse."""
    point = program.point(state.x)
    rounded = program.point(state.x, program.zeros(state))
    exact, with_zeros = (
        optimality_residual(objective, objective.evaluate(candidate, dual), dual)
        for candidate in (point, rounded)
    )
    return rounded if with_zeros <= max(exact, tol) else point


def _embedded(objective, used, part, solution):
    """Return the solution of a problem with some variables as one with all of them."""
    features = used[used < objective.n_features]
    subgradients = np.zeros_like(solution.dual.perturbation)
    subgradients[:, features] = part.dual.perturbation
    point = part.point.embed(used, solution.point)
    dual = DualVariables(part.dual.rows, subgradients)
    return solution_at(objective, point, dual, solution.n_iter + part.n_iter, part.status)
