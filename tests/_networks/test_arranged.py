"""The arranged network is the module: the same logits, the same gradients."""

import pytest
import torch
from torch import nn

from sklearn_advex._networks import _arranged, arrange
from sklearn_advex._networks._pixel_convolution import PixelConvolution
from sklearn_advex.neural_network import ConvNet
from sklearn_advex.neural_network._attack import frozen


def logits_and_gradient(network, X):
    X = X.clone().requires_grad_()
    logits = network(X)
    return logits.detach(), torch.autograd.grad(logits.square().sum(), X)[0]


def assert_same_function(module, X, **tolerance):
    with frozen(module):
        ours, theirs = (logits_and_gradient(f, X) for f in (arrange(module), module))
    torch.testing.assert_close(ours, theirs, **tolerance)


SEQUENCES = {
    "the paper's": ((1, 28, 28), lambda: ConvNet((1, 28, 28), 10)),
    "odd size, three channels": ((3, 11, 7), lambda: ConvNet((3, 11, 7), 4)),
    "dense": (
        (20,),
        lambda: nn.Sequential(nn.Linear(20, 7, bias=False), nn.Tanh(), nn.Linear(7, 3)),
    ),
    "of many dimensions": ((2, 3, 1, 2, 4), lambda: nn.Sequential(nn.Linear(4, 3), nn.ReLU())),
    "nested, with batch norm and dropout": (
        (2, 9, 8),
        lambda: nn.Sequential(
            nn.Sequential(nn.Conv2d(2, 5, 3, bias=False), nn.BatchNorm2d(5), nn.ReLU()),
            nn.Sequential(nn.MaxPool2d(3, stride=2, padding=1), nn.Dropout(), nn.Flatten()),
            nn.Linear(5 * 4 * 3, 4),
        ),
    ),
    "pool over windows that overlap": (
        (1, 10, 10),
        lambda: nn.Sequential(
            nn.Conv2d(1, 4, 3, stride=2, padding="valid"),
            nn.ReLU(),
            nn.MaxPool2d(2, stride=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(36, 2),
        ),
    ),
}


@pytest.mark.parametrize("name", SEQUENCES)
@pytest.mark.parametrize("memory_format", [torch.channels_last, torch.contiguous_format])
def test_it_is_the_module(name, memory_format):
    torch.manual_seed(0)
    shape, build = SEQUENCES[name]
    module = build()
    if len(shape) == 3:
        module = module.to(memory_format=memory_format)
    assert arrange(module) is not module
    assert_same_function(module, torch.randn(6, *shape), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("kernel_size", "padding"), [(5, 2), (3, 0), (4, 3), (1, 0), ((3, 5), (2, 1))]
)
@pytest.mark.parametrize("size", [(8, 8), (7, 9)])
def test_the_gradient_of_pixels_is_that_of_the_convolution(channels, kernel_size, padding, size):
    torch.manual_seed(0)
    layer = nn.Conv2d(channels, 6, kernel_size, padding=padding).requires_grad_(False)
    assert PixelConvolution.suits(layer)
    X = torch.randn(5, channels, *size)
    ours = logits_and_gradient(PixelConvolution(layer), X)
    torch.testing.assert_close(ours, logits_and_gradient(layer, X), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(1, 4, 3, stride=2),
        nn.Conv2d(1, 4, 3, dilation=2),
        nn.Conv2d(2, 4, 3, groups=2),
        nn.Conv2d(1, 4, 3, padding=3),
        nn.Conv2d(1, 4, 3, padding="same"),
        nn.Conv2d(1, 4, 3, padding=1, padding_mode="circular"),
        nn.Conv2d(16, 4, 3),
        nn.Linear(3, 4),
    ],
)
def test_other_layers_are_left_to_torch(layer):
    assert not PixelConvolution.suits(layer)


def test_bfloat16_is_near():
    torch.manual_seed(0)
    module, X = ConvNet((1, 28, 28), 10), torch.rand(16, 1, 28, 28)
    with frozen(module):
        exact, exact_gradient = logits_and_gradient(module, X)
        network = arrange(module, torch.bfloat16)
        with torch.autocast("cpu", torch.bfloat16):
            logits, gradient = logits_and_gradient(network, X)
    assert logits.dtype == torch.bfloat16
    assert gradient.dtype == torch.float32
    torch.testing.assert_close(logits.float(), exact, rtol=0.05, atol=0.01)
    cosine = nn.functional.cosine_similarity(gradient.flatten(1), exact_gradient.flatten(1))
    assert (cosine > 0.97).all()  # bfloat16 has three significant digits


class Residual(nn.Sequential):
    """A sequence only by its class."""

    def forward(self, X):
        """Add what the layers make to the input."""
        return X + super().forward(X)


def test_double_precision_is_kept():
    torch.manual_seed(0)
    module = ConvNet((1, 8, 8), 3).double()
    assert_same_function(module, torch.randn(4, 1, 8, 8).double(), rtol=1e-12, atol=1e-12)


def test_a_module_that_is_more_than_a_sequence_is_left_alone():
    hooked = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    hooked[1].register_forward_hook(lambda layer, inputs, outputs: outputs + 1)
    for module in (nn.Linear(3, 2), Residual(nn.Linear(3, 3)), hooked):
        assert arrange(module) is module
    inside = nn.Sequential(Residual(nn.Linear(3, 3)), nn.Linear(3, 2))
    assert_same_function(inside, torch.randn(4, 3))


@pytest.mark.filterwarnings("ignore:Anomaly Detection has been enabled:UserWarning")
def test_small_dense_layers_are_left_to_torch(monkeypatch):
    calls = []
    monkeypatch.setattr(_arranged, "_dense_by_onednn", lambda layer, X: calls.append(layer) or X)
    for width in (64, 512, 2**15):
        arrange(nn.Sequential(nn.Linear(32, width)))(torch.zeros(4, 32))
    assert [layer.out_features for layer in calls] == [2**15]
    with torch.autograd.set_detect_anomaly(True):
        arrange(nn.Sequential(nn.Linear(32, 2**15)))(torch.zeros(4, 32))
    assert len(calls) == 1


def test_it_holds_for_the_weights_of_its_time():
    module, X = nn.Sequential(nn.Linear(3, 2)), torch.ones(1, 3)
    for dtype in (torch.float32, torch.bfloat16):
        with torch.no_grad():
            module[0].weight += 1
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
            ours = arrange(module, dtype)(X)
        torch.testing.assert_close(ours.float(), module(X), rtol=0.02, atol=0.02)
