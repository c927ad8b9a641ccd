"""Choose one candidate of a search from its scores alone: a pure function of `cv_results_`."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real

import numpy as np

# Slack on `max_drop`: a candidate exactly on the limit must not be excluded by rounding errors of
# its mean. If larger, candidates below the limit are admitted.
_ROUNDING = 1e-12


def most_concise(max_drop=0.01, accuracy="accuracy", sparseness="gini", dummy_score=None):
    """Make a rule that picks the candidate with the sparsest explanations among the accurate ones.

    Among the candidates of a search whose mean test accuracy is at most `max_drop` below the best,
    the one with the highest mean test sparseness is chosen. Of equally sparse ones it is the most
    accurate, then the first. Candidates for which either score is not finite (a failed fit)
    are left out. Sparseness alone would pick a model that ignores all but one feature.

    Parameters
    ----------
    max_drop : float, default=0.01
        The accuracy that may be given up for sparseness, in units of the `accuracy` score: 0.01 is
        one percentage point. With 0 only the most accurate candidates compete.
    accuracy : str, default="accuracy"
        Name in the search's `scoring` of the score to guard: the greater, the better. Where one
        class is rare, guard "balanced_accuracy" or "roc_auc" instead: hardly any accuracy is lost
        by never predicting that class.
    sparseness : str, default="gini"
        Name in the search's `scoring` of the score to maximize: "gini" for
        :func:`gini_scorer`, or "n_features" for :func:`n_features_scorer` and the fewest columns.
    dummy_score : float, default=None
        The `accuracy` score of a model without features, such as the share of the most frequent
        class. None takes it from the candidates of the search that use no feature (those of
        sparseness 0), if there are any.

    Returns
    -------
    refit : callable
        For the `refit` parameter of :class:`~sklearn.model_selection.GridSearchCV` and its
        relatives: ``refit(cv_results_) -> best_index_``. It can be pickled. When called it raises a
        ValueError if `cv_results_` lacks one of the scores, or if no candidate has both.

    Raises
    ------
    ValueError
        If `max_drop` is negative or not finite.
    TypeError
        If `max_drop` is not a number.

    Warns
    -----
    UserWarning
        When the rule is called, if a model without features is at most `max_drop` below the best:
        then `max_drop` is no guard, and the chosen model may predict one class only; or if it is as
        accurate as the best.

    See Also
    --------
    gini_scorer : The score that it maximizes.
    n_features_scorer : The other score that it can maximize.
    sklearn_advex.plotting.TradeoffDisplay : All candidates in a picture.

    Examples
    --------
    >>> from sklearn_advex.model_selection import most_concise
    >>> rule = most_concise(max_drop=0.02)
    >>> rule({"mean_test_accuracy": [0.95, 0.94, 0.80], "mean_test_gini": [0.5, 0.7, 0.9]})
    1
    >>> fewest = most_concise(max_drop=0.02, sparseness="n_features")
    >>> fewest({"mean_test_accuracy": [0.95, 0.94, 0.94], "mean_test_n_features": [-9, -4, -5]})
    1
    """
    if isinstance(max_drop, Mapping):
        raise TypeError(
            "most_concise makes a rule and was used as one: pass refit=most_concise(), with the"
            " parentheses."
        )
    if not isinstance(max_drop, Real):
        raise TypeError(f"max_drop must be a number, got {max_drop!r}.")
    if not (np.isfinite(max_drop) and max_drop >= 0):
        raise ValueError(f"max_drop must be finite and at least 0, got {max_drop!r}.")
    return MostConcise(max_drop, accuracy, sparseness, dummy_score)


@dataclass(frozen=True, repr=False)
class MostConcise:
    """The rule that :func:`most_concise` makes; of use for lists of types that are trusted.

    Parameters
    ----------
    max_drop : float
    accuracy : str
    sparseness : str
    dummy_score : float or None, default=None
        All as for :func:`most_concise`.

    See Also
    --------
    most_concise : Makes it.

    Examples
    --------
    >>> from sklearn_advex.model_selection import MostConcise, most_concise
    >>> isinstance(most_concise(), MostConcise)
    True
    """

    max_drop: float
    accuracy: str
    sparseness: str
    dummy_score: float | None = None

    def __call__(self, cv_results):
        """Return the index of the chosen candidate in the arrays of `cv_results`."""
        advice = "tell most_concise which names to use."
        accuracy = mean_test_scores(cv_results, self.accuracy, advice)
        sparseness = mean_test_scores(cv_results, self.sparseness, advice)
        valid = np.isfinite(accuracy) & np.isfinite(sparseness)
        if not valid.any():
            raise ValueError(
                f"No candidate has a finite mean_test_{self.accuracy} and a finite"
                f" mean_test_{self.sparseness}. A scorer or every fit failed: repeat the search"
                " with error_score='raise' to see why."
            )
        limit = accuracy[valid].max() - self.max_drop - _ROUNDING
        self._warn_about_dummies(accuracy[valid], sparseness[valid], limit)
        allowed = np.flatnonzero(valid & (accuracy >= limit))
        # The last key counts most; lexsort is stable, which leaves the first of equals in front.
        order = np.lexsort((-accuracy[allowed], -sparseness[allowed]))
        return int(allowed[order[0]])

    def _warn_about_dummies(self, accuracy, sparseness, limit):
        """Warn if a model without features is as accurate as models that may be chosen."""
        dummy_score = self.dummy_score
        uses_features = sparseness != 0
        if dummy_score is None and uses_features.any() and not uses_features.all():
            dummy_score = accuracy[~uses_features].max()
        if dummy_score is None or dummy_score < limit:
            return
        best = accuracy.max()
        guard = (
            "guard a score that knows rare classes, such as accuracy='balanced_accuracy' or"
            " 'roc_auc'."
        )
        if dummy_score < best - _ROUNDING:
            others = (
                f"the best candidate {best:.4g}: with max_drop={self.max_drop:g} the chosen model"
                f" may predict one class only. Lower max_drop, or {guard}"
            )
        else:
            others = f"no candidate more than {best:.4g}: if a class is rare, {guard}"
        warnings.warn(
            f"A model without features scores {dummy_score:.4g} by {self.accuracy!r}, {others}",
            UserWarning,
            stacklevel=3,
        )

    def __repr__(self):
        dummy_score = "" if self.dummy_score is None else f", dummy_score={self.dummy_score!r}"
        return (
            f"most_concise(max_drop={self.max_drop!r}, accuracy={self.accuracy!r},"
            f" sparseness={self.sparseness!r}{dummy_score})"
        )


def mean_test_scores(cv_results, name, advice):
    """Return the mean test scores of all candidates.

    Parameters
    ----------
    cv_results : dict
        The `cv_results_` of a search.
    name : str
        Name of the score.
    advice : str
        End of the error message: how to name other scores.

    Returns
    -------
    ndarray of shape (n_candidates,), float64

    Raises
    ------
    ValueError
        If the search has no such score.
    """
    key = f"mean_test_{name}"
    if key not in cv_results:
        prefix = "mean_test_"
        present = [key.removeprefix(prefix) for key in cv_results if key.startswith(prefix)]
        raise ValueError(
            f"The search has no score {name!r} ({key} in cv_results_); it has {present}. Give it"
            f" scoring={{{name!r}: ..., ...}}, or {advice}"
        )
    return np.asarray(cv_results[key], dtype=np.float64)
