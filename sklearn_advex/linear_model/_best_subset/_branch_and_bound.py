"""Bounds by duality for models of k groups, and branch and bound that narrows them."""

import heapq
from dataclasses import dataclass, field

from sklearn_advex.linear_model._best_subset._fits import PROGRESS, Start, better, is_lower, ordered
from sklearn_advex.linear_model._best_subset._quadratic_model import QuadraticModel
from sklearn_advex.linear_model._best_subset._subproblems import DualBound


@dataclass
class _Relaxation:
    """The solution with all groups of a node, as if any number of them were allowed.

    Attributes
    ----------
    start : Start
        Where solvers of similar problems start.
    losses : dict from int to float
        Increase of the quadratic model without each group.
    bound : DualBound
    """

    start: Start
    losses: dict
    bound: DualBound


@dataclass(order=True)
class _Node:
    """All subsets with some groups for certain, and others that are undecided.

    The others are in the order in which to decide. The relaxation has all of these groups, and
    maybe more.
    """

    bound: float
    order: int
    included: tuple = field(compare=False)
    undecided: tuple = field(compare=False)
    relaxation: _Relaxation = field(compare=False)


class BranchAndBound:
    """Certifies subsets, or finds better ones.

    Parameters
    ----------
    problems : Subproblems
    max_nodes : int
        Problems that may be solved for each number of groups.
    """

    def __init__(self, problems, max_nodes):
        self.problems = problems
        self.max_nodes = max_nodes
        self._relaxations = {}

    def certify_all(self, fits):
        """Certify fits of at most 1, 2, ... groups; their new values do not increase either."""
        certified, lower_bounds = [], []
        for k, fit in enumerate(fits, start=1):
            if certified:
                fit = better(certified[-1], fit)
            fit, lower_bound = self.certify(fit, k)
            certified.append(fit)
            lower_bounds.append(lower_bound)
        return certified, lower_bounds

    def certify(self, fit, k):
        """Try to prove that no subset of k groups is better.

        Parameters
        ----------
        fit : SubsetFit
        k : int

        Returns
        -------
        fit : SubsetFit
            The same or a better one.
        lower_bound : float
        """
        self._n_left, self._k = self.max_nodes, k
        self._nodes, self._n_created = [], 0
        self._take(fit)
        self._relax((), range(self.problems.n_groups), fit.start, 0.0)
        while self._nodes and self._n_left > 0 and self._nodes[0].bound < self._settled:
            self._branch(heapq.heappop(self._nodes))
        return self._best, min([self._settled, *(node.bound for node in self._nodes[:1])])

    def _take(self, fit):
        """Take a fit for the best one; a node is settled if its bound is not below what it is."""
        self._best = fit
        bound = self.problems.relaxation(fit).value(fit.groups)
        self._settled = min(bound, fit.value - PROGRESS * abs(fit.value))

    def _branch(self, node):
        """Split a node by whether the undecided group with the largest loss is in the model."""
        others, included = node.undecided[1:], (*node.included, node.undecided[0])
        if len(included) == self._k:
            self._try(included, node.relaxation.start)
        else:
            self._push(included, others, node.relaxation, node.bound)
        if len(node.included) + len(others) <= self._k:
            self._try((*node.included, *others), node.relaxation.start)
        elif self._n_left > 0:
            self._relax(node.included, others, node.relaxation.start, node.bound)
        else:
            self._push(node.included, others, node.relaxation, node.bound)

    def _try(self, groups, start):
        self._n_left -= 1
        fit = self.problems.solve(ordered(groups), start)
        if is_lower(fit.value, self._best.value):
            self._take(fit)

    def _relax(self, included, undecided, start, bound):
        groups = ordered((*included, *undecided))
        if groups not in self._relaxations:
            self._n_left -= 1
            self._relaxations[groups] = self._relaxation(self.problems.solve(groups, start))
        relaxation = self._relaxations[groups]
        undecided = sorted(undecided, key=relaxation.losses.get, reverse=True)
        self._push(included, undecided, relaxation, bound)

    def _relaxation(self, fit):
        model = QuadraticModel(self.problems.derivatives(fit))
        losses = {j: model.without(self.problems.positions(model, j)).loss for j in fit.groups}
        return _Relaxation(fit.start, losses, self.problems.relaxation(fit))

    def _push(self, included, undecided, relaxation, bound):
        n_more = self._k - len(included)
        bound = max(bound, relaxation.bound.value(included, undecided, n_more))
        node = _Node(bound, self._n_created, included, tuple(undecided), relaxation)
        heapq.heappush(self._nodes, node)
        self._n_created += 1
