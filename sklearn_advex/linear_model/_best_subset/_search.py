"""Local search over subsets of all sizes up to one."""

from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from sklearn_advex.linear_model._best_subset._fits import Start, better, is_lower, ordered
from sklearn_advex.linear_model._best_subset._quadratic_model import QuadraticModel

# Factor by which the quadratic model may be wrong, both in what is gained and in what is lost:
# changes that would not help even then are not solved. A larger one solves more of them.
_MODEL_ERROR = 2.0
# Largest number of groups that are exchanged at once.
_MAX_EXCHANGED = 3
# Levels beyond the last one required: the way back from there finds subsets to which none of the
# smaller ones leads. A larger number takes as much more time.
_EXTRA_LEVELS = 5
# Largest number of sweeps over all levels, up and down.
_MAX_SWEEPS = 5
# Tolerance of trial solutions, as a share of the value to compare with: they yield upper bounds,
# whose last digits do not matter.
_TRIAL_TOL = 1e-2


class Change(NamedTuple):
    """A subset that a change leads to, the value that it has at best, and where to start."""

    groups: tuple
    value: float
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
        starts = {*map(ordered, starts), *self.problems.epsilon_path(n_tried)}
        starts = [groups for groups in sorted(starts, key=len) if 0 < len(groups) <= n_tried]
        for _ in range(_MAX_SWEEPS):
            changed = [self._grow(levels, k) for k in range(1, n_tried + 1)]
            while starts:
                fit = self.problems.solve(starts.pop(), levels[0].start)
                changed.append(self._replace(levels, len(fit.groups), fit))
            changed += [self._shrink(levels, k) for k in range(n_tried - 1, 0, -1)]
            if not any(changed):
                break
        return list(accumulate(levels[1 : n_levels + 1], better))

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
        for groups, value, start in changes:
            if not is_lower(max(value, self._values.get(groups, value)), threshold):
                continue
            trial = self.problems.solve(groups, start, _TRIAL_TOL * fit.value)
            self._values[groups] = trial.value
            if is_lower(trial.value, threshold):
                if trial.solution.residual > self.problems.solver.tol:
                    trial = self.problems.solve(groups, trial.start)
                threshold = trial.value
                yield trial

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
        self.groups = np.array(fit.groups, dtype=int)
        positions = [problems.positions(model, group) for group in fit.groups]
        self.positions = positions
        self.remainders = [model.without(removed) for removed in positions]
        self.losses = np.array([remainder.loss for remainder in self.remainders])

    def best(self, n_trials):
        """The best changes of each kind."""
        exchanges = []
        if 0 < self.groups.size < self.problems.n_groups:
            exchanges = self._single_exchanges(n_trials) + self._splices()
        return Changes(self._additions(n_trials), self._removals(n_trials), exchanges)

    def _additions(self, n_trials):
        gains = self._gains(self.model.whole)
        best = [j for j in np.argsort(-gains)[:n_trials] if gains[j] > 0]
        return [self._change([], [j], gains[j], self.model.whole) for j in best]

    def _removals(self, n_trials):
        best = np.argsort(self.losses)[:n_trials]
        return [self._change([i], [], 0.0, self.remainders[i]) for i in best]

    def _single_exchanges(self, n_trials):
        gains = np.stack([self._gains(remainder) for remainder in self.remainders])
        net = gains - self.losses[:, None]
        best = np.argsort(-net, axis=None)[:n_trials]
        pairs = zip(*np.unravel_index(best, net.shape), strict=True)
        return [self._change([i], [j], gains[i, j], self.remainders[i]) for i, j in pairs]

    def _splices(self):
        """Exchange the 2, 3, ... groups of smallest loss for those of largest gain."""
        splices, leaving = [], np.argsort(self.losses)
        n_others = self.problems.n_groups - self.groups.size
        for n_exchanged in range(2, min(_MAX_EXCHANGED, self.groups.size, n_others) + 1):
            out = leaving[:n_exchanged]
            remainder = self.model.without(np.concatenate([self.positions[i] for i in out]))
            gains = self._gains(remainder)
            entering = np.argsort(-gains)[:n_exchanged]
            splices.append(self._change(out, entering, gains[entering].sum(), remainder))
        return splices

    def _gains(self, remainder):
        """Return the gain by each group in addition; minus infinity for those in use."""
        gains = np.bincount(self.problems.labels, remainder.gains(), self.problems.n_groups)
        gains[self.groups] = -np.inf
        return gains

    def _change(self, out, entering, gain, remainder):
        groups = ordered([*np.delete(self.groups, out), *entering])
        features = self.problems.features(entering)
        start = remainder.minimum(features[0] if features.size == 1 else None)
        value = self.value - _MODEL_ERROR * gain + remainder.loss / _MODEL_ERROR
        return Change(groups, value, start)
