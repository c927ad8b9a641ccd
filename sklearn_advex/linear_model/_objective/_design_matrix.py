"""The products with X that training needs, for dense and CSR X, without copying X.

Results are float64 whatever the dtype of X: a float32 matrix is widened a block of rows at a time.
"""

from abc import ABC, abstractmethod
from math import prod
from threading import local

import numpy as np
from scipy.linalg.blas import dsyrk
from scipy.sparse import csr_array, issparse

from sklearn_advex.linear_model._objective import _costs

ALL = slice(None)


def as_design_matrix(X):
    """Wrap a dense or CSR matrix in the products that training needs.

    Parameters
    ----------
    X : {ndarray, sparse matrix in CSR format} of shape (n_samples, n_features)

    Returns
    -------
    DesignMatrix
    """
    if not issparse(X):
        return DenseMatrix(X)
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    return CSRMatrix(csr_array(X))


class DesignMatrix(ABC):
    """A matrix of rows and features, and its products.

    Every product takes `columns`, an ndarray of indices or `ALL`, and is then that of the matrix
    of these columns.

    Parameters
    ----------
    X : {ndarray, csr_array} of shape (n_samples, n_features)

    Attributes
    ----------
    shape : tuple of int
    dtype : numpy dtype
    product_cost : float
        The price of a `matvec` and an `rmatvec`, in the unit of `_costs`.
    """

    def __init__(self, X):
        self.X = X
        self.shape = X.shape
        self.dtype = X.dtype

    @property
    @abstractmethod
    def product_cost(self):
        """The price of a `matvec` and an `rmatvec`, in the unit of `_costs`."""

    @abstractmethod
    def gram_cost(self, n_columns):
        """Return the price of the `gram` of some columns.

        Parameters
        ----------
        n_columns : int

        Returns
        -------
        float
        """

    @abstractmethod
    def matvec(self, v, columns=ALL):
        """Compute ``X @ v``.

        Parameters
        ----------
        v : ndarray of shape (n_columns,)
        columns : ndarray of int of shape (n_columns,) or ALL

        Returns
        -------
        ndarray of shape (n_samples,)
        """

    @abstractmethod
    def rmatvec(self, r, columns=ALL):
        """Compute ``X.T @ r``.

        Parameters
        ----------
        r : ndarray of shape (n_samples,) or (n_samples, n_vectors)
        columns : ndarray of int of shape (n_columns,) or ALL

        Returns
        -------
        ndarray of shape (n_columns,) or (n_columns, n_vectors)
        """

    @abstractmethod
    def gram(self, weights, border, columns=ALL):
        """Compute ``B.T @ diag(weights) @ B`` for ``B = [X, *border]``.

        Parameters
        ----------
        weights : ndarray of shape (n_samples,)
        border : sequence of ndarray of shape (n_samples,)
            Columns to the right of X.
        columns : ndarray of int of shape (n_columns,) or ALL

        Returns
        -------
        ndarray of shape (n_columns + len(border), n_columns + len(border))
            Its lower triangle, with zeros above.
        """

    @abstractmethod
    def squares(self, weights, columns=ALL):
        """Compute ``weights @ X**2``.

        Parameters
        ----------
        weights : ndarray of shape (n_samples,)
        columns : ndarray of int of shape (n_columns,) or ALL

        Returns
        -------
        ndarray of shape (n_columns,)
        """

    @abstractmethod
    def columns(self, columns):
        """Copy some columns into a dense array.

        Parameters
        ----------
        columns : ndarray of int of shape (n_columns,)

        Returns
        -------
        ndarray of shape (n_samples, n_columns)
        """

    @abstractmethod
    def restrict(self, columns):
        """Choose between a copy of some columns and this matrix with `columns` in each product.

        Parameters
        ----------
        columns : ndarray of int of shape (n_columns,)

        Returns
        -------
        design : DesignMatrix
        columns : ndarray of int of shape (n_columns,) or ALL
            To be passed to the products of `design`.
        """

    @abstractmethod
    def take(self, rows):
        """Copy some rows.

        Parameters
        ----------
        rows : ndarray of int or bool, or slice

        Returns
        -------
        DesignMatrix
        """

    def in_column_order(self):
        """Return the same matrix with columns that are fast to pick.

        Returns
        -------
        DesignMatrix
        """
        return self


