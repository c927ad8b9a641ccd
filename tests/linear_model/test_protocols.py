"""One conformance test per protocol, run over every implementation from one table."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from sklearn_advex._losses import LOSSES
from sklearn_advex._perturbation import PERTURBATION_SETS
from sklearn_advex.linear_model._objective import TERMS, _costs
from sklearn_advex.linear_model._objective._design_matrix import ALL, as_design_matrix
from sklearn_advex.linear_model._solvers import SOLVERS, make_solver
from sklearn_advex.linear_model._solvers._base import Solver, Status
from tests.linear_model.blocked_term import BlockedTerm
from tests.linear_model.problems import gaussian, objective_of

N_SAMPLES, N_FEATURES = 150, 9
SOME = np.array([0, 2, 3, 7])


def sparse_rows():
    rng = np.random.default_rng(0)
    return rng.standard_normal((N_SAMPLES, N_FEATURES)) * (rng.random((150, 9)) < 0.6)


CONTAINERS = {
    "C order": np.ascontiguousarray,
    "Fortran order": np.asfortranarray,
    "every second row": lambda X: np.repeat(X, 2, axis=0)[::2],
    "float32": lambda X: X.astype(np.float32),
    "float32, Fortran order": lambda X: np.asfortranarray(X, dtype=np.float32),
    "CSR": csr_array,
    "CSR, float32": lambda X: csr_array(X, dtype=np.float32),
}


@pytest.fixture(params=CONTAINERS.values(), ids=CONTAINERS)
def container(request):
    return request.param


@pytest.fixture(params=[1.0, 0.0], ids=["columns copied", "columns viewed"])
def copied_share(request, monkeypatch):
    monkeypatch.setattr(_costs, "COPIED_SHARE", request.param)
    monkeypatch.setattr(_costs, "COPIED_ENTRIES", 0)
    monkeypatch.setattr(_costs, "BLOCK_ROWS", 64)  # the last of three blocks is shorter


# --- design matrices


def columns_of(design, kind):
    """A design matrix and `columns` for its products, with the positions of those in X."""
    if kind == "all":
        return design, ALL, np.arange(N_FEATURES)
    return *design.restrict(SOME), SOME


@pytest.mark.parametrize("kind", ["all", "some"])
def test_every_design_matrix_computes_the_products_of_its_columns(container, copied_share, kind):
    rng = np.random.default_rng(1)
    data = container(sparse_rows())
    dense = np.asarray(data.toarray() if hasattr(data, "toarray") else data, dtype=np.float64)
    design, columns, chosen = columns_of(as_design_matrix(data), kind)
    X, weights = dense[:, chosen], rng.random(N_SAMPLES)
    v, r = rng.standard_normal(chosen.size), rng.standard_normal(N_SAMPLES)
    border = [np.broadcast_to(1.0, N_SAMPLES), r]
    wide = np.column_stack([X, *border])
    close = {"rtol": 1e-12, "atol": 1e-12}

    products = design.matvec(v, columns), design.rmatvec(r, columns)
    assert all(product.dtype == np.float64 for product in products)
    np.testing.assert_allclose(products[0], X @ v, **close)
    np.testing.assert_allclose(products[1], X.T @ r, **close)
    np.testing.assert_allclose(design.squares(weights, columns), weights @ X**2, **close)
    vectors = np.column_stack([r, weights])
    np.testing.assert_allclose(design.rmatvec(vectors, columns), X.T @ vectors, **close)
    np.testing.assert_array_equal(as_design_matrix(data).columns(chosen), X)
    gram = design.gram(weights, border, columns)
    np.testing.assert_allclose(gram, np.tril(wide.T @ (weights[:, None] * wide)), **close)
    assert design.product_cost > 0
    assert design.gram_cost(4) > design.gram_cost(2) > 0


def test_every_design_matrix_takes_rows_and_orders_columns_without_a_change(container):
    data = container(sparse_rows())
    design = as_design_matrix(data)
    v = np.arange(1.0, N_FEATURES + 1)
    rows = np.array([5, 3, 100])
    assert design.take(rows).shape == (3, N_FEATURES)
    for chosen in (rows, slice(10, 20), np.arange(N_SAMPLES) % 3 == 0):
        np.testing.assert_allclose(design.take(chosen).matvec(v), design.matvec(v)[chosen])
    np.testing.assert_allclose(design.in_column_order().matvec(v), design.matvec(v))
    assert design.take(rows).dtype == design.in_column_order().dtype == data.dtype


def test_no_design_matrix_shares_what_it_took_with_the_data(container):
    data = container(sparse_rows())
    taken = as_design_matrix(data).take(slice(0, 10)).X
    values, original = (getattr(x, "data", x) if hasattr(x, "indptr") else x for x in (taken, data))
    assert not np.shares_memory(values, original)


# --- perturbation sets


@pytest.fixture(params=PERTURBATION_SETS.values(), ids=PERTURBATION_SETS)
def perturbation(request):
    return request.param(np.array([0.1, 0.2, 0.0, 3.0]))


def check_perturbation_set(perturbation, n_features):
    """What the contract says of any set, held against itself."""
    rng = np.random.default_rng(0)
    w, others = rng.standard_normal(n_features), rng.standard_normal((50, n_features))
    maximizer = perturbation.maximizer(w)
    assert maximizer @ w == pytest.approx(perturbation.support(w))
    assert perturbation.gauge(maximizer) <= 1 + 1e-12
    lower_bound = perturbation.support(w) + (others - w) @ maximizer
    assert (perturbation.support(others) >= lower_bound - 1e-12).all()
    assert perturbation.support(np.zeros(n_features)) == 0.0

    twice = perturbation.scaled(2.0)
    assert twice.support(w) == pytest.approx(2 * perturbation.support(w))
    assert perturbation.gauge(0.5 * twice.maximizer(w)) <= 1 + 1e-12

    kept = np.arange(n_features)[1:]
    part, padded = perturbation.restrict(kept).restrict(np.arange(kept.size)[1:]), w.copy()
    padded[:2] = 0.0
    assert part.support(w[2:]) == pytest.approx(perturbation.support(padded))

    heights = perturbation.support_by_side(w)
    assert heights.shape == (perturbation.n_sides,)
    if perturbation.is_symmetric:
        assert perturbation.support(-w) == pytest.approx(perturbation.support(w))
        assert heights[0] == perturbation.support(w)
    else:
        np.testing.assert_allclose(heights, [perturbation.support(w), perturbation.support(-w)])
    subgradients = perturbation.subgradient_by_side(w)
    np.testing.assert_allclose(subgradients @ w, heights)
    for v in others:
        bound = heights + subgradients @ (v - w)
        assert (perturbation.support_by_side(v) >= bound - 1e-12).all()
    if perturbation.l1_weights is not None:
        assert perturbation.l1_weights @ np.abs(w) == pytest.approx(perturbation.support(w))
    if perturbation.has_hessian:
        slopes = [
            (perturbation.subgradient_by_side(w + h) - perturbation.subgradient_by_side(w - h))
            / 2e-6
            for h in 1e-6 * np.eye(n_features)
        ]
        hessians = np.swapaxes(slopes, 0, 1)
        np.testing.assert_allclose(perturbation.hessian_by_side(w), hessians, atol=1e-7)
    for epigraph, height in zip(perturbation.epigraph_by_side(), heights, strict=True):
        assert epigraph.sizes.toarray().max() <= 0.0
        assert lies_in(epigraph, w, height + 1e-9)
        assert not lies_in(epigraph, w, height - 1e-3)


def lies_in(epigraph, w, height):
    point = epigraph.coef @ w + epigraph.sizes @ np.abs(w) + epigraph.of_height * height
    if epigraph.is_second_order:
        return point[0] >= np.linalg.norm(point[1:])
    return (point >= 0).all()


def test_every_perturbation_set_keeps_its_contract(perturbation):
    check_perturbation_set(perturbation, 4)


# --- losses


@pytest.fixture(params=LOSSES.values(), ids=LOSSES)
def loss(request):
    return request.param()


def check_loss(loss):
    """What the contract says of any loss, held against itself."""
    u = np.linspace(-30, 30, 2001)
    value = loss.value(u)
    assert (value >= 0).all()
    assert (np.diff(value) >= 0).all()
    assert (np.diff(value, 2) >= -1e-12).all()
    assert np.isfinite(loss.value(np.array([-1e4, 1e4]))).all()
    assert loss.attains_infimum == (loss.value(np.array([-25.0]))[0] == 0.0)
    if loss.is_smooth:
        inner, h = np.linspace(-6, 6, 40), 1e-6
        values, first, second = loss.derivatives(inner)
        np.testing.assert_allclose(values, loss.value(inner), rtol=1e-14)
        slopes = (loss.value(inner + h) - loss.value(inner - h)) / (2 * h)
        np.testing.assert_allclose(first, slopes, atol=1e-7)
        bends = (loss.derivatives(inner + h)[1] - loss.derivatives(inner - h)[1]) / (2 * h)
        np.testing.assert_allclose(second, bends, atol=1e-7)
        np.testing.assert_allclose(loss.conjugate(first), first * inner - values, atol=1e-10)
    for p in (0.0, 0.3, 0.9):
        supremum = (p * u - value).max()
        assert loss.conjugate(np.array([p]))[0] == pytest.approx(supremum, abs=2e-2)
    for share in (0.2, 0.5, 0.7):
        best = loss.intercept_only(share)
        means = [
            np.array([share, 1 - share]) @ loss.value(np.array([-score, score]))
            for score in (best - 1e-3, best, best + 1e-3)
        ]
        assert means[1] <= min(means[0], means[2]) + 1e-12


def test_every_loss_keeps_its_contract(loss):
    check_loss(loss)


# --- data terms

BLOCKS = {"whole": None, "blocks of 1": 1, "blocks of 7": 7, "blocks of 1000": 1000}


def make_term(make, container, n_rows, **options):
    rng = np.random.default_rng(2)
    weights = rng.random(N_SAMPLES)
    weights[:5] = 0.0
    data = as_design_matrix(container(sparse_rows())), rng.choice([-1.0, 1.0], N_SAMPLES)
    weights /= weights.sum()
    if n_rows is None:
        return make(*data, weights, **options)
    return BlockedTerm.split(make, *data, weights, n_rows, **options)


def check_data_term(term):
    """What the contract says of any data term, held against itself."""
    rng = np.random.default_rng(3)
    n, n_heights = term.n_variables, term.n_heights
    at, step = rng.standard_normal((2, n))
    heights, rise = rng.random((2, n_heights))
    rows = term.rows_at(at)

    def value(t):
        return term.value(term.rows_at(at + t * step), heights + t * rise)

    along = term.along(rows, step)(0.25)
    assert term.value(along, heights) == pytest.approx(
        term.value(term.rows_at(at + 0.25 * step), heights), rel=1e-12
    )
    curvature = term.unit_curvature
    if term.is_smooth:
        derivatives = term.derivatives(rows, heights)
        curvature = derivatives.curvature
        assert derivatives.value == pytest.approx(value(0.0), rel=1e-14)
        slope = derivatives.variables @ step + derivatives.heights @ rise
        assert slope == pytest.approx((value(1e-6) - value(-1e-6)) / 2e-6, abs=1e-8)
        adjoint = np.concatenate(term.adjoint(term.dual(rows, heights)))
        gradient = np.concatenate([derivatives.variables, derivatives.heights])
        np.testing.assert_allclose(adjoint, gradient, atol=1e-14)
        dual = term.dual(rows, heights)
        pairing = derivatives.variables @ at + derivatives.heights @ heights
        assert term.conjugate(dual) == pytest.approx(pairing - derivatives.value, abs=1e-12)

        balanced = term.balanced(dual)
        variables, _ = term.adjoint(balanced)
        np.testing.assert_allclose(variables[term.n_features :], 0.0, atol=1e-15)
        assert term.conjugate(balanced, 0.5) <= 0.0

        def gradient_at(t):
            d = term.derivatives(term.rows_at(at + t * step), heights + t * rise)
            return np.concatenate([d.variables, d.heights])

        bend = (gradient_at(1e-6) - gradient_at(-1e-6)) / 2e-6
        product = np.concatenate(term.gram_product(curvature, step, rise))
        np.testing.assert_allclose(product, bend, atol=1e-7)
        best = np.concatenate([np.zeros(term.n_features), term.intercept_only()])
        at_best = term.derivatives(term.rows_at(best), np.zeros(n_heights)).variables
        np.testing.assert_allclose(at_best[term.n_features :], 0.0, atol=1e-12)

    lower = term.gram(curvature)
    assert not np.triu(lower, 1).any()
    gram = lower + np.tril(lower, -1).T
    product = np.concatenate(term.gram_product(curvature, step, rise))
    np.testing.assert_allclose(product, gram @ np.concatenate([step, rise]), atol=1e-12)
    np.testing.assert_allclose(term.gram_diagonal(curvature), np.diag(gram), rtol=1e-12)
    others = np.arange(term.n_features, n + n_heights)
    pairs = np.ix_(np.append(SOME, others), np.append(SOME, others))
    np.testing.assert_allclose(term.gram(curvature, SOME), lower[pairs], rtol=1e-10, atol=1e-15)
    columns = gram[:, np.append(SOME, others)]
    np.testing.assert_allclose(term.gram_columns(curvature, SOME), columns, rtol=1e-10, atol=1e-15)
    assert (term.feature_spread(curvature) >= 0).all()
    if not term.is_smooth:
        smoothed = term.gram_diagonal(term.model_curvature(rows, heights))
        assert (smoothed >= 0).all() and smoothed.any()

    part = term.restrict(SOME).restrict(np.array([1, 3]))
    kept = np.append(SOME[[1, 3]], np.arange(term.n_features, n))
    padded = np.zeros(n)
    padded[kept] = at[kept]
    assert part.value(part.rows_at(at[kept]), heights) == pytest.approx(
        term.value(term.rows_at(padded), heights), rel=1e-12
    )
    assert part.n_features == 2
    assert part.gram_cost(2) > 0
    assert part.product_cost > 0


@pytest.mark.parametrize("n_rows", BLOCKS.values(), ids=BLOCKS)
@pytest.mark.parametrize("options", [{}, {"fit_intercept": False}, {"n_heights": 2}], ids=str)
@pytest.mark.parametrize("name", TERMS)
def test_every_data_term_keeps_its_contract(name, options, n_rows, copied_share):
    check_data_term(make_term(TERMS[name], np.asarray, n_rows, **options))


@pytest.mark.parametrize("name", TERMS)
def test_every_data_term_keeps_its_contract_on_every_kind_of_x(name, container, copied_share):
    check_data_term(make_term(TERMS[name], container, None))


@pytest.mark.parametrize("container", [np.ascontiguousarray, np.asfortranarray, csr_array])
def test_wide_selections_are_restricted_again(container):
    """Columns too many to copy are viewed, and views of views are views."""
    X, y = gaussian(12_000, 100, n_informative=5)
    objective = objective_of(container(X), y, 0.1)
    variables = np.linspace(-1, 1, 51)
    first = np.append(np.arange(90), 100)
    second = np.append(np.arange(50), 90)
    part = objective.restrict(first).restrict(second)
    padded = np.zeros(101)
    padded[:50], padded[100] = variables[:50], variables[50]
    expected = objective.evaluate(objective.point(padded))
    at = part.evaluate(part.point(variables))
    assert at.value == pytest.approx(expected.value, rel=1e-13)
    np.testing.assert_allclose(at.subgradient, expected.subgradient[np.append(np.arange(50), 100)])


# --- solvers


@pytest.mark.parametrize("norm", PERTURBATION_SETS)
@pytest.mark.parametrize("loss", TERMS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_every_solver_solves_what_meets_its_requirements(solver, loss, norm):
    X, y = gaussian(80, 5, n_informative=2)
    objective = objective_of(X, y, 0.1, loss=loss, norm=norm, alpha=1e-3)
    assert issubclass(SOLVERS[solver], Solver)
    if SOLVERS[solver].unmet(objective):
        with pytest.raises(ValueError, match=f"solver='{solver}' needs .* Choose another solver"):
            make_solver(solver, objective, tol=1e-8, max_iter=50)
        return
    solution = make_solver(solver, objective, tol=1e-8, max_iter=50).solve(
        objective, objective.intercept_only()
    )
    assert solution.status is Status.CONVERGED
    assert solution.residual <= 1e-8
    reference = make_solver("interior-point", objective, tol=1e-8, max_iter=50).solve(
        objective, objective.intercept_only()
    )
    assert solution.value == pytest.approx(reference.value, abs=1e-9)


def test_auto_is_the_first_solver_whose_requirements_are_met():
    X, y = gaussian(20, 2, n_informative=1)
    chosen = {
        (loss, norm): type(
            make_solver("auto", objective_of(X, y, 0.1, loss=loss, norm=norm), tol=1, max_iter=1)
        )
        for loss in TERMS
        for norm in PERTURBATION_SETS
    }
    newton = {("log_loss", "linf"), ("softplus_hinge", "linf")}
    for case, solver in chosen.items():
        assert solver is SOLVERS["active-set-newton" if case in newton else "interior-point"]
