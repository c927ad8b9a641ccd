"""Worst-case change of attributions under allowed changes of a row."""

import math
from typing import NamedTuple

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import validate_data

from sklearn_advex._perturbation import resolve_epsilon
from sklearn_advex._utils._containers import frame_like, one_row_per_sample, row_shape
from sklearn_advex._utils._pipeline import transform_to_last_step
from sklearn_advex.attribution._explain import (
    ExplainOptions,
    attribute_encoded,
    check_attribution,
    choose_backend,
    predicted_by_threshold,
)
from sklearn_advex.attribution._options import is_background, resolve_baseline, resolve_target
from sklearn_advex.metrics import attribution_change


class Stability(NamedTuple):
    """Result of :func:`attribution_stability`.

    Parameters
    ----------
    change : ndarray of shape (n_samples,)
        The largest l1 change of each row's attributions; the smaller, the more stable.
    exact : bool
        Whether it follows from a formula. Otherwise it is the largest change that a search found,
        a lower bound.
    upper_bound : ndarray of shape (n_samples,) or None
        What no allowed change exceeds: `change` itself where that is exact, else by intervals of
        the gradient, which may be far above the truth. None where there is no such bound.

    See Also
    --------
    attribution_stability : Makes it.

    Examples
    --------
    >>> from sklearn_advex.attribution import attribution_stability
    >>> from sklearn_advex import AdversarialLogisticRegression
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
    >>> model = AdversarialLogisticRegression(epsilon=0.1).fit(X, y)
    >>> stability = attribution_stability(model, X, y, epsilon=0.1)
    >>> stability.exact, stability.change.shape
    (True, (4,))
    """

    change: np.ndarray
    exact: bool
    upper_bound: np.ndarray | None


