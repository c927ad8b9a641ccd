"""Scores of a search on the rows that a fold leaves out, from sums over their blocks."""

from dataclasses import dataclass

import numpy as np

from sklearn_advex._utils._dask_blocks import BlockSum
from sklearn_advex.linear_model._dask._rows import Fold, RowReader
from sklearn_advex.linear_model._fold_scores import mean_gini, predicted_positions


def _accuracy(model, X, labels, weights):
    predicted = predicted_positions(X, model.coef_, model.intercept_)
    return np.array([[weights[predicted == labels].sum()], [weights.sum()]])


def _balanced_accuracy(model, X, labels, weights):
    predicted = predicted_positions(X, model.coef_, model.intercept_)
    n_classes = model.classes_.size
    right = np.bincount(labels, weights=weights * (predicted == labels), minlength=n_classes)
    return np.array([right, np.bincount(labels, weights=weights, minlength=n_classes)])


def _gini(model, X, labels, weights):
    predicted = predicted_positions(X, model.coef_, model.intercept_)
    total = weights.sum()
    return np.array([[total * mean_gini(X, model.coef_, predicted, weights)], [total]])


def _n_features(model, X, labels, weights):
    n_used, total = np.count_nonzero(model.coef_.any(axis=0)), weights.sum()
    return np.array([[-float(n_used) * total], [total]])


def _neg_log_loss(model, X, labels, weights):
    probabilities = model.predict_proba(X)
    smallest = np.finfo(probabilities.dtype).eps  # as scikit-learn clips them
    of_true = np.clip(probabilities[np.arange(labels.size), labels], smallest, 1 - smallest)
    return np.array([[weights @ np.log(of_true)], [weights.sum()]])


#: Scores by name: from a model, rows, positions of their classes and weights to numerators and
#: denominators of ratios, whose mean is the score. Sums over blocks of both are those of all rows.
SUMMED_SCORES = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "gini": _gini,
    "n_features": _n_features,
    "neg_log_loss": _neg_log_loss,
}


def check_scorers(scorers):
    """Raise a ValueError for scores that do not come from sums over blocks.

    Parameters
    ----------
    scorers : dict of str to str or callable
        Those that can be called must have a true `is_mean_over_rows`.
    """
    others = [
        name
        for name, scorer in scorers.items()
        if not (getattr(scorer, "is_mean_over_rows", False) or scorer in SUMMED_SCORES)
    ]
    if others:
        raise ValueError(
            f"scoring by {others} is not available for Dask collections: set scoring and accuracy"
            f" to some of {sorted(SUMMED_SCORES)}, or scoring to a dict with scorers of"
            " sklearn_advex.model_selection that are means over rows, such as"
            " adversarial_accuracy_scorer. Other scores need all rows at once."
        )


@dataclass(frozen=True)
class FoldScores(BlockSum):
    """Sums that the scores of models on the rows that a fold leaves out come from.

    Attributes
    ----------
    reader : RowReader
    fold : Fold
        Of the rows left out.
    models : list of AdversarialLogisticRegression
    scorers : dict of str to str or callable
    """

    reader: RowReader
    fold: Fold
    models: list
    scorers: dict
    label = "score"

    def of_block(self, block):
        """Return numerators and denominators by the position of the model and the score's name."""
        X, labels, weights = self.reader.read(block)
        rows = self.fold.mask(block, labels) & (weights > 0)
        if not rows.any():
            return {}
        X, labels, weights = X[rows], labels[rows], weights[rows]
        return {
            (i, name): self._ratios(scorer, model, X, labels, weights)
            for i, model in enumerate(self.models)
            for name, scorer in self.scorers.items()
        }

    def join(self, parts):
        """Add them up."""
        parts = [part for part in parts if part]
        return {key: sum(part[key] for part in parts) for key in (parts[0] if parts else {})}

    def _ratios(self, scorer, model, X, labels, weights):
        if not callable(scorer):
            return SUMMED_SCORES[scorer](model, X, labels, weights)
        score = scorer(model, X, self.reader.classes[labels], sample_weight=weights)
        return np.array([[weights.sum() * score], [weights.sum()]])


def mean_of_ratios(sums):
    """Return the mean of ratios, of those with a denominator.

    Parameters
    ----------
    sums : ndarray of shape (2, n_ratios)

    Returns
    -------
    float
    """
    numerators, denominators = sums[:, sums[1] > 0]
    return float(np.mean(numerators / denominators))
