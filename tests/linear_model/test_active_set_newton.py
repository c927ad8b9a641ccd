"""The solver against optimality conditions, independent solvers and its own alternatives."""

import tracemalloc

import numpy as np
import pytest
from scipy.optimize import lsq_linear
from scipy.sparse import random_array

from sklearn_advex.linear_model._objective import _costs
from sklearn_advex.linear_model._solvers import ActiveSetNewton, _linear_systems, make_solver
from sklearn_advex.linear_model._solvers import _active_set_newton as solver_module
from sklearn_advex.linear_model._solvers._base import Status
from sklearn_advex.linear_model._solvers._linear_systems import DenseHessian, HessianOperator
from sklearn_advex.linear_model._solvers._orthant_step import minimize_in_orthant
from tests.linear_model.problems import gaussian, objective_of


def solve(objective, tol=1e-10, max_iter=100):
    return ActiveSetNewton(tol=tol, max_iter=max_iter).solve(objective, objective.intercept_only())


def solve_and_watch_memory(objective):
    tracemalloc.start()
    try:
        return solve(objective, tol=1e-8), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("n_variables", [2, 7, 26])
@pytest.mark.parametrize("seed", range(5))
def test_a_step_is_the_minimum_of_the_model_within_the_orthant(n_variables, seed):
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((n_variables, n_variables))
    matrix = root @ root.T
    gradient = 3 * rng.standard_normal(n_variables)
    signs = rng.choice([-1.0, 1.0], n_variables)
    start = signs * rng.random(n_variables) * (rng.random(n_variables) < 0.7)
    unused, unconstrained = rng.random((2, n_variables)) < [[0.2], [0.3]]
    unused[-1], unconstrained[-1] = False, True
    start[unused], signs[unused] = 0.0, 0.0
    sign_constraints = np.where(unconstrained, 0.0, signs)

    change, active = minimize_in_orthant(
        DenseHessian(matrix), gradient, start, sign_constraints, ~unused
    )

    # With y = |start + d| it is a least-squares problem with y >= 0 under a sign constraint.
    used, flip = ~unused, signs[~unused]
    factor = np.linalg.cholesky(matrix[np.ix_(used, used)]).T
    target = factor @ start[used] - np.linalg.solve(factor.T, gradient[used])
    lower = np.where(sign_constraints[used] != 0, 0.0, -np.inf)
    reference = lsq_linear(factor * flip, target, (lower, np.inf), tol=1e-14, method="bvls").x
    np.testing.assert_allclose(change[used], flip * reference - start[used], atol=1e-6)
    assert not change[unused].any()
    np.testing.assert_allclose((start + change)[active], 0.0, atol=1e-15)


def test_conjugate_gradients_and_factorization_solve_the_same_system():
    rng = np.random.default_rng(0)
    root = rng.standard_normal((40, 40))
    matrix = root @ root.T + np.diag(10.0 ** rng.uniform(0, 6, 40))
    kept, right = np.arange(3, 38), rng.standard_normal(35)
    exact = DenseHessian(matrix).solve(kept, right, np.zeros(35))
    np.testing.assert_allclose(matrix[3:38, 3:38] @ exact, right, atol=1e-8)
    operator = HessianOperator(lambda v: matrix @ v, np.diag(matrix))
    approximate = operator.solve(kept, right, np.zeros(35))
    error = np.linalg.norm(matrix[3:38, 3:38] @ approximate - right) / np.linalg.norm(right)
    assert 0 < error <= 1e-2
    too_few = HessianOperator(lambda v: matrix @ v, np.diag(matrix), cg_budget=3)
    assert too_few.solve(kept, right, np.zeros(35)) is None


def test_a_factorized_hessian_follows_its_damping_and_the_variables_asked_for():
    rng = np.random.default_rng(0)
    root = rng.standard_normal((6, 6))
    hessian = DenseHessian(root @ root.T)
    for kept, share in (([0, 1, 4], 0.0), ([0, 1, 4], 0.5), ([0, 2, 4], 0.0)):
        kept, right = np.array(kept), rng.standard_normal(3)
        hessian.damp(share)
        solution = hessian.solve(kept, right, np.zeros(3))
        np.testing.assert_allclose(hessian.matrix[np.ix_(kept, kept)] @ solution, right, atol=1e-8)


def test_a_singular_hessian_still_gives_a_solution():
    direction = np.array([1.0, 1.0, 2.0])
    hessian = DenseHessian(np.outer(direction, direction))
    right = 3 * direction
    change = hessian.solve(np.arange(3), right, np.zeros(3))
    np.testing.assert_allclose(hessian.product(change), right, rtol=1e-6)


