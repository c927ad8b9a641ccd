"""Changes of attributions, as pure functions of arrays."""

import numpy as np
from sklearn.utils import check_array

from sklearn_advex._utils._divided_differences import softplus_divided_difference


def attribution_change(A, A_changed):
    r"""l1 distance between the attributions of each row before and after a change of the row.

    What equation 15 of [1]_ takes the maximum of, :math:`\|A(x') - A(x)\|_1`.

    Parameters
    ----------
    A : array-like of shape (n_samples, n_features)
        Attributions of the rows.
    A_changed : array-like of shape (n_samples, n_features)
        Attributions of the changed rows.

    Returns
    -------
    change : ndarray of shape (n_samples,)
        In the units of `A`.

    Raises
    ------
    ValueError
        If the shapes differ, or an entry is not finite.

    See Also
    --------
    sklearn_advex.attribution.attribution_stability : Its maximum over the allowed changes.

    References
    ----------
    .. [1] P. Chalasani, J. Chen, A. R. Chowdhury, S. Jha, X. Wu. "Concise Explanations of Neural
       Networks using Adversarial Training". ICML 2020. https://arxiv.org/abs/1810.06583

    Examples
    --------
    >>> from sklearn_advex.metrics import attribution_change
    >>> attribution_change([[1.0, 2.0], [0.0, 1.0]], [[1.0, -1.0], [0.5, 1.5]])
    array([3., 1.])
    """
    A = check_array(A, dtype=np.float64, input_name="A")
    A_changed = check_array(A_changed, dtype=np.float64, input_name="A_changed")
    if A.shape != A_changed.shape:
        raise ValueError(
            "A and A_changed must be attributions of the same rows and features, got shapes"
            f" {A.shape} and {A_changed.shape}."
        )
    return np.abs(A_changed - A).sum(axis=1)


def adversarial_loss_increase(margin, support):
    r"""How much an adversary adds to the logistic loss of each row of a linear model.

    With :math:`g(u) = \log(1 + e^u)`, the margin :math:`m = y (\langle w, x \rangle + b)` and the
    support function h of the allowed changes it is :math:`g(h - m) - g(-m)`: the adversarial loss
    (equation 6 of [1]_) less the natural one. Theorem 5.1 of [1]_ says that this is also the
    largest l1 norm of the Integrated Gradients of the loss between a row and an allowed change.

    Parameters
    ----------
    margin : array-like of shape (n_samples,)
        Decision function of each row, with the sign of its class: positive where it is right.
    support : float or array-like of shape (n_samples,)
        The largest decrease of the margin by an allowed change: ``sum_j epsilon_j |w_j|`` for
        changes of at most `epsilon_j` in feature j. Not negative.

    Returns
    -------
    increase : ndarray of shape (n_samples,)
        Between 0 and `support`, accurate also where it is far smaller than the losses.

    Raises
    ------
    ValueError
        If a number is not finite, or `support` is negative.

    See Also
    --------
    attribution_change : The same for given changes, as a distance of attributions.
    sklearn_advex.attribution.attribution_stability : Both for a model.

    References
    ----------
    .. [1] P. Chalasani, J. Chen, A. R. Chowdhury, S. Jha, X. Wu. "Concise Explanations of Neural
       Networks using Adversarial Training". ICML 2020. https://arxiv.org/abs/1810.06583

    Examples
    --------
    >>> from sklearn_advex.metrics import adversarial_loss_increase
    >>> adversarial_loss_increase([0.0, 5.0, -50.0], support=1.0).round(3)
    array([0.62 , 0.011, 1.   ])
    """
    margin, support = np.asarray(margin, dtype=float), np.asarray(support, dtype=float)
    if not (np.isfinite(margin).all() and np.isfinite(support).all()):
        raise ValueError("margin and support must be finite numbers.")
    if (support < 0).any():
        raise ValueError("support must not be negative: it is what the worst change gains.")
    # Rounding errors can raise a slope slightly above 1.
    return np.minimum(support * softplus_divided_difference(support - margin, -margin), support)
