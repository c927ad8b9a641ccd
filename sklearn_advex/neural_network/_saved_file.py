"""Files of tensors and plain data: nothing is imported or run to read them."""

import json
import os
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from sklearn_advex.neural_network._plain_data import decode, encode

_FORMAT = "sklearn_advex"
_VERSION = 1  # of the format; a change that this reader would misread raises it
_READERS = {
    "model": "the class method load of the model's class",
    "checkpoint": "fit, with callbacks=[TrainingCheckpoint(path)]",
}


def write_file(path, kind, content):
    """Write a safetensors file, whole or not at all.

    Its metadata hold everything but the tensors, as JSON, and a digest of all.

    Parameters
    ----------
    path : str or path-like
        A file that exists is replaced and keeps its permissions, also behind a symbolic link.
    kind : {"model", "checkpoint"}
    content : dict
        Nested data as :func:`encode` takes them.

    Raises
    ------
    FileNotFoundError, IsADirectoryError
        If the folder does not exist, or the path is that of a folder.
    TypeError
        If the content has other data.
    """
    path = _target(path, kind)
    data = file_content(kind, content)
    with TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as folder:
        written = Path(folder, path.name)
        written.write_bytes(data)
        if path.exists():
            written.chmod(path.stat().st_mode)
        os.replace(written, path)


def file_content(kind, content):
    """Return what :func:`write_file` writes.

    Parameters
    ----------
    kind : {"model", "checkpoint"}
    content : dict

    Returns
    -------
    bytes

    Raises
    ------
    TypeError
        As for :func:`write_file`.
    """
    tensors = {}
    items = {key: encode(item, key, tensors) for key, item in content.items()}
    metadata = {"format": _FORMAT, "version": str(_VERSION), "kind": kind}
    metadata["content"] = json.dumps(items)
    metadata["sha256"] = _digest(metadata, tensors)
    return save(tensors, metadata)


def _target(path, kind):
    """The file to write: what a symbolic link points to, in a folder that exists."""
    target = Path(path).resolve()
    if target.is_dir():
        raise IsADirectoryError(f"{path} is a folder: give the path of a file in it.")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"The folder of the {kind} {path} does not exist: create it.")
    return target


def read_file(path, kind):
    """Read a file that :func:`write_file` wrote.

    Parameters
    ----------
    path : str or path-like
    kind : {"model", "checkpoint"}
        What the file must be.

    Returns
    -------
    dict
        The content.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged or not such a file, or the path is that of a folder.
    """
    metadata, tensors = _read_safetensors(path)
    if metadata.pop("sha256", None) != _digest(metadata, tensors):
        raise ValueError(_damaged(path, "its content does not match its checksum"))
    if int(metadata["version"]) > _VERSION:
        raise ValueError(
            f"{path} was written by a newer version of sklearn_advex, in version"
            f" {metadata['version']} of the format; this one reads up to {_VERSION}. Update"
            " sklearn_advex."
        )
    if metadata["kind"] != kind:
        raise ValueError(
            f"{path} is a {metadata['kind']}, not a {kind}: it is read by"
            f" {_READERS[metadata['kind']]}."
        )
    items = json.loads(metadata["content"])
    return {key: decode(item, tensors) for key, item in items.items()}


def parse_file(data, kind):
    """Return what :func:`read_file` reads, from the content of a file.

    Parameters
    ----------
    data : bytes
    kind : {"model", "checkpoint"}

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        As for :func:`read_file`.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder, kind)
        path.write_bytes(data)
        return read_file(path, kind)


def _read_safetensors(path):
    if Path(path).is_dir():
        raise ValueError(f"{path} is a folder: give the path of a file in it.")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != _FORMAT:
                raise ValueError(
                    f"{path} is a safetensors file, but not one of sklearn_advex: it can be read"
                    " by the program that wrote it only."
                )
            # The tensors of the file are views of it; clones stay when it is replaced.
            return metadata, {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(_damaged(path, error)) from error


def _damaged(path, reason):
    return (
        f"{path} is damaged, or no file that sklearn_advex wrote ({reason}). Take another copy of"
        " the file; if there is none, delete it and train again."
    )


def _digest(metadata, tensors):
    digest = sha256(json.dumps(metadata, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
