"""The fit of one subset of the groups, and how fits are compared."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sklearn_advex.linear_model._solvers._base import Solution

# Share by which the value of a better subset must be lower: a smaller one may be rounding error.
PROGRESS = 1e-9


class Start(NamedTuple):
    """Where to start: coefficients of some features, those of all others being 0."""

    features: np.ndarray
    coef: np.ndarray
    intercepts: np.ndarray


@dataclass
class SubsetFit:
    """The solution of the problem of some groups."""

    groups: tuple
    features: np.ndarray
    solution: Solution

    @property
    def value(self):
        return self.solution.value

    @property
    def start(self):
        """Where a solver starts that goes on from here."""
        return Start(self.features, self.solution.point.coef, self.solution.point.intercepts)


def ordered(groups):
    return tuple(sorted(map(int, groups)))


def is_lower(value, threshold):
    return value < threshold - PROGRESS * abs(threshold) if np.isfinite(threshold) else True


def better(fit, other):
    return min(fit, other, key=lambda candidate: candidate.value)
