"""What tells one training run from another: a text for each parameter, data or not."""

import functools
import json
from hashlib import sha256

import numpy as np
import torch
from torch import nn

from sklearn_advex.neural_network._persistence import qualified_name
from sklearn_advex.neural_network._plain_data import encode

#: Objects within objects that are looked into. Deeper ones count as their class.
_MAX_DEPTH = 6


def digest(array):
    """Fingerprint of the numbers of an array, as text.

    Parameters
    ----------
    array : ndarray

    Returns
    -------
    str
    """
    return sha256(np.ascontiguousarray(array)).hexdigest()[:16]


def describe(value, depth=0):
    """Describe a parameter so that two that train differently have different texts.

    A class and a function are their names; what has no name that tells it, such as a lambda, an
    object, a partial function or a module, is what is in it.

    Parameters
    ----------
    value : object
    depth : int, default=0
        Number of objects that this one is in.

    Returns
    -------
    str
    """
    tensors = {}
    try:
        text = json.dumps(encode(value, "", tensors))
    except TypeError:
        parts = {} if depth > _MAX_DEPTH else _parts(value)
        inner = [f"{name}={describe(part, depth + 1)}" for name, part in parts.items()]
        return f"{qualified_name(value)}({', '.join(inner)})" if inner else qualified_name(value)
    digests = [digest(tensor.reshape(-1).view(torch.uint8).numpy()) for tensor in tensors.values()]
    return " ".join([text, *digests])


def _parts(value):
    """What an object consists of, by name."""
    if isinstance(value, functools.partial):
        arguments = {f"argument {place}": part for place, part in enumerate(value.args)}
        return {"func": value.func} | arguments | value.keywords
    if isinstance(value, nn.Module):
        return _parts_of_module(value)
    if isinstance(value, dict):
        return {str(key): part for key, part in value.items()}
    if isinstance(value, list | tuple):
        return {str(place): part for place, part in enumerate(value)}
    if hasattr(value, "__func__"):  # a method
        return {"function": value.__func__, "object": value.__self__}
    if hasattr(value, "__code__"):
        return _parts_of_function(value)
    return {} if isinstance(value, type) else dict(getattr(value, "__dict__", {}))


def _parts_of_function(function):
    """Nothing for a function that its name tells; what is in it for one made on the way."""
    if "<" not in function.__qualname__:
        return {}
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    code = function.__code__
    constants = [part for part in code.co_consts if not hasattr(part, "co_code")]
    inner = code.co_code.hex() + "".join(
        part.co_code.hex() + repr(part.co_names) for part in code.co_consts if part not in constants
    )
    parts = {"closure": cells, "defaults": function.__defaults__, "constants": constants}
    return parts | {"names": code.co_names, "code": sha256(inner.encode()).hexdigest()[:16]}


def _parts_of_module(module):
    parts = {"layers": repr(module), "weights": dict(module.state_dict())}
    for name, part in module.named_modules():
        public = {key: item for key, item in vars(part).items() if not key.startswith("_")}
        public.pop("training", None)
        parts |= {f"{name}.{key}": item for key, item in public.items()}
    return parts
