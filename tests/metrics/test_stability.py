from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sklearn_advex._utils._divided_differences import softplus_divided_difference
from sklearn_advex.metrics import adversarial_loss_increase, attribution_change

scores = st.floats(-600, 600) | st.floats(-1, 1) | st.floats(-1e-300, 1e-300)


def exact_loss(z):
    return (1 + z.exp()).ln()


@given(scores, scores)
@example(2.0, 0.0)
@example(1.0, 0.0)
@example(-1.0, 0.5)
@example(-40.0, -41.5)
@example(40.0, 42.5)
def test_slope_of_softplus_against_exact_arithmetic(a, b):
    with localcontext() as context:
        context.prec = 700
        x, y = Decimal(a), Decimal(b)
        slope = 1 / (1 + (-x).exp()) if a == b else (exact_loss(x) - exact_loss(y)) / (x - y)
        expected = float(slope)
    assert softplus_divided_difference(a, b) == pytest.approx(expected, rel=4e-15, abs=0.0)
    assert softplus_divided_difference(b, a) == softplus_divided_difference(a, b)


def test_slope_of_softplus_far_out():
    far = np.array([800.0, 1e5, 1e300])
    np.testing.assert_array_equal(softplus_divided_difference(far, far), 1.0)
    np.testing.assert_array_equal(softplus_divided_difference(-far, -far), 0.0)
    np.testing.assert_allclose(softplus_divided_difference(far, -far), 0.5, rtol=1e-15)


@given(st.floats(-500, 500), st.floats(0, 100))
@example(-36.0, 0.96875)
def test_loss_increase_is_the_difference_of_two_losses(margin, support):
    with localcontext() as context:
        context.prec = 400
        m, h = Decimal(margin), Decimal(support)
        expected = float(exact_loss(h - m) - exact_loss(-m))
    (increase,) = adversarial_loss_increase([margin], support)
    # The score itself is rounded before the loss sees it.
    assert increase == pytest.approx(expected, rel=1e-12, abs=0.0)
    assert 0 <= increase <= support


def test_loss_increase_where_nothing_is_left_of_the_losses():
    increase = adversarial_loss_increase([40.0, -40.0, 0.0], [1e-9, 1e-9, 0.0])
    np.testing.assert_allclose(increase, [1e-9 * np.exp(-40.0), 1e-9, 0.0], rtol=1e-8)


@pytest.mark.parametrize(
    ("margin", "support", "message"),
    [([np.nan], 1.0, "finite"), ([1.0], np.inf, "finite"), ([1.0], -1.0, "must not be negative")],
)
def test_bad_margins(margin, support, message):
    with pytest.raises(ValueError, match=message):
        adversarial_loss_increase(margin, support)


def test_change_is_the_l1_distance():
    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(2, 7, 3))
    np.testing.assert_allclose(attribution_change(A, B), np.linalg.norm(A - B, ord=1, axis=1))
    assert not attribution_change(A, A).any()


@pytest.mark.parametrize(
    ("A", "B", "message"),
    [
        (np.zeros((2, 3)), np.zeros((2, 4)), r"shapes \(2, 3\) and \(2, 4\)"),
        (np.zeros((2, 3)), np.full((2, 3), np.nan), "A_changed contains NaN"),
        (np.zeros(3), np.zeros(3), "Expected 2D array"),
    ],
)
def test_bad_attributions(A, B, message):
    with pytest.raises(ValueError, match=message):
        attribution_change(A, B)
