"""Class labels as positions among the classes, and the weights of rows and of classes."""

import numpy as np
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length

from sklearn_advex._utils._sklearn_compat import check_sample_weight

_N_LISTED = 5  # labels in a message


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

    Raises
    ------
    ValueError
        If there are fewer than two, or `y` holds no class labels.
    """
    if y.dtype.kind not in "biu":  # integers always are class labels
        check_classification_targets(y)
    classes = np.unique(y if classes is None else column_or_1d(classes))
    if classes.size < 2:
        raise ValueError(
            f"y has one class only, {classes.tolist()}: a classifier needs at least two classes."
        )
    return classes


def label_positions(y, classes, X):
    """Find the position of each label among the classes.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
    classes : ndarray of shape (n_classes,)
    X : array-like or sparse matrix of shape (n_samples, ...)
        Only its length matters.

    Returns
    -------
    ndarray of int64 of shape (n_samples,)
        -1 for a label that is none of the classes.

    Raises
    ------
    ValueError
        If there are not as many labels as rows, a label is missing, or texts are compared with
        numbers.
    """
    y = column_or_1d(y)
    check_consistent_length(X, y)
    is_missing = _is_missing(y)
    if is_missing.any():
        raise ValueError(
            f"y contains NaN or None in {is_missing.sum()} of {y.size} rows: leave out the rows"
            " whose label is not known."
        )
    if isinstance(classes[0], str) != isinstance(y[0], str):
        raise ValueError(
            f"y holds labels of another type than the classes {classes.tolist()} that the model was"
            " fitted on."
        )
    order = np.argsort(classes)  # other libraries need not sort classes_
    positions = order[np.searchsorted(classes, y, sorter=order).clip(max=classes.size - 1)]
    return np.where(classes[positions] == y, positions, -1)


def known_positions(y, classes, X, advice="Leave out their rows."):
    """Find the position of each label among the classes, and refuse any other label.

    Parameters
    ----------
    y, classes, X
        As for :func:`label_positions`.
    advice : str
        Last sentence of the error message for other labels.

    Returns
    -------
    ndarray of int64 of shape (n_samples,)

    Raises
    ------
    ValueError
        As for :func:`label_positions`, and if a label is none of the classes.
    """
    positions = label_positions(y, classes, X)
    if (positions < 0).any():
        unknown = set(column_or_1d(y)[positions < 0].tolist())
        more = " and more" if classes.size > _N_LISTED else ""
        raise ValueError(
            f"y holds labels that the model does not know: {_first_few(unknown)}. It knows the"
            f" classes {_first_few(classes.tolist())}{more}. {advice}"
        )
    return positions


def check_row_weights(sample_weight, X):
    """Validate the weights of rows, and scale them so that no sum of them overflows.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,) or None
    X : {ndarray, sparse matrix} of shape (n_samples, ...)

    Returns
    -------
    ndarray of float64 of shape (n_samples,)
        The largest is 1.

    Raises
    ------
    ValueError
        Unless they are finite, not negative and not all 0.
    """
    if sample_weight is None:
        return np.ones(X.shape[0])
    weights = check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    if not weights.any():  # scikit-learn 1.8 lets them pass
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weights / weights.max()


def weight_per_class(class_weight, classes, positions, row_weights):
    """Turn `class_weight` into one number per class.

    Parameters
    ----------
    class_weight : dict, "balanced" or None
        Classes that a dict does not name weigh 1. "balanced" gives the same total weight to each
        class in `positions`.
    classes : ndarray of shape (n_classes,)
    positions : ndarray of int of shape (n_samples,)
        Each row's class.
    row_weights : ndarray of shape (n_samples,)

    Returns
    -------
    ndarray of float64 of shape (n_classes,)
        The largest is 1.

    Raises
    ------
    ValueError
        If a dict names other classes but not all of these, or a weight is not finite or negative.
    """
    totals = np.bincount(positions, weights=row_weights, minlength=classes.size)
    return weight_of_totals(class_weight, classes, totals)


def weight_of_totals(class_weight, classes, totals):
    """Turn `class_weight` into one number per class.

    Parameters
    ----------
    class_weight : dict, "balanced" or None
    classes : ndarray of shape (n_classes,)
    totals : ndarray of shape (n_classes,)
        Sums of the weights of the rows of each class.

    Returns
    -------
    ndarray of float64 of shape (n_classes,)
        The largest is 1.

    Raises
    ------
    ValueError
        As for :func:`weight_per_class`.
    """
    if class_weight is None:
        return np.ones(classes.size)
    if class_weight == "balanced":
        least = totals[totals > 0].min()
        return np.divide(least, totals, out=np.ones(classes.size), where=totals > 0)
    labels = classes.tolist()
    unknown, unnamed = set(class_weight).difference(labels), set(labels).difference(class_weight)
    if unknown and unnamed:  # a fold may lack some of the classes that the dict names
        raise ValueError(
            f"class_weight names classes that are not in y: {_first_few(unknown)}. The classes are"
            f" {labels}."
        )
    weights = np.array([class_weight.get(label, 1) for label in labels], dtype=np.float64)
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        raise ValueError(
            "class_weight must be finite and not negative for every class, and above 0 for one; got"
            f" {class_weight!r}."
        )
    return weights / weights.max()


def check_weight_of_classes(weights, positions, classes):
    """Raise a ValueError unless every class has a row of positive weight.

    Parameters
    ----------
    weights : ndarray of shape (n_samples,)
    positions : ndarray of int of shape (n_samples,)
    classes : ndarray of shape (n_classes,)
    """
    check_class_totals(np.bincount(positions, weights=weights, minlength=classes.size), classes)


def check_class_totals(totals, classes):
    """Raise a ValueError unless every class has a positive weight.

    Parameters
    ----------
    totals : ndarray of shape (n_classes,)
    classes : ndarray of shape (n_classes,)
    """
    weightless = totals == 0
    if weightless.any():
        raise ValueError(
            f"No row of the class(es) {classes[weightless].tolist()} has any weight: raise"
            " sample_weight (or class_weight) for them, or leave out their rows."
        )


def _is_missing(y):
    """Return which labels are NaN, None or another mark of a missing value."""
    if y.dtype.kind == "f":
        return np.isnan(y)
    if y.dtype.kind != "O":
        return np.zeros(y.shape, dtype=bool)
    return np.array([label is None or not _equals_itself(label) for label in y], dtype=bool)


def _equals_itself(label):
    """Return False for NaN, and for pandas.NA, whose comparison has no truth value."""
    try:
        return bool(label == label)
    except TypeError:
        return False


def _first_few(labels):
    """Return so many labels as a message lists, in a stable order."""
    return sorted(labels, key=str)[:_N_LISTED]
