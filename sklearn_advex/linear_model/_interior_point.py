"""The solver for losses without derivatives and perturbation sets that are no boxes."""

from dataclasses import replace
from time import perf_counter

import numpy as np

from sklearn_advex.linear_model._cone_program import ConeProgram
from sklearn_advex.linear_model._conic import HingeRows, minimize
from sklearn_advex.linear_model._point import Certificate
from sklearn_advex.linear_model._refinement import refine_hinge, refine_smooth
from sklearn_advex.linear_model._solution import solution_at

# Variables are up to two per feature, and a program holds some matrices of their number squared.
_MOST_FEATURES = 2000
# Programs are solved to this share of the tolerance, or as far as rounding errors allow.
_PROGRAM_ACCURACY = 1e-5
_PROGRAM_MAX_ITER = 80
# The last steps go on to this share of it, for coefficients are to be accurate in flat directions.
_OVERSHOOT = 0.01
# Shares by which curvatures are raised where the quadratic model leads up.
_DAMPINGS = (1e-10, 1e-6, 1e-3, 1e-1, 10.0)
# In the scale of features rows are taken to be curved by at least so much: a feature of rows that
# are nearly flat would get a scale for which programs start far from their minimum.
_LEAST_CURVATURE = 1e-4
# Keeps the minimizers of a linear program bounded, in features that are scaled to size 1.
_LEAST_RIDGE = 1e-15
# A step that does not lower the objective by more than rounding errors has to lower the residual
# to this share.
_PROGRESS = 0.9
_SUFFICIENT_DECREASE = 1e-4
_SMALLEST_STEP = 2.0**-20


