"""The first pass over the rows: are they valid, which classes are there, sums over each class."""

from dataclasses import dataclass

import numpy as np
from sklearn.utils.multiclass import check_classification_targets

from sklearn_advex._utils._dask_blocks import BlockSum, column_of
from sklearn_advex.linear_model._dask._rows import matrix_of, positions_of
from sklearn_advex.linear_model._objective._design_matrix import as_design_matrix

# Labels beyond which a block's y is taken for numbers, not classes, before memory runs out.
_MAX_CLASSES = 1000
# Rows that are looked at first for labels, and labels up to which all rows are compared with them.
_N_FIRST, _FEW_CLASSES = 100, 5


class InvalidRows(ValueError):
    """Rows of a block that cannot be trained on; the message is for the user."""


@dataclass
class ClassSums:
    """Sums over the rows of each class.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        Sorted.
    counts : ndarray of int of shape (n_classes,)
        Numbers of rows.
    weights : ndarray of shape (n_classes,)
        Sums of the weights of the rows, divided by `largest_weight`.
    features : ndarray of shape (n_classes, n_features)
        Sums of the features, weighted in the same way.
    largest_weight : float
    """

    classes: np.ndarray
    counts: np.ndarray
    weights: np.ndarray
    features: np.ndarray
    largest_weight: float

    @classmethod
    def joined(cls, parts):
        """Add the sums of several blocks up.

        Parameters
        ----------
        parts : list of ClassSums

        Returns
        -------
        ClassSums
        """
        classes = np.unique(np.concatenate([part.classes for part in parts]))
        largest = max(part.largest_weight for part in parts)
        joined = cls(
            classes,
            np.zeros(classes.size, dtype=int),
            np.zeros(classes.size),
            np.zeros((classes.size, parts[0].features.shape[1])),
            largest,
        )
        for part in parts:
            at = np.searchsorted(classes, part.classes)
            scale = part.largest_weight / largest if largest > 0 else 0.0
            joined.counts[at] += part.counts
            joined.weights[at] += scale * part.weights
            joined.features[at] += scale * part.features
        return joined


@dataclass(frozen=True)
class Summarize(BlockSum):
    """Validate the rows of a block, and add them up by class.

    Attributes
    ----------
    dtype : numpy dtype
        Of the features.
    names : tuple of str or None
        Names of the features.
    """

    dtype: np.dtype
    names: tuple | None
    label = "validate"

    def of_block(self, block):
        """Return the `ClassSums` of a block, None without rows, or what is wrong with it."""
        try:
            return self._class_sums(block)
        except InvalidRows as error:
            return error

    def join(self, parts):
        """Add sums up; the first error wins."""
        errors = [part for part in parts if isinstance(part, InvalidRows)]
        if errors:
            return errors[0]
        parts = [part for part in parts if part is not None]
        if not parts:
            return None
        try:
            return ClassSums.joined(parts)
        except TypeError:
            kinds = sorted({type(label).__name__ for part in parts for label in part.classes})
            return InvalidRows(f"y mixes labels of several types, {kinds}: make them all texts.")

    def _class_sums(self, block):
        y = column_of(block.y)
        _check_length(block, y.size, "y")
        if y.size == 0:
            return None
        X = self._checked_matrix(block)
        classes, labels = _checked_classes(y)
        weights, largest = _checked_weights(block)
        by_class = np.zeros((y.size, classes.size), order="F")
        by_class[np.arange(y.size), labels] = weights
        with np.errstate(invalid="ignore", over="ignore"):
            features = as_design_matrix(X).rmatvec(by_class).T
        self._check_finite(X, features)
        counts = np.bincount(labels, minlength=classes.size)
        return ClassSums(classes, counts, by_class.sum(axis=0), features, largest)

    def _checked_matrix(self, block):
        try:
            return matrix_of(block.X, self.dtype)
        except (TypeError, ValueError) as error:
            raise InvalidRows(
                f"Block {block.number} of X holds what is not a number ({error}): encode such"
                " columns first."
            ) from error

    def _check_finite(self, X, sums):
        """Look for the columns that are not finite, if their sums say that there are some."""
        if np.isfinite(sums).all():
            return
        for is_bad, what, advice in (
            (np.isnan, "NaN", "Impute them, or leave out their rows."),
            (np.isinf, "infinity", "Clip such values, or leave out their rows."),
        ):
            columns = _columns_where(is_bad, X)
            if columns.size:
                where = [self.names[c] if self.names else int(c) for c in columns[:5]]
                more = f" and {columns.size - 5} more" if columns.size > 5 else ""
                raise InvalidRows(f"Input X contains {what} in the columns {where}{more}. {advice}")


def _columns_where(is_bad, X):
    if isinstance(X, np.ndarray):
        return np.flatnonzero(is_bad(X).any(axis=0))
    return np.unique(X.indices[is_bad(X.data)])


def _check_length(block, length, name):
    if block.X.shape[0] != length:
        raise InvalidRows(
            f"Block {block.number} of X has {block.X.shape[0]} rows but that of {name} has"
            f" {length}: take both from one collection, or rechunk them alike."
        )


def _checked_classes(y):
    if y.dtype == object:
        import pandas as pd  # such labels come from pandas, or as texts that dask needs it for

        is_missing = pd.isna(y)
    else:
        is_missing = y != y
    if np.any(is_missing):
        raise InvalidRows("Input y contains missing labels: leave out their rows.")
    if y.dtype.kind not in "biu":
        try:
            check_classification_targets(y)
        except ValueError as error:
            raise InvalidRows(str(error)) from error
    classes = _different(y)
    if classes.size > _MAX_CLASSES:
        raise InvalidRows(
            f"y has {classes.size} different values in one block: it should hold class labels."
        )
    return classes, positions_of(y, classes)


def _different(y):
    """Return the different labels, sorted.

    To compare numbers with the few labels of the first rows takes a tenth of the time to hash them.
    """
    first = np.unique(y[:_N_FIRST])
    are_few_numbers = y.dtype.kind in "biuf" and first.size <= _FEW_CLASSES
    if are_few_numbers and sum(np.count_nonzero(y == label) for label in first) == y.size:
        return first
    return np.unique(y)


def _checked_weights(block):
    """Return the weights of the rows of a block divided by the largest, and the largest."""
    if block.sample_weight is None:
        return 1.0, 1.0
    weights = column_of(block.sample_weight).astype(np.float64)
    _check_length(block, weights.size, "sample_weight")
    if not np.isfinite(weights).all():
        raise InvalidRows("Input sample_weight contains NaN or infinity.")
    if (weights < 0).any():
        raise InvalidRows("Negative values in data passed to `sample_weight`.")
    largest = weights.max()
    return (weights / largest if largest > 0 else weights), largest
