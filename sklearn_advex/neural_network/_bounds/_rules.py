"""What each kind of layer does to a box, to a linear lower bound, and to errors of rounding.

A rule knows no more than its layer. Four things are asked of it, and of some a fifth:

- `interval`: the smallest box around the layer's outputs for inputs in a box.
- `backward`: a linear function of the layer's outputs, bounded from below by a linear function of
  its inputs (CROWN: Zhang et al., NeurIPS 2018, https://arxiv.org/abs/1811.00866).
- `is_settled`: which units put out the same whatever smaller interval their input is in, so that no
  better bounds of it are needed.
- `rounding`: how far the layer's outputs are from exact where computed in float32.
- `gradient`: the box of gradients with respect to the inputs, for inputs in a box and gradients
  with respect to the outputs in another, of layers that say so by `bounds_gradients`.
"""

from abc import ABC, abstractmethod
from math import prod

import torch
from torch import nn

from sklearn_advex.neural_network._bounds._box import Box

#: Relative error of one operation in float32.
UNIT_ROUNDOFF = 2.0**-24
#: Roundings in the evaluation of an activation, relative to its value.
_ACTIVATION_ROUNDINGS = 4.0


class Rule(ABC):
    """Bounds of one kind of layer."""

    is_affine = False

    def supports(self, layer):
        """Whether the rule holds for a layer with its options, a bool."""
        return True

    @abstractmethod
    def interval(self, layer, box):
        """Return a Box around the outputs for inputs in `box`."""

    @abstractmethod
    def backward(self, layer, box, A):
        """Bound a linear function of the outputs from below by one of the inputs.

        Parameters
        ----------
        layer : torch.nn.Module
        box : Box
            Of inputs.
        A : Tensor of shape (n_samples, n_functions, *output_shape)
            Coefficients.

        Returns
        -------
        A : Tensor of shape (n_samples, n_functions, *input_shape)
        constant : Tensor of shape (n_samples, n_functions)
        """

    def is_settled(self, layer, box):
        """Whether smaller intervals would leave the output of a unit as it is, a bool Tensor."""
        return torch.zeros_like(box.low, dtype=torch.bool)

    @abstractmethod
    def rounding(self, layer, box, error):
        """Bound the rounding errors of the outputs by those of the inputs, a Tensor."""

    def bounds_gradients(self, layer):
        """Whether there is a `gradient` of a layer with its options, a bool."""
        return False

    def gradient(self, layer, box, gradients):
        """Bound gradients with respect to the inputs.

        Parameters
        ----------
        layer : torch.nn.Module
        box : Box
            Of inputs.
        gradients : Box
            With respect to the outputs.

        Returns
        -------
        Box
        """
        raise NotImplementedError(f"{type(layer).__name__} has no bounds of its gradient.")


class Affine(Rule):
    """An affine layer, given by itself and its matrix of absolute values.

    The error of a sum of n products is taken as 2 sqrt(n) roundings of the sum of their absolute
    values, or n where that is less. The latter is certain, the former holds with high probability
    (Higham and Mary, SIAM J. Sci. Comput. 41, 2019); the largest error of torch's products found in
    a search over sizes and signs was 1.2 sqrt(n).

    Parameters
    ----------
    apply : callable
        ``apply(layer, X)``: the layer in evaluation mode.
    apply_abs : callable
        ``apply_abs(layer, X)``: the same with absolute values of the weights and without bias.
    fan_in : callable
        ``fan_in(layer)``: number of terms of an output.
    """

    is_affine = True

    def __init__(self, apply, apply_abs, fan_in):
        self.apply, self.apply_abs, self.fan_in = apply, apply_abs, fan_in

    def interval(self, layer, box):
        """Propagate center and radius; see :class:`Rule`."""
        return Box.around(self.apply(layer, box.center), self.apply_abs(layer, box.radius))

    def backward(self, layer, box, A):
        """Apply the transposed layer; see :class:`Rule`."""
        functions = A.flatten(0, 1)
        gradient, outputs = _transposed(self.apply, layer, box, functions)
        constant = (functions * outputs).flatten(1).sum(dim=1)
        return gradient.unflatten(0, A.shape[:2]), constant.unflatten(0, A.shape[:2])

    def bounds_gradients(self, layer):
        """Every affine layer has them; see :class:`Rule`."""
        return True

    def gradient(self, layer, box, gradients):
        """Apply the transposed layer to center and radius; see :class:`Rule`."""
        center, _ = _transposed(self.apply, layer, box, gradients.center)
        radius, _ = _transposed(self.apply_abs, layer, box, gradients.radius)
        return Box.around(center, radius)

    def rounding(self, layer, box, error):
        """Propagate errors and add those of the layer's own sums; see :class:`Rule`."""
        n_roundings = self.fan_in(layer) + 1
        share = min(n_roundings, 2 * n_roundings**0.5) * UNIT_ROUNDOFF
        own = self.offset(layer, box.low)
        return self.apply_abs(layer, error + share * (box.magnitude + error)) + share * own

    def offset(self, layer, X):
        """Sizes of what is added to the sums, for one row like those of `X`."""
        return self.apply(layer, torch.zeros_like(X[:1])).abs()


