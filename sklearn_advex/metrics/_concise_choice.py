"""Rules that choose one candidate of a grid search."""

from dataclasses import dataclass
from numbers import Real

import numpy as np

# Mean scores are sums of folds divided by their number: a candidate that sits exactly on the
# budget must not fall out by a rounding error.
_ROUNDING = 1e-12


def most_concise(max_drop=0.01, accuracy="accuracy", sparseness="gini"):
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
        Name in the search's `scoring` of the score to guard: the greater, the better.
    sparseness : str, default="gini"
        Name in the search's `scoring` of the score to maximize.

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

    Examples
    --------
    >>> from sklearn_advex.model_selection import most_concise
    >>> rule = most_concise(max_drop=0.02)
    >>> rule({"mean_test_accuracy": [0.95, 0.94, 0.80], "mean_test_gini": [0.5, 0.7, 0.9]})
    1
    """
    if not isinstance(max_drop, Real):
        raise TypeError(f"max_drop must be a number, got {max_drop!r}.")
    if not (np.isfinite(max_drop) and max_drop >= 0):
        raise ValueError(f"max_drop must be finite and at least 0, got {max_drop!r}.")
    return _MostConcise(max_drop, accuracy, sparseness)


@dataclass(frozen=True)
class _MostConcise:
    """See :func:`most_concise`."""

    max_drop: float
    accuracy: str
    sparseness: str

    def __call__(self, cv_results):
        """Return the index of the chosen candidate in the arrays of `cv_results`."""
        accuracy = _mean_test_scores(cv_results, self.accuracy)
        sparseness = _mean_test_scores(cv_results, self.sparseness)
        valid = np.isfinite(accuracy) & np.isfinite(sparseness)
        if not valid.any():
            raise ValueError(
                f"No candidate has a finite mean_test_{self.accuracy} and a finite"
                f" mean_test_{self.sparseness}. A scorer or every fit failed: repeat the search"
                " with error_score='raise' to see why."
            )
        best = accuracy[valid].max()
        allowed = np.flatnonzero(valid & (accuracy >= best - self.max_drop - _ROUNDING))
        # The last key counts most; lexsort is stable, which leaves the first of equals in front.
        order = np.lexsort((-accuracy[allowed], -sparseness[allowed]))
        return int(allowed[order[0]])

    def __repr__(self):
        return (
            f"most_concise(max_drop={self.max_drop!r}, accuracy={self.accuracy!r},"
            f" sparseness={self.sparseness!r})"
        )


def _mean_test_scores(cv_results, name):
    """Return the mean test scores of all candidates, or say what the search should be given."""
    key = f"mean_test_{name}"
    if key not in cv_results:
        present = [key for key in cv_results if key.startswith("mean_test_")]
        raise ValueError(
            f"cv_results_ has no {key!r}; of this kind it has {present}. Give the search"
            f" scoring={{{name!r}: ..., ...}}, or tell most_concise which names to use."
        )
    return np.asarray(cv_results[key], dtype=np.float64)