@pytest.mark.parametrize(
    ("shape", "epsilon", "alpha", "l1_ratio"),
    [
        ((400, 8), 0.1, 0.0, 0.0),
        ((400, 100), 0.02, 1e-3, 0.0),
        ((60, 500), 0.1, 1e-3, 0.0),
        ((60, 500), 0.0, 0.02, 1.0),
        ((60, 500), 0.05, 0.01, 0.5),
    ],
    ids=str,
)
def test_large_and_small_curvature_lead_to_the_same_optimum(
    shape, epsilon, alpha, l1_ratio, monkeypatch
):
    X, y = gaussian(*shape, n_informative=5)
    objective = objective_of(X, y, epsilon, alpha=alpha, l1_ratio=l1_ratio)
    by_factorization = solve(objective)
    monkeypatch.setattr(_costs, "LARGEST_DENSE_HESSIAN", 3)
    by_products = solve(objective)
    assert by_factorization.status is by_products.status is Status.CONVERGED
    assert max(by_factorization.residual, by_products.residual) <= 1e-10
    np.testing.assert_allclose(by_products.point.coef, by_factorization.point.coef, atol=1e-6)
    np.testing.assert_array_equal(by_products.point.coef == 0, by_factorization.point.coef == 0)


@pytest.mark.parametrize(
    ("products", "ways"),
    [(0, {DenseHessian}), (2, {HessianOperator, DenseHessian}), (100, {HessianOperator})],
    ids=["not tried", "given up", "enough"],
)
def test_products_and_matrix_lead_to_the_same_optimum(products, ways, monkeypatch):
    X, y = gaussian(400, 60, n_informative=5)
    monkeypatch.setattr(_costs, "CHEAP_HESSIAN", 0)
    expected = solve(objective_of(X, y, 0.02))
    monkeypatch.setattr(_costs, "MIN_CG_BUDGET", 1)
    objective = objective_of(X, y, 0.02)
    monkeypatch.setattr(objective, "cg_budget", lambda n_used: products)
    used, prepare = set(), solver_module.orthant_hessian
    monkeypatch.setattr(solver_module, "orthant_hessian", lambda *a: used_way(used, prepare(*a)))
    solution = solve(objective)
    assert used == ways
    assert solution.status is Status.CONVERGED
    np.testing.assert_allclose(solution.point.coef, expected.point.coef, atol=1e-8)


def used_way(used, hessian):
    used.add(type(hessian))
    return hessian


def test_products_are_left_where_they_lead_nowhere(monkeypatch):
    X, y = gaussian(400, 60, n_informative=5)
    objective = objective_of(X, y, 0.02)
    by_matrix = solve(objective).n_iter
    monkeypatch.setattr(objective, "cg_budget", lambda n_used: 1000)
    monkeypatch.setattr(_linear_systems, "_CG_ACCURACY", 0.9)
    assert solve(objective).n_iter < 3 * by_matrix


@pytest.mark.parametrize("density", [None, 0.02], ids=["dense", "sparse"])
def test_a_matrix_is_worth_the_more_products_the_more_features_are_in_use(density):
    rng = np.random.default_rng(0)
    if density is None:
        X = rng.standard_normal((300, 1200))
    else:
        X = random_array((300, 1200), density=density, format="csr", random_state=rng)
    objective = objective_of(X, np.where(rng.random(300) > 0.5, 1.0, -1.0), 0.1)
    worth = [objective.cg_budget(n_used) for n_used in (0, 10, 100, 1200)]
    assert worth[0] == 0
    assert (np.diff(worth) > 0).all()
    assert worth[-1] > _costs.MIN_CG_BUDGET


def test_the_support_is_grown_in_working_sets_not_at_once():
    X, y = gaussian(100, 3000, n_informative=3)
    objective = objective_of(X, y, epsilon=0.0, alpha=0.05, l1_ratio=1.0)
    widths = []
    restrict = objective.restrict
    objective.restrict = lambda chosen: widths.append(chosen.size) or restrict(chosen)
    solution = solve(objective)
    violating = np.count_nonzero(objective.evaluate(objective.intercept_only()).subgradient)
    assert solution.status is Status.CONVERGED
    assert 0 < np.count_nonzero(solution.point.coef) <= max(widths) < violating


def test_steps_without_kinks_solve_one_system_each_wherever_they_start(monkeypatch):
    X, y = gaussian(400, 200, n_informative=20)
    objective = objective_of(X, y, epsilon=0.0, alpha=1e-2)
    systems = []
    solve_system = DenseHessian.solve
    monkeypatch.setattr(
        DenseHessian,
        "solve",
        lambda self, kept, *a: systems.append(kept) or solve_system(self, kept, *a),
    )
    solver = ActiveSetNewton(tol=1e-8, max_iter=100)
    solution = solver.solve(objective, objective.intercept_only())
    again = solver.solve(objective, objective.point(np.append(-solution.point.coef, 0.0)))
    assert solution.status is again.status is Status.CONVERGED
    assert [kept.size for kept in systems] == [201] * (solution.n_iter + again.n_iter)


