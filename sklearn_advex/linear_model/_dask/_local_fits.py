"""Models of some rows of some blocks, of which a fit to all rows starts."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import issparse

from sklearn_advex._utils._dask_blocks import BlockSum, column_of
from sklearn_advex.linear_model._dask._rows import matrix_of
from sklearn_advex.linear_model._sample_fit import fit_roughly, is_large_enough
from sklearn_advex.linear_model._training_data import TrainingData

# Blocks that models are fitted to, and rows of all of these: more make a better start, and take
# longer.
_N_BLOCKS, _N_ROWS = 16, 2**16
# Steps toward the median: more hardly move it.
_N_STEPS = 10
_EPS = np.finfo(float).eps


@dataclass(frozen=True)
class LocalFits(BlockSum):
    """The models that evenly spaced rows of evenly spaced blocks have.

    The geometric median of many such models is near that of all rows, whatever a few blocks hold
    (Minsker, DOI 10.3150/14-BEJ645).

    Attributes
    ----------
    dtype : numpy dtype
        Of the features.
    problem : dict
        The arguments of `TrainingData.objectives`.
    class_weight : dict, "balanced" or None
    n_blocks : int
        Number of all blocks.
    """

    dtype: np.dtype
    problem: dict
    class_weight: object
    n_blocks: int
    label = "local_fits"

    def of_block(self, block):
        """Return a list of a pair of classes and variables, empty where there is no model."""
        n_rows, n_features = block.X.shape
        blocks_per_chosen = -(-self.n_blocks // _N_BLOCKS)
        n_sampled = min(n_rows, _N_ROWS // -(-self.n_blocks // blocks_per_chosen))
        if block.number % blocks_per_chosen or not is_large_enough(n_sampled, n_features):
            return []
        try:
            data = self._data(block, slice(None, None, -(-n_rows // n_sampled)))
        except (TypeError, ValueError):  # where all rows are validated, users are told
            return []
        if not is_large_enough(*data.design.shape, data.classes.size):
            return []
        variables = fit_roughly(data, self.problem)
        return [] if variables is None else [(data.classes, variables)]

    def join(self, parts):
        """Put the lists together."""
        return [model for part in parts for model in part]

    def _data(self, block, rows):
        X = matrix_of(block.X.iloc[rows] if hasattr(block.X, "iloc") else block.X[rows], self.dtype)
        if not np.isfinite(X.data if issparse(X) else X).all():
            raise ValueError("X is not finite")
        y, weights = column_of(block.y), block.sample_weight
        if y.size != block.X.shape[0]:
            raise ValueError("y is not as long as X")
        weights = None if weights is None else column_of(weights)[rows]
        with np.errstate(invalid="ignore"):  # NaN among labels
            return TrainingData.from_arrays(X, y[rows], weights, self.class_weight)


def median_model(models, classes):
    """Return the geometric median of models.

    Parameters
    ----------
    models : list of pair of ndarray
        What a pass for `LocalFits` found.
    classes : ndarray of shape (n_classes,)
        Of all rows; models of fewer classes are left out.

    Returns
    -------
    ndarray of shape (n_problems, n_variables) or None
        With a coefficient of 0 where most of them have.
    """
    variables = [of_model for own, of_model in models if np.array_equal(own, classes)]
    if not variables:
        return None
    return np.stack([_geometric_median(points) for points in np.swapaxes(variables, 0, 1)])


def _geometric_median(points):
    """Return what is least far from points in the units of their spread, by Weiszfeld's steps.

    Medians of one coordinate at a time would lose sums that all points agree on, where columns are
    correlated. They decide what is 0.
    """
    median = middle = np.median(points, axis=0)
    spread = np.median(np.abs(points - middle), axis=0)
    spread[spread == 0.0] = np.inf
    for _ in range(_N_STEPS):
        distances = np.linalg.norm((points - median) / spread, axis=1)
        median = np.average(points, axis=0, weights=1 / np.maximum(distances, _EPS))
    return np.where(middle == 0.0, 0.0, median)
