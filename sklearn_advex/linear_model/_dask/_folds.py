"""Cross-validation on blocks: which rows belong to which fold, and sums over those left in."""

from dataclasses import dataclass, replace

import numpy as np

from sklearn_advex._utils._dask_blocks import BlockSum, add_up, column_of
from sklearn_advex.linear_model._dask._rows import Fold, RowReader, folds_of_block
from sklearn_advex.linear_model._dask._summary import ClassSums, InvalidRows
from sklearn_advex.linear_model._objective._design_matrix import as_design_matrix

# Folds beyond which a column of them is taken for something else, before memory runs out.
_MAX_FOLDS = 1000


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
    """Counts, weights and features by class, for each fold.

    Attributes
    ----------
    reader : RowReader
    n_folds : int or None
        None for the user's column of folds.
    """

    reader: RowReader
    n_folds: int | None
    label = "folds"

    def of_block(self, block):
        """Return a dict from the numbers of folds to three arrays, or what is wrong with it."""
        X, labels, row_weights = self.reader.read(block)
        if self.n_folds is None:
            problem = _problem_of_folds(column_of(block.fold), labels.size)
            if problem:
                return InvalidRows(problem)
        folds = folds_of_block(block, labels, self.n_folds)
        n_classes = self.reader.classes.size
        sums = {}
        for fold in np.unique(folds):
            rows = np.flatnonzero(folds == fold)
            by_class = np.zeros((rows.size, n_classes), order="F")
            by_class[np.arange(rows.size), labels[rows]] = row_weights[rows]
            counts = np.bincount(labels[rows], minlength=n_classes)
            features = as_design_matrix(X[rows]).rmatvec(by_class).T
            sums[int(fold)] = [counts, by_class.sum(axis=0), features]
        return sums

    def join(self, parts):
        """Add the sums of each fold up; the first error wins."""
        errors = [part for part in parts if isinstance(part, InvalidRows)]
        if errors:
            return errors[0]
        folds = sorted({fold for part in parts for fold in part})
        return {fold: add_up([part[fold] for part in parts if fold in part]) for fold in folds}


def _problem_of_folds(folds, n_rows):
    """Return what is wrong with the folds of the rows of a block, None if nothing is."""
    advice = "cv must hold the number of the fold of each row, -1 for rows that no fold leaves out"
    if folds.size != n_rows:
        return f"A block of X has {n_rows} rows but that of cv has {folds.size}: {advice}."
    try:
        numbers = folds.astype(np.float64)
    except (TypeError, ValueError):
        return f"{advice}; it holds {folds[0]!r}."
    bad = ~(numbers >= -1) | (numbers % 1 != 0)
    if bad.any():
        return f"{advice}; it holds {folds[bad][0]}."
    if np.unique(numbers).size > _MAX_FOLDS:
        return f"{advice}; it has more than {_MAX_FOLDS} different ones in one block."
    return None


def split(blocks, reader, sums, n_folds):
    """Find the rows of all folds and those left in, in one pass.

    Parameters
    ----------
    blocks : RowBlocks
    reader : RowReader
    sums : ClassSums
        Over all rows.
    n_folds : int or None
        None for the user's column of folds.

    Returns
    -------
    list of pair of TrainingRows and Fold
        The rows left in and those left out, for each fold.

    Raises
    ------
    ValueError
        If a class has fewer rows than there are folds, the column of folds is not valid, or a fold
        has rows without weight only.
    """
    (by_fold,) = blocks.compute(FoldSums(reader, n_folds))
    if isinstance(by_fold, InvalidRows):
        raise ValueError(str(by_fold)) from by_fold
    if n_folds is None:
        numbers = [number for number in by_fold if number >= 0]
        if len(by_fold) < 2 or not numbers:
            raise ValueError("cv must hold at least two numbers of folds, for it to leave rows in.")
    else:
        numbers = range(n_folds)
        _check_every_class(by_fold, sums.classes, n_folds)
    weightless = [number for number in numbers if not by_fold[number][1].any()]
    if weightless:
        raise ValueError(
            f"sample_weight is 0 for all rows of the fold(s) {weightless} of cv, which then have no"
            " score: leave such folds out, as -1 in cv."
        )
    return [
        (
            TrainingRows(Fold(number, n_folds, False), _sums_without(by_fold, number, sums)),
            Fold(number, n_folds, True),
        )
        for number in numbers
    ]


def _check_every_class(by_fold, classes, n_folds):
    scarce = np.full(classes.size, len(by_fold) < n_folds)
    for counts, _, _ in by_fold.values():
        scarce |= counts == 0
    if scarce.any():
        raise ValueError(
            f"cv={n_folds} folds leave no row of the class(es) {classes[scarce].tolist()} in"
            " one of them: set cv to fewer folds, or rechunk to fewer blocks."
        )


def _sums_without(by_fold, number, sums):
    counts, weights, features = add_up([of for fold, of in by_fold.items() if fold != number])
    absent = counts == 0
    if absent.any():
        raise ValueError(
            f"cv leaves all rows of the class(es) {sums.classes[absent].tolist()} out of a training"
            " set: use folds with rows of every class."
        )
    return replace(sums, counts=counts, weights=weights, features=features)
