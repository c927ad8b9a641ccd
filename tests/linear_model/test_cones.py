"""The interior-point method against a general convex solver, on programs without any data."""

import cvxpy as cp
import numpy as np
import pytest
from scipy.sparse import csr_array

from sklearn_advex.linear_model._solvers._cones import Orthant, SecondOrderCone, minimize


def make_program(rank, seed):
    """Hessian and linear term, to be minimized with x >= -1 for some and others in a ball."""
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((rank, 6))
    return root.T @ root, 3 * rng.standard_normal(6)


def cones(to_matrix):
    # The last variable is fixed at about 1 by the cost: cones through 0 then bound the others.
    lower = np.c_[np.eye(3), np.zeros((3, 3)), np.ones(3)]
    ball = np.zeros((4, 7))
    ball[0, -1], ball[1:, 3:6] = 1.0, np.eye(3)
    start = np.r_[np.zeros(6), 1.0]
    return [Orthant(to_matrix(lower), start), SecondOrderCone(to_matrix(ball), start)], start


@pytest.mark.parametrize("to_matrix", [np.asarray, csr_array], ids=["dense", "sparse"])
@pytest.mark.parametrize("rank", [3, 6])
@pytest.mark.parametrize("seed", range(4))
def test_the_minimum_is_that_of_a_general_convex_solver(rank, seed, to_matrix):
    matrix, linear = make_program(rank, seed)
    hessian, cost = np.zeros((7, 7)), np.r_[linear, -100.0]
    hessian[:6, :6], hessian[6, 6] = matrix + 1e-3 * np.eye(6), 100.0
    blocks, start = cones(to_matrix)
    state, n_iter = minimize(hessian, cost, blocks, start, accuracy=1e-10, max_iter=50)

    x = cp.Variable(7)
    value = 0.5 * cp.quad_form(x, cp.psd_wrap(hessian)) + cost @ x
    demands = [x[:3] + x[6] >= 0, cp.norm2(x[3:6]) <= x[6]]
    precise = dict.fromkeys(["tol_gap_abs", "tol_gap_rel", "tol_feas"], 1e-11)
    problem = cp.Problem(cp.Minimize(value), demands)
    problem.solve(solver=cp.CLARABEL, **precise)

    assert n_iter < 30
    assert state.error <= 1e-10
    reached = 0.5 * state.x @ hessian @ state.x + cost @ state.x
    assert reached == pytest.approx(problem.value, abs=1e-8)
    np.testing.assert_allclose(state.x, x.value, atol=1e-4)
    assert state.x[:3].min() >= -state.x[6]
    assert np.linalg.norm(state.x[3:6]) <= state.x[6]
    gradient = hessian @ state.x + cost + sum(block.force() for block in state.blocks)
    np.testing.assert_allclose(gradient, 0.0, atol=1e-10)


def test_a_limit_on_the_steps_is_kept():
    matrix, linear = make_program(6, 0)
    blocks, start = cones(np.asarray)
    hessian = np.zeros((7, 7))
    hessian[:6, :6], hessian[6, 6] = matrix, 100.0
    state, n_iter = minimize(
        hessian, np.r_[linear, -100.0], blocks, start, accuracy=0.0, max_iter=3
    )
    assert n_iter == 3
    assert 0 < state.error < np.inf


def test_numbers_that_are_not_finite_end_it_at_once():
    blocks, start = cones(np.asarray)
    hessian = np.full((7, 7), np.inf)
    state, n_iter = minimize(hessian, start, blocks, start, accuracy=0.0, max_iter=50)
    assert n_iter == 0
    np.testing.assert_array_equal(state.x, start)
