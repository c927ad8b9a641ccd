"""Select rows deterministically."""

import numpy as np


def evenly_spaced(n_samples, max_samples):
    """Choose positions at equal distances, starting from the first.

    Parameters
    ----------
    n_samples : int
        Number of positions to choose from.
    max_samples : int
        Largest number of positions.

    Returns
    -------
    positions : ndarray of int of shape (min(n_samples, max_samples),)
        Distinct and increasing.
    """
    n_chosen = min(n_samples, max_samples)
    return np.arange(n_chosen) * n_samples // n_chosen
