"""The paper's theorems, each with both sides computed by independent means.

P. Chalasani et al., "Concise Explanations of Neural Networks using Adversarial Training", 2020.
Lemma 4.1 is held against the path integral in attribution/test_explain.py.
"""

from itertools import product

import numpy as np
import pytest
from scipy.special import expit

from sklearn_advex import AdversarialLogisticRegression
from sklearn_advex._perturbation import LinfBall
from sklearn_advex.attribution import attribution_stability
from tests.linear_model.problems import objective_of

#: Loss functions that satisfy LOSS-CVX (section B.1), and their derivatives.
LOSSES = {
    "logistic": (lambda u: np.logaddexp(0, u), expit),
    "hinge": (lambda u: np.maximum(0, 1 + u), lambda u: (u > -1).astype(float)),
    "softplus hinge": (lambda u: np.logaddexp(0, 1 + u), lambda u: expit(1 + u)),
}


def worst_by_brute_force(g, w, x, y, epsilon):
    """The largest loss over the corners of the box, where a convex function has its maximum."""
    corners = epsilon * np.array(list(product([-1.0, 1.0], repeat=w.size)))
    return g(-y * ((x + corners) @ w)).max()


@pytest.mark.parametrize("seed", range(5))
def test_equation_7(seed):
    """Gradient of the adversarial loss: numerical slopes of a brute-force maximum."""
    rng = np.random.default_rng(seed)
    w, x, y, epsilon = rng.normal(size=5), rng.normal(size=5), rng.choice([-1.0, 1.0]), 0.3
    objective = objective_of(x[None], np.array([y]), epsilon, fit_intercept=False)
    g, g_prime = LOSSES["logistic"]
    formula = -g_prime(epsilon * np.abs(w).sum() - y * w @ x) * (y * x - np.sign(w) * epsilon)
    step = 1e-6
    slopes = [
        (
            worst_by_brute_force(g, w + step * unit, x, y, epsilon)
            - worst_by_brute_force(g, w - step * unit, x, y, epsilon)
        )
        / (2 * step)
        for unit in np.eye(5)
    ]
    np.testing.assert_allclose(formula, slopes, rtol=1e-6, atol=1e-9)
    subgradient = objective.evaluate(objective.point(w)).subgradient
    np.testing.assert_allclose(subgradient, formula, rtol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_theorem_5_1(seed):
    """Loss plus the worst l1 norm of IG of the loss is the adversarial loss."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(30, 5))
    labels = (X[:, 0] + 0.5 * rng.normal(size=30) > 0).astype(int)
    model = AdversarialLogisticRegression(0.05).fit(X, labels)
    w, b, y, epsilon = model.coef_[0], model.intercept_[0], 2 * labels - 1, 0.2
    nodes, weights = np.polynomial.legendre.leggauss(40)
    corners = epsilon * np.array(list(product([-1.0, 1.0], repeat=5)))
    inside = rng.uniform(-epsilon, epsilon, size=(200, 5))
    augmented = []
    for x, sign in zip(X, y, strict=True):
        worst = 0.0
        for delta in np.vstack([corners, inside]):
            path = x + np.outer((nodes + 1) / 2, delta)
            gradient = -sign * expit(-sign * (path @ w + b))[:, None] * w
            integral = delta * (weights / 2 @ gradient)
            worst = max(worst, np.abs(integral).sum())
        augmented.append(np.logaddexp(0, -sign * (x @ w + b)) + worst)
    # The right-hand side: the natural loss on the model's own worst inputs.
    worst_rows = model.perturb(X, labels, epsilon=epsilon)
    adversarial = -model.predict_log_proba(worst_rows)[np.arange(30), labels]
    np.testing.assert_allclose(augmented, adversarial, rtol=1e-10)
    change, exact, upper_bound = attribution_stability(model, X, labels, epsilon=epsilon)
    natural = -model.predict_log_proba(X)[np.arange(30), labels]
    assert exact and upper_bound is change
    np.testing.assert_allclose(natural + change, augmented, rtol=1e-10)


# Theorem 3.1

N_DRAWS = 200_000
STRENGTHS = np.array([0.0, 0.3, -0.4, 0.1, 0.05, 0.2])
W = np.array([0.0, 0.8, 0.5, -0.3, 1e-9, 0.6])


def draw(rng, shared=0.0):
    """Rows with E(x_j | y) = a_j y, the features independent given y unless they share noise."""
    y = rng.choice([-1.0, 1.0], size=N_DRAWS)
    noise = np.column_stack(
        [
            rng.normal(size=N_DRAWS),
            rng.uniform(-1, 1, size=N_DRAWS),
            rng.laplace(size=N_DRAWS),
            rng.normal(size=N_DRAWS),
            rng.exponential(size=N_DRAWS) - 1,
            np.zeros(N_DRAWS),
        ]
    )
    noise[:, 5] = np.where(rng.random(N_DRAWS) < (1 + STRENGTHS[5] * y) / 2, 1.0, -1.0)
    noise[:, 5] -= STRENGTHS[5] * y  # a binary feature, less its mean given y
    noise += shared * rng.normal(size=(N_DRAWS, 1))
    return STRENGTHS * y[:, None] + noise, y


def updates(X, y, w, epsilon, g_prime):
    """What one step of gradient descent on the adversarial input of each row adds to w."""
    worst = X - y[:, None] * LinfBall(np.full(w.size, epsilon)).maximizer(w)
    derivative = g_prime(-y * (worst @ w))
    return derivative[:, None] * y[:, None] * worst, derivative


def assert_at_most_zero(samples, equal):
    """Hold a mean against 0 by its confidence interval of 4.5 standard errors."""
    error = samples.std() / np.sqrt(samples.size)
    assert samples.mean() <= 4.5 * error
    if equal:
        assert samples.mean() >= -4.5 * error
    else:
        assert samples.mean() <= -4.5 * error  # strictly below: the draws are many enough to tell


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("epsilon", [0.0, 0.15, 0.5])
def test_theorem_3_1(loss, epsilon):
    X, y = draw(np.random.default_rng(0))
    step, derivative = updates(X, y, W, epsilon, LOSSES[loss][1])
    # 1. A weight of zero moves by its strength, in the mean.
    assert_at_most_zero(step[:, 0] - derivative * STRENGTHS[0], equal=True)
    at_zero = np.where(np.arange(6) == 1, 0.0, W)
    steps, slopes = updates(X, y, at_zero, epsilon, LOSSES[loss][1])
    assert_at_most_zero(steps[:, 1] - slopes * STRENGTHS[1], equal=True)
    # 2. Other weights grow by less than the bound, which the smallest one meets.
    for j in range(1, 6):
        sign = np.sign(W[j])
        slack = sign * step[:, j] - derivative * (STRENGTHS[j] * sign - epsilon)
        assert_at_most_zero(slack, equal=j == 4)


def test_theorem_3_1_needs_independent_features():
    X, y = draw(np.random.default_rng(0), shared=1.0)
    step, derivative = updates(X, y, W, 0.15, expit)
    samples = step[:, 0] - derivative * STRENGTHS[0]
    assert abs(samples.mean()) > 10 * samples.std() / np.sqrt(N_DRAWS)


def test_theorem_3_1_is_about_the_gradient_that_training_uses():
    X, y = (part[:500] for part in draw(np.random.default_rng(1)))
    objective = objective_of(X, y, 0.15, fit_intercept=False)
    step, _ = updates(X, y, W, 0.15, expit)
    gradient = objective.evaluate(objective.point(W)).subgradient
    np.testing.assert_allclose(-step.mean(axis=0)[1:], gradient[1:], rtol=1e-10)


@pytest.mark.parametrize("epsilon", [0.0, 0.2])
def test_theorem_e_1(epsilon):
    """Each class against the rest: numerical slopes of the summed loss against the bound."""
    rng = np.random.default_rng(0)
    n_classes, w = 3, np.array([[0.6, -0.4, 0.0], [0.0, 0.3, 0.5], [-0.5, 0.2, 1e-7]])
    labels = rng.integers(n_classes, size=N_DRAWS)
    # One feature depends on the class, so that the others are independent of it given "the rest".
    x = np.column_stack(
        [
            np.array([1.0, 0.1, -0.9])[labels] + rng.normal(size=N_DRAWS),
            rng.uniform(-1, 1, size=N_DRAWS),
            rng.laplace(size=N_DRAWS),
        ]
    )
    means = np.array([x[labels == c, 0].mean() for c in range(n_classes)])
    for i in range(n_classes):
        y = np.where(labels == i, 1.0, -1.0)
        rest = x[labels != i, 0].mean()
        # Lemma 1: about its center for this class the feature satisfies FEAT-EXP.
        strengths = np.array([(means[i] - rest) / 2, 0.0, 0.0])
        centered = x - np.array([(means[i] + rest) / 2, 0.0, 0.0])

        def total_loss(w_i, i=i, centered=centered):
            """The summed loss of all classes' problems, each on its own worst input."""
            loss = 0.0
            for k in range(n_classes):
                y_k = np.where(labels == k, 1.0, -1.0)
                w_k = w_i if k == i else w[k]
                worst = centered - y_k[:, None] * epsilon * np.sign(w_k)
                loss = loss + np.logaddexp(0, -y_k * (worst @ w_k))
            return loss

        slope = expit(-y * (centered @ w[i]) + epsilon * np.abs(w[i]).sum())
        for j, weight in enumerate(w[i]):
            # At a weight of zero sgn(0) = 0: no change of the feature, whatever side w is on.
            step = 1e-6 if abs(weight) > 1e-5 else None
            if step is None:
                update = slope * (y * centered[:, j] - epsilon * np.sign(weight))
            else:
                unit = step * np.eye(3)[j]
                update = -(total_loss(w[i] + unit) - total_loss(w[i] - unit)) / (2 * step)
            sign = np.sign(weight) or 1.0
            bound = slope * (strengths[j] * sign - epsilon * abs(np.sign(weight)))
            assert_at_most_zero(sign * update - bound, equal=abs(weight) < 1e-5)
