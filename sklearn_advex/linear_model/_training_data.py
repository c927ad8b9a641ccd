"""Validated training data, their sums per class, and the problems that they pose."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from sklearn.model_selection import check_cv
from sklearn.utils import check_X_y

from sklearn_advex._utils._class_targets import (
    check_classes,
    check_row_weights,
    check_weight_of_classes,
    weight_per_class,
)
from sklearn_advex._utils._containers import as_floats
from sklearn_advex._utils._dask import is_dask, refuse_mixed
from sklearn_advex.linear_model._fold_scores import score_models
from sklearn_advex.linear_model._objective import TERMS, _costs
from sklearn_advex.linear_model._objective._design_matrix import DesignMatrix, as_design_matrix
from sklearn_advex.linear_model._objective._objective import RobustObjective
from sklearn_advex.linear_model._sample_fit import fit_sample

#: Dtypes of features that training takes as they are.
FLOATS = [np.float64, np.float32]


@dataclass(frozen=True)
class TrainingData:
    """Training data that are known to be valid.

    Attributes
    ----------
    design : DesignMatrix of shape (n_samples, n_features)
    labels : ndarray of int of shape (n_samples,)
        Positions of the labels among the classes.
    classes : ndarray of shape (n_classes,)
    row_weights : ndarray of shape (n_samples,)
        The weights of the rows, summing to 1.
    class_weight : dict, "balanced" or None
    weights : ndarray of shape (n_samples,)
        The weights of the rows multiplied by those of their classes, summing to 1. Without
        `class_weight` it is `row_weights` itself, not a copy.
    """

    is_streamed = False

    design: DesignMatrix
    labels: np.ndarray
    classes: np.ndarray
    row_weights: np.ndarray
    class_weight: object
    weights: np.ndarray

    @classmethod
    def from_arrays(cls, X, y, sample_weight=None, class_weight=None):
        """Validate labels and weights.

        Parameters
        ----------
        X : {ndarray, CSR matrix} of shape (n_samples, n_features)
            Known to be valid.
        y : ndarray of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), default=None
        class_weight : dict, "balanced" or None, default=None

        Returns
        -------
        TrainingData

        Raises
        ------
        ValueError
            If there are fewer than two classes, weights are not valid, or a class has no weight.
        """
        classes = check_classes(y)
        labels = np.searchsorted(classes, y)
        row_weights = check_row_weights(sample_weight, X)
        return cls._weighted(as_design_matrix(X), labels, classes, row_weights, class_weight)

    @classmethod
    def _weighted(cls, design, labels, classes, row_weights, class_weight):
        weights = row_weights = row_weights / row_weights.sum()
        if class_weight is not None:
            of_class = weight_per_class(class_weight, classes, labels, row_weights)
            weights = row_weights * of_class[labels]
            weights /= weights.sum()
        check_weight_of_classes(weights, labels, classes)
        return cls(design, labels, classes, row_weights, class_weight, weights)

    @property
    def n_features(self):
        """Number of features."""
        return self.design.shape[1]

    @property
    def class_shares(self):
        """Share of each class of the weight of the rows, an ndarray of shape (n_classes,)."""
        return np.bincount(self.labels, weights=self.row_weights, minlength=self.classes.size)

    @property
    def n_passes(self):
        """Passes over rows that are not in memory."""
        return 0

    @property
    def dtype(self):
        """The dtype of the features."""
        return self.design.dtype

    def folds(self, cv, **metadata):
        """Split the rows for cross-validation.

        Parameters
        ----------
        cv : int, cross-validation generator, iterable or None
        **metadata
            What the generator takes beside rows and labels.

        Returns
        -------
        list of pair of ndarray
            Rows to train on and rows to test on, for each fold.

        Raises
        ------
        ValueError
            If some fold leaves no row of a class to train on, or no weight to test on.
        """
        splitter = check_cv(cv, self.labels, classifier=True)
        try:
            folds = list(splitter.split(self.design.X, self.labels, **metadata))
        except ValueError as error:
            if "groups" in metadata or "'groups'" not in str(error):
                raise
            raise ValueError(
                f"cv={cv!r} splits by groups of rows: pass them, as in fit(X, y, groups=...)."
            ) from error
        for train, _ in folds:
            self._check_all_classes_in(train)
        if not all(self.row_weights[test].any() for _, test in folds):
            raise ValueError(
                "cv leaves out nothing but rows with a sample_weight of 0 in some fold, which"
                " cannot be scored: leave these rows out of X, or shuffle the folds."
            )
        return folds

    def _check_all_classes_in(self, train):
        """Raise a ValueError if rows to train on lack a class."""
        is_absent = np.bincount(self.labels[train], minlength=self.classes.size) == 0
        if not is_absent.any():
            return
        is_single = is_absent & (np.bincount(self.labels) == 1)
        if is_single.any():
            raise ValueError(
                f"The class(es) {self.classes[is_single].tolist()} have a single row, which cannot"
                " be in the training set and in the test set of a fold: pass more rows of them, or"
                " leave these rows out."
            )
        raise ValueError(
            f"cv leaves all rows of the class(es) {self.classes[is_absent].tolist()} out of a"
            " training set: use folds with rows of every class, for example a StratifiedKFold with"
            " shuffle=True."
        )

    def fold_scores(self, test, models, scorers):
        """Score models on the rows that a fold leaves out.

        Parameters
        ----------
        test : ndarray of int or bool
            These rows.
        models : list of AdversarialLogisticRegression
        scorers : dict of str to str or callable

        Returns
        -------
        dict of str to list of float
        """
        is_weighted = np.ptp(self.row_weights) > 0
        weights = self.row_weights[test] if is_weighted else None
        X, labels = self.design.take(test).X, self.labels[test]
        return score_models(models, scorers, X, labels, weights)

    def take(self, rows):
        """Copy some rows, among them some of every class.

        Parameters
        ----------
        rows : ndarray of int or bool, or slice

        Returns
        -------
        TrainingData
        """
        design, labels = self.design.take(rows), self.labels[rows]
        row_weights = self.row_weights[rows]
        return self._weighted(design, labels, self.classes, row_weights, self.class_weight)

    def start(self, problem):
        """Find variables near those of the models of all rows.

        Parameters
        ----------
        problem : dict
            The arguments of `objectives`.

        Returns
        -------
        ndarray of shape (n_problems, n_variables) or None
            None for so few rows that it would not pay.
        """
        if self.labels.size < _costs.MIN_ROWS_TO_SAMPLE:
            return None
        return fit_sample(self, problem)

    def in_column_order(self):
        """Return the same data with a dense X in Fortran order, in which columns are fast to pick.

        Returns
        -------
        TrainingData
        """
        return replace(self, design=self.design.in_column_order())

    def feature_means(self):
        """Compute the mean of each feature, weighted by the rows alone.

        Returns
        -------
        ndarray of shape (n_features,)
        """
        return self.design.rmatvec(self.row_weights)

    @cached_property
    def class_mean_gaps(self):
        """The gaps between the means of the classes of each problem, weighted by the rows alone.

        A pair of an ndarray of shape (n_problems, n_features) with absolute differences, and one of
        shape (n_problems,) with the weight of each positive class.
        """
        n_classes, n_samples = self.classes.size, self.labels.size
        of_row = self.row_weights
        sums = np.array(
            [self.design.rmatvec(np.where(self.labels == k, of_row, 0.0)) for k in range(n_classes)]
        )
        shares = np.bincount(self.labels, weights=of_row, minlength=n_classes)
        return class_mean_gaps(sums, shares, n_samples)

    def objectives(self, loss, perturbation, *, alpha, l1_ratio, fit_intercept):
        """State the binary problems: one for two classes, else each class against the rest.

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
        options = {"fit_intercept": fit_intercept, "n_heights": perturbation.n_sides}
        terms = [
            TERMS[loss](self.design, np.where(self.labels == k, 1.0, -1.0), self.weights, **options)
            for k in positives
        ]
        return [
            RobustObjective(term, perturbation, alpha=alpha, l1_ratio=l1_ratio) for term in terms
        ]


