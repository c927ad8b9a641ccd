"""The best models of at most k features: a local search over subsets, and bounds by duality.

The problem is the objective as it stands, subject to a bound on how many features, or groups of
features, have non-zero coefficients. Each subset that counts is solved exactly. Which subsets are
tried is decided by a quadratic model of the objective at the solution of the last one, in which
the other coefficients adjust.
"""

from dataclasses import dataclass

import numpy as np

from sklearn_advex.linear_model._best_subset._branch_and_bound import BranchAndBound
from sklearn_advex.linear_model._best_subset._search import SubsetSearch
from sklearn_advex.linear_model._best_subset._subproblems import Subproblems
from sklearn_advex.linear_model._solvers._base import Solution

# Changes of each kind that are solved before a subset counts as locally optimal: a larger number
# finds little more, and takes as much more time.
_N_TRIALS = 6


@dataclass
class BestSubset:
    """The best model found that uses at most a number of groups of features.

    Attributes
    ----------
    groups : ndarray of int
        The groups whose features it may use, in order.
    features : ndarray of int
        The features of these groups, in order.
    solution : Solution
        Of the objective restricted to `features`.
    lower_bound : float
        No model of as many groups has a lower value.
    """

    groups: np.ndarray
    features: np.ndarray
    solution: Solution
    lower_bound: float

    @property
    def value(self):
        """The objective."""
        return self.solution.value

    @property
    def support(self):
        """The features with non-zero coefficients."""
        return self.features[self.solution.point.coef != 0]

    @property
    def optimality_gap(self):
        """Certified upper bound on how far the value is above that of the best model."""
        return max(self.value - self.lower_bound, 0.0)


def best_subsets(
    objective,
    solver,
    max_features,
    groups=None,
    *,
    starts=(),
    n_trials=_N_TRIALS,
    max_nodes=0,
    certify_last=False,
):
    """Find the best models of at most 1, 2, ..., `max_features` features or groups.

    Parameters
    ----------
    objective : RobustObjective
    solver : ActiveSetNewton or InteriorPoint
    max_features : int
        At least 1. With `groups` it counts groups.
    groups : ndarray of int of shape (n_features,), default=None
        The group of each feature, counted from 0. Groups enter and leave whole, but coefficients of
        their features may be 0. None: each feature on its own.
    starts : sequence of sequence of int, default=()
        Subsets that are tried as well, such as those found for another epsilon, by their groups.
    n_trials : int, default=6
        Changes of each kind that are solved before a subset counts as locally optimal.
    max_nodes : int, default=0
        Problems that branch and bound may solve for each number of groups, to prove that there is
        no better subset or to find it. 0: the bound is what duality gives at once.
    certify_last : bool, default=False
        Whether branch and bound is for the last number of groups alone.

    Returns
    -------
    list of BestSubset
        One per number of groups, at most as many as there are groups. Values never increase.

    Notes
    -----
    Each subset is solved exactly, the choice is a local optimum: of the `n_trials` most promising
    additions to the subset of one group less, removals from that of one more and exchanges of one
    group, and of one exchange each of 2 and 3 groups, none leads to a better model. What is
    promising is told by a second-order model, which skips what would not help were it wrong by a
    factor of 2, or by what it is wrong at its own minimum (for one group more, five times that);
    for the hinge it takes the curvature of a smoothed one. Only where
    `optimality_gap` is 0, up to the tolerance of the solver, the subset is proven to be best.

    The exchanges of several features are those of splicing [1]_, in which here also the others
    adjust. The branches are those of leaps and bounds [2]_.

    References
    ----------
    .. [1] J. Zhu, C. Wen, J. Zhu, H. Zhang, X. Wang. "A polynomial algorithm for best-subset
       selection problem". PNAS 2020. :doi:`10.1073/pnas.2014241117`
    .. [2] G. Furnival, R. Wilson. "Regressions by Leaps and Bounds". Technometrics 1974.
       :doi:`10.1080/00401706.1974.10489231`
    """
    labels = np.arange(objective.n_features) if groups is None else np.asarray(groups)
    problems = Subproblems(objective, solver, labels)
    fits = SubsetSearch(problems, n_trials).path(min(max_features, problems.n_groups), starts)
    bounds = [problems.dual_bound(fit, k) for k, fit in enumerate(fits, start=1)]
    if max_nodes and certify_last:
        fits[-1], bounds[-1] = BranchAndBound(problems, max_nodes).certify(fits[-1], len(fits))
    elif max_nodes:
        fits, bounds = BranchAndBound(problems, max_nodes).certify_all(fits)
    return [
        BestSubset(np.array(fit.groups, dtype=int), fit.features, fit.solution, bound)
        for fit, bound in zip(fits, bounds, strict=True)
    ]
