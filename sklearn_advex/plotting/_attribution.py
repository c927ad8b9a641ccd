"""Draw the explanation of one prediction."""

from collections.abc import Mapping
from numbers import Number

import numpy as np

from sklearn_advex._utils._containers import first_row, row_shape
from sklearn_advex._utils._counts import check_count
from sklearn_advex.attribution import explain
from sklearn_advex.plotting._columns import check_names, describe_columns
from sklearn_advex.plotting._style import (
    BLUE,
    GRAY,
    VERMILION,
    decimals_for,
    literal,
    new_axes,
    require_matplotlib,
    signed,
    wrapped,
)


class AttributionDisplay:
    """One prediction: the features that carry it, as signed bars.

    Create it with :meth:`from_estimator`.

    Parameters
    ----------
    attributions : array-like of shape (n_features,)
        One number per feature, as :func:`sklearn_advex.explain` gives for one row.
    feature_names : array-like of shape (n_features,)
        Names of the features.
    feature_values : array-like of shape (n_features,), default=None
        What the features were in that row: numbers or words, shown behind the names.
    prediction : object, default=None
        The predicted class, shown in the title.
    probability : float, default=None
        The predicted class's probability, shown in the title.
    target : object, default=None
        The class whose output was explained, shown below the horizontal axis.
    output : {"probability", "logit"}, default="probability"
        The output that was explained, shown there as well.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes that the bars are drawn on.
    figure_ : matplotlib.figure.Figure
        Figure that holds them.
    bars_ : matplotlib.container.BarContainer
        The bars from top to bottom; the last one stands for all other features, if there are any.
    bar_labels_ : list of matplotlib.text.Text
        The numbers at their ends.
    zero_line_ : matplotlib.lines.Line2D
        The line from which the bars grow.

    See Also
    --------
    FeatureImpactDisplay : Many predictions in one picture.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_advex import AdversarialLogisticRegression
    >>> from sklearn_advex.plotting import AttributionDisplay
    >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    >>> model = make_pipeline(StandardScaler(), AdversarialLogisticRegression(epsilon=0.2))
    >>> display = AttributionDisplay.from_estimator(model.fit(X, y), X.iloc[[0]])
    """

    def __init__(
        self,
        attributions,
        *,
        feature_names,
        feature_values=None,
        prediction=None,
        probability=None,
        target=None,
        output="probability",
    ):
        self.attributions = attributions
        self.feature_names = feature_names
        self.feature_values = feature_values
        self.prediction = prediction
        self.probability = probability
        self.target = target
        self.output = output

    @classmethod
    def from_estimator(
        cls, model, X_row, *, top=10, feature_names=None, ax=None, **explain_options
    ):
        """Explain one prediction and draw it.

        Parameters
        ----------
        model : estimator
            A fitted classifier, or a fitted pipeline that ends in one.
        X_row : array-like, sparse matrix, DataFrame or Series of shape (1, n_features) \
                or (n_features,), str or dict
            The row to explain, as `model` predicts on it; a single text or record, also as a list
            or Series of one, for a pipeline that takes these.
        top : int, default=10
            How many features get a bar of their own, if they have an attribution other than 0. The
            others are summed in one bar.
        feature_names : array-like of shape (n_features,), default=None
            Names of the attributed columns; None takes those of the data.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a figure.
        **explain_options : dict
            Further keywords of :func:`sklearn_advex.explain`, such as `method`, `output`, `target`
            or `baseline`.

        Returns
        -------
        display : AttributionDisplay
            With the picture drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If `X_row` is not one row, or `top` is not positive.
        """
        require_matplotlib(cls.__name__)
        row = _as_one_row(X_row, model)
        attributions = explain(model, row, **explain_options)
        names, data = describe_columns(
            model, row, attributions, explain_options.get("groups", "auto")
        )
        prediction = model.predict(row)[0]
        display = cls(
            first_row(attributions).astype(float),
            feature_names=check_names(feature_names, names),
            feature_values=None if data is None else first_row(data),
            prediction=prediction,
            probability=_probability(model, row, prediction),
            target=_explained_class(prediction, **explain_options),
            output=explain_options.get("output", "probability"),
        )
        return display.plot(ax, top=top)

    def plot(self, ax=None, *, top=10):
        """Draw the bars, the largest on top.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a figure.
        top : int, default=10
            How many features get a bar of their own, if they have an attribution other than 0. The
            others are summed in one bar.

        Returns
        -------
        self : AttributionDisplay
            With the attributes that end in an underscore set.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If `top` is not positive.
        """
        check_count(top, "top")
        top = min(top, max(1, np.count_nonzero(self.attributions)))
        lengths, labels = self._bars(top)
        ax, self.figure_ = new_axes(self, ax, figsize=(7.5, 1.3 + 0.36 * len(lengths)))
        self.ax_ = ax
        positions = np.arange(len(lengths))
        colors = np.where(lengths < 0, VERMILION, BLUE).astype(object)
        colors[top:] = GRAY
        self.bars_ = ax.barh(positions, lengths, color=colors)
        decimals = decimals_for(lengths)
        self.bar_labels_ = ax.bar_label(
            self.bars_, [signed(length, decimals) for length in lengths], padding=3
        )
        self.zero_line_ = ax.axvline(0, color="black", linewidth=0.8)
        ax.set_yticks(positions, labels)
        ax.set_ylim(len(lengths) - 0.5, -0.5)
        ax.margins(x=_margin_for_numbers(ax))
        ax.spines[["top", "right", "left"]].set_visible(False)
        ax.tick_params(axis="y", length=0)
        ax.set(xlabel=self._xlabel(decimals), title=self._title())
        return self

    def _bars(self, top):
        """Return the lengths and labels of the bars from top to bottom."""
        attributions = np.asarray(self.attributions, dtype=float)
        order = np.argsort(-np.abs(attributions), kind="stable")
        shown, others = order[:top], order[top:]
        labels = [self._label(j) for j in shown]
        lengths = attributions[shown]
        if others.size:
            lengths = np.append(lengths, attributions[others].sum())
            labels.append("1 other" if others.size == 1 else f"all {others.size} others")
        return lengths, labels

    def _label(self, j):
        name = wrapped(self.feature_names[j])
        if self.feature_values is None:
            return name
        return f"{name} = {_value(self.feature_values[j])}"

    def _xlabel(self, decimals):
        of_class = "" if self.target is None else literal(f" of class {self.target}")
        total = signed(np.sum(self.attributions), decimals)
        return f"attribution to the {self.output}{of_class}; all bars sum to {total}"

    def _title(self):
        if self.prediction is None:
            return ""
        title = f"predicted class: {wrapped(self.prediction)}"
        if self.probability is not None:
            title += f", probability {self.probability:.3f}"
        return title


