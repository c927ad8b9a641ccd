"""Upper bounds of the change of attributions against changed rows, explained one by one."""

import copy
from itertools import product

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_advex import (
    AdversarialCNNClassifier,
    AdversarialMLPClassifier,
    AdversarialNetClassifier,
    explain,
)
from sklearn_advex.attribution import attribution_stability
from sklearn_advex.neural_network import ResidualSum
from sklearn_advex.neural_network._attribution_bounds import _of_integrated_gradients
from sklearn_advex.neural_network._bounds import Box, GradientBounds
from sklearn_advex.neural_network._bounds._rules import RULES

METHODS = ["ig", "saliency", "input_x_gradient"]
ACTIVATIONS = [
    nn.ReLU(),
    nn.LeakyReLU(0.2),
    nn.ELU(0.7),
    nn.Sigmoid(),
    nn.Tanh(),
    nn.Softplus(),
    nn.Softsign(),
    nn.LogSigmoid(),
]


def problem(n_classes, n_samples=12, n_features=4, seed=0):
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(n_samples, n_features)).astype(np.float32)
    y = np.arange(n_samples) % n_classes
    return X, y, generator


def network(activation, n_classes, n_outputs=None, **params):
    torch.manual_seed(0)
    module = nn.Sequential(
        *(nn.Linear(4, 8), activation, nn.Linear(8, 6), copy.deepcopy(activation)),
        nn.Linear(6, n_outputs or n_classes),
    )
    options = {"training": None, "clip": None, "max_epochs": 3, "random_state": 0}
    return AdversarialNetClassifier(module, **options | params)


