"""The products with X that training needs, for dense and CSR X, without copying X.

Results are float64 whatever the dtype of X: a float32 matrix is widened a block of rows at a time.
Costs are in multiplications of a dense matrix by another, of which a core does some 3e10 a second.
Dense products with a vector wait for memory, sparse ones also for the places of their entries.
"""

import numpy as np
from scipy.linalg.blas import dsyrk
from scipy.sparse import csr_array, issparse

# Columns picked out of X are kept as a copy while the copy is at most this share of X, or has at
# most so many entries (6 MB of float64).
_COPIED_SHARE = 1 / 5
_COPIED_ENTRIES = 3 * 2**18
# What an entry costs in a matvec and an rmatvec, and in CSR also what a row does.
_DENSE_ENTRY = 10
_SPARSE_ENTRY = 60
# What a pair of entries of a row, and an entry of the result, cost in the gram of a CSR matrix.
_SPARSE_PAIR = 60
_SPARSE_GRAM_ENTRY = 300
# A block of rows holds about this many float64 numbers, so that it stays in a core's cache, ...
_BLOCK_SIZE = 2**17
# ... and at most so many rows: longer blocks gather their columns more slowly.
_BLOCK_ROWS = 1024


def as_design_matrix(X):
    """Wrap a dense or CSR matrix in the products that training needs."""
    if not issparse(X):
        return DenseMatrix(X)
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    return CSRMatrix(csr_array(X))


class DenseMatrix:
    """A dense matrix, C- or Fortran-ordered, float64 or float32.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    """

    def __init__(self, X):
        self.X = X
        self.shape = X.shape
        self.dtype = X.dtype

    @property
    def product_cost(self):
        """What a `matvec` and an `rmatvec` cost."""
        return _DENSE_ENTRY * self.X.size

    def gram_cost(self, n_features):
        """What the `gram` of some features costs."""
        return self.shape[0] * n_features**2

    def matvec(self, v):
        """``X @ v``."""
        if self.X.dtype == np.float64:
            return self.X @ v
        return np.concatenate(
            [self.X[rows].astype(np.float64) @ v for rows in _blocks(*self.shape)]
        )

    def rmatvec(self, r):
        """``X.T @ r``."""
        if self.X.dtype == np.float64:
            return self.X.T @ r
        return sum(self.X[rows].astype(np.float64).T @ r[rows] for rows in _blocks(*self.shape))

    def gram(self, weights, y, features=slice(None)):
        """``B.T @ diag(weights) @ B`` for ``B = [X[:, features], 1, y]``: its lower triangle.

        Above it are zeros. It is summed up over blocks of rows.
        """
        return _blockwise_gram(self.X, features, weights, y)

    def weighted_squares(self, weights):
        """``weights @ X**2``."""
        return sum(
            weights[rows] @ np.square(self.X[rows], dtype=np.float64)
            for rows in _blocks(*self.shape)
        )

    def columns(self, features):
        """The design matrix of some columns: a copy where that is small, else a view."""
        entries = self.shape[0] * features.size
        if entries <= max(_COPIED_SHARE * self.X.size, _COPIED_ENTRIES):
            return DenseMatrix(_copied_columns(self.X, features))
        return _ColumnsOfDense(self.X, features)


class _ColumnsOfDense:
    """Some columns of a dense matrix, too many to copy."""

    def __init__(self, X, features):
        self.whole = DenseMatrix(X)
        self.features = features
        self.shape = (X.shape[0], features.size)
        self.product_cost = self.whole.product_cost
        self.gram_cost = self.whole.gram_cost

    def matvec(self, v):
        padded = np.zeros(self.whole.shape[1])
        padded[self.features] = v
        return self.whole.matvec(padded)

    def rmatvec(self, r):
        return self.whole.rmatvec(r)[self.features]

    def gram(self, weights, y, features=slice(None)):
        return _blockwise_gram(self.whole.X, self.features[features], weights, y)

    def weighted_squares(self, weights):
        return self.whole.weighted_squares(weights)[self.features]


class CSRMatrix:
    """A sparse matrix in CSR format; no part of it is ever made dense.

    Parameters
    ----------
    X : csr_array of shape (n_samples, n_features)
    """

    def __init__(self, X):
        self.X = X
        self.shape = X.shape
        self.dtype = X.dtype

    @property
    def product_cost(self):
        """What a `matvec` and an `rmatvec` cost."""
        return _SPARSE_ENTRY * (self.X.nnz + self.shape[0])

    def gram_cost(self, n_features):
        """What the `gram` of some features costs, if they have their share of the entries."""
        in_row = self.X.nnz / self.shape[0] * n_features / self.shape[1]
        return _SPARSE_PAIR * self.shape[0] * in_row**2 + _SPARSE_GRAM_ENTRY * n_features**2

    def matvec(self, v):
        """``X @ v``."""
        return self.X @ v

    def rmatvec(self, r):
        """``X.T @ r``."""
        return self.X.T @ r

    def gram(self, weights, y, features=slice(None)):
        """``B.T @ diag(weights) @ B`` for ``B = [X[:, features], 1, y]``: its lower triangle."""
        X, border = self.X[:, features], np.column_stack([np.ones(y.size), y])
        n_features = X.shape[1]
        row_of_entry = np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))
        weighted = csr_array((X.data * weights[row_of_entry], X.indices, X.indptr), X.shape)
        gram = np.zeros((n_features + 2,) * 2)
        gram[:n_features, :n_features] = (X.T @ weighted).toarray()
        gram[n_features:, :n_features] = (weighted.T @ border).T
        gram[n_features:, n_features:] = border.T @ (weights[:, None] * border)
        return np.tril(gram)

    def weighted_squares(self, weights):
        """``weights @ X**2``."""
        squared = csr_array(
            (np.square(self.X.data, dtype=np.float64), self.X.indices, self.X.indptr), self.shape
        )
        return squared.T @ weights

    def columns(self, features):
        """The design matrix of some columns."""
        return CSRMatrix(self.X[:, features])


def _blocks(n_samples, n_columns):
    rows = min(max(_BLOCK_SIZE // max(n_columns, 1), 64), _BLOCK_ROWS)
    return [slice(start, min(start + rows, n_samples)) for start in range(0, n_samples, rows)]


def _copied_columns(X, features):
    if X.flags.f_contiguous:
        return np.take(X.T, features, axis=0).T
    copied = np.empty((X.shape[0], features.size), dtype=X.dtype)
    for rows in _blocks(*copied.shape):
        # Any mode but "raise" lets NumPy write into `out` without a buffer of its own.
        np.take(X[rows], features, axis=1, out=copied[rows], mode="clip")
    return copied


def _blockwise_gram(X, features, weights, y):
    n_features = X.shape[1] if isinstance(features, slice) else features.size
    n_columns = n_features + 2
    blocks = _blocks(X.shape[0], n_columns)
    # NumPy lays out picked columns one after the other, whatever the order of X.
    by_column = X.flags.f_contiguous or not isinstance(features, slice)
    buffer = np.empty((blocks[0].stop, n_columns), order="F" if by_column else "C")
    root = np.sqrt(weights)
    gram = np.zeros((n_columns, n_columns), order="F")
    for rows in blocks:
        block = buffer[: rows.stop - rows.start]
        np.multiply(X[rows, features], root[rows, None], out=block[:, :-2])
        block[:, -2] = root[rows]
        np.multiply(y[rows], root[rows], out=block[:, -1])
        factor = block if by_column else block.T
        gram = dsyrk(1.0, factor, beta=1.0, c=gram, trans=by_column, lower=True, overwrite_c=True)
    return gram
