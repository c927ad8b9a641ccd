"""What adversarially trained networks share: training, prediction and attack."""

import warnings
from contextlib import contextmanager
from copy import copy
from functools import partial
from numbers import Integral, Real

import numpy as np
import torch
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state, gen_batches
from sklearn.utils.validation import check_is_fitted

from sklearn_advex._networks import N_TRIED, input_gradient_network
from sklearn_advex._perturbation import resolve_epsilon
from sklearn_advex._utils._class_targets import check_classes, known_positions, label_positions
from sklearn_advex._utils._containers import row_shape
from sklearn_advex._utils._counts import check_count
from sklearn_advex._utils._documentation import DocumentationLinkMixin
from sklearn_advex._utils._sklearn_compat import (
    Interval,
    StrOptions,
    check_sample_weight,
    fit_context,
)
from sklearn_advex.attribution import ExplainMixin
from sklearn_advex.neural_network._attack import (
    ProjectedGradientDescent,
    frozen,
    pgd_step_size,
    strongest_attack,
)
from sklearn_advex.neural_network._attribution_bounds import AttributionBoundsMixin
from sklearn_advex.neural_network._bounds import check_bounded
from sklearn_advex.neural_network._certify import CertifyMixin
from sklearn_advex.neural_network._checkpoint import end_run, find_run, resume_run
from sklearn_advex.neural_network._data import (
    check_range,
    check_rows,
    labeled_rows,
    resolve_clip,
    share_of,
    some_rows,
)
from sklearn_advex.neural_network._device import resolve_device, seeded
from sklearn_advex.neural_network._modules import class_logits
from sklearn_advex.neural_network._nested_params import NestedParamsMixin
from sklearn_advex.neural_network._net import DivergenceError, Schedule
from sklearn_advex.neural_network._onnx_export import OnnxExportMixin
from sklearn_advex.neural_network._persistence import PersistenceMixin
from sklearn_advex.neural_network._perturbed_rows import as_given
from sklearn_advex.neural_network._progress import TrainingProgress
from sklearn_advex.neural_network._robust_losses import ROBUST_LOSSES, Adversary
from sklearn_advex.neural_network._schedules import LR_SCHEDULES
from sklearn_advex.neural_network._sparsity import SparseAttributionLoss
from sklearn_advex.neural_network._training import build_net, configure_net, training_data

_BATCH_SIZE = 256  # rows that are predicted or attacked at a time
_LATER_CLASSES = "Pass all classes to the first partial_fit as its parameter classes."


