"""Attribute the outputs of networks, in batches bounded by memory."""

import math
from functools import partial

import numpy as np
import torch
from captum.attr import FeatureAblation, InputXGradient, Saliency
from sklearn.utils import gen_batches

from sklearn_advex._networks import NO_GRADIENT
from sklearn_advex.attribution._backend import Attribution
from sklearn_advex.attribution._options import is_background, resolve_baseline, resolve_target
from sklearn_advex.attribution._torch._deep_shap import DeepShap
from sklearn_advex.attribution._torch._exact_path import has_exact_path, integrate_exactly
from sklearn_advex.attribution._torch._network import Network, Output, module_input
from sklearn_advex.attribution._torch._path_integral import integrate_gradients

# Largest completeness errors without a warning, relative to the attributions and outputs.
_IG_TOLERANCE = 1e-2
_DEEP_SHAP_TOLERANCE = 1e-4

# A Shapley value of a probability is 1 at most. If larger, contributions that cancel go unnoticed.
_LARGEST_OF_PROBABILITY = 2.0

# Examined for gradients where sums are off. If larger, more columns are named, and later.
_MAX_EXAMINED_ROWS = 50
_MAX_EXAMINED_COLUMNS = 200

# Occluded squares along the shorter side of an image. If larger, squares are smaller and slower.
_SQUARES_PER_SIDE = 7

_NOT_FOLLOWED = (
    "The module does something that DeepLIFT cannot follow, as with gradients that it detaches or"
    " defines itself. Use method='ig'."
)


def attribute_network(model, X, y, *, method, output, target, baseline, n_steps, batch_size):
    """Attribute the outputs of a network; methods without completeness are captum's own.

    Parameters
    ----------
    model : fitted estimator
        With `module_`, which returns logits, and `classes_`. Never changed: a copy of the
        module, which shares its parameters' memory, is explained in evaluation mode.
    X : array-like or DataFrame of shape (n_samples, ...)
    method : {"ig", "deep_shap", "saliency", "input_x_gradient", "occlusion"}
    y, output, target, baseline, n_steps, batch_size
        As for :func:`sklearn_advex.explain`.

    Returns
    -------
    Attribution
        With values in the shape of X.
    """
    with torch.inference_mode(False), torch.enable_grad():
        network = Network.from_model(model, X, output)
        if method != "occlusion" and not network.has_gradient:
            raise ValueError(f"{NO_GRADIENT} Explain it by method='occlusion', which needs none.")
        fitting = network.rows_per_batch()
        background = _resolve_background(baseline, model, network.values.shape[1:], method)
        scores = network.scores_of(network.values, fitting)
        background_scores = network.scores_of(background, fitting)
        positions = resolve_target(target, model.classes_, network.values, y)
        positions = scores.argmax(axis=1) if positions is None else positions
        positions = np.broadcast_to(positions, len(scores))
        if method == "deep_shap":
            explainer = DeepShap(network, background, background_scores, output, batch_size)
            values = explainer.attribute(scores, positions)
        elif method == "ig" and has_exact_path(network.scores.module):
            exact = partial(_exactly_integrated, network.scores, output, network.tensor(background))
            values = _in_batches(network, exact, positions, batch_size)
        else:
            explained = Output(network.fast_scores(), output)
            baseline_row = network.tensor(background)
            attribute = partial(_METHODS[method], explained, baseline_row, n_steps)
            values = _in_batches(network, attribute, positions, batch_size)
    if method not in _TOLERANCES:
        return Attribution(values, None, is_exact=True)
    F_x = network.outputs_of(scores, output)[np.arange(len(scores)), positions]
    F_baseline = network.outputs_of(background_scores, output).mean(axis=0)[positions]
    tolerance, otherwise = _TOLERANCES[method]
    ends = network, background, positions, output
    advice = partial(_advice, model, values, *ends, otherwise.format(n_steps=n_steps))
    is_bounded = method == "deep_shap" and output == "probability"
    return Attribution(
        values,
        lambda: (F_x, F_baseline),
        is_exact=False,
        tolerance=tolerance,
        advice=advice,
        largest=_LARGEST_OF_PROBABILITY if is_bounded else np.inf,
    )


_TOLERANCES = {
    "ig": (_IG_TOLERANCE, "Raise n_steps above {n_steps}."),
    "deep_shap": (_DEEP_SHAP_TOLERANCE, _NOT_FOLLOWED),
}


def _advice(model, values, network, background, positions, output, otherwise):
    """What helps where sums are off: another method if columns have no gradient at all."""
    columns = _without_gradient(values, network, background[:1], positions, output)
    if not columns:
        return otherwise
    names = getattr(model, "feature_names_in_", None)
    named = [str(column if names is None else names[column]) for column in columns]
    return (
        f"The output depends on the columns {', '.join(named)}, but has no gradient with respect to"
        " them, as behind an embedding or a rounding, so that they are given 0. Use"
        " method='occlusion', or explain an estimator of the embedded columns."
    )


