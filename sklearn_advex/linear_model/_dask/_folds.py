"""Cross-validation on blocks: sums over the rows of each fold, and scores on the rows left out."""

from dataclasses import dataclass, replace

import numpy as np

from sklearn_advex._utils._dask_blocks import BlockSum
from sklearn_advex.linear_model._dask._rows import Fold, RowReader, fold_of_rows
from sklearn_advex.linear_model._dask._summary import ClassSums
from sklearn_advex.linear_model._fold_scores import mean_gini, predicted_positions
from sklearn_advex.linear_model._objective._design_matrix import as_design_matrix


@dataclass(frozen=True)
class TrainingRows:
    """The rows that a fold leaves in.

    Attributes
    ----------
    fold : Fold
    sums : ClassSums
        Over them.
    """

    fold: Fold
    sums: ClassSums


@dataclass(frozen=True)
class FoldSums(BlockSum):
    """Counts, weights and features by fold and class.

    Attributes
    ----------
    reader : RowReader
    n_folds : int
    """

    reader: RowReader
    n_folds: int
    label = "folds"

    def of_block(self, block):
        """Return three arrays that begin with the shape (n_folds, n_classes)."""
        X, labels, row_weights = self.reader.read(block)
        n_classes = self.reader.classes.size
        shape = (self.n_folds, n_classes)
        if labels.size == 0:
            return [np.zeros(shape, dtype=int), np.zeros(shape), np.zeros((*shape, X.shape[1]))]
        group = n_classes * fold_of_rows(labels, block.number, self.n_folds) + labels
        by_group = np.zeros((labels.size, self.n_folds * n_classes))
        by_group[np.arange(labels.size), group] = row_weights
        features = as_design_matrix(X).rmatvec(by_group).T
        counts = np.bincount(group, minlength=by_group.shape[1])
        return [
            counts.reshape(shape),
            by_group.sum(axis=0).reshape(shape),
            features.reshape(*shape, -1),
        ]

    def join(self, parts):
        """Add them up."""
        return [sum(of[1:], start=of[0]) for of in zip(*parts, strict=True)]


@dataclass(frozen=True)
class FoldScores(BlockSum):
    """Sums of the scores of models over the rows that a fold leaves out.

    Attributes
    ----------
    reader : RowReader
    fold : Fold
        Of the rows left out.
    models : list of pair of ndarray
        Coefficients of shape (n_problems, n_features) and intercepts.
    """

    reader: RowReader
    fold: Fold
    models: list
    label = "score"

    def of_block(self, block):
        """Return an array of shape (2, n_models), and the number of rows."""
        X, labels, _ = self.reader.read(block)
        rows = self.fold.mask(labels, block.number)
        sums = np.zeros((2, len(self.models)))
        if not rows.any():
            return [sums, 0]
        X, labels = X[rows], labels[rows]
        for i, (coef, intercept) in enumerate(self.models):
            predicted = predicted_positions(X, coef, intercept)
            sums[0, i] = np.count_nonzero(predicted == labels)
            sums[1, i] = labels.size * mean_gini(X, coef, predicted)
        return [sums, labels.size]

    def join(self, parts):
        """Add them up."""
        return [sum(of[1:], start=of[0]) for of in zip(*parts, strict=True)]


def split(blocks, reader, sums, n_folds):
    """Deal all rows out to folds, in one pass.

    Parameters
    ----------
    blocks : RowBlocks
    reader : RowReader
    sums : ClassSums
        Over all rows.
    n_folds : int

    Returns
    -------
    list of pair of TrainingRows and Fold
        The rows left in and those left out, for each fold.

    Raises
    ------
    ValueError
        If a class has fewer rows than there are folds.
    """
    ((counts, weights, features),) = blocks.compute(FoldSums(reader, n_folds))
    scarce = counts.min(axis=0) == 0
    if scarce.any():
        raise ValueError(
            f"cv={n_folds} folds leave no row of the class(es) {sums.classes[scarce].tolist()} in"
            " one of them: set cv to fewer folds, or rechunk to fewer blocks."
        )
    folds = []
    for k in range(n_folds):
        kept = np.arange(n_folds) != k
        of_kept = replace(
            sums,
            counts=counts[kept].sum(axis=0),
            weights=weights[kept].sum(axis=0),
            features=features[kept].sum(axis=0),
        )
        folds.append((TrainingRows(Fold(k, n_folds, False), of_kept), Fold(k, n_folds, True)))
    return folds
