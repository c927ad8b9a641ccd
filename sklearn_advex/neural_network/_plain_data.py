"""From nested Python data to JSON and tensors, and back."""

import numpy as np
import pandas as pd
import torch

# A momentum must have the memory format of its weight: torch's fused updates are slower otherwise.
_MEMORY_FORMATS = {True: torch.channels_last, False: torch.preserve_format}


def encode(value, name, tensors):
    """Turn nested data into what JSON holds, with the tensors apart.

    What JSON does not know becomes an object with one entry, from a tag to the content.

    Parameters
    ----------
    value : object
        Numbers, strings, None, tensors, arrays, Series and dtypes of torch, in lists, tuples and
        dicts.
    name : str
        What to call the value, in a complaint and as a tensor.
    tensors : dict
        Copies of the tensors are added to it, by name.

    Returns
    -------
    object

    Raises
    ------
    TypeError
        If something else is in there.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, torch.Tensor):
        tensors[name] = value.detach().cpu().clone(memory_format=torch.contiguous_format)
        return {"tensor": [name, value.is_contiguous(memory_format=torch.channels_last)]}
    if isinstance(value, torch.dtype):
        return {"torch.dtype": str(value).removeprefix("torch.")}
    if isinstance(value, np.ndarray) and _is_plain(value):
        return {"array": [value.dtype.str, value.tolist()]}
    if isinstance(value, pd.Series):
        return {"series": [encode(part.tolist(), name, tensors) for part in (value, value.index)]}
    if isinstance(value, dict):
        items = [
            [encode(key, f"a key of {name}", tensors), encode(item, f"{name}.{key}", tensors)]
            for key, item in value.items()
        ]
        return {"dict": items}
    if isinstance(value, (list, tuple)):
        items = [encode(item, f"{name}.{place}", tensors) for place, item in enumerate(value)]
        return items if isinstance(value, list) else {"tuple": items}
    raise TypeError(
        f"{name} cannot be saved without pickle, it is of {type(value)}: {value!r:.80}. Numbers,"
        " strings, lists, tuples, dicts, arrays and tensors can."
    )


def decode(data, tensors):
    """The inverse of :func:`encode`.

    Parameters
    ----------
    data : object
        From JSON.
    tensors : dict
        From names to tensors.

    Returns
    -------
    object
    """
    if isinstance(data, list):
        return [decode(item, tensors) for item in data]
    if not isinstance(data, dict):
        return data
    ((tag, content),) = data.items()
    if tag == "tensor":
        name, is_channels_last = content
        return tensors[name].to(memory_format=_MEMORY_FORMATS[is_channels_last])
    return _DECODERS[tag](content if tag == "array" else decode(content, tensors))


def _is_plain(array):
    """Whether the entries are numbers or strings."""
    if array.dtype.kind == "O":
        return all(isinstance(entry, str) for entry in array.flat)
    return array.dtype.kind in "biufU"


def _torch_dtype(name):
    dtype = getattr(torch, name)
    if not isinstance(dtype, torch.dtype):
        raise ValueError(f"torch.{name} is no dtype.")
    return dtype


_DECODERS = {
    "array": lambda content: np.array(content[1], dtype=np.dtype(content[0])),
    "series": lambda content: pd.Series(content[0], index=content[1]),
    "dict": dict,
    "tuple": tuple,
    "torch.dtype": _torch_dtype,
}
