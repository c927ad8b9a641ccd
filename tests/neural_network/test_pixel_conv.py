"""The convolution made for attacks is torch's convolution, in value and in gradient."""

import pytest
import torch
from torch import nn

from sklearn_advex.neural_network._pixel_conv import PixelConv2d


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("kernel_size", "padding"), [(5, 2), (3, 0), (3, 4), (1, 0)])
@pytest.mark.parametrize("memory_format", [torch.channels_last, torch.contiguous_format])
def test_it_is_the_convolution_of_torch(channels, kernel_size, padding, memory_format):
    torch.manual_seed(0)
    ours = PixelConv2d(channels, 4, kernel_size, padding=padding).to(memory_format=memory_format)
    theirs = nn.Conv2d(channels, 4, kernel_size, padding=padding)
    theirs.load_state_dict(ours.state_dict())
    ours.requires_grad_(False)
    X = torch.randn(5, channels, 7, 9).to(memory_format=memory_format).requires_grad_()
    upstream = torch.randn_like(theirs(X))
    gradients = [torch.autograd.grad(layer(X), X, upstream)[0] for layer in (ours, theirs)]
    torch.testing.assert_close(ours(X), theirs(X))
    torch.testing.assert_close(*gradients)


def test_its_own_gradient_is_the_one_taken_in_an_attack():
    layer = PixelConv2d(1, 4, 5, padding=2)
    X = torch.randn(2, 1, 8, 8, requires_grad=True)
    assert "ConvolutionBackward" in type(layer(X).grad_fn).__name__
    assert "PixelConvolution" in type(layer.requires_grad_(False)(X).grad_fn).__name__


def test_it_learns_like_the_convolution_of_torch():
    layer, X = PixelConv2d(1, 4, 5, padding=2), torch.randn(2, 1, 8, 8)
    layer(X).square().sum().backward()
    twin = nn.Conv2d(1, 4, 5, padding=2)
    twin.load_state_dict(layer.state_dict())
    twin(X).square().sum().backward()
    torch.testing.assert_close(layer.weight.grad, twin.weight.grad)


def test_under_autocast_the_gradient_is_that_of_bfloat16():
    layer = PixelConv2d(1, 4, 5, padding=2).requires_grad_(False)
    X = torch.randn(2, 1, 8, 8, requires_grad=True)
    (exact,) = torch.autograd.grad(layer(X).sum(), X)
    with torch.autocast("cpu", torch.bfloat16):
        outputs = layer(X)
    assert outputs.dtype == torch.bfloat16
    (gradient,) = torch.autograd.grad(outputs.sum(), X)
    assert gradient.dtype == torch.float32
    torch.testing.assert_close(gradient, exact, rtol=0.02, atol=0.02)
