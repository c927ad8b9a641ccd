"""A convolution of pixels, made for attacks: fast in its gradient with respect to the image."""

import torch
from torch import nn
from torch.nn import functional


class PixelConv2d(nn.Conv2d):
    """A convolution with stride 1 whose gradient with respect to the input is fast on a CPU.

    An attack needs the gradient with respect to the pixels, and nothing else, many times per image.
    For one or three channels the usual kernels take several times as long for it as for the forward
    pass, although it is as much arithmetic. Here it is one matrix product and a sum of shifted
    images. Only where no other gradient is wanted, and on the CPU; elsewhere this is
    :class:`torch.nn.Conv2d`.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of the image, and filters.
    kernel_size : int
        Height and width of a filter.
    padding : int
        Zeros around the image.
    """

    def __init__(self, in_channels, out_channels, kernel_size, padding):
        super().__init__(in_channels, out_channels, kernel_size, padding=padding)

    def forward(self, X):
        """Filter images.

        Parameters
        ----------
        X : Tensor of shape (n_samples, in_channels, height, width)

        Returns
        -------
        Tensor of shape (n_samples, out_channels, ...)
        """
        is_attack = X.requires_grad and not (self.weight.requires_grad or self.bias.requires_grad)
        if is_attack and X.device.type == "cpu" and X.ndim == 4:
            return _PixelConvolution.apply(X, self.weight, self.bias, self.padding)
        return super().forward(X)


class _PixelConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx, X, weight, bias, padding):
        ctx.save_for_backward(weight)
        ctx.padding, ctx.size = padding, X.shape[2:]
        return functional.conv2d(X, weight, bias, padding=padding)

    @staticmethod
    def backward(ctx, gradient):
        (weight,) = ctx.saved_tensors
        n_filters, n_channels, *kernel = weight.shape
        n_samples, _, height, width = gradient.shape
        by_filter = gradient.permute(0, 2, 3, 1).reshape(-1, n_filters).t()
        shares = weight.to(gradient.dtype).flatten(1).t() @ by_filter
        shares = shares.view(n_channels, *kernel, n_samples, height, width)
        padded = [height + kernel[0] - 1, width + kernel[1] - 1]
        total = torch.zeros(n_channels, n_samples, *padded, dtype=weight.dtype)
        for row in range(kernel[0]):
            for column in range(kernel[1]):
                place = total[:, :, row : row + height, column : column + width]
                place += shares[:, row, column]
        top, left = ctx.padding
        inside = total[:, :, top : top + ctx.size[0], left : left + ctx.size[1]]
        return inside.transpose(0, 1), None, None, None
