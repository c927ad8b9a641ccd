"""Compare models by accuracy, robustness and conciseness in one table."""

import numpy as np
from sklearn.metrics import get_scorer
from sklearn.utils import check_array

from sklearn_advex._utils._containers import one_row_per_sample, row_shape, values_of
from sklearn_advex._utils._models import check_models, check_same_columns
from sklearn_advex._utils._pipeline import (
    decides_by_threshold,
    last_step_of,
    transform_to_last_step,
)
from sklearn_advex.attribution._explain import ExplainOptions, attribute_columns
from sklearn_advex.attribution._options import is_background, resolve_baseline
from sklearn_advex.attribution._robustness import adversarial_accuracy, is_linear
from sklearn_advex.metrics import feature_value_impact, gini_index, sufficiency
from sklearn_advex.report._statistics import bootstrap_interval, n_features_for_share

_SHARE = 0.9
_TOP = 3
_CONFIDENCE_LEVEL = 0.95
_N_RESAMPLES = 1000

# The columns in their order, after the score and its drop; those of a nullable dtype can hold
# pandas.NA.
_DTYPES = {
    "adversarial_accuracy": "Float64",
    "gini": "float64",
    "gini_gain": "float64",
    "gini_gain_low": "float64",
    "gini_gain_high": "float64",
    "sufficiency_3": "Float64",
    "n_nonzero": "Int64",
    "n_columns": "int64",
    "n_features_90": "int64",
}


