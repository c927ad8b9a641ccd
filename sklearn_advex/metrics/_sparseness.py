"""How concentrated a vector is: the Gini index of its absolute values."""

from numbers import Real
from operator import index

import numpy as np
from scipy import sparse
from sklearn.utils import check_array, gen_batches

from sklearn_advex._utils._containers import values_of

# Numbers per block, 1.6 MB of float64. If larger, blocks leave the cache between passes.
_BLOCK_SIZE = 200_000

# Rows whose largest entry lies outside [2**-400, 2**400] are scaled before they are summed: inside,
# neither a sum of 2**100 entries can overflow nor an entry that matters vanish.
_SAFE_EXPONENT = 400


def gini_index(v, axis=-1, zero_division=0.0):
    r"""Gini index of the absolute values of `v`: 0 if they are equal, near 1 if one has all.

    With :math:`|v|_{(1)} \le \ldots \le |v|_{(d)}` the sorted absolute values it is

    .. math::

        G(v) = 1 - 2 \sum_{k=1}^{d} \frac{|v|_{(k)}}{\|v\|_1} \cdot \frac{d - k + 1/2}{d}
             = \frac{\sum_{k=1}^{d} (2 k - d - 1) \, |v|_{(k)}}{d \, \|v\|_1},

    equation I.62 of [1]_ and, in the second form, what is computed. It depends neither on the order
    nor on the scale nor on the signs of the entries and lies in :math:`[0, 1 - 1/d]`; a vector with
    a single non-zero entry has :math:`1 - 1/d`, hence the ceiling rises with the length.

    Parameters
    ----------
    v : array-like or sparse matrix or sparse array
        Numbers of any sign: one vector, or vectors along `axis` of an array of any dimension. A
        DataFrame is taken as its array of values. Sparse input is two-dimensional; entries that are
        not stored count as zeros and `v` is never made dense.
    axis : int, default=-1
        The axis along which a vector runs; -1 gives one number per row of a matrix.
    zero_division : float, default=0.0
        Index of a vector of zeros, for which the formula is 0/0. Use `numpy.nan` to mark such
        vectors. The default keeps the mean over many rows defined.

    Returns
    -------
    gini : float or ndarray
        The shape of `v` without `axis`. float32 for float32 input, otherwise float64; sums are
        taken in float64 in either case.

    Raises
    ------
    ValueError
        If `v` holds NaN or infinity, has no entries along `axis`, or is sparse and not
        two-dimensional.
    TypeError
        If `zero_division` is not a number or `axis` not an integer.

    See Also
    --------
    sparseness_gain : Its gain over a reference model.
    sufficiency : Whether the named features are enough for the prediction.
    sklearn_advex.model_selection.gini_scorer : Its mean as a score.

    References
    ----------
    .. [1] P. Chalasani, J. Chen, A. R. Chowdhury, S. Jha, X. Wu. "Concise Explanations of Neural
       Networks using Adversarial Training". ICML 2020. https://arxiv.org/abs/1810.06583

    .. [2] N. Hurley, S. Rickard. "Comparing Measures of Sparsity". IEEE Transactions on Information
       Theory 55(10), 2009. https://doi.org/10.1109/TIT.2009.2027527

    Examples
    --------
    >>> from sklearn_advex.metrics import gini_index
    >>> gini_index([[1.0, 1.0, -1.0, 1.0], [0.0, 0.0, -3.0, 0.0]])
    array([0.  , 0.75])
    """
    if not isinstance(zero_division, Real):
        raise TypeError(f"zero_division must be a number or numpy.nan, got {zero_division!r}.")
    v = check_array(
        values_of(v),
        accept_sparse=True,
        dtype="numeric",
        ensure_2d=False,
        allow_nd=True,
        ensure_all_finite=False,  # checked in the kernel: sorting puts NaN and infinity last
        ensure_min_samples=0,
        ensure_min_features=0,
        input_name="v",
    )
    axis = _checked_axis(v, axis)
    if sparse.issparse(v):
        gini = _gini_sparse(v if axis == 1 else v.T, zero_division)
    else:
        gini = _gini_dense(np.moveaxis(v, axis, -1), zero_division)
    return gini.astype(np.float32 if v.dtype == np.float32 else np.float64, copy=False)[()]


def sparseness_gain(A, A_reference):
    r"""How much more concentrated each row's attributions are than those of a reference model.

    The difference :math:`dG(x) = G(A(x)) - G(A_{ref}(x))` of the Gini indices, equations 18 and 19
    of [1]_; its mean over the rows is the average gain of equations 20 and 21. With the paper's
    n-model as reference it is what an a-model or l-model gains.

    Parameters
    ----------
    A : array-like or sparse matrix or sparse array of shape (n_samples, n_features)
        Attributions of the model in question.
    A_reference : array-like or sparse matrix or sparse array of shape (n_samples, n_features)
        Attributions of the reference model for the same rows and features.

    Returns
    -------
    gain : ndarray of shape (n_samples,)
        In (-1, 1); above 0 where `A` is the sparser. A row without any attribution counts as 0 in
        the difference, as in :func:`gini_index`.

    Raises
    ------
    ValueError
        If the shapes differ: the index of a longer vector has a higher ceiling, so that only
        equally many features can be compared.

    See Also
    --------
    gini_index : The index itself.

    References
    ----------
    .. [1] P. Chalasani, J. Chen, A. R. Chowdhury, S. Jha, X. Wu. "Concise Explanations of Neural
       Networks using Adversarial Training". ICML 2020. https://arxiv.org/abs/1810.06583

    Examples
    --------
    >>> from sklearn_advex.metrics import sparseness_gain
    >>> gain = sparseness_gain([[0.0, 0.0, 3.0, 0.0]], [[1.0, 1.0, -1.0, 1.0]])
    >>> gain, gain.mean()
    (array([0.75]), np.float64(0.75))
    """
    shape, shape_reference = np.shape(A), np.shape(A_reference)
    if len(shape) != 2 or shape != shape_reference:
        raise ValueError(
            "A and A_reference must be two-dimensional and hold the same rows and features, got"
            f" shapes {shape} and {shape_reference}."
        )
    return gini_index(A) - gini_index(A_reference)


