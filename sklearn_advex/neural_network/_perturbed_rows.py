"""Perturbed rows as the caller gets them: from float32 to the type and the container of X."""

import numpy as np

from sklearn_advex._utils._containers import frame_like, is_frame, replace_columns, values_of


def as_given(X, perturbed, epsilon):
    """Put perturbed rows in the type and the container of X, within epsilon there too.

    A network computes in float32, which rounds large numbers by more than epsilon. What must not
    change is taken from X, bit by bit and with the type of its column.

    Parameters
    ----------
    X : array-like or table of shape (n_samples, ...)
        The rows before.
    perturbed : ndarray of float32 of shape (n_samples, n_features)
    epsilon : ndarray of shape (n_features,)
        Half-width of the allowed change per feature; infinity where any change is right.

    Returns
    -------
    ndarray or table
        Of float32 if X is of float32 or less, else of float64.
    """
    given = np.asarray(values_of(X))
    dtype = np.result_type(given.dtype if given.dtype.kind in "fiub" else float, np.float32)
    given = given.astype(dtype)
    changed = _within(given, perturbed.reshape(given.shape), epsilon.reshape(-1))
    if not is_frame(X):
        return changed
    return replace_columns(X, frame_like(X, changed), epsilon > 0)


def _within(given, perturbed, epsilon):
    """Move perturbed numbers into the box around those given, in their type."""
    rows, centers = (part.reshape(len(part), -1).astype(np.float64) for part in (perturbed, given))
    moved = np.clip(rows, centers - epsilon, centers + epsilon).astype(given.dtype)
    flat = given.reshape(moved.shape)
    while (is_beyond := _is_beyond(moved, flat, epsilon)).any():
        moved = np.where(is_beyond, np.nextafter(moved, flat), moved)
    return moved.reshape(given.shape)


def _is_beyond(moved, given, epsilon):
    """Whether the change exceeds epsilon, be it computed exactly or in the type of the rows."""
    exact = np.abs(moved.astype(np.float64) - given.astype(np.float64))
    return np.maximum(exact, np.abs(moved - given)) > epsilon