class BaseAdversarialNetClassifier(
    AttributionBoundsMixin,
    CertifyMixin,
    PersistenceMixin,
    OnnxExportMixin,
    ExplainMixin,
    NestedParamsMixin,
    DocumentationLinkMixin,
    ClassifierMixin,
    BaseEstimator,
):
    """What adversarially trained networks share whatever their module and their inputs.

    A subclass has a constructor and a `_row_layout`: from the shape of a row of X to how the module
    takes such a row.
    """

    _parameter_constraints = {
        "module": [callable, torch.nn.Module],
        "epsilon": [Interval(Real, 0, None, closed="left"), "array-like", dict],
        "norm": [StrOptions({"linf"})],
        "training": [StrOptions(set(ROBUST_LOSSES) - {None}), None],
        "attack_steps": [Interval(Integral, 1, None, closed="left")],
        "attack_step_size": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "random_start": ["boolean"],
        "trades_weight": [Interval(Real, 0, None, closed="left")],
        "sparsity": [Interval(Real, 0, None, closed="left")],
        "certified_share": [Interval(Real, 0, 1, closed="both")],
        "clip": [tuple, "array-like", None],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "epsilon_warmup": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="both")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "optimizer": [callable],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "lr_schedule": [StrOptions(set(LR_SCHEDULES)), callable, None],
        "device": [str, torch.device],
        "precision": [StrOptions({"auto", "float32", "bfloat16"})],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither"), None],
        "callbacks": [list, None],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    _without_held_out_rows = "validation_fraction=None"

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Train the module for `max_epochs` epochs.

        Ctrl-C ends the training early: the model is kept as far as it got, and a warning says so.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, ...)
            Training inputs, rows of any shape that the module takes. Never changed; computed with
            in float32.
        y : array-like of shape (n_samples,)
            Class labels, of any type.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows. Only their ratios matter.

        Returns
        -------
        self : AdversarialNetClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If the data or a parameter is not valid, if the module does not fit the data or does not
            return logits, if the training diverges, or if a :class:`TrainingCheckpoint` finds the
            file of another run.
        """
        is_continued = self.warm_start and hasattr(self, "net_")
        with self._unchanged_if_it_fails():
            rows = self._prepare(X, y, sample_weight, None, is_continued)
            run, saved = (None, {}) if is_continued else find_run(self, rows)
            if not is_continued:
                self._initialize(some_rows(rows.X), saved.get("seed"))
            schedule = Schedule(self.n_iter_, self.max_epochs)
            if saved:
                resume_run(self.net_, saved)
            n_epochs = 0 if saved.get("is_over") else schedule.last_epoch - self.n_iter_
            self._train(rows, n_epochs, schedule, run)
            if n_epochs:
                end_run(self.callbacks, self.net_)
        return self._warn_if_interrupted()

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train the module for one more epoch, at the learning rate `lr` against the full attack.

        Schedule and warm-up belong to :meth:`fit`. The optimizer keeps its state from call to call.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, ...)
            Training inputs, as for :meth:`fit`.
        y : array-like of shape (n_samples,)
            Class labels.
        classes : array-like of shape (n_classes,), default=None
            All labels that later calls may bring; looked at in the first call only. None takes
            those in `y`.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows.

        Returns
        -------
        self : AdversarialNetClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            As for :meth:`fit`, and if `y` has a label that is none of the classes.
        """
        is_continued = hasattr(self, "net_")
        with self._unchanged_if_it_fails():
            rows = self._prepare(X, y, sample_weight, classes, is_continued)
            if not is_continued:
                self._initialize(some_rows(rows.X))
            self._train(rows, 1)
        return self._warn_if_interrupted()

    def decision_function(self, X):
        """Logits of the classes.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, ...)
            Inputs, in the shape of the training data or flat.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes), float64
            For two classes the log-odds of the second, ``classes_[1]``.
        """
        logits = self._predict_logits(self._check_inputs(X))
        return logits[:, 1] - logits[:, 0] if self.classes_.size == 2 else logits

    def predict_proba(self, X):
        """Probabilities of the classes: the softmax of the logits.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, ...)
            Inputs, in the shape of the training data or flat.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float64
            In the order of `classes_`.
        """
        return softmax(self._predict_logits(self._check_inputs(X)), axis=1)

    def predict(self, X):
        """The most probable class of each row.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, ...)
            Inputs, in the shape of the training data or flat.

        Returns
        -------
        ndarray of shape (n_samples,)
            Class labels.
        """
        positions = self._predict_logits(self._check_inputs(X)).argmax(axis=1)
        return self.classes_[positions]

    def perturb(self, X, y, epsilon=None, steps=None, restarts=1):
        """Attack the model: change each row so that its true class loses.

        The attack is projected gradient descent from a random start, in float32 whatever the
        training computed with, with steps of ``2.5 * epsilon / steps``. It is a search: a row that
        it does not turn may still be turned by another attack.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, ...)
            Rows to attack. Never changed.
        y : array-like of shape (n_samples,)
            True labels.
        epsilon : float, array-like of the shape of a row or dict, default=None
            What the adversary may do, as in the constructor; None is what the model was trained
            against.
        steps : int, default=None
            Steps of the attack; None takes `attack_steps`.
        restarts : int, default=1
            Attacks from new random starts on the rows that are still classified correctly.

        Returns
        -------
        ndarray of the shape of X, or table
            Within `epsilon` of `X` and within `clip`; of float32 if X is, else of float64. Features
            with an epsilon of 0 are as in `X`, bit by bit, and in a table of the type they have.

        Raises
        ------
        ValueError
            If `y` holds a label that the model does not know, or `epsilon`, `steps` or `restarts`
            is not valid.
        """
        return self._perturb(X, y, (epsilon, steps, restarts))

    def _perturb(self, X, y, search):
        rows = self._check_inputs(X)
        positions = known_positions(y, self.classes_, rows)
        perturbed, _ = self._search_worst_case(rows, positions, *search)
        epsilon = self._box_of(self._epsilon_of_attack(search[0]))
        for group in self._category_groups():
            epsilon[group] = np.inf  # flips are no matter of epsilon
        return as_given(X, perturbed, epsilon)

    def _epsilon_of_attack(self, epsilon):
        return self.epsilon_ if epsilon is None else self._resolve_epsilon(epsilon)

    def adversarial_score(self, X, y, epsilon=None, steps=None, restarts=1, sample_weight=None):
        """Accuracy under attack, an upper bound of the worst-case accuracy.

        The share of rows that :meth:`perturb` does not turn: a search, so rows that it leaves may
        still be turned by another attack. The bound is the closer the more `steps` and `restarts`.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, ...)
            Test rows.
        y : array-like of shape (n_samples,)
            True labels.
        epsilon : float, array-like of the shape of a row or dict, default=None
            What the adversary may do; None is what the model was trained against.
        steps : int, default=None
            Steps of the attack; None takes `attack_steps`.
        restarts : int, default=1
            Attacks on the rows that are still classified correctly.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        float
            In [0, 1], never above :meth:`score`.
        """
        return self._adversarial_score(X, y, (epsilon, steps, restarts), sample_weight)

    def _adversarial_score(self, X, y, search, sample_weight):
        rows = self._check_inputs(X)
        if sample_weight is not None:
            sample_weight = check_sample_weight(sample_weight, rows, ensure_non_negative=True)
        positions = label_positions(y, self.classes_, rows)
        is_robust = positions >= 0  # a label that the model does not know is never predicted
        if is_robust.any():
            known = rows[is_robust], positions[is_robust]
            _, is_robust[is_robust] = self._search_worst_case(*known, *search)
        return share_of(is_robust, sample_weight)

    @property
    def module_(self):
        """The trained module, in evaluation mode, on `device_`."""
        return self.net_.module_

    @property
    def device_(self):
        """Where the module is; the CPU where a pickled model finds no GPU."""
        return torch.device(self.net_.device)

    @property
    def precision_(self):
        """What the training computes with, "float32" or "bfloat16"."""
        return self.net_.precision

    @property
    def history_(self):
        """One dict per epoch, with losses and accuracies on clean and on attacked inputs apart."""
        return self.net_.history

    @property
    def n_iter_(self):
        """Number of epochs that the module was trained for."""
        return len(self.history_)

    def __sklearn_is_fitted__(self):
        """Whether there is a trained module: a continued one that diverged leaves none."""
        return hasattr(self, "net_")

    def _check_inputs(self, X):
        """Flat rows of new data for a fitted model."""
        check_is_fitted(self)
        rows = check_rows(self, X, reset=False)
        self._check_shape(X)
        check_range(rows, resolve_clip(self.clip, self.n_features_in_), slack=1.0)
        return rows

    def _check_shape(self, X):
        given = row_shape(X)
        if not self._layout.accepts(given):
            raise ValueError(
                f"X has rows of shape {given}, but the model was fitted on rows of shape"
                f" {self._layout.given}: pass these, or flat rows."
            )

    def _prepare(self, X, y, sample_weight, classes, is_continued):
        """Validate training data; a new model keeps classes, layout and feature means."""
        rows, y = check_rows(self, X, reset=not is_continued, y=y)
        if is_continued:
            self._check_shape(X)
        else:
            self.classes_ = check_classes(y, classes)
            self._layout = self._row_layout(row_shape(X))
            self.feature_means_ = rows.mean(axis=0, dtype=np.float64)
        self.epsilon_ = self._resolve_epsilon(self.epsilon)
        check_range(rows, resolve_clip(self.clip, self.n_features_in_))
        positions = known_positions(y, self.classes_, rows, _LATER_CLASSES)
        return labeled_rows(rows, positions, self.classes_, sample_weight, self.class_weight)

    def _resolve_epsilon(self, epsilon):
        """Turn `epsilon` into one half-width per feature."""
        if np.ndim(epsilon) > 1 and self._layout.accepts(np.shape(epsilon)):
            epsilon = np.reshape(epsilon, -1)
        names = getattr(self, "feature_names_in_", None)
        return resolve_epsilon(epsilon, self.n_features_in_, names)

    @contextmanager
    def _unchanged_if_it_fails(self):
        """Keep the fitted model where a new one cannot be had, as scikit-learn's estimators do."""
        before = dict(vars(self))
        try:
            yield
        except BaseException as error:
            trained = vars(self).get("net_")
            vars(self).clear()
            vars(self).update(before)
            if isinstance(error, DivergenceError) and trained is before.get("net_"):
                vars(self).pop("net_", None)  # a continued training has spoiled it
            raise

    @torch.inference_mode(False)
    def _initialize(self, rows, seed=None):
        """Build a new module and optimizer, seeded by `random_state` or by a given seed.

        Parameters
        ----------
        rows : ndarray of shape (n_samples, n_features)
            On which the module is tried.
        seed : int, default=None
        """
        if seed is None:
            seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self._seed = seed
        device = resolve_device(self.device)
        inputs = self._layout.arrange(torch.tensor(rows, dtype=torch.float32)).contiguous()
        with seeded(seed):
            self.net_ = build_net(self, device, inputs, self.classes_.size)
            configure_net(self.net_, self, inputs.to(device))

    @torch.inference_mode(False)
    def _train(self, rows, n_epochs, schedule=None, run=None):
        net = self.net_
        with seeded(self._seed):
            configure_net(net, self, self._as_inputs(some_rows(rows.X)))
        net.robust_loss, net.schedule, net.run = self._robust_loss(), schedule, run
        data = training_data(
            rows,
            self._layout,
            self.device_,
            self._held_out_share(),
            self._seed,
            self._without_held_out_rows,
        )
        net.batch_size = self._rows_per_step(len(data.train.y))
        with seeded(self._seed):
            net.partial_fit(data, epochs=n_epochs)
        self.module_.eval()

    def _warn_if_interrupted(self):
        if self.net_.was_interrupted:
            warnings.warn(
                f"Training was interrupted after {self.n_iter_} whole epochs of {self.max_epochs}."
                " The model is kept as far as it got: it predicts, and partial_fit continues.",
                UserWarning,
                stacklevel=3,
            )
        return self

    def _category_groups(self):
        """Groups of one-hot columns, a list of ndarray of int."""
        return []

    def _module_params(self):
        """Arguments for the factory of the module."""
        return self._nested_params("module__")

    def _rows_per_step(self, n_rows):
        """Size of a batch, for a number of rows to train on."""
        return self.batch_size

    def _held_out_share(self):
        """Share of the rows that are not trained on, or None."""
        return self.validation_fraction

    def _callback_request(self):
        """The parameters that `_all_callbacks` depends on."""
        names = ("callbacks", "verbose", "early_stopping", "n_iter_no_change")
        return {name: copy(getattr(self, name, None)) for name in names}

    def _all_callbacks(self):
        """The callbacks of the user, and those that the parameters ask for."""
        callbacks = list(self.callbacks or [])
        return [*callbacks, TrainingProgress()] if self.verbose else callbacks

    def _robust_loss(self):
        """What a training step minimizes."""
        adversary = Adversary(
            self._as_inputs(self.epsilon_),
            self._clip_inputs(),
            self.attack_steps,
            self.attack_step_size,
            self.random_start,
            self.trades_weight,
            self.certified_share,
            self._category_groups(),
        )
        loss = ROBUST_LOSSES[self.training](adversary)
        if self.sparsity > 0:
            loss = SparseAttributionLoss(loss, self.sparsity)
        if loss.requires_bounds:
            check_bounded(self.module_, f"training={self.training!r}")
        return loss

    def _clip_inputs(self):
        """The range of valid inputs as the module takes them, or None."""
        clip = resolve_clip(self.clip, self.n_features_in_)
        return None if clip is None else tuple(self._as_inputs(bound) for bound in clip)

    @torch.inference_mode(False)
    def _search_worst_case(self, rows, positions, epsilon, steps, restarts):
        """The attacked rows, and whether each is still classified correctly."""
        positions = torch.from_numpy(positions).to(self.device_)
        epsilon = self._box_of(self._epsilon_of_attack(epsilon))
        if not epsilon.any():
            own = self._predict_logits(rows).argmax(axis=1)
            return rows.copy(), own == positions.cpu().numpy()
        steps = self.attack_steps if steps is None else steps
        check_count(steps, "steps")
        check_count(restarts, "restarts")
        generator = torch.Generator(self.device_).manual_seed(self._seed)
        epsilon = self._as_inputs(epsilon)
        step_size = pgd_step_size(epsilon, steps)
        attack = ProjectedGradientDescent(
            epsilon, step_size, steps, True, self._clip_inputs(), generator
        )
        perturbed, is_robust = np.empty_like(rows), np.empty(len(rows), dtype=bool)
        with frozen(self.module_):
            network = input_gradient_network(self.module_, self._as_inputs(rows[:N_TRIED]))
            logits_of = partial(self._logits, network=network)
            for block in gen_batches(len(rows), _BATCH_SIZE):
                inputs, is_fooled = strongest_attack(
                    attack, logits_of, self._as_inputs(rows[block]), positions[block], restarts
                )
                perturbed[block] = self._layout.restore(inputs).cpu().numpy()
                is_robust[block] = ~is_fooled.cpu().numpy()
        return perturbed, is_robust

    def _predict_logits(self, rows):
        """Logits of all classes, an ndarray of float64 of shape (n_samples, n_classes)."""
        # Not in inference mode: what a module caches there could never be differentiated again.
        with torch.inference_mode(False), torch.no_grad(), frozen(self.module_):
            blocks = [
                self._logits(self._as_inputs(rows[block])).double().cpu().numpy()
                for block in gen_batches(len(rows), _BATCH_SIZE)
            ]
        return np.concatenate(blocks)

    def _logits(self, inputs, network=None):
        return class_logits(
            (self.module_ if network is None else network)(inputs.clone())
        )  # a module may write to its input

    def _as_inputs(self, rows, dtype=torch.float32):
        """Flat rows, or one of them, as a new tensor that the module takes."""
        rows = torch.tensor(rows, dtype=dtype, device=self.device_)
        return self._layout.arrange(rows.reshape(-1, self.n_features_in_)).contiguous()

    def _module_input(self, X):
        """Inputs in the shape of X and how to arrange them, for attributions.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, ...)

        Returns
        -------
        values : ndarray of float32 of the shape of X
        arrange : callable
            From a tensor of this shape to one that the module takes; differentiable.
        """
        rows = self._check_inputs(X)
        return rows.reshape(len(rows), *row_shape(X)), self._layout.arrange