class InteriorPoint:
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
    verbose : bool
        Print a line per step.
    """

    def __init__(self, *, tol, max_iter, verbose=False):
        self.tol = tol
        self.max_iter = max_iter
        self.verbose = verbose

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
        if objective.n_features > _MOST_FEATURES:
            raise ValueError(
                f"solver='interior-point' needs matrices of the number of features squared; X has"
                f" {objective.n_features} features, it can take {_MOST_FEATURES}. Select features"
                " first, or use loss='log_loss' or 'softplus_hinge' with norm='linf', which"
                " solver='active-set-newton' can solve."
            )
        self._started = perf_counter()
        if hasattr(objective.loss, "expand"):
            return self._solve_smooth(objective, point)
        return self._solve_hinge(objective)

    def _report(self, n_iter, residual):
        if self.verbose:
            passed = perf_counter() - self._started
            print(f"step {n_iter:3d}  residual {residual:.1e}  {passed:.2f} s")

    def _solve_hinge(self, objective):
        solution = self._solve_program(objective, self.max_iter)
        used = np.flatnonzero(solution.point.coef)
        steps_left = self.max_iter - solution.n_iter
        if solution.residual > self.tol and steps_left and 0 < used.size < objective.n_features:
            # What was rounded to 0 was too much for the others to stay as they are.
            part = self._solve_program(objective.restrict(used), steps_left)
            again = _among_all(objective, used, part)
            again.n_iter += solution.n_iter
            solution = min(again, solution, key=lambda candidate: candidate.residual)
        if solution.residual <= self.tol:
            solution.status = "converged"
        elif solution.n_iter == self.max_iter:
            solution.status = "max_iter"
        return solution

    def _solve_program(self, objective, max_iter):
        """The solution of the program of a hinge loss."""
        program = ConeProgram(objective, objective.weights)
        x = program.inside(objective.point(np.zeros(objective.n_features), 0.0))
        rows = HingeRows(program, objective.weights[program.rows], x)
        best, n_iter = minimize(
            np.diag(program.ridge + _LEAST_RIDGE),
            program.penalty,
            [*program.cones(x), rows],
            x,
            accuracy=_PROGRAM_ACCURACY * self.tol,
            max_iter=max_iter,
            report=self._report,
        )
        slopes = np.zeros(objective.y.size)
        slopes[program.rows] = best.blocks[-1].slope
        certificate = Certificate(slopes, program.change(best.blocks[0]))
        point = _rounded(objective, program, best, certificate, self.tol)
        solution = solution_at(objective, point, certificate, n_iter, "stalled")
        if hasattr(objective.perturbation, "orthant_slopes") and np.any(point.coef):
            solution = refine_hinge(objective, solution)
        return solution

    def _solve_smooth(self, objective, point):
        certificate = Certificate(change=objective.perturbation.worst(point.coef))
        solution = solution_at(objective, point, certificate, 0, "running")
        while solution.status == "running":
            self._report(solution.n_iter, solution.residual)
            if objective.separates(solution.point):
                return replace(solution, status="separable")
            if solution.n_iter == self.max_iter:
                solution.status = "max_iter"
            elif solution.residual <= _OVERSHOOT * self.tol:
                solution.status = "converged"
            else:
                reached = self._step(objective, solution)
                if solution.residual <= self.tol and reached.residual > solution.residual:
                    solution.status = "converged"
                else:
                    solution = reached
        if solution.status != "max_iter" and hasattr(objective.perturbation, "curvature"):
            solution = refine_smooth(objective, solution)
        if solution.residual <= self.tol:
            solution.status = "converged"
        return solution

    def _step(self, objective, solution):
        """The solution after a step of Newton's method, or one that says that there is none."""
        point, value = solution.point, solution.value
        expansion = objective.expand(point, solution.certificate)
        scale_of_rows = expansion.curvature + _LEAST_CURVATURE * objective.weights
        program = ConeProgram(objective, scale_of_rows)
        hessian = program.gram(expansion.curvature[program.rows])
        hessian.flat[:: hessian.shape[0] + 1] += program.ridge
        start = program.boundary(point)
        gradient = program.transposed(objective.slopes(point)[program.rows])
        gradient += program.ridge * start + program.penalty
        for damping in _DAMPINGS:
            damped = hessian.copy()
            damped.flat[:: damped.shape[0] + 1] += damping * np.diag(hessian) + _LEAST_RIDGE
            x = program.inside(point)
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
            certificate = Certificate(change=program.change(best.blocks[0]))
            target = _rounded(objective, program, best, certificate, self.tol)
            moved = _search(objective, point, value, target, promise)
            if moved is None:
                continue
            reached = solution_at(objective, moved, certificate, solution.n_iter + 1, "running")
            falls = reached.value < value - _rounding(value)
            if falls or reached.residual < _PROGRESS * solution.residual:
                return reached
        return replace(solution, status="stalled")


def _rounding(value):
    return 8 * np.finfo(float).eps * abs(value)


def _search(objective, point, value, target, promise):
    """Go to the target, or less far until the objective falls; None where it does not."""
    at = objective.move(point, target.coef - point.coef, target.intercept - point.intercept)
    length = 1.0
    while length >= _SMALLEST_STEP:
        candidate = target if length == 1.0 else at(length)
        enough = _SUFFICIENT_DECREASE * length * promise - _rounding(value)
        if objective.value(candidate) <= value - enough:
            return candidate
        length /= 2
    return None


def _rounded(objective, program, state, certificate, tol):
    """The point of a state, with exact zeros unless they are worse."""
    point = program.point(state.x)
    rounded = program.point(state.x, program.zeros(state))
    allowed = max(objective.residual(point, certificate), tol)
    return rounded if objective.residual(rounded, certificate) <= allowed else point


def _among_all(objective, used, part):
    """The solution of a problem with some features as one of the problem with all."""
    change = np.zeros(objective.n_features)
    change[used] = part.certificate.change
    point = part.point.among(objective.n_features, used)
    certificate = Certificate(part.certificate.slopes, change)
    return solution_at(objective, point, certificate, part.n_iter, part.status)
