"""Tables of all libraries in and out: pandas, polars, pyarrow and others by way of narwhals.

No other file looks at the type of a table. pandas is used directly where its index, its sparse
columns or repeated names matter, which narwhals does not have.
"""

import sys
from collections.abc import Hashable
from numbers import Real

import narwhals.stable.v2 as nw
import numpy as np
from scipy.sparse import diags_array, issparse


def is_frame(X):
    """Return whether `X` is a table with column names, of any library.

    Parameters
    ----------
    X : object

    Returns
    -------
    bool
    """
    return nw.dependencies.is_into_dataframe(X)


def is_sparse(X):
    """Return whether rows are a sparse matrix or array, or a DataFrame of sparse columns.

    Parameters
    ----------
    X : object

    Returns
    -------
    bool
    """
    return issparse(X) or (_is_pandas(X) and hasattr(X, "sparse"))


def column_names(X):
    """Return the column names of a table.

    Parameters
    ----------
    X : array-like, sparse matrix or table

    Returns
    -------
    list or None
        None if `X` has no column names.
    """
    if _is_pandas(X):
        return X.columns.tolist()
    return list(nw.from_native(X, eager_only=True).columns) if is_frame(X) else None


def frame_like(X, values, columns=None):
    """Put values in the container of `X`.

    Parameters
    ----------
    X : array-like, sparse matrix or table of shape (n_samples, n_features)
        What the values were computed from.
    values : {ndarray, sparse matrix} of shape (n_samples, n_columns)
    columns : sequence of shape (n_columns,), default=None
        Column names; None takes those of `X` if it has as many columns, otherwise 0, 1, ...

    Returns
    -------
    ndarray, sparse matrix or table
        For a pandas DataFrame or Series a DataFrame with its index, for texts or records one
        without, of sparse columns for sparse values. For another table one of the same library. The
        values themselves for any other `X`, for sparse values in libraries without sparse columns,
        and if names repeat where a library does not allow it.
    """
    if _is_pandas(X) or _is_pandas_series(X):
        return _pandas_like(X, values, columns)
    if columns is not None and not row_shape(X):  # texts or records
        return _pandas_frame(values, None, columns)
    if not is_frame(X) or issparse(values):
        return values
    # `X.columns` of a pyarrow table holds its data: unlike names, these cannot be hashed.
    has_names = columns is not None and all(isinstance(name, Hashable) for name in columns)
    names = columns if has_names else column_names(X)
    if len(names) != values.shape[1]:
        names = range(values.shape[1])
    names = [str(name) for name in names]
    if len(set(names)) < len(names):
        return values
    backend = nw.get_native_namespace(X)
    return nw.from_numpy(np.ascontiguousarray(values), schema=names, backend=backend).to_native()


def _pandas_like(X, values, columns):
    """Put values in a pandas DataFrame with the index of `X`."""
    if columns is None and _is_pandas(X) and X.shape[1] == values.shape[1]:
        columns = X.columns
    return _pandas_frame(values, X.index, columns)


def _pandas_frame(values, index, columns):
    """Put values in a pandas DataFrame, of sparse columns for a sparse matrix."""
    import pandas as pd  # imported here: `import sklearn_advex` must not load pandas

    if issparse(values):
        return pd.DataFrame.sparse.from_spmatrix(values, index=index, columns=columns)
    return pd.DataFrame(values, index=index, columns=columns, copy=False)


def named_rows(model, values):
    """Put rows in a frame with the feature names of a model, which otherwise warns.

    Parameters
    ----------
    model : fitted estimator
    values : {ndarray, sparse matrix} of shape (n_samples, n_features)

    Returns
    -------
    {ndarray, sparse matrix} or pandas.DataFrame
        The values themselves for a model without `feature_names_in_`.
    """
    if not hasattr(model, "feature_names_in_"):
        return values
    return _pandas_frame(values, None, model.feature_names_in_)


