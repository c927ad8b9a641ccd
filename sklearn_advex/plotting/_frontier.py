"""Draw accuracy against the number of features, one line per family of models."""

from collections.abc import Mapping

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score

from sklearn_advex._perturbation import perturbation_set, resolve_epsilon
from sklearn_advex._utils._class_targets import known_positions
from sklearn_advex._utils._containers import one_row_per_sample
from sklearn_advex._utils._pipeline import transform_to_last_step
from sklearn_advex.attribution._adversary import Adversary
from sklearn_advex.attribution._ensembles import output_of_all_models
from sklearn_advex.attribution._explain import ExplainOptions, attribute_columns
from sklearn_advex.attribution._linear_scores import LinearScores
from sklearn_advex.attribution._robustness import adversarial_accuracy
from sklearn_advex.metrics import feature_value_impact
from sklearn_advex.metrics._concise_choice import mean_test_scores
from sklearn_advex.plotting._style import (
    MODEL_COLORS,
    VERMILION,
    literal,
    new_axes,
    require_matplotlib,
    wrapped,
)
from sklearn_advex.plotting._tradeoff import describe_params

# Largest number of features on a linear axis. If larger, the first few features, where most is
# decided, are drawn close together.
_MOST_ON_LINEAR_AXIS = 20

_COLORS = (*MODEL_COLORS[1:], MODEL_COLORS[0])
_ADVICE = "pass the name of another score as {}=..."


