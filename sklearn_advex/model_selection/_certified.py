"""The scorer of certified accuracy."""

from dataclasses import dataclass
from typing import Any

from sklearn_advex._utils._pipeline import refuse_thresholds, transform_to_last_step
from sklearn_advex.attribution._robustness import adversarial_accuracy, is_linear
from sklearn_advex.model_selection._scorer import Scorer


def make_certified_accuracy_scorer(*, epsilon=None, method="auto"):
    """Make a scorer of the accuracy that is proven whatever the adversary does.

    For networks the certified accuracy is a lower bound of the worst-case accuracy, and
    :func:`make_adversarial_accuracy_scorer` gives an upper bound. For linear models, whose
    worst case has a closed form, both are the same number.

    Parameters
    ----------
    epsilon : float or array-like of shape (n_features,), default=None
        How far each feature may be changed, in its own units (those of the encoded columns for a
        pipeline). None takes the `epsilon` of each model itself; pass a number to compare models
        that were trained with different ones.
    method : {"auto", "interval", "crown"}, default="auto"
        Bounds of networks, as for
        :meth:`~sklearn_advex.AdversarialNetClassifier.certified_score`.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y, sample_weight=None) -> float``. It can be pickled and passed to
        every `scoring` parameter of scikit-learn. The last step of `estimator` must have
        `certified_score`, or be a linear classifier.

    See Also
    --------
    certified_accuracy_scorer : The scorer with all defaults.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_advex import AdversarialLogisticRegression
    >>> from sklearn_advex.model_selection import make_certified_accuracy_scorer
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), AdversarialLogisticRegression(0.2)).fit(X, y)
    >>> scorer = make_certified_accuracy_scorer(epsilon=0.1)
    >>> print(f"{scorer(model, X, y):.2f}")
    0.95
    """
    return _CertifiedAccuracyScorer(epsilon, method)


@dataclass(eq=False, repr=False)
class _CertifiedAccuracyScorer(Scorer):
    """See :func:`make_certified_accuracy_scorer`."""

    maker = "make_certified_accuracy_scorer"

    epsilon: Any
    method: str

    def __call__(self, estimator, X, y, sample_weight=None):
        """Return the certified accuracy of `estimator`."""
        return super().__call__(estimator, X, y, sample_weight)

    def _score(self, estimator, X, y, sample_weight):
        refuse_thresholds(estimator)
        model, X = transform_to_last_step(estimator, X)
        options = {"epsilon": self.epsilon, "sample_weight": sample_weight}
        if hasattr(model, "certified_score"):
            return float(model.certified_score(X, y, method=self.method, **options))
        if is_linear(model):  # whose worst case is exact
            return adversarial_accuracy(model, X, y, **options)
        raise TypeError(
            f"{type(model).__name__} has no certified_score method, which the certified accuracy"
            " scorer needs. Use AdversarialMLPClassifier or another network of sklearn_advex, a"
            " linear classifier, or a pipeline that ends in one."
        )


#: Proven accuracy under each model's own epsilon.
certified_accuracy_scorer = make_certified_accuracy_scorer()
