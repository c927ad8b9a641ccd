"""The second-order model of the objective by which changes of a subset are ranked.

A feature is in it a pair of directed ones with coefficients that are not negative, as the objective
is smooth on each side of zero only.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sklearn_advex.linear_model._best_subset._fits import Start

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
        self.inverse = np.linalg.pinv(derivatives.hessian, rcond=_ROUNDING, hermitian=True)
        self.solved = derivatives.cross @ self.inverse
        explained = np.einsum("ja,ja->j", derivatives.cross, self.solved)
        least = _MIN_CURVATURE * derivatives.diagonal + np.finfo(float).tiny
        self.whole = Remainder(
            model=self,
            removed=[],
            block=np.empty((0, 0)),
            variables=derivatives.variables,
            loss=0.0,
            slopes=derivatives.slopes,
            curvatures=np.maximum(derivatives.diagonal - explained, least),
        )

    def without(self, removed):
        """The model once some coefficients are removed, given by their positions."""
        block = self.inverse[np.ix_(removed, removed)]
        if block.size == 1:
            block = 1.0 / np.maximum(block, np.finfo(float).tiny)
        else:
            block = np.linalg.pinv(block, hermitian=True)
        pull = block @ self.variables[removed]
        solved = self.solved[:, removed]
        return Remainder(
            model=self,
            removed=removed,
            block=block,
            variables=self.variables - self.inverse[:, removed] @ pull,
            loss=0.5 * self.variables[removed] @ pull,
            slopes=self.whole.slopes - solved @ pull,
            curvatures=self.whole.curvatures + np.einsum("jr,jr->j", solved @ block, solved),
        )


@dataclass
class Remainder:
    """A quadratic model after some coefficients are removed and the others have adjusted.

    Attributes
    ----------
    model : QuadraticModel
    removed : sequence of int
        Positions of what is removed.
    block : ndarray of shape (n_removed, n_removed)
        The Hessian of what is removed, the others adjusting.
    variables : ndarray of shape (n_active + n_intercepts,)
        The coefficients of the features in use and the intercept.
    loss : float
        By how much the objective is higher.
    slopes, curvatures : ndarray of shape (2 * n_features,)
        First and second derivatives by the coefficients of directed features, the others adjusting.
    """

    model: QuadraticModel
    removed: Sequence
    block: np.ndarray
    variables: np.ndarray
    loss: float
    slopes: np.ndarray
    curvatures: np.ndarray

    def gains(self):
        """By how much the objective falls with one more feature, for each."""
        gains = np.minimum(self.slopes, 0.0) ** 2 / (2 * self.curvatures)
        return gains.reshape(2, -1).max(axis=0)

    def minimum(self, entering=None):
        """The minimum of the model, with one more feature if there is one to enter."""
        variables, features, added = self.variables, self.model.features, []
        if entering is not None:
            directed = np.array([entering, entering + self.slopes.size // 2])
            steps = np.maximum(-self.slopes[directed] / self.curvatures[directed], 0.0)
            response = self.model.solved[directed[steps.argmax()]]
            pulled = self.block @ response[self.removed]
            response = response - self.model.inverse[:, self.removed] @ pulled
            variables = variables - steps.max() * response
            features, added = np.append(features, entering), [steps[0] - steps[1]]
        n_active = self.model.features.size
        keeps_sign = variables[:n_active] * self.model.variables[:n_active] > 0
        coef = np.where(keeps_sign, variables[:n_active], 0.0)
        return Start(features, np.append(coef, added), variables[n_active:])