def _margin_for_numbers(ax):
    """Compute the margin for the numbers at the ends of the longest bars."""
    width = 72 * ax.get_window_extent().width / ax.figure.dpi
    # 50 points for a number; the labels of the features take a quarter of the width.
    share = min(50 / (0.75 * width), 0.3)
    return share / (1 - 2 * share)


def _as_one_row(X_row, model):
    """Return a row as data of shape (1, n_features), a text or a record as a list of one."""
    if isinstance(X_row, str | Mapping):
        return [X_row]
    is_flat = len(row_shape(X_row)) == 0
    if is_flat and not hasattr(model, "n_features_in_"):  # a pipeline for texts or records
        samples = list(X_row)
        if len(samples) == 1:
            return samples
        if isinstance(samples[0], str | Mapping):
            raise ValueError(f"X_row must be one row, got {len(samples)} texts or records.")
    if hasattr(X_row, "to_frame") and is_flat:
        # A row of a frame with mixed columns has dtype object: infer the dtype of each column.
        return X_row.to_frame().T.infer_objects()
    row = X_row if hasattr(X_row, "shape") else np.asarray(X_row)
    if is_flat:
        row = row.reshape(1, -1)
    if row.shape[0] != 1:
        raise ValueError(
            f"X_row must be one row, got shape {row.shape}. Select it, for example with"
            " X.iloc[[0]] or X[[0]]."
        )
    return row


def _probability(model, row, label):
    """Return the predicted probability of a class, None without `predict_proba`."""
    if not hasattr(model, "predict_proba"):
        return None
    return float(model.predict_proba(row)[0, np.flatnonzero(model.classes_ == label)[0]])


def _explained_class(prediction, target="predicted", y=None, **_):
    """Return the class that `target` refers to."""
    if isinstance(target, str) and target == "predicted":
        return prediction
    if isinstance(target, str) and target == "true":
        return np.ravel(y)[0]
    return target[0] if isinstance(target, list | tuple) else target


def _value(value):
    """Format the value of a feature in few characters."""
    if isinstance(value, Number) and not isinstance(value, bool | np.bool_):
        return f"{value:.4g}"
    return wrapped(value, width=20, lines=1)
