"""The problems of subsets of the groups: solutions, derivatives and bounds."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from sklearn_advex._perturbation import perturbation_set
from sklearn_advex.linear_model._best_subset._fits import Start, SubsetFit, ordered
from sklearn_advex.linear_model._best_subset._quadratic_model import SubsetDerivatives
from sklearn_advex.linear_model._objective._duality import entry_epsilon

# Factor by which adversaries get weaker along the epsilon path: a larger one finds more starts.
_PATH_RATIO = 0.85
_PATH_LENGTH = 12
# Tolerance of the solutions on the path: only their features in use matter.
_PATH_TOL = 1e-4


@dataclass
class DualBound:
    """A bound by duality: no model has a value below `base` less the terms of its groups.

    Attributes
    ----------
    base : float
    terms : ndarray of shape (n_groups,)
    """

    base: float
    terms: np.ndarray

    def value(self, included, undecided=(), n_more=0):
        """Return the bound for models of some groups and `n_more` of those undecided.

        Parameters
        ----------
        included, undecided : sequence of int
        n_more : int, default=0

        Returns
        -------
        float
        """
        largest = np.sort(self.terms[list(undecided)])[::-1][:n_more]
        return self.base - self.terms[list(included)].sum() - largest.sum()


class Subproblems:
    """The problems of subsets of the groups.

    Parameters
    ----------
    objective : RobustObjective
        Against a ball.
    solver : Solver
    labels : ndarray of int of shape (n_features,)
        The group of each feature, from 0.
    """

    def __init__(self, objective, solver, labels):
        self.objective = objective
        self.solver = solver
        self.labels = labels
        self.n_groups = labels.max() + 1
        self._grouped = np.argsort(labels, kind="stable")
        ends = np.bincount(labels).cumsum()
        self._first_of_group = np.append(0, ends[:-1])
        self._features = np.split(self._grouped, ends[:-1])
        self._gathered = self._gathered_features = None

    def gather(self, subsets):
        """Copy the columns of some subsets once, for all their problems.

        Parameters
        ----------
        subsets : list of sequence of int
            Groups.
        """
        groups = ordered(set().union(*subsets))
        self._gathered = None  # free the copy before the next is made
        if 0 < len(groups) < self.n_groups:
            self._gathered_features = self.features(groups)
            self._gathered = self.objective.restrict(self._variables(self._gathered_features))

    def features(self, groups):
        """Return the features of some groups, in order.

        Parameters
        ----------
        groups : sequence of int

        Returns
        -------
        ndarray of int
        """
        if len(groups) == 1:
            return self._features[groups[0]]
        chosen = [self._features[j] for j in groups]
        return np.sort(np.concatenate(chosen)) if chosen else np.empty(0, dtype=int)

    def sum_by_group(self, numbers):
        """Sum numbers over the features of each group.

        Parameters
        ----------
        numbers : ndarray of shape (..., n_features)

        Returns
        -------
        ndarray of shape (..., n_groups)
        """
        return np.add.reduceat(numbers[..., self._grouped], self._first_of_group, axis=-1)

    def positions(self, model, group):
        """Return the positions of a group's features among those in use in a model.

        Parameters
        ----------
        model : QuadraticModel
        group : int

        Returns
        -------
        ndarray of int
        """
        return np.flatnonzero(self.labels[model.features] == group)

    def empty_fit(self):
        """Solve the problem without features.

        Returns
        -------
        SubsetFit
        """
        nothing = np.empty(0, dtype=int)
        intercepts = self.objective.intercept_only().intercepts
        return self.solve((), Start(nothing, np.empty(0), intercepts))

    def value(self, groups, start):
        """Compute the objective where the solver of a problem would start.

        Parameters
        ----------
        groups : tuple of int
            Of those gathered.
        start : Start

        Returns
        -------
        float
        """
        objective, coef = self.objective, self._coef(self.features(groups), start)
        if self._gathered is not None:
            objective, coef = self._gathered, coef[self._gathered_features]
        return objective.value(objective.point(np.append(coef, start.intercepts)))

    def solve(self, groups, start, tol=0.0):
        """Solve the problem of some groups.

        Parameters
        ----------
        groups : tuple of int
            In order.
        start : Start
        tol : float, default=0.0
            If it is larger, in place of the tolerance of the solver.

        Returns
        -------
        SubsetFit
        """
        features = self.features(groups)
        coef = self._coef(features, start)[features]
        part = self._restricted(features)
        point = part.point(np.append(coef, start.intercepts))
        return SubsetFit(groups, features, self._solver(tol).solve(part, point))

    def starts(self, most):
        """Return subsets that a search may start from.

        Parameters
        ----------
        most : int
            Largest number of groups.

        Returns
        -------
        list of tuple of int
        """
        if self.objective.is_smooth and self.objective.has_l1_support:
            return self._epsilon_path(most)
        return self._largest_coefficients(most)

    def _epsilon_path(self, most):
        """The groups in use under ever weaker l-infinity adversaries."""
        objective, subsets, unit = self.objective, [], self._unit()
        epsilon, point = objective.perturbation.l1_weights, objective.intercept_only()
        strongest = np.max((entry_epsilon(objective, point) - epsilon) / unit, initial=0.0)
        for strength in strongest * _PATH_RATIO ** np.arange(1, _PATH_LENGTH + 1):
            ball = perturbation_set("linf", epsilon + strength * unit)
            point = self._solver(_PATH_TOL).solve(objective.with_perturbation(ball), point).point
            subset = ordered(np.unique(self.labels[point.coef != 0]))
            if len(subset) > most:
                break
            subsets.append(subset)
        return subsets

    def _largest_coefficients(self, most):
        """The groups of the 1, 2, ... largest coefficients of the model of all.

        Each of them alone may be worth nothing where they are together: a kink of the loss at the
        rarer class, or a ball that makes the first feature dear and the next ones cheap.
        """
        start = self.objective.intercept_only()
        coef = self._solver(_PATH_TOL).solve(self.objective, start).point.coef
        sizes = self.sum_by_group(np.abs(coef) * self._unit())
        ranked = np.argsort(-sizes)[: min(most, np.count_nonzero(sizes))]
        return [ordered(ranked[:k]) for k in range(1, ranked.size + 1)]

    def _unit(self):
        """The scale of each feature's epsilon, 1 for a constant one."""
        spread = self.objective.term.feature_spread(self.objective.term.unit_curvature)
        return np.sqrt(np.where(spread > 0, spread, 1.0))

    def derivatives(self, fit):
        """Compute the derivatives at a fit by the coefficients of all features.

        Parameters
        ----------
        fit : SubsetFit

        Returns
        -------
        SubsetDerivatives
        """
        objective, point, dual = self.objective, fit.solution.point, fit.solution.dual
        d, heights = objective.n_features, self._restricted(fit.features).heights(point)
        of_term = objective.term.derivatives(point.rows, heights, dual and dual.rows)
        curvature = of_term.curvature
        if not objective.is_smooth:
            curvature = objective.term.model_curvature(point.rows, heights)
        active, pull = fit.features[point.coef != 0], of_term.heights[0]
        support = _SupportDerivatives.at(objective.perturbation, active, fit.solution)
        gram = objective.term.gram_columns(curvature, active)
        by_active = gram[np.append(active, np.arange(d, gram.shape[0]))]
        along = np.append(support.slopes, np.zeros(objective.term.n_intercepts))
        hessian = _chain(_chain(by_active, along).T, along)
        n_active = active.size
        hessian[:n_active, :n_active] += pull * support.hessian
        hessian.flat[:: hessian.shape[0] + 1] += np.append(
            objective.ridge[active], np.zeros(objective.term.n_intercepts)
        )
        cross, tilt = _chain(gram[:d], along), support.kinks * gram[:d, -1]
        shift = np.outer(support.kinks, _chain(gram[-1:], along)[0])
        gradient, kink = of_term.variables[:d], objective.lasso[:d] + pull * support.kinks
        level = objective.term.gram_diagonal(curvature)[:d] + objective.ridge[:d]
        level += support.kinks**2 * gram[-1, -1] + pull * support.curvatures
        return SubsetDerivatives(
            features=active,
            variables=np.append(point.coef[point.coef != 0], point.intercepts),
            hessian=hessian,
            slopes=np.concatenate([kink + gradient, kink - gradient]),
            cross=np.concatenate([shift + cross, shift - cross]),
            diagonal=np.concatenate([level + 2 * tilt, level - 2 * tilt]),
        )

    def relaxation(self, fit):
        """Return the bound by duality for models of the groups of a fit.

        Parameters
        ----------
        fit : SubsetFit

        Returns
        -------
        DualBound
        """
        part = self._restricted(fit.features)
        dual = _DualPoint(part, part, fit.solution, np.arange(fit.features.size))
        return self._by_group(*dual.bound(), self.labels[fit.features])

    def dual_bound(self, fit, k):
        """Return the best bound for models of k groups that scaled duals of a fit yield.

        Parameters
        ----------
        fit : SubsetFit
        k : int

        Returns
        -------
        float
        """
        part = self._restricted(fit.features)
        dual = _DualPoint(self.objective, part, fit.solution, fit.features)

        def negative_bound(scale):
            bound = self._by_group(*dual.bound(scale), self.labels)
            return -bound.value((), range(self.n_groups), k)

        best = minimize_scalar(negative_bound, bounds=(0.0, 1.0), method="bounded")
        return max(0.0, -best.fun)

    def _by_group(self, base, terms, labels):
        return DualBound(base, np.bincount(labels, terms, self.n_groups))

    def _coef(self, features, start):
        """Return the coefficients of some features at a start, 0 for all others."""
        coef, kept = np.zeros(self.objective.n_features), np.zeros(self.objective.n_features)
        coef[start.features] = start.coef
        kept[features] = coef[features]
        return kept

    def _solver(self, tol):
        return self.solver if tol == 0 else self.solver.with_tol(max(self.solver.tol, tol))

    def _restricted(self, features):
        """Return the objective of a model of some features."""
        if self._gathered is not None and features.size:
            positions = np.searchsorted(self._gathered_features, features)
            found = np.take(self._gathered_features, positions, mode="clip")
            if np.array_equal(found, features):
                return self._gathered.restrict(self._variables(positions, self._gathered))
        return self.objective.restrict(self._variables(features))

    def _variables(self, features, objective=None):
        """Append the intercepts to some features."""
        objective = objective or self.objective
        return np.append(features, np.arange(objective.n_features, objective.n_variables))


