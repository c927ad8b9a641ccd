"""Saving a fitted network without pickle."""

import copyreg
from dataclasses import asdict

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import nn

from sklearn_advex.neural_network._conv_net import ConvNet
from sklearn_advex.neural_network._layout import RowLayout
from sklearn_advex.neural_network._net_state import net_state, restore_net
from sklearn_advex.neural_network._saved_file import file_content, parse_file, read_file, write_file

_FITTED = (
    "classes_",
    "n_features_in_",
    "feature_names_in_",
    "feature_means_",
    "epsilon_",
    "categories_",
)
_PLAIN_STATE = "_saved_network"  # key of a state that is a file of `save`, as bytes


class PersistenceMixin:
    """Mixin for models that are saved to a file and loaded from it."""

    def save(self, path):
        """Save the fitted model to a file that can be read without pickle.

        The file is a safetensors file: the weights, and parameters and other numbers as JSON. Not
        in it are what only a running training needs (`callbacks`, an `lr_schedule` that is a
        callable and a `random_state` that is a generator, which are None after loading, and the
        state of the optimizer, with which :meth:`partial_fit` starts anew), the records of single
        batches in `history_`, the device, and the code of the module. Pickle and joblib keep all
        that, where the module's class can be imported.

        Parameters
        ----------
        path : str or path-like
            A file that exists is replaced, at once when the new one is complete, and keeps its
            permissions; a symbolic link stays.

        Raises
        ------
        NotFittedError
            If the model has not been fitted.
        FileNotFoundError, IsADirectoryError
            If the folder does not exist, or the path is that of a folder.
        TypeError
            If a parameter, the class labels or what a callback wrote to `history_` are no plain
            data, or `optimizer` is not from ``torch.optim``.
        """
        check_is_fitted(self)
        write_file(path, "model", _plain_content(self))

    @classmethod
    def load(cls, path, *, module=None, device="auto"):
        """Load a model from a file that :meth:`save` wrote.

        Nothing that the file names is imported or run, so a file from elsewhere can do no harm.

        Parameters
        ----------
        path : str or path-like
            The file.
        module : torch.nn.Module, its class or another factory, default=None
            What the model was made with. None will do for the default network of
            :class:`AdversarialCNNClassifier`, and for :class:`AdversarialMLPClassifier`.
        device : str or torch.device, default="auto"
            Where to put the model, whatever it was trained on.

        Returns
        -------
        AdversarialNetClassifier
            The fitted model, of the class that `load` is called on.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If the file is damaged or no such file but a folder, say, if it holds a model of another
            class, or if the weights do not fit the module.
        """
        saved = read_file(path, "model")
        if saved["class"] != cls.__name__:
            raise ValueError(
                f"{path} holds a model of the class {saved['class']}, not {cls.__name__}: load it"
                f" by {saved['class']}.load."
            )
        if "module" in cls._get_param_names():
            module = _known_module(saved["module"], path) if module is None else module
        elif module is not None:
            raise ValueError(f"{cls.__name__} makes its own module: load it without module=.")
        model = cls.__new__(cls)
        _restore(model, saved, module, device, path)
        return model

    def __getstate__(self):
        """Return the state as plain data, for formats that run no code to load a model.

        Pickle, joblib and copies keep more, see `__reduce_ex__`.
        """
        if not self.__sklearn_is_fitted__():
            return super().__getstate__()
        module = self.module if "module" in self._get_param_names() else None
        if isinstance(module, nn.Module):
            raise TypeError(
                "module is an instance, whose code cannot be saved without pickle: make the model"
                " with its class or another factory, or use pickle or joblib."
            )
        return {_PLAIN_STATE: file_content("model", _plain_content(self)), "module": module}

    def __setstate__(self, state):
        """Restore what `__getstate__` or `__reduce_ex__` gave."""
        if _PLAIN_STATE not in state:
            super().__setstate__(state)
            return
        saved = parse_file(state[_PLAIN_STATE], "model")
        _restore(self, saved, state["module"], "auto", "the state of the network")

    def __reduce_ex__(self, protocol):
        """Pickle and copy all: the optimizer, callbacks and whatever the module is."""
        return copyreg.__newobj__, (type(self),), super().__getstate__()


def _plain_content(model):
    """Everything about a fitted model that is plain data."""
    return {
        "class": type(model).__name__,
        "module": qualified_name(model.module),
        "parameters": _plain_parameters(model),
        "fitted": {name: getattr(model, name) for name in _FITTED if hasattr(model, name)},
        "layout": asdict(model._layout),
        "seed": model._seed,
        "net": net_state(model.net_),
    }


def _restore(model, saved, module, device, source):
    """Make a new object the model that a file or a state holds."""
    parameters = saved["parameters"] | {"device": device}
    if "optimizer" in parameters:
        parameters["optimizer"] = _torch_optimizer(parameters["optimizer"])
    if "module" in model._get_param_names():
        parameters["module"] = module
    model.__init__(**parameters)
    for name in _FITTED:
        if name in saved["fitted"]:
            setattr(model, name, saved["fitted"][name])
    model._layout = RowLayout(**saved["layout"])
    model._initialize(model.feature_means_[np.newaxis], saved["seed"])
    try:
        restore_net(model.net_, saved["net"])
    except RuntimeError as error:
        raise ValueError(
            f"The weights in {source} do not fit the module: pass as module what the model was"
            f" made with, {saved['module']}. {error}"
        ) from error


def qualified_name(obj):
    """Where a class or a function is defined; of another object, where its class is.

    Parameters
    ----------
    obj : object

    Returns
    -------
    str
    """
    named = obj if hasattr(obj, "__qualname__") else type(obj)
    return f"{named.__module__}.{named.__qualname__}"


def _plain_parameters(estimator):
    """The parameters by name, without those that a loaded model gets anew."""
    parameters = estimator.get_params()
    parameters.pop("module", None)
    del parameters["device"]
    parameters["callbacks"] = None
    if "optimizer" in parameters:
        parameters["optimizer"] = _optimizer_name(estimator.optimizer)
    if callable(estimator.lr_schedule):
        parameters["lr_schedule"] = None
    if isinstance(estimator.random_state, np.random.RandomState):
        parameters["random_state"] = None
    return parameters


def _optimizer_name(optimizer):
    name = getattr(optimizer, "__name__", "")
    if getattr(torch.optim, name, None) is not optimizer:
        raise TypeError(
            f"optimizer={optimizer!r} is not from torch.optim, so it cannot be saved without"
            " pickle: use pickle or joblib, or an optimizer of torch.optim."
        )
    return name


def _torch_optimizer(name):
    optimizer = getattr(torch.optim, name, None)
    if not (isinstance(optimizer, type) and issubclass(optimizer, torch.optim.Optimizer)):
        raise ValueError(f"This torch has no optimizer torch.optim.{name}: update torch.")
    return optimizer


def _known_module(name, path):
    if name != qualified_name(ConvNet):
        raise ValueError(
            f"{path} holds the weights of {name} but not its code, and load imports nothing that a"
            " file names: pass what the model was made with, load(path, module=...)."
        )
    return ConvNet
