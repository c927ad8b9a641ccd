"""Draw the gain in sparseness of explanations over a reference model, row by row."""

from sklearn_advex._utils._containers import one_row_per_sample
from sklearn_advex._utils._models import check_models, check_same_columns
from sklearn_advex.attribution._explain import ExplainOptions, attribute_columns
from sklearn_advex.metrics import gini_index
from sklearn_advex.plotting._style import (
    BLUE,
    VERMILION,
    new_axes,
    require_matplotlib,
    signed,
    wrapped,
)


class SparsenessGainDisplay:
    r"""Gain in sparseness of the explanations over a reference model, as box plots.

    For each row x the gain is :math:`G(A(x)) - G(A^n(x))`, where G is the Gini index, A the
    attributions of a model and :math:`A^n` those of the reference: equations 18 and 19 and figure 2
    of [1]_. Create it with :meth:`from_estimators`.

    Parameters
    ----------
    gains : dict of str to array-like of shape (n_samples,)
        Gains of each model, by the names below the boxes.
    reference : str
        Name of the model that the others are compared with.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes that the boxes are drawn on.
    figure_ : matplotlib.figure.Figure
        Figure that holds them.
    boxes_ : list of matplotlib.patches.PathPatch
        From the first to the third quartile, one box per model.
    medians_, means_ : list of matplotlib.lines.Line2D
        The lines of the medians, the diamonds of the means (eqs. 20 and 21).
    whiskers_ : list of matplotlib.lines.Line2D
        Two per model; they reach to the last row within 1.5 box lengths of the box.
    fliers_ : list of matplotlib.lines.Line2D
        The rows beyond.
    zero_line_ : matplotlib.lines.Line2D
        The line of equal sparseness.

    See Also
    --------
    sklearn_advex.metrics.sparseness_gain : The numbers.
    sklearn_advex.report.conciseness_report : The mean gain, beside what it costs.

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
    >>> from sklearn_advex.plotting import SparsenessGainDisplay
    >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    >>> models = {
    ...     "n": make_pipeline(StandardScaler(), AdversarialLogisticRegression(epsilon=0)),
    ...     "a": make_pipeline(StandardScaler(), AdversarialLogisticRegression(epsilon=0.2)),
    ... }
    >>> models = {name: model.fit(X, y) for name, model in models.items()}
    >>> display = SparsenessGainDisplay.from_estimators(models, X)
    """

    def __init__(self, gains, *, reference):
        self.gains = gains
        self.reference = reference

    @classmethod
    def from_estimators(cls, models, X, *, reference=None, ax=None, **explain_options):
        """Explain many predictions of several models, and draw their gains.

        Parameters
        ----------
        models : dict of str to estimator
            Fitted classifiers, or pipelines that end in one, by the names below the boxes; the
            reference and at least one other.
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
            The rows to explain, as the models predict on them.
        reference : str, default=None
            Name of the model that the others are compared with, usually the naturally trained one;
            None takes the first.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a figure.
        **explain_options : dict
            Further keywords of :func:`sklearn_advex.explain`, such as `method`, `output`, `target`
            or `baseline`. Without `groups` Gini indices are those of the (encoded) columns that the
            models themselves see.

        Returns
        -------
        display : SparsenessGainDisplay
            With the picture drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `models` is not a dict.
        ValueError
            If `reference` is not one of `models`, or the only one, or if a model sees another
            number of columns.
        NotFittedError
            If one of the models is not fitted; the message names it.
        """
        require_matplotlib(cls.__name__)
        check_models(models, reference)
        reference = next(iter(models)) if reference is None else reference
        if len(models) == 1:
            raise ValueError(
                f"models holds the reference {reference!r} only: give it a model to compare."
            )
        y = explain_options.pop("y", None)
        options = ExplainOptions(**{"groups": None} | explain_options)
        gini, n_columns = {}, {}
        for name, model in models.items():
            # Not `explain`: a frame with the names of encoded columns is not needed.
            attributions = one_row_per_sample(attribute_columns(model, X, y, options).values)
            gini[name], n_columns[name] = gini_index(attributions), attributions.shape[1]
        check_same_columns(n_columns, reference)
        gains = {name: gini[name] - gini[reference] for name in models if name != reference}
        return cls(gains, reference=reference).plot(ax)

    def plot(self, ax=None):
        """Draw one box per model.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a figure.

        Returns
        -------
        self : SparsenessGainDisplay
            With the attributes that end in an underscore set.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        ax, self.figure_ = new_axes(self, ax, figsize=(2.0 + 1.8 * len(self.gains), 4.5))
        self.ax_ = ax
        self.zero_line_ = ax.axhline(0, color="black", linewidth=0.8, linestyle=":")
        artists = ax.boxplot(
            [list(gain) for gain in self.gains.values()],
            tick_labels=[self._label(name) for name in self.gains],
            widths=0.5,
            patch_artist=True,
            showmeans=True,
            boxprops={"facecolor": BLUE, "alpha": 0.35, "edgecolor": BLUE},
            medianprops={"color": BLUE, "linewidth": 2},
            meanprops={"marker": "D", "markerfacecolor": VERMILION, "markeredgecolor": "white"},
            flierprops={"marker": ".", "markersize": 4, "alpha": 0.4},
        )
        self.boxes_, self.medians_, self.means_ = (
            artists[kind] for kind in ("boxes", "medians", "means")
        )
        self.whiskers_, self.fliers_ = artists["whiskers"], artists["fliers"]
        ax.spines[["top", "right"]].set_visible(False)
        ax.set_ylabel(f"gain in Gini index over {wrapped(self.reference)}")
        return self

    def _label(self, name):
        mean = sum(self.gains[name]) / len(self.gains[name])
        return f"{wrapped(name, width=18, lines=3)}\nmean {signed(mean)}"
