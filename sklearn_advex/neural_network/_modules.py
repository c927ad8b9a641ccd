"""From what a user gives as `module` to a module that can be trained."""

import inspect
import warnings

import torch
from torch import nn

from sklearn_advex._networks import at_least_float32, copy_module
from sklearn_advex._utils._final_activation import final_activation


def build_module(module, params, inputs, n_classes):
    """Make a new module that fits the data, and try it.

    Parameters
    ----------
    module : callable or torch.nn.Module
        A class or another factory is called with `params`, and with `input_shape`, `n_features` and
        `n_classes` where its signature has these names. An instance is copied, its weights are what
        training starts from.
    params : dict
        Arguments for the factory.
    inputs : Tensor of shape (n_samples, ...)
        Some inputs, to try the module on.
    n_classes : int

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    TypeError
        If `module` is neither, or not a factory of modules.
    ValueError
        If the module does not take such inputs or does not return logits.
    """
    built = make_module(module, params, tuple(inputs.shape[1:]), n_classes)
    _try(built, inputs, n_classes)
    if not any(parameter.requires_grad for parameter in built.parameters()):
        raise ValueError(
            f"module={type(built).__name__} has no parameter that can be trained: each has"
            " requires_grad=False, or there is none."
        )
    return built


def make_module(module, params, row_shape, n_classes, **more):
    """Make a new module, untried.

    Parameters
    ----------
    module, params, n_classes
        As for :func:`build_module`.
    row_shape : tuple of int
        Shape of one input.
    **more
        More arguments for the factory, such as those that a callback sets.

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    TypeError, ValueError
        As :func:`build_module`.
    """
    params = params | more
    if isinstance(module, nn.Module):
        changes = [name for name, value in params.items() if not _has(module, name, value)]
        if changes:
            raise ValueError(
                f"module is an instance, which module__{changes[0]} cannot change any more: pass"
                " its class as module, or set what you want on the instance."
            )
        built = copy_module(module)
    elif callable(module):
        built = module(**_sizes(module, row_shape, n_classes) | params)
    else:
        built = module
    if not isinstance(built, nn.Module):
        raise TypeError(
            "module must be a torch.nn.Module: its class, a function that returns one, or an"
            f" instance. Got {built!r:.80}."
        )
    return built


def _has(module, name, value):
    """Whether a module has an attribute of a plain value already."""
    current = getattr(module, name, None)
    return (
        isinstance(value, int | float | str) and type(current) is type(value) and current == value
    )


def class_logits(outputs):
    """Logits of all classes, in float32 at least, also for a module with one output for two.

    Parameters
    ----------
    outputs : Tensor of shape (n_samples, n_classes) or (n_samples, 1)
        One output is the logit of the second class.

    Returns
    -------
    Tensor of shape (n_samples, n_classes)
    """
    outputs = at_least_float32(outputs)
    if outputs.shape[1] > 1:
        return outputs
    return torch.cat([torch.zeros_like(outputs), outputs], dim=1)


def _sizes(factory, row_shape, n_classes):
    """The sizes that a factory asks for by the names of its parameters."""
    sizes = {
        "input_shape": row_shape,
        "n_features": torch.Size(row_shape).numel(),
        "n_classes": n_classes,
    }
    parameters = inspect.signature(factory).parameters
    return {name: size for name, size in sizes.items() if name in parameters}


def _try(module, inputs, n_classes):
    """Raise a ValueError unless a module maps inputs to logits; the first pass of lazy layers."""
    name = type(module).__name__
    outputs = _outputs(module, inputs)
    widths = {1, 2} if n_classes == 2 else {n_classes}
    if not isinstance(outputs, torch.Tensor) or outputs.ndim != 2 or outputs.shape[1] not in widths:
        got = tuple(outputs.shape) if isinstance(outputs, torch.Tensor) else type(outputs).__name__
        single = ", or (n_samples, 1)" if n_classes == 2 else ""
        raise ValueError(
            f"module={name} must return logits of shape (n_samples, {n_classes}), one for each of"
            f" the {n_classes} classes in y{single}; for {len(inputs)} rows it returned {got}."
        )
    activation = final_activation(outputs)
    if activation is not None:
        raise ValueError(
            f"module={name} returns probabilities, but the loss and predict_proba expect logits and"
            f" would apply the softmax to them: leave out the {activation} at its end."
        )
    _check_evaluation(module, inputs, outputs.detach())


def _outputs(module, inputs):
    """What a module returns in evaluation mode, with gradients for `final_activation`."""
    name, was_training = type(module).__name__, module.training
    try:
        with torch.enable_grad():
            return module.eval()(inputs.to(_device_of(module), copy=True))
    except RuntimeError as error:
        if any(parameter.dtype == torch.float64 for parameter in module.parameters()):
            raise ValueError(
                f"module={name} has weights of float64, but its inputs come in float32: convert it"
                " by .float(), set torch.set_default_dtype(torch.float32), or convert the inputs in"
                f" its forward. {error}"
            ) from error
        raise ValueError(
            f"module={name} does not take rows of shape {tuple(inputs.shape[1:])}, the shape of one"
            f" row of X: {error}"
        ) from error
    finally:
        module.train(was_training)


def _check_evaluation(module, inputs, outputs):
    """Warn if what a module returns for a row in evaluation mode is not settled by the row."""
    was_training = module.training
    module.eval()
    with torch.no_grad():
        inputs = inputs.to(_device_of(module))
        again = module(inputs.clone())
        two = module(inputs[:2].clone()) if len(inputs) > 2 else again
    module.train(was_training)
    name = type(module).__name__
    if not _is_close(again, outputs):
        warnings.warn(
            f"module={name} returns other logits in a second pass in evaluation mode, so that"
            " predictions, attacks and explanations are random. Is a dropout always on? Write"
            " F.dropout(x, training=self.training), or use the layer nn.Dropout.",
            UserWarning,
            stacklevel=2,
        )
    elif not _is_close(two, outputs[: len(two)]):
        warnings.warn(
            f"module={name} returns other logits for a row in another batch, also in evaluation"
            " mode, so that predictions depend on the rows beside. Does a batch norm have"
            " track_running_stats=False?",
            UserWarning,
            stacklevel=2,
        )


def _is_close(outputs, expected):
    return torch.allclose(outputs, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))


def _device_of(module):
    return next((parameter.device for parameter in module.parameters()), None)
