"""Explain predictions: choose the backend by the attributes of the model."""

import warnings
from copy import copy
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from sklearn_advex._utils._containers import frame_like, is_frame, is_sparse, row_shape
from sklearn_advex._utils._counts import check_count
from sklearn_advex._utils._dask import is_dask
from sklearn_advex._utils._optional import needs_network_packages
from sklearn_advex._utils._pipeline import decides_by_threshold, transform_to_last_step
from sklearn_advex.attribution._backend import Backend, completeness, oversized
from sklearn_advex.attribution._ensembles import attribute_ensemble, members_of
from sklearn_advex.attribution._groups import encoded_columns, resolve_groups, sum_columns
from sklearn_advex.attribution._linear import (
    linear_integrated_gradients,
    linear_shap,
    linear_worst_change,
)
from sklearn_advex.attribution._linear_problem import LINEAR_REQUIRES
from sklearn_advex.attribution._options import is_background

_OUTPUTS = ("probability", "logit", "loss")


def _linear(attribute):
    """Create a backend for linear classifiers."""
    return Backend("linear classifiers", LINEAR_REQUIRES, attribute, linear_worst_change)


def _network(method):
    """Create a backend that imports torch only when a network is explained."""

    def attribute(model, X, y, **options):
        with needs_network_packages("Explaining a network"):
            from sklearn_advex.attribution._torch import attribute_network

        return attribute_network(model, X, y, method=method, **options)

    return Backend("networks", ("module_", "classes_"), attribute)


#: The backends of each method; the first whose requirements a model meets is taken.
BACKENDS = {
    "ig": (_linear(linear_integrated_gradients), _network("ig")),
    "shap": (_linear(linear_shap),),
    "deep_shap": (_linear(linear_shap), _network("deep_shap")),
    "saliency": (_network("saliency"),),
    "input_x_gradient": (_network("input_x_gradient"),),
    "occlusion": (_network("occlusion"),),
}


def explain(
    model,
    X,
    y=None,
    *,
    method="ig",
    output="probability",
    target="predicted",
    baseline=0.0,
    groups="auto",
    n_steps=50,
    batch_size=None,
    return_completeness=False,
):
    r"""Attribute each prediction of a fitted classifier to the input features.

    An attribution says how much each feature contributed to the change of an output F of the model
    between a baseline u and a row x of `X`. The attributions of a row sum to
    :math:`F(x) - F(u)` (completeness).

    - ``method="ig"``, Integrated Gradients [2]_:
      :math:`(x_j - u_j) \int_0^1 \partial_j F(u + t (x - u)) \, dt`. For linear classifiers the
      integral has a closed form, Lemma 4.1 of [1]_, which is what is computed: no steps, no
      approximation. The probability of a softmax and networks have none; they are integrated by
      Gauss-Legendre quadrature, for a network with the nodes where its slope along the path
      changes most.
    - ``method="shap"``, for linear classifiers, compares with the mean of F over background rows.
      For ``output="logit"`` these are the exact interventional Shapley values,
      :math:`w_j (x_j - \bar u_j)`. Otherwise they are DeepSHAP values [3]_, those of the classifier
      taken as a network with one layer: the mean over the background of DeepLIFT's rescale rule.
      For the output of a logistic function these differ from Shapley values, which take a sum over
      all subsets of features.
    - ``method="deep_shap"``, DeepSHAP [3]_, is the same for linear classifiers. For networks it is
      the mean over background rows of DeepLIFT's rescale rule, by captum, with a rule for
      max-pooling that also holds where windows overlap. The contributions to the logits of all
      classes are weighed by the mean slope of the output between the two rows' logits. For two
      classes that is the rescale rule; for more it stays finite where the class's own logit hardly
      moves, by which `shap` divides. The non-linear parts of the network must be the modules ReLU,
      LeakyReLU, ELU, Sigmoid, Tanh, Softplus or MaxPool, each used once; what is neither one of
      these nor affine is refused by its name.
    - ``method="saliency"``, :math:`|\partial_j F(x)|`, ``method="input_x_gradient"``,
      :math:`x_j \, \partial_j F(x)`, and ``method="occlusion"`` are for networks only, and do not
      sum to anything. "occlusion" is how much F falls when a part of the row is replaced by the
      baseline: a single feature, or a square of an image in all its channels (its shortest axis),
      a seventh of the shorter side wide. The images are those that the module sees, also where a
      row of `X` is flat.

    Parameters
    ----------
    model : estimator
        A fitted classifier, or a fitted pipeline that ends in one. Its attributes decide: "ig",
        "shap" and "deep_shap" take every estimator with `coef_`, `intercept_`, `classes_` and a
        `decision_function` that is linear in the features; all methods but "shap" take networks,
        estimators with `classes_` and a torch `module_` that returns one logit per class (or one
        for two classes). A skorch classifier is one, if it is trained with a loss of logits.
        Searches, and classifiers that tune the decision threshold, are explained by the model
        inside; the probability of bagging, soft voting and sigmoid calibration by the mean over
        their members.
    X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
        The rows to explain, as `model` predicts on them; images of more dimensions where it takes
        them. Never changed.
    y : array-like of shape (n_samples,), default=None
        The true labels; needed for ``target="true"`` only.
    method : {"ig", "shap", "deep_shap", "saliency", "input_x_gradient", "occlusion"}, default="ig"
        The attribution method.
    output : {"probability", "logit", "loss"}, default="probability"
        The output F. "logit" is the target class's decision function (for a logistic model the
        log-odds). "probability" is the predicted probability; for more than two classes learned one
        against the rest that in the class's own problem, *before* the probabilities of all classes
        are divided by their sum. "loss" is minus the logarithm of the same probability, the loss if
        the target class is the true one. A model whose `predict_proba` is neither the logistic
        function nor the softmax of its `decision_function` is refused, except for "logit".
    target : "predicted", "true" or a class label, default="predicted"
        The class whose output is explained: for each row the predicted one or the one in `y`, or
        the same class for all rows. A class that is itself called "predicted" or "true" is passed
        as a list, ``target=["true"]``: the words alone keep their meaning.
    baseline : float, "mean", array-like of shape (n_features,) or table of rows, default=0.0
        The input u that predictions are compared with, in the features' units: one number for all
        features, a row, or the feature means of the data that the model was fitted on (its
        `feature_means_`). A pandas Series is matched by its index where the model knows feature
        names. For a pipeline the row is one of the encoded columns that its last step sees.
        ``method="shap"`` and "deep_shap" also take background rows: a table like `X`, which passes
        through the transformers of a pipeline as `X` does. It costs time in proportion to their
        number. For images a row is an image. "saliency" and "input_x_gradient" need none.
    groups : "auto", dict or None, default="auto"
        What the attributions of a pipeline are summed to. "auto": the columns of `X`, however the
        steps encode, scale, impute, select, reorder or drop them; where `X` has no columns (a list
        of texts) the encoded ones stay. None: the encoded columns that the last step sees. A dict
        from names of your own to lists of encoded columns: these groups; every encoded column
        must be in exactly one. Encoded columns are named as by the transformers'
        ``get_feature_names_out()``, or 0, 1, ... where these have none.
    n_steps : int, default=50
        Nodes of the quadrature, where an integral is taken numerically: for a softmax and for
        networks other than multilayer perceptrons with ReLUs, whose paths are cut at their kinks
        and integrated exactly. On MNIST images and the paper's network, attributions at 50 add up
        within 0.3 % of the change on average and 2 % for single images; 100 nodes halve that on
        average.
    batch_size : int, default=None
        Rows that are computed at a time with numerical integration, background rows or networks
        (there points of a path, or pairs of a row and a background row); None chooses by memory.
        But for rounding the result does not depend on it.
    return_completeness : bool, default=False
        Whether to return each row's completeness error too. For "ig", "shap" and "deep_shap".

    Returns
    -------
    attributions : ndarray, CSR matrix or array, or DataFrame of shape (n_samples, n_columns)
        In units of the output; float32 for float32 `X` and for networks that take float32,
        otherwise float64. In the container of `X`:

        - ndarray for dense `X`, of its shape where the rows are images.
        - CSR for sparse `X`. With baseline 0 it stores the same entries as `X`. Any other baseline
          adds those columns in which both the baseline and the target class's coefficient are
          non-zero, in every row.
        - DataFrame with the index of `X` where `X` is one (sparse columns where it holds sparse
          data), and a DataFrame named by the encoded columns for texts and records.
        - A table of the same library for polars, pyarrow and others.

        With ``groups=None`` the container is that of the encoded rows, or a DataFrame with the
        index of `X`.
    completeness_error : ndarray of shape (n_samples,)
        Only with ``return_completeness=True``: the sum of a row's attributions, less
        :math:`F(x) - F(u)` by the model's own `predict_proba`, `decision_function` or module.

    Raises
    ------
    NotFittedError
        If `model` is not fitted.
    TypeError
        If `model` lacks an attribute that `method` requires.
    ValueError
        If an option is unknown or does not fit the model, if `X` is not like the data that the
        model was fitted on, if ``groups="auto"`` meets a step that makes a column from several, as
        a :class:`~sklearn.impute.KNNImputer` does in rows with missing values, or if "deep_shap"
        has no rule for a layer of a network; the message names the step or layer.

    Warns
    -----
    UserWarning
        If the attributions do not sum to the change of the output. Closed forms are only checked
        with ``return_completeness=True``. Networks are allowed errors of 1 % with "ig" and of 1e-4
        with "deep_shap", relative to the sum of the sizes of the attributions and both outputs. And
        if "deep_shap" of a network's probability has an attribution above 2, where Shapley values
        have 1 at most.

    See Also
    --------
    AttributionTransformer : The same as a step of a pipeline.
    sklearn_advex.metrics.gini_index : How concentrated an attribution is.
    sklearn_advex.metrics.feature_value_impact : Mean absolute attribution of each column.

    References
    ----------
    .. [1] P. Chalasani, J. Chen, A. R. Chowdhury, S. Jha, X. Wu. "Concise Explanations of Neural
       Networks using Adversarial Training". ICML 2020. https://arxiv.org/abs/1810.06583

    .. [2] M. Sundararajan, A. Taly, Q. Yan. "Axiomatic Attribution for Deep Networks". ICML 2017.
       https://arxiv.org/abs/1703.01365

    .. [3] S. M. Lundberg, S.-I. Lee. "A Unified Approach to Interpreting Model Predictions".
       NIPS 2017. https://arxiv.org/abs/1705.07874

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
    options = ExplainOptions(method, output, target, baseline, groups, n_steps, batch_size)
    if is_dask(X):
        return explain_lazily(model, X, y, options, return_completeness)
    explanation = attribute_columns(model, X, y, options, return_completeness)
    attributions = explanation.in_container()
    return (attributions, explanation.error) if return_completeness else attributions


class ExplainOptions(NamedTuple):
    """The options of :func:`explain` that shape the attributions."""

    method: str = "ig"
    output: str = "probability"
    target: Any = "predicted"
    baseline: Any = 0.0
    groups: Any = "auto"
    n_steps: int = 50
    batch_size: int | None = None

    def check(self):
        """Raise a ValueError if the options that need no model to judge them are wrong."""
        if self.method not in BACKENDS:
            raise ValueError(
                f"method={self.method!r} is unknown. It must be one of {list(BACKENDS)}."
            )
        if self.output not in _OUTPUTS:
            raise ValueError(
                f"output={self.output!r} is unknown. It must be one of {list(_OUTPUTS)}."
            )
        is_auto = isinstance(self.groups, str) and self.groups == "auto"
        if not (is_auto or self.groups is None or isinstance(self.groups, dict)):
            raise ValueError(
                f"groups={self.groups!r} is unknown. It must be 'auto', None or a dict from names"
                " to lists of encoded columns."
            )
        check_count(self.n_steps, "n_steps")
        check_count(self.batch_size, "batch_size", none_allowed=True)


class Explanation(NamedTuple):
    """Attributions, and what their container is made from.

    Attributes
    ----------
    values : {ndarray, CSR} of shape (n_samples, n_columns)
    columns : callable
        ``columns() -> sequence or None``, the names of the columns, if they have names.
    rows : array-like, sparse matrix or DataFrame
        The rows whose container and index the result gets.
    outputs : callable or None
        As of :class:`~sklearn_advex.attribution._backend.Attribution`.
    error : ndarray of shape (n_samples,) or None
        Completeness errors; None if they were not computed.
    """

    values: Any
    columns: Any
    rows: Any
    outputs: Any
    error: Any

    def in_container(self):
        """Return the values as a DataFrame where the rows are one."""
        return frame_like(self.rows, self.values, self.columns())


def explain_lazily(model, X, y, options, return_completeness=False):
    """Explain like :func:`explain`, block by block, when the result is computed.

    Parameters
    ----------
    model, y, return_completeness
        As for :func:`explain`.
    X : dask array or DataFrame of shape (n_samples, n_features)
        Its first row is computed at once, to learn what the result looks like.
    options : ExplainOptions

    Returns
    -------
    dask array or DataFrame
    """
    from sklearn_advex._utils._dask_blocks import first_row, map_rows  # imports dask

    options.check()
    if return_completeness:
        raise ValueError(
            "return_completeness=True is not available for Dask collections: explain a sample of"
            " the rows in memory, such as X.partitions[0].compute()."
        )
    function = partial(_explain_block, copy(model), options)
    label = None if y is None else model.classes_[0]
    return map_rows(function, X, y, sample=first_row(X), label=label)


def _explain_block(model, options, X, y=None):
    return attribute_columns(model, X, y, options).in_container()


def attribute_columns(model, X, y, options, return_completeness=False):
    """Explain like :func:`explain`, but leave the values as arrays.

    Parameters
    ----------
    model, X, y, return_completeness
        As for :func:`explain`.
    options : ExplainOptions

    Returns
    -------
    Explanation
    """
    options.check()
    y, options = predicted_by_threshold(model, X, y, options)
    last_step, X_encoded = transform_to_last_step(model, X)
    groups = resolve_groups(options.groups, model, X, X_encoded)
    attribution = attribute_encoded(model, last_step, X_encoded, y, options)
    error = None
    if groups is not None:
        values = sum_columns(attribution.values, groups, keep_sparse=is_sparse(X))
        attribution = attribution._replace(values=values)
    if return_completeness and attribution.outputs is None:
        raise ValueError(
            f"return_completeness=True has no meaning for method={options.method!r}, whose"
            " attributions sum to nothing. Use method='ig' or 'deep_shap'."
        )
    if return_completeness or not attribution.is_exact:
        error = check_attribution(attribution)
    if groups is not None:
        return Explanation(attribution.values, lambda: groups.names, X, attribution.outputs, error)
    rows = X_encoded if is_frame(X_encoded) else X
    names = partial(encoded_columns, model, X_encoded)
    return Explanation(attribution.values, names, rows, attribution.outputs, error)


def attribute_encoded(model, last_step, X_encoded, y, options):
    """Attribute the predictions of the last step of `model` to the columns that it sees.

    Parameters
    ----------
    model : estimator
        The whole pipeline, which encodes background rows.
    last_step : estimator
        The model at its end.
    X_encoded : array-like, sparse matrix or DataFrame
        What `last_step` predicts on.
    y : array-like of shape (n_samples,) or None
    options : ExplainOptions

    Returns
    -------
    Attribution
    """
    members = members_of(last_step)
    if members is not None:
        return attribute_ensemble(last_step, members, X_encoded, y, options, attribute_columns)
    backend = choose_backend(last_step, options.method)
    baseline = options.baseline
    if "shap" in options.method and is_background(baseline, row_shape(X_encoded)):
        _, baseline = transform_to_last_step(model, baseline)
    return backend.attribute(
        last_step,
        X_encoded,
        y,
        output=options.output,
        target=options.target,
        baseline=baseline,
        n_steps=options.n_steps,
        batch_size=options.batch_size,
    )


def predicted_by_threshold(model, X, y, options):
    """Explain the predicted class as labels where it is decided by a threshold of its own.

    Parameters
    ----------
    model, X, y
        As for :func:`explain`.
    options : ExplainOptions

    Returns
    -------
    y, options
        Unchanged for other models and other targets.
    """
    is_predicted = isinstance(options.target, str) and options.target == "predicted"
    if is_predicted and decides_by_threshold(model):
        return model.predict(X), options._replace(target="true")
    return y, options


def check_attribution(attribution):
    """Return each row's completeness error, and warn if it or an attribution is too large.

    Parameters
    ----------
    attribution : Attribution

    Returns
    -------
    error : ndarray of shape (n_samples,)
    """
    error, is_broken = completeness(attribution)
    if is_broken.any():
        warnings.warn(
            f"The attributions of {is_broken.sum()} of {is_broken.size} rows do not sum to the"
            f" change of the output, by up to {np.abs(error).max():.2g}. {attribution.advice()}",
            UserWarning,
            stacklevel=4,
        )
    if np.isfinite(attribution.largest):
        _check_size(attribution)
    return error


def _check_size(attribution):
    largest, is_oversized = oversized(attribution)
    if is_oversized.any():
        warnings.warn(
            f"{is_oversized.sum()} of {is_oversized.size} rows have attributions of up to"
            f" {largest:.2g}, far more than the output can change by: they cancel each other."
            " Choose a baseline closer to X, or explain output='logit'.",
            UserWarning,
            stacklevel=5,
        )


#: Attributes of wrappers that hold the fitted models inside, and how to take one of them.
_INSIDE = {
    "calibrated_classifiers_": "[0].estimator",
    "estimators_": "[0]",
    "estimator_": "",
}


def choose_backend(model, method):
    """Return the first backend of a method whose requirements a model meets."""
    refusals = []
    for backend in BACKENDS[method]:
        missing = _missing(model, backend)
        if not missing:
            return backend
        refusals.append(f"it has no {', '.join(missing)}, as {backend.models} do")
    others = [other for other in BACKENDS if any(_missing(model, b) == [] for b in BACKENDS[other])]
    advice = "Pass a fitted model of that kind, or a pipeline that ends in one."
    inside = [f"{name}{index}" for name, index in _INSIDE.items() if hasattr(model, name)]
    if inside:
        advice = f"Explain the model inside: pass .{inside[0]} of it."
    elif hasattr(model, "cv_results_"):
        advice = "A search has a model to explain, its best_estimator_, if it is fitted with refit."
    if others and not inside:
        advice = f"Methods that can are {', '.join(map(repr, others))}."
    raise TypeError(
        f"method={method!r} cannot explain {type(model).__name__}: {'; '.join(refusals)}. {advice}"
    )


def _missing(model, backend):
    """Return the attributes that a backend requires and a model lacks."""
    return [name for name in backend.requires if not hasattr(model, name)]
