from itertools import product

import numpy as np
import pytest

from sklearn_advex._perturbation import PERTURBATION_SETS, L2Ball, LinfBall, resolve_epsilon


@pytest.fixture
def w():
    return np.array([1.5, 0.0, -2.0, 0.3])


@pytest.fixture(params=PERTURBATION_SETS.values(), ids=PERTURBATION_SETS)
def ball(request):
    return request.param(np.array([0.1, 0.2, 0.0, 3.0]))


def changes_on_the_boundary(ball):
    """The vertices of a set that has some, else many points of its boundary."""
    if isinstance(ball, LinfBall):
        directions = np.array(list(product([-1.0, 1.0], repeat=4)))
    elif isinstance(ball, L2Ball):
        directions = np.random.default_rng(0).standard_normal((200_000, 4)) * (ball.epsilon > 0)
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    else:
        directions = np.vstack([np.eye(4), -np.eye(4)])
    return directions * ball.epsilon


def test_support_is_the_maximum_over_the_boundary(ball, w):
    largest = (changes_on_the_boundary(ball) @ w).max()
    assert ball.support(w) == pytest.approx(largest, rel=1e-4)
    assert ball.support(w) >= largest - 1e-12


def test_the_maximizer_is_allowed_and_attains_the_support(ball, w):
    change = ball.maximizer(w)
    assert ball.gauge(change) <= 1 + 1e-15
    assert change @ w == pytest.approx(ball.support(w))


def test_gauge_is_1_on_the_boundary_and_scales(ball):
    for change in changes_on_the_boundary(ball)[:50]:
        if change.any():
            assert ball.gauge(change) == pytest.approx(1.0)
            assert ball.gauge(-2.5 * change) == pytest.approx(2.5)
    assert ball.gauge(np.zeros(4)) == 0.0
    assert ball.gauge(np.array([0.0, 0.0, 1e-9, 0.0])) == np.inf


def test_nothing_moves_where_nothing_can(ball):
    frozen_only = np.array([0.0, 0.0, 5.0, 0.0])
    assert ball.support(frozen_only) == 0.0
    np.testing.assert_array_equal(ball.maximizer(frozen_only), 0.0)


@pytest.mark.parametrize("kind", [LinfBall, L2Ball])
def test_hessian_is_the_slope_of_the_maximizer(kind, w):
    ball = kind(np.array([0.1, 0.2, 0.0, 3.0]))
    w[1] = 0.7
    slopes = [(ball.maximizer(w + h) - ball.maximizer(w - h)) / 2e-6 for h in 1e-6 * np.eye(4)]
    np.testing.assert_allclose(ball.hessian(w), slopes, atol=1e-8)


def test_the_maximizer_is_a_subgradient_of_the_support(ball, w):
    others = np.random.default_rng(0).standard_normal((100, 4))
    assert (
        ball.support(others) >= ball.support(w) + (others - w) @ ball.maximizer(w) - 1e-12
    ).all()


def test_support_and_maximizer_take_several_vectors_at_once(ball, w):
    several = np.stack([w, -2 * w, np.zeros(4)])
    np.testing.assert_allclose(ball.support(several), [ball.support(v) for v in several])
    np.testing.assert_allclose(ball.maximizer(several), [ball.maximizer(v) for v in several])


def test_restriction_ignores_the_features_left_out(ball, w):
    kept = np.array([0, 3])
    without = np.where(np.isin(np.arange(4), kept), w, 0.0)
    assert ball.restrict(kept).support(w[kept]) == pytest.approx(ball.support(without))


@pytest.mark.parametrize(
    "epsilon",
    [0.5, np.float32(0.5), [0.5, 0.5], np.array([0.5, 0.5]), {"b": 0.5, "a": 0.5}],
    ids=["float", "numpy float", "list", "array", "dict"],
)
def test_every_form_of_epsilon_resolves_to_one_number_per_feature(epsilon):
    np.testing.assert_array_equal(resolve_epsilon(epsilon, 2, ["a", "b"]), [0.5, 0.5])


def test_a_dict_is_read_in_the_order_of_the_columns():
    np.testing.assert_array_equal(resolve_epsilon({"b": 1, "a": 2}, 2, ["a", "b"]), [2.0, 1.0])


def test_resolved_epsilon_is_a_copy():
    epsilon = np.array([0.5, 0.5])
    resolve_epsilon(epsilon, 2)[0] = 7.0
    assert epsilon[0] == 0.5


@pytest.mark.parametrize(
    ("epsilon", "names", "message"),
    [
        ([0.1, 0.2, 0.3], None, r"epsilon has shape \(3,\) but X has 2 features: pass one number"),
        ([[0.1, 0.2]], None, r"epsilon has shape \(1, 2\)"),
        ([0.1, -0.2], None, "epsilon must be finite and not negative.*Got -0.2"),
        ([0.1, np.nan], None, "epsilon must be finite and not negative.*NaN"),
        ([0.1, np.inf], None, "epsilon must be finite"),
        ("large", None, "epsilon must be a number.*got 'large'"),
        ({"a": 0.1, "b": 0.1}, None, "epsilon is a dict but X has no column names"),
        ({"a": 0.1}, ["a", "b"], r"epsilon lacks the columns \['b'\]"),
        ({"a": 1, "b": 1, "c": 1}, ["a", "b"], r"epsilon names the unknown columns \['c'\]"),
        ({"a": 1, "c": 1}, ["a", "b"], r"lacks the columns \['b'\] and names the unknown.*\['c'\]"),
    ],
)
def test_an_epsilon_that_does_not_fit_is_refused_by_name(epsilon, names, message):
    with pytest.raises(ValueError, match=message):
        resolve_epsilon(epsilon, 2, names)