class DenseMatrix(DesignMatrix):
    """A dense matrix, C- or Fortran-ordered, float64 or float32."""

    @property
    def product_cost(self):
        """The price of a `matvec` and an `rmatvec`: they pass over all entries."""
        return _costs.DENSE_ENTRY * self.X.size

    def gram_cost(self, n_columns):
        """Return the price of the `gram` of some columns."""
        return self.shape[0] * n_columns**2

    def matvec(self, v, columns=ALL):
        """Compute ``X @ v``."""
        if columns is not ALL:
            padded = np.zeros(self.shape[1])
            padded[columns] = v
            v = padded
        if self.dtype == np.float64:
            return self.X @ v
        return np.concatenate(
            [self.X[rows].astype(np.float64) @ v for rows in _blocks(*self.shape)]
        )

    def rmatvec(self, r, columns=ALL):
        """Compute ``X.T @ r``."""
        if self.dtype == np.float64:
            # Of two equal products that with the long side last is twice as fast for few vectors.
            return (self.X.T @ r if r.ndim == 1 else (r.T @ self.X).T)[columns]
        blocks = _blocks(*self.shape)
        return sum(self.X[rows].astype(np.float64).T @ r[rows] for rows in blocks)[columns]

    def gram(self, weights, border, columns=ALL):
        """Compute ``B.T @ diag(weights) @ B`` for ``B = [X, *border]``, block by block."""
        n_features = self.shape[1] if columns is ALL else columns.size
        n_columns = n_features + len(border)
        blocks = _blocks(self.shape[0], n_columns)
        # NumPy lays out picked columns one after the other, whatever the order of X.
        by_column = self.X.flags.f_contiguous or columns is not ALL
        buffer = _WORKSPACE.array((blocks[0].stop, n_columns), order="F" if by_column else "C")
        root = np.sqrt(weights)
        gram = np.zeros((n_columns, n_columns), order="F")
        for rows in blocks:
            block = buffer[: rows.stop - rows.start]
            np.multiply(self.X[rows, columns], root[rows, None], out=block[:, :n_features])
            for k, column in enumerate(border, n_features):
                np.multiply(column[rows], root[rows], out=block[:, k])
            factor = block if by_column else block.T
            gram = dsyrk(
                1.0, factor, beta=1.0, c=gram, trans=by_column, lower=True, overwrite_c=True
            )
        return gram

    def squares(self, weights, columns=ALL):
        """Compute ``weights @ X**2``."""
        return sum(
            weights[rows] @ np.square(self.X[rows], dtype=np.float64)
            for rows in _blocks(*self.shape)
        )[columns]

    def columns(self, columns):
        """Copy some columns into a dense array."""
        return self._copy_columns(columns)

    def restrict(self, columns):
        """Copy some columns if the copy is small."""
        n_entries = self.shape[0] * columns.size
        if n_entries <= max(_costs.COPIED_SHARE * self.X.size, _costs.COPIED_ENTRIES):
            return DenseMatrix(self._copy_columns(columns)), ALL
        return self, columns

    def take(self, rows):
        """Copy some rows, in the memory order of X."""
        if self.X.flags.f_contiguous:
            return DenseMatrix(self.X.T.take(np.arange(self.shape[0])[rows], axis=1).T)
        return DenseMatrix(self.X[np.arange(self.shape[0])[rows]])

    def in_column_order(self):
        """Return the same matrix in Fortran order."""
        return DenseMatrix(np.asfortranarray(self.X))

    def _copy_columns(self, columns):
        if self.X.flags.f_contiguous:
            return np.take(self.X.T, columns, axis=0).T
        copied = np.empty((self.shape[0], columns.size), dtype=self.dtype)
        for rows in _blocks(*copied.shape):
            # Any mode but "raise" lets NumPy write into `out` without a buffer of its own.
            np.take(self.X[rows], columns, axis=1, out=copied[rows], mode="clip")
        return copied


class CSRMatrix(DesignMatrix):
    """A sparse matrix in CSR format; no part of it is ever made dense."""

    @property
    def product_cost(self):
        """The price of a `matvec` and an `rmatvec`."""
        return _costs.SPARSE_ENTRY * (self.X.nnz + self.shape[0])

    def gram_cost(self, n_columns):
        """Return the price of the `gram` of some columns, if they have their share of entries."""
        in_row = self.X.nnz / self.shape[0] * n_columns / self.shape[1]
        pairs = _costs.SPARSE_PAIR * self.shape[0] * in_row**2
        return pairs + _costs.SPARSE_GRAM_ENTRY * n_columns**2

    def matvec(self, v, columns=ALL):
        """Compute ``X @ v``."""
        return self._of(columns) @ v

    def rmatvec(self, r, columns=ALL):
        """Compute ``X.T @ r``."""
        return self._of(columns).T @ r

    def gram(self, weights, border, columns=ALL):
        """Compute ``B.T @ diag(weights) @ B`` for ``B = [X, *border]``."""
        X, border = self._of(columns), np.column_stack(border)
        n_features = X.shape[1]
        row_of_entry = np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))
        weighted = csr_array((X.data * weights[row_of_entry], X.indices, X.indptr), X.shape)
        gram = np.zeros((n_features + border.shape[1],) * 2)
        gram[:n_features, :n_features] = (X.T @ weighted).toarray()
        gram[n_features:, :n_features] = (weighted.T @ border).T
        gram[n_features:, n_features:] = border.T @ (weights[:, None] * border)
        return np.tril(gram)

    def squares(self, weights, columns=ALL):
        """Compute ``weights @ X**2``."""
        X = self._of(columns)
        squared = csr_array((np.square(X.data, dtype=np.float64), X.indices, X.indptr), X.shape)
        return squared.T @ weights

    def columns(self, columns):
        """Copy some columns into a dense array."""
        return self.X[:, columns].toarray()

    def restrict(self, columns):
        """Copy some columns."""
        return CSRMatrix(self.X[:, columns]), ALL

    def take(self, rows):
        """Copy some rows."""
        return CSRMatrix(self.X[rows])

    def _of(self, columns):
        return self.X if columns is ALL else self.X[:, columns]


class _Workspace(local):
    """Memory to write into, the same in each call of a thread.

    Where a process returns its memory at once, as workers of Dask do, to get it again takes as long
    as to fill it.
    """

    def __init__(self):
        self._numbers = np.empty(_costs.BLOCK_SIZE)

    def array(self, shape, order):
        """Return an array of any content."""
        size = prod(shape)
        if size > self._numbers.size:
            return np.empty(shape, order=order)
        return self._numbers[:size].reshape(shape, order=order)


_WORKSPACE = _Workspace()


def _blocks(n_samples, n_columns):
    rows = min(max(_costs.BLOCK_SIZE // max(n_columns, 1), 64), _costs.BLOCK_ROWS)
    return [slice(start, min(start + rows, n_samples)) for start in range(0, n_samples, rows)]