def _checked_axis(v, axis):
    """Validate `axis`, and return it counted from the front."""
    if sparse.issparse(v) and v.ndim != 2:
        raise ValueError(f"v must be two-dimensional when it is sparse, got shape {v.shape}.")
    axis = index(axis)
    if not -v.ndim <= axis < v.ndim:
        raise ValueError(f"axis={axis} is out of range for v with shape {v.shape}.")
    if v.shape[axis] == 0:
        raise ValueError(f"v has shape {v.shape}: it needs at least one entry along axis={axis}.")
    return axis % v.ndim


def _gini_dense(v, zero_division):
    """Compute the Gini index along the last axis of an array."""
    n_entries = v.shape[-1]
    rows = v.reshape(-1, n_entries)
    gini = np.empty(rows.shape[0])
    dtype = np.float32 if v.dtype == np.float32 else np.float64
    block_rows = max(1, _BLOCK_SIZE // n_entries)
    scratch = np.empty((min(block_rows, rows.shape[0]), n_entries), dtype=dtype)
    for start in range(0, rows.shape[0], block_rows):  # gen_batches rejects 0 rows
        block = rows[start : start + block_rows]
        magnitudes = scratch[: block.shape[0]]
        # With `dtype` integers are cast before the absolute value, which has no int64 for -2**63.
        np.abs(block, out=magnitudes, dtype=dtype, casting="same_kind")
        gini[start : start + block_rows] = _gini_of_magnitudes(magnitudes, n_entries, zero_division)
    return gini.reshape(v.shape[:-1])


def _gini_sparse(v, zero_division):
    """Compute the Gini index of the rows of a sparse matrix from its stored entries."""
    v = v.tocsr()
    if not v.has_canonical_format:
        v = v.copy()
        v.sum_duplicates()
    n_rows, n_entries = v.shape
    gini = np.full(n_rows, zero_division, dtype=np.float64)
    n_stored = np.diff(v.indptr)
    # Rows with the same number of stored entries form a dense matrix, whatever their columns.
    for length in np.unique(n_stored[n_stored > 0]):
        rows = np.flatnonzero(n_stored == length)
        for block in gen_batches(rows.size, max(1, _BLOCK_SIZE // int(length))):
            entries = v.indptr[rows[block], np.newaxis] + np.arange(length)
            magnitudes = np.abs(v.data[entries].astype(np.float64, copy=False))
            gini[rows[block]] = _gini_of_magnitudes(magnitudes, n_entries, zero_division)
    return gini


def _gini_of_magnitudes(magnitudes, n_entries, zero_division):
    """Compute the Gini index of rows of absolute values; `magnitudes` is overwritten.

    Parameters
    ----------
    magnitudes : ndarray of shape (n_rows, n_stored)
        Floats, none negative.
    n_entries : int
        Length of the full vectors: `n_entries - n_stored` zeros per row are left out of
        `magnitudes`.
    zero_division : float
        Value for rows of zeros.

    Returns
    -------
    gini : ndarray of shape (n_rows,), float64
    """
    magnitudes.sort(axis=1)
    largest = magnitudes[:, -1]
    if not np.isfinite(largest).all():
        raise ValueError(
            "v contains NaN or infinity, for which the Gini index is not defined. Leave those"
            " entries out or replace them by finite numbers."
        )
    _scale_extreme_rows(magnitudes)
    n_stored = magnitudes.shape[1]
    weights = np.arange(n_entries - 2.0 * n_stored + 1.0, n_entries, 2.0)  # 2 k - d - 1
    weighted, total = magnitudes @ weights, magnitudes @ np.ones(n_stored)  # in float64
    gini = np.full(total.shape, zero_division, dtype=np.float64)
    np.divide(weighted, n_entries * total, out=gini, where=total > 0)
    # Equal entries can leave a rounding error below the smallest value that the index takes.
    return np.maximum(gini, 0.0, out=gini, where=total > 0)


def _scale_extreme_rows(magnitudes):
    """Scale rows whose sum could over- or underflow by exact powers of two, in place."""
    _, exponent = np.frexp(magnitudes[:, -1])
    extreme = np.flatnonzero(np.abs(exponent) > _SAFE_EXPONENT)
    if extreme.size:
        magnitudes[extreme] = np.ldexp(magnitudes[extreme], -exponent[extreme, np.newaxis])