class FrontierDisplay:
    """Accuracy against the number of features, one line per family of models.

    A line shows the highest accuracy of all models of a family with at most k features at each k; a
    dashed one the highest accuracy under attack, possibly of another model. Create it with
    :meth:`from_search` or :meth:`from_paths`.

    Parameters
    ----------
    n_features : array-like of shape (n_candidates,)
        Number of features, or of columns, that each model uses.
    accuracy : array-like of shape (n_candidates,)
        Accuracy of each model. Models without two finite numbers are left out.
    adversarial_accuracy : array-like of shape (n_candidates,), default=None
        Accuracy of each model under attack.
    families : array-like of shape (n_candidates,), default=None
        Family that each model belongs to, in the legend; None for a single one.
    best_index : int, default=None
        Position of the chosen model, which is marked.
    best_label : str, default="chosen"
        What the mark is called in the legend.
    accuracy_name : str, default="accuracy"
        Name of the accuracy, at the vertical axis.
    n_features_name : str, default="number of features"
        What is counted, at the horizontal axis.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes that the lines are drawn on.
    figure_ : matplotlib.figure.Figure
        Figure that holds them.
    lines_ : list of matplotlib.lines.Line2D
        Highest accuracy of each family.
    adversarial_lines_ : list of matplotlib.lines.Line2D
        Highest accuracy under attack of each family.
    points_ : list of matplotlib.collections.PathCollection
        All models of each family.
    best_ : matplotlib.collections.PathCollection or None
        Ring around the chosen model.
    legend_ : matplotlib.legend.Legend or None
        Legend of the lines and the ring.

    See Also
    --------
    TradeoffDisplay : Accuracy against the Gini index.
    sklearn_advex.model_selection.n_features_scorer : The number of columns in use, as a score.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.preprocessing import scale
    >>> from sklearn_advex import epsilon_path
    >>> from sklearn_advex.plotting import FrontierDisplay
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> X = scale(X)
    >>> paths = {
    ...     "alpha = 1e-4": epsilon_path(X, y, epsilons=5),
    ...     "alpha = 0.1": epsilon_path(X, y, epsilons=5, alpha=0.1),
    ... }
    >>> display = FrontierDisplay.from_paths(paths, X, y, epsilon=0.1)
    """

    def __init__(
        self,
        n_features,
        accuracy,
        *,
        adversarial_accuracy=None,
        families=None,
        best_index=None,
        best_label="chosen",
        accuracy_name="accuracy",
        n_features_name="number of features",
    ):
        self.n_features = n_features
        self.accuracy = accuracy
        self.adversarial_accuracy = adversarial_accuracy
        self.families = families
        self.best_index = best_index
        self.best_label = best_label
        self.accuracy_name = accuracy_name
        self.n_features_name = n_features_name

    @classmethod
    def from_search(
        cls,
        search,
        *,
        accuracy="accuracy",
        n_features="n_features",
        adversarial_accuracy="adversarial_accuracy",
        family=None,
        ax=None,
    ):
        """Draw the candidates of a search.

        Parameters
        ----------
        search : GridSearchCV or relative, or AdversarialLogisticRegressionCV
            Fitted, with at least the first two scores in its `scoring`; an
            `AdversarialLogisticRegressionCV` needs no `n_features`, because its coefficients can be
            counted. The chosen candidate is marked.
        accuracy : str, default="accuracy"
            Name of the score on the vertical axis.
        n_features : str, default="n_features"
            Name of the score by
            :func:`sklearn_advex.model_selection.n_features_scorer`, on the horizontal axis.
        adversarial_accuracy : str, default="adversarial_accuracy"
            Name of the score of the dashed lines, which are left out if the search has none.
        family : str, default=None
            Parameter of the search, with or without the names of pipeline steps; candidates of the
            same value form a line. None draws all candidates as one line.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a figure.

        Returns
        -------
        display : FrontierDisplay
            With the picture drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If `search` is not fitted.
        ValueError
            If the search does not have the scores or the parameter, or no candidate has finite
            scores.
        """
        require_matplotlib(cls.__name__)
        if not hasattr(search, "cv_results_"):
            raise NotFittedError(
                f"This {type(search).__name__} has no cv_results_: call its fit method first."
            )
        results, best_index = search.cv_results_, getattr(search, "best_index_", None)
        has_attack = f"mean_test_{adversarial_accuracy}" in results
        display = cls(
            _counts(search, n_features),
            mean_test_scores(results, accuracy, _ADVICE.format("accuracy")),
            adversarial_accuracy=results[f"mean_test_{adversarial_accuracy}"]
            if has_attack
            else None,
            families=None if family is None else _families(results["params"], family),
            best_index=best_index,
            best_label="chosen"
            if best_index is None
            else f"chosen: {describe_params(results['params'][best_index])}",
            accuracy_name=accuracy,
        )
        return display.plot(ax)

    @classmethod
    def from_paths(cls, paths, X, y, *, epsilon=None, best=None, ax=None):
        """Draw several paths of models, scored on rows of data.

        Parameters
        ----------
        paths : dict of str to path
            Families by their names in the legend. A path is what
            :func:`sklearn_advex.epsilon_path` and :func:`sklearn_advex.feature_path` return, or a
            list of fitted classifiers or pipelines, of any library that
            :func:`sklearn_advex.explain` can explain; then the columns of `X` with a non-zero
            attribution are counted.
        X : array-like, sparse matrix or DataFrame of shape (n_samples, n_features)
            Rows to score the models on.
        y : array-like of shape (n_samples,)
            Their true labels, of all classes.
        epsilon : float, array-like of shape (n_features,) or dict, default=None
            Half-width of the change per feature that an l-infinity adversary is allowed, for the
            dashed lines; None draws none.
        best : tuple of (str, int), default=None
            Name of a path and position in it of the chosen model.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a figure.

        Returns
        -------
        display : FrontierDisplay
            With the picture drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `paths` is not a dict.
        ValueError
            If `paths` is empty, or `best` is none of its models.
        """
        require_matplotlib(cls.__name__)
        if not isinstance(paths, Mapping):
            raise TypeError(
                "paths must be a dict from the name of a family to its path, such as"
                f" {{'a': epsilon_path(X, y)}}; got {type(paths).__name__}."
            )
        if not paths:
            raise ValueError("paths is empty: give it at least one path by its name.")
        scores = {name: _score_path(path, X, y, epsilon) for name, path in paths.items()}
        families = [name for name, of_path in scores.items() for _ in of_path]
        best_index = None if best is None else _position(best, scores)
        n_features, accuracy, attacked = np.array([s for path in scores.values() for s in path]).T
        display = cls(
            n_features,
            accuracy,
            adversarial_accuracy=None if epsilon is None else attacked,
            families=families,
            best_index=best_index,
        )
        return display.plot(ax)

    def plot(self, ax=None):
        """Draw the lines.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on; None makes a figure.

        Returns
        -------
        self : FrontierDisplay
            With the attributes that end in an underscore set.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If no model has two finite numbers.
        """
        counts = np.asarray(self.n_features, dtype=float)
        accuracy = np.asarray(self.accuracy, dtype=float)
        if not (np.isfinite(counts) & np.isfinite(accuracy)).any():
            raise ValueError(
                "No model has a finite accuracy and number of features. A scorer or every fit"
                " failed: repeat the search with error_score='raise' to see why."
            )
        ax, self.figure_ = new_axes(self, ax, figsize=(7.5, 5))
        self.ax_ = ax
        last = np.nanmax(counts[np.isfinite(counts)])
        _scale_axis(ax, last)
        self._draw_families(counts, accuracy, last)
        self.best_ = self._draw_best(counts, accuracy)
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(alpha=0.25)
        ax.set_xlabel(f"{self.n_features_name} (at most)")
        ax.set_ylabel(f"highest {literal(self.accuracy_name)}")
        self.legend_ = self._draw_legend()
        return self

    def _draw_families(self, counts, accuracy, last):
        """Draw the models and the lines of all families."""
        names = ["" for _ in counts] if self.families is None else list(map(str, self.families))
        attacked = self.adversarial_accuracy
        self.lines_, self.adversarial_lines_, self.points_ = [], [], []
        for i, name in enumerate(dict.fromkeys(names)):
            members = [position for position, other in enumerate(names) if other == name]
            style = {"color": _COLORS[i % len(_COLORS)]}
            x, y = counts[members], accuracy[members]
            self.points_.append(self.ax_.scatter(x, y, s=22, alpha=0.5, linewidths=0, **style))
            label = wrapped(name) or None
            self.lines_ += self.ax_.plot(*frontier(x, y, last), label=label, **style, **_SOLID)
            if attacked is not None:
                y = np.asarray(attacked, dtype=float)[members]
                self.adversarial_lines_ += self.ax_.plot(*frontier(x, y, last), **style, **_DASHED)

    def _draw_best(self, counts, accuracy):
        if self.best_index is None:
            return None
        return self.ax_.scatter(
            counts[self.best_index],
            accuracy[self.best_index],
            s=160,
            facecolors="none",
            edgecolors=VERMILION,
            linewidths=2,
            label=wrapped(self.best_label, width=40, lines=3),
            zorder=4,
        )

    def _draw_legend(self):
        """Draw a legend of the families, the dashed lines and the ring."""
        from matplotlib.lines import Line2D

        handles, labels = self.ax_.get_legend_handles_labels()
        if self.adversarial_lines_:
            handles.append(Line2D([], [], color="black", **_DASHED))
            labels.append("under attack")
        if not handles:
            return None
        return self.ax_.legend(handles, labels, fontsize="small", loc="best")


