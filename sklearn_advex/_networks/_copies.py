"""Copies of modules, also of those that keep tensors of their last pass."""

import copy

import torch
from torch.overrides import TorchFunctionMode


def copy_module(module, memo=None):
    """Copy a module; what it keeps of a pass, such as attention weights, is copied as numbers.

    Python's own copy refuses tensors that are part of a graph.

    Parameters
    ----------
    module : torch.nn.Module
    memo : dict, default=None
        From identities of objects to what stands for them in the copy, as of `copy.deepcopy`.

    Returns
    -------
    torch.nn.Module
    """
    with torch.no_grad(), _DetachedCopies():
        return copy.deepcopy(module, memo)


class _DetachedCopies(TorchFunctionMode):
    """Mode in which a copy of a tensor that is no leaf of its graph leaves the graph."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is torch.Tensor.__deepcopy__ and not args[0].is_leaf:
            args = (args[0].detach(), *args[1:])
        return func(*args, **(kwargs or {}))
