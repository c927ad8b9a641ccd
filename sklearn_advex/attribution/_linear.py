"""Attribute the outputs of linear classifiers: closed forms, and quadrature for a softmax."""

from dataclasses import replace
from functools import partial

import numpy as np
from scipy import sparse
from scipy.special import softmax
from sklearn.utils import gen_batches

from sklearn_advex._perturbation import perturbation_set
from sklearn_advex.attribution._backend import Attribution
from sklearn_advex.attribution._linear_problem import (
    LinearProblem,
    require_finite,
    validated_rows,
)
from sklearn_advex.attribution._options import (
    resolve_background,
    resolve_baseline,
    resolve_target,
)
from sklearn_advex.metrics import adversarial_loss_increase

# Numbers per block, 1.6 MB of float64. If larger, blocks leave the cache between passes.
_BLOCK_SIZE = 200_000


def linear_integrated_gradients(model, X, y, *, output, target, baseline, n_steps, batch_size):
    r"""Integrated Gradients of a linear classifier.

    For an output :math:`F(x) = A(z)` with :math:`z = \langle w, x \rangle + b` the path integral
    from the baseline u has the closed form of Lemma 4.1,

    .. math::

        IG_j(x) = (x_j - u_j) \, w_j \, \frac{A(z_x) - A(z_u)}{z_x - z_u},

    where A is the identity for ``output="logit"``, the logistic function for "probability" and the
    logistic loss for "loss". A softmax takes the scores of all classes and has no closed form: the
    integral, one number per row and class, is taken by Gauss-Legendre quadrature.

    Parameters
    ----------
    model : fitted estimator
        With the attributes :data:`LINEAR_REQUIRES`.
    X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
        Never changed, and never made dense.
    y, output, target, baseline
        As for :func:`sklearn_advex.explain`.
    n_steps, batch_size : int
        Nodes of the quadrature, and rows per block; not used by a closed form.

    Returns
    -------
    Attribution
    """
    X = validated_rows(model, X)
    row = resolve_baseline(baseline, model, X.shape[1:])
    problem = LinearProblem.from_model(model, X, row, output)
    positions = resolve_target(target, problem.classes, X, y)
    outputs = partial(problem.outputs_of_target, model, X, positions, row[np.newaxis])
    with np.errstate(invalid="ignore", over="ignore"):  # NaN and overflow raise an error below
        if problem.is_softmax:
            values = _integrate_softmax(problem, model, X, positions, n_steps, batch_size)
        else:
            values = _closed_form(problem, model, X, positions)
    if not problem.is_softmax:
        return Attribution(values, outputs, is_exact=True)
    advice = f"Raise n_steps above {n_steps}."
    return Attribution(values, outputs, is_exact=False, advice=lambda: advice)


def linear_shap(model, X, y, *, output, target, baseline, n_steps, batch_size):
    r"""SHAP values of a linear classifier against background rows.

    For ``output="logit"`` these are the interventional Shapley values :math:`w_j (x_j - \bar u_j)`,
    with the mean :math:`\bar u` of the background, exactly. For the other outputs they are the
    DeepSHAP values of the network with one layer: the mean over the background rows u of DeepLIFT's
    rescale rule

    .. math::

        (x_j - u_j) \, w_j \, \frac{A(z_x) - A(z_u)}{z_x - z_u}.

    Parameters
    ----------
    model, X, y, output, target
        As for :func:`linear_integrated_gradients`.
    baseline : float, array-like of shape (n_features,) or (n_background, n_features), or "mean"
        The background.
    n_steps : int
        Not needed.
    batch_size : int or None
        Rows at a time; None chooses by memory.

    Returns
    -------
    Attribution
    """
    X = validated_rows(model, X)
    background = resolve_background(baseline, model, X.shape[1])
    mean = np.asarray(background.mean(axis=0)).ravel()
    problem = LinearProblem.from_model(model, X, mean, output)
    if problem.is_softmax:
        raise ValueError(
            f"SHAP values have no formula for output={output!r} of {type(model).__name__}, whose"
            " probabilities are a softmax. Use output='logit' or method='ig'."
        )
    positions = resolve_target(target, problem.classes, X, y)
    outputs = partial(problem.outputs_of_target, model, X, positions, background)
    with np.errstate(invalid="ignore", over="ignore"):
        if output == "logit" or background.shape[0] == 1:
            values = _closed_form(problem, model, X, positions)
        else:
            rescale = _rescale_sparse if sparse.issparse(X) else _rescale
            values = rescale(problem, model, X, positions, background, batch_size)
    return Attribution(values, outputs, is_exact=True)