_SOLID = {"drawstyle": "steps-post", "linewidth": 1.8}
_DASHED = {"drawstyle": "steps-post", "linewidth": 1.4, "linestyle": (0, (4, 2))}


def frontier(n_features, accuracy, last):
    """Compute the highest accuracy of all models with at most k features, for each k.

    Parameters
    ----------
    n_features, accuracy : ndarray of shape (n_candidates,)
        Models without two finite numbers are left out.
    last : float
        Number of features at which the line ends.

    Returns
    -------
    counts, highest : ndarray of shape (n_steps,)
        The numbers of features in ascending order, and the highest accuracy up to each.
    """
    valid = np.isfinite(n_features) & np.isfinite(accuracy)
    if not valid.any():
        return np.empty(0), np.empty(0)
    counts, step = np.unique(n_features[valid], return_inverse=True)
    highest = np.full(counts.size, -np.inf)
    np.maximum.at(highest, step, accuracy[valid])
    highest = np.maximum.accumulate(highest)
    return np.append(counts, last), np.append(highest, highest[-1])


def _scale_axis(ax, last):
    """Scale the horizontal axis: logarithmically for many features, with whole numbers as ticks."""
    from matplotlib.ticker import MaxNLocator, NullLocator, ScalarFormatter

    if last <= _MOST_ON_LINEAR_AXIS:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        return
    ax.set_xscale("symlog", linthresh=1, linscale=0.4)
    decades = 10.0 ** np.arange(np.ceil(np.log10(last)) + 1)
    ticks = np.append(0, np.multiply.outer(decades, [1, 2, 5]).ravel())
    ax.set_xticks(ticks[ticks <= last])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(ScalarFormatter())


