"""Categories in one-hot columns: which columns belong together, and whether rows keep to them."""

import numpy as np
from scipy import sparse

from sklearn_advex._utils._containers import values_of
from sklearn_advex._utils._origins import column_origins

_TOLERANCE = 1e-6


def one_hot_categories(transformer, X):
    """Find the groups of one-hot columns that a fitted transformer makes.

    Parameters
    ----------
    transformer : estimator
        A fitted OneHotEncoder, or a ColumnTransformer or pipeline with one, such as
        ``pipeline[:-1]``.
    X : array-like or DataFrame of shape (n_samples, n_columns)
        Rows to transform, such as the training data.

    Returns
    -------
    list of ndarray of int
        Positions of the columns of each group among the transformed ones, for the parameter
        `categories` of :class:`~sklearn_advex.AdversarialMLPClassifier` and of the attacks on
        linear models: those made from the same column of `X`, if each row has a single 1 among
        them. Binary columns that were encoded in one column (``drop="if_binary"``) are no group.

    Raises
    ------
    ValueError
        If the transformer makes a column from several others.

    See Also
    --------
    sklearn_advex.attribution.adversarial_accuracy : Accuracy against flips of categories.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.preprocessing import OneHotEncoder
    >>> from sklearn_advex import one_hot_categories
    >>> X = np.array([["a", "x"], ["b", "y"], ["a", "z"]])
    >>> one_hot_categories(OneHotEncoder().fit(X), X)
    [array([0, 1]), array([2, 3, 4])]
    """
    encoded = values_of(transformer.transform(X))
    encoded = encoded.tocsr() if sparse.issparse(encoded) else np.asarray(encoded)
    origins = column_origins(transformer, np.shape(X)[1])
    groups = [np.flatnonzero(origins == origin) for origin in np.unique(origins)]
    return [group for group in groups if len(group) > 1 and _is_one_hot(encoded[:, group]).all()]


def resolve_categories(categories, names, n_features):
    """Turn `categories` into positions of columns.

    Parameters
    ----------
    categories : list of array-like, or None
        Groups of columns, by position or by name.
    names : ndarray of str or None
        Names of the columns, where there are any.
    n_features : int

    Returns
    -------
    list of ndarray of int

    Raises
    ------
    ValueError
        If a column is unknown, in two groups, or alone in one.
    """
    categories = [] if categories is None else categories
    groups = [_positions(group, names, n_features) for group in categories]
    taken = np.concatenate([np.empty(0, dtype=int), *groups])
    columns, counts = np.unique(taken, return_counts=True)
    if (counts > 1).any():
        column = columns[counts > 1][0]
        raise ValueError(
            f"categories overlap: column {_name(column, names)} is in more than one group, or twice"
            " in one. Each one-hot column belongs to a single category."
        )
    return groups


def check_flips(max_flips, rows, groups, names=None):
    """Raise a ValueError unless so many categories of the rows can be flipped.

    Parameters
    ----------
    max_flips : int
    rows : {ndarray, CSR} of shape (n_samples, n_features)
        One-hot in each group, or zeros only, as encoders write categories that they do not know.
    groups : list of ndarray of int
    names : ndarray of str, default=None
    """
    if not isinstance(max_flips, int | np.integer) or max_flips < 0:
        raise ValueError(f"max_flips must be an integer of at least 0, got {max_flips!r}.")
    if max_flips and not groups:
        raise ValueError(
            f"max_flips={max_flips} needs categories to flip: pass the groups of one-hot columns as"
            " categories (a network takes them in its constructor), such as from"
            " one_hot_categories."
        )
    if max_flips:
        check_one_hot(rows, groups, names, is_unknown_allowed=True)


def check_one_hot(rows, groups, names=None, is_unknown_allowed=False):
    """Raise a ValueError unless each row has a single 1 in each group, and zeros beside it.

    Parameters
    ----------
    rows : {ndarray, CSR} of shape (n_samples, n_features)
    groups : list of ndarray of int
    names : ndarray of str, default=None
    is_unknown_allowed : bool, default=False
        Whether a row may have zeros only, as encoders write categories that they do not know.
    """
    for group in groups:
        is_valid = _is_one_hot(rows[:, group], is_unknown_allowed)
        if not is_valid.all():
            columns = ", ".join(str(_name(column, names)) for column in group[:5])
            more = ", ..." if len(group) > 5 else ""
            row = int(np.flatnonzero(~is_valid)[0])
            raise ValueError(
                f"categories must be one-hot, but the columns ({columns}{more})"
                f" are not in row {row}: a single 1 and zeros beside it. Encode them by a"
                " OneHotEncoder, and scale the other columns only, such as by a ColumnTransformer."
            )


def _positions(group, names, n_features):
    group = np.atleast_1d(np.asarray(group))
    if group.dtype.kind in "OUT" and names is not None:
        place_of = {name: place for place, name in enumerate(names)}
        unknown = [name for name in group if name not in place_of]
        if unknown:
            raise ValueError(
                f"categories name the column {str(unknown[0])!r}, which X does not have."
            )
        group = np.array([place_of[name] for name in group])
    is_valid = group.ndim == 1 and group.dtype.kind in "iu" and len(group) > 1
    if not is_valid or group.min() < 0 or group.max() >= n_features:
        raise ValueError(
            f"categories must be groups of at least two of the {n_features} columns, by position or"
            f" (for a DataFrame) by name; got the group {group.tolist()!r:.80}."
        )
    return group.astype(np.int64)


def _is_one_hot(values, is_unknown_allowed=False):
    """Return which rows of an array or CSR matrix are one-hot."""
    if sparse.issparse(values):
        values.sum_duplicates()
        entries, row_of = values.data, np.repeat(np.arange(values.shape[0]), np.diff(values.indptr))
    else:
        entries, row_of = values.ravel(), np.repeat(np.arange(len(values)), values.shape[1])
    is_one = np.abs(entries - 1) <= _TOLERANCE
    is_other = ~(is_one | (np.abs(entries) <= _TOLERANCE))
    n_ones = np.bincount(row_of[is_one], minlength=values.shape[0])
    n_others = np.bincount(row_of[is_other], minlength=values.shape[0])
    return (n_others == 0) & (n_ones <= 1) & (is_unknown_allowed | (n_ones == 1))


def _name(column, names):
    return int(column) if names is None else names[column]
