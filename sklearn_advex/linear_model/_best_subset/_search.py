"""Local search over subsets of all sizes up to one."""

from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from sklearn_advex.linear_model._best_subset._fits import Start, better, is_lower, ordered
from sklearn_advex.linear_model._best_subset._quadratic_model import QuadraticModel

# Factor by which the quadratic model may be wrong, both in what is gained and in what is lost:
# changes that would not help even then are not tried. A larger one tries more of them.
_MODEL_ERROR = 2.0
# How many times as wrong as at its own minimum, where solvers start, the model may be at a
# solution, if a group is added and otherwise: larger ones solve more of the changes.
_ADDITION_ERRORS, _OTHER_ERRORS = 5.0, 1.0
# Largest number of groups that are exchanged at once.
_MAX_EXCHANGED = 3
# Levels beyond the last one required: the way back from there finds subsets to which none of the
# smaller ones leads. A larger number takes as much more time.
_EXTRA_LEVELS = 2
# Largest number of sweeps over all levels, up and down.
_MAX_SWEEPS = 5
# Tolerance of trial solutions, as a share of the value to compare with: they yield upper bounds,
# whose last digits do not matter.
_TRIAL_TOL = 1e-2
# The same of solutions from which the search goes on. What it finds is solved to the end.
_SEARCH_TOL = 1e-6


class Change(NamedTuple):
    """A subset that a change leads to.

    Attributes
    ----------
    groups : tuple of int
    expected : float
        Its value by the quadratic model.
    least : float
        The value if the model is as wrong as it may be.
    start : Start
        The minimum of the model.
    """

    groups: tuple
    expected: float
    least: float
    start: Start


@dataclass
class Changes:
    """The most promising changes of a subset."""

    additions: list
    removals: list
    exchanges: list


class SubsetSearch:
    """Local search over subsets of all sizes up to one.

    Parameters
    ----------
    problems : Subproblems
    n_trials : int
        Changes of each kind that are solved.
    """

    def __init__(self, problems, n_trials):
        self.problems = problems
        self.n_trials = n_trials
        self._values = {}
        self._changes = {}
        self._grown = set()

    def path(self, n_levels, starts=()):
        """The best fits found of 1 to `n_levels` groups.

        Up each level starts from the one below, and down from the one above, until none changes.
        Other starts come in between: earlier they would keep the first way up from being tried.
        """
        n_tried = min(n_levels + _EXTRA_LEVELS, self.problems.n_groups)
        levels = [self.problems.empty_fit()] * (n_tried + 1)
        starts = {*map(ordered, starts), *self.problems.starts(n_tried)}
        starts = [groups for groups in sorted(starts, key=len) if 0 < len(groups) <= n_tried]
        for _ in range(_MAX_SWEEPS):
            changed = [self._grow(levels, k) for k in range(1, n_tried + 1)]
            while starts:
                fit = self.problems.solve(starts.pop(), levels[0].start)
                changed.append(self._replace(levels, len(fit.groups), fit))
            changed += [self._shrink(levels, k) for k in range(n_tried - 1, 0, -1)]
            if not any(changed):
                break
        found = accumulate(levels[1 : n_levels + 1], better)
        return [self._refined(fit) for fit in found]

    def _grow(self, levels, k):
        below = levels[k - 1]
        if below.groups in self._grown:
            return self._replace(levels, k, below)
        self._grown.add(below.groups)
        return self._replace(levels, k, self._best(below, self.changes(below).additions, np.inf))

    def _shrink(self, levels, k):
        above = levels[k + 1]
        if len(above.groups) <= k:
            return self._replace(levels, k, above)
        best = self._best(above, self.changes(above).removals, levels[k].value)
        return best is not above and self._replace(levels, k, best)

    def _replace(self, levels, k, fit):
        """Improve a fit by exchanges, and take it for a level if it is better than the last."""
        before = None
        while fit is not before:
            before = fit
            exchanges = self._lower(fit, self.changes(fit).exchanges, fit.value)
            fit = next(exchanges, fit)
        is_better = is_lower(fit.value, levels[k].value)
        if is_better:
            levels[k] = fit
        return is_better

    def _best(self, fit, changes, threshold):
        """The best that changes lead to, the fit itself if that is not below the threshold."""
        return [fit, *self._lower(fit, changes, threshold)][-1]

    def _lower(self, fit, changes, threshold):
        """The fits that changes lead to, each with a value below the last one and a threshold."""
        self.problems.gather([change.groups for change in changes])
        for change in changes:
            trial = self._try(fit, change, threshold)
            if trial is not None:
                threshold = trial.value
                yield trial

    def _try(self, fit, change, threshold):
        """The fit that a change leads to, None if its value is not below a threshold."""
        groups, start, known = change.groups, change.start, self._values.get(change.groups)
        if not is_lower(max(change.least, change.least if known is None else known), threshold):
            return None
        at_start = self.problems.value(groups, start)
        n_errors = _ADDITION_ERRORS if len(groups) > len(fit.groups) else _OTHER_ERRORS
        least = change.expected - n_errors * abs(at_start - change.expected)
        self._values[groups] = min(at_start, least)
        if not is_lower(self._values[groups], threshold):
            return None
        tol = _SEARCH_TOL if is_lower(at_start, threshold) else _TRIAL_TOL
        trial = self.problems.solve(groups, start, tol * fit.value)
        self._values[groups] = trial.value
        if not is_lower(trial.value, threshold):
            return None
        return trial if tol == _SEARCH_TOL else self._refined(trial, _SEARCH_TOL * fit.value)

    def _refined(self, fit, tol=0.0):
        """Solve the problem of a fit to a smaller tolerance; all its Newton steps count."""
        refined = self.problems.solve(fit.groups, fit.start, tol)
        refined.solution.n_iter += fit.solution.n_iter
        return refined

    def changes(self, fit):
        """What to try from a fit."""
        if fit.groups not in self._changes:
            model = QuadraticModel(self.problems.derivatives(fit))
            ranked = _RankedChanges(self.problems, fit, model)
            self._changes[fit.groups] = ranked.best(self.n_trials)
        return self._changes[fit.groups]