def values_of(table):
    """Return the numbers of a table without its column names, which may repeat.

    Parameters
    ----------
    table : array-like, sparse matrix or table

    Returns
    -------
    array-like or sparse matrix
        `table` itself where it has no column names.
    """
    if _is_pandas(table):
        return table.sparse.to_coo().tocsr() if is_sparse(table) else table.to_numpy()
    return nw.from_native(table, eager_only=True).to_numpy() if is_frame(table) else table


def first_row(table):
    """Return the first row of an array, sparse matrix or table as a 1-D array.

    Parameters
    ----------
    table : array-like, sparse matrix or table

    Returns
    -------
    ndarray of shape (n_columns,)
    """
    if issparse(table):
        return table.tocsr()[[0]].toarray()[0]
    if _is_pandas(table):
        return table.iloc[0].to_numpy()
    if is_frame(table):
        return np.array(nw.from_native(table, eager_only=True).head(1).rows()[0], dtype=object)
    return np.asarray(table)[0]


def select_columns(X, names):
    """Select columns of a table by name.

    Parameters
    ----------
    X : table
    names : list

    Returns
    -------
    table
        Of the library of `X`.
    """
    if _is_pandas(X):
        return X[names]
    return nw.from_native(X, eager_only=True).select(names).to_native()


def replace_columns(X, other, is_replaced):
    """Take some columns of a table from another one of the same columns and rows.

    Parameters
    ----------
    X, other : ndarray, sparse matrix or table of shape (n_samples, n_columns)
    is_replaced : ndarray of bool of shape (n_columns,)

    Returns
    -------
    ndarray, sparse matrix or table
        In the container of `X`, which is not changed.
    """
    if issparse(X):
        mask = diags_array(is_replaced.astype(X.dtype))
        return type(X)(X @ diags_array((~is_replaced).astype(X.dtype)) + other @ mask)
    if _is_pandas(X):
        mixed = X.copy()
        for position in np.flatnonzero(is_replaced):
            mixed.isetitem(position, other.iloc[:, position].array)
        return mixed
    if is_frame(X):
        frame, source = (nw.from_native(table, eager_only=True) for table in (X, other))
        names = [name for name, chosen in zip(frame.columns, is_replaced, strict=True) if chosen]
        return frame.with_columns([source.get_column(name) for name in names]).to_native()
    return np.where(is_replaced, other, X)


def with_other_numbers(X):
    """Change all numbers of a table, and fill in those that are missing.

    Parameters
    ----------
    X : ndarray, sparse matrix or table of shape (n_samples, n_columns)

    Returns
    -------
    ndarray, sparse matrix or table
        In the container of `X`; 2 x + 1 in place of each number x, 1 of a missing one; all else
        as it is.
    """
    if _is_pandas(X):
        other = X.copy()
        for position, dtype in enumerate(X.dtypes):
            if getattr(dtype, "kind", "O") in "fiu":
                other.isetitem(position, X.iloc[:, position].fillna(0).array * 2 + 1)
        return other
    if is_frame(X):
        frame = nw.from_native(X, eager_only=True)
        numbers = [column for column in frame.iter_columns() if column.dtype.is_numeric()]
        changed = [np.nan_to_num(column.to_numpy()) * 2 + 1 for column in numbers]
        backend = nw.get_native_namespace(X)
        return frame.with_columns(
            nw.new_series(column.name, values, backend=backend)
            for column, values in zip(numbers, changed, strict=True)
        ).to_native()
    if issparse(X):
        other = X.copy()
        other.data = np.nan_to_num(other.data) * 2 + 1
        return other
    if X.dtype.kind == "O":
        is_number = np.vectorize(lambda x: isinstance(x, Real), otypes=[bool])(X)
        other = X.copy()
        other[is_number] = np.nan_to_num(X[is_number].astype(np.float64)) * 2 + 1
        return other
    return np.nan_to_num(X) * 2 + 1 if X.dtype.kind in "fiu" else X


