"""The robust objective as a program over cones: variables, what they cost, what is demanded."""

import numpy as np
from scipy.sparse import csr_array

from sklearn_advex._perturbation import L2Ball, LinfBall
from sklearn_advex.linear_model._conic import Orthant, SecondOrderCone

# Cones of programs with up to so many variables are held as dense matrices.
_LARGEST_DENSE = 100
# A feature varies by at least this share of its size, or it only seems to: by rounding errors.
_LEAST_SPREAD = 1e-12


def _spread(objective, weights):
    """Weighted squares of the features, about their means if there is an intercept."""
    squares = objective.design.weighted_squares(weights)
    if not objective.fit_intercept:
        return squares
    center = objective.design.rmatvec(weights) ** 2 / weights.sum()
    return np.maximum(squares - center, _LEAST_SPREAD * squares)


class ConeProgram:
    """The program of an objective, in features that are scaled to a spread of 1.

    Its variables are the scaled coefficients, the intercept, the height (an upper bound on the
    support function) and an upper bound on the size of each coefficient that has a kink at 0.

    Parameters
    ----------
    objective : RobustObjective
    curvature : ndarray of shape (n_samples,)
        The weights of the rows in the scale of the features. Rows of weight 0 are left out.
    """

    def __init__(self, objective, curvature):
        self.objective = objective
        self.rows = np.flatnonzero(objective.weights)
        spread = _spread(objective, curvature) + objective.ridge
        self.scale = 1.0 / np.sqrt(np.where(spread > 0, spread, 1.0))
        d = self.scale.size
        lasso = objective.lasso * self.scale
        self.half_widths = objective.perturbation.epsilon * self.scale
        is_box = isinstance(objective.perturbation, LinfBall)
        self.kinked = np.flatnonzero(lasso + is_box * self.half_widths)
        self.height = d + 1
        no_more = np.zeros(2 + self.kinked.size)
        self.ridge = np.append(objective.ridge * self.scale**2, no_more)
        # An intercept of 0 is one that costs something and is worth nothing.
        self.ridge[d] = 0.0 if objective.fit_intercept else 1.0
        self.penalty = np.concatenate([np.zeros(d + 2), lasso[self.kinked]])

    def point(self, x, zeros=False):
        """The model that belongs to a solution, some of its coefficients rounded to 0."""
        coef = np.where(zeros, 0.0, self.scale * x[: self.scale.size])
        return self.objective.point(coef, float(x[self.scale.size]))

    def boundary(self, point):
        """The variables of a model, all bounds attained."""
        scaled = point.coef / self.scale
        support = self.objective.perturbation.support(point.coef)
        return np.concatenate([scaled, [point.intercept, support], np.abs(scaled[self.kinked])])

    def inside(self, point):
        """The variables of a model, all bounds generous."""
        x = self.boundary(point)
        x[self.height + 1 :] += 1.0
        x[self.height] += 1.0 + self.half_widths[self.kinked].sum()
        return x

    def cones(self, x):
        """What the bounds demand, the one of the height first."""
        kind = SecondOrderCone if isinstance(self.objective.perturbation, L2Ball) else Orthant
        cones = [kind(self._epigraph(), x)]
        if self.kinked.size:
            cones.append(Orthant(self._bounds(), x))
        return cones

    def change(self, cone):
        """The change of a row that the multipliers of the height stand for."""
        force = cone.force()
        return force[: self.scale.size] / -force[self.height] / self.scale

    def zeros(self, state):
        """The coefficients that the multipliers hold at 0.

        At an optimum one of a slack and its multiplier is 0; on the way to it the smaller one will
        be, if slacks are in the scale of the features and multipliers are shares of their sum.
        """
        zeros = np.zeros(self.scale.size, dtype=bool)
        perturbation = self.objective.perturbation
        if not isinstance(perturbation, LinfBall):
            share = 1.0 - perturbation.gauge(self.change(state.blocks[0]))
            zeros = (perturbation.epsilon > 0) & (state.x[self.height] < share)
        if self.kinked.size:
            slacks = state.blocks[1].slack.reshape(2, -1)
            multipliers = state.blocks[1].multiplier.reshape(2, -1)
            held = (slacks < multipliers / multipliers.sum(axis=0)).all(axis=0)
            zeros[self.kinked[held]] = True
        return zeros

    def product(self, x):
        """The arguments of the losses as far as x moves them."""
        raw = self.objective.design.matvec(self.scale * x[: self.scale.size])
        raw = raw + x[self.scale.size] * self.objective.fit_intercept
        return (x[self.height] - self.objective.y * raw)[self.rows]

    def transposed(self, v):
        """What a number per row adds to the gradient."""
        in_rows = np.zeros(self.objective.y.size)
        in_rows[self.rows] = v
        signed = in_rows * self.objective.y
        intercept = -signed.sum() * self.objective.fit_intercept
        features = -self.scale * self.objective.design.rmatvec(signed)
        return np.concatenate([features, [intercept, v.sum()], np.zeros(self.kinked.size)])

    def gram(self, weights):
        """The second derivatives of a weighted sum of squares of the arguments."""
        in_rows = np.zeros(self.objective.y.size)
        in_rows[self.rows] = weights
        # With y * y = 1 the row of the arguments is -y * (x, 1, -y).
        gram = self.objective.design.gram(in_rows, -self.objective.y)
        gram += np.tril(gram, -1).T
        scale = np.append(self.scale, [self.objective.fit_intercept, 1.0])
        padded = np.zeros((self.ridge.size,) * 2)
        padded[: scale.size, : scale.size] = gram * scale[:, None] * scale
        return padded

    def _epigraph(self):
        """The functions of the variables that say that the height is above the support."""
        d, widths = self.scale.size, self.half_widths
        if isinstance(self.objective.perturbation, LinfBall):
            k = self.kinked.size
            rows, columns = np.zeros(1 + k), self.height + np.arange(1 + k)
            return _matrix(rows, columns, np.append(1.0, -widths[self.kinked]), self.ridge.size)
        if isinstance(self.objective.perturbation, L2Ball):
            columns = np.append(self.height, np.arange(d))
            return _matrix(np.arange(1 + d), columns, np.append(1.0, widths), self.ridge.size)
        rows = np.tile(np.arange(2 * d), 2)
        columns = np.concatenate([np.tile(np.arange(d), 2), np.full(2 * d, self.height)])
        values = np.concatenate([-widths, widths, np.ones(2 * d)])
        return _matrix(rows, columns, values, self.ridge.size)

    def _bounds(self):
        """The functions of the variables that say that a bound is above its coefficient's size."""
        k = self.kinked.size
        rows = np.tile(np.arange(2 * k), 2)
        bounds = self.height + 1 + np.arange(k)
        columns = np.concatenate([self.kinked, self.kinked, bounds, bounds])
        values = np.concatenate([np.full(k, -1.0), np.ones(3 * k)])
        return _matrix(rows, columns, values, self.ridge.size)


def _matrix(rows, columns, values, n_columns):
    """A matrix of some entries, sparse unless it is so small that this would not pay."""
    matrix = csr_array((values, (rows, columns)), shape=(int(rows[-1]) + 1, n_columns))
    return matrix.toarray() if n_columns <= _LARGEST_DENSE else matrix
