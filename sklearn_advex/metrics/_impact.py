"""From attributions of single predictions to the importance of features over a data set."""

import numpy as np
from scipy import sparse
from sklearn.utils import check_array, gen_batches

from sklearn_advex._utils._containers import column_names, values_of
from sklearn_advex._utils._dask import is_dask
from sklearn_advex._utils._groups import positions_of_groups

# About 8 MB of scratch for the absolute values of a block of rows.
_BLOCK_SIZE = 1_000_000


def feature_value_impact(A):
    r"""Mean absolute attribution of each column over the rows of `A`.

    This is the Feature Value Impact of section H of [1]_,
    :math:`FV_j = \frac{1}{n} \sum_i |A_{ij}|`. For one-hot encoded data a column stands for one
    value of a categorical feature, hence the name.

    Parameters
    ----------
    A : array-like or sparse matrix or sparse array of shape (n_samples, n_features)
        Attributions, as returned by :func:`sklearn_advex.explain`. Entries that a sparse `A` does
        not store count as zeros; it is never made dense.

    Returns
    -------
    impact : ndarray of shape (n_features,) or pandas.Series
        In the units of `A`; float32 for float32 input, otherwise float64. A Series named "impact"
        and indexed by the column names if `A` is a table with column names.

    Raises
    ------
    ValueError
        If `A` is not two-dimensional, is empty, or holds NaN or infinity.

    See Also
    --------
    feature_impact : The same for groups of columns.
    sklearn_advex.plotting.FeatureImpactDisplay : A picture of it.

    References
    ----------
    .. [1] P. Chalasani, J. Chen, A. R. Chowdhury, S. Jha, X. Wu. "Concise Explanations of Neural
       Networks using Adversarial Training". ICML 2020. https://arxiv.org/abs/1810.06583

    Examples
    --------
    >>> from sklearn_advex.metrics import feature_value_impact
    >>> feature_value_impact([[0.5, 0.0], [-1.5, 0.0]])
    array([1., 0.])
    """
    if is_dask(A):
        return _impact_of_blocks(A)
    names, A = column_names(A), values_of(A)  # names may repeat, which check_array refuses
    values = check_array(A, accept_sparse="csr", dtype=[np.float64, np.float32], input_name="A")
    if sparse.issparse(values):
        total = _absolute_column_sums_sparse(values)
    else:
        total = _absolute_column_sums_dense(values)
    impact = (total / values.shape[0]).astype(values.dtype, copy=False)
    if names is None:
        return impact
    import pandas as pd  # imported here: `import sklearn_advex` must not load pandas

    return pd.Series(impact, index=names, name="impact")


def _impact_of_blocks(A):
    """Compute the impact from a Dask collection, without collecting its rows."""
    from sklearn_advex._utils._dask_blocks import mean_over_rows  # imports dask

    impact = mean_over_rows(_absolute_values, A)
    if not hasattr(A, "columns"):
        return impact
    import pandas as pd

    return pd.Series(impact, index=A.columns.tolist(), name="impact")


def _absolute_values(A, _):
    return abs(values_of(A))


def feature_impact(A, groups):
    r"""Impact of each original feature: the sum of the impacts of its encoded columns.

    This is the Feature Impact of section H of [1]_, :math:`FI_g = \sum_{j \in g} FV_j`, with the
    impact :math:`FV_j` of a column that :func:`feature_value_impact` gives. It is what the columns
    of a categorical feature matter together. As absolute values are summed, it is never smaller
    than the impact of the summed attributions.

    Parameters
    ----------
    A : array-like or sparse matrix or sparse array of shape (n_samples, n_columns)
        Attributions of encoded columns, as returned by ``explain(pipeline, X, groups=None)``.
    groups : dict or array-like of shape (n_columns,)
        From the name of a feature to the list of its columns (names where `A` is a DataFrame,
        positions where it is not), every column in exactly one list; or for each column the name of
        its feature.

    Returns
    -------
    impact : pandas.Series
        In the units of `A`, named "impact" and indexed by the features: in the order of the dict,
        or in that in which they first appear.

    Raises
    ------
    ValueError
        If `groups` does not fit the columns, or `A` is not valid.

    See Also
    --------
    feature_value_impact : The impact of each column.

    References
    ----------
    .. [1] P. Chalasani, J. Chen, A. R. Chowdhury, S. Jha, X. Wu. "Concise Explanations of Neural
       Networks using Adversarial Training". ICML 2020. https://arxiv.org/abs/1810.06583

    Examples
    --------
    >>> from sklearn_advex.metrics import feature_impact
    >>> A = [[0.5, 0.0, 2.0], [0.0, -1.5, 1.0]]
    >>> feature_impact(A, {"color": [0, 1], "size": [2]}).to_dict()
    {'color': 1.0, 'size': 1.5}
    >>> feature_impact(A, ["color", "color", "size"]).to_dict()
    {'color': 1.0, 'size': 1.5}
    """
    import pandas as pd  # imported here: `import sklearn_advex` must not load pandas

    of_column = np.asarray(feature_value_impact(A))
    if isinstance(groups, dict):
        names = list(groups)
        positions = positions_of_groups(groups, column_names(A) or range(of_column.size))
    else:
        labels = list(groups)
        if len(labels) != of_column.size:
            raise ValueError(
                f"groups names the feature of {len(labels)} columns, but A has {of_column.size}."
                " Give every column one name, or pass a dict from names to lists of columns."
            )
        names = list(dict.fromkeys(labels))
        position_of = {name: position for position, name in enumerate(names)}
        positions = [position_of[label] for label in labels]
    impact = np.bincount(positions, weights=of_column, minlength=len(names))
    return pd.Series(impact.astype(of_column.dtype, copy=False), index=names, name="impact")


def _absolute_column_sums_dense(values):
    """Column sums of absolute values in float64, block by block: no copy of `values` is made."""
    total = np.zeros(values.shape[1])
    for block in gen_batches(values.shape[0], max(1, _BLOCK_SIZE // values.shape[1])):
        total += np.abs(values[block]).sum(axis=0, dtype=np.float64)
    return total


def _absolute_column_sums_sparse(values):
    """Column sums of absolute values in float64, from the stored entries."""
    if not values.has_canonical_format:
        values = values.copy()
        values.sum_duplicates()
    return np.bincount(values.indices, weights=np.abs(values.data), minlength=values.shape[1])
