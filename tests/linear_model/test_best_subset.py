"""The search for best subsets against enumeration, and the laws of its results."""

from itertools import combinations

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler

from sklearn_advex.linear_model._best_subset import best_subsets
from sklearn_advex.linear_model._best_subset._branch_and_bound import BranchAndBound
from sklearn_advex.linear_model._best_subset._subproblems import Subproblems
from sklearn_advex.linear_model._solvers import make_solver
from tests.linear_model.problems import objective_of

N_FEATURES = 9
GROUPS = np.array([0, 0, 1, 2, 2, 2, 3, 4, 4])
CASES = [("log_loss", "linf"), ("softplus_hinge", "l2"), ("hinge", "linf"), ("log_loss", "l1")]
TRIPLES = list(combinations(range(N_FEATURES), 3))
CORNERS = [(1, 1), (1, -1), (0, 1), (0, -1)]
CENTRAL_CORNERS = [(1, 1), (1, -1), (-1, 1), (-1, -1)]
EPSILON = np.array([0.05, 0.0, 0.1, 0.05, 0.02, 0.0, 0.1, 0.05, 0.05])


def correlated_data(seed, n_samples=80, n_features=N_FEATURES):
    rng = np.random.default_rng(seed)
    factors = rng.standard_normal((3, n_features))
    X = rng.standard_normal((n_samples, 3)) @ factors + rng.standard_normal((n_samples, n_features))
    coef = rng.standard_normal(n_features) * (rng.random(n_features) < 0.5)
    y = np.where(X @ coef + rng.logistic(size=n_samples) > 0, 1.0, -1.0)
    y[:2] = [-1.0, 1.0]
    return X, y


def make_objective(X, y, *, epsilon=0.05, weights=None, **options):
    weights = np.ones(y.size) if weights is None else weights
    return objective_of(
        X, y, epsilon, weights=weights / weights.sum(), **{"alpha": 1e-3, **options}
    )


def solver_for(objective, tol=1e-8):
    return make_solver("auto", objective, tol=tol, max_iter=100)


def search(objective, max_features, groups=None, **options):
    return best_subsets(objective, solver_for(objective), max_features, groups, **options)


def enumerated_optimum(objective, k, labels):
    """The lowest value of all models of k groups."""
    values = []
    for groups in combinations(np.unique(labels), k):
        intercepts = np.ones(objective.n_variables - labels.size, dtype=bool)
        part = objective.restrict(np.flatnonzero(np.append(np.isin(labels, groups), intercepts)))
        values.append(solver_for(part).solve(part, part.intercept_only()).value)
    return min(values)


@pytest.mark.parametrize("groups", [None, GROUPS], ids=["features", "groups"])
@pytest.mark.parametrize("epsilon", [0.0, EPSILON], ids=["natural", "per feature"])
@pytest.mark.parametrize("seed", range(4))
def test_finds_what_enumeration_finds(seed, epsilon, groups):
    objective = make_objective(*correlated_data(seed), epsilon=epsilon)
    labels = np.arange(N_FEATURES) if groups is None else groups
    for k, subset in enumerate(search(objective, 3, groups), start=1):
        assert subset.value == pytest.approx(enumerated_optimum(objective, k, labels), rel=1e-6)


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_finds_what_enumeration_finds_for_every_kind_of_solver(case):
    loss, norm = case
    X, y = correlated_data(7, n_samples=50, n_features=6)
    objective = make_objective(X, y, loss=loss, norm=norm, alpha=0.01)
    subset = search(objective, 2)[-1]
    optimum = enumerated_optimum(objective, 2, np.arange(6))
    assert subset.value == pytest.approx(optimum, rel=1e-6)
    assert subset.support.size <= 2


def shifted_classes():
    """Six features, each of which says little by itself."""
    rng = np.random.default_rng(0)
    y = np.where(rng.random(120) < 0.5, 1.0, -1.0)
    return StandardScaler().fit_transform(rng.standard_normal((120, 6)) + 0.5 * y[:, None]), y


