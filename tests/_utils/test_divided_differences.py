from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_advex._utils._divided_differences import logistic_divided_difference

scores = st.floats(-700, 700) | st.floats(-1, 1) | st.floats(-1e-300, 1e-300)


def exact_slope(a, b):
    """The divided difference by its definition, with 700 digits against the cancellation."""
    with localcontext() as context:
        context.prec = 700
        a, b = Decimal(a), Decimal(b)
        sigma_a, sigma_b = 1 / (1 + (-a).exp()), 1 / (1 + (-b).exp())
        return float(sigma_a * (1 - sigma_a) if a == b else (sigma_a - sigma_b) / (a - b))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (0.0, 0.0),
        (0.3, 0.3),
        (0.3, np.nextafter(0.3, 1)),
        (1e-12, -2e-12),
        (1.0, 1.0 + 1e-9),
        (2.0, -3.0),
        (5.0, 600.0),
        (-40.0, 36.0),
        (-40.0, -40.0 + 1e-6),
        (40.0, 41.0),
        (-700.0, -700.0),
        (-700.0, -690.0),
        (700.0, 700.0),
        (700.0, -700.0),
    ],
)
def test_against_exact_arithmetic(a, b):
    expected = exact_slope(a, b)
    assert expected > 0
    assert logistic_divided_difference(a, b) == pytest.approx(expected, rel=1e-15, abs=0.0)


@given(scores, scores)
def test_laws(a, b):
    slope = logistic_divided_difference(a, b)
    assert 0 < slope <= 0.25 + 1e-15
    assert logistic_divided_difference(b, a) == slope
    assert logistic_divided_difference(-a, -b) == slope


def test_far_tails_neither_overflow_nor_warn():
    far = np.array([800.0, 1e5, 1e300])
    np.testing.assert_array_equal(logistic_divided_difference(far, far), 0.0)
    np.testing.assert_array_equal(logistic_divided_difference(-far, -far), 0.0)
    np.testing.assert_allclose(logistic_divided_difference(far, -far), 0.5 / far, rtol=1e-15)
    np.testing.assert_allclose(logistic_divided_difference(far, 0.0), 0.5 / far, rtol=1e-15)


def test_broadcasts():
    a, b = np.array([0.0, 1.0, 2.0]), 0.5
    np.testing.assert_array_equal(
        logistic_divided_difference(a, b), [logistic_divided_difference(x, b) for x in a]
    )