def _chain(matrix, along):
    """Apply the chain rule to columns: the last one, of the height, has the derivatives `along`."""
    return matrix[:, :-1] + np.outer(matrix[:, -1], along)


@dataclass
class _SupportDerivatives:
    """Derivatives of a support function where some coefficients are 0.

    Attributes
    ----------
    slopes : ndarray of shape (n_active,)
        By the coefficients that are not 0.
    hessian : ndarray of shape (n_active, n_active)
    kinks : ndarray of shape (n_features,)
        One-sided derivatives by the coefficients from 0.
    curvatures : ndarray of shape (n_features,)
        Second derivatives by them.
    """

    slopes: np.ndarray
    hessian: np.ndarray
    kinks: np.ndarray
    curvatures: np.ndarray

    @classmethod
    def at(cls, ball, active, solution):
        """Return those at the solution of a subset, some of whose features are active."""
        coef, nothing = solution.point.coef, np.zeros(ball.epsilon.size)
        in_use, flat = coef[coef != 0], np.zeros((active.size, active.size))
        if ball.l1_weights is not None or active.size == 0:
            return cls(ball.epsilon[active] * np.sign(in_use), flat, ball.epsilon, nothing)
        slopes = solution.dual.perturbation[0][coef != 0]
        if not ball.has_hessian:
            return cls(slopes, flat, nothing, nothing)
        used = ball.restrict(active)
        curvatures = ball.epsilon**2 / used.support(in_use)
        return cls(slopes, used.hessian(in_use), nothing, curvatures)


