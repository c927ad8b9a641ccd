"""Convex quadratic programs over cones, solved by a primal-dual interior-point method.

The program is to minimize ``x @ H @ x / 2 + c @ x`` plus what its blocks add: a cone demands that
some linear functions of x lie in it, hinge rows add their weighted hinge losses. All of them take
part in Newton's method through the few methods that `Orthant` documents.
"""

from copy import copy
from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.sparse import issparse

# Share of the way to the boundary of a cone that a step goes at most.
_TO_BOUNDARY = 0.99
# A program is given up after so many steps that lowered neither the error nor the gradient: the
# first ones often lower the gradient alone.
_PATIENCE = 5
_SMALLEST_STEP = 1e-8
_RELATIVE_RIDGE = 1e-14


class Orthant:
    """The demand that all components of ``G @ x`` are at least 0.

    Parameters
    ----------
    G : csr_array or ndarray of shape (n_demands, n_variables)
    x : ndarray of shape (n_variables,)
        Where the program starts, with ``G @ x > 0``.

    Notes
    -----
    A block's share of the optimality conditions is its `force`, its share of their derivative is
    `matrix`. To bring its products of slack and multiplier to `center` it further changes the force
    by `shift`, in which `last` is a direction whose second-order effect is to be made up for.
    """

    degree = 1

    def __init__(self, G, x):
        self.G = G
        self.slack = G @ x
        self.multiplier = 1.0 / (self.slack.size * self.slack)

    @property
    def gap(self):
        """What is left of complementarity."""
        return self.slack @ self.multiplier

    def force(self):
        """Gradient of the Lagrangian's share of the block."""
        return -(self.G.T @ self.multiplier)

    def matrix(self):
        """Derivative of the force by x, multipliers following."""
        return _weighted_gram(self.G, self.multiplier / self.slack)

    def shift(self, center, last):
        """Change of the force that centering asks for."""
        return -(self.G.T @ (self._defect(center, last) / self.slack))

    def direction(self, dx, center, last):
        """Changes of slack and multiplier that go with a change of x."""
        change = self.G @ dx
        return change, (self._defect(center, last) - self.multiplier * change) / self.slack

    def longest_step(self, direction):
        """The step that ends at the boundary."""
        return min(map(_to_zero, (self.slack, self.multiplier), direction))

    def step(self, direction, length):
        """Take a step."""
        self.slack = self.slack + length * direction[0]
        self.multiplier = self.multiplier + length * direction[1]

    def gap_after(self, direction, length):
        """The gap after a step."""
        changed = zip((self.slack, self.multiplier), direction, strict=True)
        slack, multiplier = (value + length * change for value, change in changed)
        return slack @ multiplier

    def _defect(self, center, last):
        second_order = last[0] * last[1] if last else 0.0
        return center / self.slack.size - self.slack * self.multiplier - second_order


class SecondOrderCone(Orthant):
    """The demand that the first component of ``G @ x`` is at least the norm of the others.

    Slack and multiplier are scaled to one and the same vector by Nesterov's and Todd's symmetric
    matrix W (Vandenberghe, "The CVXOPT linear and quadratic cone program solvers", 2010).
    """

    def __init__(self, G, x):
        self.G = G
        self.slack = G @ x
        self.multiplier = np.zeros(self.slack.size)
        self.multiplier[0] = 1.0 / self.slack[0]
        self._scale()

    def _scale(self):
        slack, multiplier = _lorentz_norm(self.slack), _lorentz_norm(self.multiplier)
        s, z = self.slack / slack, self.multiplier / multiplier
        axis = s + _reflected(z)
        self.axis = axis / np.sqrt(2.0 * (1.0 + s @ z))
        self.size = np.sqrt(slack / multiplier)
        self.scaled = self.size * _boost(self.axis, self.multiplier)

    def matrix(self):
        """Derivative of the force by x, multipliers following."""
        row = self.G.T @ _reflected(self.axis)
        signs = np.ones(self.slack.size)
        signs[0] = -1.0
        return (2.0 * np.outer(row, row) + _weighted_gram(self.G, signs)) / self.size**2

    def shift(self, center, last):
        """Change of the force that centering asks for."""
        return -(self.G.T @ self._centering(center, last))

    def direction(self, dx, center, last):
        """Changes of slack and multiplier that go with a change of x."""
        change = self.G @ dx
        return change, self._centering(center, last) - self._unscaled(self._unscaled(change))

    def longest_step(self, direction):
        """The step that ends at the boundary."""
        return min(map(_to_lorentz_boundary, (self.slack, self.multiplier), direction))

    def step(self, direction, length):
        """Take a step."""
        super().step(direction, length)
        self._scale()

    def _unscaled(self, v):
        return _boost(_reflected(self.axis), v) / self.size

    def _centering(self, center, last):
        defect = -_jordan_product(self.scaled, self.scaled)
        defect[0] += center
        if last:
            scaled = self._unscaled(last[0]), self.size * _boost(self.axis, last[1])
            defect -= _jordan_product(*scaled)
        return self._unscaled(_jordan_quotient(defect, self.scaled))


