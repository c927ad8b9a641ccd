"""One block of rows as training sees it: a matrix of numbers, positions of classes, weights."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import issparse

from sklearn_advex._utils._dask_blocks import column_of
from sklearn_advex.linear_model._objective._design_matrix import as_design_matrix

# Numbers of a block that are worked on at a time, within bounds of their rows: more leave the cache
# of a core, fewer cost calls.
_SLICE_SIZE, _FEWEST_ROWS, _MOST_ROWS = 2**18, 1024, 4096


def matrix_of(X, dtype):
    """Return the rows of a block as numbers.

    Parameters
    ----------
    X : {ndarray, sparse matrix, DataFrame} of shape (n_rows, n_features)
    dtype : numpy dtype

    Returns
    -------
    {ndarray, CSR matrix} of shape (n_rows, n_features)
    """
    if issparse(X):
        return X.tocsr().astype(dtype, copy=False)
    if hasattr(X, "to_numpy"):
        X = X.to_numpy(dtype=dtype, na_value=np.nan)
    # What came over a network may begin anywhere in memory, and NumPy then adds in another order.
    return np.require(X, dtype=dtype, requirements="A")


def slices_of(X, dtype):
    """Go through the rows of a block as numbers, some thousand at a time.

    Workers of a cluster return memory to the system at once, and to get it again takes longer than
    to compute with it. So arrays as long as a block are avoided, and what is converted goes through
    one buffer. Sparse matrices are taken whole: slices would be copies.

    Parameters
    ----------
    X : {ndarray, sparse matrix, DataFrame} of shape (n_rows, n_features)
    dtype : numpy dtype

    Yields
    ------
    rows : slice
    numbers : {ndarray, CSR matrix} of shape (n_rows_of_slice, n_features)
        Valid until the next are asked for.
    """
    if not isinstance(X, np.ndarray):
        X = matrix_of(X, dtype)
    n_rows, n_features = X.shape
    if issparse(X):
        yield slice(None), X
        return
    step = min(max(_SLICE_SIZE // n_features, _FEWEST_ROWS), _MOST_ROWS)
    buffer = None
    if X.dtype != dtype or not X.flags.aligned:
        buffer = np.empty((min(step, n_rows), n_features), dtype)
    for start in range(0, n_rows, step):
        rows = slice(start, min(start + step, n_rows))
        numbers = X[rows]
        if buffer is not None:
            numbers = buffer[: rows.stop - rows.start]
            np.copyto(numbers, X[rows], casting="unsafe")
        yield rows, numbers


def positions_of(y, classes):
    """Find the position of each label among the classes, all of which are known.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
    classes : ndarray of shape (n_classes,)
        Sorted.

    Returns
    -------
    ndarray of int of shape (n_rows,)
    """
    if y.dtype.kind in "OUST":  # comparing texts in Python takes as long as all the rest
        import pandas as pd  # dask needs it for texts anyway

        return pd.Index(classes.astype(object)).get_indexer(y.astype(object))
    return (y == classes[1]).astype(int) if classes.size == 2 else np.searchsorted(classes, y)


@dataclass(frozen=True)
class Fold:
    """Rows to leave out of a fit, or those left out.

    Attributes
    ----------
    number : int
    n_folds : int or None
        None if the user's column of folds says which rows these are.
    is_test : bool
        Whether these are the rows left out.
    """

    number: int
    n_folds: int | None
    is_test: bool

    def mask(self, block, labels):
        """Return which rows of a block belong to it.

        Parameters
        ----------
        block : Block
        labels : ndarray of int of shape (n_rows,)

        Returns
        -------
        ndarray of bool of shape (n_rows,)
        """
        return (folds_of_block(block, labels, self.n_folds) == self.number) == self.is_test


def folds_of_block(block, labels, n_folds):
    """Return the number of the fold of each row of a block.

    Parameters
    ----------
    block : Block
    labels : ndarray of int of shape (n_rows,)
    n_folds : int or None
        None to take the user's column of folds.

    Returns
    -------
    ndarray of int of shape (n_rows,)
    """
    if n_folds is None:
        return column_of(block.fold).astype(int)
    return fold_of_rows(labels, block.number, n_folds)


def fold_of_rows(labels, start, n_folds):
    """Deal the rows of each class of a block out to folds, every n-th to the same.

    The first row of a class in a block goes to a fold that depends on the block, so that short
    blocks fill the folds evenly.

    Parameters
    ----------
    labels : ndarray of int of shape (n_rows,)
    start : int
        The number of the block.
    n_folds : int

    Returns
    -------
    ndarray of int of shape (n_rows,)
    """
    folds = np.empty(labels.size, dtype=int)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        folds[rows] = (start + np.arange(rows.size)) % n_folds
    return folds


@dataclass(frozen=True)
class RowReader:
    """How the rows of a block are read.

    Attributes
    ----------
    dtype : numpy dtype
        Of the features.
    classes : ndarray of shape (n_classes,)
    largest_weight : float
        By which `sample_weight` is divided.
    fold : Fold or None
        The rows that count; all if None.
    """

    dtype: np.dtype
    classes: np.ndarray
    largest_weight: float
    fold: Fold | None = None

    def read(self, block):
        """Read a block.

        Parameters
        ----------
        block : Block

        Returns
        -------
        X : {ndarray, CSR matrix} of shape (n_rows, n_features)
        labels : ndarray of int of shape (n_rows,)
        row_weights : ndarray of shape (n_rows,)
        """
        return matrix_of(block.X, self.dtype), *self.read_labels(block)

    def read_labels(self, block):
        """Read what a block has beside X.

        Parameters
        ----------
        block : Block

        Returns
        -------
        labels : ndarray of int of shape (n_rows,)
        row_weights : ndarray of shape (n_rows,)
        """
        labels = positions_of(column_of(block.y), self.classes)
        if block.sample_weight is None:
            row_weights = np.ones(labels.size)
        else:
            row_weights = column_of(block.sample_weight).astype(np.float64)
            row_weights = row_weights / self.largest_weight
        if self.fold is not None:
            row_weights = np.where(self.fold.mask(block, labels), row_weights, 0.0)
        return labels, row_weights


@dataclass(frozen=True)
class BinaryProblem:
    """What makes the data terms of one binary problem out of a block.

    Attributes
    ----------
    reader : RowReader
    make_term : callable
        An entry of `TERMS`.
    positive : int
        Position of the class that is told from all others.
    weight_of_class : ndarray of shape (n_classes,)
        Factors of the weights of the rows.
    fit_intercept : bool
    n_heights : int
    """

    reader: RowReader
    make_term: object
    positive: int
    weight_of_class: np.ndarray
    fit_intercept: bool
    n_heights: int

    def terms(self, block):
        """Make the data terms whose sum is that of a block.

        Parameters
        ----------
        block : Block

        Yields
        ------
        MarginTerm
            Valid until the next is asked for.
        """
        labels, row_weights = self.reader.read_labels(block)
        signs = np.where(labels == self.positive, 1.0, -1.0)
        weights = row_weights * self.weight_of_class[labels]
        for rows, X in slices_of(block.X, self.reader.dtype):
            yield self.make_term(
                as_design_matrix(X),
                signs[rows],
                weights[rows],
                fit_intercept=self.fit_intercept,
                n_heights=self.n_heights,
            )
