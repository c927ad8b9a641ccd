from decimal import Decimal, localcontext

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from sklearn_advex._losses import LOSSES, HingeLoss, LogisticLoss, SoftplusHingeLoss

ARGUMENTS = [-800.0, -40.0, -3.0, -1e-9, 0.0, 1e-9, 0.7, 30.0, 800.0]


@pytest.fixture(params=LOSSES.values(), ids=LOSSES)
def loss(request):
    return request.param()


@pytest.mark.parametrize("shift", [0, 1], ids=["logistic", "softplus hinge"])
@pytest.mark.parametrize("u", ARGUMENTS)
def test_smooth_losses_equal_their_formulas_in_high_precision(u, shift):
    with localcontext() as context:
        context.prec = 800
        shifted = Decimal(shift + u)  # the sum is rounded before it is exact
        value = (1 + shifted.exp()).ln()
        first = 1 / (1 + (-shifted).exp())
        expected = [float(value), float(first), float(first * (1 - first))]
    loss = (LogisticLoss(), SoftplusHingeLoss())[shift]
    u = np.array([u])
    np.testing.assert_allclose(np.ravel(loss.derivatives(u)), expected, rtol=1e-15, atol=1e-320)
    np.testing.assert_array_equal(loss.value(u), loss.derivatives(u)[0])


def test_the_hinge_is_zero_from_a_margin_of_one_on():
    np.testing.assert_array_equal(
        HingeLoss().value(np.array([-800.0, -1.0, -0.5, 0.0, 800.0])), [0.0, 0.0, 0.5, 1.0, 801.0]
    )


@pytest.mark.parametrize("loss", [LogisticLoss(), SoftplusHingeLoss()])
def test_derivatives_are_the_slopes(loss):
    u, h = np.linspace(-6, 6, 41), 1e-6
    _, first, second = loss.derivatives(u)
    np.testing.assert_allclose(first, (loss.value(u + h) - loss.value(u - h)) / (2 * h), atol=1e-9)
    slope = (loss.derivatives(u + h)[1] - loss.derivatives(u - h)[1]) / (2 * h)
    np.testing.assert_allclose(second, slope, atol=1e-9)


def test_losses_are_convex_and_do_not_fall(loss):
    values = loss.value(np.linspace(-30, 30, 2001))
    assert (np.diff(values) >= 0).all()
    assert (np.diff(values, 2) >= -1e-13).all()


def test_conjugate_is_the_supremum(loss):
    u = np.linspace(-31, 31, 6201)
    for p in (0.0, 1e-9, 0.3, 0.5, 1 - 1e-9, 1.0):
        supremum = (p * u - loss.value(u)).max()
        assert loss.conjugate(np.array([p]))[0] == pytest.approx(supremum, abs=1e-4)


@pytest.mark.parametrize("loss", [LogisticLoss(), SoftplusHingeLoss()])
def test_conjugate_is_attained_at_the_derivative(loss):
    u = np.array([-5.0, 0.0, 2.0])
    p = loss.derivatives(u)[1]
    np.testing.assert_allclose(loss.conjugate(p), p * u - loss.value(u), atol=1e-14)


@pytest.mark.parametrize("share", [1e-6, 0.2, 0.5, 0.7, 1 - 1e-6])
def test_intercept_only_has_the_smallest_mean_loss(loss, share):
    def mean_loss(score):
        positive, negative = loss.value(np.array([-score, score]))
        return share * positive + (1 - share) * negative

    best = minimize_scalar(mean_loss, bounds=(-20, 20), options={"xatol": 1e-10})
    assert mean_loss(loss.intercept_only(share)) <= best.fun * (1 + 1e-12)
    assert loss.intercept_only(1 - share) == pytest.approx(-loss.intercept_only(share), abs=1e-9)


@pytest.mark.parametrize("score", [-3.0, 0.0, 0.4, 5.0])
def test_the_link_of_the_softplus_hinge_is_the_one_that_the_documentation_says(score):
    rises, falls = SoftplusHingeLoss().derivatives(np.array([score, -score]))[1]
    assert SoftplusHingeLoss().intercept_only(rises / (rises + falls)) == pytest.approx(score)
