"""Sum the attributions of encoded columns to those of the user's columns or groups."""

from collections.abc import Sequence
from copy import deepcopy
from typing import NamedTuple

import numpy as np
from scipy import sparse

from sklearn_advex._utils._containers import column_names, is_frame, n_columns_of
from sklearn_advex._utils._groups import positions_of_groups
from sklearn_advex._utils._observed_origins import SEVERAL, UNSEEN, observed_origins
from sklearn_advex._utils._pipeline import (
    encoded_column_origins,
    encoded_feature_names,
    transform_to_last_step,
    transformers_of,
)

# Rows whose columns are changed. If larger, rarer categories are seen and explanations of pipelines
# take longer: a step that mixes columns shows it in nearly every row.
_ROWS_TO_VERIFY, _ROWS_TO_INFER = 20, 200


class ColumnGroups(NamedTuple):
    """Groups that the attributions of encoded columns are summed over.

    Attributes
    ----------
    group_of_column : ndarray of int of shape (n_encoded_columns,)
        Position of each encoded column's group.
    n_groups : int
        Number of groups; a group may be empty.
    names : sequence or None
        Names of the groups; None if they have no names.
    """

    group_of_column: np.ndarray
    n_groups: int
    names: Sequence | None


def resolve_groups(groups, model, X, X_encoded):
    """Assign each encoded column to a group.

    Parameters
    ----------
    groups : "auto", dict or None
        As for :func:`sklearn_advex.explain`.
    model : fitted estimator
        A model, or a pipeline that ends in one.
    X : array-like, sparse matrix or DataFrame
        What `model` predicts on.
    X_encoded : array-like, sparse matrix or DataFrame
        What its last step predicts on; `X` itself where nothing transforms it.

    Returns
    -------
    column_groups : ColumnGroups or None
        None if nothing is to be summed.

    Raises
    ------
    ValueError
        If `groups` does not fit the columns, or a step of the pipeline mixes columns.
    """
    if groups is None:
        return None
    if isinstance(groups, dict):
        if n_columns_of(X_encoded) is None:
            raise ValueError("groups is a dict, but X has no columns: images take groups=None.")
        columns = encoded_columns(model, X_encoded)
        columns = range(n_columns_of(X_encoded)) if columns is None else columns
        return ColumnGroups(positions_of_groups(groups, columns), len(groups), list(groups))
    n_columns = n_columns_of(X)
    if X_encoded is X or n_columns is None:  # texts have no columns to go back to
        return None
    return _groups_by_origin(model, X, n_columns, X_encoded)


def _groups_by_origin(model, X, n_columns, X_encoded):
    """Assign each encoded column to the column of `X` that it was made from.

    The names of the columns tell most origins, and changes of the columns verify them. An origin
    that neither tells is that of the column whose name it begins with.
    """
    names = column_names(X)
    n_encoded = n_columns_of(X_encoded)
    by_name, reason = None, None
    try:
        by_name = _origins_by_name(model, names, n_columns, n_encoded)
    except ValueError as error:
        reason = error
    n_rows = _ROWS_TO_VERIFY if reason is None else _ROWS_TO_INFER
    observed = _observe(_encode, model, X, n_columns, n_rows=n_rows)
    if observed is None or observed.size != n_encoded:
        observed = np.full(n_encoded, UNSEEN)
    if (observed == SEVERAL).any():
        raise cannot_go_back(_describe_mixing(model, X) if reason is None else reason) from reason
    if by_name is None:
        by_name = _origins_by_prefix(encoded_columns(model, X_encoded), names)
    origins = np.where(observed == UNSEEN, by_name, observed)
    if (origins == UNSEEN).any():
        raise cannot_go_back(f"{reason}, and the rows of X do not show it") from reason
    return ColumnGroups(origins, n_columns, names)


def _encode(model, X):
    return transform_to_last_step(model, X)[1]


def _transform(step, X):
    return step.transform(X)


def _observe(transform, model, X, n_columns, **options):
    """Observe the origins of columns; of random ones in copies that draw the same numbers."""
    origins = observed_origins(lambda rows: transform(model, rows), X, n_columns, **options)
    if origins is None:
        origins = observed_origins(
            lambda rows: transform(deepcopy(model), rows), X, n_columns, **options
        )
    return origins


