"""The robust objective as a program over cones."""

import numpy as np
from scipy.sparse import csr_array

from sklearn_advex.linear_model._objective import _costs
from sklearn_advex.linear_model._objective._points import DualVariables
from sklearn_advex.linear_model._solvers._cones import Orthant, SecondOrderCone

# Floor of the curvature in the spread of features, as a share of the weights of the rows: a smaller
# one gives features of nearly flat rows a scale with which programs start far from their minimum.
_MIN_CURVATURE = 1e-4


class ConeProgram:
    """The program of an objective, in features that are scaled to a spread of 1.

    Its variables are those of the objective, the coefficients scaled, then the heights (upper
    bounds on the support functions), then an upper bound on the size of each coefficient with a
    kink at 0.

    Parameters
    ----------
    objective : RobustObjective
    curvature : object, default=None
        Of the data term, in whose metric the features are scaled; None for that of the weights.
    """

    def __init__(self, objective, curvature=None):
        self.objective = objective
        term, d = objective.term, objective.n_features
        spread = term.feature_spread(term.unit_curvature)
        if curvature is not None:
            spread = term.feature_spread(curvature) + _MIN_CURVATURE * spread
        spread += objective.ridge[:d]
        self.scale = 1.0 / np.sqrt(np.where(spread > 0, spread, 1.0))
        self.epigraphs = objective.perturbation.epigraph_by_side()
        self.uses_sizes = _columns_in_use([epigraph.sizes for epigraph in self.epigraphs])
        lasso = objective.lasso[:d] * self.scale
        self.bounded = np.flatnonzero((lasso > 0) | self.uses_sizes)
        self.lift = np.ones(objective.n_variables + term.n_heights)
        self.lift[:d] = self.scale
        self.size = self.lift.size + self.bounded.size
        self.heights = slice(objective.n_variables, self.lift.size)
        self.ridge = self._padded(objective.ridge * self.lift[: objective.n_variables] ** 2)
        self.penalty = np.append(np.zeros(self.lift.size), lasso[self.bounded])

    def point(self, x, zeros=False):
        """Return the model that belongs to a solution.

        Parameters
        ----------
        x : ndarray of shape (size,)
        zeros : ndarray of shape (n_features,), bool, default=False
            Coefficients to be rounded to 0.

        Returns
        -------
        Point
        """
        variables = (self.lift * x[: self.lift.size])[: self.objective.n_variables]
        variables[: self.scale.size][zeros] = 0.0
        return self.objective.point(variables)

    def boundary(self, point):
        """Return the variables of a model, with every bound attained.

        Parameters
        ----------
        point : Point

        Returns
        -------
        ndarray of shape (size,)
        """
        unscaled = np.append(point.variables, self.objective.heights(point))
        x = unscaled / self.lift
        return np.append(x, np.abs(x[self.bounded]))

    def interior(self, point):
        """Return the variables of a model, with every bound far from attained.

        Parameters
        ----------
        point : Point

        Returns
        -------
        ndarray of shape (size,)
        """
        x = self.boundary(point)
        x[self.lift.size :] += 1.0
        rise = max(-(epigraph.sizes @ self.scale).min() for epigraph in self.epigraphs)
        x[self.heights] += 1.0 + max(rise, 0.0)
        return x

    def cones(self, x):
        """Return the conditions on the bounds: one block per height, then that of the sizes.

        Parameters
        ----------
        x : ndarray of shape (size,)
            Where the program starts.

        Returns
        -------
        list of ProgramBlock
        """
        cones = []
        for i, epigraph in enumerate(self.epigraphs, self.heights.start):
            kind = SecondOrderCone if epigraph.is_second_order else Orthant
            cones.append(kind(self._epigraph_matrix(epigraph, i), x))
        if self.bounded.size:
            cones.append(Orthant(self._bounds_matrix(), x))
        return cones

    def rows(self, x):
        """Return the rows of a data term that is not smooth.

        Parameters
        ----------
        x : ndarray of shape (size,)
            Where the program starts.

        Returns
        -------
        list of ProgramBlock
        """
        return self.objective.term.program_rows(x, self._padded(self.lift))

    def dual(self, state):
        """Return the dual variables of the objective at a state of the program.

        Parameters
        ----------
        state : State

        Returns
        -------
        DualVariables
        """
        rows = None
        if not self.objective.is_smooth:
            n_cones = len(self.epigraphs) + (self.bounded.size > 0)
            rows = self.objective.term.program_dual(state.blocks[n_cones:])
        return DualVariables(rows, self._subgradients(state))

    def zeros(self, state):
        """Return which coefficients the multipliers hold at 0.

        At an optimum one of a slack and its multiplier is 0; on the way to it the smaller one will
        be, if slacks are in the scale of the features and multipliers are shares of their sum.

        Parameters
        ----------
        state : State

        Returns
        -------
        ndarray of shape (n_features,), bool
        """
        zeros = np.zeros(self.scale.size, dtype=bool)
        perturbation = self.objective.perturbation
        if perturbation.is_symmetric and not self.uses_sizes.any():
            share = 1.0 - perturbation.gauge(self._subgradients(state)[0])
            if state.x[self.heights.start] < share:
                zeros |= _columns_in_use([epigraph.coef for epigraph in self.epigraphs])
        if self.bounded.size:
            bounds = state.blocks[len(self.epigraphs)]
            slacks = bounds.slack.reshape(2, -1)
            multipliers = bounds.multiplier.reshape(2, -1)
            held = (slacks < multipliers / multipliers.sum(axis=0)).all(axis=0)
            zeros[self.bounded[held]] = True
        return zeros

    def gradient(self, derivatives):
        """Return the gradient of a data term in the variables of the program.

        Parameters
        ----------
        derivatives : TermDerivatives

        Returns
        -------
        ndarray of shape (size,)
        """
        return self._padded(self.lift * np.append(derivatives.variables, derivatives.heights))

    def hessian(self, curvature):
        """Return the second derivatives of a data term in the variables of the program.

        Parameters
        ----------
        curvature : object

        Returns
        -------
        ndarray of shape (size, size)
        """
        gram = self.objective.term.gram(curvature)
        hessian = np.zeros((self.size, self.size))
        m = self.lift.size
        hessian[:m, :m] = (gram + np.tril(gram, -1).T) * self.lift[:, np.newaxis] * self.lift
        return hessian

    def _padded(self, numbers):
        return np.append(numbers, np.zeros(self.size - numbers.size))

    def _subgradients(self, state):
        """The subgradients of the support functions that the multipliers of the heights stand for.

        The sizes in an epigraph pull at their bounds, and these at the coefficients.
        """
        subgradients, d = np.zeros((len(self.epigraphs), self.scale.size)), self.scale.size
        for i, cone in enumerate(state.blocks[: len(self.epigraphs)]):
            force = cone.force() / -cone.force()[self.heights.start + i]
            subgradients[i] = force[:d]
            if self.uses_sizes.any():
                left, right = state.blocks[len(self.epigraphs)].multiplier.reshape(2, -1)
                signs = (left - right) / (left + right)
                subgradients[i, self.bounded] += force[self.lift.size :] * signs
        return subgradients / self.scale

    def _epigraph_matrix(self, epigraph, height):
        coef, sizes, of_height = epigraph.coef, epigraph.sizes, epigraph.of_height
        bound_of = np.zeros(self.scale.size, dtype=int)
        bound_of[self.bounded] = self.lift.size + np.arange(self.bounded.size)
        entries = [
            (coef.data * self.scale[coef.col], coef.row, coef.col),
            (of_height, np.arange(of_height.size), np.full(of_height.size, height)),
            (sizes.data * self.scale[sizes.col], sizes.row, bound_of[sizes.col]),
        ]
        values, rows, columns = map(np.concatenate, zip(*entries, strict=True))
        return _matrix(values, rows, columns, (of_height.size, self.size))

    def _bounds_matrix(self):
        k = self.bounded.size
        bounds = self.lift.size + np.arange(k)
        columns = np.concatenate([self.bounded, self.bounded, bounds, bounds])
        values = np.concatenate([np.full(k, -1.0), np.ones(3 * k)])
        return _matrix(values, np.tile(np.arange(2 * k), 2), columns, (2 * k, self.size))


def _columns_in_use(matrices):
    in_use = np.zeros(matrices[0].shape[1], dtype=bool)
    for matrix in matrices:
        in_use[matrix.col[matrix.data != 0]] = True
    return in_use


def _matrix(values, rows, columns, shape):
    """A matrix of some entries, sparse unless it is small. Zeros may be given more than once."""
    matrix = csr_array((values, (rows, columns)), shape)
    return matrix.toarray() if shape[1] <= _costs.LARGEST_DENSE_CONE else matrix
