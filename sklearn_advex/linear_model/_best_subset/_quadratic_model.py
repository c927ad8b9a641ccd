"""The second-order model of the objective by which changes of a subset are ranked.

A feature is in it a pair of directed ones with coefficients that are not negative, as the objective
is smooth on each side of zero only.
"""

from dataclasses import dataclass

import numpy as np

from sklearn_advex.linear_model._best_subset._fits import Start
from sklearn_advex.linear_model._objective._design_matrix import ALL

# Share of its own curvature that a direction keeps however close it is to the span of others: a
# larger one promises less of nearly collinear features.
_MIN_CURVATURE = 1e-9
# Eigenvalues of a Hessian below this share of the largest count as 0.
_ROUNDING = 1e-12


@dataclass
class SubsetDerivatives:
    """First and second derivatives of the objective at the solution of a subset.

    Directed features are the features upward, then the features downward.

    Attributes
    ----------
    features : ndarray of shape (n_active,)
        The features with non-zero coefficients.
    variables : ndarray of shape (n_active + n_intercepts,)
        Their coefficients, then the intercepts.
    hessian : ndarray of shape (n_active + n_intercepts, n_active + n_intercepts)
        By these variables.
    slopes : ndarray of shape (2 * n_features,)
        By the coefficient of each directed feature, from 0.
    cross : ndarray of shape (2 * n_features, n_active + n_intercepts)
        Second derivatives by the coefficient of a directed feature and these variables.
    diagonal : ndarray of shape (2 * n_features,)
        Second derivatives by the coefficient of a directed feature.
    """

    features: np.ndarray
    variables: np.ndarray
    hessian: np.ndarray
    slopes: np.ndarray
    cross: np.ndarray
    diagonal: np.ndarray


class QuadraticModel:
    """The second-order model of the objective at the solution of a subset.

    Parameters
    ----------
    derivatives : SubsetDerivatives
    """

    def __init__(self, derivatives):
        self.features = derivatives.features
        self.variables = derivatives.variables
        self.inverse = _pseudo_inverse(derivatives.hessian)
        self.solved = derivatives.cross @ self.inverse
        explained = np.einsum("ja,ja->j", derivatives.cross, self.solved)
        least = _MIN_CURVATURE * derivatives.diagonal + np.finfo(float).tiny
        self.slopes = derivatives.slopes
        self.curvatures = np.maximum(derivatives.diagonal - explained, least)
        self.whole = self.without(np.empty(0, dtype=int))

    def without(self, removed):
        """The model once some coefficients are removed, given by their positions."""
        block = self.inverse[removed[:, np.newaxis], removed]
        if block.size == 1:
            block = 1.0 / np.maximum(block, np.finfo(float).tiny)
        elif block.size > 1:
            block = _pseudo_inverse(block)
        return Remainder(self, removed, block, block @ self.variables[removed])

    def without_each(self, parts):
        """Remove some coefficients, then others in their place, and so on.

        Parameters
        ----------
        parts : list of ndarray of int
            Positions of what is removed each time.

        Returns
        -------
        losses : ndarray of shape (n_parts,)
            By how much the objective is higher.
        gains : ndarray of shape (n_parts, n_features)
            By how much it falls then with one more feature, for each.
        """
        if any(part.size != 1 for part in parts):
            remainders = [self.without(part) for part in parts]
            losses = np.array([remainder.loss for remainder in remainders])
            return losses, np.stack([remainder.gains() for remainder in remainders])
        removed = np.concatenate(parts)
        blocks = 1.0 / np.maximum(self.inverse.diagonal()[removed], np.finfo(float).tiny)
        pulls = blocks * self.variables[removed]
        solved = self.solved.T[removed]
        slopes = self.slopes - pulls[:, np.newaxis] * solved
        curvatures = self.curvatures + blocks[:, np.newaxis] * solved**2
        return 0.5 * self.variables[removed] * pulls, _gains(slopes, curvatures)


@dataclass
class Remainder:
    """A quadratic model after some coefficients are removed and the others have adjusted.

    Attributes
    ----------
    model : QuadraticModel
    removed : ndarray of int
        Positions of what is removed.
    block : ndarray of shape (n_removed, n_removed)
        The Hessian of what is removed, the others adjusting.
    pull : ndarray of shape (n_removed,)
        The gradient that takes it to 0.
    """

    model: QuadraticModel
    removed: np.ndarray
    block: np.ndarray
    pull: np.ndarray

    @property
    def loss(self):
        """By how much the objective is higher."""
        return 0.5 * self.model.variables[self.removed] @ self.pull

    def gains(self):
        """By how much the objective falls with one more feature, for each."""
        return _gains(*self._directed(ALL))

    def minimum(self, entering=None):
        """The minimum of the model, with one more feature if there is one to enter."""
        model, features, added = self.model, self.model.features, ()
        responses = model.inverse[:, self.removed]
        variables = model.variables - responses @ self.pull
        if entering is not None:
            directed = np.array([entering, entering + model.slopes.size // 2])
            slopes, curvatures = self._directed(directed)
            upward, downward = np.maximum(-slopes / curvatures, 0.0)
            response = model.solved[directed[int(downward > upward)]]
            response = response - responses @ (self.block @ response[self.removed])
            variables = variables - max(upward, downward) * response
            features, added = np.concatenate([features, [entering]]), (upward - downward,)
        n_active = model.features.size
        coef = variables[:n_active]
        coef = np.where(coef * model.variables[:n_active] > 0, coef, 0.0)
        return Start(features, np.concatenate([coef, added]), variables[n_active:])

    def _directed(self, directed):
        """First and second derivatives by directed features, the others adjusting."""
        slopes, curvatures = self.model.slopes[directed], self.model.curvatures[directed]
        if self.removed.size == 0:
            return slopes, curvatures
        solved = self.model.solved[directed][:, self.removed]
        squares = np.einsum("jr,jr->j", solved @ self.block, solved)
        return slopes - solved @ self.pull, curvatures + squares


def _gains(slopes, curvatures):
    """By how much the objective falls with one more feature, directed upward or downward."""
    gains = np.minimum(slopes, 0.0) ** 2 / (2 * curvatures)
    upward, downward = np.split(gains, 2, axis=-1)
    return np.maximum(upward, downward)


def _pseudo_inverse(matrix):
    """Invert a positive semi-definite matrix where it is not 0."""
    eigenvalues, eigenvectors = np.linalg.eigh(matrix)
    is_positive = eigenvalues > _ROUNDING * eigenvalues.max(initial=0.0)
    eigenvectors = eigenvectors[:, is_positive]
    return (eigenvectors / eigenvalues[is_positive]) @ eigenvectors.T
