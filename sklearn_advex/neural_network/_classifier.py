"""Adversarially trained networks as scikit-learn classifiers."""

import torch

from sklearn_advex._utils._sklearn_compat import StrOptions
from sklearn_advex.neural_network._base import BaseAdversarialNetClassifier
from sklearn_advex.neural_network._conv_net import ConvNet
from sklearn_advex.neural_network._layout import RowLayout, image_layout


class AdversarialNetClassifier(BaseAdversarialNetClassifier):
    r"""A torch module trained against an adversary, as a scikit-learn classifier.

    Minimizes over the weights :math:`\theta` of the module, by stochastic gradient steps,

    .. math::

        \frac{1}{n} \sum_i s_i \max_{|\delta_j| \le \epsilon_j}
        L\left(f_\theta(x_i + \delta), y_i\right) + \alpha \|\theta\|_1

    with the cross-entropy L of the logits :math:`f_\theta` and weights :math:`s_i` of mean 1
    (adversarial training, eq. 2 of [1]_). The inner maximum is searched for in every step, by
    projected gradient descent from a random start within the box [2]_. Networks trained so explain
    themselves in fewer features than naturally trained ones (section 6 of [1]_).

    Parameters
    ----------
    module : torch.nn.Module, its class or another factory
        Maps a batch of inputs to logits of shape (n_samples, n_classes), without a softmax at the
        end; for two classes (n_samples, 1) will do, the logit of ``classes_[1]``. A class or
        function is called with the parameters ``module__...`` and, where its signature has these
        names, with `input_shape` (the shape of a row), `n_features` and `n_classes`. An instance is
        copied and its weights are what training starts from.
    epsilon : float, array-like of the shape of a row or dict, default=0.3
        Half-width of the allowed change of each feature, in the feature's own units: one number, an
        array (flat or of the shape of a row), or a dict from column names to numbers. 0 for a
        feature that cannot be changed.
    norm : {"linf"}, default="linf"
        Shape of the perturbation set.
    training : {"pgd", "fgsm", "trades", "ibp"} or None, default="pgd"
        What a training step minimizes. "pgd": the loss of the worst case that an attack of
        `attack_steps` steps finds; "fgsm": that of a single step [3]_; "trades": the clean loss,
        and `trades_weight` times the divergence of the probabilities under attack from the clean
        ones [4]_; "ibp": a mix of the clean loss and that of the worst case by interval bounds,
        which :meth:`certified_score` can prove [5]_. It costs about three natural passes, whatever
        `attack_steps`, and needs a module whose layers all have bounds; see
        :class:`~sklearn_advex.neural_network.ResidualSum`. None is natural training.
    attack_steps : int, default=10
        Steps of "pgd" and "trades", and of the attacks on the fitted model.
    attack_step_size : "auto" or float, default="auto"
        Length of a step, in the features' units. "auto" is ``2.5 * epsilon / attack_steps``, and
        ``1.25 * epsilon`` for "fgsm". The paper's own schedule for images is
        ``100 * epsilon + 10`` steps of 0.01.
    random_start : bool, default=True
        Whether an attack starts anywhere in the box, rather than at the input. Without it, one
        "fgsm" step of size `epsilon` is the exact worst case of a linear module. "trades" starts at
        random always.
    trades_weight : float, default=6.0
        Weight of the divergence in the loss of "trades": 0 is natural training, more trades
        accuracy for robustness.
    certified_share : float, default=0.5
        Share of the certified loss in that of "ibp", in [0, 1]; it grows from 0 along with epsilon.
        Less is more accurate, more has better bounds.
    clip : tuple (low, high) or None, default=(0.0, 1.0)
        The range of valid inputs, which the attack does not leave: two numbers, or two arrays with
        one number per feature. None for data without bounds.
    alpha : float, default=0.0
        Weight of the l1 norm of the module's weights in the mean loss; the paper's lambda, for its
        l1-regularized models. Parameters with one dimension (biases, scales) are not penalized.
    sparsity : float, default=0.0
        Weight of one minus the Gini index of each row's attributions (input times gradient of the
        lead of the true class, baseline 0) in the mean loss [6]_. Together with an adversary it
        makes explanations shorter still; alone it games the index: the features named are not
        enough for the prediction, see :func:`sklearn_advex.metrics.sufficiency`.
    epsilon_warmup : "auto" or float, default="auto"
        Share of the training steps over which the adversary grows linearly from nothing to
        `epsilon`. "auto" is half of them for "ibp", which cannot start at full size, and none for
        attacks.
    max_epochs : int, default=10
        Passes over the data.
    batch_size : int, default=128
        Rows per step.
    optimizer : class, default=torch.optim.Adam
        A torch optimizer; its further arguments are passed as ``optimizer__...``.
    lr : float, default=1e-3
        Learning rate.
    lr_schedule : {"cosine", "linear", "one_cycle"}, callable or None, default=None
        How the learning rate changes over the training steps: "cosine" and "linear" fall to 0,
        "one_cycle" rises over the first 40 % before. A callable gets the share of the steps done,
        in [0, 1], and returns a factor.
    device : str or torch.device, default="auto"
        "auto" is a CUDA GPU where there is one, else the CPU.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        What convolutions and matrix products compute with while training. "auto" is "bfloat16"
        where the device multiplies such numbers in hardware and the module has convolutions and
        returns nearly the same with them; see `precision_`. Losses, weights and their updates are
        float32 always, and so are predictions, :meth:`perturb` and :meth:`explain`.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, which multiply `sample_weight`.
    validation_fraction : float or None, default=None
        Share of the rows that are not trained on but watched: their losses and accuracies go to
        `history_`. None trains on all rows.
    callbacks : list of skorch callbacks or None, default=None
        What is called along the training, for example a :class:`TrainingCheckpoint`. Callbacks get
        the training rows as tensors that the module takes, and data sets of them that the net
        predicts on. What skorch caches of a pass are the logits that the loss is of, under attack
        say: ``EpochScoring("accuracy", use_caching=False)`` is the accuracy on clean rows.
    warm_start : bool, default=False
        Whether `fit` on a fitted model continues its training for `max_epochs` more epochs, with
        the current parameters (all but `module` and `optimizer`), instead of starting anew.
    random_state : int, RandomState instance or None, default=None
        Determines initial weights, order of the rows, random starts and dropout. Torch's global
        random state is left as found; trainings in several threads, which share it, wait for each
        other. A fitted model may predict, be attacked and be explained in several threads at once.
    verbose : int, default=0
        Whether to show device and precision, and a progress bar with the epoch, clean and
        adversarial accuracy and time left.
    **nested_params : dict
        ``module__...`` for the module's factory, ``optimizer__...`` for the optimizer.

    Attributes
    ----------
    module_ : torch.nn.Module
        The trained module.
    net_ : skorch.NeuralNetClassifier
        The net that trained it.
    history_ : skorch.History
        One dict per epoch: ``train_loss`` (the objective) and ``train_clean_loss``,
        ``train_clean_accuracy``, and of attacked batches ``train_adversarial_loss``,
        ``train_adversarial_accuracy`` or by bounds ``train_certified_loss``,
        ``train_certified_accuracy``; each the mean over the epoch's batches at their time. The same
        with ``valid_`` where `validation_fraction` asks for it.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    epsilon_ : ndarray of shape (n_features,)
        Half-width of the allowed change per feature.
    feature_means_ : ndarray of shape (n_features,)
        Means of the training inputs, those of the first call of `partial_fit`; the baseline "mean"
        of :meth:`explain`.
    device_ : torch.device
        Where the module is.
    precision_ : {"float32", "bfloat16"}
        What the training computes with.
    n_iter_ : int
        Number of epochs trained for.
    n_features_in_ : int
        Number of features; for rows with several axes the product of their lengths.
    feature_names_in_ : ndarray of shape (n_features,)
        Column names, where `X` has them.

    See Also
    --------
    AdversarialCNNClassifier : The same for images, with the paper's network.
    sklearn_advex.AdversarialLogisticRegression : The exact solution for linear models.

    References
    ----------
    .. [1] P. Chalasani, J. Chen, A. R. Chowdhury, S. Jha, X. Wu. "Concise Explanations of Neural
       Networks using Adversarial Training". ICML 2020. https://arxiv.org/abs/1810.06583

    .. [2] A. Madry, A. Makelov, L. Schmidt, D. Tsipras, A. Vladu. "Towards Deep Learning Models
       Resistant to Adversarial Attacks". ICLR 2018. https://arxiv.org/abs/1706.06083

    .. [3] E. Wong, L. Rice, J. Z. Kolter. "Fast is Better than Free: Revisiting Adversarial
       Training". ICLR 2020. https://arxiv.org/abs/2001.03994

    .. [4] H. Zhang, Y. Yu, J. Jiao, E. P. Xing, L. El Ghaoui, M. I. Jordan. "Theoretically
       Principled Trade-off between Robustness and Accuracy". ICML 2019.
       https://arxiv.org/abs/1901.08573

    .. [5] S. Gowal et al. "On the Effectiveness of Interval Bound Propagation for Training
       Verifiably Robust Models". 2018. https://arxiv.org/abs/1810.12715

    .. [6] G. Erion, J. D. Janizek, P. Sturmfels, S. M. Lundberg, S.-I. Lee. "Improving Performance
       of Deep Learning Models with Axiomatic Attribution Priors and Expected Gradients". Nature
       Machine Intelligence 2021. https://arxiv.org/abs/1906.10670

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.preprocessing import scale
    >>> from torch import nn
    >>> from sklearn_advex import AdversarialNetClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> X = scale(X)
    >>> def multilayer_perceptron(n_features, n_classes, width):
    ...     return nn.Sequential(
    ...         nn.Linear(n_features, width), nn.ReLU(), nn.Linear(width, n_classes)
    ...     )
    >>> model = AdversarialNetClassifier(
    ...     multilayer_perceptron, module__width=32, epsilon=0.2, clip=None, lr=0.01, random_state=0
    ... ).fit(X, y)
    >>> bool(model.score(X, y) > model.adversarial_score(X, y) > 0.9)
    True
    """

    def __init__(
        self,
        module,
        *,
        epsilon=0.3,
        norm="linf",
        training="pgd",
        attack_steps=10,
        attack_step_size="auto",
        random_start=True,
        trades_weight=6.0,
        certified_share=0.5,
        clip=(0.0, 1.0),
        alpha=0.0,
        sparsity=0.0,
        epsilon_warmup="auto",
        max_epochs=10,
        batch_size=128,
        optimizer=torch.optim.Adam,
        lr=1e-3,
        lr_schedule=None,
        device="auto",
        precision="auto",
        class_weight=None,
        validation_fraction=None,
        callbacks=None,
        warm_start=False,
        random_state=None,
        verbose=0,
        **nested_params,
    ):
        self.module = module
        self.epsilon = epsilon
        self.norm = norm
        self.training = training
        self.attack_steps = attack_steps
        self.attack_step_size = attack_step_size
        self.random_start = random_start
        self.trades_weight = trades_weight
        self.certified_share = certified_share
        self.clip = clip
        self.alpha = alpha
        self.sparsity = sparsity
        self.epsilon_warmup = epsilon_warmup
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.lr = lr
        self.lr_schedule = lr_schedule
        self.device = device
        self.precision = precision
        self.class_weight = class_weight
        self.validation_fraction = validation_fraction
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose
        self._set_nested(nested_params)

    def _row_layout(self, given):
        return RowLayout(given, given)


