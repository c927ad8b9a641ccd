"""What an adversary can do to a fitted linear classifier, exactly.

Every function sees the classifier as one row of coefficients and one intercept per class; the
class with the highest score is predicted, the first of those that tie. A binary classifier is the
pair of classes whose scores are 0 and the decision function.
"""

import numpy as np


def scores_per_class(coef, intercept):
    """Arrange coefficients and intercepts with one row per class, also for two classes.

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


def worst_case_leads(scores, labels, coef, perturbation):
    """Compute the worst-case lead of each class over the class of the row.

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


def is_robust(leads, labels):
    """Return whether no allowed change alters that the class of the row is predicted.

    Parameters
    ----------
    leads : ndarray of shape (n_samples, n_classes)
        From `worst_case_leads`.
    labels : ndarray of int of shape (n_samples,)

    Returns
    -------
    ndarray of shape (n_samples,), bool
    """
    loses_ties = np.arange(leads.shape[1]) < labels[:, None]
    beaten = (leads > 0) | ((leads == 0) & loses_ties)
    return ~beaten.any(axis=1)


def worst_rivals(leads, labels):
    """Return the class with the largest worst-case lead over the class of the row.

    Parameters
    ----------
    leads : ndarray of shape (n_samples, n_classes)
        From `worst_case_leads`.
    labels : ndarray of int of shape (n_samples,)

    Returns
    -------
    ndarray of int of shape (n_samples,)
    """
    others = leads.copy()
    np.put_along_axis(others, labels[:, None], -np.inf, axis=1)
    return others.argmax(axis=1)


def certified_radii(scores, coef, unit):
    """Compute the smallest multiple of a set with a change that alters the prediction.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_classes)
    coef : ndarray of shape (n_classes, n_features)
    unit : perturbation set

    Returns
    -------
    ndarray of shape (n_samples,)
        Infinity if no change alters the prediction.
    """
    predicted = scores.argmax(axis=1)
    lead = np.take_along_axis(scores, predicted[:, None], axis=1) - scores
    reach = np.stack([unit.support(coef - own) for own in coef])[predicted]
    return np.divide(lead, reach, out=np.full_like(lead, np.inf), where=reach > 0).min(axis=1)
