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
    missing_rows,
    n_rows_of,
    replace_columns,
    values_of,
    with_other_numbers,
)
from sklearn_advex._utils._sampling import evenly_spaced
from sklearn_advex._utils._sklearn_compat import safe_indexing

#: Origin of an output column that did not change, and of one that depends on several columns.
UNSEEN, SEVERAL = -1, -2

# Numbers in the rows that are transformed. If larger, wide tables take longer.
_MOST_NUMBERS = 200_000
_FEWEST_ROWS = 10

# Rows where a column has no value, for each such column. If larger, imputers take longer; if
# smaller, one that fills columns from others passes where a change leaves the values filled in.
_ROWS_WITHOUT_VALUE = 5

# Largest change, relative to a column, that is taken for a rounding error.
_ROUNDING = 1e-9


def observed_origins(transform, X, n_columns, n_rows, *, only_complete=False):
    """Find the origins of output columns by changing input columns.

    Parameters
    ----------
    transform : callable
        From rows like `X` to the output.
    X : array-like, sparse matrix or table of shape (n_samples, n_columns)
        Rows; those that are used include some without each value that is missing, as imputers that
        fill a column from others show it there only.
    n_columns : int
    n_rows : int
        Largest number of rows without missing values that are used; fewer of wide tables.
    only_complete : bool, default=False
        Whether no other rows are used.

    Returns
    -------
    origins : ndarray of int of shape (n_output_columns,) or None
        Position of the input column; `UNSEEN` for outputs that did not change, `SEVERAL` for those
        that depend on more than one, beside the first of which all others may be `UNSEEN`. None if
        nothing can be seen: with too few rows, or an output that varies by itself.
    """
    sample = _sample(X, n_columns, n_rows, only_complete)
    if sample is None:
        return None
    n_digits = max(1, (n_columns - 1).bit_length())
    has_digit = np.arange(n_columns) >> np.arange(n_digits)[:, np.newaxis] & 1 == 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            other = _other_values(sample, n_columns)
            before = _output(transform, sample)
            if _changes(before, _output(transform, sample)).any():
                return None
            reactions = []
            for chosen in has_digit:
                mixes = [replace_columns(sample, other, columns) for columns in (chosen, ~chosen)]
                ones, zeros = (_changes(before, _output(transform, mix)) for mix in mixes)
                reactions.append((ones, zeros))
                if (ones & zeros).any():
                    return np.where(ones & zeros, SEVERAL, UNSEEN)
        except Exception:  # other libraries may refuse mixed rows by any error
            return None
    return _decode(*np.swapaxes(reactions, 0, 1), n_columns)


def _decode(ones, zeros, n_columns):
    """Read the origins from the reactions to columns with and without each digit."""
    digits = 2 ** np.arange(len(ones))
    origins = digits @ ones
    is_single = (ones ^ zeros).all(axis=0) & (origins < n_columns)
    origins = np.where(is_single, origins, SEVERAL)
    return np.where((ones | zeros).any(axis=0), origins, UNSEEN)


def _sample(X, n_columns, n_rows, only_complete):
    """Select rows without missing values and some where each column has none; None if too few."""
    X = X.tocsr() if issparse(X) else X if hasattr(X, "shape") else np.asarray(X)
    most_rows = max(_FEWEST_ROWS, _MOST_NUMBERS // n_columns)
    is_complete = np.ones(n_rows_of(X), dtype=bool)
    incomplete = [np.empty(0, dtype=int)]
    for _, rows in missing_rows(X):
        is_complete[rows] = False
        incomplete.append(rows[: 0 if only_complete else _ROWS_WITHOUT_VALUE])
    complete, incomplete = np.flatnonzero(is_complete), np.unique(np.concatenate(incomplete))
    if complete.size < 2 and not incomplete.size:
        return None
    complete = complete[evenly_spaced(complete.size, min(n_rows, most_rows))]
    incomplete = incomplete[evenly_spaced(incomplete.size, most_rows)]
    return safe_indexing(X, np.concatenate([complete, incomplete]))


def _other_values(sample, n_columns):
    """Take the values of another row for each row, and other numbers where no row has another."""
    n_rows = n_rows_of(sample)
    if n_rows == 1:
        return with_other_numbers(sample)
    is_empty = np.zeros(n_columns, dtype=bool)
    for column, rows in missing_rows(sample):
        is_empty[column] = rows.size == n_rows
    other = safe_indexing(sample, _derangement(n_rows))
    return replace_columns(other, with_other_numbers(other), is_empty) if is_empty.any() else other


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
        both_missing = (before != before) & (after != after)
        return ((before != after) & ~both_missing).any(axis=0)
    before, after = before.astype(np.float64), after.astype(np.float64)
    is_new = np.isnan(before) != np.isnan(after)
    size = np.nanmax(np.abs(before), axis=0)
    return (is_new | (np.abs(after - before) > _ROUNDING * size)).any(axis=0)