def missing_rows(X):
    """Find the missing values of each column.

    Parameters
    ----------
    X : ndarray, sparse matrix or table of shape (n_samples, n_columns)

    Yields
    ------
    column : int
        Position of a column with missing values.
    rows : ndarray of int
        Positions of the rows where it has none.
    """
    if is_frame(X) and not _is_pandas(X):
        masks = map(_is_missing, nw.from_native(X, eager_only=True).iter_columns())
        yield from ((i, np.flatnonzero(mask)) for i, mask in enumerate(masks) if mask.any())
        return
    if issparse(X):
        is_missing = X.tocsc(copy=True)
        is_missing.data = np.isnan(is_missing.data.astype(np.float64))
    elif _is_pandas(X):
        is_missing = X.isna().to_numpy()
    elif X.dtype.kind in "fO":
        is_missing = X != X
    else:
        return
    for column in np.flatnonzero(is_missing.sum(axis=0)):
        yield column, is_missing[:, [column]].nonzero()[0]


def _is_missing(column):
    """Return which entries of a narwhals Series are null or NaN."""
    is_float = column.dtype.is_float()
    is_missing = column.is_nan().fill_null(True) if is_float else column.is_null()
    return is_missing.to_numpy()


def refuse_dates(X):
    """Raise a TypeError if a table has columns of dates or durations, which are no numbers.

    Parameters
    ----------
    X : array-like, sparse matrix or table
    """
    if not hasattr(X, "columns"):
        return
    if _is_pandas(X):
        is_date = [getattr(dtype, "kind", "O") in "mM" for dtype in X.dtypes]
    elif is_frame(X):
        is_date = [
            dtype.is_temporal() for dtype in nw.from_native(X, eager_only=True).schema.dtypes()
        ]
    else:
        return
    dates = [name for name, chosen in zip(column_names(X), is_date, strict=True) if chosen]
    if dates:
        raise TypeError(
            f"X has columns of dates or durations: {', '.join(map(repr, dates[:5]))}. Turn them"
            " into numbers first, such as days since a fixed date, or leave them out."
        )


def row_shape(X):
    """Return the shape of one sample: (n_features,) for a table, () for a list of texts.

    Parameters
    ----------
    X : array-like, sparse matrix or table of shape (n_samples, ...)

    Returns
    -------
    shape : tuple of int
    """
    X = X if hasattr(X, "shape") else np.asarray(X, dtype=object)
    return tuple(X.shape[1:])


def n_rows_of(X):
    """Return the number of rows.

    Parameters
    ----------
    X : array-like, sparse matrix or table of shape (n_samples, ...)

    Returns
    -------
    int
    """
    X = X if hasattr(X, "shape") or hasattr(X, "__len__") else np.asarray(X)
    return X.shape[0] if hasattr(X, "shape") else len(X)


def n_columns_of(X):
    """Return the number of columns of a table, None for images and lists of texts.

    Parameters
    ----------
    X : array-like, sparse matrix or table of shape (n_samples, ...)

    Returns
    -------
    n_columns : int or None
    """
    shape = row_shape(X)
    return shape[0] if len(shape) == 1 else None


def one_row_per_sample(values):
    """Flatten images to rows; return a table as it is.

    Parameters
    ----------
    values : array-like, sparse matrix or table of shape (n_samples, ...)

    Returns
    -------
    table : array-like, sparse matrix or table of shape (n_samples, n_features)
    """
    if len(row_shape(values)) < 2:
        return values
    images = np.asarray(values)
    return images.reshape(len(images), -1)


def _is_pandas(X):
    pandas = sys.modules.get("pandas")  # not loaded: nothing can be one of its frames
    return pandas is not None and isinstance(X, pandas.DataFrame)


def _is_pandas_series(X):
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(X, pandas.Series)


def as_floats(X):
    """Convert rows to float64 unless they are floats: scikit-learn lets sparse booleans pass.

    Parameters
    ----------
    X : {ndarray, CSR}

    Returns
    -------
    {ndarray, CSR} of float64 or float32
    """
    return X if X.dtype in (np.float64, np.float32) else X.astype(np.float64)
