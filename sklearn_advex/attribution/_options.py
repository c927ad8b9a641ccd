"""Resolve the options of `explain` for a given model: class and baseline as numbers."""

import math
import sys
from numbers import Real

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from sklearn_advex._utils._class_targets import known_positions
from sklearn_advex._utils._containers import as_floats, is_frame


def resolve_target(target, classes, X, y):
    """Turn `target` into positions in `classes`.

    Parameters
    ----------
    target : "predicted", "true", a class label or a list of one
        The two words take precedence over classes of the same name, which take a list.
    classes : ndarray of shape (n_classes,)
        The model's class labels.
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Only its number of rows is used.
    y : array-like of shape (n_samples,) or None
        Used for ``target="true"`` only.

    Returns
    -------
    positions : None, int or ndarray of int of shape (n_samples,)
        None means the predicted class, which the caller computes.
    """
    if isinstance(target, str) and target == "predicted":
        return None
    if isinstance(target, str) and target == "true":
        if y is None:
            raise ValueError(
                "target='true' needs the true labels: pass them as y, or use target='predicted'."
                f"{_list_advice('true', classes)}"
            )
        return known_positions(y, classes, X)
    position_of = {label: position for position, label in enumerate(classes.tolist())}
    if isinstance(target, list | tuple) and len(target) == 1:
        target = target[0]
    label = target.item() if isinstance(target, np.generic) else target
    try:
        return position_of[label]
    except (KeyError, TypeError):  # TypeError: a list or an array, which no dict can look up
        raise ValueError(
            f"target={target!r} is unknown. It must be 'predicted', 'true' or one of the classes"
            f" {list(position_of)}."
        ) from None


def _list_advice(word, classes):
    """Return how to ask for a class that is called like one of the words of `target`."""
    if word not in classes.tolist():
        return ""
    return f" For the class of that name pass target=[{word!r}]."


def resolve_baseline(baseline, model, shape):
    """Turn `baseline` into a row.

    Parameters
    ----------
    baseline : float, array-like of shape (n_features,), pandas.Series or "mean"
        As for :func:`sklearn_advex.explain`.
    model : fitted estimator
        Must have `feature_means_` if `baseline` is "mean"; a Series is matched with its
        `feature_names_in_`.
    shape : tuple of int
        Shape of a row of X: (n_features,), or that of an image. A flat row fits an image too.

    Returns
    -------
    row : ndarray of shape `shape`, float64
    """
    n_features = math.prod(shape)
    if isinstance(baseline, str):
        baseline = _fitted_means(baseline, model)
    elif isinstance(baseline, Real):
        baseline = np.full(n_features, float(baseline))
    else:
        baseline = _in_column_order(baseline, model)
    try:
        row = np.asarray(baseline, dtype=np.float64)
    except (TypeError, ValueError):
        row = None
    if row is None or row.shape not in {shape, (n_features,)}:
        raise ValueError(
            f"baseline must be a number, 'mean' or one row of {n_features} numbers, one per feature"
            f" that {type(model).__name__} was fitted on; got {_outline(baseline, row)}. Several"
            " rows, a background, go with method='shap' and 'deep_shap'."
        )
    if not np.isfinite(row).all():
        raise ValueError("baseline contains NaN or infinity; every entry must be a finite number.")
    return row.reshape(shape)


def resolve_background(baseline, model, n_features):
    """Turn `baseline` into background rows.

    Parameters
    ----------
    baseline : array-like, sparse matrix or DataFrame of shape (n_background, n_features)
        Or a single baseline, as for :func:`resolve_baseline`.
    model : fitted estimator
    n_features : int

    Returns
    -------
    rows : {ndarray, CSR} of shape (n_background, n_features), float64
    """
    if not is_background(baseline, (n_features,)):
        return resolve_baseline(baseline, model, (n_features,))[np.newaxis]
    options = {"accept_sparse": "csr", "dtype": np.float64}
    try:
        if is_frame(baseline):
            return as_floats(validate_data(model, baseline, reset=False, **options))
        rows = as_floats(check_array(baseline, **options))  # no names: match by position
    except ValueError as error:
        raise ValueError(f"baseline cannot serve as background rows: {error}") from error
    if rows.shape[1] != n_features:
        raise ValueError(
            f"baseline has rows of {rows.shape[1]} numbers, but {type(model).__name__} was fitted"
            f" on {n_features} features."
        )
    return rows


def is_background(baseline, shape):
    """Return whether `baseline` holds several rows of `shape`, not one row or a number."""
    if isinstance(baseline, str | Real):
        return False
    if not hasattr(baseline, "shape"):
        if not isinstance(baseline, list | tuple):
            return False
        baseline = np.asarray(baseline, dtype=object)
    return len(baseline.shape) >= 2 and tuple(baseline.shape) != shape


def _outline(baseline, row):
    """Describe a baseline in at most 50 characters."""
    return repr(baseline)[:50] if row is None else f"an array of shape {row.shape}"


def _fitted_means(baseline, model):
    """Return the `feature_means_` of a model."""
    if baseline != "mean":
        raise ValueError(
            f"baseline={baseline!r} is unknown. Pass a number, a row of numbers or 'mean'."
        )
    if not hasattr(model, "feature_means_"):
        raise ValueError(
            "baseline='mean' needs a model that keeps the means of its training data as"
            f" feature_means_, and {type(model).__name__} has none. Pass the row itself, such as"
            " baseline=X_train.mean(axis=0)."
        )
    return model.feature_means_


def _in_column_order(baseline, model):
    """Reorder a pandas Series by the feature names that the model was fitted with."""
    pandas = sys.modules.get("pandas")  # not loaded: nothing can be a Series
    names = getattr(model, "feature_names_in_", None)
    if pandas is None or names is None or not isinstance(baseline, pandas.Series):
        return baseline
    if set(baseline.index) != set(names) or not baseline.index.is_unique:
        raise ValueError(
            "baseline is a Series whose index is not the feature names that"
            f" {type(model).__name__} was fitted with ({', '.join(names[:5])}, ...)."
            " Give it that index, or pass baseline.to_numpy() to go by position."
        )
    return baseline.loc[names]