def conciseness_report(
    models,
    X,
    y,
    *,
    reference=None,
    methods=("ig",),
    accuracy="accuracy",
    epsilon=None,
    random_state=0,
    **explain_options,
):
    r"""Compare models by their loss of accuracy and their gain in conciseness.

    One row per model and attribution method, like Table 1 of [1]_. The gain in sparseness is the
    mean over the rows of `X` of :math:`G(A(x)) - G(A^n(x))`, where G is the Gini index, A the
    attributions of the model and :math:`A^n` those of the reference (eqs. 18 to 21).

    Parameters
    ----------
    models : dict of str to estimator
        Fitted classifiers, or pipelines that end in one, by the names that they get in the table.
    X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
        Test rows, as the models predict on them.
    y : array-like of shape (n_samples,)
        Their true labels.
    reference : str, default=None
        Name of the model that the others are compared with, usually the naturally trained one; None
        takes the first.
    methods : sequence of str, default=("ig",)
        Attribution methods, as for :func:`sklearn_advex.explain`.
    accuracy : str or callable, default="accuracy"
        Scikit-learn scorer of the predictions, by name or as ``scorer(model, X, y)``: for rare
        classes "balanced_accuracy" or "roc_auc". Its columns have its name.
    epsilon : float, array-like of shape (n_features,) or dict, default=None
        Half-width of the change per feature that the adversary is allowed, in the units of the
        columns that the models themselves see (the encoded ones in a pipeline). None takes the
        `epsilon` that each model was trained against; pass a number to compare such models.
    random_state : int, default=0
        Seed of the bootstrap: the same seed gives the same interval.
    **explain_options : dict
        Further keywords of :func:`sklearn_advex.explain`, such as `output`, `target` or `baseline`.
        Without `groups` Gini indices are those of the (encoded) columns that the models themselves
        see, as in [1]_ and :func:`sklearn_advex.model_selection.gini_scorer`, and features are
        counted among the columns of `X`. With `groups` both take these.

    Returns
    -------
    report : pandas.DataFrame
        With a MultiIndex of the levels "model" and "method" and the columns

        - accuracy: share of the rows that are predicted right, or another score under its name.
        - accuracy_drop: accuracy of the reference minus that of the model (AcDrop in [1]_);
          negative if the model is the better one. "roc_auc_drop" and so on for another score.
        - adversarial_accuracy: share of the rows that are predicted right after the worst allowed
          change. Exact for linear models; for networks an upper bound, the accuracy under the
          attack of their `adversarial_score`, whose lower bound is their `certified_score`. All
          are attacked in as many steps, the largest `attack_steps` among them.
          `pandas.NA` for other models, and for models of other libraries if `epsilon` is None; the
          column is of dtype Float64.
        - gini: mean Gini index of the attributions.
        - gini_gain: mean gain in the Gini index over the reference (dG in [1]_).
        - gini_gain_low, gini_gain_high: 95 % interval of `gini_gain`, by the percentile bootstrap
          over the rows of `X` (1000 resamples of the paired differences). It shows how the gain
          varies with the test rows, not with the training data.
        - sufficiency_3: share of the rows whose prediction stays when the three features with the
          largest attributions keep their values and all others have that of the baseline (the mean
          of several), by :func:`sklearn_advex.metrics.sufficiency`, of the (encoded) columns that
          the model itself sees. A high Gini index beside a low share is hollow. `pandas.NA` for
          models that decide by a tuned threshold; the column is of dtype Float64.
        - n_nonzero: number of features with a non-zero coefficient in any class, of those that the
          model itself sees. `pandas.NA` for a model without `coef_`; the column is of dtype Int64.
        - n_columns: number of columns of `X` in use, those with a non-zero attribution in at least
          one row. A column that a pipeline encodes in several counts once.
        - n_features_90: number of columns of `explain(model, X)`, largest impact (mean absolute
          attribution) first, that together carry 90 % of all impact.

    Raises
    ------
    ValueError
        If `models` or `methods` is empty, `reference` is not one of `models`, or a model sees
        another number of columns than the reference.
    TypeError
        If `models` is not a dict.
    NotFittedError
        If one of the models is not fitted; the message names it.

    See Also
    --------
    style_report : The table in HTML.
    sklearn_advex.plotting.SparsenessGainDisplay : The gain of each row.

    References
    ----------
    .. [1] P. Chalasani, J. Chen, A. R. Chowdhury, S. Jha, X. Wu. "Concise Explanations of Neural
       Networks using Adversarial Training". ICML 2020. https://arxiv.org/abs/1810.06583

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_advex import AdversarialLogisticRegression
    >>> from sklearn_advex.report import conciseness_report
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> models = {
    ...     "n": make_pipeline(StandardScaler(), AdversarialLogisticRegression(epsilon=0)),
    ...     "a": make_pipeline(StandardScaler(), AdversarialLogisticRegression(epsilon=0.2)),
    ... }
    >>> models = {name: model.fit(X, y) for name, model in models.items()}
    >>> report = conciseness_report(models, X, y, epsilon=0.1)
    >>> bool(report.loc[("a", "ig"), "gini_gain_low"] > 0.1)
    True
    """
    import pandas as pd

    methods = [methods] if isinstance(methods, str) else list(methods)
    if not methods:
        raise ValueError("methods is empty: give it at least one attribution method, such as 'ig'.")
    check_models(models, reference)
    reference = next(iter(models)) if reference is None else reference
    score_name, scorer = _resolve_scorer(accuracy)
    score = {name: float(scorer(model, X, y)) for name, model in models.items()}
    rows = {}
    for method in methods:
        options = {"method": method, **explain_options}
        of_explanations = _describe_explanations(models, X, y, reference, options, random_state)
        for name, row in of_explanations.items():
            drop = {score_name: score[name], f"{score_name}_drop": score[reference] - score[name]}
            rows[name, method] = drop | row
    of_model = _describe_models(models, X, y, epsilon)
    index = pd.MultiIndex.from_product([models, methods], names=["model", "method"])
    columns = [score_name, f"{score_name}_drop", *_DTYPES]
    table = pd.DataFrame([rows[key] | of_model[key[0]] for key in index], index=index)
    return table.astype(dict.fromkeys(columns[:2], "float64") | _DTYPES)[columns]


def _resolve_scorer(accuracy):
    """Return the name of a scorer and the scorer."""
    if isinstance(accuracy, str):
        return accuracy, get_scorer(accuracy)
    if not callable(accuracy):
        raise TypeError(
            "accuracy must be the name of a scikit-learn scorer or a callable"
            f" scorer(model, X, y), got {accuracy!r}."
        )
    name = getattr(accuracy, "__name__", "score")
    return f"{name}_score" if name in _DTYPES else name, accuracy