def attribution_stability(
    model,
    X,
    y=None,
    *,
    epsilon=None,
    method="ig",
    output="loss",
    target="true",
    baseline=0.0,
    n_steps=50,
    batch_size=None,
    n_iter=50,
    random_state=0,
):
    r"""Worst-case l1 change of each row's attributions if every feature may change by `epsilon`.

    With :math:`N(x)` all rows :math:`x'` that satisfy :math:`|x'_j - x_j| \le \epsilon_j` it is

    - for ``output="loss"``, as in equation 16 of [1]_, :math:`\max_{x' \in N(x)} \|IG(x, x')\|_1`,
      the attributions of the step from x to :math:`x'`. For a linear classifier with logistic
      loss Theorem 5.1 of [1]_ gives it exactly: the adversarial loss less the natural one.
    - for the other outputs, as in equation 15, :math:`\max_{x' \in N(x)} \|A(x') - A(x)\|_1`, with
      a fixed baseline. For the "logit" of a linear classifier that is exactly
      :math:`\sum_j \epsilon_j |w_j|`. For its "probability" and for networks there is no formula,
      and N(x) is searched, which takes as many explanations of a row as it has rounds. What the
      search finds is a lower bound. For the methods "ig", "saliency" and "input_x_gradient" of this
      package's networks there is an upper bound beside it: intervals of the input's gradient over
      N(x), or over `n_steps` segments of the paths from the baseline to N(x).

    Parameters
    ----------
    model : estimator
        A fitted classifier that :func:`~sklearn_advex.explain` can explain, or a fitted pipeline
        that ends in one.
    X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
        The rows, as `model` predicts on them. Never changed. A search needs dense rows.
    y : array-like of shape (n_samples,), default=None
        The true labels; needed for ``target="true"``, the default.
    epsilon : float, array-like of shape (n_features,) or dict, default=None
        How far each feature may change, in its own units; for a pipeline those of the encoded
        columns. None takes what the model was trained against, its `epsilon_`.
    method : {"ig", "shap", "deep_shap", "saliency", "input_x_gradient", "occlusion"}, default="ig"
        The attribution method. For ``output="loss"`` it makes no difference.
    output : {"loss", "logit", "probability"}, default="loss"
        The output that is attributed. "loss" is for linear classifiers.
    target : "true", "predicted" or a class label, default="true"
        The class whose output is attributed. "predicted" is the class predicted for the row itself.
    baseline : float, "mean", array-like of shape (n_features,) or table of rows, default=0.0
        As for :func:`~sklearn_advex.explain`; not used for ``output="loss"`` and "logit", where the
        change does not depend on it.
    n_steps, batch_size : int, default=50 and None
        As for :func:`~sklearn_advex.explain`.
    n_iter : int, default=50
        Rounds of a search from each of its six starts; a round explains all rows once.
    random_state : int, RandomState instance or None, default=0
        Seed of the search.

    Returns
    -------
    stability : Stability
        A named tuple: `change`, an ndarray of shape (n_samples,) in units of the output; `exact`,
        whether that is a formula's result or a lower bound found by search; `upper_bound`, what no
        allowed change exceeds (for the network in exact arithmetic), or None. Max-pools and some
        activations (Hardtanh, ReLU6, SELU) have no bounds of their gradients.

    Raises
    ------
    ValueError
        If an option is unknown or does not fit the model, or a search meets sparse rows.
    TypeError
        If `model` lacks an attribute that `method` requires.

    See Also
    --------
    sklearn_advex.model_selection.make_stability_scorer : The same as a scorer.
    sklearn_advex.metrics.adversarial_loss_increase : The formula of Theorem 5.1.

    References
    ----------
    .. [1] P. Chalasani, J. Chen, A. R. Chowdhury, S. Jha, X. Wu. "Concise Explanations of Neural
       Networks using Adversarial Training". ICML 2020. https://arxiv.org/abs/1810.06583

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.preprocessing import scale
    >>> from sklearn_advex import AdversarialLogisticRegression
    >>> from sklearn_advex.attribution import attribution_stability
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> X = scale(X)
    >>> for epsilon in (0.0, 0.3):
    ...     model = AdversarialLogisticRegression(epsilon).fit(X, y)
    ...     print(f"{attribution_stability(model, X, y, epsilon=0.1).change.mean():.2f}")
    0.41
    0.05
    """
    options = ExplainOptions(method, output, target, baseline, None, n_steps, batch_size)
    options.check()
    if not isinstance(n_iter, int | np.integer) or n_iter < 0:
        raise ValueError(f"n_iter must be an integer of at least 0, got {n_iter!r}.")
    y, options = predicted_by_threshold(model, X, y, options)
    target = options.target
    last_step, X_encoded = transform_to_last_step(model, X)
    backend = choose_backend(last_step, method)
    epsilon = _epsilon_per_feature(epsilon, last_step, X_encoded)
    if backend.worst_change is not None:
        change = backend.worst_change(
            last_step, X_encoded, y, output=output, target=target, epsilon=epsilon
        )
        if change is not None:
            return Stability(change, True, change)
    if output == "loss":
        raise ValueError(
            "output='loss' compares a row with its own changes, for which"
            f" {type(last_step).__name__} has no formula. Use output='logit' or 'probability',"
            " whose changes are searched."
        )
    if isinstance(target, str) and target == "predicted":
        y, options = last_step.predict(X_encoded), options._replace(target="true")
    rows = _dense_rows(last_step, X_encoded)

    def attribute(X_changed):
        named = frame_like(X_encoded, X_changed.reshape(rows.shape))  # images are searched flat
        attribution = attribute_encoded(model, last_step, named, y, options)
        return attribution._replace(values=one_row_per_sample(attribution.values))

    attributions = _checked(attribute, one_row_per_sample(rows))
    generator = check_random_state(random_state)
    change = _search(
        lambda X: attribute(X).values,
        one_row_per_sample(rows),
        attributions,
        epsilon,
        n_iter,
        generator,
    )
    bound = _upper_bound(last_step, X_encoded, y, options, epsilon, attributions)
    return Stability(change, False, bound)


def _checked(attribute, rows):
    """Attribute the rows as they are, and warn if the attributions are not complete."""
    attribution = attribute(rows)
    if not attribution.is_exact:
        check_attribution(attribution)
    return attribution.values


