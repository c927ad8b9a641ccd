"""Draw sparseness against accuracy for the candidates of a search."""

from numbers import Real

import numpy as np
from sklearn.exceptions import NotFittedError

from sklearn_advex.metrics._concise_choice import mean_test_scores
from sklearn_advex.plotting._style import (
    GRAY,
    VERMILION,
    literal,
    new_axes,
    require_matplotlib,
    wrapped,
)

# Areas of the smallest and the largest marker of a curve, in square points.
_SMALLEST, _LARGEST = 12, 70

_ADVICE = "pass the name of another score as {}=..."


class TradeoffDisplay:
    """Sparseness against accuracy for the candidates of a search, the chosen one marked.

    Figure 3 of [1]_ for any search. Create it with :meth:`from_search`.

    Parameters
    ----------
    accuracy, sparseness : array-like of shape (n_candidates,)
        Mean test scores of the candidates. Those without two finite scores are left out.
    params : list of dict
        The parameters of each candidate.
    best_index : int, default=None
        Which candidate was chosen.
    max_drop : float, default=None
        How far below the best accuracy a candidate could be and still be chosen.
    accuracy_name, sparseness_name : str, default="accuracy", "gini"
        Names of the scores, shown at the axes.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes that the curves are drawn on.
    figure_ : matplotlib.figure.Figure
        Figure that holds them.
    lines_ : list of matplotlib.lines.Line2D
        One per curve: the candidates that differ in one parameter only, `epsilon` where it varies,
        otherwise the one with the most values.
    points_ : list of matplotlib.collections.PathCollection
        The candidates of each curve; the greater that parameter, the larger the marker.
    best_ : matplotlib.collections.PathCollection or None
        Ring around the chosen candidate.
    band_ : matplotlib.patches.Rectangle or None
        The accuracies among which the most concise candidate was chosen.
    legend_ : matplotlib.legend.Legend or None
        Legend of the curves, the ring and the band.

    See Also
    --------
    sklearn_advex.model_selection.most_concise : A rule that chooses a candidate.

    References
    ----------
    .. [1] P. Chalasani, J. Chen, A. R. Chowdhury, S. Jha, X. Wu. "Concise Explanations of Neural
       Networks using Adversarial Training". ICML 2020. https://arxiv.org/abs/1810.06583

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn.preprocessing import scale
    >>> from sklearn_advex import AdversarialLogisticRegression
    >>> from sklearn_advex.model_selection import gini_scorer, most_concise
    >>> from sklearn_advex.plotting import TradeoffDisplay
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> search = GridSearchCV(
    ...     AdversarialLogisticRegression(),
    ...     {"epsilon": [0.05, 0.1, 0.2]},
    ...     scoring={"accuracy": "accuracy", "gini": gini_scorer},
    ...     refit=most_concise(max_drop=0.01),
    ... )
    >>> display = TradeoffDisplay.from_search(search.fit(scale(X), y))
    """

    def __init__(
        self,
        accuracy,
        sparseness,
        *,
        params,
        best_index=None,
        max_drop=None,
        accuracy_name="accuracy",
        sparseness_name="gini",
    ):
        self.accuracy = accuracy
        self.sparseness = sparseness
        self.params = params
        self.best_index = best_index
        self.max_drop = max_drop
        self.accuracy_name = accuracy_name
        self.sparseness_name = sparseness_name

    @classmethod
    def from_search(cls, search, *, accuracy="accuracy", sparseness="gini", ax=None):
        """Draw the candidates of a search.

        Parameters
        ----------
        search : GridSearchCV or relative, or AdversarialLogisticRegressionCV
            Fitted, with at least the two scores in its `scoring`. Its chosen candidate is marked,
            and if its `refit` is :func:`sklearn_advex.model_selection.most_concise`, so are the
            accuracies that this rule allows.
        accuracy : str, default="accuracy"
            Name of the score for the horizontal axis.
        sparseness : str, default="gini"
            Name of the score for the vertical axis.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a figure.

        Returns
        -------
        display : TradeoffDisplay
            With the picture drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If `search` is not fitted.
        ValueError
            If the search does not have the scores, or no candidate has finite ones.
        """
        require_matplotlib(cls.__name__)
        if not hasattr(search, "cv_results_"):
            raise NotFittedError(
                f"This {type(search).__name__} has no cv_results_: call its fit method first."
            )
        rule = getattr(search, "refit", getattr(search, "rule_", None))
        # The band belongs to the rule's own accuracy, which may be another score than the axis'.
        max_drop = getattr(rule, "max_drop", None)
        display = cls(
            mean_test_scores(search.cv_results_, accuracy, _ADVICE.format("accuracy")),
            mean_test_scores(search.cv_results_, sparseness, _ADVICE.format("sparseness")),
            params=search.cv_results_["params"],
            best_index=getattr(search, "best_index_", None),
            max_drop=max_drop if getattr(rule, "accuracy", None) == accuracy else None,
            accuracy_name=accuracy,
            sparseness_name=sparseness,
        )
        return display.plot(ax)

    def plot(self, ax=None):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a figure.

        Returns
        -------
        self : TradeoffDisplay
            With the attributes that end in an underscore set.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If no candidate has two finite scores.
        """
        accuracy = np.asarray(self.accuracy, dtype=float)
        sparseness = np.asarray(self.sparseness, dtype=float)
        valid = np.isfinite(accuracy) & np.isfinite(sparseness)
        if not valid.any():
            raise ValueError(
                "No candidate has two finite scores. A scorer or every fit failed: repeat the"
                " search with error_score='raise' to see why."
            )
        ax, self.figure_ = new_axes(self, ax, figsize=(7.5, 5))
        self.ax_ = ax
        self.band_ = self._draw_band(accuracy[valid].max())
        along = self._draw_curves(accuracy, sparseness, valid)
        self.best_ = self._draw_best(accuracy, sparseness)
        ax.spines[["top", "right"]].set_visible(False)
        ax.set_xlabel(f"{literal(self.accuracy_name)} (mean test score)")
        ax.set_ylabel(f"{literal(self.sparseness_name)} (mean test score)")
        handles, labels = ax.get_legend_handles_labels()
        self.legend_ = None
        if handles or along:
            self.legend_ = ax.legend(
                handles, labels, title=along, fontsize="small", title_fontsize="small"
            )
        return self

    def _draw_band(self, best_accuracy):
        if self.max_drop is None:
            return None
        return self.ax_.axvspan(
            best_accuracy - self.max_drop,
            best_accuracy,
            color=GRAY,
            alpha=0.2,
            linewidth=0,
            label=f"at most {self.max_drop:g} below the best",
        )

    def _draw_curves(self, accuracy, sparseness, valid):
        """Draw the curves, and return a description of what varies along them."""
        import matplotlib

        along, curves = curves_of(self.params)
        style = {"linewidth": 1.2}
        if len(curves) > 1 and all(len(candidates) == 1 for candidates, _ in curves.values()):
            # A random search: no two candidates differ in one parameter only.
            curves = {"": tuple(map(np.concatenate, zip(*curves.values(), strict=True)))}
            style = {"linestyle": "none"}
        shades = matplotlib.colormaps["viridis"](np.linspace(0.0, 0.85, len(curves)))
        self.lines_, self.points_ = [], []
        for shade, (label, (candidates, sizes)) in zip(shades, curves.items(), strict=True):
            kept = valid[candidates]
            x, y = accuracy[candidates][kept], sparseness[candidates][kept]
            self.lines_ += self.ax_.plot(x, y, color=shade, label=label or None, **style)
            self.points_.append(self.ax_.scatter(x, y, s=sizes[kept], color=[shade], zorder=3))
        return along

    def _draw_best(self, accuracy, sparseness):
        if self.best_index is None:
            return None
        return self.ax_.scatter(
            accuracy[self.best_index],
            sparseness[self.best_index],
            s=220,
            facecolors="none",
            edgecolors=VERMILION,
            linewidths=2,
            label=wrapped(
                f"chosen: {describe_params(self.params[self.best_index])}", width=40, lines=3
            ),
            zorder=4,
        )


def curves_of(params):
    """Group candidates into curves along which one parameter varies.

    Parameters
    ----------
    params : list of dict

    Returns
    -------
    along : str or None
        Description of that parameter with its first and last value; None if none varies.
    curves : dict of str to ndarray of int, ndarray of float
        From a description of the common parameters of a curve to the positions of its candidates,
        in order, and the sizes of their markers.
    """
    varying = _varying(params)
    along = _along(varying)
    ranks = {} if along is None else {repr(v): rank for rank, v in enumerate(varying[along])}
    curves = {}
    for position, candidate in enumerate(params):
        common = {k: v for k, v in candidate.items() if k in varying and k != along}
        rank = ranks.get(repr(candidate.get(along)), 0)
        curves.setdefault(describe_params(common), []).append((rank, position))
    sizes = np.linspace(_SMALLEST, _LARGEST, max(len(ranks), 2))
    for label, members in curves.items():
        order, positions = np.array(sorted(members)).T
        curves[label] = positions, sizes[order]
    if along is None:
        return None, curves
    first, last = (_value(varying[along][end]) for end in (0, -1))
    return f"markers grow with {_short(along)}, {first} to {last}", curves


def _varying(params):
    """Return the names and sorted values of the parameters in which candidates differ."""
    values = {}
    for candidate in params:
        for name, value in candidate.items():
            values.setdefault(name, []).append(value)
    distinct = {name: {repr(v): v for v in found}.values() for name, found in values.items()}
    return {
        name: _sorted(found)
        for name, found in distinct.items()
        if len(found) > 1 or len(values[name]) < len(params)  # some candidates are without it
    }


def _sorted(values):
    """Sort numbers; keep the order of any other values."""
    values = list(values)
    return sorted(values) if all(isinstance(value, Real) for value in values) else values


def _along(varying):
    """Choose the parameter of the curves: `epsilon`, otherwise the one with the most values."""
    if not varying:
        return None
    return max(varying, key=lambda name: (_short(name) == "epsilon", len(varying[name])))


def _short(name):
    """Remove the names of pipeline steps from a parameter name."""
    return name.rpartition("__")[2]


def describe_params(params):
    """Format parameters and their values.

    Parameters
    ----------
    params : dict

    Returns
    -------
    str
    """
    return ", ".join(f"{_short(name)} = {_value(value)}" for name, value in params.items())


def _value(value):
    """Format the value of a parameter in few characters."""
    return f"{value:.3g}" if isinstance(value, Real) else str(value)
