"""What an adversary can do to a fitted linear classifier, exactly.

Every function sees the classifier as one row of coefficients and one intercept per class; the
class with the highest score is predicted, the first of those that tie. A binary classifier is the
pair of classes whose scores are 0 and the decision function.
"""

import numpy as np


def scores_per_class(coef, intercept):
    """Coefficients and intercepts with one row per class, also for a binary classifier.

    Parameters
    ----------
    coef : ndarray of shape (1, n_features) or (n_classes, n_features)
    intercept : ndarray of shape (1,) or (n_classes,)

    Returns
    -------
    coef : ndarray of shape (n_classes, n_features)
    intercept : ndarray of shape (n_classes,)
    """
    if coef.shape[0] == 1:
        return np.vstack([np.zeros_like(coef), coef]), np.append(0.0, intercept)
    return coef, intercept


def worst_gaps(scores, labels, coef, perturbation):
    """By how much each class can be made to beat the class of the row.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_classes)
    labels : ndarray of int of shape (n_samples,)
        Positions of the classes to beat.
    coef : ndarray of shape (n_classes, n_features)
    perturbation : perturbation set

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
        Score of each class minus that of the row's class under the change that favors it most;
        0 for the row's class itself.
    """
    reach = np.stack([perturbation.support(coef - own) for own in coef])
    return scores - np.take_along_axis(scores, labels[:, None], axis=1) + reach[labels]


def stays(gaps, labels):
    """Whether the row's class is still predicted, whatever the allowed change.

    Parameters
    ----------
    gaps : ndarray of shape (n_samples, n_classes)
        From `worst_gaps`.
    labels : ndarray of int of shape (n_samples,)

    Returns
    -------
    ndarray of shape (n_samples,), bool
    """
    loses_ties = np.arange(gaps.shape[1]) < labels[:, None]
    beaten = (gaps > 0) | ((gaps == 0) & loses_ties)
    return ~beaten.any(axis=1)


def worst_rivals(gaps, labels):
    """The class that each row can be pushed toward the furthest.

    Parameters
    ----------
    gaps : ndarray of shape (n_samples, n_classes)
        From `worst_gaps`.
    labels : ndarray of int of shape (n_samples,)

    Returns
    -------
    ndarray of int of shape (n_samples,)
    """
    others = gaps.copy()
    np.put_along_axis(others, labels[:, None], -np.inf, axis=1)
    return others.argmax(axis=1)


def radii(scores, coef, unit):
    """The scale of the set `unit` from which on a prediction can be changed.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_classes)
    coef : ndarray of shape (n_classes, n_features)
    unit : perturbation set

    Returns
    -------
    ndarray of shape (n_samples,)
        infinity where no change of any size alters the prediction.
    """
    predicted = scores.argmax(axis=1)
    lead = np.take_along_axis(scores, predicted[:, None], axis=1) - scores
    reach = np.stack([unit.support(coef - own) for own in coef])[predicted]
    return np.divide(lead, reach, out=np.full_like(lead, np.inf), where=reach > 0).min(axis=1)
