"""The method that gives an estimator its own explanations."""

from sklearn_advex.attribution._explain import explain


class ExplainMixin:
    """Mixin that adds :meth:`explain` to an estimator which one of the attribution methods fits."""

    def explain(
        self, X, y=None, *, method="ig", output="probability", target="predicted", baseline=0.0
    ):
        """Attribute each prediction to the features; see :func:`sklearn_advex.explain`.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
            The rows to explain.
        y : array-like of shape (n_samples,), default=None
            The true labels; needed for ``target="true"`` only.
        method : {"ig"}, default="ig"
            Integrated Gradients.
        output : {"probability", "logit"}, default="probability"
            The model output that is attributed.
        target : "predicted", "true" or a class label, default="predicted"
            The class whose output is attributed.
        baseline : float, array-like of shape (n_features,) or "mean", default=0.0
            The input that predictions are compared with.

        Returns
        -------
        attributions : ndarray, sparse matrix or DataFrame of shape (n_samples, n_features)
            In the container of `X`; row i sums to output(X[i]) - output(baseline).
        """
        return explain(self, X, y, method=method, output=output, target=target, baseline=baseline)
