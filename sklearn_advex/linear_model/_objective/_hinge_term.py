"""The hinge loss as a data term, as rows of a cone program, and as an augmented Lagrangian."""

import numpy as np
from scipy.special import expit

from sklearn_advex.linear_model._objective._margin_term import MarginTerm
from sklearn_advex.linear_model._objective._program_block import ProgramBlock, step_to_zero

# Penalty parameter of the augmented Lagrangian: a larger one converges in fewer steps and makes
# their systems less accurate.
_PENALTY = 1e4
# Width over which the hinge is smoothed in a quadratic model: a larger one lets more rows count.
_SMOOTHING_WIDTH = 0.5


class HingeTerm(MarginTerm):
    """Hinge losses of robust margins; a dual has a number in [0, 1] per row."""

    def model_curvature(self, rows, heights):
        """Return the second derivatives of the hinge smoothed over a width."""
        smooth = expit((1.0 + self.arguments(rows, heights)) / _SMOOTHING_WIDTH)
        return self.weights * smooth * (1.0 - smooth) / _SMOOTHING_WIDTH

    def program_rows(self, x, scale):
        """Return the rows as one block of a cone program."""
        return [HingeRows(self, x, scale)]

    def program_dual(self, program_rows):
        """Return the dual that the block has arrived at, 0 for rows without weight."""
        (rows,) = program_rows
        return rows.padded(rows.slope)

    def project_dual(self, dual):
        """Move a dual into [0, 1]."""
        return np.clip(dual, 0.0, 1.0)

    def augmented(self, rows, heights, dual):
        """Return the augmented Lagrangian of the rows whose robust margin is 1.

        That of an augmented Lagrangian is the same for other multipliers.

        Such a row is told by its excess over the kink being smaller than the distance of its dual
        from both ends of [0, 1]: at an optimum one of the two is 0.
        """
        if self.is_smooth:
            return self._with(loss=AugmentedHinge(dual, self.loss.penalties))
        excess = 1.0 + self.arguments(rows, heights)
        on_kink = np.abs(excess) < np.minimum(dual, 1.0 - dual)
        multipliers = np.where(on_kink, dual, excess > 0)
        return self._with(loss=AugmentedHinge(multipliers, _PENALTY * on_kink))


class AugmentedHinge:
    r"""The quadratic :math:`p_i (1 + u) + \tfrac{c_i}{2} (1 + u)^2` of each row.

    Parameters
    ----------
    multipliers, penalties : ndarray of shape (n_samples,)
        The numbers p and c; c is 0 for rows whose loss is linear where they are.
    """

    is_smooth = True
    attains_infimum = True

    def __init__(self, multipliers, penalties):
        self.multipliers = multipliers
        self.penalties = penalties

    def value(self, u):
        """Loss of each row."""
        return self.derivatives(u)[0]

    def derivatives(self, u):
        """Loss of each row with its first and second derivative."""
        excess = 1.0 + u
        pull = self.penalties * excess
        return excess * (self.multipliers + 0.5 * pull), self.multipliers + pull, +self.penalties


class HingeRows(ProgramBlock):
    """The weighted sum of hinge losses ``weights @ maximum(0, 1 + u)`` as a block of a program.

    For each row it keeps the slope p in (0, 1) of its loss, an upper bound on the loss, and by
    how much the bound is above ``1 + u``; at an optimum ``p * above`` and ``(1 - p) * bound`` are
    0. Rows without weight are left out.

    Parameters
    ----------
    term : HingeTerm
    x : ndarray of shape (size,)
        Where the program starts.
    scale : ndarray of shape (size,)
        By which x is multiplied; its first numbers are then the variables and heights of the term.
    """

    def __init__(self, term, x, scale):
        self.term = term
        self.scale = scale
        self.kept = np.flatnonzero(term.weights)
        self.weights = term.weights[self.kept]
        self.degree = 2.0 * self.weights.sum()
        excess = 1.0 + self._product(x)
        self.slope = np.full(excess.size, 0.5)
        self.bound = np.maximum(excess, 0.0) + 1.0
        self.above = self.bound - excess

    @property
    def gap(self):
        """Sum of the products of slacks and multipliers."""
        return self.weights @ (self.slope * self.above + (1.0 - self.slope) * self.bound)

    def padded(self, numbers):
        """Return one number for every row of the term, 0 for those left out.

        Parameters
        ----------
        numbers : ndarray of shape (n_kept,)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        padded = np.zeros(self.term.n_rows)
        padded[self.kept] = numbers
        return padded

    def force(self):
        """Compute the block's part of the gradient of the Lagrangian."""
        return self._transposed(self.weights * self.slope)

    def matrix(self):
        """Compute the derivative of `force`, multipliers eliminated."""
        gram = self.term.gram(self.padded(self.weights * self._rate()))
        matrix, m = np.zeros((self.scale.size,) * 2), gram.shape[0]
        matrix[:m, :m] = gram + np.tril(gram, -1).T
        return matrix * self.scale[:, np.newaxis] * self.scale

    def shift(self, center, last):
        """Compute the further change of `force` in a step toward the center."""
        pull = self._pull(*self._defects(center, last))
        return self._transposed(self.weights * self._rate() * pull)

    def direction(self, dx, center, last):
        """Compute the changes of slope, bound and excess that belong to a change of x."""
        above, bound = self._defects(center, last)
        change = self._rate() * (self._product(dx) + self._pull(above, bound))
        return (
            change,
            (bound + self.bound * change) / (1.0 - self.slope),
            (above - self.above * change) / self.slope,
        )

    def longest_step(self, direction):
        """Return the length of the step that ends at a bound."""
        slope, bound, above = direction
        return min(
            step_to_zero(self.slope, slope),
            step_to_zero(1.0 - self.slope, -slope),
            step_to_zero(self.bound, bound),
            step_to_zero(self.above, above),
        )

    def step(self, direction, length):
        """Take a step."""
        self.slope, self.bound, self.above = self._after(direction, length)

    def gap_after(self, direction, length):
        """Return the gap after a step."""
        slope, bound, above = self._after(direction, length)
        return self.weights @ (slope * above + (1.0 - slope) * bound)

    def _product(self, x):
        n, n_heights = self.term.n_variables, self.term.n_heights
        variables, heights = np.split((self.scale * x)[: n + n_heights], [n])
        return self.term.arguments(self.term.rows_at(variables), heights)[self.kept]

    def _transposed(self, numbers):
        of_term = np.concatenate(self.term.transposed(self.padded(numbers)))
        transposed = np.zeros(self.scale.size)
        transposed[: of_term.size] = of_term
        return self.scale * transposed

    def _after(self, direction, length):
        now = (self.slope, self.bound, self.above)
        return tuple(value + length * change for value, change in zip(now, direction, strict=True))

    def _rate(self):
        return 1.0 / (self.bound / (1.0 - self.slope) + self.above / self.slope)

    def _defects(self, center, last):
        slope, bound, above = last or (0.0, 0.0, 0.0)
        return (
            center - self.slope * self.above - slope * above,
            center - (1.0 - self.slope) * self.bound + slope * bound,
        )

    def _pull(self, above, bound):
        return above / self.slope - bound / (1.0 - self.slope)