def training_data(X, y, sample_weight=None, class_weight=None):
    """Validate training data, where there is no estimator to remember what they look like.

    Parameters
    ----------
    X : {array-like, sparse matrix, dask array or DataFrame} of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
    sample_weight : array-like of shape (n_samples,), default=None
    class_weight : dict, "balanced" or None, default=None

    Returns
    -------
    TrainingData or DaskTrainingData
    """
    if is_dask(X):
        return dask_training_data(X, y, sample_weight, class_weight)
    refuse_mixed(X, y=y, sample_weight=sample_weight)
    X, y = check_X_y(X, y, accept_sparse="csr", dtype=FLOATS)
    return TrainingData.from_arrays(as_floats(X), y, sample_weight, class_weight)


def dask_training_data(X, y, sample_weight=None, class_weight=None, **options):
    """Validate training data in Dask collections.

    Parameters
    ----------
    X, y, sample_weight, class_weight, **options
        As for `DaskTrainingData.from_collections`.

    Returns
    -------
    DaskTrainingData
    """
    # It imports dask, which only those have who bring a collection.
    from sklearn_advex.linear_model._dask._training_data import DaskTrainingData

    return DaskTrainingData.from_collections(X, y, sample_weight, class_weight, **options)


def class_mean_gaps(sums, shares, n_samples):
    """Compute the gaps between the means of the classes of each problem.

    Parameters
    ----------
    sums : ndarray of shape (n_classes, n_features)
        Weighted sums of the rows of each class, with weights that sum to 1 over all classes.
    shares : ndarray of shape (n_classes,)
        The weights of the classes.
    n_samples : int

    Returns
    -------
    gaps : ndarray of shape (n_problems, n_features)
        Absolute differences, 0 where they may be rounding errors.
    shares : ndarray of shape (n_problems,)
        The weight of each positive class.
    """
    own = sums / shares[:, np.newaxis]
    others = (sums.sum(axis=0) - sums) / (1 - shares)[:, np.newaxis]
    gaps = np.abs(own - others)
    rounding = n_samples * np.finfo(float).eps * (np.abs(own) + np.abs(others))
    gaps[gaps <= rounding] = 0.0
    return (gaps[1:], shares[1:]) if shares.size == 2 else (gaps, shares)