class Reshape(Rule):
    """A layer that moves numbers, or leaves them as they are in evaluation mode."""

    is_affine = True

    def __init__(self, apply):
        self.apply = apply

    def interval(self, layer, box):
        """Move center and radius; see :class:`Rule`."""
        return Box.around(self.apply(layer, box.center), self.apply(layer, box.radius))

    def backward(self, layer, box, A):
        """Move the coefficients back; see :class:`Rule`."""
        return A.reshape(*A.shape[:2], *box.low.shape[1:]), A.new_zeros(A.shape[:2])

    def rounding(self, layer, box, error):
        """Move the errors; see :class:`Rule`."""
        return self.apply(layer, error)

    def bounds_gradients(self, layer):
        """Moved numbers have moved gradients; see :class:`Rule`."""
        return True

    def gradient(self, layer, box, gradients):
        """Move both ends back; see :class:`Rule`."""
        return Box(*(end.reshape(len(end), *box.low.shape[1:]) for end in gradients.ends))


class Increasing(Rule):
    """An increasing activation with Lipschitz constant `lipschitz(layer)`.

    Linear bounds have the smaller one of the slopes at both ends of the interval (Singh et al.,
    POPL 2019): less than all slopes between them if the slope has no local minimum, which is so for
    all activations in the table below. Those whose slope is monotone, or largest at 0, have
    bounds of their gradients (`has_slope_bounds`).
    """

    def __init__(
        self, lipschitz=lambda layer: 1.0, supports=lambda layer: True, has_slope_bounds=False
    ):
        self.lipschitz, self.is_increasing = lipschitz, supports
        self.has_slope_bounds = has_slope_bounds

    def supports(self, layer):
        """Whether the layer's options leave it increasing; see :class:`Rule`."""
        return self.is_increasing(layer)

    def interval(self, layer, box):
        """Take the activation of both ends; see :class:`Rule`."""
        return Box(_activate(layer, box.low), _activate(layer, box.high))

    def lines(self, layer, box):
        """Slopes and intercepts of a linear lower and a linear upper bound, four Tensors."""
        (f_low, slope_low), (f_high, slope_high) = (_derivative(layer, end) for end in box.ends)
        slope = torch.minimum(slope_low, slope_high)
        return slope, f_low - slope * box.low, slope, f_high - slope * box.high

    def backward(self, layer, box, A):
        """Take the lower bound where a coefficient is positive, else the upper one."""
        slope_low, start_low, slope_high, start_high = (
            part[:, None] for part in self.lines(layer, box)
        )
        positive, negative = A.clamp(min=0), A.clamp(max=0)
        constant = (positive * start_low + negative * start_high).flatten(2).sum(dim=2)
        return positive * slope_low + negative * slope_high, constant

    def rounding(self, layer, box, error):
        """Propagate errors by the steepest slope, and add the layer's own; see :class:`Rule`."""
        size = self.interval(layer, box).magnitude
        own = _ACTIVATION_ROUNDINGS * UNIT_ROUNDOFF * size
        return self.steepest(layer, box, error) * error + own

    def steepest(self, layer, box, error):
        """The largest slope at inputs in `box` and at what errors make of them.

        It keeps errors from growing through units that are off or saturated, which are most of
        those of networks trained on bounds.
        """
        if not self.bounds_gradients(layer):
            return self.lipschitz(layer)
        return self.slopes(layer, Box(box.low - error, box.high + error))[1]

    def bounds_gradients(self, layer):
        """Whether the largest slope in an interval is known; see :class:`Rule`."""
        return self.has_slope_bounds

    def slopes(self, layer, box):
        """The smallest and the largest slope in each interval, two Tensors."""
        nearest_to_0 = torch.zeros_like(box.low).clamp(box.low, box.high)
        low, high, inner = (
            _derivative(layer, points)[1] for points in (box.low, box.high, nearest_to_0)
        )
        return torch.minimum(low, high), torch.maximum(torch.maximum(low, high), inner)

    def gradient(self, layer, box, gradients):
        """Multiply by a slope between the smallest and the largest; see :class:`Rule`."""
        least, most = self.slopes(layer, box)
        low = torch.minimum(gradients.low * least, gradients.low * most)
        return Box(low, torch.maximum(gradients.high * least, gradients.high * most))


