"""Weighted means over rows, of which none is collected."""

from dataclasses import dataclass

import numpy as np

from sklearn_advex._utils._dask_blocks._join import column_of, join_blocks
from sklearn_advex._utils._dask_blocks._row_blocks import BlockSum, add_up


@dataclass(frozen=True)
class MeanSum(BlockSum):
    """The weighted sum of one or more numbers per row, and the sum of the weights.

    Attributes
    ----------
    function : callable
        From rows and labels to numbers.
    """

    function: object
    label = "score"

    def of_block(self, block):
        """Return both sums over a block."""
        if block.X.shape[0] == 0:
            return [0.0, 0.0]
        numbers = self.function(block.X, _labels_of(block))
        weights = _weights_of(block)
        if weights is None:
            return [np.ravel(numbers.sum(axis=0, dtype=np.float64)), numbers.shape[0]]
        return [np.ravel(weights @ numbers), weights.sum()]

    def join(self, parts):
        """Add them up."""
        return add_up(parts)


@dataclass(frozen=True)
class ScoreSum(BlockSum):
    """A score of each block times its weight, and the sum of the weights.

    Attributes
    ----------
    score : callable
        From rows, labels and weights to the weighted mean of a number per row.
    """

    score: object
    label = "score"

    def of_block(self, block):
        """Return both for a block."""
        weights = _weights_of(block)
        total = block.X.shape[0] if weights is None else weights.sum()
        if total == 0:
            return [0.0, 0.0]
        return [total * self.score(block.X, _labels_of(block), weights), total]

    def join(self, parts):
        """Add them up."""
        return add_up(parts)


def _labels_of(block):
    return None if block.y is None else column_of(block.y)


def _weights_of(block):
    if block.sample_weight is None:
        return None
    weights = column_of(block.sample_weight).astype(np.float64)
    if (weights < 0).any():
        raise ValueError("Negative values in data passed to `sample_weight`.")
    return weights


def mean_over_rows(function, X, y=None, sample_weight=None):
    """Compute the weighted mean of one or more numbers per row, without collecting the rows.

    Parameters
    ----------
    function : callable
        From a block of rows and their labels (None without `y`) to an array or sparse matrix with
        as many rows.
    X : dask array or DataFrame of shape (n_samples, n_features)
    y, sample_weight : dask array, Series or array-like of shape (n_samples,), default=None

    Returns
    -------
    ndarray of shape (1,) or (n_numbers,)
    """
    return _mean(MeanSum(function), X, y, sample_weight)


def mean_of_scores(score, X, y=None, sample_weight=None):
    """Compute a score that is a weighted mean over the rows from those of the blocks.

    Parameters
    ----------
    score : callable
        From a block of rows, their labels and their weights (None without them) to a float.
    X : dask array or DataFrame of shape (n_samples, n_features)
    y, sample_weight : dask array, Series or array-like of shape (n_samples,), default=None

    Returns
    -------
    float
    """
    return float(_mean(ScoreSum(score), X, y, sample_weight))


def _mean(wanted, X, y, sample_weight):
    ((total, weight),) = join_blocks(X, y, sample_weight).compute(wanted)
    if weight == 0:
        raise ValueError("X has no rows, or sample_weight is 0 for all of them.")
    return total / weight
