"""Find the names and the data of the columns that attributions belong to."""

from sklearn_advex._utils._containers import column_names, n_columns_of, select_columns
from sklearn_advex._utils._pipeline import encoded_feature_names, transform_to_last_step


def describe_columns(model, X, attributions, groups):
    """Name the columns of attributions, and find the data that were attributed to.

    Parameters
    ----------
    model : estimator
        The fitted model or pipeline that was explained.
    X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
        What was explained.
    attributions : ndarray, sparse matrix or DataFrame of shape (n_samples, n_columns)
        As returned by :func:`sklearn_advex.explain`.
    groups : "auto", None or dict
        As passed to it.

    Returns
    -------
    names : list
        One per column; "x0", "x1", ... if they have no names.
    data : array-like, sparse matrix, DataFrame or None
        As many columns as `attributions`, in the same order; None if `groups` is a dict, as a group
        may hold several columns.
    """
    if len(attributions.shape) > 2:
        raise ValueError(
            "The attributions are images, which have no columns to name. Draw them with"
            " SaliencyDisplay."
        )
    if isinstance(groups, dict):
        return column_names(attributions) or list(groups), None
    attributed = column_names(attributions)
    if attributed is not None and set(attributed) <= set(column_names(X) or ()):
        return attributed, select_columns(X, attributed)
    names, data = None, X
    if groups is None or attributions.shape[1] != n_columns_of(X):
        names, data = encoded_feature_names(model), transform_to_last_step(model, X)[1]
    if names is None:
        names = column_names(data) or [f"x{i}" for i in range(attributions.shape[1])]
    return list(names), data


def check_names(feature_names, names):
    """Return the names that the caller gives to columns, or those that they have.

    Parameters
    ----------
    feature_names : array-like of str or None
    names : list
    """
    if feature_names is None:
        return names
    if len(feature_names) != len(names):
        raise ValueError(
            f"feature_names has {len(feature_names)} names for {len(names)} columns."
            " Give one name per column."
        )
    return list(feature_names)
