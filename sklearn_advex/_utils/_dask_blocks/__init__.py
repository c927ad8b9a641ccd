"""Blocks of rows of Dask collections: joined once, summed over, and mapped lazily.

This folder imports dask: only functions that were given a collection import it.
"""

from sklearn_advex._utils._dask_blocks._join import column_of, join_blocks
from sklearn_advex._utils._dask_blocks._map_rows import first_row, map_rows
from sklearn_advex._utils._dask_blocks._means import mean_of_scores, mean_over_rows
from sklearn_advex._utils._dask_blocks._row_blocks import BlockSum, RowBlocks, add_up

__all__ = [
    "BlockSum",
    "RowBlocks",
    "add_up",
    "column_of",
    "first_row",
    "join_blocks",
    "map_rows",
    "mean_of_scores",
    "mean_over_rows",
]
