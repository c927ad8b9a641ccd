"""Training on the rows of Dask collections: one function per block, one computation per pass.

Only coefficients and sums over blocks travel. Nothing here is imported unless X is such a
collection.
"""
