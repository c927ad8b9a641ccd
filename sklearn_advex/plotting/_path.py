"""Draw the coefficients along a path of epsilons."""

import numpy as np

from sklearn_advex._utils._counts import check_count
from sklearn_advex._utils._pipeline import encoded_feature_names, last_step_of
from sklearn_advex.plotting._columns import check_names
from sklearn_advex.plotting._style import (
    GRAY,
    MODEL_COLORS,
    new_axes,
    require_matplotlib,
    wrapped,
)

# Largest number of epsilons with a feature count above them. If larger, the counts overlap.
_MOST_COUNTS = 20
# Distance of two labels in points. If larger, fewer labels fit beside the axes.
_LINE_HEIGHT = 15
_COLORS = [color for color in MODEL_COLORS if color != GRAY]


class PathDisplay:
    """Coefficients against epsilon: which features a stronger adversary removes from the model.

    Create it with :meth:`from_estimator` or :meth:`from_path`.

    Parameters
    ----------
    epsilons : array-like of shape (n_epsilons,)
        The path, in any order.
    coefs : array-like of shape (n_epsilons, n_features)
        Coefficients of the model at each epsilon.
    epsilon_max : float, default=None
        The epsilon that counts as 1 on the horizontal axis; None shows epsilons as they are.
    best_epsilon : float, default=None
        An epsilon to mark.
    feature_names : array-like of shape (n_features,), default=None
        Names of the features; None stands for "x0", "x1", ...
    target : object, default=None
        The class that positive coefficients favor, shown at the vertical axis.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes that the lines are drawn on.
    figure_ : matplotlib.figure.Figure
        Figure that holds them.
    lines_ : list of matplotlib.lines.Line2D
        One per feature.
    labels_ : list of matplotlib.text.Annotation
        Names of the strongest features, beside the start of their lines.
    counts_ : list of matplotlib.text.Text
        Above the lines, how many features are in use.
    best_ : matplotlib.lines.Line2D or None
        Where `best_epsilon` is.
    legend_ : matplotlib.legend.Legend or None
        Legend of that line.

    See Also
    --------
    sklearn_advex.epsilon_path : The numbers.
    FrontierDisplay : Paths of numbers of features.
    TradeoffDisplay : What conciseness costs.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_advex import AdversarialLogisticRegressionCV
    >>> from sklearn_advex.plotting import PathDisplay
    >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    >>> model = make_pipeline(StandardScaler(), AdversarialLogisticRegressionCV(cv=3))
    >>> display = PathDisplay.from_estimator(model.fit(X, y))
    """

    def __init__(
        self,
        epsilons,
        coefs,
        *,
        epsilon_max=None,
        best_epsilon=None,
        feature_names=None,
        target=None,
    ):
        self.epsilons = epsilons
        self.coefs = coefs
        self.epsilon_max = epsilon_max
        self.best_epsilon = best_epsilon
        self.feature_names = feature_names
        self.target = target

    @classmethod
    def from_estimator(cls, model, *, target=None, feature_names=None, top=7, ax=None):
        """Draw the path on which a cross-validated model was chosen.

        Parameters
        ----------
        model : estimator
            A fitted :class:`~sklearn_advex.AdversarialLogisticRegressionCV`, or a fitted pipeline
            that ends in one. Of several alphas, and of several numbers of features, the chosen one
            is drawn.
        target : object, default=None
            The class whose coefficients to draw; with two classes None is the second one.
        feature_names : array-like of shape (n_features,), default=None
            Names of the columns that the model sees; None takes those of the data.
        top : int, default=7
            How many features get a color and a label: those with the largest coefficients in the
            chosen model.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a figure.

        Returns
        -------
        display : PathDisplay
            With the picture drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If `model` is not fitted.
        TypeError
            If `model` has no path.
        ValueError
            If `target` is no class of the model, or missing for more than two classes, if
            `feature_names` has another length than there are features, or `top` is not positive.
        """
        require_matplotlib(cls.__name__)
        chosen = last_step_of(model)
        if not hasattr(chosen, "coefs_paths_"):
            raise TypeError(
                f"{type(chosen).__name__} has no path: draw that of a fitted"
                " AdversarialLogisticRegressionCV, or give from_path what epsilon_path returns."
            )
        target = _check_target(target, chosen.classes_.tolist())
        if feature_names is None:
            # Steps that put out frames give the last one names, others name their columns.
            feature_names = getattr(chosen, "feature_names_in_", None)
        if feature_names is None:
            feature_names = encoded_feature_names(model)
        display = cls(
            chosen.epsilons_,
            _coefs_toward(target, chosen),
            epsilon_max=chosen.epsilon_max_,
            best_epsilon=chosen.best_epsilon_,
            feature_names=feature_names,
            target=target,
        )
        return display.plot(ax, top=top)

    @classmethod
    def from_path(
        cls, path, *, problem=0, epsilon_max=None, target=None, feature_names=None, top=7, ax=None
    ):
        """Draw what :func:`sklearn_advex.epsilon_path` returns.

        Parameters
        ----------
        path : EpsilonPath
            The path.
        problem : int, default=0
            Which binary problem to draw: the position of the class where there are more than two.
        epsilon_max : float, default=None
            Result of :func:`sklearn_advex.epsilon_max` for the data; None shows epsilons as they
            are.
        target : object, default=None
            Name of the class that positive coefficients favor.
        feature_names : array-like of shape (n_features,), default=None
            Names of the features; None stands for "x0", "x1", ...
        top : int, default=7
            How many features get a color and a label: those with the largest coefficients on
            average over the path.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a figure.

        Returns
        -------
        display : PathDisplay
            With the picture drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `path` has no epsilons, as that of :func:`sklearn_advex.feature_path` has none.
        ValueError
            If the path has no such `problem`, `feature_names` has another length than there are
            features, or `top` is not positive.
        """
        require_matplotlib(cls.__name__)
        if not hasattr(path, "epsilons"):
            raise TypeError(
                f"{type(path).__name__} has no epsilons: pass what epsilon_path returns. What"
                " feature_path returns is for FrontierDisplay.from_paths({'a name': path}, X, y)."
            )
        n_problems = path.coefs.shape[1]
        if problem not in range(n_problems):
            raise ValueError(
                f"problem={problem!r} is none of the path's binary problems: pass one of"
                f" {list(range(n_problems))}."
            )
        display = cls(
            path.epsilons,
            path.coefs[:, problem],
            epsilon_max=epsilon_max,
            feature_names=feature_names,
            target=target,
        )
        return display.plot(ax, top=top)

    def plot(self, ax=None, *, top=7):
        """Draw one line per feature.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a figure.
        top : int, default=7
            How many features get a color and a label.

        Returns
        -------
        self : PathDisplay
            With the attributes that end in an underscore set.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If `coefs` does not have a row per epsilon, `feature_names` has another length than
            there are features, or `top` is not positive.
        """
        check_count(top, "top")
        order = np.argsort(self.epsilons)
        unit = self.epsilon_max or 1.0
        x = np.asarray(self.epsilons, dtype=float)[order] / unit
        coefs = _check_coefs(self.coefs, len(x))[order]
        names = check_names(self.feature_names, [f"x{i}" for i in range(coefs.shape[1])])
        ax, self.figure_ = new_axes(self, ax, figsize=(7.5, 5))
        self.ax_ = ax
        _scale_axis(ax, x)
        labeled = self._strongest(coefs, x * unit, top)
        self.lines_ = self._draw_lines(x, coefs, labeled)
        self.counts_ = self._draw_counts(x, np.count_nonzero(coefs, axis=1))
        self.best_, self.legend_ = self._draw_best(unit)
        self.labels_ = self._draw_labels(x, coefs[0], labeled, names)
        ax.spines[["top", "left"]].set_visible(False)
        ax.yaxis.set(ticks_position="right", label_position="right")
        toward = "" if self.target is None else f" (above 0: for class {wrapped(self.target)})"
        ax.set_ylabel(f"coefficient{toward}")
        ax.set_xlabel("epsilon / epsilon_max" if self.epsilon_max else "epsilon")
        return self

    def _strongest(self, coefs, epsilons, top):
        """Return the positions of the features to label, without those that are never used."""
        strength = np.abs(coefs).mean(axis=0)
        if self.best_epsilon is not None:
            chosen = np.abs(coefs[np.argmin(np.abs(epsilons - self.best_epsilon))])
            strength = np.where(chosen > 0, strength.max() + chosen, strength)
        strongest = np.argsort(-strength, kind="stable")[:top]
        return strongest[strength[strongest] > 0]

    def _draw_lines(self, x, coefs, labeled):
        self.ax_.axhline(0, color="black", linewidth=0.8)
        lines = self.ax_.plot(x, coefs, color=GRAY, linewidth=0.8, alpha=0.6)
        for rank, j in enumerate(labeled):
            lines[j].set(color=_COLORS[rank % len(_COLORS)], linewidth=1.8, alpha=1, zorder=3)
        return lines

    def _draw_counts(self, x, counts):
        shown = range(0, len(x), -(-len(x) // _MOST_COUNTS))
        above = self.ax_.get_xaxis_transform()
        options = {"fontsize": "small", "ha": "center", "va": "bottom", "color": "#555555"}
        title = self.ax_.text(
            0.5, 1.055, "features in use", transform=self.ax_.transAxes, **options
        )
        return [title] + [
            self.ax_.text(x[i], 1.005, str(counts[i]), transform=above, **options) for i in shown
        ]

    def _draw_best(self, unit):
        if self.best_epsilon is None:
            return None, None
        best = self.ax_.axvline(
            self.best_epsilon / unit,
            color="black",
            linestyle="--",
            linewidth=1,
            label=f"chosen: epsilon = {self.best_epsilon:.3g}",
        )
        return best, self.ax_.legend(handles=[best], fontsize="small")

    def _draw_labels(self, x, starts, labeled, names):
        """Draw names to the left of the lines, each connected with the start of its line."""
        low, high = self.ax_.get_ylim()
        height = 72 * self.ax_.get_window_extent().height / self.figure_.dpi
        heights = _spread(starts[labeled], (high - low) * _LINE_HEIGHT / height, low, high)
        return [
            self.ax_.annotate(
                wrapped(names[j], lines=1),
                (x[0], starts[j]),
                (-0.05, at),
                textcoords=self.ax_.get_yaxis_transform(),
                color=self.lines_[j].get_color(),
                fontsize="small",
                ha="right",
                va="center",
                arrowprops={"arrowstyle": "-", "color": self.lines_[j].get_color(), "lw": 0.6},
            )
            for j, at in zip(labeled, heights, strict=True)
        ]


def _check_coefs(coefs, n_epsilons):
    coefs = np.asarray(coefs, dtype=float)
    if coefs.ndim != 2 or len(coefs) != n_epsilons:
        raise ValueError(
            f"coefs must be of shape (n_epsilons, n_features) with the {n_epsilons} epsilons given,"
            f" got {coefs.shape}. Of what epsilon_path returns, PathDisplay.from_path draws one"
            " binary problem."
        )
    return coefs


def _check_target(target, classes):
    """Return the class whose coefficients to draw."""
    if target is None and len(classes) == 2:
        target = classes[1]
    if target not in classes:
        raise ValueError(
            f"target={target!r} is no class of the model. Pass the class whose coefficients to"
            f" draw, one of {classes}."
        )
    return target


def _coefs_toward(target, model):
    """Return the coefficients in favor of a class, at each epsilon of what was chosen otherwise."""
    coefs = model.coefs_paths_[model.alphas_.tolist().index(model.best_alpha_)]
    if model.max_features_ is not None:
        coefs = coefs[:, model.max_features_.tolist().index(model.best_max_features_)]
    position = model.classes_.tolist().index(target)
    if len(model.classes_) > 2:
        return coefs[:, position]
    return coefs[:, 0] if position == 1 else -coefs[:, 0]


def _scale_axis(ax, x):
    """Scale the axis logarithmically, as paths are geometric; linearly near 0."""
    positive = x[x > 0]
    if positive.size == x.size:
        ax.set_xscale("log")
    elif positive.size:
        ax.set_xscale("symlog", linthresh=positive.min())


def _spread(heights, gap, low, high):
    """Move heights apart until neighbors are a gap apart, in their order and within bounds."""
    order = np.argsort(heights, kind="stable")
    steps = gap * np.arange(order.size)
    up = np.maximum.accumulate(np.maximum(heights[order], low) - steps) + steps
    from_top = steps[::-1]
    spread = np.empty(order.size)
    spread[order] = np.minimum(up, high - from_top)
    return spread
