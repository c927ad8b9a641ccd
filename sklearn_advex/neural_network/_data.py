"""Data as networks need them: flat rows of float32, positions of classes, weights of mean 1."""

import math
from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.metrics import accuracy_score
from sklearn.utils.validation import validate_data

from sklearn_advex._networks import N_TRIED
from sklearn_advex._utils._class_targets import check_row_weights, weight_per_class
from sklearn_advex._utils._containers import row_shape
from sklearn_advex._utils._sampling import evenly_spaced


class LabeledRows(NamedTuple):
    """What a network is trained on.

    Attributes
    ----------
    X : ndarray of float32 of shape (n_samples, n_features)
        Flat rows. May share the user's memory, so not to be written to.
    y : ndarray of int of shape (n_samples,)
        Positions of the classes.
    weight : ndarray of float32 of shape (n_samples,)
        Weights of the rows, of mean 1.
    """

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray


def check_rows(estimator, X, *, reset, **targets):
    """Validate inputs of any number of axes, and flatten them.

    Parameters
    ----------
    estimator : estimator
        Keeps number and names of the features if `reset`, and is compared with them otherwise.
    X : array-like or DataFrame of shape (n_samples, ...)
    reset : bool
    **targets
        ``y``, where there is one.

    Returns
    -------
    ndarray of float32 of shape (n_samples, n_features), or a tuple of it and `y`
    """
    if not (hasattr(X, "columns") or issparse(X)) and len(row_shape(X)) > 1:
        X = np.asarray(X)
        X = X.reshape(len(X), math.prod(X.shape[1:]))
    options = {"dtype": np.float32, "force_writeable": True}
    with np.errstate(over="ignore"):  # what is too large for float32 becomes an error
        return validate_data(estimator, X, reset=reset, **options, **targets)


def check_range(rows, clip, slack=0.0):
    """Raise a ValueError if a value lies outside the range of valid inputs.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_features)
    clip : tuple (low, high) of ndarray of float32 of shape (n_features,), or None
    slack : float, default=0.0
        How far outside is still allowed, in widths of the range: new data may exceed what the
        training data span, but they are not in other units.
    """
    if clip is None:
        return
    lowest, highest = rows.min(axis=0), rows.max(axis=0)
    room = slack * (clip[1] - clip[0]).max()
    if (lowest < clip[0] - room).any() or (highest > clip[1] + room).any():
        raise ValueError(
            f"X has values from {lowest.min():.6g} to {highest.max():.6g}, outside"
            f" clip=({clip[0].min():.6g}, {clip[1].max():.6g}), the range of valid inputs. Scale X"
            " (8-bit images: X / 255), or set clip to the range of X, or to None where there are no"
            " bounds; epsilon is in the units of X."
        )


def resolve_clip(clip, n_features):
    """Turn `clip` into a bound per feature and side.

    Parameters
    ----------
    clip : tuple (low, high) or None
        Two numbers or arrays with one number per feature.
    n_features : int

    Returns
    -------
    tuple (low, high) of ndarray of float32 of shape (n_features,), or None
    """
    if clip is None:
        return None
    try:
        low, high = (
            np.broadcast_to(np.asarray(bound, dtype=np.float32).reshape(-1), n_features)
            for bound in clip
        )
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"clip must be None or (low, high), two numbers or two arrays of {n_features} numbers;"
            f" got {clip!r:.100}."
        ) from error
    if not (low <= high).all():
        raise ValueError(f"clip must be (low, high) with low below high, got {clip!r:.100}.")
    return low, high


def some_rows(rows):
    """Choose rows to try a module on.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_features)

    Returns
    -------
    ndarray of shape (n_tried, n_features)
    """
    return rows[evenly_spaced(len(rows), N_TRIED)]


def labeled_rows(rows, positions, classes, sample_weight, class_weight):
    """Give rows the product of both kinds of weights.

    Parameters
    ----------
    rows : ndarray of float32 of shape (n_samples, n_features)
    positions : ndarray of int of shape (n_samples,)
        Of each row's class.
    classes : ndarray of shape (n_classes,)
        All classes, some of which may have no row.
    sample_weight : array-like of shape (n_samples,) or None
    class_weight : dict, "balanced" or None

    Returns
    -------
    LabeledRows
    """
    weight = check_row_weights(sample_weight, rows)
    weight *= weight_per_class(class_weight, classes, positions, weight)[positions]
    if not weight.any():
        raise ValueError("sample_weight and class_weight must be above 0 for at least one row.")
    return LabeledRows(rows, positions, (weight / weight.mean()).astype(np.float32))


def share_of(is_counted, sample_weight):
    """Weighted share of the rows that count.

    Parameters
    ----------
    is_counted : ndarray of bool of shape (n_samples,)
    sample_weight : ndarray of shape (n_samples,) or None

    Returns
    -------
    float
    """
    return float(accuracy_score(np.ones_like(is_counted), is_counted, sample_weight=sample_weight))
