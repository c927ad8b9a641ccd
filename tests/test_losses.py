from decimal import Decimal, localcontext

import numpy as np
import pytest

from sklearn_advex._losses import LogisticLoss

ARGUMENTS = [-800.0, -40.0, -3.0, -1e-9, 0.0, 1e-9, 0.7, 30.0, 800.0]


@pytest.mark.parametrize("u", ARGUMENTS)
def test_logistic_loss_equals_its_formula_in_high_precision(u):
    with localcontext() as context:
        context.prec = 800
        value = (1 + Decimal(u).exp()).ln()
        first = 1 / (1 + Decimal(-u).exp())
        expected = [float(value), float(first), float(first * (1 - first))]
    loss = LogisticLoss()
    u = np.array([u])
    computed = np.concatenate([loss.value(u), *loss.derivatives(u)])
    np.testing.assert_allclose(computed, expected, rtol=1e-15, atol=1e-320)


def test_conjugate_is_the_supremum_and_attained_at_the_derivative():
    loss = LogisticLoss()
    u = np.linspace(-30, 30, 2001)
    for p in (0.0, 1e-9, 0.3, 0.5, 1 - 1e-9, 1.0):
        supremum = (p * u - loss.value(u)).max()
        assert loss.conjugate(np.array([p]))[0] == pytest.approx(supremum, abs=1e-4)
    u = np.array([-5.0, 0.0, 2.0])
    p = loss.derivatives(u)[0]
    np.testing.assert_allclose(loss.conjugate(p), p * u - loss.value(u), atol=1e-14)
