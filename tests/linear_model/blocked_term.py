"""The data term of rows that lie in blocks."""

import numpy as np

from sklearn_advex.linear_model._objective._data_term import DataTerm, TermDerivatives
from sklearn_advex.linear_model._objective._design_matrix import ALL
from sklearn_advex.linear_model._objective._margin_term import balancing_factors


class BlockedTerm(DataTerm):
    """The sum of the margin terms of several blocks of rows.

    Rows, duals and curvatures are lists with one entry per block, which only that block reads.

    Parameters
    ----------
    blocks : list of MarginTerm
        Of the same loss and features. Their weights sum to 1 over all blocks.
    """

    def __init__(self, blocks):
        self.blocks = blocks
        first = blocks[0]
        self.n_rows = sum(block.n_rows for block in blocks)
        self.n_features = first.n_features
        self.n_intercepts = first.n_intercepts
        self.n_heights = first.n_heights
        self.is_smooth = first.is_smooth

    @classmethod
    def split(cls, make_block, design, y, weights, n_rows, **options):
        """Cut data in memory into blocks.

        Parameters
        ----------
        make_block : callable
            An entry of `TERMS`.
        design : DesignMatrix of shape (n_samples, n_features)
        y, weights : ndarray of shape (n_samples,)
        n_rows : int
            Number of rows of a block; the last one may be shorter.
        **options
            Of `make_block`.

        Returns
        -------
        BlockedTerm
        """
        cuts = [slice(start, start + n_rows) for start in range(0, y.size, n_rows)]
        return cls([make_block(design.take(s), y[s], weights[s], **options) for s in cuts])

    @property
    def unit_curvature(self):
        """The weights of the rows."""
        return [block.unit_curvature for block in self.blocks]

    @property
    def product_cost(self):
        """The price of a product with X and one with its transpose."""
        return sum(block.product_cost for block in self.blocks)

    def restrict(self, features):
        """Return the term of a model that uses only some features."""
        return BlockedTerm([block.restrict(features) for block in self.blocks])

    def rows_at(self, variables):
        """Compute the rows of a model."""
        return [block.rows_at(variables) for block in self.blocks]

    def along(self, rows, direction):
        """Return the rows on a line as a function of the step length."""
        of_blocks = self._each("along", rows, direction)
        return lambda length: [of_block(length) for of_block in of_blocks]

    def value(self, rows, heights):
        """Compute the sum."""
        return sum(self._each("value", rows, heights))

    def derivatives(self, rows, heights, dual=None):
        """Compute the sum and its derivatives."""
        duals = [None] * len(self.blocks) if dual is None else dual
        parts = [
            block.derivatives(of_block, heights, block_dual)
            for block, of_block, block_dual in zip(self.blocks, rows, duals, strict=True)
        ]
        return TermDerivatives(
            sum(part.value for part in parts),
            sum(part.variables for part in parts),
            sum(part.heights for part in parts),
            [part.curvature for part in parts],
        )

    def dual(self, rows, heights):
        """Compute the derivative of each row's loss."""
        return self._each("dual", rows, heights)

    def balanced(self, dual):
        """Scale a dual down so that the derivative by the intercept vanishes."""
        if not self.n_intercepts:
            return dual
        factors = balancing_factors(sum(self._each("side_totals", dual)))
        return self._each("scale_sides", dual, factors)

    def adjoint(self, dual):
        """Compute the derivatives of the sum if those of the losses are a dual."""
        variables, heights = zip(*self._each("adjoint", dual), strict=True)
        return sum(variables), sum(heights)

    def conjugate(self, dual, factor=1.0):
        """Compute the weighted sum of the losses' conjugates."""
        return sum(self._each("conjugate", dual, factor))

    def gram(self, curvature, features=ALL):
        """Compute the second derivatives by features, intercept and heights."""
        return np.asfortranarray(sum(self._each("gram", curvature, features)))

    def gram_cost(self, n_columns):
        """Return the price of the `gram` of some features."""
        return sum(block.gram_cost(n_columns) for block in self.blocks)

    def gram_diagonal(self, curvature):
        """Compute the diagonal of `gram`."""
        return sum(self._each("gram_diagonal", curvature))

    def gram_columns(self, curvature, features):
        """Compute the columns of the whole of `gram` that belong to some features."""
        return sum(self._each("gram_columns", curvature, features))

    def model_curvature(self, rows, heights):
        """Return second derivatives for a quadratic model of a term that is not smooth."""
        return self._each("model_curvature", rows, heights)

    def gram_product(self, curvature, variables, heights):
        """Multiply a vector by the whole of `gram`."""
        parts = self._each("gram_product", curvature, variables, heights)
        of_variables, of_heights = zip(*parts, strict=True)
        return sum(of_variables), sum(of_heights)

    def intercept_only(self):
        """Compute the intercept of the best model without features."""
        if not self.n_intercepts:
            return np.empty(0)
        totals = sum(block.side_totals(np.ones(block.n_rows)) for block in self.blocks)
        return np.array([self.blocks[0].loss.intercept_only(totals[1] / totals.sum())])

    def largest_argument(self, rows, heights):
        """Return the largest argument of a loss, if the losses fall for ever below 0."""
        return max(self._each("largest_argument", rows, heights))

    def program_rows(self, x, scale):
        """Return the rows as blocks of a cone program."""
        return [rows for block in self.blocks for rows in block.program_rows(x, scale)]

    def program_dual(self, program_rows):
        """Return the dual that the blocks have arrived at, for terms of one block each."""
        return [b.program_dual([rows]) for b, rows in zip(self.blocks, program_rows, strict=True)]

    def project_dual(self, dual):
        """Move a dual into the domain of the conjugates."""
        return self._each("project_dual", dual)

    def augmented(self, rows, heights, dual):
        """Return the augmented Lagrangian of the rows that are on a kink."""
        return BlockedTerm(
            [
                block.augmented(of_block, heights, block_dual)
                for block, of_block, block_dual in zip(self.blocks, rows, dual, strict=True)
            ]
        )

    def _each(self, method, opaque, *arguments):
        """Call a method of every block with its own part of something opaque."""
        return [
            getattr(block, method)(of_block, *arguments)
            for block, of_block in zip(self.blocks, opaque, strict=True)
        ]