class _RankedChanges:
    """Changes of a subset, ranked by the quadratic model.

    Parameters
    ----------
    problems : Subproblems
    fit : SubsetFit
    model : QuadraticModel
    """

    def __init__(self, problems, fit, model):
        self.problems = problems
        self.model = model
        self.value = fit.value
        self.groups = fit.groups
        self.positions = [problems.positions(model, group) for group in fit.groups]
        self.losses = np.zeros(0)
        if fit.groups:
            self.losses, self._gains_without = model.without_each(self.positions)

    def best(self, n_trials):
        """The best changes of each kind."""
        exchanges = []
        if 0 < len(self.groups) < self.problems.n_groups:
            exchanges = self._single_exchanges(n_trials) + self._splices()
        return Changes(self._additions(n_trials), self._removals(n_trials), exchanges)

    def _additions(self, n_trials):
        gains = self._by_group(self.model.whole.gains())
        best = [j for j in np.argsort(-gains)[:n_trials] if gains[j] > 0]
        return [self._change([], [j], gains[j], self.model.whole) for j in best]

    def _removals(self, n_trials):
        best = np.argsort(self.losses)[:n_trials]
        return [self._change([i], [], 0.0, self.model.without(self.positions[i])) for i in best]

    def _single_exchanges(self, n_trials):
        gains = self._by_group(self._gains_without)
        net = gains - self.losses[:, None]
        best = np.argsort(-net, axis=None)[:n_trials]
        pairs = zip(*np.unravel_index(best, net.shape), strict=True)
        return [
            self._change([i], [j], gains[i, j], self.model.without(self.positions[i]))
            for i, j in pairs
        ]

    def _splices(self):
        """Exchange the 2, 3, ... groups of smallest loss for those of largest gain."""
        splices, leaving = [], np.argsort(self.losses)
        n_others = self.problems.n_groups - len(self.groups)
        for n_exchanged in range(2, min(_MAX_EXCHANGED, len(self.groups), n_others) + 1):
            out = leaving[:n_exchanged]
            remainder = self.model.without(np.concatenate([self.positions[i] for i in out]))
            gains = self._by_group(remainder.gains())
            entering = np.argsort(-gains)[:n_exchanged]
            splices.append(self._change(out, entering, gains[entering].sum(), remainder))
        return splices

    def _by_group(self, gains):
        """Sum gains by features over each group; minus infinity for those in use."""
        gains = self.problems.sum_by_group(gains)
        gains[..., list(self.groups)] = -np.inf
        return gains

    def _change(self, out, entering, gain, remainder):
        staying = set(self.groups).difference(self.groups[i] for i in out)
        groups = ordered(staying.union(map(int, entering)))
        features = self.problems.features(entering)
        start = remainder.minimum(features[0] if features.size == 1 else None)
        expected = self.value - gain + remainder.loss
        least = self.value - _MODEL_ERROR * gain + remainder.loss / _MODEL_ERROR
        return Change(groups, expected, least, start)