class Rectifier(Increasing):
    """ReLU or a leaky one: two lines that meet at 0."""

    def interval(self, layer, box):
        """Take the activation of both ends; see :class:`Rule`."""
        return Box(_rectify(layer, box.low), _rectify(layer, box.high))

    def lines(self, layer, box):
        """The chord above, and below the line that leaves the smaller triangle."""
        low, high = box.ends
        f_low, f_high = self.interval(layer, box).ends
        leak = getattr(layer, "negative_slope", 0.0)
        crosses = (low < 0) & (high > 0)
        line = _choose(low >= 0, 1.0, leak, low)
        width = torch.where(crosses, high - low, 1.0)
        chord = torch.where(crosses, (f_high - f_low) / width, line)
        below = torch.where(crosses, _choose(high > -low, 1.0, leak, low), line)
        return below, torch.zeros_like(below), chord, f_low - chord * low

    def is_settled(self, layer, box):
        """Whether the output is 0 throughout; see :class:`Rule`."""
        return (box.high <= 0) & (getattr(layer, "negative_slope", 0.0) == 0)

    def rounding(self, layer, box, error):
        """Add the rounding of a product on the leaky side; see :class:`Rule`."""
        leak = getattr(layer, "negative_slope", 0.0)
        own = 2 * UNIT_ROUNDOFF * leak * box.magnitude
        return self.steepest(layer, box, error) * error + own

    def bounds_gradients(self, layer):
        """There are two slopes; see :class:`Rule`."""
        return True

    def slopes(self, layer, box):
        """The slopes on both sides of 0, as far as the interval has them; at 0 any between."""
        leak = getattr(layer, "negative_slope", 0.0)
        least = _choose(box.low > 0, 1.0, leak, box.low)
        return least, _choose(box.high < 0, leak, 1.0, box.low)


class MaxPool(Rule):
    """A maximum over windows, which is increasing in each entry."""

    def supports(self, layer):
        """Whether outputs are maxima alone; see :class:`Rule`."""
        return not layer.return_indices

    def interval(self, layer, box):
        """Take the maxima of both ends; see :class:`Rule`."""
        return Box(layer(box.low), layer(box.high))

    def backward(self, layer, box, A):
        """Bound a maximum by the entry with the largest lower end, and by its largest upper end."""
        with torch.enable_grad():
            low = box.low.detach().requires_grad_()
            positive, negative = A.clamp(min=0), A.clamp(max=0)
            maxima = layer(low)
            gradients = [
                torch.autograd.grad(maxima, low, positive[:, place], retain_graph=True)[0]
                for place in range(A.shape[1])
            ]
        constant = (negative * layer(box.high)[:, None]).flatten(2).sum(dim=2)
        return torch.stack(gradients, dim=1), constant

    def rounding(self, layer, box, error):
        """No maximum is further off than the worst entry of its window; see :class:`Rule`."""
        return layer(error)


def _transposed(apply, layer, box, functions):
    """Coefficients of linear functions of a layer's inputs, and its outputs for zeros."""
    with torch.enable_grad():
        zeros = functions.new_zeros(len(functions), *box.low.shape[1:], requires_grad=True)
        outputs = apply(layer, zeros)
        (coefficients,) = torch.autograd.grad(outputs, zeros, functions)
    return coefficients, outputs.detach()


def _activate(layer, X):
    return layer(X.clone() if getattr(layer, "inplace", False) else X)


