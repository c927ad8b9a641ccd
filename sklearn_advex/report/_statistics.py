"""Statistics of the comparison table, as functions of arrays."""

import numpy as np

# Slack on the share: features that carry exactly the share must suffice despite rounding errors.
_ROUNDING = 1e-12


def bootstrap_interval(values, n_resamples, confidence_level, random_state):
    """Compute the percentile bootstrap interval of the mean.

    It equals :func:`scipy.stats.bootstrap`, which needs at least two values and calls its random
    state by another name from version to version.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
    n_resamples : int
        Number of samples of the same size that are drawn with replacement.
    confidence_level : float
        In (0, 1).
    random_state : int
        The same seed gives the same interval.

    Returns
    -------
    low, high : float
    """
    rng = np.random.default_rng(random_state)
    n_samples = len(values)
    means = [values[rng.integers(n_samples, size=n_samples)].mean() for _ in range(n_resamples)]
    tail = (1 - confidence_level) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def n_features_for_share(impact, share):
    """Count the features, largest impact first, that together carry a share of all impact.

    Parameters
    ----------
    impact : array-like of shape (n_features,)
        None negative.
    share : float
        In (0, 1].

    Returns
    -------
    int
        0 where all impacts are zero.
    """
    carried = np.cumsum(np.sort(np.asarray(impact, dtype=np.float64))[::-1])
    if carried[-1] == 0:
        return 0
    return int(np.searchsorted(carried, share * carried[-1] * (1 - _ROUNDING)) + 1)