def linear_worst_change(model, X, y, *, output, target, epsilon):
    """Compute the largest l1 change of each row's attributions where it has a formula.

    Parameters
    ----------
    model, X, y, output, target
        As for :func:`sklearn_advex.attribution.attribution_stability`.
    epsilon : ndarray of shape (n_features,)
        Half-width of the allowed change per feature.

    Returns
    -------
    change : ndarray of shape (n_samples,) or None
        None for ``output="probability"``.
    """
    if output == "probability":
        return None
    X = validated_rows(model, X)
    problem = LinearProblem.from_model(model, X, np.zeros(X.shape[1]), output)
    if problem.is_softmax:
        raise ValueError(
            f"output='loss' has no formula for {type(model).__name__}, whose loss is not a function"
            " of one score. Use output='logit' or 'probability'."
        )
    positions = resolve_target(target, problem.classes, X, y)
    own = np.broadcast_to(problem.find_row(X, positions), X.shape[:1])
    scores = X @ problem.coef.T + problem.intercept
    require_finite(scores, model, X)
    score = scores[np.arange(len(own)), own]
    support = perturbation_set("linf", epsilon).support(problem.coef)[own]
    if output == "logit":  # the attributions move by w times the change
        return support
    if problem.is_binary:
        is_second = score > 0 if positions is None else np.equal(positions, 1)
        score = np.where(is_second, score, -score)
    return adversarial_loss_increase(score, support)


def _closed_form(problem, model, X, positions):
    """Compute the closed form of Lemma 4.1."""
    attribute = _closed_form_sparse if sparse.issparse(X) else _closed_form_dense
    return attribute(problem, model, X, positions)