def _without_gradient(values, network, baseline, positions, output):
    """Columns with attributions of 0 that change the output of some row nonetheless."""
    rows = slice(_MAX_EXAMINED_ROWS)
    flat = values.reshape(len(values), -1)
    suspects = np.flatnonzero(~flat.any(axis=0))[:_MAX_EXAMINED_COLUMNS]
    given = network.values[rows]

    def outputs(inputs):
        scores = network.scores_of(inputs, len(inputs))
        return network.outputs_of(scores, output)[np.arange(len(inputs)), positions[rows]]

    found = []
    for column in suspects:
        occluded = given.reshape(len(given), -1).copy()
        occluded[:, column] = baseline.reshape(1, -1)[:, column]
        change = outputs(occluded.reshape(given.shape)) - outputs(given)
        if np.abs(change).max() > _IG_TOLERANCE:
            found.append(int(column))
    return found


def _resolve_background(baseline, model, shape, method):
    """Turn `baseline` into an array of rows in the shape of those of X."""
    if method != "deep_shap" or not is_background(baseline, shape):
        return resolve_baseline(baseline, model, shape)[np.newaxis]
    try:
        rows, _ = module_input(model, baseline)
    except ValueError as error:
        raise ValueError(f"baseline cannot serve as background rows: {error}") from error
    if math.prod(rows.shape[1:]) != math.prod(shape):
        raise ValueError(
            f"baseline has rows of shape {rows.shape[1:]}, but X has rows of shape {shape}."
        )
    return rows.reshape(-1, *shape)


def _in_batches(network, attribute, positions, batch_size):
    """Attribute batch by batch: ``attribute(x, target, batch_size)`` for each."""
    batch_size = batch_size or network.rows_per_batch(copies=2)
    values = np.empty_like(network.values)
    for batch in gen_batches(len(values), batch_size):
        x = network.tensor(network.values[batch]).requires_grad_()
        target = torch.tensor(positions[batch], device=x.device)
        values[batch] = attribute(x, target, batch_size).detach().cpu().numpy()
    return values


def _integrated_gradients(explained, baseline, n_steps, x, target, batch_size):
    def outputs_of(points, n_points):
        return explained(points).gather(1, target.repeat_interleave(n_points)[:, None])

    return integrate_gradients(outputs_of, x.detach(), baseline, n_steps, batch_size)


def _exactly_integrated(scores, output, baseline, x, target, batch_size):
    return integrate_exactly(scores, output, x.detach(), baseline, target)


def _saliency(explained, baseline, n_steps, x, target, batch_size):
    return Saliency(explained).attribute(x, target=target)


def _input_x_gradient(explained, baseline, n_steps, x, target, batch_size):
    return InputXGradient(explained).attribute(x, target=target)


def _occlusion(explained, baseline, n_steps, x, target, batch_size):
    """Compute the change of the output without each part; a forward pass per part."""
    parts = _parts(explained.scores.arrange, x)
    with torch.no_grad():
        return FeatureAblation(explained).attribute(
            x.detach(), baselines=baseline, target=target, feature_mask=parts
        )


def _parts(arrange, x):
    """Number the parts that are occluded together, one number per entry, of shape (1, ...).

    Squares are cut from the input of the module, so the shape of the rows makes no difference.
    """
    entries = torch.arange(x[0].numel(), dtype=torch.float32, device=x.device).reshape(
        1, *x.shape[1:]
    )
    arranged = arrange(entries)[0]
    steps = [
        torch.arange(length, device=x.device) // side
        for length, side in zip(arranged.shape, _window(tuple(arranged.shape)), strict=True)
    ]
    corners = torch.cartesian_prod(*steps).reshape(arranged.numel(), -1)
    _, number = corners.unique(dim=0, return_inverse=True)
    parts = torch.empty_like(number)
    parts[arranged.flatten().long()] = number
    return parts.reshape(entries.shape)


def _window(shape):
    """Return the size of a part: one feature, or a square of an image in all channels."""
    channels = int(np.argmin(shape)) if len(shape) > 2 else None
    sides = [side for axis, side in enumerate(shape) if axis != channels]
    square = 1 if len(shape) == 1 else math.ceil(min(sides) / _SQUARES_PER_SIDE)
    return tuple(side if axis == channels else square for axis, side in enumerate(shape))


_METHODS = {
    "ig": _integrated_gradients,
    "saliency": _saliency,
    "input_x_gradient": _input_x_gradient,
    "occlusion": _occlusion,
}
