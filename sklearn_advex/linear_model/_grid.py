"""The largest useful `epsilon` and `alpha`, in closed form, and a grid below them."""

import numpy as np

from sklearn_advex._perturbation import PERTURBATION_SETS, perturbation_set
from sklearn_advex._utils._counts import check_count
from sklearn_advex.linear_model._training_data import training_data


def epsilon_max(X, y, sample_weight=None, norm="linf"):
    r"""The smallest `epsilon` at which adversarial training uses no feature at all.

    It is the strength of the strongest feature, :math:`\max_j |m_j^+ - m_j^-| / 2` with
    :math:`m_j^\pm` the mean of feature j within each class (:math:`|a_j|` of eq. B.23 in [1]_):
    without a penalty on the weights and with an intercept, `coef_` is zero if and only if
    ``epsilon >= epsilon_max``. For the other norms the Euclidean length of the strengths and their
    sum are in place of the largest. All this holds for every smooth loss; with the hinge loss,
    which has more than one slope to choose from, `coef_` may be zero already below. With more
    than two classes it is the largest over the one-vs-rest problems, so that at `epsilon_max` all
    of them are without features.

    Parameters
    ----------
    X : {array-like, sparse matrix, dask array or DataFrame} of shape (n_samples, n_features)
        Training data.
    y : array-like of shape (n_samples,)
        Class labels, at least two different ones.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows; the class means are weighted by them.
    norm : {"linf", "l2", "l1"}, default="linf"
        The norm of the perturbation set.

    Returns
    -------
    float
        In the units of the features.

    Raises
    ------
    ValueError
        If `y` has one class only, a class has no weight, or the norm is unknown.

    See Also
    --------
    epsilon_grid : Values below `epsilon_max` for a search.

    References
    ----------
    .. [1] P. Chalasani, J. Chen, A. R. Chowdhury, S. Jha, X. Wu. "Concise Explanations of Neural
       Networks using Adversarial Training". ICML 2020. :arxiv:`1810.06583`

    Examples
    --------
    >>> from sklearn_advex import epsilon_max
    >>> epsilon_max([[0.0, 5.0], [1.0, 5.0], [2.0, 5.0], [3.0, 5.0]], [0, 0, 1, 1])
    1.0
    """
    if norm not in PERTURBATION_SETS:
        raise ValueError(f"norm must be one of {sorted(PERTURBATION_SETS)}, got {norm!r}.")
    return largest_epsilon(training_data(X, y, sample_weight), norm)


def alpha_max(X, y, l1_ratio=1.0, sample_weight=None):
    r"""The smallest `alpha` at which an l1-penalized model uses no feature at all.

    For natural training (``epsilon=0``) it is :math:`\max_j \pi (1 - \pi) |m_j^+ - m_j^-|` divided
    by `l1_ratio`, with :math:`\pi` the weight of the positive class and :math:`m_j^\pm` the mean
    of feature j within each class; the largest over the one-vs-rest problems where there are more
    than two classes. The intercept is not penalized.

    Parameters
    ----------
    X : {array-like, sparse matrix, dask array or DataFrame} of shape (n_samples, n_features)
        Training data.
    y : array-like of shape (n_samples,)
        Class labels, at least two different ones.
    l1_ratio : float, default=1.0
        Share of the l1 penalty, in (0, 1].
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If `l1_ratio` is not in (0, 1]: a penalty without an l1 part makes no coefficient zero. If
        `y` has one class only, or a class has no weight.

    See Also
    --------
    epsilon_max : The same bound for `epsilon`.

    Examples
    --------
    >>> from sklearn_advex import alpha_max
    >>> alpha_max([[0.0, 5.0], [1.0, 5.0], [2.0, 5.0], [3.0, 5.0]], [0, 0, 1, 1])
    0.5
    """
    if not 0 < l1_ratio <= 1:
        raise ValueError(
            f"l1_ratio must be in (0, 1], got {l1_ratio!r}: without an l1 part no alpha makes the"
            " coefficients zero."
        )
    gaps, shares = training_data(X, y, sample_weight).class_mean_gaps
    return float((shares * (1 - shares) * gaps.max(axis=1)).max() / l1_ratio)


def epsilon_grid(X, y, n=10, ratio=1e-2, sample_weight=None, norm="linf"):
    """Values of `epsilon` for a search: a geometric grid below `epsilon_max`.

    Parameters
    ----------
    X : {array-like, sparse matrix, dask array or DataFrame} of shape (n_samples, n_features)
        Training data.
    y : array-like of shape (n_samples,)
        Class labels, at least two different ones.
    n : int, default=10
        Number of values.
    ratio : float, default=1e-2
        The smallest value as a share of `epsilon_max`, in (0, 1).
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.
    norm : {"linf", "l2", "l1"}, default="linf"
        The norm of the perturbation set.

    Returns
    -------
    ndarray of shape (n,)
        Increasing, from ``ratio * epsilon_max`` on, the largest strictly below `epsilon_max`.

    Raises
    ------
    ValueError
        If `n`, `ratio` or `norm` is out of range, or no feature tells the classes apart.

    See Also
    --------
    epsilon_max : The upper end of the grid.
    epsilon_path : The models of such a grid.

    Examples
    --------
    >>> from sklearn_advex import epsilon_grid
    >>> epsilon_grid([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1], n=2)
    array([0.01, 0.1 ])
    """
    check_count(n, "n")
    if not 0 < ratio < 1:
        raise ValueError(f"ratio must be in (0, 1), got {ratio!r}.")
    return grid_below(epsilon_max(X, y, sample_weight, norm), n, ratio)


def grid_below(largest, n, ratio=1e-2):
    """Return a geometric grid below a number.

    Parameters
    ----------
    largest : float
        What `epsilon_max` returns.
    n : int
    ratio : float, default=1e-2

    Returns
    -------
    ndarray of shape (n,)

    Raises
    ------
    ValueError
        If the number is 0.
    """
    if largest == 0:
        raise ValueError("X has the same mean in all classes of y: no epsilon above 0 is useful.")
    return np.geomspace(ratio * largest, largest, n, endpoint=False)


def largest_epsilon(data, norm="linf"):
    """Compute `epsilon_max` of validated data.

    Parameters
    ----------
    data : TrainingData
    norm : {"linf", "l2", "l1"}, default="linf"

    Returns
    -------
    float
    """
    gaps, _ = data.class_mean_gaps
    unit = perturbation_set(norm, np.ones(data.n_features))
    return float(unit.gauge(gaps / 2).max())
