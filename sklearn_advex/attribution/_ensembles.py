"""Attributions of ensembles whose probability is the mean of those of their members."""

from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.pipeline import Pipeline

from sklearn_advex._utils._class_targets import label_positions
from sklearn_advex._utils._containers import n_columns_of, values_of
from sklearn_advex._utils._pipeline import last_step_of, transformers_of
from sklearn_advex._utils._sklearn_compat import safe_indexing
from sklearn_advex.attribution._backend import Attribution
from sklearn_advex.attribution._linear_problem import LINEAR_REQUIRES
from sklearn_advex.attribution._options import resolve_target

_METHODS = ("ig", "shap", "deep_shap")


class Member(NamedTuple):
    """A member of an ensemble.

    Attributes
    ----------
    model : estimator
        Fitted on the positions of the classes.
    weight : float
        Share of the probability.
    columns : ndarray of int or None
        Columns that it sees; None for all.
    """

    model: Any
    weight: float
    columns: np.ndarray | None


def members_of(model):
    """List the members whose mean probability is that of an ensemble.

    Parameters
    ----------
    model : estimator
        Fitted.

    Returns
    -------
    list of Member or None
        None for any other model.
    """
    if isinstance(model, BaggingClassifier):
        members = zip(model.estimators_, model.estimators_features_, strict=True)
        return [Member(member, 1 / len(model.estimators_), np.asarray(c)) for member, c in members]
    if isinstance(model, VotingClassifier) and model.voting == "soft":
        used = [estimator != "drop" for _, estimator in model.estimators]
        weights = np.ones(len(used)) if model.weights is None else np.asarray(model.weights)
        weights = weights[used] / weights[used].sum()
        return [Member(*pair, None) for pair in zip(model.estimators_, weights, strict=True)]
    if isinstance(model, CalibratedClassifierCV):
        return _calibrated_members(model)
    return None


def output_of_all_models(model):
    """Return the output that can be attributed for a model of any kind.

    Parameters
    ----------
    model : estimator
        Fitted; it may be a pipeline.

    Returns
    -------
    {"logit", "probability"}
        Linear classifiers of any loss have a logit, ensembles only a probability.
    """
    return "logit" if members_of(last_step_of(model)) is None else "probability"


def _calibrated_members(model):
    """List the calibrated models of two classes by a sigmoid; None for other calibrations."""
    if model.method != "sigmoid" or len(model.classes_) != 2:
        return None
    members = []
    for part in model.calibrated_classifiers_:
        last_step = last_step_of(part.estimator)
        if not all(hasattr(last_step, name) for name in LINEAR_REQUIRES):
            return None
        calibrated = _CalibratedLinear(last_step, part.calibrators[0])
        steps = [*transformers_of(part.estimator), ("calibrated", calibrated)]
        members.append(Member(Pipeline(steps), 1 / len(model.calibrated_classifiers_), None))
    return members


class _CalibratedLinear(ClassifierMixin, BaseEstimator):
    """A linear classifier of two classes whose score is scaled and shifted by a calibration.

    Parameters
    ----------
    estimator : fitted estimator
        The linear classifier.
    calibrator : fitted calibrator
        Its probability is ``expit(-(a_ * score + b_))``.
    """

    def __init__(self, estimator, calibrator):
        self.estimator = estimator
        self.calibrator = calibrator
        self.coef_ = -calibrator.a_ * np.asarray(estimator.coef_)
        self.intercept_ = -calibrator.a_ * np.asarray(estimator.intercept_) - calibrator.b_
        self.classes_ = np.arange(2)
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(estimator, name):
                setattr(self, name, getattr(estimator, name))

    def fit(self, X, y):
        """Return the model, which is fitted already."""
        return self

    def decision_function(self, X):
        """Return the calibrated scores."""
        scores = self.estimator.decision_function(X)
        return -(self.calibrator.a_ * scores + self.calibrator.b_)

    def predict_proba(self, X):
        """Return the calibrated probabilities."""
        of_second = self.calibrator.predict(self.estimator.decision_function(X))
        return np.column_stack([1.0 - of_second, of_second])


def attribute_ensemble(model, members, X, y, options, attribute_member):
    """Average the attributions of the members of an ensemble.

    Parameters
    ----------
    model : estimator
        The ensemble.
    members : list of Member
    X : array-like, sparse matrix or table of shape (n_samples, n_features)
        What the ensemble predicts on.
    y : array-like of shape (n_samples,) or None
    options : ExplainOptions
    attribute_member : callable
        ``attribute_member(model, X, y, options) -> Explanation`` in the columns of `X`.

    Returns
    -------
    Attribution

    Raises
    ------
    ValueError
        If the attributions of the ensemble are not the mean of those of its members.
    """
    name = type(model).__name__
    if options.output != "probability" or options.method not in _METHODS:
        raise ValueError(
            f"Only the probability of a {name} is the mean of those of its members. Use"
            f" output='probability' and a method of {list(_METHODS)}, or explain one of its"
            " estimators_."
        )
    positions = resolve_target(options.target, model.classes_, X, y)
    if positions is None:
        positions = label_positions(model.predict(X), model.classes_, X)
    positions = np.broadcast_to(positions, X.shape[0])
    options = options._replace(target="true", groups="auto")
    explanations = []
    for member in members:
        if not np.array_equal(member.model.classes_, np.arange(len(model.classes_))):
            raise ValueError(f"A member of the {name} was fitted without a row of some class.")
        rows = X
        if member.columns is not None:
            rows = safe_indexing(values_of(X), member.columns, axis=1)
        explanations.append(attribute_member(member.model, rows, positions, options))
    return _mean(members, explanations, n_columns_of(X))


def _mean(members, explanations, n_columns):
    """Average explanations in the columns of the ensemble."""
    values = sum(
        member.weight * _expand(explanation.values, member.columns, n_columns)
        for member, explanation in zip(members, explanations, strict=True)
    )

    def outputs():
        pairs = [explanation.outputs() for explanation in explanations]
        weights = [member.weight for member in members]
        return tuple(np.tensordot(weights, F, axes=1) for F in np.swapaxes(pairs, 0, 1))

    return Attribution(values, outputs, is_exact=True)


def _expand(values, columns, n_columns):
    """Put the attributions of some columns in the place of these columns."""
    if columns is None:
        return values
    entries = np.ones(columns.size), (np.arange(columns.size), columns)
    container = type(values) if sparse.issparse(values) else sparse.csr_array
    return values @ container(entries, shape=(columns.size, n_columns))
