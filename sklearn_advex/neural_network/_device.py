"""Where to compute, and with which numbers."""

import warnings
from contextlib import contextmanager
from threading import RLock

import torch
from torch import nn

from sklearn_advex._networks import BFLOAT16_ROUNDING, Trial

_RANDOM_STATE = RLock()
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


def resolve_device(device):
    """Turn `device` into a device that exists.

    Parameters
    ----------
    device : str or torch.device
        "auto" is the first CUDA device, or the CPU where there is none.

    Returns
    -------
    torch.device

    Raises
    ------
    ValueError
        If torch does not know the name or cannot use the device here.
    """
    if isinstance(device, str) and device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
        torch.empty(1, device=resolved)
    except (RuntimeError, AssertionError) as error:  # torch asserts that it was built with CUDA
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"device={str(device)!r} cannot be used here ({reason}). Pass device='auto', which"
            " takes a GPU where there is one."
        ) from error
    return resolved


def resolve_precision(precision, device, module, inputs):
    """Choose the type that autocast computes with.

    Parameters
    ----------
    precision : {"auto", "float32", "bfloat16"}
        "auto" is "bfloat16" where the device multiplies such numbers in hardware and the module has
        convolutions, which is where it pays, and returns nearly the same under autocast.
    device : torch.device
    module : torch.nn.Module
        In evaluation mode.
    inputs : Tensor of shape (n_samples, ...)
        Some inputs of the module.

    Returns
    -------
    str
        "float32" or "bfloat16".

    Warns
    -----
    UserWarning
        If "bfloat16" is asked for, and makes outputs that are not those of float32.
    """
    if precision == "bfloat16" and not _takes_bfloat16(module, inputs):
        warnings.warn(
            "precision='bfloat16' changes what the module returns by more than a tenth of the"
            " largest output, or fails: some processors compute some convolutions wrongly so."
            " Set precision='auto' or 'float32'.",
            stacklevel=2,
        )
    if precision != "auto":
        return precision
    pays = _has_convolutions(module) and _multiplies_bfloat16(device)
    return "bfloat16" if pays and _takes_bfloat16(module, inputs) else "float32"


def store_channels_last(module, inputs):
    """Store weights of convolutions with the channels last, unless the module minds.

    Parameters
    ----------
    module : torch.nn.Module
    inputs : Tensor of shape (n_samples, ...)
        Some inputs of the module.
    """
    was_training = module.training
    module.eval()
    trial = Trial(module, inputs)
    module.to(memory_format=torch.channels_last)
    if not trial.agrees(module):
        module.to(memory_format=torch.contiguous_format)
    module.train(was_training)


def _takes_bfloat16(module, inputs):
    def autocast(X):
        with torch.autocast(inputs.device.type, torch.bfloat16):
            return module(X)

    return Trial(module, inputs).agrees(autocast, BFLOAT16_ROUNDING)


def _has_convolutions(module):
    return any(isinstance(layer, _CONVOLUTIONS) for layer in module.modules())


def _multiplies_bfloat16(device):
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu" and hasattr(torch.cpu, "get_capabilities"):  # not in older releases
        capabilities = torch.cpu.get_capabilities()
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return False


@contextmanager
def seeded(seed):
    """Seed torch's global random state, of all devices, in a context, and leave it as found.

    All threads share that state, so one of them at a time can be in such a context.

    Parameters
    ----------
    seed : int
    """
    with _RANDOM_STATE, torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield
