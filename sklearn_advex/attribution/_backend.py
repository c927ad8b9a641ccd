"""Types shared by all attribution methods, and the completeness check."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sklearn_advex._utils._containers import one_row_per_sample

#: Largest completeness error relative to the attributions and outputs. If larger, wrong formulas
#: pass unnoticed; if smaller, the rounding of float32 causes warnings.
ROUNDING = 1e-5


class Attribution(NamedTuple):
    """Attributions, and the outputs whose difference they should sum to.

    Attributes
    ----------
    values : {ndarray, CSR} of shape (n_samples, n_features)
        Or an ndarray of shape (n_samples, ...) for rows that are images.
    outputs : callable or None
        ``outputs() -> F_x, F_baseline``, two ndarrays of shape (n_samples,): the model's own output
        for each row and for its baseline (the mean over several baselines). None for a method
        without completeness.
    is_exact : bool
        Whether the check of the sums can be skipped: the values follow from a closed form, or the
        method has no sums to check.
    tolerance : float
        Largest completeness error, relative to the attributions and outputs.
    advice : callable
        ``advice() -> str``, the last sentence of the warning if the error is larger.
    largest : float
        Size beyond which a single attribution is no statement about the output any more; infinity
        if there is none.
    """

    values: np.ndarray
    outputs: Callable | None
    is_exact: bool
    tolerance: float = ROUNDING
    advice: Callable = lambda: "The model's outputs are not what its attributes promise."
    largest: float = np.inf


class Backend(NamedTuple):
    """An implementation of an attribution method, and the models that it can explain.

    Attributes
    ----------
    models : str
        Description of these models for error messages.
    requires : tuple of str
        Attributes that a fitted model must have.
    attribute : callable
        ``attribute(model, X, y, *, output, target, baseline, n_steps, batch_size) -> Attribution``;
        validates `X`.
    worst_change : callable or None
        ``worst_change(model, X, y, *, output, target, epsilon) -> ndarray or None``: the largest l1
        change of each row's attributions by formula, None if the output has no formula.
    """

    models: str
    requires: tuple[str, ...]
    attribute: Callable
    worst_change: Callable | None = None


def completeness(attribution):
    """Compare the sums of attributions with the changes of the output that they explain.

    Parameters
    ----------
    attribution : Attribution
        With `outputs`.

    Returns
    -------
    error : ndarray of shape (n_samples,)
        Sum of a row's attributions, less the change of the output.
    is_broken : ndarray of bool of shape (n_samples,)
        Whether that is more than the tolerance.
    """
    values = one_row_per_sample(attribution.values)
    F_x, F_baseline = attribution.outputs()
    total = np.asarray(values.sum(axis=1, dtype=np.float64)).ravel()
    error = total - (F_x - F_baseline)
    scale = np.asarray(abs(values).sum(axis=1)).ravel() + np.abs(F_x) + np.abs(F_baseline)
    return error, ~(np.abs(error) <= attribution.tolerance * scale)  # NaN is broken


def oversized(attribution):
    """Find rows with attributions that are larger than the output can change by.

    Parameters
    ----------
    attribution : Attribution

    Returns
    -------
    size : float
        The largest size of an attribution.
    is_oversized : ndarray of bool of shape (n_samples,)
        Whether a row has one beyond `attribution.largest`.
    """
    sizes = abs(one_row_per_sample(attribution.values)).max(axis=1)
    return sizes.max(), sizes > attribution.largest * (1 + attribution.tolerance)
