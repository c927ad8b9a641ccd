"""Sum the attributions of encoded columns to those of the user's columns or groups."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import sparse

from sklearn_advex._utils._frames import n_columns_of
from sklearn_advex._utils._groups import positions_of_groups
from sklearn_advex._utils._pipeline import encoded_column_origins, encoded_feature_names


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
    return _groups_by_origin(model, X, n_columns, n_columns_of(X_encoded))


def _groups_by_origin(model, X, n_columns, n_encoded):
    """Assign each encoded column to the column of `X` that it was made from."""
    names = getattr(X, "columns", None)
    fitted_names = getattr(model, "feature_names_in_", None)
    by_name = names is not None and fitted_names is not None
    try:
        origins = encoded_column_origins(model, len(fitted_names) if by_name else n_columns)
    except ValueError as error:
        raise cannot_go_back(error) from error
    if origins.size != n_encoded:
        raise cannot_go_back(f"the steps name {origins.size} encoded columns and make {n_encoded}")
    if by_name:  # a ColumnTransformer takes the columns by name, in any order and with others
        position_of = {name: position for position, name in enumerate(names)}
        origins = np.array([position_of[fitted_names[origin]] for origin in origins], dtype=int)
    return ColumnGroups(origins, n_columns, names)


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
    if hasattr(X_encoded, "columns"):
        return X_encoded.columns
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