def _derivative(layer, X):
    """An activation and its derivative."""
    with torch.enable_grad():
        X = X.detach().requires_grad_()
        values = _activate(layer, X)
        (slope,) = torch.autograd.grad(values.sum(), X)
    return values.detach(), slope


def _choose(condition, one, other, like):
    """Choose between two numbers, which `torch.where` alone would round to float32."""
    one, other = (torch.tensor(number, dtype=like.dtype) for number in (one, other))
    return torch.where(condition, one.to(like.device), other.to(like.device))


def _rectify(layer, X):
    if type(layer) is nn.ReLU:
        return X.relu()
    return nn.functional.leaky_relu(X, layer.negative_slope)


def _linear(layer, X):
    return nn.functional.linear(X, layer.weight, layer.bias)


def _linear_abs(layer, X):
    return nn.functional.linear(X, layer.weight.abs())


def _convolution(layer, X):
    return layer._conv_forward(X, layer.weight, layer.bias)


def _convolution_abs(layer, X):
    return layer._conv_forward(X, layer.weight.abs(), None)


def _batch_norm(layer, X):
    return nn.functional.batch_norm(
        X, layer.running_mean, layer.running_var, layer.weight, layer.bias, eps=layer.eps
    )


def _batch_norm_abs(layer, X):
    scale = (layer.running_var + layer.eps).rsqrt()
    scale = scale if layer.weight is None else scale * layer.weight.abs()
    return X * scale.reshape(-1, *[1] * (X.ndim - 2))


class BatchNorm(Affine):
    """Batch normalization in evaluation mode: a scale and a shift per channel."""

    def supports(self, layer):
        """Whether there are statistics to use in evaluation mode; see :class:`Rule`."""
        return layer.track_running_stats and layer.running_mean is not None

    def offset(self, layer, X):
        """Sizes of the mean and of the bias; see :class:`Affine`."""
        mean = layer.running_mean.abs().reshape(-1, *[1] * (X.ndim - 2)).expand_as(X[0])
        return _batch_norm_abs(layer, mean[None]) + self.apply(layer, mean[None] * 0).abs()


_CONVOLUTION = Affine(_convolution, _convolution_abs, lambda layer: prod(layer.weight.shape[1:]))
_BATCH_NORM = BatchNorm(_batch_norm, _batch_norm_abs, lambda layer: 4)
_AVERAGE = Affine(
    lambda layer, X: layer(X),
    lambda layer, X: layer(X),
    lambda layer: _window(layer.kernel_size),
)
_CHANGE_SHAPE = Reshape(lambda layer, X: layer(X))
_KEEP = Reshape(lambda layer, X: X)


def _window(kernel_size):
    return prod(kernel_size) if isinstance(kernel_size, tuple) else kernel_size**2


#: The rule of each kind of layer.
RULES = {
    nn.Linear: Affine(_linear, _linear_abs, lambda layer: layer.in_features),
    nn.Conv1d: _CONVOLUTION,
    nn.Conv2d: _CONVOLUTION,
    nn.BatchNorm1d: _BATCH_NORM,
    nn.BatchNorm2d: _BATCH_NORM,
    nn.AvgPool1d: _AVERAGE,
    nn.AvgPool2d: _AVERAGE,
    nn.MaxPool1d: MaxPool(),
    nn.MaxPool2d: MaxPool(),
    nn.Flatten: _CHANGE_SHAPE,
    nn.Unflatten: _CHANGE_SHAPE,
    nn.Identity: _KEEP,
    nn.Dropout: _KEEP,
    nn.Dropout2d: _KEEP,
    nn.ReLU: Rectifier(),
    nn.LeakyReLU: Rectifier(supports=lambda layer: 0 <= layer.negative_slope <= 1),
    nn.ELU: Increasing(supports=lambda layer: 0 <= layer.alpha <= 1, has_slope_bounds=True),
    nn.SELU: Increasing(lipschitz=lambda layer: 1.7581),
    nn.Sigmoid: Increasing(has_slope_bounds=True),
    nn.Tanh: Increasing(has_slope_bounds=True),
    nn.Softplus: Increasing(
        supports=lambda layer: layer.beta > 0 and layer.threshold >= 20, has_slope_bounds=True
    ),
    nn.Softsign: Increasing(has_slope_bounds=True),
    nn.LogSigmoid: Increasing(has_slope_bounds=True),
    nn.Hardtanh: Increasing(),
    nn.ReLU6: Increasing(),
}
