"""Exact robustness of any fitted linear classifier, in pipelines as well."""

from typing import NamedTuple

import numpy as np
from sklearn.metrics import accuracy_score

from sklearn_advex._perturbation import PERTURBATION_SETS
from sklearn_advex._utils._class_targets import known_positions, label_positions
from sklearn_advex._utils._containers import frame_like
from sklearn_advex._utils._pipeline import refuse_thresholds, transform_to_last_step
from sklearn_advex._utils._sklearn_compat import check_sample_weight
from sklearn_advex.attribution._adversary import Adversary, make_adversary
from sklearn_advex.attribution._linear_problem import (
    LINEAR_REQUIRES,
    LinearProblem,
    require_finite,
    validated_rows,
)
from sklearn_advex.attribution._linear_scores import LinearScores


def is_linear(model):
    """Return whether a fitted model has the attributes of a linear classifier.

    Parameters
    ----------
    model : estimator

    Returns
    -------
    bool
    """
    return all(hasattr(model, name) for name in LINEAR_REQUIRES)


def adversarial_accuracy(
    model, X, y, *, epsilon=None, norm=None, categories=None, max_flips=0, sample_weight=None
):
    r"""Exact accuracy of a linear classifier under the worst allowed change of every row.

    A row counts as correct if no change :math:`\delta` of the perturbation set makes the model
    predict another class. For two classes that is where the margin exceeds
    :math:`\max_\delta \langle w, \delta \rangle`, which is :math:`\sum_j \epsilon_j |w_j|` for
    ``norm="linf"``; for more classes each rival class is compared with the true one. A category
    that may flip adds the largest fall of its coefficients from that of the row's own value, and
    the worst `max_flips` flips are those with the largest falls.

    Parameters
    ----------
    model : estimator
        Any fitted classifier with `coef_`, `intercept_`, `classes_` and a `decision_function` that
        is linear in the features, of this package or of scikit-learn; or a fitted pipeline that
        ends in one.
    X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
        The rows, as `model` predicts on them.
    y : array-like of shape (n_samples,)
        The true labels.
    epsilon : float, array-like of shape (n_features,) or dict, default=None
        How far each feature may change, in its own units; for a pipeline those of the encoded
        columns. None takes the `epsilon_` that the model was trained against.
    norm : {"linf", "l2", "l1"}, default=None
        Norm of the change divided by `epsilon`, at most 1. None takes the `norm` of the model, and
        "linf" if it has none.
    categories : list of array-like, default=None
        Groups of one-hot columns, by position or by name, such as from
        :func:`~sklearn_advex.one_hot_categories`; for a pipeline among the encoded columns. They
        change by flips only, whatever `epsilon` is. None takes all columns as numbers.
    max_flips : int, default=0
        How many categories of a row may change to any other one, beside the change of the other
        columns.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    accuracy : float
        In [0, 1].

    Raises
    ------
    TypeError
        If `model` is not a linear classifier.
    ValueError
        If the model's predictions do not follow from its coefficients, `epsilon` or `norm` is not
        valid, categories overlap or are not one-hot, or there are none to flip.

    See Also
    --------
    certified_radius : The change up to which single predictions hold.
    sklearn_advex.model_selection.make_adversarial_accuracy_scorer : The same as a scorer.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.preprocessing import scale
    >>> from sklearn_advex.attribution import adversarial_accuracy
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = LogisticRegression().fit(scale(X), y)
    >>> round(model.score(scale(X), y), 3)
    0.988
    >>> round(adversarial_accuracy(model, scale(X), y, epsilon=0.1), 3)
    0.924
    """
    problem = _WorstCase.from_model(model, X, epsilon, norm, categories, max_flips)
    labels = label_positions(y, problem.classes, problem.rows)
    if sample_weight is not None:
        sample_weight = check_sample_weight(sample_weight, problem.rows, ensure_non_negative=True)
    is_right = problem.linear.is_robust(labels, problem.adversary) & (labels >= 0)
    return float(accuracy_score(np.ones_like(is_right), is_right, sample_weight=sample_weight))


def certified_radius(model, X, *, norm=None, categories=None, max_flips=0):
    """Largest change of all features up to which each prediction of a linear classifier holds.

    Parameters
    ----------
    model : estimator
        As for :func:`adversarial_accuracy`.
    X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
        The rows, as `model` predicts on them.
    norm : {"linf", "l2", "l1"}, default=None
        Norm of the change. None takes the `norm` of the model, and "linf" if it has none.
    categories : list of array-like, default=None
        As for :func:`adversarial_accuracy`; only the other columns change by the radius.
    max_flips : int, default=0
        How many categories of a row may change to any other one beside.

    Returns
    -------
    radius : ndarray of shape (n_samples,)
        No change with a norm below it alters the prediction, and some change above it does. 0 where
        flips alone alter it, infinity where no change does, such as for a model without features.

    Raises
    ------
    TypeError
        If `model` is not a linear classifier.
    ValueError
        If the model's predictions do not follow from its coefficients, `norm` is unknown, or
        categories are not valid.

    See Also
    --------
    adversarial_accuracy : The share of predictions that hold.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_advex.attribution import certified_radius
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
    >>> certified_radius(LogisticRegression().fit(X, y), X).round(2)
    array([1.5, 0.5, 0.5, 1.5])
    """
    problem = _WorstCase.from_model(model, X, 1.0, norm, categories, max_flips)
    return problem.linear.certified_radii(problem.adversary)


