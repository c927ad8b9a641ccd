"""Draw the impact of features over many predictions, for one model or several."""

from collections import Counter

import numpy as np

from sklearn_advex._utils._counts import check_count
from sklearn_advex._utils._models import check_models
from sklearn_advex.attribution import explain
from sklearn_advex.metrics import feature_value_impact
from sklearn_advex.plotting._columns import check_names, describe_columns
from sklearn_advex.plotting._style import (
    MODEL_COLORS,
    new_axes,
    require_matplotlib,
    wrapped,
)


class FeatureImpactDisplay:
    """How much each feature matters: mean absolute attribution, models side by side.

    Figures J.4 and J.5 of [1]_. Create it with :meth:`from_estimator` or :meth:`from_estimators`.

    For a pipeline the attribution of a column of `X` is the sum over the columns that it is encoded
    in. One-hot columns with baseline 0 have one non-zero attribution per row, so that its mean
    absolute value is the Feature Impact of section H of [1]_; with other encodings or baselines it
    is at most that.

    Parameters
    ----------
    impacts : pandas.DataFrame of shape (n_features, n_models)
        Mean absolute attributions, indexed by feature names; one column per model.
    output : {"probability", "logit"}, default="probability"
        The output that was explained, shown below the horizontal axis.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes that the bars are drawn on.
    figure_ : matplotlib.figure.Figure
        Figure that holds them.
    bars_ : list of matplotlib.container.BarContainer
        The bars of each model, from top to bottom.
    legend_ : matplotlib.legend.Legend or None
        Which bars belong to which model; None for a single one.

    See Also
    --------
    sklearn_advex.metrics.feature_value_impact : The numbers.
    AttributionDisplay : A single prediction.

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
    >>> from sklearn_advex.plotting import FeatureImpactDisplay
    >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    >>> models = {
    ...     "n": make_pipeline(StandardScaler(), AdversarialLogisticRegression(epsilon=0)),
    ...     "a": make_pipeline(StandardScaler(), AdversarialLogisticRegression(epsilon=0.2)),
    ... }
    >>> models = {name: model.fit(X, y) for name, model in models.items()}
    >>> display = FeatureImpactDisplay.from_estimators(models, X)
    """

    def __init__(self, impacts, *, output="probability"):
        self.impacts = impacts
        self.output = output

    @classmethod
    def from_estimator(
        cls,
        model,
        X,
        *,
        threshold=0.05,
        top=20,
        feature_names=None,
        ax=None,
        **explain_options,
    ):
        """Explain many predictions of one model, and draw what the features matter on average.

        Parameters
        ----------
        model : estimator
            A fitted classifier, or a fitted pipeline that ends in one.
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
            The rows to explain, as `model` predicts on them.
        threshold : float, default=0.05
            Features below this share of the largest impact get no bar; with 0 all get one.
        top : int or None, default=20
            Largest number of features that get a bar; None sets no limit.
        feature_names : array-like of shape (n_features,), default=None
            Names of the attributed columns; None takes those of the data.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a figure.
        **explain_options : dict
            Further keywords of :func:`sklearn_advex.explain`, such as `method`, `output`, `target`
            or `baseline`.

        Returns
        -------
        display : FeatureImpactDisplay
            With the picture drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If `threshold` is not in [0, 1], or `top` is not positive.
        """
        return cls.from_estimators(
            {type(model).__name__: model},
            X,
            threshold=threshold,
            top=top,
            feature_names=feature_names,
            ax=ax,
            **explain_options,
        )

    @classmethod
    def from_estimators(
        cls,
        models,
        X,
        *,
        threshold=0.05,
        top=20,
        feature_names=None,
        ax=None,
        **explain_options,
    ):
        """Explain many predictions of several models, and draw their impacts side by side.

        Parameters
        ----------
        models : dict of str to estimator
            Fitted classifiers, or pipelines that end in one, by the names in the legend. The
            impact on the first one gives the order of the features.
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
            The rows to explain, as the models predict on them.
        threshold : float, default=0.05
            Features below this share of the largest impact on every model get no bar; with 0 all
            get one.
        top : int or None, default=20
            Largest number of features that get a bar; None sets no limit.
        feature_names : array-like of shape (n_features,), default=None
            Names of the attributed columns; None takes those of the data.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a figure.
        **explain_options : dict
            Further keywords of :func:`sklearn_advex.explain`, such as `method`, `output`, `target`
            or `baseline`.

        Returns
        -------
        display : FeatureImpactDisplay
            With the picture drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `models` is not a dict.
        ValueError
            If `models` is empty, `threshold` is not in [0, 1], or `top` is not positive.
        """
        import pandas as pd

        require_matplotlib(cls.__name__)
        check_models(models)
        impacts = {
            name: _impact(model, X, feature_names, explain_options)
            for name, model in models.items()
        }
        # The impact of a column that a model's encoding does not have is 0.
        display = cls(
            pd.DataFrame(impacts).fillna(0.0),
            output=explain_options.get("output", "probability"),
        )
        return display.plot(ax, threshold=threshold, top=top)

    def plot(self, ax=None, *, threshold=0.05, top=20):
        """Draw the bars, sorted by the impact on the first model.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a figure.
        threshold : float, default=0.05
            Features below this share of the largest impact on every model get no bar; with 0 all
            get one.
        top : int or None, default=20
            Largest number of features that get a bar; None sets no limit.

        Returns
        -------
        self : FeatureImpactDisplay
            With the attributes that end in an underscore set.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If `threshold` is not in [0, 1], or `top` is not positive.
        """
        shown = self._shown(threshold, top)
        n_features, n_models = shown.shape
        height = 1.5 + n_features * (0.1 + 0.11 * max(n_models, 1.5))
        ax, self.figure_ = new_axes(self, ax, figsize=(7.5, height))
        self.ax_ = ax
        thickness = 0.8 / n_models
        positions = np.arange(n_features)
        self.bars_ = [
            ax.barh(
                positions + (i - (n_models - 1) / 2) * thickness,
                shown[name],
                height=thickness,
                color=MODEL_COLORS[(i + (n_models == 1)) % len(MODEL_COLORS)],
                label=wrapped(name),
            )
            for i, name in enumerate(shown)
        ]
        ax.set_yticks(positions, [wrapped(name) for name in shown.index])
        ax.set_ylim(n_features - 0.5, -0.5)
        ax.spines[["top", "right"]].set_visible(False)
        ax.set_xlabel(self._xlabel(len(self.impacts) - n_features))
        self.legend_ = ax.legend(loc="best") if n_models > 1 else None
        return self

    def _shown(self, threshold, top):
        """Return the rows of `impacts` that get bars, in their order."""
        if not 0 <= threshold <= 1:
            raise ValueError(f"threshold must be in [0, 1], got {threshold!r}.")
        check_count(top, "top", none_allowed=True)
        largest = self.impacts.max(axis="columns").to_numpy()
        order = np.argsort(-largest, kind="stable")[:top]
        shown = self.impacts.iloc[order[largest[order] >= threshold * largest.max()]]
        return shown.sort_values(list(shown.columns), ascending=False)

    def _xlabel(self, n_hidden):
        label = f"feature impact: mean absolute attribution to the {self.output}"
        if n_hidden:
            features = "1 feature" if n_hidden == 1 else f"{n_hidden} features"
            label += f"\n(without {features} of smaller impact)"
        return label


def _impact(model, X, feature_names, explain_options):
    """Compute the impact of each column on a model's predictions, as a named Series."""
    import pandas as pd

    attributions = explain(model, X, **explain_options)
    names, _ = describe_columns(model, X, attributions, explain_options.get("groups", "auto"))
    impact = np.asarray(feature_value_impact(attributions))
    return pd.Series(impact, index=_distinct(check_names(feature_names, names)))


def _distinct(names):
    """Number the repetitions of a name: "a", "a (2)", ..."""
    seen, distinct = Counter(), []
    for name in names:
        seen[name] += 1
        distinct.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return distinct
