"""What fitted networks prove: exact where they are linear, never refuted by a search."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.preprocessing import StandardScaler
from torch import nn

from sklearn_advex import (
    AdversarialCNNClassifier,
    AdversarialLogisticRegression,
    AdversarialNetClassifier,
)
from sklearn_advex.neural_network import ConvNet
from sklearn_advex.neural_network._certify import largest_radii


def multilayer_perceptron(n_features, n_classes):
    return nn.Sequential(
        *(nn.Linear(n_features, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU()),
        nn.Linear(32, n_classes),
    )


def net(module=multilayer_perceptron, **params):
    defaults = {"training": "ibp", "epsilon": 0.1, "clip": None, "lr": 5e-3, "max_epochs": 20}
    return AdversarialNetClassifier(module, random_state=0, **(defaults | params))


def scaled(load):
    X, y = load(return_X_y=True)
    return StandardScaler().fit_transform(X).astype(np.float32), y


@pytest.fixture(scope="module")
def cancer():
    return scaled(load_breast_cancer)


@pytest.fixture(scope="module")
def certified(cancer):
    return net().fit(*cancer)


def as_network(linear, n_features):
    """A fitted network with the coefficients of a linear model."""
    module = nn.Linear(n_features, 1)
    with torch.no_grad():
        module.weight.copy_(torch.tensor(linear.coef_))
        module.bias.copy_(torch.tensor(linear.intercept_))
    return module


@pytest.mark.parametrize("method", ["auto", "interval", "crown"])
def test_linear_modules_are_certified_exactly(cancer, method):
    X, y = cancer
    linear = AdversarialLogisticRegression(epsilon=0.2).fit(X.astype(np.float64), y)
    model = net(as_network(linear, 30), training=None, max_epochs=1, lr=1e-12).fit(X, y)
    linear.coef_ = model.module_.weight.detach().double().numpy()
    linear.intercept_ = model.module_.bias.detach().double().numpy()
    for epsilon in (0.0, 0.1, 0.5, 1.0):
        exact = linear.adversarial_score(X.astype(np.float64), y, epsilon=epsilon)
        assert model.certified_score(X, y, epsilon=epsilon, method=method) == exact
    radii = model.certified_radius(X, method=method)
    exact = linear.certified_radius(X.astype(np.float64))
    assert (radii <= exact).all()
    assert (exact - radii <= 1e-6 * (np.abs(X).max(axis=1) + exact)).all()


def test_certified_training_of_a_linear_module_comes_to_the_exact_optimum(cancer):
    X, y = cancer
    penalty = {"epsilon": 0.2, "alpha": 1e-3}
    linear = AdversarialLogisticRegression(**penalty, l1_ratio=1.0).fit(X.astype(np.float64), y)
    model = net(
        nn.Linear(30, 1),
        **penalty,
        certified_share=1.0,
        epsilon_warmup=0.0,
        max_epochs=300,
        batch_size=1000,
        lr_schedule="linear",
        lr=0.02,
    ).fit(X, y)
    optimum = linear_objective(linear.coef_[0], linear.intercept_[0], X, y, **penalty)
    reached = [p.detach().double().numpy().ravel() for p in model.module_.parameters()]
    assert optimum < linear_objective(*reached, X, y, **penalty) < optimum + 0.02
    natural = AdversarialLogisticRegression(0.0, alpha=1e-3).fit(X.astype(np.float64), y)
    other = natural.coef_[0], natural.intercept_[0]
    assert linear_objective(*other, X, y, **penalty) > optimum + 0.1


def linear_objective(w, b, X, y, epsilon, alpha):
    margins = (2 * y - 1) * (X @ w + b) - epsilon * np.abs(w).sum()
    return np.logaddexp(0, -margins).mean() + alpha * np.abs(w).sum()


def test_the_truth_is_bracketed(cancer, certified):
    X, y = cancer
    lower = certified.certified_score(X, y)
    upper = certified.adversarial_score(X, y, steps=40, restarts=2)
    assert 0.85 < lower <= upper <= certified.score(X, y)
    assert certified.certified_score(X, y, epsilon=0.0) == certified.score(X, y)
    assert certified.certified_score(X, y, epsilon=100) == 0.0


def test_methods_come_in_their_order(cancer):
    X, y = cancer
    model = net(training="pgd", attack_steps=3).fit(X, y)
    scores = [model.certified_score(X, y, method=m) for m in ("interval", "crown", "auto")]
    assert scores[0] < scores[1] == scores[2] <= model.adversarial_score(X, y)


def attack_in_float64(model, X, y, radii, n_steps=30):
    """Whether projected gradient descent in float64 turns a row within its radius."""
    module = copy.deepcopy(model.module_).double()
    X, y, radii = (torch.tensor(part) for part in (X.astype(np.float64), y, radii[:, np.newaxis]))
    Z = X + radii * (2 * torch.rand(X.shape, generator=torch.Generator().manual_seed(0)) - 1).sign()
    is_turned = torch.zeros(len(y), dtype=torch.bool)
    for _ in range(n_steps):
        Z.requires_grad_()
        logits = module(Z)
        is_turned |= logits.argmax(dim=1) != y
        (gradient,) = torch.autograd.grad(nn.functional.cross_entropy(logits, y), Z)
        Z = torch.clamp(Z.detach() + radii / 4 * gradient.sign(), X - radii, X + radii)
    in_float32 = torch.tensor(model.predict(Z.float().numpy()))
    return (is_turned | (in_float32 != y)).numpy()


def test_no_attack_turns_ten_thousand_certified_rows(cancer, certified):
    X, _ = cancer
    generator = np.random.default_rng(0)
    rows = X[generator.integers(len(X), size=10_000)]
    rows = (rows + generator.normal(scale=0.7, size=rows.shape)).astype(np.float32)
    y = certified.predict(rows)
    radii = certified.certified_radius(rows, method="interval")
    assert (radii > 0).all()
    assert not attack_in_float64(certified, rows, y, radii).any()
    assert attack_in_float64(certified, rows, y, 3 * radii).mean() > 0.2  # the attack is one


def test_a_radius_is_where_the_certificate_ends(cancer, certified):
    X, _ = cancer
    y = certified.predict(X)
    radii = certified.certified_radius(X[:20], method="crown")
    for row, radius in enumerate(radii):
        some = X[[row]], y[[row]]
        assert certified.certified_score(*some, epsilon=radius, method="crown") == 1.0
        assert certified.certified_score(*some, epsilon=radius * (1 + 1e-6), method="crown") == 0.0


def test_radii_of_the_methods_come_in_their_order(cancer, certified):
    X, _ = cancer
    by_interval, by_crown = (
        certified.certified_radius(X[:100], method=m) for m in ("interval", "crown")
    )
    assert (by_crown >= by_interval * (1 - 1e-6)).all()
    assert by_crown.mean() > 1.02 * by_interval.mean()


def test_largest_radii_search_all_scales():
    true = np.array([0.0, 1e-9, 0.3, 1.0, 7.5, 1e12, np.inf])
    found = largest_radii(lambda rows, radii: radii <= true[rows], len(true))
    assert found[-1] == np.inf
    assert found[0] == 0
    assert np.allclose(found[1:-1], true[1:-1], rtol=2e-7)
    assert (found <= true).all()


def test_images_are_certified_within_valid_inputs():
    X, y = load_digits(return_X_y=True)
    X = (X / 16).reshape(-1, 8, 8)

    def module(input_shape, n_classes):
        return ConvNet(input_shape, n_classes, n_filters=(8,), n_hidden=32)

    model = AdversarialCNNClassifier(
        module, training="ibp", epsilon=0.05, max_epochs=15, lr=5e-3, random_state=0
    ).fit(X[:1200], y[:1200])
    X, y = X[1200:1230], y[1200:1230]
    lower, upper = model.certified_score(X, y), model.adversarial_score(X, y)
    assert 0.5 < lower <= upper < 1
    unclipped = copy.copy(model).set_params(clip=None)
    assert unclipped.certified_score(X, y, epsilon=0.1) < model.certified_score(X, y, epsilon=0.1)
    assert model.history_[-1]["train_certified_accuracy"] > 0.3


def test_a_network_that_never_changes_its_mind_has_no_radius_to_end_at():
    X, y = scaled(load_iris)
    model = net(nn.Linear(4, 3), training=None, max_epochs=1).fit(X, y)
    model.module_.weight.data.zero_()
    model.module_.bias.data = torch.tensor([0.0, 1.0, 0.0])
    assert (model.certified_radius(X) == np.inf).all()


def test_history_keeps_clean_and_certified_apart(cancer):
    X, y = cancer
    last = net(validation_fraction=0.2, max_epochs=10).fit(X, y).history_[-1]
    for part in ("train", "valid"):
        assert last[f"{part}_certified_accuracy"] <= last[f"{part}_clean_accuracy"]
        assert last[f"{part}_certified_loss"] > last[f"{part}_clean_loss"]
        mean = (last[f"{part}_certified_loss"] + last[f"{part}_clean_loss"]) / 2
        assert last[f"{part}_loss"] == pytest.approx(mean, rel=0.1)
        assert f"{part}_adversarial_loss" not in last


def test_weights_frames_and_unknown_labels_are_understood(cancer, certified):
    X, y = cancer
    is_certified = np.array(
        [certified.certified_score(X[[row]], y[[row]]) for row in range(20)], dtype=bool
    )
    weight = np.arange(20.0)
    expected = np.average(is_certified, weights=weight)
    assert certified.certified_score(X[:20], y[:20], sample_weight=weight) == expected
    some = np.where(np.arange(20) < 10, y[:20], 7)
    assert certified.certified_score(X[:20], some) == is_certified[:10].sum() / 20
    frame = pd.DataFrame(X, columns=[f"c{i}" for i in range(30)])
    model = net(max_epochs=2).fit(frame, y)
    frozen = {f"c{i}": 0.0 for i in range(30)}
    assert model.certified_score(frame, y, epsilon=frozen) == model.score(frame, y)
    assert model.certified_radius(frame).shape == (len(y),)


def gelu_network(n_features, n_classes):
    return nn.Sequential(nn.Linear(n_features, 4), nn.GELU(), nn.Linear(4, n_classes))


def test_what_cannot_be_certified_is_named_before_training(cancer):
    X, y = cancer
    with pytest.raises(ValueError, match=r"training='ibp' needs bounds.*layer '1' \(GELU\)"):
        net(gelu_network).fit(X, y)
    model = net(gelu_network, training="fgsm", max_epochs=1).fit(X, y)
    with pytest.raises(ValueError, match=r"certified_score needs bounds.*layer '1' \(GELU\)"):
        model.certified_score(X, y)
    with pytest.raises(ValueError, match="certified_radius needs bounds"):
        model.certified_radius(X)


def test_an_unknown_method_is_refused(cancer, certified):
    X, y = cancer
    with pytest.raises(ValueError, match=r"method='milp' is unknown.*'crown'"):
        certified.certified_score(X, y, method="milp")


def test_certifying_leaves_the_model_as_it_was(cancer, certified):
    X, y = cancer
    before = copy.deepcopy(certified.module_.state_dict())
    certified.certified_score(X, y)
    assert not certified.module_.training
    assert all(parameter.requires_grad for parameter in certified.module_.parameters())
    for name, part in certified.module_.state_dict().items():
        assert part.dtype == torch.float32
        assert torch.equal(part, before[name])


def test_batch_norm_and_dropout_are_bounded_as_they_predict(cancer):
    X, y = cancer

    def module(n_features, n_classes):
        return nn.Sequential(
            *(nn.Linear(n_features, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1)),
            nn.Linear(16, n_classes),
        )

    model = net(module, epsilon=0.05).fit(X, y)
    lower, upper = model.certified_score(X, y), model.adversarial_score(X, y, steps=20)
    assert 0.8 < lower <= upper
    radii = model.certified_radius(X)
    assert not attack_in_float64(model, X, model.predict(X), radii).any()
