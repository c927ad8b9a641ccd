"""Prices of one machine, and the sizes from which on another way is the faster one.

A price is in multiplications of a dense matrix by another, of which a core of that machine does
3e10 a second. ``python -m benchmarks.linear.calibrate`` measures the prices anew. They decide
between ways to the same result: a wrong one costs time, never accuracy.
"""

# An entry of a dense matrix in a matvec and an rmatvec together. They are memory-bound.
DENSE_ENTRY = 10
# The same for an entry that is read from where it is stored first, at about 1 GB/s.
STREAMED_ENTRY = 240
# The same for an entry of a CSR matrix in memory, and for a row of it: they wait for
# indirect access.
SPARSE_ENTRY = 60
# A pair of entries of one row in the Gram matrix of a CSR matrix, ...
SPARSE_PAIR = 60
# ... and an entry of its result.
SPARSE_GRAM_ENTRY = 300

# Columns of a dense X are copied if the copy is at most this share of X (larger: more memory,
# faster products) ...
COPIED_SHARE = 1 / 5
# ... or has at most this number of entries (6 MB of float64).
COPIED_ENTRIES = 3 * 2**18
# Float64 numbers in a block of rows: larger ones no longer stay in the cache of a core.
BLOCK_SIZE = 2**17
# Rows in a block: longer ones gather their columns more slowly.
BLOCK_ROWS = 1024

# Multiplications of a Hessian that take no longer than the rest of a Newton step: a larger value
# computes it anew in more of the steps.
CHEAP_HESSIAN = 2**18
# The same, for each entry of rows that are read anew, of a Hessian that is computed in passing: a
# larger value reads the rows less often, and computes more Hessians that nobody asks for.
HESSIAN_IN_PASSING = 50
# Columns out of use are left out of a Hessian if those in use are at most this share: a larger
# value picks columns more often.
USED_SHARE = 0.9
# Features up to which a Hessian may be a matrix: 2 MB per 500 of them, squared.
LARGEST_DENSE_HESSIAN = 1500
# Conjugate gradients are tried if their budget is at least this number of products: a larger value
# prefers the matrix.
MIN_CG_BUDGET = 60
# Cones of programs with up to this number of variables are dense matrices.
LARGEST_DENSE_CONE = 100

# A fit to at least this number of rows starts from one to a sample: a smaller number takes samples
# where they do not pay.
MIN_ROWS_TO_SAMPLE = 100_000
# Rows of which one is in a sample: a larger number takes less time for a start that is less near.
# It is a prime, as rows may come in turn.
ROWS_PER_SAMPLED = 7
