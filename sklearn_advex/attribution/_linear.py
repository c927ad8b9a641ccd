"""Integrated Gradients of linear classifiers in closed form."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.special import expit, exprel
from sklearn.utils import gen_batches
from sklearn.utils.validation import validate_data

from sklearn_advex._utils._sampling import evenly_spaced
from sklearn_advex.attribution._options import resolve_baseline, resolve_target

#: What the closed form asks of a fitted model.
LINEAR_REQUIRES = ("coef_", "intercept_", "classes_", "decision_function")

# About 1.6 MB of float64 scratch: a block stays in a cache through all passes over it.
_BLOCK_SIZE = 200_000

# About 32 MB of samples and scores, where the scores of all classes are needed.
_SCORE_BLOCK_SIZE = 4_000_000

# Points at which a model's outputs are held against the formula, and how far they may be off: far
# above what float32 arithmetic does, far below what any other formula would give.
_N_PROBES = 10
_PROBE_TOLERANCE = 1e-4


def linear_integrated_gradients(model, X, y, *, output, target, baseline):
    r"""Integrated Gradients of a linear classifier, exactly.

    For an output :math:`F(x) = A(z)` with :math:`z = \langle w, x \rangle + b` the path integral
    from the baseline u has the closed form of Lemma 4.1,

    .. math::

        IG_j(x) = (x_j - u_j) \, w_j \, \frac{A(z_x) - A(z_u)}{z_x - z_u},

    where A is the identity for ``output="logit"`` and the logistic function for "probability".

    Parameters
    ----------
    model : fitted estimator
        With the attributes :data:`LINEAR_REQUIRES`.
    X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
        Never changed, and never made dense.
    y, output, target, baseline
        As for :func:`sklearn_advex.explain`.

    Returns
    -------
    attributions : ndarray or CSR of shape (n_samples, n_features)
        float32 for float32 `X`, otherwise float64.
    """
    # Looking for NaN is left to `_require_finite`, which needs no pass of its own over X.
    X = validate_data(
        model,
        X,
        reset=False,
        accept_sparse="csr",
        dtype=[np.float64, np.float32],
        ensure_all_finite=False,
    )
    problem = _Problem.from_model(
        model, resolve_baseline(baseline, model, X.shape[1]), output == "probability"
    )
    positions = resolve_target(target, problem.classes, X, y)
    points = np.vstack([_points_on_paths(problem, model, X), _undecided_points(problem)])
    _check_model_is(problem, model, points)
    attribute = _attribute_sparse if sparse.issparse(X) else _attribute_dense
    with np.errstate(invalid="ignore", over="ignore"):  # what they stand for becomes an error
        return attribute(problem, model, X, positions)


def logistic_slope(a, b):
    r"""Divided difference of the logistic function, :math:`(\sigma(a) - \sigma(b)) / (a - b)`.

    At a = b it is the derivative. With :math:`\sigma(a) - \sigma(b) = \sinh\frac{a - b}{2} /
    (2 \cosh\frac{a}{2} \cosh\frac{b}{2})` no two close numbers are subtracted, so the result is
    accurate to a few units in the last place for all finite a and b, in the far tails too.

    Parameters
    ----------
    a, b : float or ndarray
        Broadcast against each other.

    Returns
    -------
    slope : float or ndarray
        In [0, 1/4].
    """
    # The exponentials of the three hyperbolic functions combine to exp(-m): m is the distance of
    # the interval between a and b from zero, hence nothing overflows.
    m = np.maximum(np.maximum(np.minimum(a, b), -np.maximum(a, b)), 0.0)
    cosh_factors = (1.0 + np.exp(-np.abs(a))) * (1.0 + np.exp(-np.abs(b)))
    return exprel(-np.abs(a - b)) * np.exp(-m) / cosh_factors


@dataclass(frozen=True)
class _Problem:
    """A linear classifier and what is to be explained about it, as arrays.

    Two classes have one row of coefficients, that of the second class; the first class has the same
    row with the opposite sign. More classes have one row each.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
    coef : ndarray of shape (n_rows, n_features), float64
    intercept : ndarray of shape (n_rows,) or (), float64
    baseline : ndarray of shape (n_features,), float64
    probability : bool
        Whether the logistic function is applied to the scores.
    """

    classes: np.ndarray
    coef: np.ndarray
    intercept: np.ndarray
    baseline: np.ndarray
    probability: bool

    @classmethod
    def from_model(cls, model, baseline, probability):
        """Read the coefficients of a model."""
        coef = model.coef_.toarray() if sparse.issparse(model.coef_) else model.coef_
        coef = np.atleast_2d(np.asarray(coef, dtype=np.float64))
        return cls(
            classes=np.asarray(model.classes_),
            coef=coef,
            intercept=np.asarray(model.intercept_, dtype=np.float64),
            baseline=baseline,
            probability=probability,
        )

    @property
    def is_binary(self):
        """Whether one row of coefficients serves two classes."""
        return self.coef.shape[0] == 1

    @cached_property
    def score_at_baseline(self):
        """Scores of the baseline, ndarray of shape (n_rows,)."""
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
            One number where all samples share a row.
        """
        if self.is_binary:
            return 0
        if positions is not None:
            return positions
        # Blocks far larger than a cache: a threaded product of small ones is mostly waiting.
        entries_per_row = X.nnz // X.shape[0] if sparse.issparse(X) else X.shape[1]
        rows_per_block = max(1, _SCORE_BLOCK_SIZE // (entries_per_row + self.coef.shape[0]))
        return np.concatenate(
            [
                (X[block] @ self.coef.T + self.intercept).argmax(axis=1)
                for block in gen_batches(X.shape[0], rows_per_block)
            ]
        )

    def slope(self, shift, row, positions):
        """Slope of the output between baseline and sample, over the score of a row of `coef`.

        Parameters
        ----------
        shift : ndarray of shape (n_samples,)
            ``<x - baseline, w>``: how far the score moves.
        row, positions
            As returned and taken by :meth:`find_row`.

        Returns
        -------
        slope : ndarray of shape (n_samples,)
            Negative where the first of two classes is explained.
        """
        start = self.score_at_baseline[row]
        stop = start + shift
        slope = logistic_slope(stop, start) if self.probability else np.ones_like(shift)
        if not self.is_binary:
            return slope
        is_second = stop > 0 if positions is None else np.equal(positions, 1)
        return np.where(is_second, slope, -slope)


def _attribute_dense(problem, model, X, positions):
    """Closed form on an array, block by block: besides the result only a block is held."""
    attributions = np.empty_like(X)
    in_place = X.dtype == np.float64  # float32 is computed in float64 and rounded once
    has_baseline = problem.baseline.any()
    row = problem.find_row(X, positions)
    for block in gen_batches(X.shape[0], max(1, _BLOCK_SIZE // X.shape[1])):
        block_row = row[block] if np.ndim(row) else row
        block_positions = positions[block] if np.ndim(positions) else positions
        scratch = attributions[block] if in_place else None
        difference = X[block]
        if has_baseline:
            difference = np.subtract(difference, problem.baseline, out=scratch)
        coef = problem.coef[block_row]
        shift = np.vecdot(difference, coef)
        _require_finite(shift, model, X)
        product = np.multiply(difference, coef, out=scratch)
        product *= problem.slope(shift, block_row, block_positions)[:, np.newaxis]
        if not in_place:
            attributions[block] = product
    return attributions


def _attribute_sparse(problem, model, X, positions):
    """Closed form on CSR: ``x * w - baseline * w``, both of them sparse."""
    row = np.broadcast_to(problem.find_row(X, positions), X.shape[:1])
    product = X.astype(np.float64)  # a copy, structure included
    product.data *= problem.coef[np.repeat(row, np.diff(X.indptr)), X.indices]
    if problem.baseline.any():
        product = product - type(X)(problem.coef * problem.baseline)[row]
    shift = np.asarray(product.sum(axis=1)).ravel()
    _require_finite(shift, model, X)
    product.data *= np.repeat(problem.slope(shift, row, positions), np.diff(product.indptr))
    return product.astype(X.dtype, copy=False)


def _require_finite(numbers, model, X):
    """Raise if `numbers`, made from all entries of some rows of `X`, show that one is not finite.

    A product with NaN or infinity is never finite, not even if the coefficient is zero, so that the
    sums which are needed anyway find them. Only then `X` is searched, for scikit-learn's message.
    """
    if not np.isfinite(numbers).all():
        validate_data(model, X, reset=False, accept_sparse="csr")
        raise ValueError("X holds values so large that the model's scores for them overflow.")


def _points_on_paths(problem, model, X):
    """Take points between some rows of `X` and the baseline, both ends included.

    Were they all rows of `X`, none might tell a softmax from logistic functions: where a model is
    certain the two agree.
    """
    rows = X[evenly_spaced(X.shape[0], _N_PROBES)]
    rows = rows.toarray() if sparse.issparse(rows) else rows
    _require_finite(rows, model, X)
    rows = rows[np.arange(_N_PROBES) % len(rows)]
    steps = np.linspace(1.0, 0.0, _N_PROBES)[:, np.newaxis]
    return problem.baseline + steps * (rows - problem.baseline)


def _undecided_points(problem):
    """Points to which the first row of coefficients gives moderate scores.

    Only there does the probability tell one formula from another: far out all of them are 0 or 1.
    """
    w = problem.coef[0]
    scores = np.array([-2.0, -0.5, 1.0, 3.0])
    steps = (scores - problem.score_at_baseline[0]) / (w @ w or 1.0)
    return problem.baseline + steps[:, np.newaxis] * w


def _check_model_is(problem, model, points):
    """Hold a model's own outputs against the formula that the closed form integrates.

    A model can have all the attributes and still be something else: coefficients of another
    parametrisation, probabilities from a softmax or from a calibration. Then the closed form would
    be wrong without a sign of it.
    """
    name = type(model).__name__
    if hasattr(model, "feature_names_in_"):
        import pandas as pd  # loaded here only: import sklearn_advex does not wait for it

        named_points = pd.DataFrame(points, columns=model.feature_names_in_)
    else:
        named_points = points
    scores = points @ problem.coef.T + problem.intercept
    scale = np.abs(points) @ np.abs(problem.coef).T + np.abs(problem.intercept)
    model_scores = np.asarray(model.decision_function(named_points)).reshape(len(points), -1)
    if (
        model_scores.shape != scores.shape
        or (np.abs(model_scores - scores) > _PROBE_TOLERANCE * scale).any()
    ):
        raise ValueError(
            f"decision_function of {name} is not X @ coef_.T + intercept_, so that the closed form"
            " of method='ig' does not hold for it. Explain a model that is linear in its features."
        )
    if problem.probability:
        _check_probabilities(model, named_points, scores)


def _check_probabilities(model, points, scores):
    """Refuse probabilities that are not logistic functions of the scores."""
    name = type(model).__name__
    if not hasattr(model, "predict_proba"):
        raise ValueError(
            f"output='probability' needs predict_proba, which {name} does not have. Use"
            " output='logit' to explain its decision_function."
        )
    probabilities = expit(scores)
    if scores.shape[1] == 1:
        probabilities = np.hstack([1.0 - probabilities, probabilities])
    else:
        with np.errstate(invalid="ignore"):  # 0/0 far from all classes: nothing to compare there
            probabilities /= probabilities.sum(axis=1, keepdims=True)
    if (np.abs(model.predict_proba(points) - probabilities) > _PROBE_TOLERANCE).any():
        raise ValueError(
            f"predict_proba of {name} is not the logistic function of its decision_function (one"
            " per class, divided by their sum, for more than two classes), so that the closed form"
            " of method='ig' does not hold for output='probability'. Use output='logit' to explain"
            " the decision_function instead."
        )
