"""Models of some rows of some blocks, of which a fit to all rows starts."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import issparse

from sklearn_advex._utils._dask_blocks import BlockSum, column_of
from sklearn_advex.linear_model._dask._rows import matrix_of
from sklearn_advex.linear_model._sample_fit import fit_sample, is_large_enough
from sklearn_advex.linear_model._training_data import TrainingData

# Blocks that models are fitted to, and rows of each: more make a better start, and take longer.
_N_BLOCKS, _N_ROWS = 16, 4096


@dataclass(frozen=True)
class LocalFits(BlockSum):
    """The models that evenly spaced rows of evenly spaced blocks have.

    The median of many such models is near that of all rows (Minsker, DOI 10.3150/14-BEJ645), and
    has a coefficient of 0 where most of them have.

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
        is_chosen = block.number % -(-self.n_blocks // _N_BLOCKS) == 0
        # Shorter blocks are read in a moment, so that there is nothing to save.
        if not is_chosen or n_rows <= _N_ROWS or not is_large_enough(_N_ROWS, n_features):
            return []
        try:
            data = self._data(block, slice(None, None, -(-n_rows // _N_ROWS)))
        except (TypeError, ValueError):  # where all rows are validated, users are told
            return []
        if not is_large_enough(*data.design.shape, data.classes.size):
            return []
        variables = fit_sample(data, self.problem)
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
    """Return the coordinate-wise median of models.

    Parameters
    ----------
    models : list of pair of ndarray
        What a pass for `LocalFits` found.
    classes : ndarray of shape (n_classes,)
        Of all rows; models of fewer classes are left out.

    Returns
    -------
    ndarray of shape (n_problems, n_variables) or None
    """
    variables = [of_model for own, of_model in models if np.array_equal(own, classes)]
    return np.median(variables, axis=0) if variables else None
