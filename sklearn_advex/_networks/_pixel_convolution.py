"""A convolution of pixels that is fast in its gradient with respect to the image."""

import torch
from torch import nn
from torch.nn import functional

#: Gradients are taken for blocks of about that many numbers, one per lane of a processor.
_BLOCK_NUMBERS = 16


class PixelConvolution:
    """A convolution with fixed weights whose gradient with respect to its input is fast on a CPU.

    The gradient of a convolution is a convolution again, from its filters to its channels. For one
    or three channels that leaves most of the processor idle. Here the gradients of a block of
    neighboring pixels are the channels of one convolution, whose stride is the length of the
    block.

    Parameters
    ----------
    layer : torch.nn.Conv2d
        One for which :meth:`suits` is true.
    dtype : torch.dtype, default=None
        What to compute with; None is the type of the weights.
    """

    def __init__(self, layer, dtype=None):
        self.weight = layer.weight.detach().to(dtype)
        self.bias = None if layer.bias is None else layer.bias.detach().to(dtype)
        self.padding = layer.padding
        self.block = max(1, round((_BLOCK_NUMBERS / layer.in_channels) ** 0.5))
        self.block_weight = _block_weight(self.weight, self.block)

    @staticmethod
    def suits(layer):
        """Whether a layer is a plain convolution of few channels.

        Parameters
        ----------
        layer : torch.nn.Module

        Returns
        -------
        bool
        """
        return (
            type(layer) is nn.Conv2d
            and layer.in_channels <= _BLOCK_NUMBERS // 4
            and (layer.stride, layer.dilation, layer.groups) == ((1, 1), (1, 1), 1)
            and layer.padding_mode == "zeros"
            and not isinstance(layer.padding, str)
            and all(p < k for p, k in zip(layer.padding, layer.kernel_size, strict=True))
        )

    def __call__(self, X):
        """Filter images.

        Parameters
        ----------
        X : Tensor of shape (n_samples, in_channels, height, width)

        Returns
        -------
        Tensor of shape (n_samples, out_channels, ...)
        """
        return _Filter.apply(X, self)

    def input_gradient(self, gradient, size):
        """The gradient with respect to the images.

        Parameters
        ----------
        gradient : Tensor of shape (n_samples, out_channels, ...)
            With respect to the outputs.
        size : tuple (height, width)
            Of the images.

        Returns
        -------
        Tensor of shape (n_samples, in_channels, height, width)
        """
        # padded as if the last blocks were whole
        beyond = [-length % self.block for length in size]
        gradient = functional.pad(gradient, (0, beyond[1], 0, beyond[0]))
        kernel = self.weight.shape[2:]
        padding = [k - 1 - p for k, p in zip(kernel, self.padding, strict=True)]
        blocks = functional.conv2d(gradient, self.block_weight, stride=self.block, padding=padding)
        return functional.pixel_shuffle(blocks, self.block)[..., : size[0], : size[1]]


class _Filter(torch.autograd.Function):
    @staticmethod
    def forward(ctx, X, convolution):
        ctx.convolution, ctx.size, ctx.dtype = convolution, X.shape[2:], X.dtype
        X = X.to(convolution.weight.dtype)
        return functional.conv2d(
            X, convolution.weight, convolution.bias, padding=convolution.padding
        )

    @staticmethod
    def backward(ctx, gradient):
        return ctx.convolution.input_gradient(gradient, ctx.size).to(ctx.dtype), None


def _block_weight(weight, block):
    """From gradients of filters to a block of pixels: a flipped kernel, shifted, for each pixel."""
    n_filters, n_channels, *kernel = weight.shape
    flipped = weight.flip(2, 3).transpose(0, 1)
    rows, columns = (length + block - 1 for length in kernel)
    shifted = weight.new_zeros(n_channels, block, block, n_filters, rows, columns)
    for row in range(block):
        for column in range(block):
            place = shifted[:, row, column, :, row:, column:]
            place[..., : kernel[0], : kernel[1]] = flipped
    return shifted.flatten(0, 2).contiguous(memory_format=torch.channels_last)
