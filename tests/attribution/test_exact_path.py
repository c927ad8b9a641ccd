"""Exact Integrated Gradients of multilayer perceptrons against a quadrature of many nodes."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, load_iris
from sklearn.preprocessing import scale
from torch import nn

from sklearn_advex import AdversarialNetClassifier, explain
from sklearn_advex.attribution._torch import _exact_path
from sklearn_advex.attribution._torch._exact_path import has_exact_path

MODULES = {
    "relu": lambda d, k: nn.Sequential(
        *(nn.Linear(d, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(inplace=True), nn.Linear(32, k)),
    ),
    "leaky, nested, with batch norm": lambda d, k: nn.Sequential(
        nn.Sequential(nn.Linear(d, 20), nn.BatchNorm1d(20), nn.LeakyReLU(0.2)),
        *(nn.Dropout(0.3), nn.Linear(20, 10), nn.ReLU(), nn.Linear(10, k)),
    ),
    "linear": lambda d, k: nn.Sequential(nn.Flatten(), nn.Linear(d, k)),
    "one logit": lambda d, k: nn.Sequential(
        nn.Linear(d, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 1)
    ),
}


def trained(name, n_classes=3):
    X, y = load_iris(return_X_y=True)
    X, y = scale(X).astype(np.float32), np.minimum(y, n_classes - 1)
    torch.manual_seed(0)
    module = MODULES[name](4, n_classes)
    options = {"clip": None, "training": None, "lr": 0.03, "max_epochs": 30, "random_state": 0}
    return AdversarialNetClassifier(module, **options).fit(X, y), X, y


def by_quadrature(model, X, output, target, baseline, n_steps=20_000):
    """The midpoint rule in float64, row by row."""
    module = model.module_.double().eval()
    rows = []
    for row, position in zip(X.astype(np.float64), target, strict=True):
        shares = (torch.arange(n_steps).double() + 0.5)[:, None] / n_steps
        change = torch.tensor(row - baseline)
        points = (torch.tensor(baseline) + shares * change).requires_grad_()
        logits = module(points)
        if logits.shape[1] == 1:
            logits = torch.cat([-logits, logits], dim=1)
            probability = logits.sigmoid()[:, position]
        else:
            probability = logits.softmax(dim=1)[:, position]
        explained = {
            "logit": logits[:, position],
            "probability": probability,
            "loss": -probability.log(),
        }[output]
        (gradient,) = torch.autograd.grad(explained.sum(), points)
        rows.append((change * gradient.mean(dim=0)).numpy())
    module.float()
    return np.array(rows)


@pytest.mark.parametrize("output", ["probability", "logit", "loss"])
@pytest.mark.parametrize("name", MODULES)
def test_it_is_the_limit_of_a_quadrature(name, output):
    n_classes = 2 if name == "one logit" else 3
    model, X, y = trained(name, n_classes)
    rows = slice(0, 150, 15)
    baseline = np.array([0.5, -1.0, 2.0, 0.0])
    options = {"output": output, "target": "true", "baseline": baseline}
    attributions = explain(model, X[rows], y[rows], **options)
    expected = by_quadrature(model, X[rows], output, y[rows], baseline)
    assert np.abs(attributions - expected).max() < 2e-4 * max(1, np.abs(expected).max())


@pytest.mark.parametrize("output", ["probability", "loss"])
@pytest.mark.parametrize("name", MODULES)
def test_attributions_add_up_to_one_millionth(name, output):
    model, X, y = trained(name, 2 if name == "one logit" else 3)
    _, error = explain(model, X, y, output=output, return_completeness=True)
    assert np.abs(error).max() < 1e-6 * (1 if output == "probability" else 20)


def test_confident_networks_on_many_features_add_up_too():
    X, y = load_digits(return_X_y=True)
    model, X = (
        AdversarialNetClassifier(
            MODULES["relu"](64, 10), training=None, lr=0.01, max_epochs=20, random_state=0
        ),
        (X / 16).astype(np.float32),
    )
    model.fit(X, y)
    with torch.no_grad():
        model.module_[-1].weight *= 20.0  # probabilities that jump
    _, error = explain(model, X[:200], return_completeness=True)
    assert np.abs(error).max() < 2e-6


def test_the_result_does_not_depend_on_the_batch(monkeypatch):
    model, X, _ = trained("relu")
    whole = explain(model, X)
    monkeypatch.setattr(_exact_path, "_BATCH_NUMBERS", 1)
    assert np.allclose(explain(model, X, batch_size=7), whole, atol=1e-6)


def test_a_row_at_the_baseline_has_no_attribution():
    model, X, _ = trained("relu")
    assert not explain(model, X[:3], baseline=X[1])[1].any()


@pytest.mark.parametrize(
    "module",
    [
        nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2)),
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2)),
        nn.Sequential(nn.Linear(4, 2000), nn.ReLU(), nn.Linear(2000, 2)),
        nn.Sequential(nn.Sequential(nn.GELU())),
        nn.Bilinear(2, 2, 2),
    ],
)
def test_other_modules_are_left_to_the_quadrature(module):
    assert not has_exact_path(module)