def worst_case_rows(model, X, y, *, epsilon=None, norm=None, categories=None, max_flips=0):
    """Change every row in the allowed way that is worst for the prediction of a linear classifier.

    Parameters
    ----------
    model : estimator
        As for :func:`adversarial_accuracy`.
    X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
        The rows, as `model` predicts on them. Never changed.
    y : array-like of shape (n_samples,)
        The true labels.
    epsilon : float, array-like of shape (n_features,) or dict, default=None
        As for :func:`adversarial_accuracy`.
    norm : {"linf", "l2", "l1"}, default=None
        As for :func:`adversarial_accuracy`.
    categories : list of array-like, default=None
        As for :func:`adversarial_accuracy`.
    max_flips : int, default=0
        As for :func:`adversarial_accuracy`.

    Returns
    -------
    rows : ndarray, sparse matrix or DataFrame of shape (n_samples, n_encoded_features)
        As the last step of a pipeline sees them, in the container of its input.

    Raises
    ------
    TypeError
        If `model` is not a linear classifier.
    ValueError
        If `y` holds a label that the model was not fitted on, or as for
        :func:`adversarial_accuracy`.

    See Also
    --------
    adversarial_accuracy : The accuracy on these rows.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_advex.attribution import worst_case_rows
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]
    >>> model = LogisticRegression().fit(X, y)
    >>> worst_case_rows(model, X, y, epsilon=0.6).ravel()
    array([0.6, 1.6, 1.4, 2.4])
    """
    problem = _WorstCase.from_model(model, X, epsilon, norm, categories, max_flips)
    labels = known_positions(y, problem.classes, problem.rows)
    changed = problem.linear.worst_rows(labels, problem.adversary)
    return frame_like(problem.X_encoded, changed)


class _WorstCase(NamedTuple):
    """A fitted linear classifier's scores of rows, and the changes that an adversary is allowed.

    Attributes
    ----------
    X_encoded : array-like, sparse matrix or DataFrame
        What the last step of the pipeline predicts on.
    rows : {ndarray, CSR} of shape (n_samples, n_features)
        The same after validation.
    classes : ndarray of shape (n_classes,)
    linear : LinearScores
    adversary : Adversary
    """

    X_encoded: object
    rows: np.ndarray
    classes: np.ndarray
    linear: LinearScores
    adversary: Adversary

    @classmethod
    def from_model(cls, model, X, epsilon, norm, categories, max_flips):
        """Score rows, and check that the model predicts the class with the highest score."""
        refuse_thresholds(model)
        last_step, X_encoded = transform_to_last_step(model, X)
        if not is_linear(last_step):
            missing = [name for name in LINEAR_REQUIRES if not hasattr(last_step, name)]
            raise TypeError(
                f"{type(last_step).__name__} is not a linear classifier: it has no"
                f" {', '.join(missing)}, and no adversarial_score of its own. Pass a linear"
                " classifier or an estimator of sklearn_advex, or a pipeline that ends in one."
            )
        norm, epsilon = _norm_and_epsilon(last_step, norm, epsilon)
        rows = validated_rows(last_step, X_encoded)
        problem = LinearProblem.from_model(last_step, rows, np.zeros(rows.shape[1]), "logit")
        linear = LinearScores.from_coefficients(rows, problem.coef, problem.intercept)
        require_finite(linear.scores, last_step, rows)
        _check_predictions(last_step, X_encoded, problem.classes, linear.scores)
        names = getattr(last_step, "feature_names_in_", None)
        adversary = make_adversary(norm, epsilon, categories, max_flips, rows, names)
        return cls(X_encoded, rows, problem.classes, linear, adversary)


def _norm_and_epsilon(model, norm, epsilon):
    """Take what the caller leaves open from the model."""
    if epsilon is None and not hasattr(model, "epsilon_"):
        raise ValueError(
            f"epsilon=None takes the epsilon_ of a model, and {type(model).__name__} has none. Pass"
            " how far each feature may change, such as epsilon=0.1."
        )
    norm = getattr(model, "norm", "linf") if norm is None else norm
    if norm not in PERTURBATION_SETS:
        raise ValueError(f"norm={norm!r} is unknown. It must be one of {list(PERTURBATION_SETS)}.")
    return norm, model.epsilon_ if epsilon is None else epsilon


def _check_predictions(model, X, classes, scores):
    """Raise a ValueError unless the model predicts the class with the highest score."""
    predicted = label_positions(model.predict(X), classes, X)
    best = scores.max(axis=1)
    margin = best - scores[np.arange(len(scores)), predicted]
    if (margin > 1e-6 * np.maximum(np.abs(best), 1.0)).any():
        raise ValueError(
            f"{type(model).__name__} does not predict the class with the highest score of"
            " X @ coef_.T + intercept_, so its worst case has no formula."
        )