def test_features_without_a_kink_are_in_every_working_set():
    X, y = gaussian(400, 200, n_informative=20)
    fixed = np.arange(200) % 2 == 0
    objective = objective_of(X, y, np.where(fixed, 0.0, 0.2), alpha=1e-2)
    sets = []
    restrict = objective.restrict
    objective.restrict = lambda chosen: sets.append(chosen) or restrict(chosen)
    assert solve(objective).status is Status.CONVERGED
    assert sets
    assert all(np.isin(np.flatnonzero(fixed), chosen).all() for chosen in sets)


def test_a_large_sparse_support_is_found_without_a_matrix_of_its_size():
    rng = np.random.default_rng(0)
    X = random_array((4000, 8000), density=0.01, format="csr", random_state=rng)
    y = np.where(X @ rng.standard_normal(8000) > 0, 1.0, -1.0)
    objective = objective_of(X, y, epsilon=0.0, alpha=2e-5, l1_ratio=1.0)
    solution, peak = solve_and_watch_memory(objective)
    support = np.count_nonzero(solution.point.coef)
    assert solution.status is Status.CONVERGED
    assert support > _costs.LARGEST_DENSE_HESSIAN
    assert peak < 8 * support**2


def test_memory_beside_a_dense_matrix_stays_below_a_quarter_of_it():
    X, y = gaussian(8000, 600, n_informative=400)
    objective = objective_of(X, y, epsilon=0.005)
    solution, peak = solve_and_watch_memory(objective)
    assert solution.status is Status.CONVERGED
    assert np.count_nonzero(solution.point.coef) > 200
    assert peak < X.nbytes / 4


@pytest.mark.parametrize("fortran", [False, True])
def test_the_data_is_never_written_to(fortran):
    X, y = gaussian(600, 90, n_informative=5)
    X = np.asfortranarray(X) if fortran else X
    X.flags.writeable = y.flags.writeable = False
    assert solve(objective_of(X, y, 0.05)).status is Status.CONVERGED


def test_too_few_steps_are_reported():
    X, y = gaussian(300, 20, n_informative=5)
    solution = solve(objective_of(X, y, 0.05), max_iter=2)
    assert (solution.status, solution.n_iter) == (Status.MAX_ITER, 2)
    assert solution.residual > 1e-10


def test_an_unreachable_tolerance_ends_in_a_stall_or_the_step_limit():
    X, y = gaussian(300, 20, n_informative=5)
    solution = solve(objective_of(X, y, 0.05), tol=0.0, max_iter=30)
    assert solution.status in {Status.STALLED, Status.MAX_ITER}
    assert solution.residual < 1e-12


def test_a_start_within_the_tolerance_is_solved_as_far_as_one_far_from_it():
    objective = objective_of(*gaussian(300, 8, 4), 0.05)
    near = solve(objective.with_perturbation(objective.perturbation.scaled(1.001))).point
    start = objective.point(near.variables)
    tol = 1.01 * objective.evaluate(start).residual
    solution = ActiveSetNewton(tol=tol, max_iter=100).solve(objective, start)
    assert solution.residual <= 0.01 * tol
    again = ActiveSetNewton(tol=tol, max_iter=100).solve(objective, solution.point)
    assert again.n_iter == 0


def test_a_solution_reports_its_own_value():
    X, y = gaussian(300, 20, n_informative=5)
    objective = objective_of(X, y, 0.05)
    solution = solve(objective)
    assert solution.value == objective.value(solution.point)
    recomputed = objective.point(solution.point.variables)
    np.testing.assert_allclose(solution.point.rows, recomputed.rows, atol=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "hinge"}, "needs a loss with first and second derivatives, which HingeTerm is"),
        ({"norm": "l2"}, "linear in each orthant, which L2Ball is not"),
        ({"loss": "hinge", "norm": "l1"}, "HingeTerm is not and .* which L1Ball is not"),
    ],
)
def test_a_component_that_newton_cannot_use_is_refused_by_name(options, message):
    X, y = gaussian(50, 3, n_informative=1)
    with pytest.raises(ValueError, match=message):
        make_solver("active-set-newton", objective_of(X, y, 0.05, **options), tol=1, max_iter=1)


@pytest.mark.parametrize("n_features", [20, 200])
def test_verbose_prints_every_step_to_the_optimum(n_features, capsys):
    X, y = gaussian(300, n_features, n_informative=5)
    objective = objective_of(X, y, 0.05)
    solution = ActiveSetNewton(tol=1e-8, max_iter=50, verbose=True).solve(
        objective, objective.intercept_only()
    )
    lines = capsys.readouterr().out.splitlines()
    assert [int(line.split()[1]) for line in lines] == list(range(solution.n_iter + 1))
    objectives = [float(line.split()[3]) for line in lines]
    assert (np.diff(objectives) <= 0).all()
    assert "support 0" in lines[0]
    assert f"objective {solution.value:.10e}" in lines[-1]
    assert f"residual {solution.residual:.1e} of {n_features} features" in lines[-1]
    assert f"support {np.count_nonzero(solution.point.coef)}" in lines[-1]