class _DualPoint:
    """Dual variables that make bounds by duality, for models of any features.

    Parameters
    ----------
    objective, part : RobustObjective
        That of all features, and the one whose solution it is.
    solution : Solution
    features : ndarray of int
        Those of `part` among those of `objective`.
    """

    def __init__(self, objective, part, solution, features):
        self.objective = objective
        term, dual = objective.term, solution.dual
        if objective.is_smooth:
            rows = term.dual(solution.point.rows, part.heights(solution.point))
        else:
            rows = dual.rows
        self._rows = term.balanced(rows)
        variables, heights = term.adjoint(self._rows)
        pull = variables[: objective.n_features]
        if objective.has_l1_support:
            self._pull = np.abs(pull) - heights[0] * objective.perturbation.l1_weights
        else:
            subgradient = np.zeros(pull.size)
            subgradient[features] = dual.perturbation[0]
            self._pull = np.abs(pull + heights[0] * subgradient)

    def bound(self, scale=1.0):
        """Bound the value of a model from below by a number less terms of its features.

        See `dual_gap`. It holds for the dual times any scale in [0, 1].
        """
        objective = self.objective
        lasso = objective.alpha * objective.l1_ratio
        ridge = objective.alpha * (1.0 - objective.l1_ratio)
        if ridge == 0:
            largest = self._pull.max(initial=0.0)
            scale = min(scale, lasso / largest) if largest > 0 else scale
        base = -objective.term.conjugate(self._rows, scale)
        excess = np.maximum(scale * self._pull - lasso, 0.0)
        return base, excess**2 / (2 * ridge) if ridge else np.zeros(excess.size)
