"""A fitted network as a function of X: from rows in their own shape to one score per class."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.utils import check_array, gen_batches
from torch import nn
from torch.overrides import TorchFunctionMode

from sklearn_advex._networks import N_TRIED, at_least_float32, copy_module, input_gradient_network
from sklearn_advex._utils._final_activation import final_activation
from sklearn_advex._utils._sampling import evenly_spaced
from sklearn_advex._utils._sklearn_compat import safe_indexing

# Bytes of a batch, the outputs of all layers together. If larger, fewer and larger batches.
_SCRATCH_BYTES = 2**27

# Number of rows on which a model's probabilities are compared with its module, and the largest
# deviation: if larger, another formula could pass; if smaller, float32 models are refused.
_N_PROBES = 10
_PROBE_TOLERANCE = 1e-4


class Scores(nn.Module):
    """The scores of all classes: the module's logits, or -z and z where it has one for two classes.

    Parameters
    ----------
    module : torch.nn.Module
    arrange : callable
        From a tensor of rows in the shape of X to what `module` takes.

    Attributes
    ----------
    is_single : bool
        Whether the module has one logit for two classes.
    is_difference : bool
        Whether the score of one of two classes is its logit less the other one, as in a decision
        function.
    """

    def __init__(self, module, arrange):
        super().__init__()
        self.module = module
        self.arrange = arrange
        self.is_single = False
        self.is_difference = False

    def of(self, module):
        """Return the same scores of another module.

        Parameters
        ----------
        module : torch.nn.Module

        Returns
        -------
        Scores
        """
        scores = Scores(module, self.arrange)
        scores.is_single, scores.is_difference = self.is_single, self.is_difference
        return scores

    def forward(self, x):
        """Return a tensor of shape (n_samples, n_classes)."""
        # The clone lets a module write to its input, which torch forbids while it differentiates.
        scores = at_least_float32(self.module(self.arrange(x.clone())))
        if self.is_single:
            scores = scores.reshape(-1, 1)
            return torch.cat([-scores, scores], dim=1)
        return scores - scores.flip(1) if self.is_difference else scores


class Output(nn.Module):
    """The explained output of all classes.

    Parameters
    ----------
    scores : Scores
    output : {"probability", "logit", "loss"}
    """

    def __init__(self, scores, output):
        super().__init__()
        self.scores = scores
        self.output = output

    def forward(self, x):
        """Return a tensor of shape (n_samples, n_classes)."""
        scores = self.scores(x)
        if self.output == "logit":
            return scores
        if self.output == "probability":
            return scores.sigmoid() if self.scores.is_single else scores.softmax(dim=1)
        log = nn.functional.logsigmoid if self.scores.is_single else nn.LogSoftmax(dim=1)
        return -log(scores)


@dataclass
class Network:
    """A private copy of a fitted network, and the rows to explain.

    Attributes
    ----------
    values : ndarray of shape (n_samples, ...)
        The rows as validated by the model, in the shape of X.
    scores : Scores
        In evaluation mode; no parameter requires a gradient, and all share their memory with the
        model's.
    like : torch.Tensor
        Has the data type and the device of the parameters.
    has_gradient : bool
        Whether the scores depend on the rows by way of gradients.
    """

    values: np.ndarray
    scores: Scores
    like: torch.Tensor
    has_gradient: bool = True

    @classmethod
    def from_model(cls, model, X, output):
        """Copy the module of a model, and make sure that its outputs are the model's logits.

        Parameters
        ----------
        model : fitted estimator
            With `module_` and `classes_`; its `_module_input`, where there is one, validates rows
            and arranges them for the module.
        X : array-like or DataFrame
            What `model` predicts on.
        output : {"probability", "logit", "loss"}

        Returns
        -------
        Network

        Raises
        ------
        ValueError
            If the module does not give one logit per class, or the model's probabilities do not
            follow from them.
        """
        module = getattr(model.module_, "_orig_mod", model.module_)  # what torch.compile wraps
        if not isinstance(module, nn.Module):
            raise TypeError(f"module_ of {type(model).__name__} is not a torch.nn.Module.")
        floats = (p.detach() for p in module.parameters() if p.is_floating_point())
        like = at_least_float32(next(floats, torch.zeros(())))
        values, arrange = module_input(model, X)
        network = cls(values, Scores(private_copy(module), arrange), like)
        _check_logits(network, model, X, output)
        return network

    def fast_scores(self):
        """Return the scores as a function that is faster to differentiate, but has no layers."""
        module, rows = self.scores.module, self.tensor(self.values[:N_TRIED])
        return self.scores.of(input_gradient_network(module, self.scores.arrange(rows)))

    def tensor(self, rows):
        """Copy rows to the device.

        Parameters
        ----------
        rows : ndarray

        Returns
        -------
        torch.Tensor
        """
        return torch.tensor(rows, dtype=self.like.dtype, device=self.like.device)

    def scores_of(self, rows, batch_size):
        """Compute the scores of all classes.

        Parameters
        ----------
        rows : ndarray of shape (n_samples, ...)
        batch_size : int

        Returns
        -------
        scores : ndarray of shape (n_samples, n_classes), float64
        """
        with torch.no_grad():
            batches = [
                self.scores(self.tensor(rows[batch])).double().cpu().numpy()
                for batch in gen_batches(len(rows), batch_size)
            ]
        return np.concatenate(batches)

    def outputs_of(self, scores, output):
        """Compute what is explained from the scores.

        Parameters
        ----------
        scores : ndarray of shape (n_samples, n_classes)
        output : {"probability", "logit", "loss"}

        Returns
        -------
        outputs : ndarray of shape (n_samples, n_classes)
        """
        if output == "logit":
            return scores
        if output == "probability":
            return expit(scores) if self.scores.is_single else softmax(scores, axis=1)
        return -(log_expit(scores) if self.scores.is_single else log_softmax(scores, axis=1))

    def rows_per_batch(self, copies=1):
        """Compute the number of rows whose outputs of all layers fit into a batch.

        Parameters
        ----------
        copies : int, default=1
            Number of copies of the outputs that a method holds.

        Returns
        -------
        n_rows : int
        """
        with torch.no_grad(), _OutputBytes() as outputs:
            self.scores(self.tensor(self.values[:1]))
        return max(1, _SCRATCH_BYTES // (copies * max(1, outputs.total)))


def module_input(model, X):
    """Validate rows, and return the function that arranges them for the module.

    Parameters
    ----------
    model : fitted estimator
        With or without `_module_input`; without it the module takes the rows as they are.
    X : array-like or DataFrame of shape (n_samples, ...)

    Returns
    -------
    values : ndarray of shape (n_samples, ...)
    arrange : callable
        From a tensor like `values` to the module's input.
    """
    if hasattr(model, "_module_input"):
        return model._module_input(X)
    return check_array(X, dtype=[np.float32, np.float64], allow_nd=True), lambda x: x


def private_copy(module):
    """Copy a module, but share the memory of its parameters, so that it is not changed.

    Parameters
    ----------
    module : torch.nn.Module

    Returns
    -------
    torch.nn.Module
        In evaluation mode; no parameter requires a gradient.
    """
    shared = {
        id(parameter): nn.Parameter(parameter.detach(), requires_grad=False)
        for parameter in module.parameters()
    }
    copied = copy_module(module, shared).eval()
    for parameter in copied.parameters():
        parameter.requires_grad_(False)
    return copied


class _OutputBytes(TorchFunctionMode):
    """Mode that sums the bytes of the results of all torch functions."""

    def __init__(self):
        super().__init__()
        self.total = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor):
            self.total += result.nbytes
        return result


def _check_logits(network, model, X, output):
    """Compare the module's outputs with the classes and probabilities of the model."""
    chosen = evenly_spaced(len(network.values), _N_PROBES)
    rows = network.values[chosen]
    logits = network.scores(network.tensor(rows).requires_grad_())
    network.has_gradient = getattr(logits, "requires_grad", False)
    name, n_classes = type(model).__name__, len(model.classes_)
    shape = tuple(getattr(logits, "shape", ()))
    network.scores.is_single = n_classes == 2 and shape in {(len(rows),), (len(rows), 1)}
    if not network.scores.is_single and shape != (len(rows), n_classes):
        raise ValueError(
            f"The module of {name} must return a tensor of one logit per class. For {len(rows)}"
            f" rows and {n_classes} classes it returns {shape or type(logits).__name__}."
        )
    activation = final_activation(logits.reshape(len(rows), -1))
    if activation is not None:
        raise ValueError(
            f"The module of {name} returns probabilities, and attributions need logits. Leave out"
            f" the {activation} at its end, and train with criterion=torch.nn.CrossEntropyLoss."
        )
    if output == "logit":
        network.scores.is_difference = n_classes == 2 and not network.scores.is_single
        return
    if not hasattr(model, "predict_proba"):
        return
    is_own = hasattr(model, "_module_input")  # other estimators take what their module takes
    X_chosen = safe_indexing(X, chosen) if is_own else network.tensor(rows).cpu().numpy()
    probabilities = np.asarray(model.predict_proba(X_chosen))
    scores = network.scores_of(rows, len(rows))
    if not np.allclose(scores, network.scores_of(rows, len(rows)), rtol=1e-3):
        raise ValueError(
            f"The module of {name} returns other logits in a second pass in evaluation mode, so"
            " that there is nothing settled to explain. Is a dropout always on? Write"
            " F.dropout(x, training=self.training), or use the layer nn.Dropout."
        )
    expected = network.outputs_of(scores, "probability")
    if not np.allclose(probabilities, expected, rtol=0.0, atol=_PROBE_TOLERANCE):
        raise ValueError(
            f"predict_proba of {name} is not the softmax (or, for one logit, the logistic function)"
            f" of what its module returns, so that output={output!r} has no meaning. Let the module"
            " return logits, or use output='logit' to explain what it returns."
        )
