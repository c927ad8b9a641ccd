"""The skorch net that trains a module against an adversary."""

import math
import pickle
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import cloudpickle
import numpy as np
import torch
from skorch import NeuralNetClassifier
from skorch.callbacks import EpochTimer, PassthroughScoring
from skorch.dataset import Dataset

from sklearn_advex._networks import BFLOAT16_ROUNDING, ROUNDING, Trial, arrange
from sklearn_advex.neural_network._attack import frozen
from sklearn_advex.neural_network._cuda_graph import captured_attack
from sklearn_advex.neural_network._modules import class_logits
from sklearn_advex.neural_network._robust_losses import NaturalLoss
from sklearn_advex.neural_network._weights import effective_weights

#: What losses and accuracies are of: the inputs, attacked inputs, the worst case by bounds.
KINDS = ("clean", "adversarial", "certified")
#: Where an optimizer's group keeps the rate that is multiplied, by us and by torch's schedulers.
BASE_RATE = "rate before the schedule"
_BASE_RATE_OF_TORCH = "initial_lr"
#: Data up to that size are shuffled as a whole; a gather per batch takes longer but no memory.
_COPIED_BYTES = 2**26
_METRICS = (("loss", True), ("accuracy", False))  # and whether less of it is better


class LabeledTensors(NamedTuple):
    """Inputs, labels and weights, all on the device that trains on them.

    Attributes
    ----------
    X : Tensor of shape (n_samples, ...)
        As the module takes them.
    y : Tensor of int64 of shape (n_samples,)
        Positions of the classes.
    weight : Tensor of shape (n_samples,)
        Weights of the rows, of mean 1.
    """

    X: torch.Tensor
    y: torch.Tensor
    weight: torch.Tensor

    def take(self, rows):
        """Copy some rows.

        Parameters
        ----------
        rows : Tensor of int64

        Returns
        -------
        LabeledTensors
        """
        return LabeledTensors(*(part[rows.to(part.device)] for part in self))

    def span(self, start, stop):
        """Return the rows from `start` to before `stop`, without a copy."""
        return LabeledTensors(*(part[start:stop] for part in self))


class TrainingData(NamedTuple):
    """What the net trains on, and what it is watched on (None where there is none)."""

    train: LabeledTensors
    valid: LabeledTensors | None


class TensorDataset(Dataset):
    """Inputs and labels as skorch's callbacks take them, and the tensors that they are of.

    Parameters
    ----------
    tensors : LabeledTensors
    """

    def __init__(self, tensors):
        super().__init__(tensors.X, tensors.y)
        self.tensors = tensors


class Batch(tuple):
    """A batch as callbacks of skorch unpack it, ``X, y``, with more that a loss is made from.

    Attributes
    ----------
    X, y, weight : Tensor
        As of :class:`LabeledTensors`; `X` is attacked where there is an attack.
    scale : float
        What epsilon is multiplied by.
    clean_X : Tensor
        The inputs before an attack.
    clean_logits : Tensor or None
        The logits of these, where they were computed.
    """

    def __new__(cls, data, scale=1.0, clean_X=None, clean_logits=None):
        batch = super().__new__(cls, (data.X, data.y))
        batch.X, batch.y, batch.weight = data
        batch.scale = scale
        batch.clean_X = data.X if clean_X is None else clean_X
        batch.clean_logits = clean_logits
        return batch

    def with_scale(self, scale):
        """Return the batch with another `scale`."""
        data = LabeledTensors(self.X, self.y, self.weight)
        return Batch(data, scale, self.clean_X, self.clean_logits)

    def attacked(self, X, clean_logits):
        """Return the batch with attacked inputs, and the logits of those before."""
        return Batch(LabeledTensors(X, self.y, self.weight), self.scale, self.X, clean_logits)


class Schedule(NamedTuple):
    """The epochs over which learning rate and attack change.

    Attributes
    ----------
    n_before : int
        Number of epochs trained for before.
    n_epochs : int
        Number of epochs of the schedule.
    """

    n_before: int
    n_epochs: int

    @property
    def last_epoch(self):
        """Number of epochs trained for when the schedule is through."""
        return self.n_before + self.n_epochs

    def progress(self, n_trained):
        """The share of the schedule that is done after a number of epochs, a float in [0, 1]."""
        return min(1.0, max(0.0, (n_trained - self.n_before) / self.n_epochs))


class DivergenceError(ValueError):
    """The loss is not finite."""