def _upper_bound(model, X, y, options, epsilon, attributions):
    """Bound the change of the attributions by what a model says of their range, if it does."""
    shape = row_shape(X)
    if not hasattr(model, "_attribution_bounds") or is_background(options.baseline, shape):
        return None
    ends = model._attribution_bounds(
        X,
        resolve_target(options.target, model.classes_, X, y),
        method=options.method,
        output=options.output,
        epsilon=epsilon,
        baseline=resolve_baseline(options.baseline, model, shape).ravel(),
        n_steps=options.n_steps,
    )
    if ends is None:
        return None
    low, high = ends
    return np.maximum(high - attributions, attributions - low).sum(axis=1)


def _search(attribute, X, A, epsilon, n_iter, generator):
    """Search each row's box at random, and keep steps that change the attributions more.

    Parameters
    ----------
    attribute : callable
        From rows to their attributions.
    X : ndarray of shape (n_samples, n_features)
    A : ndarray of shape (n_samples, n_features)
        Attributions of `X`.
    epsilon : ndarray of shape (n_features,)
    n_iter : int
    generator : RandomState

    Returns
    -------
    change : ndarray of shape (n_samples,)
    """

    def change_at(place):
        return attribution_change(A, attribute(X + place * epsilon))

    # `rising` increases the output; `away` moves features away from the baseline.
    rising = _signs(attribute(X + epsilon) - attribute(X - epsilon))
    away = _signs(A) * rising
    random_corner = _signs(generator.uniform(-1.0, 1.0, size=X.shape))
    shares = np.geomspace(0.5, min(0.5, 1.0 / X.shape[1]), n_iter)
    best = np.zeros(X.shape[0])
    for place in (rising, -rising, away, -away, random_corner, -random_corner):
        change = change_at(place)
        for share in shares:
            other = _step(generator, place, share)
            other_change = change_at(other)
            better = other_change > change
            change = np.where(better, other_change, change)
            place = np.where(better[:, np.newaxis], other, place)
        best = np.maximum(best, change)
    return best


def _step(generator, place, share):
    """Redraw a random share of the features of each row, at least one, in [-1, 1].

    Half of them move to -1 or 1: for a fixed slope of the output the l1 change is convex, so its
    maximum is at a corner.
    """
    moved = generator.uniform(size=place.shape) < share
    one = generator.randint(place.shape[1], size=place.shape[0])
    moved[np.arange(place.shape[0]), one] = True
    return np.where(moved, generator.uniform(-2.0, 2.0, size=place.shape).clip(-1.0, 1.0), place)


def _signs(numbers):
    return np.where(numbers < 0, -1.0, 1.0)


def _epsilon_per_feature(epsilon, model, X):
    """Resolve epsilon to one number per feature of the last step, flat also for images."""
    if epsilon is None and not hasattr(model, "epsilon_"):
        raise ValueError(
            f"epsilon=None takes the epsilon_ of a model, and {type(model).__name__} has none. Say"
            " how far each feature may change, such as epsilon=0.1."
        )
    names = getattr(model, "feature_names_in_", None)
    epsilon = model.epsilon_ if epsilon is None else epsilon
    if hasattr(model, "coef_"):
        return resolve_epsilon(epsilon, model.coef_.shape[-1], names)
    shape = row_shape(X)
    per_pixel = len(shape) > 1 and np.shape(epsilon) == shape
    return resolve_epsilon(np.ravel(epsilon) if per_pixel else epsilon, math.prod(shape), names)


def _dense_rows(model, X):
    """Return rows as a float64 array; sparse rows are refused rather than made dense."""
    if not hasattr(model, "coef_"):  # networks validate their own input
        return np.asarray(X, dtype=np.float64)
    try:
        return validate_data(model, X, reset=False, dtype=np.float64).astype(np.float64, copy=False)
    except TypeError as error:
        raise ValueError(
            "output='probability' takes a search over changed rows, which are dense: pass"
            " X.toarray(), or use output='loss' or 'logit'."
        ) from error
