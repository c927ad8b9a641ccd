"""Compare models by accuracy, robustness and conciseness in one table."""

import numpy as np
from sklearn.metrics import accuracy_score

from sklearn_advex._utils._frames import one_row_per_sample
from sklearn_advex._utils._models import check_models, check_same_columns
from sklearn_advex._utils._pipeline import last_step_of, transform_to_last_step
from sklearn_advex.attribution import explain
from sklearn_advex.metrics import feature_value_impact, gini_index
from sklearn_advex.report._statistics import bootstrap_interval, n_features_for_share

_SHARE = 0.9
_CONFIDENCE_LEVEL = 0.95
_N_RESAMPLES = 1000

# The columns in their order; those of a nullable dtype can hold pandas.NA.
_DTYPES = {
    "accuracy": "float64",
    "accuracy_drop": "float64",
    "adversarial_accuracy": "Float64",
    "gini": "float64",
    "gini_gain": "float64",
    "gini_gain_low": "float64",
    "gini_gain_high": "float64",
    "n_nonzero": "Int64",
    "n_features_90": "int64",
}


def conciseness_report(
    models,
    X,
    y,
    *,
    reference=None,
    methods=("ig",),
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

        - accuracy: share of the rows that are predicted right.
        - accuracy_drop: accuracy of the reference minus that of the model (AcDrop in [1]_);
          negative if the model is the better one.
        - adversarial_accuracy: share of the rows that are predicted right after the worst allowed
          change. Exact for linear models; for networks an upper bound, the accuracy under the
          attack of their `adversarial_score`. `pandas.NA` for a model without that method; the
          column is of dtype Float64.
        - gini: mean Gini index of the attributions.
        - gini_gain: mean gain in the Gini index over the reference (dG in [1]_).
        - gini_gain_low, gini_gain_high: 95 % interval of `gini_gain`, by the percentile bootstrap
          over the rows of `X` (1000 resamples of the paired differences). It shows how the gain
          varies with the test rows, not with the training data.
        - n_nonzero: number of features with a non-zero coefficient in any class, of those that the
          model itself sees. `pandas.NA` for a model without `coef_`; the column is of dtype Int64.
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
    of_model = {name: _describe_model(model, X, y, epsilon) for name, model in models.items()}
    rows = {}
    for method in methods:
        options = {"y": y, "method": method, **explain_options}
        encoded = _attributions(models, X, reference, options)
        gini = {name: gini_index(attributions) for name, attributions in encoded.items()}
        for name, model in models.items():
            gain = gini[name] - gini[reference]
            low, high = bootstrap_interval(gain, _N_RESAMPLES, _CONFIDENCE_LEVEL, random_state)
            columns = encoded[name]
            if last_step_of(model) is not model:
                columns = one_row_per_sample(explain(model, X, **options))
            impact = feature_value_impact(columns)
            rows[name, method] = of_model[name] | {
                "accuracy_drop": of_model[reference]["accuracy"] - of_model[name]["accuracy"],
                "gini": gini[name].mean(),
                "gini_gain": gain.mean(),
                "gini_gain_low": low,
                "gini_gain_high": high,
                "n_features_90": n_features_for_share(impact, _SHARE),
            }
    index = pd.MultiIndex.from_product([models, methods], names=["model", "method"])
    return pd.DataFrame([rows[key] for key in index], index=index).astype(_DTYPES)[list(_DTYPES)]


def _describe_model(model, X, y, epsilon):
    """Compute the columns of a model that do not depend on the attribution method."""
    import pandas as pd

    last_step, X_encoded = transform_to_last_step(model, X)
    adversarial_accuracy = n_nonzero = pd.NA
    if hasattr(last_step, "adversarial_score"):
        adversarial_accuracy = last_step.adversarial_score(X_encoded, y, epsilon=epsilon)
    if hasattr(last_step, "coef_"):
        n_nonzero = np.unique(last_step.coef_.nonzero()[-1]).size
    return {
        "accuracy": accuracy_score(y, last_step.predict(X_encoded)),
        "adversarial_accuracy": adversarial_accuracy,
        "n_nonzero": n_nonzero,
    }


def _attributions(models, X, reference, options):
    """Attribute each model's predictions to the columns that the model itself sees."""
    of_model = {
        name: one_row_per_sample(explain(model, X, **{"groups": None} | options))
        for name, model in models.items()
    }
    n_columns = {name: attributions.shape[1] for name, attributions in of_model.items()}
    check_same_columns(n_columns, reference)
    return of_model
