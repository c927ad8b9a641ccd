"""Data as networks need them: flat rows of float32, positions of classes, weights of mean 1."""

import math
from numbers import Integral
from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, validate_data

from sklearn_advex._utils._sklearn_compat import check_sample_weight


class LabelledRows(NamedTuple):
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


def row_shape(X):
    """Shape of a row of X as the user gives it, a tuple of int.

    Parameters
    ----------
    X : array-like or DataFrame of shape (n_samples, ...)
    """
    return tuple(X.shape[1:]) if hasattr(X, "shape") else np.asarray(X).shape[1:]


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


def check_classes(y, classes=None):
    """Return the class labels in `y`, or those that the user announces.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
    classes : array-like of shape (n_classes,), default=None

    Returns
    -------
    ndarray of shape (n_classes,)
        Sorted.
    """
    check_classification_targets(y)
    classes = np.unique(y if classes is None else column_or_1d(classes))
    if classes.size < 2:
        raise ValueError(
            f"y has one class only, {classes.tolist()}: a classifier needs at least two classes."
        )
    return classes


def label_positions(y, classes, X):
    """Positions of labels among the classes.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
    classes : ndarray of shape (n_classes,)
    X : array-like of shape (n_samples, ...)
        Only its length matters.

    Returns
    -------
    ndarray of int64 of shape (n_samples,)

    Raises
    ------
    ValueError
        If a label is none of the classes.
    """
    labels = column_or_1d(y).tolist()
    check_consistent_length(X, labels)
    position_of = {label: position for position, label in enumerate(classes.tolist())}
    unknown = set(labels).difference(position_of)
    if unknown:
        raise ValueError(
            f"y holds labels that the model does not know: {sorted(unknown, key=str)[:5]}. It knows"
            f" the classes {classes.tolist()}; a first partial_fit can be told of more by its"
            " parameter classes."
        )
    return np.array([position_of[label] for label in labels], dtype=np.int64)


def row_weights(sample_weight, class_weight, y, classes, X):
    """The product of both kinds of weights, scaled to a mean of 1.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,) or None
    class_weight : dict, "balanced" or None
    y : ndarray of shape (n_samples,)
        Class labels.
    classes : ndarray of shape (n_classes,)
        All classes, some of which may not be in `y`.
    X : ndarray of shape (n_samples, n_features)

    Returns
    -------
    ndarray of float32 of shape (n_samples,)
    """
    weight = check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    of_class = _class_weights(class_weight, y, classes)
    if not (np.isfinite(weight).all() and np.isfinite(of_class).all() and (of_class >= 0).all()):
        raise ValueError("sample_weight and class_weight must be finite and not negative.")
    if not (weight * (of_class > 0)).any():
        raise ValueError("sample_weight and class_weight must be above 0 for at least one row.")
    weight = weight / weight.max() * (of_class / of_class.max())
    return (weight / weight.mean()).astype(np.float32)


def _class_weights(class_weight, y, classes):
    """The weight of each row's class."""
    if not isinstance(class_weight, dict):
        return compute_sample_weight(class_weight, y)
    unknown = set(class_weight).difference(classes.tolist())
    if unknown:
        raise ValueError(
            f"class_weight names classes that are not in y: {sorted(unknown, key=str)[:5]}. The"
            f" classes are {classes.tolist()}."
        )
    return np.array([class_weight.get(label, 1.0) for label in y.tolist()], dtype=np.float64)


def check_count(number, name):
    """Raise a ValueError unless a number is a positive integer.

    Parameters
    ----------
    number : object
    name : str
        The parameter's name.
    """
    if not isinstance(number, Integral) or isinstance(number, bool) or number < 1:
        raise ValueError(f"{name} must be a positive integer, got {number!r}.")