def rare_sum():
    """A rare class that takes three features to tell."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 6))
    total = X[:, :3].sum(axis=1) + 0.5 * rng.standard_normal(200)
    return X, np.where(total > 2.2, 1.0, -1.0)


@pytest.mark.parametrize(
    ("data", "loss", "norm", "epsilon", "k"),
    [
        (shifted_classes, "log_loss", "l1", 0.8, 5),
        (shifted_classes, "log_loss", "l2", 0.6, 5),
        (rare_sum, "hinge", "linf", 0.05, 3),
    ],
)
def test_finds_subsets_none_of_whose_features_is_worth_anything_alone(data, loss, norm, epsilon, k):
    objective = make_objective(*data(), loss=loss, norm=norm, epsilon=epsilon)
    path = search(objective, k)
    assert path[0].support.size == 0
    assert path[-1].value == pytest.approx(enumerated_optimum(objective, k, np.arange(6)), rel=1e-6)
    assert path[-1].value < 0.9 * path[0].value


@pytest.mark.parametrize(
    ("epsilon", "pair", "triple"), [(0.0, [23, 27], [21, 23, 27]), (0.1, [20, 27], [20, 21, 27])]
)
def test_finds_the_optima_that_splicing_misses(epsilon, pair, triple):
    X, y = load_breast_cancer(return_X_y=True)
    X, y = StandardScaler().fit_transform(X), np.where(y == 1, 1.0, -1.0)
    path = search(make_objective(X, y, epsilon=epsilon, alpha=1e-4), 3)
    assert [subset.support.tolist() for subset in path[1:]] == [pair, triple]


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_path_goes_down_and_keeps_to_its_limits(case):
    loss, norm = case
    X, y = correlated_data(3, n_samples=50, n_features=6)
    objective = make_objective(X, y, loss=loss, norm=norm)
    path = search(objective, 7)
    assert len(path) == 6
    assert np.all(np.diff([subset.value for subset in path]) <= 0.0)
    for k, subset in enumerate(path, start=1):
        assert subset.support.size <= k
        assert subset.solution.residual <= 1e-8
    everything = solver_for(objective).solve(objective, objective.intercept_only())
    assert path[-1].value == pytest.approx(everything.value, rel=1e-7)


def test_groups_enter_whole():
    objective = make_objective(*correlated_data(5), epsilon=EPSILON)
    for k, subset in enumerate(search(objective, 3, GROUPS), start=1):
        assert subset.groups.size <= k
        np.testing.assert_array_equal(
            subset.features, np.flatnonzero(np.isin(GROUPS, subset.groups))
        )
        assert np.isin(subset.support, subset.features).all()


def test_nothing_enters_against_an_adversary_that_is_too_strong():
    objective = make_objective(*correlated_data(0), epsilon=100.0)
    for subset in search(objective, 2, max_nodes=1):
        assert subset.support.size == 0
        assert subset.optimality_gap <= 1e-7


@pytest.mark.parametrize("groups", [None, GROUPS], ids=["features", "groups"])
@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_gap_is_never_below_the_true_one(case, groups):
    loss, norm = case
    X, y = correlated_data(11, n_samples=40, n_features=5)
    objective = make_objective(X, y, loss=loss, norm=norm, alpha=0.05)
    groups = groups if groups is None else GROUPS[:5]
    labels = np.arange(5) if groups is None else groups
    optima = [enumerated_optimum(objective, k, labels) for k in (1, 2)]
    for max_nodes in (0, 5, 1000):
        path = search(objective, 2, groups, max_nodes=max_nodes)
        for subset, optimum in zip(path, optima, strict=True):
            assert subset.lower_bound <= optimum + 1e-9
            if max_nodes == 1000:
                assert subset.value == pytest.approx(optimum, abs=1e-7)
                assert subset.optimality_gap <= 1e-7


def test_gap_without_a_ridge_is_valid_too():
    objective = make_objective(*correlated_data(2), alpha=0.01, l1_ratio=1.0)
    subset = search(objective, 2)[-1]
    optimum = enumerated_optimum(objective, 2, np.arange(N_FEATURES))
    assert 0.0 <= subset.lower_bound <= optimum


def test_branch_and_bound_finds_the_best_subset_from_a_bad_one():
    objective = make_objective(*correlated_data(1))
    problems = Subproblems(objective, solver_for(objective), np.arange(N_FEATURES))
    optimum = enumerated_optimum(objective, 3, problems.labels)
    bad = max(
        (problems.solve(groups, problems.empty_fit().start) for groups in TRIPLES),
        key=lambda fit: fit.value,
    )
    best, lower_bound = BranchAndBound(problems, max_nodes=2000).certify(bad, 3)
    assert bad.value > 1.1 * optimum
    assert best.value == pytest.approx(optimum, rel=1e-7)
    assert lower_bound == pytest.approx(optimum, rel=1e-7)


@pytest.mark.parametrize(("loss", "norm"), [("log_loss", "linf"), ("softplus_hinge", "l2")])
@pytest.mark.parametrize("groups", [(), (2, 4, 7)], ids=["empty", "three features"])
def test_derivatives_are_those_of_finite_differences(loss, norm, groups):
    objective = make_objective(*correlated_data(4), loss=loss, norm=norm, epsilon=EPSILON)
    problems = Subproblems(objective, solver_for(objective), np.arange(N_FEATURES))
    fit = problems.solve(groups, problems.empty_fit().start)
    found, step = problems.derivatives(fit), 1e-4
    variables = np.zeros(N_FEATURES + 1)
    variables[[*fit.features, -1]] = fit.solution.point.variables

    def value(feature, change, variable=0, change_of_variable=0.0):
        changed = variables.copy()
        changed[feature] += change
        changed[[*fit.features, -1][variable]] += change_of_variable
        return objective.value(objective.point(changed))

    for a, feature in enumerate(fit.features):
        for b in range(len(groups) + 1):
            corners = [value(feature, m * step, b, n * step) for m, n in CENTRAL_CORNERS]
            second = np.dot(corners, [1.0, -1.0, -1.0, 1.0]) / (4 * step**2)
            assert found.hessian[a, b] == pytest.approx(second, abs=1e-5)
    for feature in sorted(set(range(N_FEATURES)) - set(groups)):
        for directed, h in ((feature, step), (feature + N_FEATURES, -step)):
            values = np.array([value(feature, n * h) for n in range(3)])
            slope = values @ [-1.5, 2.0, -0.5] / step
            assert found.slopes[directed] == pytest.approx(slope, abs=1e-6)
            curvature = values @ [1.0, -2.0, 1.0] / step**2
            assert found.diagonal[directed] == pytest.approx(curvature, rel=0.01)
            for variable in range(len(groups) + 1):
                corners = [value(feature, a * h, variable, b * step) for a, b in CORNERS]
                cross = np.dot(corners, [1.0, -1.0, -1.0, 1.0]) / (2 * step**2)
                assert found.cross[directed, variable] == pytest.approx(cross, abs=1e-3)


def test_a_model_without_intercept_has_derivatives_by_its_features_alone():
    objective = make_objective(*correlated_data(4), fit_intercept=False)
    problems = Subproblems(objective, solver_for(objective), np.arange(N_FEATURES))
    fit = problems.solve((1, 3), problems.empty_fit().start)
    derivatives = problems.derivatives(fit)
    assert 0 < derivatives.features.size <= 2
    assert derivatives.variables.shape == derivatives.features.shape
    assert derivatives.hessian.shape == 2 * derivatives.features.shape


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_bound_of_a_subset_is_its_value(case):
    """By strong duality; far from the optimum it is lower."""
    loss, norm = case
    objective = make_objective(*correlated_data(12), loss=loss, norm=norm, alpha=0.3)
    problems = Subproblems(objective, solver_for(objective), np.arange(N_FEATURES))
    groups = (0, 2, 5)
    fit = problems.solve(groups, problems.empty_fit().start)
    assert problems.relaxation(fit).value(groups) == pytest.approx(fit.value, abs=1e-7)
    for tol in (1.0, 0.1, 0.01):
        rough = problems.solve(groups, problems.empty_fit().start, tol)
        assert problems.relaxation(rough).value(groups) <= fit.value + 1e-9


@pytest.mark.parametrize("n_gathered", [2, N_FEATURES - 1, N_FEATURES])
def test_values_do_not_depend_on_the_columns_gathered(n_gathered):
    objective = make_objective(*correlated_data(11))
    problems = Subproblems(objective, solver_for(objective), np.arange(N_FEATURES))
    groups = tuple(range(n_gathered))
    fit = problems.solve(groups, problems.empty_fit().start)
    for subsets in [(0, 1)], [groups], [(1,)], [groups]:
        problems.gather(subsets)
    assert problems.value(groups, fit.start) == pytest.approx(fit.value, rel=1e-12)


def test_other_starts_lead_to_the_same():
    objective = make_objective(*correlated_data(6))
    cold = search(objective, 4)
    warm = search(objective, 4, starts=[subset.groups for subset in cold] + [[0, 1]])
    for one, other in zip(cold, warm, strict=True):
        np.testing.assert_array_equal(one.support, other.support)
        assert one.value == pytest.approx(other.value, rel=1e-8)


@pytest.mark.parametrize("convert", [csr_array, np.asfortranarray], ids=["CSR", "Fortran"])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_layout_of_X_does_not_matter(convert, fit_intercept):
    X, y = correlated_data(8)
    X[np.abs(X) < 1] = 0.0
    dense = search(make_objective(X, y, fit_intercept=fit_intercept), 4, GROUPS)
    other = search(make_objective(convert(X), y, fit_intercept=fit_intercept), 4, GROUPS)
    for one, same in zip(dense, other, strict=True):
        np.testing.assert_array_equal(one.support, same.support)
        assert one.value == pytest.approx(same.value, rel=1e-8)


def test_weights_are_repeated_rows():
    X, y = correlated_data(9)
    repeats = np.random.default_rng(0).integers(0, 4, y.size)
    weighted = search(make_objective(X, y, weights=repeats.astype(float)), 4)
    repeated = search(make_objective(np.repeat(X, repeats, axis=0), np.repeat(y, repeats)), 4)
    for one, same in zip(weighted, repeated, strict=True):
        np.testing.assert_array_equal(one.support, same.support)
        assert one.value == pytest.approx(same.value, rel=1e-8)


def test_constant_and_repeated_columns_do_no_harm():
    X, y = correlated_data(10)
    X[:, 0], X[:, 1], X[:, 3] = 0.0, 1.0, X[:, 2]
    path = search(make_objective(X, y, epsilon=0.0, alpha=0.0), N_FEATURES)
    assert np.all(np.diff([subset.value for subset in path]) <= 0.0)
