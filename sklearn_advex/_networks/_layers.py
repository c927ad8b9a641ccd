"""Whether a layer is what its class says, and which layers a module is a sequence of."""

import torch
from torch import nn

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def is_as_its_class(module):
    """Whether a module does what its class says.

    Whoever takes a layer by its class, such as for a formula of its own, has to ask: other
    libraries hook layers, replace their `forward` or compile them by TorchScript.

    Parameters
    ----------
    module : torch.nn.Module

    Returns
    -------
    bool
    """
    if isinstance(module, torch.jit.ScriptModule):
        return False
    return "forward" not in vars(module) and not any(vars(module).get(hooks) for hooks in _HOOKS)


def is_sequence(module):
    """Whether a module passes its input through its parts, one after the other, and no more.

    Parameters
    ----------
    module : torch.nn.Module

    Returns
    -------
    bool
    """
    return is_as_its_class(module) and type(module).forward is nn.Sequential.forward


def layers_of(module):
    """List the layers of a (nested) sequence in their order.

    Parameters
    ----------
    module : torch.nn.Module

    Returns
    -------
    list of torch.nn.Module or None
        None for a module that is no sequence, or has a part that is not as its class.
    """
    if not all(map(is_as_its_class, module.modules())):
        return None
    return _flattened(module) if is_sequence(module) else None


def _flattened(module):
    if not is_sequence(module):
        return [module]
    return [layer for part in module for layer in _flattened(part)]
