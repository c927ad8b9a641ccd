"""The weights of a module, as its layers use them."""

import torch
from torch.nn.utils import parametrize

#: What weight_norm, spectral_norm and pruning of old append to a weight's name in its place.
_RAW_SUFFIXES = ("_orig", "_g", "_v")


def effective_weights(module):
    """List the weights that layers multiply with: for a parametrized one itself, not what is in it.

    Parameters
    ----------
    module : torch.nn.Module
        After a forward pass, in which hooks compute weights from raw parameters.

    Returns
    -------
    list of Tensor
        Those of more than one dimension; not biases and scales.
    """
    weights, raw = [], set()
    for part in module.modules():
        for name, parameters in _computed(part):
            weights.append(getattr(part, name))
            raw.update(id(parameter) for parameter in parameters)
    weights += [parameter for parameter in module.parameters() if id(parameter) not in raw]
    return [weight for weight in weights if weight.ndim > 1]


def _computed(part):
    """Names of a layer's weights that are computed, and the parameters that they are made from."""
    if parametrize.is_parametrized(part):
        for name, steps in part.parametrizations.items():
            yield name, list(steps.parameters())
    for name, value in vars(part).items():
        made_from = [part._parameters.get(name + suffix) for suffix in _RAW_SUFFIXES]
        made_from = [parameter for parameter in made_from if parameter is not None]
        if made_from and isinstance(value, torch.Tensor):
            yield name, made_from
