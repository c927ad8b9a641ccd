"""A linear classifier as arrays, checked against the outputs of the model itself."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.special import expit, log_softmax, softmax
from sklearn.utils import gen_batches
from sklearn.utils.validation import validate_data

from sklearn_advex._utils._containers import as_floats, named_rows, refuse_dates
from sklearn_advex._utils._divided_differences import (
    logistic_divided_difference,
    softplus_divided_difference,
)
from sklearn_advex._utils._sampling import evenly_spaced

#: Attributes that a fitted model must have for the formulas.
LINEAR_REQUIRES = ("coef_", "intercept_", "classes_", "decision_function")

# Numbers per block, 32 MB of float64, where the scores of all classes are needed.
_SCORE_BLOCK_SIZE = 4_000_000

# Number of points at which a model's outputs are compared with the formula, and the largest
# deviation: if larger, another formula could pass; if smaller, float32 models are refused.
_N_PROBES = 10
_PROBE_TOLERANCE = 1e-4


@dataclass(frozen=True)
class LinearProblem:
    """A linear classifier, its baseline and its explained output, as arrays.

    Two classes have one row of coefficients, that of the second class; the first class has the same
    row with the opposite sign. More classes have one row each.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
    coef : ndarray of shape (n_rows, n_features), float64
    intercept : ndarray of shape (n_rows,) or (), float64
    baseline : ndarray of shape (n_features,), float64
    output : {"probability", "logit", "loss"}
    is_softmax : bool
        Whether the probability of a class takes the scores of all classes, instead of being the
        logistic function of the class's own.
    """

    classes: np.ndarray
    coef: np.ndarray
    intercept: np.ndarray
    baseline: np.ndarray
    output: str
    is_softmax: bool

    @classmethod
    def from_model(cls, model, X, baseline, output):
        """Read the coefficients of a model, and check that its outputs follow from them.

        Parameters
        ----------
        model : fitted estimator
            With the attributes :data:`LINEAR_REQUIRES`.
        X : {ndarray, CSR} of shape (n_samples, n_features)
            Validated rows; a few of them are used for the check.
        baseline : ndarray of shape (n_features,)
        output : {"probability", "logit", "loss"}

        Returns
        -------
        LinearProblem

        Raises
        ------
        ValueError
            If the model's outputs are no known function of `coef_` and `intercept_`.
        """
        coef = model.coef_.toarray() if sparse.issparse(model.coef_) else model.coef_
        coef = np.atleast_2d(np.asarray(coef, dtype=np.float64))
        intercept = np.asarray(model.intercept_, dtype=np.float64)
        points = np.vstack(
            [
                _points_on_paths(model, X, baseline),
                _undecided_points(coef[0], np.atleast_1d(intercept)[0], baseline),
            ]
        )
        is_softmax = _check_model_is(model, coef, intercept, points, output)
        classes = np.asarray(model.classes_)
        return cls(classes, coef, intercept, baseline, output, is_softmax)

    @property
    def is_binary(self):
        """Whether one row of coefficients serves two classes."""
        return self.coef.shape[0] == 1

    @cached_property
    def score_at_baseline(self):
        """Scores of the baseline, an ndarray of shape (n_rows,)."""
        return self.coef @ self.baseline + self.intercept

    def find_row(self, X, positions):
        """Find the row of `coef` that explains each sample.

        Parameters
        ----------
        X : {ndarray, CSR} of shape (n_samples, n_features)
            The samples.
        positions : None, int or ndarray of int of shape (n_samples,)
            The class to explain; None for the predicted one.

        Returns
        -------
        row : int or ndarray of int of shape (n_samples,)
            One number if all samples share a row.
        """
        if self.is_binary:
            return 0
        if positions is not None:
            return positions
        # Large blocks: threaded products of small ones spend their time on synchronization.
        entries_per_row = X.nnz // X.shape[0] if sparse.issparse(X) else X.shape[1]
        rows_per_block = max(1, _SCORE_BLOCK_SIZE // (entries_per_row + self.coef.shape[0]))
        return np.concatenate(
            [
                (X[block] @ self.coef.T + self.intercept).argmax(axis=1)
                for block in gen_batches(X.shape[0], rows_per_block)
            ]
        )

    def divided_difference(self, stop, start, positions):
        """Compute the divided difference of the output between two scores of a class.

        Parameters
        ----------
        stop, start : ndarray
            Scores of samples and of their baselines, by a row of `coef`; broadcast together.
        positions : None, int or ndarray of int
            The class to explain, for each score in `stop`; None for the predicted one.

        Returns
        -------
        divided_difference : ndarray
            With two classes both scores are those of the second class, also if the first is
            explained.
        """
        sign = 1.0
        if self.is_binary:
            is_second = stop > 0 if positions is None else np.equal(positions, 1)
            sign = np.where(is_second, 1.0, -1.0)
        if self.output == "logit":
            return sign * np.ones(np.broadcast_shapes(np.shape(stop), np.shape(start)))
        if self.output == "probability":
            return sign * logistic_divided_difference(stop, start)
        return -sign * softplus_divided_difference(-sign * stop, -sign * start)

    def outputs(self, model, X):
        """Compute the outputs of all classes by the model's own methods.

        Parameters
        ----------
        model : fitted estimator
        X : {ndarray, CSR} of shape (n_samples, n_features)

        Returns
        -------
        outputs : ndarray of shape (n_samples, n_classes)
        """
        X = named_rows(model, X)
        if self.output == "probability" and (self.is_softmax or self.is_binary):
            return np.asarray(model.predict_proba(X), dtype=np.float64)
        scores = np.asarray(model.decision_function(X), dtype=np.float64)
        scores = scores.reshape(X.shape[0], -1)
        if self.is_softmax and self.output == "loss":
            return -log_softmax(scores, axis=1)
        scores = np.hstack([-scores, scores]) if self.is_binary else scores
        functions = {"logit": np.asarray, "probability": expit, "loss": _logistic_loss}
        return functions[self.output](scores)

    def outputs_of_target(self, model, X, positions, background):
        """Compute the model's own outputs of the explained class for rows and background.

        Parameters
        ----------
        model : fitted estimator
        X : {ndarray, CSR} of shape (n_samples, n_features)
        positions : None, int or ndarray of int of shape (n_samples,)
            As for :meth:`find_row`.
        background : {ndarray, CSR} of shape (n_baselines, n_features)

        Returns
        -------
        F_x, F_baseline : ndarray of shape (n_samples,)
            The second is the mean over the background.
        """
        if positions is None and self.is_binary:
            positions = (X @ self.coef[0] + self.intercept > 0).astype(int)
        elif positions is None:
            positions = self.find_row(X, None)
        rows = np.arange(X.shape[0])
        mean = self.outputs(model, background).mean(axis=0)
        F_x = self.outputs(model, X)[rows, positions]
        return F_x, np.broadcast_to(mean[positions], F_x.shape)


def validated_rows(model, X):
    """Validate rows to explain, except for NaN and infinity.

    `require_finite` finds these in sums over the rows, without a pass over X of its own.
    """
    refuse_dates(X)
    X = validate_data(
        model,
        X,
        reset=False,
        accept_sparse="csr",
        dtype=[np.float64, np.float32],
        ensure_all_finite=False,
    )
    return as_floats(X)


def require_finite(numbers, model, X):
    """Raise a ValueError if sums over rows of `X` show that an entry is not finite.

    A product with NaN or infinity is never finite, not even with a coefficient of zero, so the sums
    that are computed anyway reveal it. Only then `X` is validated, for scikit-learn's message.
    """
    if not np.isfinite(numbers).all():
        validate_data(model, named_rows(model, X), reset=False, accept_sparse="csr")
        raise ValueError("X holds values so large that the model's scores for them overflow.")


def _logistic_loss(scores):
    return np.logaddexp(0.0, -scores)


def _points_on_paths(model, X, baseline):
    """Choose points between some rows of `X` and the baseline, both ends included.

    Rows alone may not distinguish a softmax from logistic functions, which agree where a class is
    nearly certain.
    """
    rows = X[evenly_spaced(X.shape[0], _N_PROBES)]
    rows = rows.toarray() if sparse.issparse(rows) else rows
    require_finite(rows, model, X)
    rows = rows[np.arange(_N_PROBES) % len(rows)]
    steps = np.linspace(1.0, 0.0, _N_PROBES)[:, np.newaxis]
    return baseline + steps * (rows - baseline)


def _undecided_points(w, intercept, baseline):
    """Choose points with moderate scores in the first row of coefficients.

    Only there do different formulas give different probabilities: elsewhere all are near 0 or 1.
    """
    scores = np.array([-2.0, -0.5, 1.0, 3.0])
    steps = (scores - (w @ baseline + intercept)) / (w @ w or 1.0)
    return baseline + steps[:, np.newaxis] * w


def _check_model_is(model, coef, intercept, points, output):
    """Compare a model's outputs with the formulas, and return whether it is a softmax.

    A model with all required attributes may still differ: coefficients of another parametrization,
    calibrated probabilities. Without this check its attributions would be silently wrong.
    """
    scores = points @ coef.T + intercept
    scale = np.abs(points) @ np.abs(coef).T + np.abs(intercept)
    named_points = named_rows(model, points)
    model_scores = np.asarray(model.decision_function(named_points)).reshape(len(points), -1)
    if (
        model_scores.shape != scores.shape
        or (np.abs(model_scores - scores) > _PROBE_TOLERANCE * scale).any()
    ):
        raise ValueError(
            f"decision_function of {type(model).__name__} is not X @ coef_.T + intercept_, which"
            " the formulas for linear models rest on. Explain a model that is linear in its"
            " features."
        )
    return output != "logit" and _is_softmax(model, named_points, scores, output)


def _is_softmax(model, points, scores, output):
    """Return whether probabilities are a softmax rather than logistic; refuse any others."""
    name = type(model).__name__
    if not hasattr(model, "predict_proba"):
        raise ValueError(
            f"output={output!r} needs predict_proba, which {name} does not have. Use"
            " output='logit' to explain its decision_function."
        )
    logistic = expit(scores)
    if scores.shape[1] == 1:
        logistic = np.hstack([1.0 - logistic, logistic])
    else:
        with np.errstate(invalid="ignore"):  # 0/0 far from all classes: not compared
            logistic /= logistic.sum(axis=1, keepdims=True)
    probabilities = model.predict_proba(points)
    if not (np.abs(probabilities - logistic) > _PROBE_TOLERANCE).any():
        return False
    if scores.shape[1] > 1 and np.allclose(
        probabilities, softmax(scores, axis=1), rtol=0.0, atol=_PROBE_TOLERANCE
    ):
        return True
    raise ValueError(
        f"predict_proba of {name} is neither the logistic function of its decision_function (one"
        " per class, divided by their sum, for more than two classes) nor, for more than two, the"
        f" softmax, so that output={output!r} has no formula for it. Use output='logit' to explain"
        " the decision_function instead."
    )
