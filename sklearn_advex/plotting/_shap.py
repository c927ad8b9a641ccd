"""Convert attributions for the plots of the shap library."""

import numpy as np
from scipy.sparse import issparse

from sklearn_advex._utils._optional import needs
from sklearn_advex.attribution._explain import ExplainOptions, attribute_columns
from sklearn_advex.plotting._columns import check_names, describe_columns


def to_shap_explanation(model, X, y=None, *, method="ig", feature_names=None, **explain_options):
    """Explain predictions as an object for the plots of the `shap` library.

    Parameters
    ----------
    model : estimator
        A fitted classifier, or a fitted pipeline that ends in one.
    X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
        The rows to explain, as `model` predicts on them.
    y : array-like of shape (n_samples,), default=None
        The true labels; needed for ``target="true"`` only.
    method : str, default="ig"
        The attribution method, as for :func:`sklearn_advex.explain`. The plots accept any numbers
        that sum to the change of the output, not only Shapley values.
    feature_names : array-like of shape (n_columns,), default=None
        Names of the attributed columns; None takes those of the data.
    **explain_options : dict
        Further keywords of :func:`sklearn_advex.explain`, such as `output`, `target` or `baseline`.

    Returns
    -------
    explanation : shap.Explanation
        With `values` of shape (n_samples, n_columns), `base_values` of shape (n_samples,), the
        output at the baseline for the class that each row is explained for, `feature_names`, and
        `data` of the shape of `values`: the columns of `X`, or the encoded ones where these are
        explained, or None for groups of your own.

    Raises
    ------
    ImportError
        If shap is not installed.
    ValueError
        If an option is wrong, or the attributions of `method` sum to nothing.

    See Also
    --------
    AttributionDisplay : One prediction in a picture, without shap.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn_advex import AdversarialLogisticRegression
    >>> from sklearn_advex.plotting import to_shap_explanation
    >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    >>> model = AdversarialLogisticRegression(epsilon=0.1).fit(X, y)
    >>> import warnings
    >>> with warnings.catch_warnings():  # shap warns when it is imported
    ...     warnings.simplefilter("ignore")
    ...     explanation = to_shap_explanation(model, X.head(3))
    >>> explanation.values.shape, explanation.feature_names[0]
    ((3, 30), 'mean radius')
    """
    with needs("to_shap_explanation", ("shap",), "pip install 'sklearn-advex[shap]'"):
        import shap
    options = ExplainOptions(method=method, **explain_options)
    explanation = attribute_columns(model, X, y, options)
    if explanation.outputs is None:
        raise ValueError(
            f"method={method!r} gives attributions that sum to nothing, and the plots of shap start"
            " from the output that they sum to. Use method='ig' or 'deep_shap'."
        )
    attributions = explanation.in_container()
    names, data = describe_columns(model, X, attributions, options.groups)
    return shap.Explanation(
        _dense(attributions),
        base_values=explanation.outputs()[1],
        data=None if data is None else _dense(data),
        feature_names=check_names(feature_names, names),
    )


def _dense(table):
    """Return the values of a table as an array."""
    return table.toarray() if issparse(table) else np.asarray(table)
