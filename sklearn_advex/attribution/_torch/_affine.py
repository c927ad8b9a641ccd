"""Find functions of a network that are neither affine nor modules that DeepLIFT has a rule for."""

from collections import Counter

import torch
from torch.overrides import TorchFunctionMode

# Largest deviation from affine, relative to the values, that is taken for rounding.
_TOLERANCE = 1e-3

# Random points at which a function is tried. If larger, kinks are missed less often.
_N_POINTS = 5


def check_affine_but_for(scores, x, has_rule):
    """Raise unless all that a network does outside of some modules is affine in the input.

    Every torch function that is called is tried on the numbers that it gets and on random ones: the
    affine function of a mean is the mean of the function. So there is no list of functions to keep,
    of good ones or of bad ones.

    Parameters
    ----------
    scores : Scores
        None of its parameters requires a gradient.
    x : torch.Tensor of shape (n_samples, ...)
        Some rows.
    has_rule : callable
        ``has_rule(module) -> bool``: whether a module may be non-linear, if it is called once.

    Raises
    ------
    ValueError
        If a function is not affine, a module that has a rule is called twice, or a module cannot be
        looked into; the message names the layer.
    """
    watch = _Watch(scores, has_rule)
    handles = []
    for module in watch.names:
        if isinstance(module, torch.jit.ScriptModule):
            raise _refusal(watch.describe(module), "what TorchScript has compiled")
        handles.append(module.register_forward_pre_hook(watch.enter))
        handles.append(module.register_forward_hook(watch.leave))
    try:
        with watch:
            scores(x.requires_grad_())
    finally:
        for handle in handles:
            handle.remove()
    for module, n_calls in watch.n_calls.items():
        if has_rule(module) and n_calls > 1:
            raise ValueError(
                f"method='deep_shap' cannot explain {watch.describe(module)}, which is called"
                f" {n_calls} times. Give each call a module of its own, or use method='ig'."
            )


class _Watch(TorchFunctionMode):
    """Mode that tries every torch function that is called, and tracks the calling modules."""

    def __init__(self, scores, has_rule):
        super().__init__()
        self.names = {module: name for name, module in scores.module.named_modules()}
        self.has_rule = has_rule
        self.n_calls = Counter()
        self.entered = []
        self.generator = torch.Generator().manual_seed(0)

    def enter(self, module, _):
        """Record the start of a module, as its hook."""
        self.n_calls[module] += 1
        self.entered.append(module)

    def leave(self, *_):
        """Record the end of a module, as its hook."""
        self.entered.pop()

    def describe(self, module):
        """Name a module."""
        name = self.names[module]
        return f"layer {name!r} ({type(module).__name__})" if name else type(module).__name__

    def __torch_function__(self, func, types, args=(), kwargs=None):
        arguments = (args, kwargs or {})
        if any(map(self.has_rule, self.entered)):
            return func(*args, **arguments[1])
        point = [x.clone() for x in _variables(arguments)]  # the function may overwrite them
        result = func(*args, **arguments[1])
        if point and _variables(result) and not self._is_affine(func, arguments, point):
            where = self.describe(self.entered[-1]) if self.entered else "the input"
            raise _refusal(where, getattr(func, "__name__", "a function"))
        return result

    def _is_affine(self, func, arguments, point):
        """Compare the function of a mean with the mean of the function."""

        def value(point):
            variables = iter(point)
            args, kwargs = _map(lambda _: next(variables).clone(), arguments)
            return torch.cat([x.flatten() for x in _variables(func(*args, **kwargs))]).detach()

        start = value(point)
        for _ in range(_N_POINTS):
            other = [self._random_like(x) for x in point]
            middle = [(x + y) / 2 for x, y in zip(point, other, strict=True)]
            mean = (start + value(other)) / 2
            if not (abs(value(middle) - mean).max() <= _TOLERANCE * abs(mean).max()):  # or NaN
                return False
        return True

    def _random_like(self, x):
        noise = torch.randn(x.shape, generator=self.generator).to(x)
        return ((1.0 + abs(x).max()) * noise).requires_grad_()


def _refusal(where, function):
    return ValueError(
        f"method='deep_shap' cannot explain {where}: DeepLIFT has no rule for {function} there."
        " Apart from affine functions it can follow the modules ReLU, LeakyReLU, ELU, Sigmoid,"
        " Tanh, Softplus and MaxPool, each a layer of its own. Use them, or method='ig', which"
        " needs gradients only."
    )


def _is_variable(x):
    return isinstance(x, torch.Tensor) and x.requires_grad


def _variables(nested):
    """Collect the tensors that depend on the input from lists, tuples and dicts."""
    found = []
    _map(found.append, nested)
    return found


def _map(function, nested):
    """Replace the tensors that depend on the input by a function of them."""
    if isinstance(nested, dict):
        return {key: _map(function, value) for key, value in nested.items()}
    if isinstance(nested, list | tuple) and not isinstance(nested, torch.Size):
        values = [_map(function, value) for value in nested]
        return tuple(values) if isinstance(nested, tuple) else values
    return function(nested) if _is_variable(nested) else nested
