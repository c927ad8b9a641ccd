"""Which input column each output column of a transformation depends on, found by changing inputs.

Columns are numbered in binary. For each digit all columns that have it, and then all others, get
the values of other rows: an output that depends on one column reacts to exactly one of the two
changes, which is that column's digit; an output that reacts to both depends on several. So n
columns take 2 log2(n) transformations instead of n.
"""

import warnings

import numpy as np
from scipy.sparse import issparse

from sklearn_advex._utils._containers import (
    complete_rows,
    n_rows_of,
    replace_columns,
    values_of,
)
from sklearn_advex._utils._sampling import evenly_spaced
from sklearn_advex._utils._sklearn_compat import safe_indexing

#: Origin of an output column that did not change, and of one that depends on several columns.
UNSEEN, SEVERAL = -1, -2

# Numbers in the rows that are transformed. If larger, wide tables take longer.
_MOST_NUMBERS = 200_000
_FEWEST_ROWS = 10

# Largest change, relative to a column, that is taken for a rounding error.
_ROUNDING = 1e-9


def observed_origins(transform, X, n_columns, n_rows):
    """Find the origins of output columns by changing input columns.

    Parameters
    ----------
    transform : callable
        From rows like `X` to the output.
    X : array-like, sparse matrix or table of shape (n_samples, n_columns)
        Rows; some of those without missing values are used, because imputers look at all columns.
    n_columns : int
    n_rows : int
        Largest number of rows that are used; fewer of wide tables.

    Returns
    -------
    origins : ndarray of int of shape (n_output_columns,) or None
        Position of the input column; `UNSEEN` for outputs that did not change, `SEVERAL` for those
        that depend on more than one. None if nothing can be seen: with too few rows, or an output
        that varies by itself.
    """
    sample = _sample(X, n_columns, n_rows)
    if sample is None:
        return None
    n_digits = max(1, (n_columns - 1).bit_length())
    has_digit = np.arange(n_columns) >> np.arange(n_digits)[:, np.newaxis] & 1 == 1
    order = _derangement(n_rows_of(sample))
    other = safe_indexing(sample, order)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            before = _output(transform, sample)
            if _changes(before, _output(transform, sample)).any():
                return None
            ones, zeros = (
                np.array([_changes(before, _output(transform, mix)) for mix in mixes])
                for mixes in (
                    [replace_columns(sample, other, chosen) for chosen in has_digit],
                    [replace_columns(sample, other, ~chosen) for chosen in has_digit],
                )
            )
        except Exception:  # other libraries may refuse mixed rows by any error
            return None
    return _decode(ones, zeros, n_columns)


def _decode(ones, zeros, n_columns):
    """Read the origins from the reactions to columns with and without each digit."""
    digits = 2 ** np.arange(len(ones))
    origins = digits @ ones
    is_single = (ones ^ zeros).all(axis=0) & (origins < n_columns)
    origins = np.where(is_single, origins, SEVERAL)
    return np.where((ones | zeros).any(axis=0), origins, UNSEEN)


def _sample(X, n_columns, n_rows):
    """Select rows without missing values, None if there are fewer than two."""
    X = X.tocsr() if issparse(X) else X if hasattr(X, "shape") else np.asarray(X)
    rows = np.flatnonzero(complete_rows(X))
    n_rows = min(n_rows, max(_FEWEST_ROWS, _MOST_NUMBERS // n_columns))
    if rows.size < 2:
        return None
    return safe_indexing(X, rows[evenly_spaced(rows.size, n_rows)])


def _derangement(n_rows):
    """Return an order in which no row keeps its place."""
    order = np.random.default_rng(0).permutation(n_rows)
    moved = np.empty(n_rows, dtype=int)
    moved[order] = np.roll(order, 1)
    return moved


def _output(transform, rows):
    """Transform rows to an array or sparse matrix."""
    output = values_of(transform(rows))
    return output.tocsr() if issparse(output) else np.asarray(output)


def _changes(before, after):
    """Return which columns of an output differ by more than rounding errors."""
    if issparse(before):
        size = abs(before).max(axis=0).toarray().ravel()
        return abs(after - before).max(axis=0).toarray().ravel() > _ROUNDING * size
    if before.dtype.kind not in "fiub":
        return (before != after).any(axis=0)
    before, after = before.astype(np.float64), after.astype(np.float64)
    return (np.abs(after - before) > _ROUNDING * np.abs(before).max(axis=0)).any(axis=0)
