"""The mixin that adds an `explain` method to estimators."""

from sklearn_advex.attribution._explain import explain


class ExplainMixin:
    """Mixin that adds :meth:`explain` to estimators that an attribution method can explain.

    See Also
    --------
    explain : The function that it calls.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_advex.attribution import ExplainMixin
    >>> class ExplainedLogisticRegression(ExplainMixin, LogisticRegression):
    ...     pass
    >>> model = ExplainedLogisticRegression().fit([[0.0], [1.0], [2.0]], [0, 1, 1])
    >>> model.explain([[2.0], [0.0]], output="logit").shape
    (2, 1)
    """

    def explain(
        self,
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
        """Attribute each prediction to the features; see :func:`sklearn_advex.explain`.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
            The rows to explain.
        y : array-like of shape (n_samples,), default=None
            The true labels; needed for ``target="true"`` only.
        method : {"ig", "shap", "deep_shap", "saliency", "input_x_gradient", "occlusion"}, \
                default="ig"
            Integrated Gradients, SHAP values against background rows (a network's are
            "deep_shap"), or, for networks, one of the methods without a baseline to sum up to.
        output : {"probability", "logit", "loss"}, default="probability"
            The model output that is attributed.
        target : "predicted", "true" or a class label, default="predicted"
            The class whose output is attributed.
        baseline : float, array-like or "mean", default=0.0
            The input that predictions are compared with: a number, a row, or with ``method="shap"``
            and "deep_shap" several rows.
        groups : "auto", dict or None, default="auto"
            Sum the attributions over groups of features; "auto" and None leave them as they are.
        n_steps : int, default=50
            Nodes of a numerical integration, where there is one.
        batch_size : int, default=None
            Rows per block where memory is a limit; None chooses it.
        return_completeness : bool, default=False
            Whether to return each row's completeness error too.

        Returns
        -------
        attributions : ndarray, sparse matrix or DataFrame of shape (n_samples, n_features)
            In the container of `X`; row i sums to output(X[i]) - output(baseline).
        completeness_error : ndarray of shape (n_samples,)
            By how much it does not; only with ``return_completeness=True``.
        """
        return explain(
            self,
            X,
            y,
            method=method,
            output=output,
            target=target,
            baseline=baseline,
            groups=groups,
            n_steps=n_steps,
            batch_size=batch_size,
            return_completeness=return_completeness,
        )