class HingeRows:
    """The weighted mean hinge loss ``weights @ maximum(0, 1 + u)`` of rows ``u = A @ x``.

    Of each row it keeps the slope p in (0, 1) of its loss, an upper bound xi on the loss, and by
    how much the bound is above ``1 + u``; at an optimum ``p * above`` and ``(1 - p) * xi`` are 0.

    Parameters
    ----------
    rows : object
        With ``product(x)``, ``transposed(v)`` and ``gram(weights)`` of A.
    weights : ndarray of shape (n_samples,)
        Positive, summing to 1.
    x : ndarray of shape (n_variables,)
    """

    degree = 2

    def __init__(self, rows, weights, x):
        self.rows = rows
        self.weights = weights
        height = 1.0 + rows.product(x)
        self.slope = np.full(height.size, 0.5)
        self.loss = np.maximum(height, 0.0) + 1.0
        self.above = self.loss - height

    @property
    def gap(self):
        """What is left of complementarity."""
        return self.weights @ (self.slope * self.above + (1.0 - self.slope) * self.loss)

    def force(self):
        """Gradient of the Lagrangian's share of the block."""
        return self.rows.transposed(self.weights * self.slope)

    def matrix(self):
        """Derivative of the force by x, multipliers following."""
        return self.rows.gram(self.weights * self._rate())

    def shift(self, center, last):
        """Change of the force that centering asks for."""
        pull = self._pull(*self._defects(center, last))
        return self.rows.transposed(self.weights * self._rate() * pull)

    def direction(self, dx, center, last):
        """Changes of slope, bound and excess that go with a change of x."""
        above, loss = self._defects(center, last)
        change = self._rate() * (self.rows.product(dx) + self._pull(above, loss))
        return (
            change,
            (loss + self.loss * change) / (1.0 - self.slope),
            (above - self.above * change) / self.slope,
        )

    def longest_step(self, direction):
        """The step that ends at the boundary."""
        slope, loss, above = direction
        return min(
            _to_zero(self.slope, slope),
            _to_zero(1.0 - self.slope, -slope),
            _to_zero(self.loss, loss),
            _to_zero(self.above, above),
        )

    def step(self, direction, length):
        """Take a step."""
        self.slope, self.loss, self.above = self._after(direction, length)

    def gap_after(self, direction, length):
        """The gap after a step."""
        slope, loss, above = self._after(direction, length)
        return self.weights @ (slope * above + (1.0 - slope) * loss)

    def _after(self, direction, length):
        kept = (self.slope, self.loss, self.above)
        return tuple(value + length * change for value, change in zip(kept, direction, strict=True))

    def _rate(self):
        return 1.0 / (self.loss / (1.0 - self.slope) + self.above / self.slope)

    def _defects(self, center, last):
        slope, loss, above = last or (0.0, 0.0, 0.0)
        return (
            center - self.slope * self.above - slope * above,
            center - (1.0 - self.slope) * self.loss + slope * loss,
        )

    def _pull(self, above, loss):
        return above / self.slope - loss / (1.0 - self.slope)


@dataclass
class State:
    """A point of a program on the way to its minimum.

    Attributes
    ----------
    x : ndarray of shape (n_variables,)
    blocks : list of Orthant, SecondOrderCone or HingeRows
        With their multipliers.
    error : float
        What is left of the optimality conditions: the max-norm of the Lagrangian's gradient, or the
        gap of the blocks where that is larger.
    """

    x: np.ndarray
    blocks: list
    error: float = np.inf


