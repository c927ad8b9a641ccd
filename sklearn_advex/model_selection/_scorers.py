"""Scorers that need the fitted model itself, not only its predictions.

:func:`sklearn.metrics.make_scorer` passes true and predicted values to a metric. Explanations and
worst cases cannot be computed from these, hence the callables ``(estimator, X, y)`` of this file.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from sklearn_advex._utils._class_targets import check_row_weights
from sklearn_advex._utils._containers import one_row_per_sample
from sklearn_advex._utils._counts import check_count
from sklearn_advex._utils._pipeline import refuse_thresholds, transform_to_last_step
from sklearn_advex._utils._sklearn_compat import safe_indexing
from sklearn_advex.attribution import adversarial_accuracy, attribution_stability
from sklearn_advex.attribution._ensembles import output_of_all_models
from sklearn_advex.attribution._explain import ExplainOptions, attribute_columns
from sklearn_advex.metrics import feature_value_impact, gini_index
from sklearn_advex.model_selection._scorer import Scorer, select_rows, weighted_mean


def make_gini_scorer(
    *,
    method="ig",
    output="probability",
    target="predicted",
    baseline=0.0,
    groups=None,
    max_samples=None,
):
    """Make a scorer of the sparseness of a model's explanations.

    Its score is the mean over the rows of the Gini index of their attributions: the larger, the
    fewer features carry a prediction. A row without any attribution counts as 0, so that a model
    that ignores its input scores 0.

    The score does not measure the quality of the predictions: combine it with accuracy, for example
    by :func:`most_concise`.

    Parameters
    ----------
    method : {"ig", "shap", "deep_shap", "saliency", "input_x_gradient", "occlusion"}, default="ig"
        The attribution method; this and the next three as for :func:`sklearn_advex.explain`.
    output : {"probability", "logit", "loss"}, default="probability"
        The model output that is attributed.
    target : "predicted", "true" or a class label, default="predicted"
        The class whose output is attributed. For "true" the scorer must be called with `y`.
    baseline : float, "mean", array-like of shape (n_features,) or table of rows, default=0.0
        The input that predictions are compared with.
    groups : None, "auto" or dict, default=None
        The columns whose attributions are compared, for a pipeline: None the encoded ones that the
        last step sees, as in the paper; "auto" those of `X`; a dict groups of your own. The last
        two as for :func:`sklearn_advex.explain`.
    max_samples : int, default=None
        Explain at most that many rows, at equal distances in the order of `X` and starting with the
        first. The selection is the same in every call and covers sorted data evenly. None explains
        all rows.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y=None, sample_weight=None) -> float``. `estimator` is a fitted
        model, or a pipeline that ends in one; then `X` is the pipeline's own input. It can be
        pickled and passed to every `scoring` parameter of scikit-learn.

    Raises
    ------
    ValueError
        If `method`, `output` or `groups` is unknown, or `max_samples` is not a positive integer.

    See Also
    --------
    gini_scorer : The scorer with all defaults.
    sklearn_advex.metrics.gini_index : The index.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import cross_val_score
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_advex.model_selection import make_gini_scorer
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    >>> scores = cross_val_score(pipeline, X, y, scoring=make_gini_scorer(output="logit"))
    >>> scores.shape
    (5,)
    """
    ExplainOptions(method, output, groups=groups).check()
    check_count(max_samples, "max_samples", none_allowed=True)
    return _GiniScorer(method, output, target, baseline, groups, max_samples)


def make_n_features_scorer(
    *,
    method="ig",
    output="auto",
    target="predicted",
    baseline=0.0,
    groups="auto",
    max_samples=None,
):
    """Make a scorer of the number of columns that a model uses.

    Its score is minus the number of columns of `X` with a non-zero attribution in at least one row:
    as for all scorers greater is better, so that of two models the one with fewer columns wins. A
    column that a pipeline encodes in several counts once, and not at all if none of them is used.

    Parameters
    ----------
    method : {"ig", "shap", "deep_shap", "saliency", "input_x_gradient", "occlusion"}, default="ig"
        The attribution method; this and the next three as for :func:`sklearn_advex.explain`.
    output : {"auto", "logit", "probability", "loss"}, default="auto"
        The model output that is attributed: "auto" is the logit, which linear classifiers of any
        loss have, and the probability of ensembles, which have no logit.
    target : "predicted", "true" or a class label, default="predicted"
        The class whose output is attributed. For "true" the scorer must be called with `y`.
    baseline : float, "mean", array-like of shape (n_features,) or table of rows, default=0.0
        The input that predictions are compared with. A column that equals it in all rows does not
        count.
    groups : "auto", None or dict, default="auto"
        The columns that are counted, for a pipeline: "auto" those of `X`, None the encoded ones
        that the last step sees, a dict groups of your own.
    max_samples : int, default=None
        Largest number of rows, selected as by :func:`make_gini_scorer`.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y=None, sample_weight=None) -> float``. Rows of weight 0 do not
        count. It can be pickled and passed to every `scoring` parameter of scikit-learn.

    Raises
    ------
    ValueError
        If `method`, `output` or `groups` is unknown, or `max_samples` is not a positive integer.

    See Also
    --------
    n_features_scorer : The scorer with all defaults.
    most_concise : Choose the candidate with the fewest columns: ``sparseness="n_features"``.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_advex import AdversarialLogisticRegression
    >>> from sklearn_advex.model_selection import n_features_scorer
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), AdversarialLogisticRegression(epsilon=0.5))
    >>> n_features_scorer(model.fit(X, y), X)
    -3.0
    """
    ExplainOptions(method, "logit" if output == "auto" else output, groups=groups).check()
    check_count(max_samples, "max_samples", none_allowed=True)
    return _NFeaturesScorer(method, output, target, baseline, groups, max_samples)


def make_stability_scorer(
    *,
    epsilon=None,
    method="ig",
    output="loss",
    target="true",
    baseline=0.0,
    n_iter=50,
    max_samples=None,
):
    """Make a scorer of the stability of explanations under allowed changes of a row.

    Its score is minus the mean over the rows of the worst-case l1 change of their attributions:
    never above 0, and the larger (the nearer to 0) the more stable. With the defaults it is exact
    for linear classifiers with logistic loss: minus what the adversary adds to the mean loss.

    Parameters
    ----------
    epsilon : float or array-like of shape (n_features,), default=None
        How far each feature may be changed, in its own units (those of the encoded columns for a
        pipeline). None takes the `epsilon` of each model itself; pass a number to compare models
        that were trained with different ones.
    method : {"ig", "shap", "deep_shap", "saliency", "input_x_gradient", "occlusion"}, default="ig"
        The attribution method; this and the next four as for
        :func:`sklearn_advex.attribution.attribution_stability`.
    output : {"loss", "logit", "probability"}, default="loss"
        The model output that is attributed.
    target : "true", "predicted" or a class label, default="true"
        The class whose output is attributed. For "true" the scorer must be called with `y`.
    baseline : float, "mean", array-like of shape (n_features,) or table of rows, default=0.0
        The input that predictions are compared with.
    n_iter : int, default=50
        Rounds of the search for outputs without a formula: for ``output="probability"``.
    max_samples : int, default=None
        Largest number of rows, selected as by :func:`make_gini_scorer`.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y=None, sample_weight=None) -> float``. It can be pickled and passed
        to every `scoring` parameter of scikit-learn.

    Raises
    ------
    ValueError
        If `method` or `output` is unknown, or `max_samples` is not a positive integer.

    See Also
    --------
    stability_scorer : The scorer with all defaults.
    sklearn_advex.attribution.attribution_stability : The change of each single row.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_advex.model_selection import make_stability_scorer
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> scorer = make_stability_scorer(epsilon=0.1)
    >>> for C in (100.0, 0.01):
    ...     model = make_pipeline(StandardScaler(), LogisticRegression(C=C)).fit(X, y)
    ...     print(f"{scorer(model, X, y):.2f}")
    -1.33
    -0.07
    """
    ExplainOptions(method, output).check()
    check_count(max_samples, "max_samples", none_allowed=True)
    return _StabilityScorer(epsilon, method, output, target, baseline, n_iter, max_samples)


def make_adversarial_accuracy_scorer(*, epsilon=None):
    """Make a scorer of the accuracy under the worst allowed change of every row.

    Parameters
    ----------
    epsilon : float or array-like of shape (n_features,), default=None
        How far each feature may be changed, in its own units (those of the encoded columns for a
        pipeline). None takes the `epsilon` of each model itself; pass a number to compare models
        that were trained with different ones.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y, sample_weight=None) -> float``. It can be pickled and passed to
        every `scoring` parameter of scikit-learn. Exact for linear classifiers, those of
        scikit-learn included; for networks an upper bound, their accuracy under attack. Other
        models must have ``adversarial_score(X, y, epsilon=None, sample_weight=None)``.

    See Also
    --------
    adversarial_accuracy_scorer : The scorer with all defaults.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_advex.model_selection import make_adversarial_accuracy_scorer
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
    >>> scorer = make_adversarial_accuracy_scorer(epsilon=0.6)
    >>> scorer(LogisticRegression().fit(X, y), X, y)
    0.5
    """
    return _AdversarialAccuracyScorer(epsilon)


@dataclass(eq=False, repr=False)
class _ExplanationScorer(Scorer):
    """Base class of scorers of the attributions of all rows."""

    method: str
    output: str
    target: Any
    baseline: Any
    groups: Any
    max_samples: int | None

    def _score(self, estimator, X, y, sample_weight):
        X, y, sample_weight = select_rows(X, y, sample_weight, self.max_samples)
        return self._score_attributions(self._attributions(estimator, X, y), sample_weight)

    def _score_attributions(self, attributions, sample_weight):
        raise NotImplementedError

    def _attributions(self, estimator, X, y):
        output = output_of_all_models(estimator) if self.output == "auto" else self.output
        options = ExplainOptions(self.method, output, self.target, self.baseline, self.groups)
        # Not `explain`: a frame with the names of encoded columns is not needed.
        return one_row_per_sample(attribute_columns(estimator, X, y, options).values)


class _GiniScorer(_ExplanationScorer):
    """See :func:`make_gini_scorer`."""

    maker = "make_gini_scorer"

    def _score_attributions(self, attributions, sample_weight):
        return weighted_mean(gini_index(attributions, zero_division=0.0), sample_weight)


class _NFeaturesScorer(_ExplanationScorer):
    """See :func:`make_n_features_scorer`."""

    maker = "make_n_features_scorer"
    is_mean_over_rows = False

    def _score_attributions(self, attributions, sample_weight):
        if sample_weight is not None:
            weights = check_row_weights(sample_weight, attributions)
            attributions = safe_indexing(attributions, np.flatnonzero(weights))
        return -float(np.count_nonzero(feature_value_impact(attributions)))

    def _score_blocks(self, estimator, X, y, sample_weight):
        from sklearn_advex._utils._dask_blocks import mean_over_rows  # imports dask

        of_rows = partial(_absolute_attributions, self, estimator)
        return -float(np.count_nonzero(mean_over_rows(of_rows, X, y, sample_weight)))


def _absolute_attributions(scorer, estimator, X, y):
    return abs(scorer._attributions(estimator, X, y))


@dataclass(eq=False, repr=False)
class _StabilityScorer(Scorer):
    """See :func:`make_stability_scorer`."""

    maker = "make_stability_scorer"

    epsilon: Any
    method: str
    output: str
    target: Any
    baseline: Any
    n_iter: int
    max_samples: int | None

    def _score(self, estimator, X, y, sample_weight):
        X, y, sample_weight = select_rows(X, y, sample_weight, self.max_samples)
        stability = attribution_stability(
            estimator,
            X,
            y,
            epsilon=self.epsilon,
            method=self.method,
            output=self.output,
            target=self.target,
            baseline=self.baseline,
            n_iter=self.n_iter,
        )
        return -weighted_mean(stability.change, sample_weight)


@dataclass(eq=False, repr=False)
class _AdversarialAccuracyScorer(Scorer):
    """See :func:`make_adversarial_accuracy_scorer`."""

    maker = "make_adversarial_accuracy_scorer"

    epsilon: Any

    def __call__(self, estimator, X, y, sample_weight=None):
        """Return the accuracy of `estimator` on the worst allowed change of each row of `X`."""
        return super().__call__(estimator, X, y, sample_weight)

    def _score(self, estimator, X, y, sample_weight):
        refuse_thresholds(estimator)
        model, X_encoded = transform_to_last_step(estimator, X)
        options = {"epsilon": self.epsilon, "sample_weight": sample_weight}
        if hasattr(model, "adversarial_score"):
            return float(model.adversarial_score(X_encoded, y, **options))
        return adversarial_accuracy(model, X_encoded, y, **options)


#: Mean Gini index of the Integrated Gradients of the predicted class's probability, baseline 0.
gini_scorer = make_gini_scorer()

#: Minus the number of columns of `X` that a model uses.
n_features_scorer = make_n_features_scorer()

#: Worst-case accuracy under each model's own epsilon.
adversarial_accuracy_scorer = make_adversarial_accuracy_scorer()

#: Minus what the adversary adds to the mean logistic loss, under each model's own epsilon.
stability_scorer = make_stability_scorer()