class BatchIterator:
    """Batches cut from tensors that are in memory as a whole; no worker, no copy to a device.

    Parameters
    ----------
    data : LabeledTensors
    batch_size : int
        Rows of a batch; the last may have fewer, or one more: a batch of a single row would have no
        batch statistics.
    shuffle : bool, default=False
        Whether to draw a new order of the rows, from torch's global random state, in each pass.
    """

    def __init__(self, data, batch_size, shuffle=False):
        self.data = data
        self.batch_size = batch_size
        self.shuffle = shuffle

    def __len__(self):
        """Count the batches of a pass."""
        n_samples = len(self.data.y)
        return max(1, -(-n_samples // self.batch_size) - (n_samples % self.batch_size == 1))

    def __iter__(self):
        """Yield the batches of a pass."""
        n_samples = len(self.data.y)
        starts = [position * self.batch_size for position in range(len(self))]
        spans = pairwise([*starts, n_samples])
        if not self.shuffle:
            yield from (Batch(self.data.span(*span)) for span in spans)
            return
        order = torch.randperm(n_samples)
        if self.data.X.nbytes <= _COPIED_BYTES:
            shuffled = self.data.take(order)
            yield from (Batch(shuffled.span(*span)) for span in spans)
        else:
            yield from (Batch(self.data.take(order[start:stop])) for start, stop in spans)


class AdversarialNet(NeuralNetClassifier):
    """A skorch net that minimizes a robust loss.

    Parameters
    ----------
    *args, **kwargs
        As for skorch's NeuralNetClassifier.
    robust_loss : RobustLoss
        What a training step minimizes.
    epsilon_warmup : float
        Share of the training steps over which epsilon grows linearly to its full size.
    alpha : float
        Weight of the l1 norm of the module's weights, as its layers use them (without biases and
        scales, which have one dimension), in the loss.
    lr_factor : callable or None
        From the share of the training steps done to a factor of the learning rate.
    autocast_dtype : torch.dtype or None
        The type that autocast may compute with in attack and forward pass; None for the type of the
        inputs. The loss, the weights and their update keep the weights' own type.
    seed : int
        Seed of the random numbers of each epoch.

    Attributes
    ----------
    is_arranged : bool
        Whether attacks may compute the module in a faster way.
    schedule : Schedule or None
        The epochs that `lr_factor` and `epsilon_warmup` refer to; None for full size throughout.
    callback_request : tuple (callbacks, is_verbose) or None
        The estimator's parameters from which the present callbacks were made.
    """

    # A net that was pickled on a GPU can be read without one: skorch moves these to where it is.
    cuda_dependent_attributes_ = [*NeuralNetClassifier.cuda_dependent_attributes_, "robust_loss"]

    def __init__(
        self,
        *args,
        robust_loss=None,
        epsilon_warmup=0.0,
        alpha=0.0,
        lr_factor=None,
        autocast_dtype=None,
        seed=0,
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        self.robust_loss = NaturalLoss() if robust_loss is None else robust_loss
        self.epsilon_warmup = epsilon_warmup
        self.alpha = alpha
        self.lr_factor = lr_factor
        self.autocast_dtype = autocast_dtype
        self.seed = seed
        self.is_arranged = False
        self.schedule = None
        self.callback_request = None

    def __getstate__(self):
        """What skorch pickles; what pickle cannot name is pickled by value.

        A worker process knows the classes of a notebook or a script, `__main__` of another process,
        only as they were sent to it.
        """
        try:
            return super().__getstate__()
        except (AttributeError, pickle.PicklingError):
            state = dict(vars(self))
            prefixes = tuple(self.cuda_dependent_attributes_)
            mapped = {name: state.pop(name) for name in [*state] if name.startswith(prefixes)}
            return state | {"__cuda_dependent_attributes__": cloudpickle.dumps(mapped)}

    @property
    def precision(self):
        """What attack and forward pass compute with, "float32" or "bfloat16"."""
        return "float32" if self.autocast_dtype is None else "bfloat16"

    @property
    def _default_callbacks(self):
        """The mean over each epoch of every number recorded; nothing is printed."""
        scores = [(f"{kind}_{name}", lower) for kind in KINDS for name, lower in _METRICS]
        averages = [
            PassthroughScoring(f"{part}_{name}", lower, on_train=part == "train")
            for part in ("train", "valid")
            for name, lower in [("loss", True), *scores]
        ]
        return [("epoch_timer", EpochTimer()), *((score.name, score) for score in averages)]

    def check_data(self, X, y=None):
        """Take the data as they come: the estimator has checked them.

        Parameters
        ----------
        X : TrainingData
        y
            Not used.
        """

    def get_split_datasets(self, X, y=None, **fit_params):
        """Hand over the parts of the data, which the caller has split, as callbacks take them.

        Parameters
        ----------
        X : TrainingData
        y, **fit_params
            Not used.

        Returns
        -------
        train : TensorDataset
        valid : TensorDataset or None
        """
        return tuple(None if part is None else TensorDataset(part) for part in X)

    def notify(self, method_name, **kwargs):
        """Call the callbacks, with inputs and labels where they expect the data.

        Parameters
        ----------
        method_name : str
        **kwargs
            What they are told.
        """
        if isinstance(kwargs.get("X"), TrainingData):
            train = kwargs["X"].train
            kwargs |= {"X": train.X, "y": train.y}
        rates = [group["lr"] for group in self.optimizer_.param_groups]
        super().notify(method_name, **kwargs)
        if method_name == "on_train_begin" and self.history:
            self._keep_rates(rates)
        if method_name == "on_epoch_end":
            for _, callback in self.callbacks_:
                if hasattr(callback, "after_epoch"):
                    callback.after_epoch(self)

    def _keep_rates(self, rates):
        """Undo the step that some of torch's schedulers take when they find epochs done before."""
        for group, rate in zip(self.optimizer_.param_groups, rates, strict=True):
            if _BASE_RATE_OF_TORCH in group:
                group["lr"] = rate

    def get_iterator(self, dataset, training=False):
        """Cut tensors that are on the device into batches; leave other data to skorch.

        Parameters
        ----------
        dataset : Dataset
        training : bool, default=False
            Whether to shuffle.

        Returns
        -------
        iterator
        """
        if isinstance(dataset, TensorDataset):
            return BatchIterator(dataset.tensors, self.batch_size, shuffle=training)
        return super().get_iterator(dataset, training)

    def fit_loop(self, X, y=None, *, epochs, **fit_params):
        """Train for a number of epochs, and remember whether the user put an end to it.

        Parameters
        ----------
        X : TrainingData
        y, **fit_params
            Not used.
        epochs : int
            How many more.

        Returns
        -------
        self : AdversarialNet
        """
        self.was_interrupted = False
        self.last_epoch = len(self.history) + epochs
        self.steps_per_epoch = len(BatchIterator(X.train, self.batch_size))
        self._captured = None
        try:
            return super().fit_loop(X, y, epochs, **fit_params)
        except KeyboardInterrupt:
            # A callback that ends the training, like early stopping, waits for the epoch's end.
            if not self.history or "train_loss" not in self.history[-1]:
                self.was_interrupted = True
                del self.history[-1:]
            raise
        finally:
            del self._captured  # a graph cannot be pickled

    def on_epoch_begin(self, net, **kwargs):
        """Open a line of the history, and seed what is random in the epoch.

        Parameters
        ----------
        net : AdversarialNet
        **kwargs
            Passed on.
        """
        super().on_epoch_begin(net, **kwargs)
        self.n_steps = (len(self.history) - 1) * self.steps_per_epoch
        seeds = np.random.SeedSequence([self.seed, len(self.history)])
        torch.manual_seed(int(seeds.generate_state(1)[0]))

    def train_step(self, batch, **fit_params):
        """Prepare a batch, once, and take an optimizer step on its robust loss.

        The optimizer may evaluate the loss several times (:meth:`train_step_single`), so an attack
        cannot be part of that.

        Parameters
        ----------
        batch : Batch
        **fit_params
            Not used.

        Returns
        -------
        dict
            The loss and the logits.

        Raises
        ------
        ValueError
            If the loss is not finite.
        """
        scale = 1.0
        if self.schedule is not None:
            progress = self.schedule.progress(self.n_steps / self.steps_per_epoch)
            self._set_learning_rate(progress)
            scale = self._epsilon_scale(progress)
        prepared = self.robust_loss.prepare(self, batch, scale)
        try:
            step = super().train_step(prepared, **fit_params)
        except ValueError as error:
            if "more than 1 value per channel" not in str(error):
                raise
            raise ValueError(
                f"A batch norm of the module has no statistics of a batch of {len(batch.y)} row(s):"
                f" raise batch_size={self.batch_size}, or give partial_fit more rows. {error}"
            ) from error
        self._record("train", step)
        self.n_steps += 1
        return step

    def train_step_single(self, batch, **fit_params):
        """Compute the loss of a batch and the gradients of the parameters.

        Parameters
        ----------
        batch : Batch
            As the robust loss has prepared it.
        **fit_params
            Not used.

        Returns
        -------
        dict
            The loss, the logits it is of, and what the history keeps.
        """
        self._set_training(True)
        step = self._step(batch)
        step["loss"].backward()
        return step | {"loss": step["loss"].detach()}

    def validation_step(self, batch, **fit_params):
        """Compute loss and accuracies of a batch that is not trained on, at full epsilon.

        Parameters
        ----------
        batch : Batch
        **fit_params
            Not used.

        Returns
        -------
        dict
            The loss, the logits it is of, and what the history keeps.
        """
        batch = self.robust_loss.prepare(self, batch, 1.0)
        with frozen(self.module_), torch.no_grad():
            step = self._step(batch)
        self._record("valid", step)
        return step

    def _step(self, batch):
        losses, outcomes = self.robust_loss.losses(self, batch)
        loss = (losses * batch.weight).mean() + self._penalty()
        with torch.no_grad():
            numbers = {
                f"{kind}_{name}": number
                for kind, outcome in outcomes.items()
                for name, number in (
                    ("loss", outcome.losses.mean()),
                    ("accuracy", (outcome.logits.argmax(dim=1) == batch.y).float().mean()),
                )
            }
        logits = [*outcomes.values()][-1].logits.detach()
        return {"loss": loss, "y_pred": logits, "numbers": numbers}

    def try_arrangement(self, inputs):
        """Find out whether attacks may compute the module in a faster way.

        Parameters
        ----------
        inputs : Tensor of shape (n_samples, ...)
            Some inputs of the module, which is frozen.
        """
        arranged = partial(self.logits, network=arrange(self.module_, self.autocast_dtype))
        tolerance = ROUNDING if self.autocast_dtype is None else BFLOAT16_ROUNDING
        trial = Trial(self.logits, inputs)
        self.is_arranged = trial.agrees(arranged, tolerance, has_own_gradient=True)

    def frozen_logits(self):
        """From inputs to logits, faster in gradients with respect to inputs.

        To be called while the module is frozen: the weights must not change afterwards.

        Returns
        -------
        callable
        """
        if not self.is_arranged:
            return self.logits
        return partial(self.logits, network=arrange(self.module_, self.autocast_dtype))

    def run_attack(self, attack, logits_of, X, y, scale):
        """Attack a batch in the way that is fastest on its device.

        Parameters
        ----------
        attack : ProjectedGradientDescent
        logits_of, X, y, scale
            As for :meth:`ProjectedGradientDescent.perturb`.

        Returns
        -------
        Tensor of the shape of X
        """
        if not X.is_cuda or len(y) != self.batch_size:
            return attack.perturb(logits_of, X, y, scale)
        if self._captured is None:
            self._captured = captured_attack(attack, logits_of, X, y)
        return self._captured(X, y, scale)

    def logits(self, X, network=None):
        """Compute logits of all classes as `autocast_dtype` allows, in the weights' own type.

        Parameters
        ----------
        X : Tensor of shape (n_samples, ...)
        network : callable, default=None
            What computes the same function as the module; None is the module itself.

        Returns
        -------
        Tensor of shape (n_samples, n_classes)
        """
        network = self.module_ if network is None else network
        X = X.clone()  # a module may write to its input
        if self.autocast_dtype is None:
            return class_logits(network(X))
        with torch.autocast(torch.device(self.device).type, self.autocast_dtype):
            return class_logits(network(X))

    def _record(self, part, step):
        """Keep the numbers of a batch, and raise if its loss is not finite."""
        loss, *numbers = torch.stack([step["loss"], *step["numbers"].values()]).tolist()
        if part == "train" and not math.isfinite(loss):
            raise DivergenceError(
                f"The training diverged in epoch {len(self.history)}: the loss is not finite. Lower"
                f" lr={self.lr}, or scale X, such as by a StandardScaler."
            )
        for name, number in zip(step["numbers"], numbers, strict=True):
            self.history.record_batch(f"{part}_{name}", number)

    def _penalty(self):
        if self.alpha == 0:
            return 0.0
        return self.alpha * sum(weight.abs().sum() for weight in effective_weights(self.module_))

    def _epsilon_scale(self, progress):
        return 1.0 if self.epsilon_warmup == 0 else min(1.0, progress / self.epsilon_warmup)

    def _set_learning_rate(self, progress):
        if self.lr_factor is None:
            return
        for group in self.optimizer_.param_groups:
            group["lr"] = group.setdefault(BASE_RATE, group["lr"]) * self.lr_factor(progress)