def minimize(hessian, linear, blocks, x, *, accuracy, max_iter, report=None):
    """Minimize a convex quadratic function plus blocks.

    Mehrotra's predictor-corrector method (SIAM J. Optim. 1992), with one step length for x and the
    multipliers. It ends with the most accurate state that rounding errors let it see.

    Parameters
    ----------
    hessian : ndarray of shape (n_variables, n_variables)
    linear : ndarray of shape (n_variables,)
    blocks : list of Orthant, SecondOrderCone or HingeRows
        What the function is made of besides, at `x`.
    x : ndarray of shape (n_variables,)
    accuracy : float
        The error to reach.
    max_iter : int
    report : callable, default=None
        Called with the number of steps and the error.

    Returns
    -------
    state : State
    n_iter : int
    """
    best, least_gradient, since_progress = State(x, blocks), np.inf, 0
    state = State(x, [copy(block) for block in blocks])
    with np.errstate(all="ignore"):  # the last digits are asked for until there are none
        for n_iter in range(max_iter + 1):
            gradient = hessian @ state.x + linear + sum(block.force() for block in state.blocks)
            gap = sum(block.gap for block in state.blocks)
            largest = np.abs(gradient).max()
            state.error = max(largest, gap)
            if report:
                report(n_iter, state.error)
            falls = state.error < best.error or largest < least_gradient
            since_progress = 0 if falls else since_progress + 1
            least_gradient = min(least_gradient, largest)
            if state.error < best.error:
                best = State(state.x, list(map(copy, state.blocks)), state.error)
            if best.error <= accuracy or n_iter == max_iter or since_progress == _PATIENCE:
                break
            if not _step(state, hessian, gradient, gap):
                break
    return best, n_iter


def _step(state, hessian, gradient, gap):
    """Take a step; False where rounding errors allow none."""
    blocks = state.blocks
    degree = sum(block.degree for block in blocks)
    solve = factorized(hessian + sum(block.matrix() for block in blocks))
    if solve is None:
        return False
    center, last = 0.0, [None] * len(blocks)
    for _ in ("predictor", "corrector"):
        shift = sum(b.shift(center, d) for b, d in zip(blocks, last, strict=True))
        dx = solve(-(gradient + shift))
        last = [b.direction(dx, center, d) for b, d in zip(blocks, last, strict=True)]
        longest = min(b.longest_step(d) for b, d in zip(blocks, last, strict=True))
        length = min(1.0, _TO_BOUNDARY * longest)
        after = sum(b.gap_after(d, length) for b, d in zip(blocks, last, strict=True))
        center = (after / gap) ** 3 * gap / degree
    state.x = state.x + length * dx
    for block, direction in zip(blocks, last, strict=True):
        block.step(direction, length)
    return bool(np.isfinite(state.x).all() and length > _SMALLEST_STEP)


def _weighted_gram(G, weights):
    gram = G.T @ (G * weights[:, np.newaxis])
    return gram.toarray() if issparse(gram) else gram


def factorized(matrix):
    """A function that solves systems with a positive semidefinite matrix.

    None for a matrix that no rounding errors make of one.
    """
    diagonal = np.diag(matrix) + np.finfo(float).tiny
    if not (np.isfinite(matrix).all() and (diagonal > 0).all()):
        return None
    scale = 1.0 / np.sqrt(diagonal)
    scaled = matrix * scale[:, None] * scale
    ridge = _RELATIVE_RIDGE
    while True:
        system = scaled.copy()
        system.flat[:: scale.size + 1] += ridge
        try:
            factor = cho_factor(system, lower=True, overwrite_a=True, check_finite=False)
            break
        except LinAlgError:
            ridge *= 100

    def solve(right):
        right = scale * right
        solution = cho_solve(factor, right, check_finite=False)
        # One step of refinement makes up for the ridge.
        solution += cho_solve(factor, right - scaled @ solution, check_finite=False)
        return scale * solution

    return solve


def _to_zero(values, changes):
    """The longest step after which no value is negative."""
    falling = changes < 0
    return np.min(-values[falling] / changes[falling], initial=np.inf)


def _to_lorentz_boundary(v, change):
    """The longest step that stays in the second-order cone: the first root of a quadratic."""
    square = _lorentz_square(change)
    half_slope = v @ _reflected(change)
    start = _lorentz_square(v)
    discriminant = half_slope**2 - square * start
    if discriminant < 0:
        return np.inf
    denominator = np.sqrt(discriminant) - half_slope
    return start / denominator if denominator > 0 else np.inf


def _lorentz_square(v):
    tail = np.linalg.norm(v[1:])
    return (v[0] - tail) * (v[0] + tail)


def _lorentz_norm(v):
    return np.sqrt(_lorentz_square(v))


def _reflected(v):
    return np.append(v[0], -v[1:])


def _boost(axis, v):
    """The symmetric matrix that takes (1, 0) to the axis and keeps the cone, times a vector."""
    along = axis[1:] @ v[1:]
    tail = v[1:] + (v[0] + along / (1.0 + axis[0])) * axis[1:]
    return np.append(axis[0] * v[0] + along, tail)


def _jordan_product(u, v):
    return np.append(u @ v, u[0] * v[1:] + v[0] * u[1:])


def _jordan_quotient(e, v):
    """The vector whose Jordan product with v is e."""
    head = (v[0] * e[0] - v[1:] @ e[1:]) / _lorentz_square(v)
    return np.append(head, (e[1:] - head * v[1:]) / v[0])
