"""From an estimator's parameters and data to a skorch net and what it trains on."""

from functools import partial

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from skorch.callbacks import LRScheduler
from torch import nn

from sklearn_advex.neural_network._attack import frozen
from sklearn_advex.neural_network._device import resolve_precision, store_channels_last
from sklearn_advex.neural_network._modules import build_module, make_module
from sklearn_advex.neural_network._net import (
    BASE_RATE,
    AdversarialNet,
    LabeledTensors,
    TrainingData,
)
from sklearn_advex.neural_network._schedules import LR_SCHEDULES

_ADAM_FORMS = {"fused", "foreach", "capturable", "differentiable"}


def build_net(estimator, device, inputs, n_classes):
    """Make an initialized net as the parameters of an estimator say.

    Parameters
    ----------
    estimator : AdversarialNetClassifier
        With the attribute `_seed`.
    device : torch.device
    inputs : Tensor of shape (n_samples, ...)
        Some inputs of the module, on which it is tried.
    n_classes : int

    Returns
    -------
    AdversarialNet
    """
    module = build_module(estimator.module, estimator._module_params(), inputs, n_classes)
    optimizer_params = _optimizer_params(estimator, device, module)
    net = AdversarialNet(
        module,
        criterion=nn.CrossEntropyLoss,
        optimizer=estimator.optimizer,
        lr=estimator.lr,
        max_epochs=estimator.max_epochs,
        train_split=None,
        device=str(device),
        verbose=0,
        classes=range(n_classes),
        seed=estimator._seed,
        **{f"optimizer__{name}": value for name, value in optimizer_params.items()},
    )
    net.initialize()
    # Without the rows, and without the instance: skorch maps `module_` to other devices only.
    sizes = tuple(inputs.shape[1:]), n_classes
    net.module = partial(make_module, estimator.module, estimator._module_params(), *sizes)
    # L-BFGS takes gradients for one flat vector, which those of channels-last weights are not.
    if inputs.ndim == 4 and not isinstance(net.optimizer_, torch.optim.LBFGS):
        store_channels_last(net.module_, inputs.to(device))
    return net


def configure_net(net, estimator, inputs):
    """Give a net the parameters of an estimator that can change between two trainings.

    Parameters
    ----------
    net : AdversarialNet
    estimator : AdversarialNetClassifier
    inputs : Tensor of shape (n_samples, ...)
        Some inputs of the module, on its device, on which faster ways are tried.
    """
    schedule = estimator.lr_schedule
    if schedule is not None and any(map(_is_scheduler, estimator.callbacks or [])):
        raise ValueError(
            f"lr_schedule={schedule!r:.80} and skorch's LRScheduler among the callbacks would both"
            " change the learning rate: pass lr_schedule=None, or leave the callback out."
        )
    net.lr_factor = LR_SCHEDULES[schedule] if isinstance(schedule, str) else schedule
    net.epsilon_warmup = resolve_warmup(estimator.epsilon_warmup, estimator.training)
    net.alpha = estimator.alpha
    device = torch.device(net.device)
    with frozen(net.module_):
        precision = resolve_precision(estimator.precision, device, net.module_, inputs)
        net.autocast_dtype = torch.bfloat16 if precision == "bfloat16" else None
        net.try_arrangement(inputs)
    for group in net.optimizer_.param_groups:
        group["lr"] = group.pop(BASE_RATE, group["lr"])
    if net.lr != estimator.lr:
        net.set_params(lr=estimator.lr)
    request = estimator._callback_request()
    if net.callback_request != request:
        net.callback_request, net.callbacks = request, estimator._all_callbacks()
        net.initialize_callbacks()


def _is_scheduler(item):
    """Whether an entry of `callbacks`, which may be a pair with a name, is skorch's LRScheduler."""
    return isinstance(item[1] if isinstance(item, tuple) else item, LRScheduler)


def resolve_warmup(epsilon_warmup, training):
    """Turn `epsilon_warmup` into a share of the training steps.

    Parameters
    ----------
    epsilon_warmup : "auto" or float
    training : str or None

    Returns
    -------
    float
        By default half of the steps for interval bounds, which are too loose to learn from at the
        start, and none for attacks.
    """
    if epsilon_warmup == "auto":
        return 0.5 if training == "ibp" else 0.0
    return epsilon_warmup


def training_data(rows, layout, device, validation_fraction, seed, alternative):
    """Move training data to the device, once, and set a part of them aside.

    Parameters
    ----------
    rows : LabeledRows
    layout : RowLayout
    device : torch.device
    validation_fraction : float or None
        Share of the rows to watch the training on; None for none.
    seed : int
        Of the choice of these rows, which keeps the shares of the classes.
    alternative : str
        The parameter and value that set none aside, for the error message.

    Returns
    -------
    TrainingData
    """
    data = LabeledTensors(
        layout.arrange(torch.from_numpy(rows.X)).contiguous().to(device),
        torch.from_numpy(rows.y).to(device),
        torch.from_numpy(rows.weight).to(device),
    )
    if validation_fraction is None:
        return TrainingData(data, None)
    _, counts = np.unique(rows.y, return_counts=True)
    if counts.min() < 2:
        raise ValueError(
            f"validation_fraction={validation_fraction} needs two rows of each class, one to train"
            " on and one to watch, but y has a class with a single row: pass more rows of it, or"
            f" {alternative}."
        )
    try:
        train, valid = train_test_split(
            range(len(rows.y)), test_size=validation_fraction, stratify=rows.y, random_state=seed
        )
    except ValueError as error:
        raise ValueError(
            f"validation_fraction={validation_fraction} is too small: {error}"
        ) from error
    return TrainingData(data.take(torch.tensor(train)), data.take(torch.tensor(valid)))


def _optimizer_params(estimator, device, module):
    """What the user asks for; Adam updates in one pass unless told how, three times as fast."""
    params = estimator._nested_params("optimizer__")
    is_adam = estimator.optimizer in (torch.optim.Adam, torch.optim.AdamW)
    is_real = all(parameter.is_floating_point() for parameter in module.parameters())
    has_fused = is_adam and is_real and device.type in ("cpu", "cuda")
    if has_fused and not _ADAM_FORMS & params.keys():
        params |= {"fused": True}
    return params
