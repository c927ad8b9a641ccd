"""A network for tables as a scikit-learn classifier, trained with a certificate."""

from numbers import Integral

import numpy as np
import torch
from skorch.callbacks import EarlyStopping

from sklearn_advex._utils._categories import check_one_hot, resolve_categories
from sklearn_advex._utils._sklearn_compat import Interval, StrOptions
from sklearn_advex.neural_network._base import BaseAdversarialNetClassifier
from sklearn_advex.neural_network._category_attack import CategoryAttackMixin
from sklearn_advex.neural_network._layout import RowLayout
from sklearn_advex.neural_network._multilayer_perceptron import (
    ACTIVATIONS,
    MultilayerPerceptron,
)

_LARGEST_BATCH = 256
_SMALLEST_BATCH = 32
_BATCHES_PER_EPOCH = 12


class AdversarialMLPClassifier(CategoryAttackMixin, BaseAdversarialNetClassifier):
    r"""A multilayer perceptron for tables, trained so that its robustness can be proven.

    Minimizes over the weights :math:`\theta` of the network

    .. math::

        \frac{1}{n} \sum_i s_i \left[ (1 - \kappa) L\left(f_\theta(x_i), y_i\right)
        + \kappa L\left(z_\theta(x_i), y_i\right) \right] + \alpha \|\theta\|_1

    with the cross-entropy L, weights :math:`s_i` of mean 1 and worst-case logits z: interval bounds
    on the logits for all :math:`|\delta_j| \le \epsilon_j` [1]_. Networks trained so are robust
    with a proof (:meth:`certified_score`), and explain themselves in few features, as adversarially
    trained ones do [2]_. With another `training` the brackets are the loss under attack, or the
    natural loss.

    Columns should be scaled, such as by a StandardScaler in front: `epsilon` is in their units.

    Parameters
    ----------
    hidden_layer_sizes : array-like of int, default=(64, 32)
        Widths of the hidden layers. Empty for a linear model.
    epsilon : float, array-like of shape (n_features,) or dict, default=0.1
        Half-width of the allowed change of each feature, in the feature's own units: one number, an
        array, or a dict from column names to numbers. 0 for a feature that cannot be changed. For
        the columns of a category the share with which it is replaced, see `categories`.
    categories : list of array-like or None, default=None
        Groups of one-hot columns, by position or by name; see
        :func:`~sklearn_advex.one_hot_categories`. They must not be scaled. Training with "ibp" is
        then against a *mixture*: each category is replaced by others with the share `epsilon`.
        Fitted models are attacked and certified against *flips* of up to `max_flips` categories to
        any other one; without flips categories stay as they are. None takes all columns as numbers.
    activation : {"relu", "tanh", "logistic"}, default="relu"
        Activation of the hidden layers.
    training : {"ibp", "pgd", "fgsm", "trades"} or None, default="ibp"
        What a training step minimizes. "ibp": the mix above, at about three times the cost of
        natural training. "pgd": the loss of the worst case that an attack of `attack_steps` steps
        finds; "fgsm": that of a single step; "trades": the clean loss, and `trades_weight` times
        the divergence of the probabilities under attack from the clean ones. None is natural
        training.
    certified_share : float, default=0.6
        The share :math:`\kappa` of the certified loss in that of "ibp"; it grows from 0 along with
        epsilon. Less is more accurate, more has better bounds.
    epsilon_warmup : float, default=0.3
        Share of the training steps over which epsilon grows linearly to its full size.
    attack_steps : int, default=10
        Steps of "pgd" and "trades", and of the attacks on the fitted model.
    attack_step_size : "auto" or float, default="auto"
        Length of a step of an attack, in the features' units. "auto" is
        ``2.5 * epsilon / attack_steps``, and ``1.25 * epsilon`` for "fgsm".
    random_start : bool, default=True
        Whether an attack starts anywhere in the box, rather than at the input.
    trades_weight : float, default=6.0
        Weight of the divergence in the loss of "trades".
    clip : tuple (low, high) or None, default=None
        The range of valid inputs, which the adversary does not leave: two numbers, or two arrays
        with one number per feature. None for data without bounds.
    alpha : float, default=0.0
        Weight of the l1 norm of the weights, without biases, in the mean loss.
    sparsity : float, default=0.0
        Weight of one minus the Gini index of each row's attributions (input times gradient of the
        lead of the true class, baseline 0) in the mean loss [3]_. Together with an adversary it
        makes explanations shorter still; alone it games the index: the features named are not
        enough for the prediction, see :func:`sklearn_advex.metrics.sufficiency`.
    max_epochs : int, default=60
        Passes over the data.
    batch_size : "auto" or int, default="auto"
        Rows per step. "auto" makes 12 steps per epoch, of 32 rows at least and 256 at most.
    lr : float, default=0.02
        Learning rate of Adam.
    lr_schedule : {"cosine", "linear", "one_cycle"}, callable or None, default="one_cycle"
        How the learning rate changes over the training steps: "cosine" and "linear" fall to 0,
        "one_cycle" rises over the first 40 % before. A callable gets the share of the steps done,
        in [0, 1], and returns a factor.
    early_stopping : bool, default=False
        Whether to end the training when the loss of held-out rows, at full epsilon, has not fallen
        for `n_iter_no_change` epochs, and to keep the weights of the best epoch.
    validation_fraction : float, default=0.1
        Share of the rows that is held out for `early_stopping`; the shares of the classes are kept.
        Not looked at otherwise.
    n_iter_no_change : int, default=10
        Epochs that early stopping waits.
    device : str or torch.device, default="cpu"
        Where to compute; "auto" is a CUDA GPU where there is one. Networks for tables are too small
        to gain from one.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, which multiply `sample_weight`.
    callbacks : list of skorch callbacks or None, default=None
        What is called along the training, for example a
        :class:`~sklearn_advex.neural_network.TrainingCheckpoint`. Callbacks get the training rows
        as tensors that the module takes, and data sets of them that the net predicts on. What
        skorch caches of a pass are the logits that the loss is of, under attack say:
        ``EpochScoring("accuracy", use_caching=False)`` is the accuracy on clean rows.
    warm_start : bool, default=False
        Whether `fit` on a fitted model continues its training for `max_epochs` more epochs, with
        the current parameters, instead of starting anew.
    random_state : int, RandomState instance or None, default=None
        Determines initial weights, order of the rows and random starts.
    verbose : int, default=0
        Whether to show device and precision, and a progress bar with the epoch, accuracies and time
        left.

    Attributes
    ----------
    module_ : torch.nn.Module
        The trained network.
    net_ : skorch.NeuralNetClassifier
        The net that trained it.
    history_ : skorch.History
        One dict per epoch: ``train_loss`` (the objective) and ``train_clean_loss``,
        ``train_clean_accuracy``, ``train_certified_loss``, ``train_certified_accuracy`` (or
        ``train_adversarial_...`` under attack), each the mean over the epoch's batches at their
        time. The same with ``valid_`` for held-out rows.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    epsilon_ : ndarray of shape (n_features,)
        Half-width of the allowed change per feature.
    categories_ : list of ndarray of int
        Positions of the columns of each category.
    feature_means_ : ndarray of shape (n_features,)
        Means of the training inputs; the baseline "mean" of :meth:`explain`.
    n_iter_ : int
        Number of epochs trained for.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Column names, where `X` has them.

    See Also
    --------
    AdversarialNetClassifier : The same for any torch module.
    AdversarialLogisticRegression : The exact solution for linear models.
    sklearn.neural_network.MLPClassifier : Natural training of the same networks.

    References
    ----------
    .. [1] S. Gowal et al. "On the Effectiveness of Interval Bound Propagation for Training
       Verifiably Robust Models". 2018. https://arxiv.org/abs/1810.12715

    .. [2] P. Chalasani, J. Chen, A. R. Chowdhury, S. Jha, X. Wu. "Concise Explanations of Neural
       Networks using Adversarial Training". ICML 2020. https://arxiv.org/abs/1810.06583

    .. [3] G. Erion, J. D. Janizek, P. Sturmfels, S. M. Lundberg, S.-I. Lee. "Improving Performance
       of Deep Learning Models with Axiomatic Attribution Priors and Expected Gradients". Nature
       Machine Intelligence 2021. https://arxiv.org/abs/1906.10670

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_advex import AdversarialMLPClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), AdversarialMLPClassifier(random_state=0)).fit(X, y)
    >>> X_scaled = model[0].transform(X)
    >>> bool(model.score(X, y) > model[-1].certified_score(X_scaled, y) > 0.9)
    True
    """

    _parameter_constraints = {
        **BaseAdversarialNetClassifier._parameter_constraints,
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "categories": ["array-like", list, None],
        "early_stopping": ["boolean"],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
    }

    module = MultilayerPerceptron
    optimizer = torch.optim.Adam
    precision = "float32"
    _without_held_out_rows = "early_stopping=False"

    def __init__(
        self,
        hidden_layer_sizes=(64, 32),
        epsilon=0.1,
        *,
        categories=None,
        activation="relu",
        training="ibp",
        certified_share=0.6,
        epsilon_warmup=0.3,
        attack_steps=10,
        attack_step_size="auto",
        random_start=True,
        trades_weight=6.0,
        clip=None,
        alpha=0.0,
        sparsity=0.0,
        max_epochs=60,
        batch_size="auto",
        lr=0.02,
        lr_schedule="one_cycle",
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        device="cpu",
        class_weight=None,
        callbacks=None,
        warm_start=False,
        random_state=None,
        verbose=0,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.epsilon = epsilon
        self.categories = categories
        self.activation = activation
        self.training = training
        self.certified_share = certified_share
        self.epsilon_warmup = epsilon_warmup
        self.attack_steps = attack_steps
        self.attack_step_size = attack_step_size
        self.random_start = random_start
        self.trades_weight = trades_weight
        self.clip = clip
        self.alpha = alpha
        self.sparsity = sparsity
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.lr_schedule = lr_schedule
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.device = device
        self.class_weight = class_weight
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    def _row_layout(self, given):
        if len(given) != 1:
            raise ValueError(
                f"X must be a table with one row of numbers per sample, but its rows have the shape"
                f" {given}. For images use AdversarialCNNClassifier."
            )
        return RowLayout(given, given)

    def _prepare(self, X, y, sample_weight, classes, is_continued):
        if self.early_stopping and self.validation_fraction is None:
            raise ValueError(
                "early_stopping=True watches held-out rows, and validation_fraction=None holds out"
                " none: set validation_fraction to their share, such as 0.1, or"
                " early_stopping=False."
            )
        rows = super()._prepare(X, y, sample_weight, classes, is_continued)
        names = getattr(self, "feature_names_in_", None)
        self.categories_ = resolve_categories(self.categories, names, self.n_features_in_)
        check_one_hot(rows.X, self.categories_, names)
        if self.categories_ and self.training not in (None, "ibp"):
            raise ValueError(
                f"training={self.training!r} searches within boxes, and categories are none: use"
                " training='ibp', or categories=None to take their columns as numbers."
            )
        return rows

    def _category_groups(self):
        return self.categories_

    def _module_params(self):
        sizes = np.atleast_1d(np.asarray(self.hidden_layer_sizes))
        is_count = sizes.size == 0 or (sizes.dtype.kind in "iu" and sizes.min() > 0)
        if sizes.ndim != 1 or not is_count:
            raise ValueError(
                f"hidden_layer_sizes={self.hidden_layer_sizes!r:.80} must be the widths of the"
                " hidden layers, integers above 0, such as (64, 32)."
            )
        return {"hidden_layer_sizes": sizes.tolist(), "activation": self.activation}

    def _rows_per_step(self, n_rows):
        if self.batch_size != "auto":
            return self.batch_size
        return int(np.clip(n_rows // _BATCHES_PER_EPOCH, _SMALLEST_BATCH, _LARGEST_BATCH))

    def _held_out_share(self):
        return self.validation_fraction if self.early_stopping else None

    def _all_callbacks(self):
        callbacks = super()._all_callbacks()
        if not self.early_stopping:
            return callbacks
        stopping = EarlyStopping(
            monitor="valid_loss", patience=self.n_iter_no_change, load_best=True, sink=_say_nothing
        )
        return [stopping, *callbacks]


def _say_nothing(text):
    """Discard what a callback of skorch would print."""
