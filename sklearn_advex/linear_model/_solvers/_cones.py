"""Convex quadratic programs over cones, solved by a primal-dual interior-point method.

The program is to minimize ``x @ H @ x / 2 + c @ x`` plus what its blocks add. A cone adds the
condition that some linear functions of x lie in it.
"""

from copy import copy
from dataclasses import dataclass

import numpy as np
from scipy.sparse import issparse

from sklearn_advex.linear_model._objective._program_block import ProgramBlock, step_to_zero
from sklearn_advex.linear_model._solvers._linear_systems import refined_solver

# Largest share of the way to the boundary of a cone that a step goes: a larger one takes fewer
# steps, and risks to end too close to a corner.
_TO_BOUNDARY = 0.99
# Steps that lower neither error nor gradient after which a program is given up: the first steps
# often lower the gradient alone.
_PATIENCE = 5
# Step length below which a program is given up.
_SHORTEST_STEP = 1e-8


class Orthant(ProgramBlock):
    """The condition that all components of ``G @ x`` are at least 0.

    Parameters
    ----------
    G : csr_array or ndarray of shape (n_conditions, n_variables)
    x : ndarray of shape (n_variables,)
        Where the program starts, with ``G @ x > 0``.
    """

    def __init__(self, G, x):
        self.G = G
        self.slack = G @ x
        self.multiplier = 1.0 / (self.slack.size * self.slack)

    @property
    def gap(self):
        """Sum of the products of slacks and multipliers."""
        return self.slack @ self.multiplier

    def force(self):
        """Compute the block's part of the gradient of the Lagrangian."""
        return -(self.G.T @ self.multiplier)

    def matrix(self):
        """Compute the derivative of `force`, multipliers eliminated."""
        return _weighted_gram(self.G, self.multiplier / self.slack)

    def shift(self, center, last):
        """Compute the further change of `force` in a step toward the center."""
        return -(self.G.T @ (self._defect(center, last) / self.slack))

    def direction(self, dx, center, last):
        """Compute the changes of slack and multiplier that belong to a change of x."""
        change = self.G @ dx
        return change, (self._defect(center, last) - self.multiplier * change) / self.slack

    def longest_step(self, direction):
        """Return the length of the step that ends at a bound."""
        return min(map(step_to_zero, (self.slack, self.multiplier), direction))

    def step(self, direction, length):
        """Take a step."""
        self.slack = self.slack + length * direction[0]
        self.multiplier = self.multiplier + length * direction[1]

    def gap_after(self, direction, length):
        """Return the gap after a step."""
        changed = zip((self.slack, self.multiplier), direction, strict=True)
        slack, multiplier = (value + length * change for value, change in changed)
        return slack @ multiplier

    def _defect(self, center, last):
        second_order = last[0] * last[1] if last else 0.0
        return center / self.slack.size - self.slack * self.multiplier - second_order


class SecondOrderCone(Orthant):
    """The condition that the first component of ``G @ x`` is at least the norm of the others.

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
        """Compute the derivative of `force`, multipliers eliminated."""
        row = self.G.T @ _reflected(self.axis)
        signs = np.ones(self.slack.size)
        signs[0] = -1.0
        return (2.0 * np.outer(row, row) + _weighted_gram(self.G, signs)) / self.size**2

    def shift(self, center, last):
        """Compute the further change of `force` in a step toward the center."""
        return -(self.G.T @ self._centering(center, last))

    def direction(self, dx, center, last):
        """Compute the changes of slack and multiplier that belong to a change of x."""
        change = self.G @ dx
        return change, self._centering(center, last) - self._unscaled(self._unscaled(change))

    def longest_step(self, direction):
        """Return the length of the step that ends at a bound."""
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


@dataclass
class State:
    """A point of a program on the way to its minimum.

    Attributes
    ----------
    x : ndarray of shape (n_variables,)
    blocks : list of ProgramBlock
        With their multipliers.
    error : float
        Violation of the optimality conditions: the max-norm of the Lagrangian's gradient, or the
        gap of the blocks if that is larger.
    """

    x: np.ndarray
    blocks: list
    error: float = np.inf


def minimize(hessian, linear, blocks, x, *, accuracy, max_iter, report=None):
    """Minimize a convex quadratic function plus blocks.

    Mehrotra's predictor-corrector method (SIAM J. Optim. 1992), with one step length for x and the
    multipliers. It returns the most accurate state on its way.

    Parameters
    ----------
    hessian : ndarray of shape (n_variables, n_variables)
    linear : ndarray of shape (n_variables,)
    blocks : list of ProgramBlock
        What is added to the function, at `x`.
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
    # Iterate to machine precision: over- and underflow are expected.
    with np.errstate(all="ignore"):
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
            if not _take_step(state, hessian, gradient, gap):
                break
    return best, n_iter


def _take_step(state, hessian, gradient, gap):
    """Take a step; return False if rounding errors allow none."""
    blocks = state.blocks
    degree = sum(block.degree for block in blocks)
    solve = refined_solver(hessian + sum(block.matrix() for block in blocks))
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
    return bool(np.isfinite(state.x).all() and length > _SHORTEST_STEP)


def _weighted_gram(G, weights):
    gram = G.T @ (G * weights[:, np.newaxis])
    return gram.toarray() if issparse(gram) else gram


def _to_lorentz_boundary(v, change):
    """Return the longest step that stays in the second-order cone: a root of a quadratic."""
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
    """Multiply by the symmetric matrix that maps the cone to itself and (1, 0) to the axis."""
    along = axis[1:] @ v[1:]
    tail = v[1:] + (v[0] + along / (1.0 + axis[0])) * axis[1:]
    return np.append(axis[0] * v[0] + along, tail)


def _jordan_product(u, v):
    return np.append(u @ v, u[0] * v[1:] + v[0] * u[1:])


def _jordan_quotient(e, v):
    """Return the vector whose Jordan product with v is e."""
    head = (v[0] * e[0] - v[1:] @ e[1:]) / _lorentz_square(v)
    return np.append(head, (e[1:] - head * v[1:]) / v[0])
