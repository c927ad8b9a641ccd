"""Scores of linear models that a search compares, from the rows alone."""

import numpy as np
from scipy.sparse import issparse
from sklearn.metrics import get_scorer

from sklearn_advex._utils._sklearn_compat import accepts_sample_weight
from sklearn_advex.metrics import gini_index


def score_models(models, scorers, X, labels, weights):
    """Score models on the same rows.

    Parameters
    ----------
    models : list of AdversarialLogisticRegression
    scorers : dict of str to str or callable
    X : {ndarray, CSR matrix} of shape (n_samples, n_features)
    labels : ndarray of int of shape (n_samples,)
        Positions of the labels among the classes.
    weights : ndarray of shape (n_samples,) or None
        Of the rows. Callables that take no `sample_weight` do not see them.

    Returns
    -------
    dict of str to list of float
        One score per model.
    """
    scores = {name: [] for name in scorers}
    for model in models:
        predicted = predicted_positions(X, model.coef_, model.intercept_)
        for name, scorer in scorers.items():
            if scorer == "accuracy":
                score = np.average(predicted == labels, weights=weights)
            elif scorer == "gini":
                score = mean_gini(X, model.coef_, predicted, weights)
            elif scorer == "n_features":
                score = -float(np.count_nonzero(model.coef_.any(axis=0)))
            else:
                score = _score_by(get_scorer(scorer), model, X, model.classes_[labels], weights)
            scores[name].append(score)
    return scores


def _score_by(scorer, model, X, y, weights):
    if weights is None or not accepts_sample_weight(scorer):
        return scorer(model, X, y)
    return scorer(model, X, y, sample_weight=weights)


def predicted_positions(X, coef, intercept):
    """Return the position of the predicted class of each row.

    Parameters
    ----------
    X : {ndarray, CSR matrix} of shape (n_samples, n_features)
    coef : ndarray of shape (n_problems, n_features)
    intercept : ndarray of shape (n_problems,)

    Returns
    -------
    ndarray of int or bool of shape (n_samples,)
    """
    decision = X @ coef.T + intercept
    return decision.argmax(axis=1) if coef.shape[0] > 1 else decision[:, 0] > 0


def mean_gini(X, coef, predicted, weights=None):
    """Mean Gini of the attributions to the predicted class, from the features in use alone.

    The attributions of a row are ``x * w`` times one number, which the Gini does not see. With m of
    d features in use, all others 0, it is ``1 - m / d * (1 - Gini of the m)``.

    Parameters
    ----------
    X : {ndarray, CSR matrix} of shape (n_samples, n_features)
    coef : ndarray of shape (n_problems, n_features)
    predicted : ndarray of int or bool of shape (n_samples,)
    weights : ndarray of shape (n_samples,), default=None

    Returns
    -------
    float
    """
    used = np.flatnonzero(coef.any(axis=0))
    if used.size == 0:
        return 0.0
    rows = coef[:, used] if coef.shape[0] == 1 else coef[np.ix_(predicted, used)]
    products = X[:, used].multiply(rows).tocsr() if issparse(X) else X[:, used] * rows
    share = used.size / coef.shape[1]
    of_used = gini_index(products, zero_division=1.0 - 1.0 / share)  # rows of zeros come to 0.0
    return 1.0 - share * (1.0 - np.average(of_used, weights=weights))