def largest_change(model, X, y, epsilon, generator, **options):
    """Over all corners of the boxes, and points inside."""
    corners = np.array([*product([-1.0, 1.0], repeat=X.shape[1])])
    moves = np.vstack([corners, generator.uniform(-1, 1, size=(20, X.shape[1]))]) * epsilon
    rows = (X + moves[:, np.newaxis]).astype(np.float32).reshape(-1, X.shape[1])
    A = explain(model, X, y, target="true", **options)
    changed = explain(model, rows, np.tile(y, len(moves)), target="true", **options)
    return np.abs(changed.reshape(len(moves), *A.shape) - A).sum(axis=2).max(axis=0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("output", ["logit", "probability"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_no_changed_row_exceeds_the_bound(method, output, n_classes):
    X, y, generator = problem(n_classes)
    epsilon = np.array([0.3, 0.1, 0.0, 0.2])
    options = {"method": method, "output": output, "baseline": 0.2, "n_steps": 20}
    for activation in ACTIVATIONS[:: 3 if method == "ig" else 1]:
        model = network(activation, n_classes).fit(X, y)
        bounded = attribution_stability(model, X, y, epsilon=epsilon, n_iter=0, **options)
        assert not bounded.exact
        slack = 1e-4 * (1 + bounded.upper_bound)  # of float32, and of the quadrature
        found = largest_change(model, X, y, epsilon, generator, **options)
        assert (np.maximum(found, bounded.change) <= bounded.upper_bound + slack).all()


@pytest.mark.parametrize("layer", ACTIVATIONS, ids=lambda layer: type(layer).__name__)
def test_slopes_within_an_interval_are_within_their_bounds(layer):
    ends = torch.linspace(-3, 3, 24, dtype=torch.float64)  # none of them 0
    low, high = torch.cartesian_prod(ends, ends).T
    low, high = low[low <= high], high[low <= high]
    least, most = RULES[type(layer)].slopes(layer, Box(low, high))
    points = torch.lerp(low, high, torch.linspace(0, 1, 101, dtype=torch.float64)[:, None])
    points.requires_grad_()
    (slopes,) = torch.autograd.grad(layer(points).sum(), points)
    assert (slopes >= least - 1e-12).all() and (slopes <= most + 1e-12).all()
    is_attained = (slopes.amax(dim=0) >= most - 0.1) & (slopes.amin(dim=0) <= least + 0.1)
    assert is_attained.double().mean() > 0.9


def test_segments_hold_the_paths_to_all_changed_rows():
    generator = np.random.default_rng(0)
    rows, baseline = generator.normal(size=(5, 4)), generator.normal(size=4)
    epsilon, n_steps, boxes = np.array([0.5, 0.1, 0.0, 1.0]), 3, []

    def record(center, radius, positions):
        boxes.append((center - radius, center + radius))
        return np.zeros(center.shape), np.zeros(center.shape)

    _of_integrated_gradients(record, rows, None, epsilon, baseline, n_steps)
    assert len(boxes) == n_steps
    for t in np.linspace(0, 1, 31)[:-1]:
        low, high = boxes[int(t * n_steps)]
        for corner in product([-1.0, 1.0], repeat=4):
            point = baseline + t * (rows + epsilon * np.array(corner) - baseline)
            assert (point >= low - 1e-12).all() and (point <= high + 1e-12).all()


@pytest.mark.parametrize("output", ["logit", "probability"])
def test_modules_with_one_logit(output):
    X, y, generator = problem(2)
    model = network(nn.ReLU(), 2, n_outputs=1).fit(X, y)
    for method in METHODS:
        options = {"method": method, "output": output}
        bound = attribution_stability(model, X, y, epsilon=0.2, n_iter=0, **options).upper_bound
        found = largest_change(model, X, y, 0.2, generator, **options)
        assert (found <= bound + 1e-5 * (1 + bound)).all()
        assert (found >= 0.05 * bound).all()


def test_the_bound_of_a_linear_network_is_the_change_itself():
    X, y, _ = problem(2, 40)
    epsilon = np.array([0.3, 0.1, 0.0, 0.2])
    model = AdversarialMLPClassifier((), max_epochs=5, random_state=0).fit(X, y)
    weight = model.module_[-1].weight.detach().numpy()
    expected = epsilon @ np.abs(weight[1] - weight[0])
    for method in ("ig", "input_x_gradient"):
        stability = attribution_stability(
            model, X, y, epsilon=epsilon, method=method, output="logit", n_iter=5
        )
        np.testing.assert_allclose(stability.upper_bound, expected, rtol=1e-5)
        np.testing.assert_allclose(stability.change, expected, rtol=1e-5)
    saliency = {"method": "saliency", "output": "logit", "n_iter": 0}
    bound = attribution_stability(model, X, y, epsilon=epsilon, **saliency).upper_bound
    np.testing.assert_allclose(bound, 0.0, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_bounds_shrink_with_the_box(method):
    X, y, _ = problem(3, 6)
    model = network(nn.Tanh(), 3).fit(X, y)
    options = {"method": method, "output": "probability", "n_iter": 0, "n_steps": 100}
    bounds = [
        attribution_stability(model, X, y, epsilon=epsilon, **options).upper_bound
        for epsilon in (1.0, 0.1, 0.0)
    ]
    assert (bounds[0] > bounds[1]).all() and (bounds[1] > bounds[2]).all()
    assert bounds[2].max() < (0.05 if method == "ig" else 1e-5)
    few = attribution_stability(model, X, y, epsilon=0.1, **options | {"n_steps": 5}).upper_bound
    assert method != "ig" or (few > bounds[1]).all()


def image_module():
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        ResidualSum(nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU())),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Dropout(),
        nn.Linear(16, 3),
    )
    module[1].running_mean.uniform_(-1, 1)
    module[1].running_var.uniform_(0.5, 2)
    return module.double().eval()


@pytest.mark.parametrize("output", ["logit", "probability"])
def test_gradients_of_images_are_within_their_bounds(output):
    module = image_module()
    X, y = torch.randn(3, 2, 4, 4, dtype=torch.float64), torch.tensor([0, 1, 2])
    box = Box.around(X, torch.full_like(X, 0.1))
    gradients = GradientBounds(module, output).gradients(box, y)
    assert gradients.low.shape == X.shape
    for _ in range(200):
        Z = (X + 0.1 * torch.empty_like(X).uniform_(-1, 1).sign()).requires_grad_()
        scores = module(Z) if output == "logit" else module(Z).softmax(dim=1)
        (gradient,) = torch.autograd.grad(scores.gather(1, y[:, None]).sum(), Z)
        assert (gradient >= gradients.low - 1e-12).all()
        assert (gradient <= gradients.high + 1e-12).all()


@pytest.mark.parametrize("channels", ["first", "last"])
def test_bounds_of_images_are_in_the_order_of_their_rows(channels):
    generator = np.random.default_rng(0)
    X = generator.uniform(size=(12, 2, 4, 4)).astype(np.float32)
    epsilon = generator.uniform(0, 1e-4, size=X.shape[1:])
    if channels == "last":
        X, epsilon = np.moveaxis(X, 1, -1), np.moveaxis(epsilon, 0, -1)
    module = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 2))
    model = AdversarialCNNClassifier(
        module=module, channels=channels, max_epochs=1, training=None, random_state=0
    ).fit(X, np.arange(12) % 2)
    y = model.predict(X)
    options = {"method": "input_x_gradient", "output": "logit"}
    bound = attribution_stability(model, X, y, epsilon=epsilon, n_iter=0, **options).upper_bound
    A = explain(model, X, y, target="true", **options)
    for _ in range(50):
        Z = X + (epsilon * generator.choice([-1, 1], size=X.shape)).astype(np.float32)
        change = np.abs(explain(model, Z, y, target="true", **options) - A)
        assert (change.reshape(12, -1).sum(axis=1) <= bound + 1e-6).all()
    # Most boxes are so small that they hold no kink: there the bound is exact.
    assert np.median(bound / change.reshape(12, -1).sum(axis=1)) == pytest.approx(1.0, abs=0.02)


def test_where_there_is_no_bound_there_is_none():
    X, y, _ = problem(2)
    options = {"epsilon": 0.1, "output": "logit", "n_iter": 0}
    model = network(nn.ReLU(), 2).fit(X, y)
    for method, baseline in (("occlusion", 0.0), ("deep_shap", X[:3]), ("deep_shap", 0.0)):
        more = {"method": method, "baseline": baseline}
        assert attribution_stability(model, X, y, **options, **more).upper_bound is None
    for activation in (nn.Hardtanh(), nn.GELU()):
        model = network(activation, 2).fit(X, y)
        assert attribution_stability(model, X, y, **options).upper_bound is None
