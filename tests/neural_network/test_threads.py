"""What threads share: a fitted model, and torch's random state."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from sklearn_advex import AdversarialCNNClassifier
from sklearn_advex.neural_network import ConvNet
from sklearn_advex.neural_network._attack import frozen


def small_conv_net(input_shape, n_classes):
    return ConvNet(input_shape, n_classes, n_filters=(4, 8), n_hidden=32)


def classifier(**params):
    defaults = {"epsilon": 0.1, "attack_steps": 2, "lr": 0.005, "max_epochs": 1, "random_state": 0}
    return AdversarialCNNClassifier(small_conv_net, **(defaults | params))


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return (X[:150] / 16).astype(np.float32), y[:150]


def in_threads(calls):
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def test_threads_may_share_a_fitted_model(digits):
    X, y = digits
    model = classifier().fit(X, y)
    calls = [
        lambda: model.perturb(X, y),
        lambda: model.adversarial_score(X, y, steps=3, restarts=2),
        lambda: model.explain(X[:10]),
        lambda: model.predict_proba(X),
    ]
    expected = [call() for call in calls]
    random_state = torch.get_rng_state()
    for found in zip(*[iter(in_threads(calls * 6))] * len(calls), strict=True):
        assert all(map(np.array_equal, found, expected))
    assert torch.equal(torch.get_rng_state(), random_state)
    assert all(parameter.requires_grad for parameter in model.module_.parameters())


def test_the_last_of_several_holders_lets_go_of_a_module():
    module = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
    module[0].bias.requires_grad_(False)
    holders = [frozen(module), frozen(module)]
    for holder in holders:
        holder.__enter__()
    holders[0].__exit__(None, None, None)
    assert not any(part.training for part in module.modules())
    assert not module[0].weight.requires_grad
    holders[1].__exit__(None, None, None)
    assert all(part.training for part in module.modules())
    assert [p.requires_grad for p in module.parameters()] == [True, False]


def test_trainings_in_threads_do_not_share_random_numbers(digits):
    models = in_threads([lambda: classifier(epsilon=0.2).fit(*digits)] * 4)
    alone = classifier(epsilon=0.2).fit(*digits).predict_proba(digits[0])
    for model in models:
        assert np.array_equal(model.predict_proba(digits[0]), alone)
