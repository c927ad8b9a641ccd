"""Scores of linear models that a search compares, from the rows alone."""

import numpy as np
from scipy.sparse import issparse

from sklearn_advex.metrics import gini_index


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


def mean_gini(X, coef, predicted):
    """Mean Gini of the attributions to the predicted class, from the features in use alone.

    The attributions of a row are ``x * w`` times one number, which the Gini does not see. With m of
    d features in use, all others 0, it is ``1 - m / d * (1 - Gini of the m)``.

    Parameters
    ----------
    X : {ndarray, CSR matrix} of shape (n_samples, n_features)
    coef : ndarray of shape (n_problems, n_features)
    predicted : ndarray of int or bool of shape (n_samples,)

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
    return 1.0 - share * (1.0 - of_used.mean())
