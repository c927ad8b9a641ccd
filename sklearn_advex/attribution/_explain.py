"""The one entry point to attributions: choose a backend by what the model has."""

from collections.abc import Callable
from typing import NamedTuple

from sklearn_advex._utils._frames import frame_like
from sklearn_advex._utils._pipeline import encoded_feature_names, transform_to_last_step
from sklearn_advex.attribution._linear import LINEAR_REQUIRES, linear_integrated_gradients

_OUTPUTS = ("probability", "logit")


class Backend(NamedTuple):
    """A way to compute attributions, and the models that it can do so for.

    Attributes
    ----------
    models : str
        Those models, in words for an error message.
    requires : tuple of str
        Attributes that a fitted model must have.
    attribute : callable
        ``attribute(model, X, y, *, output, target, baseline) -> attributions``; validates `X`.
    """

    models: str
    requires: tuple[str, ...]
    attribute: Callable


#: The backends of each method; the first whose requirements a model meets is taken.
BACKENDS = {
    "ig": (Backend("linear classifiers", LINEAR_REQUIRES, linear_integrated_gradients),),
}


def explain(
    model, X, y=None, *, method="ig", output="probability", target="predicted", baseline=0.0
):
    r"""Attribute each prediction of a fitted classifier to the input features.

    Integrated Gradients [2]_ of an output F of the model, from a baseline u to each row x of `X`:
    :math:`(x_j - u_j) \int_0^1 \partial_j F(u + t (x - u)) \, dt`. For linear classifiers the
    integral has a closed form, Lemma 4.1 of [1]_, which is what is computed: no steps, no
    approximation. The attributions of a row sum to :math:`F(x) - F(u)` (completeness).

    Parameters
    ----------
    model : estimator
        A fitted classifier, or a fitted pipeline that ends in one. What counts is what the model
        has: ``method="ig"`` takes every estimator with `coef_`, `intercept_`, `classes_` and a
        `decision_function` that is linear in the features.
    X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
        The rows to explain, as `model` predicts on them. Never changed.
    y : array-like of shape (n_samples,), default=None
        The true labels; needed for ``target="true"`` only.
    method : {"ig"}, default="ig"
        Integrated Gradients.
    output : {"probability", "logit"}, default="probability"
        The output F. "logit" is the target class's decision function (for a logistic model the
        log-odds). "probability" is the logistic function of it: with two classes the predicted
        probability, with more the probability in the class's own one-vs-rest problem, *before* the
        probabilities of all classes are divided by their sum. A model whose `predict_proba` is
        something else is refused.
    target : "predicted", "true" or a class label, default="predicted"
        The class whose output is explained: for each row the predicted one or the one in `y`, or
        the same class for all rows. A class that is itself called "predicted" or "true" cannot be
        asked for by its label: the words keep their meaning.
    baseline : float, array-like of shape (n_features,) or "mean", default=0.0
        The input u that predictions are compared with, in the features' units: one number for all
        features, a row, or the feature means of the data that the model was fitted on (its
        `feature_means_`). A pandas Series is matched by its index where the model knows feature
        names. For a pipeline the row is one of the encoded columns that its last step sees.

    Returns
    -------
    attributions : ndarray, CSR matrix or array, or DataFrame of shape (n_samples, n_features)
        In units of the output; float32 for float32 `X`, otherwise float64.

        - ndarray for dense `X`.
        - CSR for sparse `X`. With baseline 0 it stores the same entries as `X`. Any other baseline
          adds those columns in which both the baseline and the target class's coefficient are
          non-zero, in every row.
        - DataFrame with the index and columns of `X` where `X` is one (sparse columns where it
          holds sparse data).

        For a pipeline there is one column per *encoded* column, with the names of the transformers'
        ``get_feature_names_out()`` (0, 1, ... where they have none) in a DataFrame.

    Raises
    ------
    NotFittedError
        If `model` is not fitted.
    TypeError
        If `model` has not what `method` needs.
    ValueError
        If an option is unknown or does not fit the model, or if `X` is not like the data that the
        model was fitted on.

    See Also
    --------
    sklearn_advex.metrics.gini_index : How concentrated an attribution is.
    sklearn_advex.metrics.feature_value_impact : Mean absolute attribution of each column.

    References
    ----------
    .. [1] P. Chalasani, J. Chen, A. R. Chowdhury, S. Jha, X. Wu. "Concise Explanations of Neural
       Networks using Adversarial Training". ICML 2020. https://arxiv.org/abs/1810.06583

    .. [2] M. Sundararajan, A. Taly, Q. Yan. "Axiomatic Attribution for Deep Networks". ICML 2017.
       https://arxiv.org/abs/1703.01365

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_advex import explain
    >>> X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]])
    >>> model = LogisticRegression().fit(X, [0, 0, 1, 1])
    >>> A = explain(model, X, target=1)
    >>> F = model.predict_proba(X)[:, 1]
    >>> F_baseline = model.predict_proba(np.zeros((1, 2)))[0, 1]
    >>> bool(np.allclose(A.sum(axis=1), F - F_baseline))
    True
    """
    check_explain_options(method, output)
    last_step, X_encoded = transform_to_last_step(model, X)
    backend = _choose_backend(last_step, method)
    attributions = backend.attribute(
        last_step, X_encoded, y, output=output, target=target, baseline=baseline
    )
    if hasattr(X_encoded, "columns"):
        return frame_like(X_encoded, attributions, X_encoded.columns)
    return frame_like(X, attributions, encoded_feature_names(model))


def check_explain_options(method, output):
    """Raise a ValueError if the options that need no model to judge them are unknown."""
    if method not in BACKENDS:
        raise ValueError(f"method={method!r} is unknown. It must be one of {list(BACKENDS)}.")
    if output not in _OUTPUTS:
        raise ValueError(f"output={output!r} is unknown. It must be one of {list(_OUTPUTS)}.")


def _choose_backend(model, method):
    """Return the first backend of a method whose requirements a model meets."""
    refusals = []
    for backend in BACKENDS[method]:
        missing = [name for name in backend.requires if not hasattr(model, name)]
        if not missing:
            return backend
        refusals.append(f"it has no {', '.join(missing)}, as {backend.models} do")
    raise TypeError(
        f"method={method!r} cannot explain {type(model).__name__}: {'; '.join(refusals)}. Pass a"
        " fitted model of that kind, or a pipeline that ends in one."
    )
