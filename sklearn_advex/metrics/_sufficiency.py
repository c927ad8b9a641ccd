"""Whether the features that an explanation names are enough for the prediction."""

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_array, check_consistent_length, gen_batches

from sklearn_advex._utils._containers import frame_like
from sklearn_advex._utils._counts import check_count

# Numbers per block, 32 MB of float64, in which sparse rows are made dense.
_BLOCK_SIZE = 4_000_000


def sufficiency(predict, X, attributions, k=3, baseline=0.0):
    """Share of rows whose prediction the `k` largest attributions alone give.

    Each row keeps the values of the `k` features with the largest absolute attributions; all others
    are set to the baseline. A high Gini index with a low sufficiency is hollow: the explanation
    points at few features, but the prediction needs the others.

    Parameters
    ----------
    predict : callable
        ``predict(X) -> ndarray of shape (n_samples,)``, such as the `predict` of a classifier on
        the columns that are attributed.
    X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
        The explained rows. Never changed. `predict` gets CSR matrices for sparse rows.
    attributions : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
        Of these rows, such as from :func:`sklearn_advex.explain`.
    k : int, default=3
        Number of features that are kept. All of them where there are fewer.
    baseline : float or array-like of shape (n_features,), default=0.0
        What the others are set to, in their own units: the baseline of the attributions.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    ValueError
        If shapes do not fit or `k` is not a positive integer.

    See Also
    --------
    gini_index : How concentrated an attribution is.

    References
    ----------
    .. [1] J. DeYoung et al. "ERASER: A Benchmark to Evaluate Rationalized NLP Models". ACL 2020.
       https://arxiv.org/abs/1911.03429

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_advex.metrics import sufficiency
    >>> X = np.array([[3.0, -1.0, -1.0], [-1.0, 2.0, -2.0]])
    >>> def predict(X):
    ...     return X.sum(axis=1) > 0
    >>> sufficiency(predict, X, X, k=1)  # the second row is negative, its second feature is not
    0.5
    """
    check_count(k, "k")
    values = check_array(X, accept_sparse="csr", dtype=np.float64)
    attributions = check_array(attributions, accept_sparse="csr", dtype=np.float64)
    check_consistent_length(values, attributions)
    if values.shape != attributions.shape:
        raise ValueError(
            f"attributions have {attributions.shape[1]} columns, but X has {values.shape[1]}: pass"
            " those of the same columns."
        )
    row = _baseline_row(baseline, values.shape[1])
    if not issparse(values):
        reduced = frame_like(X, _keep_largest(values, attributions, k, row))
        return float(np.mean(np.asarray(predict(reduced)) == np.asarray(predict(X))))
    n_same = 0
    for block in gen_batches(values.shape[0], max(1, _BLOCK_SIZE // values.shape[1])):
        reduced = type(values)(_keep_largest(values[block], attributions[block], k, row))
        n_same += np.count_nonzero(predict(reduced) == predict(values[block]))
    return n_same / values.shape[0]


def _baseline_row(baseline, n_features):
    row = np.empty(n_features)
    try:
        row[:] = baseline
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"baseline must be a number or one number for each of the {n_features} columns;"
            f" got {baseline!r:.80}."
        ) from error
    return row


def _keep_largest(values, attributions, k, baseline):
    """Dense rows in which all but the k largest attributions have the value of the baseline."""
    values = values.toarray() if issparse(values) else values
    attributions = attributions.toarray() if issparse(attributions) else attributions
    largest = np.argsort(-np.abs(attributions), axis=1, kind="stable")[:, :k]
    reduced = np.tile(baseline, (len(values), 1))
    np.put_along_axis(reduced, largest, np.take_along_axis(values, largest, axis=1), axis=1)
    return reduced