def _closed_form_dense(problem, model, X, positions):
    """Compute the closed form of an array block by block, in the memory of the result."""
    attributions = np.empty_like(X)
    in_place = X.dtype == np.float64  # float32 is computed in float64 and rounded once
    has_baseline = problem.baseline.any()
    row = problem.find_row(X, positions)
    for block in gen_batches(X.shape[0], max(1, _BLOCK_SIZE // X.shape[1])):
        block_row, block_positions = _part(row, block), _part(positions, block)
        scratch = attributions[block] if in_place else None
        difference = X[block]
        if has_baseline:
            difference = np.subtract(difference, problem.baseline, out=scratch)
        coef = problem.coef[block_row]
        shift = np.vecdot(difference, coef)
        require_finite(shift, model, X)
        start = problem.score_at_baseline[block_row]
        product = np.multiply(difference, coef, out=scratch)
        product *= problem.divided_difference(start + shift, start, block_positions)[:, np.newaxis]
        product += 0.0  # a feature without a coefficient gets 0.0 rather than -0.0
        if not in_place:
            attributions[block] = product
    return attributions


def _closed_form_sparse(problem, model, X, positions):
    """Compute the closed form of CSR rows as ``x * w - baseline * w``, both of them sparse."""
    row = np.broadcast_to(problem.find_row(X, positions), X.shape[:1])
    product = X.astype(np.float64)  # a copy, structure included
    product.data *= problem.coef[np.repeat(row, np.diff(X.indptr)), X.indices]
    if problem.baseline.any():
        product = product - type(X)(problem.coef * problem.baseline)[row]
    shift = np.asarray(product.sum(axis=1)).ravel()
    require_finite(shift, model, X)
    start = problem.score_at_baseline[row]
    slope = problem.divided_difference(start + shift, start, positions)
    product.data *= np.repeat(slope, np.diff(product.indptr))
    return product.astype(X.dtype, copy=False)


def _integrate_softmax(problem, model, X, positions, n_steps, batch_size):
    """Integrate the gradient of a softmax, or of its cross-entropy, along the path."""
    row = problem.find_row(X, positions)
    nodes, weights = np.polynomial.legendre.leggauss(n_steps)
    blocks = []
    width = X.nnz // X.shape[0] if sparse.issparse(X) else X.shape[1]
    for block in _batches(X, width + problem.coef.shape[0], batch_size):
        block_X = X[block].astype(np.float64)
        shift = (block_X @ problem.coef.T) - problem.coef @ problem.baseline
        require_finite(shift, model, X)
        target = np.broadcast_to(_part(row, block), shift.shape[:1])
        mean_gradient = np.zeros_like(shift)
        for t, weight in zip((nodes + 1.0) / 2.0, weights / 2.0, strict=True):
            scores = problem.score_at_baseline + t * shift
            mean_gradient += weight * _gradient_of_softmax(scores, target, problem.output)
        blocks.append(_times_mean_gradient(problem, block_X, mean_gradient).astype(X.dtype))
    return sparse.vstack(blocks, format="csr") if sparse.issparse(X) else np.vstack(blocks)


def _gradient_of_softmax(scores, target, output):
    """Compute the gradient of the target's probability, or of minus its logarithm."""
    probabilities = softmax(scores, axis=1)
    rows = np.arange(len(scores))
    if output == "loss":
        probabilities[rows, target] -= 1.0
        return probabilities
    of_target = probabilities[rows, target]
    gradient = -of_target[:, np.newaxis] * probabilities
    # Not 1 - p, which cancels where p is nearly 1.
    probabilities[rows, target] = 0.0
    gradient[rows, target] = of_target * probabilities.sum(axis=1)
    return gradient


def _times_mean_gradient(problem, X, mean_gradient):
    """Multiply the difference to the baseline by the mean gradient of each feature."""
    if not sparse.issparse(X):
        return (X - problem.baseline) * (mean_gradient @ problem.coef)
    if problem.baseline.any():
        # Columns without a coefficient stay sparse: their gradient is 0.
        baseline = np.where(problem.coef.any(axis=0), problem.baseline, 0.0)
        X = X - type(X)(baseline[np.newaxis])[np.zeros(X.shape[0], dtype=int)]
    difference = X.tocsr()
    entry_rows = np.repeat(np.arange(X.shape[0]), np.diff(difference.indptr))
    slopes = np.zeros(difference.nnz)
    for gradient, coef in zip(mean_gradient.T, problem.coef, strict=True):
        slopes += gradient[entry_rows] * coef[difference.indices]
    difference.data *= slopes
    return difference


def _rescale_sparse(problem, model, X, positions, background, batch_size):
    """Average the rescale rule in the columns with a coefficient: the others are 0."""
    require_finite(X @ problem.coef.T, model, X)  # NaN times 0 is NaN: this sees all columns
    used = np.flatnonzero(problem.coef.any(axis=0))
    restricted = replace(problem, coef=problem.coef[:, used], baseline=problem.baseline[used])
    if positions is None:
        positions = problem.find_row(X, None) if not problem.is_binary else None
    values = _rescale(
        restricted, model, X[:, used], positions, background[:, used], batch_size
    ).tocsr()
    return type(X)((values.data, used[values.indices], values.indptr), shape=X.shape)


def _rescale(problem, model, X, positions, background, batch_size):
    """Average the rescale rule over background rows by two matrix products."""
    row = problem.find_row(X, positions)
    background_scores = background @ problem.coef.T + problem.intercept
    blocks = []
    for block in _batches(X, X.shape[1] + background.shape[0], batch_size):
        block_X = X[block].astype(np.float64)
        block_row, block_positions = _part(row, block), _part(positions, block)
        scores = block_X @ problem.coef.T + problem.intercept
        require_finite(scores, model, X)
        own = np.broadcast_to(block_row, scores.shape[:1])
        stop = scores[np.arange(len(own)), own][:, np.newaxis]
        if np.ndim(block_positions):
            block_positions = block_positions[:, np.newaxis]
        slopes = problem.divided_difference(stop, background_scores.T[own], block_positions)
        mean_slope = slopes.mean(axis=1)
        coef = problem.coef[own]
        offset = coef * (slopes @ background) / background.shape[0]
        if sparse.issparse(X):
            values = block_X.tocsr()
            repeats = np.diff(values.indptr)
            values.data *= np.repeat(mean_slope, repeats)
            values.data *= problem.coef[np.repeat(own, repeats), values.indices]
            values = values - type(values)(offset)
        else:
            values = block_X * (coef * mean_slope[:, np.newaxis]) - offset
        blocks.append(values.astype(X.dtype))
    return sparse.vstack(blocks, format="csr") if sparse.issparse(X) else np.vstack(blocks)


def _batches(X, width, batch_size):
    """Split rows into blocks, given the scratch numbers that a row takes."""
    if batch_size is None:
        batch_size = max(1, _BLOCK_SIZE // width)
    return gen_batches(X.shape[0], batch_size)


def _part(per_row, block):
    """Select a block of per-row values; return a scalar as it is."""
    return per_row[block] if np.ndim(per_row) else per_row