def _origins_by_name(model, names, n_columns, n_encoded):
    """Find the origins of encoded columns from the names that the steps give them."""
    fitted_names = getattr(model, "feature_names_in_", None)
    is_named = names is not None and fitted_names is not None
    origins = encoded_column_origins(model, len(fitted_names) if is_named else n_columns)
    if origins.size != n_encoded:
        raise ValueError(
            f"the steps name {origins.size} encoded columns and make {n_encoded}, which leaves it"
            " open where they come from"
        )
    if not is_named:
        return origins
    # A ColumnTransformer takes the columns by name, in any order and with others.
    position_of = {name: position for position, name in enumerate(names)}
    return np.array([position_of[fitted_names[origin]] for origin in origins], dtype=int)


def _origins_by_prefix(encoded_names, names):
    """Find the origins of encoded columns whose names begin with that of a column."""
    if encoded_names is None or names is None:
        return UNSEEN
    names = [str(name) for name in names]
    return np.array([_longest_prefix(str(name), names) for name in encoded_names], dtype=int)


def _longest_prefix(encoded_name, names):
    """Return the position of the longest name that an encoded name begins with, else `UNSEEN`."""
    found = [
        (len(name), position)
        for position, name in enumerate(names)
        for candidate in (encoded_name, encoded_name.rpartition("__")[2])
        if candidate.startswith(name) and not candidate[len(name) :][:1].isalnum()
    ]
    return max(found, default=(0, UNSEEN))[1]


def _describe_mixing(model, X):
    """Name the first step whose output columns depend on several input columns each."""
    for name, step in transformers_of(model):
        n_columns = n_columns_of(X)
        if n_columns is not None and _mixes(step, X, n_columns):
            place = f"step {name!r} ({type(step).__name__})"
            if _mixes(step, X, n_columns, only_complete=True):
                return f"{place} makes columns that change with several of its input columns"
            return (
                f"{place} fills missing values of a column from other columns. Use a SimpleImputer,"
                " fill the table before the pipeline, or pass rows without missing values only"
            )
        X = step.transform(X)
    return "the steps make columns that change with several columns of X"


def _mixes(step, X, n_columns, only_complete=False):
    """Return whether some rows show that a step makes a column from several."""
    options = {"n_rows": _ROWS_TO_VERIFY, "only_complete": only_complete}
    origins = _observe(_transform, step, X, n_columns, **options)
    return origins is not None and (origins == SEVERAL).any()


def cannot_go_back(reason):
    """Create the error for groups="auto" where columns of `X` are mixed."""
    return ValueError(
        f"groups='auto' cannot sum to the columns of X: {reason}. Pass groups=None to explain the"
        " encoded columns, or a dict from names of your own to lists of encoded columns."
    )


def encoded_columns(model, X_encoded):
    """Return the names of the encoded columns, if they have names.

    Parameters
    ----------
    model : fitted estimator
        A model, or a pipeline that ends in one.
    X_encoded : array-like, sparse matrix or DataFrame
        What its last step predicts on.

    Returns
    -------
    names : sequence or None
    """
    if is_frame(X_encoded):
        return column_names(X_encoded)
    names = encoded_feature_names(model)
    # A user's own transformer may return another number of names than of columns.
    return names if names is not None and len(names) == n_columns_of(X_encoded) else None


def sum_columns(attributions, column_groups, keep_sparse):
    """Sum the columns of each group.

    Parameters
    ----------
    attributions : {ndarray, CSR} of shape (n_samples, n_encoded_columns)
    column_groups : ColumnGroups
    keep_sparse : bool
        Whether sums of sparse attributions are CSR.

    Returns
    -------
    sums : {ndarray, CSR} of shape (n_samples, n_groups)
        Zero for a group without columns.
    """
    group_of_column, n_groups, _ = column_groups
    if not np.array_equal(group_of_column, np.arange(n_groups)):
        container = type(attributions) if sparse.issparse(attributions) else sparse.csr_array
        entries = np.ones(group_of_column.size), (np.arange(group_of_column.size), group_of_column)
        membership = container(entries, shape=(group_of_column.size, n_groups))
        sums = attributions @ membership  # in float64, like the membership
        attributions = sums.astype(attributions.dtype, copy=False)
    if sparse.issparse(attributions) and not keep_sparse:
        return attributions.toarray()
    return attributions
