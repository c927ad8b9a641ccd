"""Bounds against what a search finds, and against the exact numbers where there are any."""

import copy
import itertools

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_advex.neural_network import ResidualSum
from sklearn_advex.neural_network._bounds import (
    Box,
    MarginBounds,
    check_bounded,
    input_box,
    steps_of,
    worst_case_logits,
)
from sklearn_advex.neural_network._bounds._rules import RULES, Rule

ACTIVATIONS = {
    "relu": nn.ReLU(),
    "relu in place": nn.ReLU(inplace=True),
    "leaky": nn.LeakyReLU(0.3),
    "elu": nn.ELU(0.7),
    "selu": nn.SELU(),
    "sigmoid": nn.Sigmoid(),
    "tanh": nn.Tanh(),
    "softplus": nn.Softplus(beta=2.0),
    "softsign": nn.Softsign(),
    "logsigmoid": nn.LogSigmoid(),
    "hardtanh": nn.Hardtanh(-0.5, 0.8),
    "relu6": nn.ReLU6(),
    "dropout": nn.Dropout(0.5),
    "identity": nn.Identity(),
}


def randomized(module, seed=0):
    """Weights large enough for activations to bend, and statistics for batch norms."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * 0.7
    for layer in module.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.running_mean = torch.randn(layer.num_features, generator=generator)
            layer.running_var = torch.rand(layer.num_features, generator=generator) + 0.3
    return module.eval()


def multilayer_perceptron(activation, n_features=4, n_outputs=3, width=6):
    return nn.Sequential(
        nn.Linear(n_features, width),
        activation,
        nn.Linear(width, width),
        copy.deepcopy(activation),
        nn.Linear(width, n_outputs),
    )


def boxes(n_samples, shape, seed=1, epsilon=0.3):
    generator = torch.Generator().manual_seed(seed)
    X = torch.randn(n_samples, *shape, generator=generator).double()
    return input_box(X, torch.full_like(X[:1], epsilon), None)


def points_within(box, n_points, seed=2):
    """Corners and points inside, of shape (n_points, n_samples, ...)."""
    generator = torch.Generator().manual_seed(seed)
    shares = torch.rand(n_points, *box.low.shape, generator=generator).double()
    shares[: n_points // 2] = shares[: n_points // 2].round()
    return box.low + shares * (box.high - box.low)


def all_corners(box):
    ends = torch.stack(box.ends)
    columns = range(box.low.shape[1])
    return torch.stack(
        [
            torch.stack(
                [ends[end, :, column] for end, column in zip(corner, columns, strict=True)], 1
            )
            for corner in itertools.product((0, 1), repeat=len(columns))
        ]
    )


def leads(module, points, y):
    """The exact lead of a class at points, the least one over the points of each row."""
    outputs = copy.deepcopy(module).double()(points.flatten(0, 1)).detach()
    outputs = outputs.unflatten(0, points.shape[:2])
    if outputs.shape[-1] == 1:
        return (outputs[..., 0] * (2 * y - 1)).amin(dim=0)
    own = outputs.gather(2, y.expand(len(points), -1)[..., None]).squeeze(2)
    rivals = outputs.scatter(2, y.expand(len(points), -1)[..., None], -torch.inf)
    return (own - rivals.amax(dim=2)).amin(dim=0)


def certified_leads(module, box, y, method):
    return MarginBounds(module, box.low.shape[1:]).leads(box, y, method)


def assert_sound(module, box, points, n_outputs):
    for target in range(max(2, n_outputs)):
        y = torch.full((len(box.low),), target)
        found = leads(module, points, y)
        by_interval, by_crown = (
            certified_leads(module, box, y, method) for method in ("interval", "crown")
        )
        assert (by_interval <= found).all()
        assert (by_crown <= found).all()
        assert (by_crown >= by_interval).all()
        worst = worst_case_logits(steps_of(copy.deepcopy(module).double()), box, y)
        rivals = worst.scatter(1, y[:, None], -torch.inf).amax(dim=1)
        assert (-rivals <= found + 1e-12).all()


@pytest.mark.parametrize("seed", range(200))
def test_no_corner_and_no_point_of_the_box_beats_a_bound(seed):
    generator = np.random.default_rng(seed)
    n_features, n_outputs = int(generator.integers(1, 9)), int(generator.integers(1, 5))
    activation = list(ACTIVATIONS.values())[seed % len(ACTIVATIONS)]
    widths = [n_features, *generator.integers(2, 9, size=generator.integers(1, 4))]
    layers = [
        part
        for n_in, n_out in itertools.pairwise(map(int, widths))
        for part in (nn.Linear(n_in, n_out), copy.deepcopy(activation))
    ]
    module = randomized(nn.Sequential(*layers, nn.Linear(int(widths[-1]), n_outputs)), seed)
    box = boxes(5, (n_features,), seed, epsilon=float(generator.uniform(0.01, 1)))
    points = torch.cat([all_corners(box), points_within(box, 300, seed)])
    assert_sound(module, box, points, n_outputs)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_bounds_hold_for_every_activation(name):
    module = randomized(multilayer_perceptron(ACTIVATIONS[name]))
    box = boxes(20, (4,), epsilon=0.5)
    points = torch.cat([all_corners(box), points_within(box, 500)])
    assert_sound(module, box, points, 3)


IMAGE_MODULES = {
    "convolutions": lambda: nn.Sequential(
        *(nn.Conv2d(2, 3, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(3, 4, 2), nn.Tanh()),
        *(nn.Flatten(), nn.Linear(16, 3)),
    ),
    "padding": lambda: nn.Sequential(
        *(nn.Conv2d(2, 2, 3, padding="same", padding_mode="reflect"), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(72, 3)),
    ),
    "max pool": lambda: nn.Sequential(
        *(nn.Conv2d(2, 3, 3, padding=1), nn.MaxPool2d(2, ceil_mode=True), nn.ReLU()),
        *(nn.Conv2d(3, 4, 2), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3)),
    ),
    "overlapping pools": lambda: nn.Sequential(
        *(nn.Conv2d(2, 3, 3), nn.MaxPool2d(3, stride=1), nn.Flatten(), nn.Linear(12, 3)),
    ),
    "average pool and batch norm": lambda: nn.Sequential(
        *(nn.Conv2d(2, 3, 3, padding=1, groups=1), nn.BatchNorm2d(3), nn.ReLU()),
        *(nn.AvgPool2d(3, stride=3), nn.Dropout2d(), nn.Flatten(), nn.Linear(12, 3)),
    ),
    "residual sum": lambda: nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1),
        ResidualSum(nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(3, 3, 3, padding=1))),
        ResidualSum(
            nn.Sequential(nn.ReLU(), nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4)),
            shortcut=nn.Conv2d(3, 4, 1, stride=2),
        ),
        *(nn.ReLU(), nn.Flatten(), nn.Linear(36, 3)),
    ),
    "no linear end": lambda: nn.Sequential(nn.Flatten(), nn.Linear(72, 3), nn.Sigmoid()),
    "one logit": lambda: nn.Sequential(nn.Flatten(), nn.Linear(72, 6), nn.ReLU(), nn.Linear(6, 1)),
}


@pytest.mark.parametrize("name", IMAGE_MODULES)
def test_bounds_hold_for_layers_of_images(name):
    module = randomized(IMAGE_MODULES[name]())
    box = boxes(6, (2, 6, 6), epsilon=0.1)
    assert_sound(module, box, points_within(box, 400), 1 if name == "one logit" else 3)


def test_bounds_hold_for_rows_of_sequences():
    module = randomized(
        nn.Sequential(
            *(nn.Unflatten(1, (2, 8)), nn.Conv1d(2, 3, 3), nn.BatchNorm1d(3), nn.ReLU()),
            *(nn.MaxPool1d(2), nn.AvgPool1d(3), nn.Flatten(), nn.Linear(3, 2)),
        )
    )
    box = boxes(6, (16,), epsilon=0.2)
    assert_sound(module, box, points_within(box, 400), 2)


def test_every_rule_is_tried():
    tried = [randomized(make()) for make in IMAGE_MODULES.values()]
    kinds = {type(layer) for module in tried for layer in module.modules()}
    kinds |= {type(layer) for layer in ACTIVATIONS.values()}
    assert set(RULES) - kinds == {
        nn.Unflatten,
        nn.Conv1d,
        nn.BatchNorm1d,
        nn.MaxPool1d,
        nn.AvgPool1d,
    }


@pytest.mark.parametrize("method", ["interval", "crown"])
@pytest.mark.parametrize("n_outputs", [1, 2, 5])
def test_bounds_of_linear_modules_are_exact(n_outputs, method):
    box, y = boxes(30, (8,)), torch.arange(30) % max(2, n_outputs)
    layers = [nn.Linear(8, 6), nn.BatchNorm1d(6), nn.Linear(6, n_outputs), nn.Identity()]
    for module, tolerance in ((nn.Linear(8, n_outputs), 1e-5), (nn.Sequential(*layers), 2e-4)):
        expected = leads(randomized(module), all_corners(box), y)
        certified = certified_leads(module, box, y, method)
        assert (certified < expected).all()
        assert torch.allclose(certified, expected, rtol=0, atol=tolerance)


def test_a_bound_is_the_lead_itself_where_nothing_may_change():
    module = randomized(multilayer_perceptron(nn.ReLU()))
    box = boxes(30, (4,), epsilon=0.0)
    y = torch.arange(30) % 3
    expected = leads(module, box.low[None], y)
    for method in ("interval", "crown"):
        assert torch.allclose(certified_leads(module, box, y, method), expected, atol=1e-4)


def test_crown_is_tighter_than_intervals_where_layers_follow_each_other():
    module = randomized(multilayer_perceptron(nn.ReLU(), width=16))
    box, y = boxes(50, (4,), epsilon=0.1), torch.arange(50) % 3
    by_interval, by_crown = (
        certified_leads(module, box, y, method) for method in ("interval", "crown")
    )
    found = leads(module, all_corners(box), y)
    assert ((found - by_crown) < 0.5 * (found - by_interval)).double().mean() > 0.8


@pytest.mark.parametrize("activation", [nn.ReLU(), nn.LeakyReLU(0.3)])
def test_units_that_are_off_are_left_out_and_change_no_bound(activation, monkeypatch):
    module = randomized(multilayer_perceptron(activation, width=16))
    module[2].bias.data -= 1.5  # most hidden units are off for most rows
    box, y = boxes(50, (4,), epsilon=0.3), torch.arange(50) % 3
    fast = torch.cat([certified_leads(module, box.take([i]), y[[i]], "crown") for i in range(50)])
    rule = RULES[type(activation)]
    monkeypatch.setattr(type(rule), "is_settled", Rule.is_settled)
    assert torch.allclose(fast, certified_leads(module, box, y, "crown"), rtol=0, atol=1e-12)


def test_a_lead_leaves_room_for_the_rounding_of_float32():
    module = randomized(multilayer_perceptron(nn.ReLU(), n_features=100, width=100))
    box, y = boxes(200, (100,), epsilon=0.0), torch.zeros(200, dtype=torch.int64)
    certified = certified_leads(module, box, y, "interval")
    outputs = module(box.low.float()).detach().double()
    in_float32 = outputs[:, 0] - outputs[:, 1:].amax(dim=1)
    assert (certified < in_float32).all()
    slack = leads(module, box.low[None], y) - certified
    assert (slack > 0).all()
    assert (slack < 1e-2 * in_float32.abs().mean()).all()


@pytest.mark.parametrize("activation", [nn.ReLU(), nn.LeakyReLU(1e-3), nn.Sigmoid()])
def test_rounding_does_not_grow_through_units_that_do_not_react(activation):
    layers = [nn.Linear(50, 50) if i % 2 == 0 else copy.deepcopy(activation) for i in range(8)]
    module = randomized(nn.Sequential(*layers, nn.Linear(50, 3)))
    for layer in module[:8:2]:
        layer.bias.data -= 40.0
    box, y = boxes(100, (50,), epsilon=0.0), torch.zeros(100, dtype=torch.int64)
    certified = certified_leads(module, box, y, "interval")
    exact = leads(module, box.low[None], y)
    outputs = module(box.low.float()).detach().double()
    assert (certified <= outputs[:, 0] - outputs[:, 1:].amax(dim=1)).all()
    assert (exact - certified < 1e-3).all()


def test_a_row_has_the_same_bound_in_any_company():
    module = randomized(multilayer_perceptron(nn.Tanh()))
    box, y = boxes(9, (4,)), torch.arange(9) % 3
    together = certified_leads(module, box, y, "crown")
    alone = [
        certified_leads(module, box.take(slice(i, i + 1)), y[i : i + 1], "crown") for i in range(9)
    ]
    assert torch.allclose(together, torch.cat(alone))


def test_the_adversary_stays_among_valid_inputs():
    X = torch.tensor([[0.0, 0.5, 1.0, 1.2]])
    clip = (torch.zeros(1), torch.ones(1))
    box = input_box(X, torch.tensor([0.2, 0.2, 0.2, 0.3]), clip)
    assert torch.allclose(box.low, torch.tensor([[0.0, 0.3, 0.8, 0.9]]))
    assert torch.allclose(box.high, torch.tensor([[0.2, 0.7, 1.0, 1.2]]))


class Functional(nn.Module):
    def __init__(self):
        super().__init__()
        self.dense = nn.Linear(4, 3)

    def forward(self, X):
        return self.dense(X).relu()


class Clever(nn.ReLU):
    def forward(self, X):
        return -X


def hooked():
    module = nn.Sequential(nn.Linear(4, 3))
    module[0].register_forward_hook(lambda layer, inputs, outputs: outputs.abs())
    return module


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.Sequential(nn.Linear(4, 3), nn.GELU()), r"training='ibp' needs .*layer '1' \(GELU\)"),
        (nn.Sequential(nn.Sequential(nn.Linear(4, 3), nn.PReLU())), r"layer '0\.1' \(PReLU\)"),
        (nn.Sequential(ResidualSum(Functional())), r"layer '0\.branch' \(Functional\)"),
        (Functional(), r"the module \(Functional\) has no rule"),
        (nn.Sequential(nn.Linear(4, 3), Clever()), r"\(Clever\) has no rule"),
        (nn.LeakyReLU(-0.1), "no rule with these options"),
        (nn.MaxPool2d(2, return_indices=True), "no rule with these options"),
        (nn.BatchNorm1d(3, track_running_stats=False), "no rule with these options"),
        (nn.Softplus(threshold=1.0), "no rule with these options"),
        (hooked(), r"layer '0' \(Linear\) has hooks"),
    ],
)
def test_what_has_no_bounds_is_named(module, message):
    with pytest.raises(ValueError, match=message):
        check_bounded(module, "training='ibp'")


def test_a_layer_may_occur_twice():
    relu = nn.ReLU()
    module = nn.Sequential(nn.Linear(4, 4), relu, nn.Linear(4, 4), relu)
    assert len(steps_of(module)) == 4


def test_boxes_overlap():
    one = Box(torch.tensor([0.0, -1.0]), torch.tensor([2.0, 1.0]))
    both = one.intersect(Box(torch.tensor([1.0, -2.0]), torch.tensor([3.0, 0.5])))
    assert both.low.tolist() == [1.0, -1.0]
    assert both.high.tolist() == [2.0, 0.5]
    assert both.magnitude.tolist() == [2.0, 1.0]