def _describe_models(models, X, y, epsilon):
    """Compute the columns of all models that do not depend on the attribution method."""
    networks = [step for step in map(last_step_of, models.values()) if _is_network(step)]
    steps = max((network.attack_steps for network in networks), default=None)
    return {name: _describe_model(model, X, y, epsilon, steps) for name, model in models.items()}


def _is_network(model):
    return hasattr(model, "adversarial_score") and hasattr(model, "attack_steps")


def _describe_model(model, X, y, epsilon, steps):
    import pandas as pd

    last_step, X_encoded = transform_to_last_step(model, X)
    accuracy = n_nonzero = pd.NA
    if decides_by_threshold(model):
        pass  # its worst case is not that of its last step
    elif _is_network(last_step):
        accuracy = last_step.adversarial_score(X_encoded, y, epsilon=epsilon, steps=steps)
    elif hasattr(last_step, "adversarial_score"):
        accuracy = last_step.adversarial_score(X_encoded, y, epsilon=epsilon)
    elif epsilon is not None and is_linear(last_step):
        accuracy = adversarial_accuracy(last_step, X_encoded, y, epsilon=epsilon)
    if hasattr(last_step, "coef_"):
        n_nonzero = np.unique(last_step.coef_.nonzero()[-1]).size
    return {"adversarial_accuracy": accuracy, "n_nonzero": n_nonzero}


def _describe_explanations(models, X, y, reference, options, random_state):
    """Compute the columns of all models that depend on the attribution method."""
    encoded = {
        name: _attributions(model, X, y, {"groups": None} | options)
        for name, model in models.items()
    }
    check_same_columns({name: values.shape[1] for name, values in encoded.items()}, reference)
    gini = {name: gini_index(values) for name, values in encoded.items()}
    rows = {}
    for name, model in models.items():
        gain = gini[name] - gini[reference]
        low, high = bootstrap_interval(gain, _N_RESAMPLES, _CONFIDENCE_LEVEL, random_state)
        columns = encoded[name]
        if last_step_of(model) is not model:
            columns = _attributions(model, X, y, options)
        impact = feature_value_impact(columns)
        singly = encoded[name]
        if options.get("groups") is not None:
            singly = _attributions(model, X, y, options | {"groups": None})
        rows[name] = {
            "gini": gini[name].mean(),
            "gini_gain": gain.mean(),
            "gini_gain_low": low,
            "gini_gain_high": high,
            "sufficiency_3": _share_sufficient(model, X, singly, options.get("baseline", 0.0)),
            "n_columns": np.count_nonzero(impact),
            "n_features_90": n_features_for_share(impact, _SHARE),
        }
    return rows


def _share_sufficient(model, X, attributions, baseline):
    """Compute the share of the rows whose prediction the largest attributions alone give."""
    import pandas as pd

    if decides_by_threshold(model):
        return pd.NA  # its prediction is not that of its last step
    last_step, X_encoded = transform_to_last_step(model, X)
    shape = row_shape(X_encoded)
    if is_background(baseline, shape):
        _, background = transform_to_last_step(model, baseline)
        background = one_row_per_sample(values_of(background))
        row = np.asarray(check_array(background, accept_sparse="csr").mean(axis=0)).ravel()
    else:
        row = resolve_baseline(baseline, last_step, shape).ravel()

    def predict(rows):
        return last_step.predict(rows.reshape(len(rows), *shape) if len(shape) > 1 else rows)

    return sufficiency(predict, one_row_per_sample(X_encoded), attributions, _TOP, row)


def _attributions(model, X, y, options):
    """Attribute a model's predictions, as an array or sparse matrix of a row per sample."""
    # Not `explain`: a frame needs names that differ, which encoded columns may not have.
    return one_row_per_sample(attribute_columns(model, X, y, ExplainOptions(**options)).values)
