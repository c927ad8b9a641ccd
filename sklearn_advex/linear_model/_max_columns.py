"""A pipeline that uses at most so many columns of its table."""

from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklearn_advex._utils._containers import column_names
from sklearn_advex._utils._documentation import DocumentationLinkMixin
from sklearn_advex._utils._sklearn_compat import HasMethods, Interval, fit_context
from sklearn_advex.attribution import ExplainMixin
from sklearn_advex.attribution._groups import resolve_groups


def _fitted_has(name):
    """Return a check that what is wrapped has a method, for `available_if`."""

    def check(self):
        getattr(getattr(self, "best_estimator_", self.estimator), name)
        return True

    return check


class MaxColumnsClassifier(
    ExplainMixin, DocumentationLinkMixin, ClassifierMixin, MetaEstimatorMixin, BaseEstimator
):
    """Limit a pipeline to a number of columns of the table that it is given.

    A column that is encoded as several features counts once: its features enter and leave the
    model together. Which feature comes from which column is found out in each fit, so that folds
    of a cross-validation may have other categories.

    Parameters
    ----------
    estimator : Pipeline or classifier
        A pipeline that ends in an :class:`AdversarialLogisticRegression` or
        :class:`AdversarialLinearClassifier`, or such a classifier itself. Never fitted; its own
        `max_features` and `groups` are replaced.
    max_columns : int, default=3
        Largest number of columns in use, for each binary problem. Any number from that of the
        columns on sets no limit.

    Attributes
    ----------
    best_estimator_ : Pipeline or classifier
        The fitted clone of `estimator`.
    columns_ : list of list
        For each binary problem the columns in use: their names, or positions if X has no names.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    n_features_in_ : int
        Number of columns seen during fit.
    feature_names_in_ : ndarray of shape (n_columns,)
        Names of the columns, where X has string column names.

    See Also
    --------
    AdversarialLogisticRegression : Limits features by `max_features`, and groups of them.
    sklearn_advex.model_selection.n_features_scorer : Counts the columns that a model uses.

    Notes
    -----
    The choice of the columns is a local optimum, see `max_features` of
    :class:`AdversarialLogisticRegression`; how far from the best one it may be is the
    `optimality_gap_` of the last step.

    A :class:`~sklearn.impute.KNNImputer` or :class:`~sklearn.impute.IterativeImputer` that was
    fitted on complete rows fills later ones from columns beyond those in `columns_`;
    :func:`~sklearn_advex.explain` refuses such rows. A :class:`~sklearn.impute.SimpleImputer` keeps
    to the column.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.compose import make_column_transformer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import OneHotEncoder, StandardScaler
    >>> from sklearn_advex import AdversarialLogisticRegression, MaxColumnsClassifier
    >>> X = pd.DataFrame(
    ...     {
    ...         "color": ["red", "blue", "blue", "green"] * 5,
    ...         "size": [1.0, 2.0, 3.0, 4.0] * 5,
    ...         "day": [1.0, 2.0, 1.0, 2.0, 1.0] * 4,
    ...     }
    ... )
    >>> y = ["no", "yes", "yes", "no"] * 5
    >>> encoder = make_column_transformer(
    ...     (OneHotEncoder(), ["color"]), (StandardScaler(), ["size", "day"])
    ... )
    >>> pipeline = make_pipeline(encoder, AdversarialLogisticRegression(epsilon=0.1))
    >>> model = MaxColumnsClassifier(pipeline, max_columns=1).fit(X, y)
    >>> model.columns_, model.score(X, y)
    ([['color']], 1.0)
    """

    _parameter_constraints = {
        "estimator": [HasMethods(["fit", "predict"])],
        "max_columns": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(self, estimator, max_columns=3):
        self.estimator = estimator
        self.max_columns = max_columns

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None):
        """Fit the pipeline, and choose the columns.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_columns)
            Training data, as the pipeline takes them.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, for the last step.

        Returns
        -------
        self : MaxColumnsClassifier
            The fitted model.

        Raises
        ------
        ValueError
            If the last step cannot be limited, or a step makes a feature from several columns, as
            a :class:`~sklearn.impute.KNNImputer` does where `X` has missing values.
        """
        model = clone(self.estimator)
        pipeline = model if isinstance(model, Pipeline) else Pipeline([("classifier", model)])
        name, classifier = pipeline.steps[-1]
        # A search for epsilon has a `max_features` of its own, a list.
        needed = ("max_features", "groups", "epsilon")
        missing = [name for name in needed if name not in classifier.get_params(deep=False)]
        if missing:
            raise ValueError(
                f"estimator ends in {type(classifier).__name__}, which has no"
                f" {', '.join(f'`{name}`' for name in missing)}: end it in an"
                " AdversarialLogisticRegression or AdversarialLinearClassifier, and search for"
                " epsilon by a GridSearchCV of the MaxColumnsClassifier."
            )
        limited = _LimitedStep(classifier, pipeline, X, self.max_columns)
        pipeline.steps[-1] = (name, limited)
        weights = {} if sample_weight is None else {f"{name}__sample_weight": sample_weight}
        pipeline.fit(X, y, **weights)
        pipeline.steps[-1] = (name, classifier)
        self.best_estimator_ = pipeline if isinstance(model, Pipeline) else classifier
        names = column_names(X)
        used = [np.unique(limited.columns[features]).tolist() for features in classifier.support_]
        self.columns_ = used if names is None else [[names[j] for j in problem] for problem in used]
        return self

    def __sklearn_is_fitted__(self):
        return hasattr(self, "best_estimator_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.estimator).input_tags
        return tags

    @property
    def classes_(self):
        """Class labels, an ndarray of shape (n_classes,)."""
        return self.best_estimator_.classes_

    @property
    def n_features_in_(self):
        """Number of columns seen during fit."""
        return self.best_estimator_.n_features_in_

    @property
    def feature_names_in_(self):
        """Names of the columns, where X has string column names."""
        return self.best_estimator_.feature_names_in_

    @available_if(_fitted_has("predict"))
    def predict(self, X):
        """Predict the class of each row.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_columns)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return self._fitted().predict(X)

    @available_if(_fitted_has("decision_function"))
    def decision_function(self, X):
        """Compute the scores of the classes.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_columns)
            Rows to score.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        return self._fitted().decision_function(X)

    @available_if(_fitted_has("predict_proba"))
    def predict_proba(self, X):
        """Probability of each class.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_columns)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of `classes_`.
        """
        return self._fitted().predict_proba(X)

    @available_if(_fitted_has("predict_log_proba"))
    def predict_log_proba(self, X):
        """Logarithm of the probability of each class.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_columns)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of `classes_`.
        """
        return self._fitted().predict_log_proba(X)

    def _fitted(self):
        check_is_fitted(self)
        return self.best_estimator_


class _LimitedStep(BaseEstimator):
    """Stands for the last step of a pipeline during its fit, when the steps before it are fitted.

    Parameters
    ----------
    classifier : estimator
        The last step.
    pipeline : Pipeline
    X : array-like, sparse matrix or DataFrame
        What the pipeline is fitted on.
    max_columns : int
    """

    def __init__(self, classifier, pipeline, X, max_columns):
        self.classifier = classifier
        self.pipeline = pipeline
        self.X = X
        self.max_columns = max_columns

    def fit(self, X, y, **fit_params):
        """Fit the classifier by groups of features from one column."""
        groups = resolve_groups("auto", self.pipeline, self.X, X)
        columns = None if groups is None else groups.group_of_column
        self.classifier.set_params(max_features=self.max_columns, groups=columns)
        self.classifier.fit(X, y, **fit_params)
        self.columns = np.arange(self.classifier.n_features_in_) if columns is None else columns
        return self

    def __sklearn_is_fitted__(self):
        return True
