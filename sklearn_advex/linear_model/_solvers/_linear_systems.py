"""Linear systems of Newton's method: by Cholesky's factorization or by conjugate gradients."""

import numpy as np
from scipy.linalg.blas import dsymv
from scipy.linalg.lapack import dpotrf, dpotrs
from scipy.sparse.linalg import LinearOperator, cg

# Ridge, relative to the diagonal, under which a Hessian counts as positive definite.
_HESSIAN_RIDGE = 1e-12
# The same for a scaled matrix whose solutions are refined once.
_REFINED_RIDGE = 1e-14
# Factor by which a ridge rises after a failure: a larger one needs fewer attempts.
_RIDGE_RISE = 100
# Conjugate gradients stop at this share of the right-hand side; Newton's method corrects the rest.
_CG_ACCURACY = 1e-2
_CG_MAX_ITER = 500
# Added to every diagonal so that each system has a solution. Multiplied by a ridge it is still a
# normal number.
_TINY_DIAGONAL = 1e-280


def cholesky(take_matrix, diagonal, ridge):
    """Factorize a positive semidefinite matrix, with a ridge that rises until it succeeds.

    Parameters
    ----------
    take_matrix : callable
        Returns a new Fortran-ordered copy of the lower triangle.
    diagonal : ndarray of shape (n,)
        By which the ridge is multiplied.
    ridge : float

    Returns
    -------
    ndarray of shape (n, n)
        The lower factor.
    """
    while True:
        matrix = take_matrix()
        matrix.T.flat[:: diagonal.size + 1] += ridge * diagonal
        factor, failed = dpotrf(matrix, lower=True, clean=False, overwrite_a=True)
        if not failed:
            return factor
        ridge *= _RIDGE_RISE


def refined_solver(matrix):
    """Factorize a positive semidefinite matrix for accurate solutions.

    Parameters
    ----------
    matrix : ndarray of shape (n, n)

    Returns
    -------
    callable or None
        From right-hand side to solution. None if the matrix is not positive semidefinite up to
        rounding.
    """
    diagonal = np.diag(matrix) + np.finfo(float).tiny
    if not (np.isfinite(matrix).all() and (diagonal > 0).all()):
        return None
    scale = 1.0 / np.sqrt(diagonal)
    scaled = matrix * scale[:, None] * scale
    factor = cholesky(lambda: scaled.copy(order="F"), np.ones(scale.size), _REFINED_RIDGE)

    def solve(right):
        right = scale * right
        solution = dpotrs(factor, right, lower=True)[0]
        # One step of refinement makes up for the ridge.
        solution += dpotrs(factor, right - scaled @ solution, lower=True)[0]
        return scale * solution

    return solve


def orthant_hessian(objective, curvature, signs, cg_budget=0):
    """Prepare the second derivatives within an orthant for the solution of systems.

    Parameters
    ----------
    objective : RobustObjective
    curvature : object
        Of an evaluation at a point in the orthant.
    signs : ndarray of shape (n_variables,)
        The orthant, see `RobustObjective.hessian_matrix`.
    cg_budget : float, default=0
        Products that conjugate gradients may take; 0 for a matrix if it is not too large, else for
        conjugate gradients without a limit.

    Returns
    -------
    DenseHessian or HessianOperator
    """
    with np.errstate(over="ignore", invalid="ignore"):
        if objective.hessian_is_matrix(cg_budget):
            hessian = DenseHessian(objective.hessian_matrix(curvature, signs))
        else:
            hessian = HessianOperator(
                lambda v: objective.hessian_product(curvature, signs, v),
                objective.hessian_diagonal(curvature, signs),
                cg_budget or np.inf,
            )
    if not np.isfinite(hessian.diagonal.sum()):
        raise ValueError(
            "X or epsilon holds values so large that their squares overflow: bring the features"
            " to one scale first."
        )
    return hessian


class DenseHessian:
    """A Hessian held as a matrix; systems are solved by Cholesky's factorization.

    Parameters
    ----------
    matrix : ndarray of shape (n, n)
        Fortran-ordered. Only its lower triangle counts.
    """

    def __init__(self, matrix):
        self.matrix = matrix
        self.diagonal = matrix.diagonal() + _TINY_DIAGONAL
        self._factored = self._factor = None

    def damp(self, share):
        """Raise the diagonal by a share of itself.

        Parameters
        ----------
        share : float
        """
        self.matrix.flat[:: self.matrix.shape[0] + 1] += share * self.diagonal
        self._factored = None

    def product(self, v):
        """Multiply the Hessian by a vector.

        Parameters
        ----------
        v : ndarray of shape (n,)

        Returns
        -------
        ndarray of shape (n,)
        """
        return dsymv(1.0, self.matrix, v, lower=True)

    def solve(self, free, right, guess):
        """Solve the system of some variables; a singular one approximately.

        Parameters
        ----------
        free : ndarray of int of shape (n_free,)
        right : ndarray of shape (n_free,)
        guess : ndarray of shape (n_free,)
            Not used.

        Returns
        -------
        ndarray of shape (n_free,)
        """
        if self._factored is None or not np.array_equal(free, self._factored):
            self._factor = cholesky(
                lambda: self.matrix.T[free[:, None], free].T, self.diagonal[free], _HESSIAN_RIDGE
            )
            self._factored = free
        return dpotrs(self._factor, right, lower=True)[0]


class HessianOperator:
    """A Hessian known by its products and its diagonal; systems are solved by conjugate gradients.

    Parameters
    ----------
    product : callable
        Takes and returns an ndarray of shape (n,).
    diagonal : ndarray of shape (n,)
    cg_budget : float, default=inf
        Largest number of products that all systems together may take.
    """

    def __init__(self, product, diagonal, cg_budget=np.inf):
        self.undamped_product = product
        self.products_left = cg_budget
        self.diagonal = diagonal + _TINY_DIAGONAL
        self.damping = 0.0

    def damp(self, share):
        """Raise the diagonal by a share of itself.

        Parameters
        ----------
        share : float
        """
        self.damping = self.damping + share * self.diagonal

    def product(self, v):
        """Multiply the Hessian by a vector.

        Parameters
        ----------
        v : ndarray of shape (n,)

        Returns
        -------
        ndarray of shape (n,)
        """
        return self.undamped_product(v) + self.damping * v

    def solve(self, free, right, guess):
        """Solve the system of some variables approximately.

        Parameters
        ----------
        free : ndarray of int of shape (n_free,)
        right, guess : ndarray of shape (n_free,)

        Returns
        -------
        ndarray of shape (n_free,) or None
            None if the budget is used up.
        """
        padded = np.zeros(self.diagonal.size)

        def product(v):
            padded[free] = v
            self.products_left -= 1
            return self.product(padded)[free]

        shape = (free.size, free.size)
        jacobi = 1.0 / self.diagonal[free]
        solution, _ = cg(
            LinearOperator(shape, product, dtype=float),
            right,
            x0=guess,
            rtol=_CG_ACCURACY,
            maxiter=int(min(_CG_MAX_ITER, self.products_left)),
            M=LinearOperator(shape, lambda v: jacobi * v, dtype=float),
        )
        return solution if self.products_left > 0 else None
