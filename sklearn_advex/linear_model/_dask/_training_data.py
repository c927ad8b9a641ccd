"""Validated training data in Dask collections: what `TrainingData` is for data in memory."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from sklearn_advex._utils._class_targets import (
    check_class_totals,
    check_classes,
    weight_of_totals,
)
from sklearn_advex._utils._containers import refuse_dates
from sklearn_advex._utils._dask import empty_rows, is_dask, is_dask_frame
from sklearn_advex._utils._dask_blocks import RowBlocks, join_blocks
from sklearn_advex.linear_model._dask._fold_scores import FoldScores, mean_of_ratios
from sklearn_advex.linear_model._dask._folds import split
from sklearn_advex.linear_model._dask._local_fits import LocalFits, median_model
from sklearn_advex.linear_model._dask._rows import BinaryProblem, RowReader
from sklearn_advex.linear_model._dask._summary import ClassSums, InvalidRows, Summarize
from sklearn_advex.linear_model._dask._term import DaskTerm
from sklearn_advex.linear_model._objective import TERMS
from sklearn_advex.linear_model._objective._objective import RobustObjective
from sklearn_advex.linear_model._training_data import class_mean_gaps


@dataclass(frozen=True)
class DaskTrainingData:
    """Training data in Dask collections that are known to be valid.

    Attributes
    ----------
    blocks : RowBlocks
    reader : RowReader
    sums : ClassSums
        Over the rows that count.
    class_weight : dict, "balanced" or None
    weight_of_class : ndarray of shape (n_classes,)
        By which the weight of a row is multiplied, so that all of them sum to 1.
    near : ndarray of shape (n_problems, n_variables) or None
        Variables near those of the models of all rows.
    """

    is_streamed = True

    blocks: RowBlocks
    reader: RowReader
    sums: ClassSums
    class_weight: object
    weight_of_class: np.ndarray
    near: np.ndarray | None = None

    @classmethod
    def from_collections(
        cls, X, y, sample_weight=None, class_weight=None, *, cv=None, problem=None
    ):
        """Validate rows, labels and weights in one pass, and look for a start in it.

        Parameters
        ----------
        X : dask array or DataFrame of shape (n_samples, n_features)
        y : dask array, Series or array-like of shape (n_samples,)
        sample_weight : dask array, Series or array-like of shape (n_samples,), default=None
        class_weight : dict, "balanced" or None, default=None
        cv : dask array or Series of shape (n_samples,), default=None
            The number of the fold of each row.
        problem : dict, default=None
            The arguments of `objectives` that a start is wanted for.

        Returns
        -------
        DaskTrainingData

        Raises
        ------
        ValueError
            If the data are not valid; the message names the column.
        """
        dtype, names = _checked_dtype(empty_rows(X)), None
        if is_dask_frame(X):
            names = tuple(map(str, X.columns))
        blocks = join_blocks(X, y, sample_weight, cv)
        wanted = [Summarize(dtype, names)]
        if problem is not None:
            wanted.append(LocalFits(dtype, problem, class_weight, blocks.n_blocks))
        sums, *models = blocks.compute(*wanted)
        if isinstance(sums, InvalidRows):
            raise ValueError(str(sums)) from sums
        if sums is None:
            raise ValueError("X has no rows: a minimum of 1 is required.")
        if sums.largest_weight == 0:
            raise ValueError("Sample weights must contain at least one non-zero number.")
        check_classes(sums.classes)
        reader = RowReader(dtype, sums.classes, sums.largest_weight)
        near = median_model(models[0], sums.classes) if models else None
        return cls._weighted(blocks, reader, sums, class_weight, near)

    @classmethod
    def _weighted(cls, blocks, reader, sums, class_weight, near=None):
        of_class = weight_of_totals(class_weight, sums.classes, sums.weights)
        totals = sums.weights * of_class
        check_class_totals(totals, sums.classes)
        return cls(blocks, reader, sums, class_weight, of_class / totals.sum(), near)

    @property
    def classes(self):
        """The class labels, an ndarray of shape (n_classes,)."""
        return self.sums.classes

    @property
    def dtype(self):
        """The dtype of the features."""
        return self.reader.dtype

    @property
    def n_features(self):
        """Number of features."""
        return self.sums.features.shape[1]

    @property
    def class_shares(self):
        """Share of each class of the weight of the rows, an ndarray of shape (n_classes,)."""
        return self.sums.weights / self.sums.weights.sum()

    @property
    def n_passes(self):
        """Passes over the data so far."""
        return self.blocks.n_passes

    def start(self, problem):
        """Return the variables of models of samples, found for this problem in the first pass.

        Parameters
        ----------
        problem : dict

        Returns
        -------
        ndarray of shape (n_problems, n_variables) or None
        """
        return self.near

    def in_column_order(self):
        """Return the same data: blocks stay as they are.

        Returns
        -------
        DaskTrainingData
        """
        return self

    def folds(self, cv):
        """Split the rows for cross-validation.

        Parameters
        ----------
        cv : int, None, dask array or Series
            A number of folds, which are stratified within each block; None means 5. Or the number
            of the fold of each row, with which the data were made.

        Returns
        -------
        list of pair of TrainingRows and Fold
        """
        if not is_dask(cv):
            return split(self.blocks, self.reader, self.sums, 5 if cv is None else int(cv))
        return split(self.blocks, self.reader, self.sums, None)

    def take(self, rows):
        """Return the data without the rows that a fold leaves out.

        Parameters
        ----------
        rows : TrainingRows

        Returns
        -------
        DaskTrainingData
        """
        reader = replace(self.reader, fold=rows.fold)
        return self._weighted(self.blocks, reader, rows.sums, self.class_weight)

    def fold_scores(self, fold, models, scorers):
        """Score models on the rows that a fold leaves out, all of them in one pass.

        Parameters
        ----------
        fold : Fold
        models : list of AdversarialLogisticRegression
        scorers : dict of str to str or callable
            As `check_scorers` admits them.

        Returns
        -------
        dict of str to list of float
        """
        (sums,) = self.blocks.compute(FoldScores(self.reader, fold, models, scorers))
        return {
            name: [mean_of_ratios(sums[i, name]) for i in range(len(models))] for name in scorers
        }

    def feature_means(self):
        """Compute the mean of each feature, weighted by the rows alone.

        Returns
        -------
        ndarray of shape (n_features,)
        """
        return self.sums.features.sum(axis=0) / self.sums.weights.sum()

    @cached_property
    def class_mean_gaps(self):
        """The gaps between the means of the classes, as of `TrainingData`."""
        total = self.sums.weights.sum()
        return class_mean_gaps(
            self.sums.features / total, self.sums.weights / total, self.sums.counts.sum()
        )

    def objectives(self, loss, perturbation, *, alpha, l1_ratio, fit_intercept):
        """State the binary problems, as of `TrainingData`.

        Parameters
        ----------
        loss : str
            A key of `TERMS`.
        perturbation : PerturbationSet
        alpha, l1_ratio : float
        fit_intercept : bool

        Returns
        -------
        list of RobustObjective
        """
        positives = [1] if self.classes.size == 2 else range(self.classes.size)
        terms = [
            DaskTerm(
                self.blocks,
                BinaryProblem(
                    self.reader,
                    TERMS[loss],
                    k,
                    self.weight_of_class,
                    fit_intercept,
                    perturbation.n_sides,
                ),
                self.sums,
            )
            for k in positives
        ]
        return [
            RobustObjective(term, perturbation, alpha=alpha, l1_ratio=l1_ratio) for term in terms
        ]


def _checked_dtype(rows):
    """Return the dtype in which rows are computed, float32 if all of them are."""
    refuse_dates(rows)
    dtypes = dict(rows.dtypes) if hasattr(rows, "dtypes") else {"X": rows.dtype}
    bad = [name for name, dtype in dtypes.items() if not _is_number(dtype)]
    if bad and hasattr(rows, "dtypes"):
        raise ValueError(
            f"X has columns that are not numbers: {bad[:5]}. Encode them first, for example with"
            " dask.dataframe.get_dummies on categories; astype(float) converts decimals."
        )
    if bad:
        raise ValueError(
            f"X has the dtype {rows.dtype}, which is not of numbers: X.astype(float) converts it."
        )
    if not all(isinstance(dtype, np.dtype) for dtype in dtypes.values()):
        return np.dtype(np.float64)
    common = np.result_type(*dtypes.values())
    return common if common == np.float32 else np.dtype(np.float64)


def _is_number(dtype):
    return getattr(dtype, "kind", "O") in "biuf" and getattr(dtype, "name", "") != "category"
