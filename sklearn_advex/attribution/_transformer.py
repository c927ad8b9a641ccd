"""The transformer that replaces rows by their attributions."""

import math

import numpy as np
import sklearn
from sklearn.base import BaseEstimator, MetaEstimatorMixin, TransformerMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import Bunch, get_tags, indexable
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.validation import check_is_fitted

from sklearn_advex._utils._containers import n_rows_of, one_row_per_sample, row_shape
from sklearn_advex._utils._dask import is_dask
from sklearn_advex._utils._documentation import DocumentationLinkMixin
from sklearn_advex._utils._pipeline import (
    encoded_feature_names,
    last_step_of,
    transform_to_last_step,
)
from sklearn_advex._utils._sampling import evenly_spaced
from sklearn_advex._utils._sklearn_compat import check_feature_names_in, safe_indexing
from sklearn_advex.attribution._explain import (
    ExplainOptions,
    attribute_columns,
    choose_backend,
    explain_lazily,
)
from sklearn_advex.attribution._groups import resolve_groups

# Rows on which `fit` tries whether a pipeline mixes columns. If larger, rarer categories are seen.
_ROWS_TO_CHECK = 1000


class AttributionTransformer(
    DocumentationLinkMixin, MetaEstimatorMixin, TransformerMixin, BaseEstimator
):
    """Replace each row by the attributions of its prediction.

    What :func:`~sklearn_advex.explain` computes, as a transformer: its output has a column per
    feature and a row per sample, and can feed a second model, for example one that clusters the
    samples by what their predictions rest on.

    Parameters
    ----------
    estimator : estimator
        The classifier to explain, or a pipeline that ends in one. It is cloned and fitted, unless
        it is wrapped in a :class:`~sklearn.frozen.FrozenEstimator`; see :meth:`fit`.
    method : {"ig", "shap", "deep_shap", "saliency", "input_x_gradient", "occlusion"}, default="ig"
        The attribution method; this and all that follow as for :func:`~sklearn_advex.explain`.
    output : {"probability", "logit", "loss"}, default="probability"
        The model output that is attributed.
    target : "predicted" or a class label, default="predicted"
        The class whose output is attributed. "true" is for :func:`~sklearn_advex.explain` only:
        `transform` gets no labels.
    baseline : float, "mean", array-like of shape (n_features,) or table of rows, default=0.0
        The input that predictions are compared with.
    groups : "auto", dict or None, default="auto"
        What the attributions of a pipeline are summed to: the columns of `X`, groups of your own or
        nothing.
    n_steps : int, default=50
        Nodes of the quadrature, where an integral is taken numerically: for a softmax.
    batch_size : int, default=None
        Rows per block where memory is a limit; None chooses it.

    Attributes
    ----------
    estimator_ : estimator
        The fitted estimator that is explained.
    classes_ : ndarray of shape (n_classes,)
        Its class labels.
    n_features_in_ : int
        Number of features seen during fit, if the estimator has it.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if the estimator has them.

    See Also
    --------
    sklearn_advex.explain : The function, which can use true labels and report completeness.

    Examples
    --------
    Clusters of flowers by the reasons for their classification:

    >>> from sklearn.cluster import KMeans
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_advex import AdversarialLogisticRegression, AttributionTransformer
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> attributions = AttributionTransformer(AdversarialLogisticRegression(epsilon=0.1))
    >>> attributions.set_output(transform="pandas").fit(X, y).transform(X).shape
    (150, 4)
    >>> clusters = make_pipeline(attributions, KMeans(4, random_state=0)).fit_predict(X, y)
    >>> clusters.shape
    (150,)
    """

    def __init__(
        self,
        estimator,
        *,
        method="ig",
        output="probability",
        target="predicted",
        baseline=0.0,
        groups="auto",
        n_steps=50,
        batch_size=None,
    ):
        self.estimator = estimator
        self.method = method
        self.output = output
        self.target = target
        self.baseline = baseline
        self.groups = groups
        self.n_steps = n_steps
        self.batch_size = batch_size

    def fit(self, X, y=None, **fit_params):
        """Fit a clone of `estimator`.

        A fitted estimator is fitted again like any other, because cloning this transformer (in a
        grid search, for example) would drop its state anyway. To explain a fitted estimator as it
        is, wrap it: ``AttributionTransformer(FrozenEstimator(model)).fit(X)`` takes it unchanged
        and needs no `y`.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
            Training data, as `estimator` takes it.
        y : array-like of shape (n_samples,), default=None
            Class labels. Not needed for a frozen estimator.
        **fit_params : dict
            Passed to the `fit` of `estimator`; routed where metadata routing is enabled.

        Returns
        -------
        self : AttributionTransformer
            The fitted transformer.

        Raises
        ------
        ValueError
            If an option is unknown, or a step of the pipeline mixes columns so that
            ``groups="auto"`` has no meaning.
        TypeError
            If the estimator lacks an attribute that `method` requires.
        """
        self._options().check()
        if isinstance(self.target, str) and self.target == "true":
            raise ValueError(
                "target='true' needs labels, which transform does not get. Use target='predicted'"
                " or a class label here (target=['true'] for a class of that name), or call"
                " sklearn_advex.explain(model, X, y, target='true')."
            )
        if sklearn.get_config()["enable_metadata_routing"]:
            routed = process_routing(self, "fit", **fit_params)
        else:
            routed = Bunch(estimator=Bunch(fit=fit_params))
        self.estimator_ = clone(self.estimator).fit(X, y, **routed.estimator.fit)
        last_step = last_step_of(self.estimator_)
        choose_backend(last_step, self.method)
        self._check_groups(X)
        self._row_shape = row_shape(X)
        self.classes_ = last_step.classes_
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))
            elif hasattr(self, name):  # of an earlier fit on other data
                delattr(self, name)
        return self

    def transform(self, X):
        """Attribute the prediction for each row.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
            The rows to explain, as `estimator` predicts on them. Never changed.

        Returns
        -------
        attributions : {ndarray, CSR} or DataFrame of shape (n_samples, n_features_out)
            CSR for sparse rows, a DataFrame as configured by :meth:`set_output`. Images are
            flattened: one column for each number in an image.
        """
        check_is_fitted(self)
        if is_dask(X):
            return explain_lazily(self.estimator_, X, None, self._options())
        values = attribute_columns(self.estimator_, X, None, self._options()).values
        return one_row_per_sample(values)

    def get_feature_names_out(self, input_features=None):
        """Name the columns of the output after what they are attributions of.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the columns of `X`. None takes those seen during fit, or "x0", "x1", ...

        Returns
        -------
        names : ndarray of str
            The columns of `X`, the encoded columns for ``groups=None``, or the names in a dict; for
            images "x0", "x1", ..., one per number in an image.
        """
        check_is_fitted(self)
        if len(self._row_shape) > 1:
            return check_feature_names_in(Bunch(n_features_in_=math.prod(self._row_shape)))
        if isinstance(self.groups, dict):
            return np.array([str(name) for name in self.groups], dtype=object)
        if self.groups is None or not hasattr(self, "n_features_in_"):
            names = encoded_feature_names(self.estimator_, input_features)
            if names is not None:
                return np.asarray(names, dtype=object)
            last_step = last_step_of(self.estimator_)
            if last_step is not self.estimator_:
                return check_feature_names_in(Bunch(n_features_in_=last_step.n_features_in_))
        return check_feature_names_in(self, input_features)

    def get_metadata_routing(self):
        """Route the metadata of `fit` to the `fit` of `estimator`.

        Returns
        -------
        routing : MetadataRouter
            The routes, for scikit-learn's metadata routing.
        """
        mapping = MethodMapping().add(caller="fit", callee="fit")
        mapping.add(caller="fit_transform", callee="fit")  # what scikit-learn 1.8 looks for
        return MetadataRouter(owner=self).add(estimator=self.estimator, method_mapping=mapping)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        of_estimator = get_tags(self.estimator)
        tags.input_tags = of_estimator.input_tags
        tags.target_tags.required = of_estimator.target_tags.required and not isinstance(
            self.estimator, FrozenEstimator
        )
        return tags

    def _options(self):
        """Collect the parameters in one object."""
        return ExplainOptions(
            self.method,
            self.output,
            self.target,
            self.baseline,
            self.groups,
            self.n_steps,
            self.batch_size,
        )

    def _check_groups(self, X):
        """Raise in `fit` already if a pipeline mixes columns."""
        if isinstance(self.groups, str) and hasattr(self.estimator_, "n_features_in_"):
            (X,) = indexable(X)
            rows = safe_indexing(X, evenly_spaced(n_rows_of(X), _ROWS_TO_CHECK))
            _, encoded = transform_to_last_step(self.estimator_, rows)
            resolve_groups(self.groups, self.estimator_, rows, encoded)
