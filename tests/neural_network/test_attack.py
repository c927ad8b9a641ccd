"""Laws of the attack: what it must never do, and what it must equal where the answer is known."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import scale
from torch import nn

from sklearn_advex import AdversarialLogisticRegression, AdversarialNetClassifier
from sklearn_advex.neural_network._attack import (
    ProjectedGradientDescent,
    frozen,
    strongest_attack,
)


def box_attack(epsilon=0.1, *, n_steps=5, step_size=None, random_start=True, clip=(0.0, 1.0)):
    epsilon = torch.as_tensor(epsilon)
    step_size = 2.5 / n_steps * epsilon if step_size is None else torch.as_tensor(step_size)
    bounds = None if clip is None else tuple(torch.tensor(bound) for bound in clip)
    return ProjectedGradientDescent(epsilon, step_size, n_steps, random_start, bounds)


def network(n_features=6, n_classes=3):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(n_features, 16), nn.Tanh(), nn.Linear(16, n_classes))


@given(
    epsilon=st.floats(0, 2, width=32),
    n_steps=st.integers(1, 4),
    random_start=st.booleans(),
    is_clipped=st.booleans(),
    scale=st.floats(0, 1, width=32),
)
def test_the_attack_stays_in_the_box_and_among_valid_inputs(
    epsilon, n_steps, random_start, is_clipped, scale
):
    X, y = torch.rand(8, 6), torch.arange(8) % 3
    before = X.clone()
    clip = (0.0, 1.0) if is_clipped else None
    attack = box_attack(epsilon, n_steps=n_steps, random_start=random_start, clip=clip)
    Z = attack.perturb(network(), X, y, scale)
    assert torch.equal(X, before)
    assert (Z - X).abs().max() <= epsilon * scale * (1 + 1e-6) + 1e-6
    assert not is_clipped or (Z.min() >= 0 and Z.max() <= 1)


def test_features_with_epsilon_0_do_not_move():
    epsilon = torch.tensor([0.0, 0.1, 0.0, 0.2, 0.0, 0.3])
    X = torch.rand(8, 6)
    moved = box_attack(epsilon, clip=None).perturb(network(), X, torch.zeros(8, dtype=int)) != X
    assert torch.equal(moved.any(dim=0), epsilon > 0)


def test_a_random_start_spreads_over_the_whole_box():
    X = torch.zeros(20_000, 1)
    attack = box_attack(0.5, n_steps=0, step_size=0.1, clip=None)
    start = attack.perturb(network(1), X, torch.zeros(20_000, dtype=int))
    shares = torch.histc(start, bins=4, min=-0.5, max=0.5) / len(X)
    assert torch.allclose(shares, torch.full((4,), 0.25), atol=0.02)


def test_more_steps_and_restarts_raise_the_loss():
    model, X, y = network(), torch.rand(64, 6), torch.arange(64) % 3

    def loss(Z):
        return nn.functional.cross_entropy(model(Z), y).item()

    torch.manual_seed(1)
    one_step = box_attack(0.3, n_steps=1, step_size=0.05).perturb(model, X, y)
    many_steps = box_attack(0.3, n_steps=20).perturb(model, X, y)
    assert loss(X) < loss(one_step) < loss(many_steps)


@pytest.fixture(scope="module")
def linear_pair():
    """A linear module after training, and the linear classifier with the same coefficients."""
    X, y = load_breast_cancer(return_X_y=True)
    X = scale(X)
    net = AdversarialNetClassifier(
        nn.Linear,
        module__in_features=30,
        module__out_features=1,
        epsilon=0.2,
        clip=None,
        lr=0.01,
        random_state=0,
    ).fit(X, y)
    linear = AdversarialLogisticRegression(epsilon=0.2).fit(X, y)
    linear.coef_ = net.module_.weight.detach().numpy().astype(float)
    linear.intercept_ = net.module_.bias.detach().numpy().astype(float)
    return net, linear, X, y


def test_the_attack_on_a_linear_module_is_the_closed_form(linear_pair):
    net, linear, X, y = linear_pair
    assert np.allclose(net.perturb(X, y), linear.perturb(X, y), atol=1e-6)


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.2, 0.5])
def test_robust_accuracy_of_a_linear_module_is_exact(linear_pair, epsilon):
    net, linear, X, y = linear_pair
    score = net.adversarial_score(X, y, epsilon=epsilon)
    assert score == pytest.approx(linear.adversarial_score(X, y, epsilon=epsilon), abs=1e-12)


def test_one_signed_step_without_a_random_start_is_the_closed_form():
    model = nn.Linear(6, 2)
    X, y = torch.rand(8, 6), torch.arange(8) % 2
    attack = box_attack(0.3, n_steps=1, step_size=0.3, random_start=False, clip=None)
    toward_other = (model.weight[1] - model.weight[0]) * (1 - 2 * y)[:, None]
    worst = X + 0.3 * toward_other.sign()
    assert torch.allclose(attack.perturb(model, X, y), worst, atol=1e-6)


def test_restarts_keep_what_is_worst_and_never_help_the_model():
    model, X, y = network(), torch.rand(200, 6), torch.arange(200) % 3
    y = model(X).argmax(dim=1)
    attack = box_attack(0.15, n_steps=2, step_size=0.05)
    n_fooled = []
    for n_restarts in (1, 2, 8):
        torch.manual_seed(0)
        Z, is_fooled = strongest_attack(attack, model, X, y, n_restarts)
        assert torch.equal(model(Z).argmax(dim=1) != y, is_fooled)
        n_fooled.append(int(is_fooled.sum()))
    assert 0 < n_fooled[0] < n_fooled[-1] < 200
    assert n_fooled == sorted(n_fooled)


def test_a_row_that_is_wrong_already_counts_as_fooled():
    model, X = network(), torch.rand(50, 6)
    wrong = (model(X).argmax(dim=1) + 1) % 3
    _, is_fooled = strongest_attack(box_attack(0.0), model, X, wrong, 1)
    assert is_fooled.all()


def stateful_network():
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3))


def test_an_attack_leaves_no_trace_in_the_module():
    model = stateful_network()
    model[2].eval()
    model[3].bias.requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with frozen(model):
        box_attack().perturb(model, torch.rand(8, 6), torch.zeros(8, dtype=int))
    after = model.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert [part.training for part in model.modules()] == [True, True, True, False, True]
    assert [parameter.requires_grad for parameter in model.parameters()] == [True] * 5 + [False]


def test_a_module_is_restored_after_an_error_too():
    model = stateful_network()
    with pytest.raises(RuntimeError, match="stop"), frozen(model):
        raise RuntimeError("stop")
    assert model.training
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_an_attack_works_where_gradients_are_switched_off():
    model, X, y = network(), torch.rand(8, 6), torch.zeros(8, dtype=int)
    attack = box_attack(random_start=False)
    with torch.no_grad():
        quiet = attack.perturb(model, X, y)
    assert torch.equal(quiet, attack.perturb(model, X, y))
    assert not torch.equal(quiet, X)


def test_a_model_that_is_sure_is_attacked_like_one_that_is_not():
    model, X = network(), torch.rand(200, 6)
    y = model(X).argmax(dim=1)
    n_fooled = []
    for factor in (1, 1e3):
        model[2].weight.data *= factor
        model[2].bias.data *= factor
        torch.manual_seed(0)
        _, is_fooled = strongest_attack(box_attack(0.15), model, X, y, 1)
        n_fooled.append(int(is_fooled.sum()))
    assert n_fooled[0] > 0
    assert n_fooled[1] == pytest.approx(n_fooled[0], abs=3)


def test_an_input_outside_of_clip_is_not_moved_further_out():
    X, y = torch.full((4, 6), 1.3), torch.arange(4) % 3
    Z = box_attack(0.1).perturb(network(), X, y)
    assert (Z <= 1.3).all()
    assert (Z - X).abs().max() <= 0.1 + 1e-6