def _counts(search, name):
    """Return the number of features of each candidate."""
    if f"mean_test_{name}" not in search.cv_results_ and hasattr(search, "coefs_paths_"):
        is_used = search.coefs_paths_.any(axis=2)  # by any binary problem
        return np.count_nonzero(is_used, axis=-1).ravel()
    return np.abs(mean_test_scores(search.cv_results_, name, _ADVICE.format("n_features")))


def _families(params, family):
    """Return the name of each candidate's family, by the value of a parameter."""
    names = {name for candidate in params for name in candidate}
    chosen = [name for name in names if name == family or name.rpartition("__")[2] == family]
    if len(chosen) != 1:
        raise ValueError(
            f"family={family!r} is not a parameter of the search. Pass one of {sorted(names)}."
        )
    return [
        describe_params({name: value for name, value in candidate.items() if name == chosen[0]})
        for candidate in params
    ]


def _position(best, scores):
    """Return the position of the chosen model among the models of all paths."""
    start = 0
    for name, of_path in scores.items():
        if name == best[0] and best[1] in range(len(of_path)):
            return start + best[1]
        start += len(of_path)
    raise ValueError(
        f"best={best!r} is no model of the paths. Pass the name of a path, one of {list(scores)},"
        " and a position in it."
    )


def _score_path(path, X, y, epsilon):
    """Return number of features, accuracy and accuracy under attack of each model of a path."""
    if hasattr(path, "coefs"):
        return _score_coefficients(path, X, y, epsilon)
    return [_score_model(model, X, y, epsilon) for model in path]


def _score_coefficients(path, X, y, epsilon):
    """Score the models of an `EpsilonPath`."""
    classes = np.unique(y)
    labels = known_positions(y, classes, X)
    names = getattr(X, "columns", None)
    radius = resolve_epsilon(0.0 if epsilon is None else epsilon, path.coefs.shape[-1], names)
    perturbation = perturbation_set("linf", radius)
    scores = []
    for coef, intercept in zip(path.coefs, path.intercepts, strict=True):
        worst_case = LinearScores.from_coefficients(X, coef, intercept)
        is_right = worst_case.scores.argmax(axis=1) == labels
        is_robust = worst_case.is_robust(labels, Adversary(perturbation))
        scores.append((coef.any(axis=0).sum(), is_right.mean(), is_robust.mean()))
    return scores


def _score_model(model, X, y, epsilon):
    """Score a fitted model; its columns in use are those with a non-zero attribution."""
    last_step, X_encoded = transform_to_last_step(model, X)
    options = ExplainOptions(output=output_of_all_models(model))
    attributions = attribute_columns(model, X, y, options).values
    n_features = np.count_nonzero(feature_value_impact(one_row_per_sample(attributions)))
    attacked = np.nan
    if epsilon is not None and hasattr(last_step, "adversarial_score"):
        attacked = last_step.adversarial_score(X_encoded, y, epsilon=epsilon)
    elif epsilon is not None:
        attacked = adversarial_accuracy(last_step, X_encoded, y, epsilon=epsilon)
    return n_features, accuracy_score(y, model.predict(X)), attacked