class AdversarialCNNClassifier(BaseAdversarialNetClassifier):
    """A convolutional network for images, trained against an adversary.

    :class:`AdversarialNetClassifier` [2]_ with the network of the paper [1]_ as its module, built
    for the images that it sees. Images are arrays of shape (n, h, w), (n, h, w, c) or
    (n, c, h, w), or flat rows (n, d).

    Values must lie within `clip`: 8-bit images are not scaled behind your back, pass ``X / 255``,
    or ``clip=(0, 255)`` with `epsilon` in the same units.

    Parameters
    ----------
    module : torch.nn.Module, its class or another factory, default=ConvNet
        Maps images of shape (n_samples, channels, height, width) to logits; as for
        :class:`AdversarialNetClassifier`. ``module__n_filters`` and ``module__n_hidden`` set the
        size of the default, :class:`ConvNet`.
    input_shape : "auto" or tuple of int, default="auto"
        Shape of an image, (height, width) or with the channels first or last, where the shape of
        `X` does not say it. "auto" takes flat rows for square images of one channel. One entry may
        be -1: what the others leave.
    channels : {"auto", "first", "last"}, default="auto"
        Which axis of an image with three has the channels. "auto" is the shorter one of the first
        and the last.
    epsilon : float, array-like of the shape of a row or dict, default=0.3
        Half-width of the allowed change of each feature, in the feature's own units: one number, an
        array (flat or of the shape of a row), or a dict from column names to numbers. 0 for a
        feature that cannot be changed.
    norm : {"linf"}, default="linf"
        Shape of the perturbation set.
    training : {"pgd", "fgsm", "trades", "ibp"} or None, default="pgd"
        What a training step minimizes. "pgd": the loss of the worst case that an attack of
        `attack_steps` steps finds; "fgsm": that of a single step [3]_; "trades": the clean loss,
        and `trades_weight` times the divergence of the probabilities under attack from the clean
        ones [4]_; "ibp": a mix of the clean loss and that of the worst case by interval bounds,
        which :meth:`certified_score` can prove [5]_. It costs about three natural passes, whatever
        `attack_steps`, and needs a module whose layers all have bounds; see
        :class:`~sklearn_advex.neural_network.ResidualSum`. None is natural training.
    attack_steps : int, default=10
        Steps of "pgd" and "trades", and of the attacks on the fitted model.
    attack_step_size : "auto" or float, default="auto"
        Length of a step, in the features' units. "auto" is ``2.5 * epsilon / attack_steps``, and
        ``1.25 * epsilon`` for "fgsm". The paper's own schedule for images is
        ``100 * epsilon + 10`` steps of 0.01.
    random_start : bool, default=True
        Whether an attack starts anywhere in the box, rather than at the input. Without it, one
        "fgsm" step of size `epsilon` is the exact worst case of a linear module. "trades" starts at
        random always.
    trades_weight : float, default=6.0
        Weight of the divergence in the loss of "trades": 0 is natural training, more trades
        accuracy for robustness.
    certified_share : float, default=0.5
        Share of the certified loss in that of "ibp", in [0, 1]; it grows from 0 along with epsilon.
        Less is more accurate, more has better bounds.
    clip : tuple (low, high) or None, default=(0.0, 1.0)
        The range of valid inputs, which the attack does not leave: two numbers, or two arrays with
        one number per feature. None for data without bounds.
    alpha : float, default=0.0
        Weight of the l1 norm of the module's weights in the mean loss; the paper's lambda, for its
        l1-regularized models. Parameters with one dimension (biases, scales) are not penalized.
    sparsity : float, default=0.0
        Weight of one minus the Gini index of each row's attributions (input times gradient of the
        lead of the true class, baseline 0) in the mean loss [6]_. Together with an adversary it
        makes explanations shorter still; alone it games the index: the features named are not
        enough for the prediction, see :func:`sklearn_advex.metrics.sufficiency`.
    epsilon_warmup : "auto" or float, default="auto"
        Share of the training steps over which the adversary grows linearly from nothing to
        `epsilon`. "auto" is half of them for "ibp", which cannot start at full size, and none for
        attacks.
    max_epochs : int, default=10
        Passes over the data.
    batch_size : int, default=128
        Rows per step.
    optimizer : class, default=torch.optim.Adam
        A torch optimizer; its further arguments are passed as ``optimizer__...``.
    lr : float, default=1e-3
        Learning rate.
    lr_schedule : {"cosine", "linear", "one_cycle"}, callable or None, default=None
        How the learning rate changes over the training steps: "cosine" and "linear" fall to 0,
        "one_cycle" rises over the first 40 % before. A callable gets the share of the steps done,
        in [0, 1], and returns a factor.
    device : str or torch.device, default="auto"
        "auto" is a CUDA GPU where there is one, else the CPU.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        What convolutions and matrix products compute with while training. "auto" is "bfloat16"
        where the device multiplies such numbers in hardware and the module has convolutions and
        returns nearly the same with them; see `precision_`. Losses, weights and their updates are
        float32 always, and so are predictions, :meth:`perturb` and :meth:`explain`.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, which multiply `sample_weight`.
    validation_fraction : float or None, default=None
        Share of the rows that are not trained on but watched: their losses and accuracies go to
        `history_`. None trains on all rows.
    callbacks : list of skorch callbacks or None, default=None
        What is called along the training, for example a :class:`TrainingCheckpoint`. Callbacks get
        the training rows as tensors that the module takes, and data sets of them that the net
        predicts on. What skorch caches of a pass are the logits that the loss is of, under attack
        say: ``EpochScoring("accuracy", use_caching=False)`` is the accuracy on clean rows.
    warm_start : bool, default=False
        Whether `fit` on a fitted model continues its training for `max_epochs` more epochs, with
        the current parameters (all but `module` and `optimizer`), instead of starting anew.
    random_state : int, RandomState instance or None, default=None
        Determines initial weights, order of the rows, random starts and dropout. Torch's global
        random state is left as found; trainings in several threads, which share it, wait for each
        other. A fitted model may predict, be attacked and be explained in several threads at once.
    verbose : int, default=0
        Whether to show device and precision, and a progress bar with the epoch, clean and
        adversarial accuracy and time left.
    **nested_params : dict
        ``module__...`` for the module's factory, ``optimizer__...`` for the optimizer.

    Attributes
    ----------
    input_shape_ : tuple (channels, height, width)
        Shape of an image as the module takes it.
    module_ : torch.nn.Module
        The trained module.
    net_ : skorch.NeuralNetClassifier
        The net that trained it.
    history_ : skorch.History
        One dict per epoch: ``train_loss`` (the objective) and ``train_clean_loss``,
        ``train_clean_accuracy``, and of attacked batches ``train_adversarial_loss``,
        ``train_adversarial_accuracy`` or by bounds ``train_certified_loss``,
        ``train_certified_accuracy``; each the mean over the epoch's batches at their time. The same
        with ``valid_`` where `validation_fraction` asks for it.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    epsilon_ : ndarray of shape (n_features,)
        Half-width of the allowed change per feature.
    feature_means_ : ndarray of shape (n_features,)
        Means of the training inputs, those of the first call of `partial_fit`; the baseline "mean"
        of :meth:`explain`.
    device_ : torch.device
        Where the module is.
    precision_ : {"float32", "bfloat16"}
        What the training computes with.
    n_iter_ : int
        Number of epochs trained for.
    n_features_in_ : int
        Number of features; for rows with several axes the product of their lengths.
    feature_names_in_ : ndarray of shape (n_features,)
        Column names, where `X` has them.

    See Also
    --------
    AdversarialNetClassifier : The same for other inputs and modules.

    References
    ----------
    .. [1] P. Chalasani, J. Chen, A. R. Chowdhury, S. Jha, X. Wu. "Concise Explanations of Neural
       Networks using Adversarial Training". ICML 2020. https://arxiv.org/abs/1810.06583

    .. [2] A. Madry, A. Makelov, L. Schmidt, D. Tsipras, A. Vladu. "Towards Deep Learning Models
       Resistant to Adversarial Attacks". ICLR 2018. https://arxiv.org/abs/1706.06083

    .. [3] E. Wong, L. Rice, J. Z. Kolter. "Fast is Better than Free: Revisiting Adversarial
       Training". ICLR 2020. https://arxiv.org/abs/2001.03994

    .. [4] H. Zhang, Y. Yu, J. Jiao, E. P. Xing, L. El Ghaoui, M. I. Jordan. "Theoretically
       Principled Trade-off between Robustness and Accuracy". ICML 2019.
       https://arxiv.org/abs/1901.08573

    .. [5] S. Gowal et al. "On the Effectiveness of Interval Bound Propagation for Training
       Verifiably Robust Models". 2018. https://arxiv.org/abs/1810.12715

    .. [6] G. Erion, J. D. Janizek, P. Sturmfels, S. M. Lundberg, S.-I. Lee. "Improving Performance
       of Deep Learning Models with Axiomatic Attribution Priors and Expected Gradients". Nature
       Machine Intelligence 2021. https://arxiv.org/abs/1906.10670

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_advex import AdversarialCNNClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> model = AdversarialCNNClassifier(
    ...     module__n_hidden=64, epsilon=0.1, attack_steps=3, lr=0.003, max_epochs=5, random_state=0
    ... ).fit(X / 16, y)
    >>> bool(model.score(X / 16, y) > 0.9)
    True
    """

    _parameter_constraints = {
        **BaseAdversarialNetClassifier._parameter_constraints,
        "input_shape": [StrOptions({"auto"}), tuple, list],
        "channels": [StrOptions({"auto", "first", "last"})],
    }

    def __init__(
        self,
        module=ConvNet,
        *,
        input_shape="auto",
        channels="auto",
        epsilon=0.3,
        norm="linf",
        training="pgd",
        attack_steps=10,
        attack_step_size="auto",
        random_start=True,
        trades_weight=6.0,
        certified_share=0.5,
        clip=(0.0, 1.0),
        alpha=0.0,
        sparsity=0.0,
        epsilon_warmup="auto",
        max_epochs=10,
        batch_size=128,
        optimizer=torch.optim.Adam,
        lr=1e-3,
        lr_schedule=None,
        device="auto",
        precision="auto",
        class_weight=None,
        validation_fraction=None,
        callbacks=None,
        warm_start=False,
        random_state=None,
        verbose=0,
        **nested_params,
    ):
        self.module = module
        self.input_shape = input_shape
        self.channels = channels
        self.epsilon = epsilon
        self.norm = norm
        self.training = training
        self.attack_steps = attack_steps
        self.attack_step_size = attack_step_size
        self.random_start = random_start
        self.trades_weight = trades_weight
        self.certified_share = certified_share
        self.clip = clip
        self.alpha = alpha
        self.sparsity = sparsity
        self.epsilon_warmup = epsilon_warmup
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.lr = lr
        self.lr_schedule = lr_schedule
        self.device = device
        self.precision = precision
        self.class_weight = class_weight
        self.validation_fraction = validation_fraction
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose
        self._set_nested(nested_params)

    def _row_layout(self, given):
        return image_layout(given, self.input_shape, self.channels)

    @property
    def input_shape_(self):
        """Shape of an image as the module takes it, (channels, height, width)."""
        return self._layout.module_shape
