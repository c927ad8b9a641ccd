"""Second derivatives of the objective within an orthant: a matrix while small, else products."""

import numpy as np
from scipy.linalg.blas import dsymv
from scipy.linalg.lapack import dpotrf, dpotrs
from scipy.sparse.linalg import LinearOperator, cg

# Relative ridge under which a Newton system counts as positive definite; raised on failure.
_RELATIVE_RIDGE = 1e-12
# Conjugate gradients stop at this share of the right-hand side: Newton's method corrects the rest.
_CG_ACCURACY = 1e-2
_CG_MAX_ITER = 500
# Curvature that every variable has at least, or its system could not be solved; times the ridge it
# is still a normal number.
_LEAST_CURVATURE = 1e-280


class DenseHessian:
    """A Hessian held as a matrix; systems are solved by Cholesky's factorization.

    Parameters
    ----------
    matrix : ndarray of shape (n, n)
        Fortran-ordered. Only its lower triangle counts.
    """

    def __init__(self, matrix):
        self.matrix = matrix
        self.diagonal = matrix.diagonal() + _LEAST_CURVATURE
        self._factored = self._factor = None

    def damp(self, share):
        """Raise the curvature of every variable by a share of itself."""
        self.matrix.flat[:: self.matrix.shape[0] + 1] += share * self.diagonal
        self._factored = None

    def product(self, v):
        """The Hessian times a vector."""
        return dsymv(1.0, self.matrix, v, lower=True)

    def solve(self, kept, right, guess):
        """Solve the system of the variables `kept`; a singular one in the least-squares spirit."""
        if self._factored is None or not np.array_equal(kept, self._factored):
            self._factor, self._factored = self._factorize(kept), kept
        return dpotrs(self._factor, right, lower=True)[0]

    def _factorize(self, kept):
        ridge = _RELATIVE_RIDGE
        while True:
            system = self.matrix.T[kept[:, None], kept].T
            system.T.flat[:: kept.size + 1] += ridge * self.diagonal[kept]
            factor, failed = dpotrf(system, lower=True, clean=False, overwrite_a=True)
            if not failed:
                return factor
            ridge *= 100


class HessianOperator:
    """A Hessian known by its products and its diagonal; systems are solved by conjugate gradients.

    Parameters
    ----------
    product : callable
        Takes and returns an ndarray of shape (n,).
    diagonal : ndarray of shape (n,)
    most_products : float, default=inf
        How many products may be spent on systems before it is given up to solve them.
    """

    def __init__(self, product, diagonal, most_products=np.inf):
        self.undamped_product = product
        self.products_left = most_products
        self.diagonal = diagonal + _LEAST_CURVATURE
        self.damping = 0.0

    def damp(self, share):
        """Raise the curvature of every variable by a share of itself."""
        self.damping = self.damping + share * self.diagonal

    def product(self, v):
        """The Hessian times a vector."""
        return self.undamped_product(v) + self.damping * v

    def solve(self, kept, right, guess):
        """Solve the system of the variables `kept` approximately, starting from `guess`.

        Returns None where that took more products than there were left.
        """
        padded = np.zeros(self.diagonal.size)

        def product(v):
            padded[kept] = v
            self.products_left -= 1
            return self.product(padded)[kept]

        shape = (kept.size, kept.size)
        jacobi = 1.0 / self.diagonal[kept]
        solution, _ = cg(
            LinearOperator(shape, product, dtype=float),
            right,
            x0=guess,
            rtol=_CG_ACCURACY,
            maxiter=int(min(_CG_MAX_ITER, self.products_left)),
            M=LinearOperator(shape, lambda v: jacobi * v, dtype=float),
        )
        return solution if self.products_left > 0 else None
