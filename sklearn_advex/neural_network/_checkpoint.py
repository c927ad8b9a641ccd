"""Training runs that resume after they were killed."""

from numbers import Integral
from pathlib import Path

from skorch.callbacks import Callback

from sklearn_advex.neural_network._net_state import net_state, restore_net
from sklearn_advex.neural_network._run_identity import describe, digest
from sklearn_advex.neural_network._saved_file import read_file, write_file
from sklearn_advex.neural_network._training import resolve_warmup

_IRRELEVANT = {"callbacks", "device", "max_epochs", "random_state", "verbose", "warm_start"}
_ADVICE = "To train a new model, delete the file or give TrainingCheckpoint another path."


class TrainingCheckpoint(Callback):
    """Write down a training run after each epoch, so that it survives its process.

    Passed to :class:`AdversarialNetClassifier` as ``callbacks=[TrainingCheckpoint(path)]``. A `fit`
    that finds the file takes the run up after its last whole epoch, and ends with the model of a
    run that was never interrupted: bit for bit on the same machine, up to rounding on another
    device. It must be the same run, of the same parameters and data; `random_state` may be None,
    and `max_epochs` may grow unless `lr_schedule` or `epsilon_warmup` depend on it. A file of a
    finished run gives its model without training; delete the file to train anew.

    `partial_fit`, and a `fit` that continues a fitted model (`warm_start`), neither read nor write
    the file: call :meth:`~AdversarialNetClassifier.save` after them. In a search every candidate
    and fold is a run of its own, which needs a path of its own.

    Parameters
    ----------
    path : str or path-like
        The file, in a folder that exists. A safetensors file, of which nothing is ever run. It is
        replaced when the new one is complete, so that a kill at any time leaves a whole file.

    See Also
    --------
    AdversarialNetClassifier : Takes it as one of its `callbacks`.

    Notes
    -----
    The file has weights, state of the optimizer, seed and history, but no records of single
    batches. Callbacks with a state of their own, such as early stopping, start anew in a run that
    was killed; skorch's LRScheduler goes on with its rates if it steps once per epoch. A run that
    early stopping has ended is over.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.preprocessing import scale
    >>> from torch import nn
    >>> from sklearn_advex import AdversarialNetClassifier
    >>> from sklearn_advex.neural_network import TrainingCheckpoint
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> X = scale(X)
    >>> with TemporaryDirectory() as folder:
    ...     checkpoint = TrainingCheckpoint(Path(folder, "run.safetensors"))
    ...     model = AdversarialNetClassifier(
    ...         nn.Linear(30, 2), epsilon=0.2, clip=None, max_epochs=2, callbacks=[checkpoint]
    ...     ).fit(X, y)
    ...     model = model.set_params(max_epochs=4).fit(X, y)  # trains for two more epochs
    >>> model.n_iter_
    4
    """

    def __init__(self, path):
        self.path = path

    def after_epoch(self, net):
        """Write the file, when all other callbacks have done what they do at the end of an epoch.

        Parameters
        ----------
        net : AdversarialNet
            With the attribute `run`: what identifies the run, None for one that cannot be resumed.
        """
        if net.run is not None:
            self.write(net)

    def write(self, net, is_over=False):
        """Write the file.

        Parameters
        ----------
        net : AdversarialNet
        is_over : bool, default=False
            Whether the run has come to its end, however many epochs it was allowed.
        """
        content = {"run": net.run, "seed": net.seed, "net": net_state(net)}
        content |= {"optimizer": net.optimizer_.state_dict(), "is_over": is_over}
        write_file(self.path, "checkpoint", content)


def find_run(estimator, rows):
    """Identify the training run that a `fit` starts, and read how far it has come before.

    Parameters
    ----------
    estimator : AdversarialNetClassifier
        Whose `callbacks` may have a :class:`TrainingCheckpoint`.
    rows : LabeledRows
        What it trains on.

    Returns
    -------
    run : dict or None
        What the run must have in common with the one in the file. None without a checkpoint.
    saved : dict
        The content of the file, empty if there is none.

    Raises
    ------
    FileNotFoundError
        If the folder of the file does not exist.
    ValueError
        If the file is damaged, or of another run.
    """
    checkpoint = _checkpoint(estimator.callbacks)
    if checkpoint is None:
        return None, {}
    run, path = _identity(estimator, rows), Path(checkpoint.path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"The folder of the checkpoint {path} does not exist: create it.")
    if not path.exists():
        return run, {}
    saved = read_file(path, "checkpoint")
    _check_same(run, saved["run"], path)
    n_epochs = len(saved["net"]["history"])
    if n_epochs > estimator.max_epochs:
        raise ValueError(
            f"The checkpoint {path} has trained for {n_epochs} epochs already, more than"
            f" max_epochs={estimator.max_epochs}. {_ADVICE}"
        )
    return run, saved


def resume_run(net, saved):
    """Restore the state in which a run stopped.

    Parameters
    ----------
    net : AdversarialNet
    saved : dict
        From :func:`find_run`.

    Raises
    ------
    ValueError
        If weights or state do not fit module or optimizer.
    """
    try:
        restore_net(net, saved["net"])
        net.optimizer_.load_state_dict(saved["optimizer"])
    except (RuntimeError, ValueError) as error:
        raise ValueError(
            f"The checkpoint does not fit the module; has its code changed? {error} {_ADVICE}"
        ) from error


def end_run(callbacks, net):
    """Note in the file that a run ended before its last epoch, as by early stopping.

    Parameters
    ----------
    callbacks : list or None
    net : AdversarialNet
        Whose training has ended.
    """
    checkpoint = _checkpoint(callbacks)
    is_over = len(net.history) < net.last_epoch and not net.was_interrupted
    if checkpoint is not None and net.run is not None and is_over:
        checkpoint.write(net, is_over=True)


def _checkpoint(callbacks):
    """The first checkpoint among callbacks, some of which are pairs of a name and a callback."""
    for item in callbacks or []:
        callback = item[1] if isinstance(item, tuple) else item
        if isinstance(callback, TrainingCheckpoint):
            return callback
    return None


def _identity(estimator, rows):
    """Everything that determines the result of a training, as texts by name."""
    parameters = estimator.get_params()
    run = {name: parameters[name] for name in sorted(parameters.keys() - _IRRELEVANT)}
    run["shape of a row"] = estimator._layout.module_shape
    if isinstance(estimator.random_state, Integral):
        run["random_state"] = estimator.random_state
    if (
        estimator.lr_schedule is not None
        or resolve_warmup(estimator.epsilon_warmup, estimator.training) > 0
    ):
        run["max_epochs"] = estimator.max_epochs
    digests = {f"data {name}": digest(part) for name, part in rows._asdict().items()}
    return {name: describe(value) for name, value in run.items()} | digests


def _check_same(run, other, path):
    differences = [
        "{} ({} in the file, {} now)".format(
            name, *_where_they_differ(other.get(name, "none"), run.get(name, "none"))
        )
        for name in run | other
        if run.get(name) != other.get(name)
    ]
    if differences:
        raise ValueError(
            f"The checkpoint {path} is of another training run, which differs in"
            f" {', '.join(differences)}. {_ADVICE}"
        )


def _where_they_differ(*texts):
    """Shorten two texts to what tells one from the other."""
    pairs = enumerate(zip(*texts, strict=False))
    n_equal = next((place for place, (one, other) in pairs if one != other), min(map(len, texts)))
    start = max(0, n_equal - 40)
    return [f"{'...' if start else ''}{text[start : start + 80]}" for text in texts]
