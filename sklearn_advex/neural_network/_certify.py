"""What is proven of a fitted network: a lower bound of its worst-case accuracy, and radii."""

from functools import partial

import numpy as np
import torch

from sklearn_advex._utils._class_targets import label_positions
from sklearn_advex._utils._sklearn_compat import check_sample_weight
from sklearn_advex.neural_network._attack import frozen
from sklearn_advex.neural_network._bounds import METHODS, MarginBounds, check_bounded, input_box
from sklearn_advex.neural_network._categories import Flips
from sklearn_advex.neural_network._data import share_of

#: A radius is looked for between the inverse of this number and the number itself.
_LARGEST_RADIUS = 2.0**60
#: How much less than the bounds could prove a radius may be, relative to it.
_PRECISION = 1e-8


class CertifyMixin:
    """Mixin for networks whose robustness can be proven by bounds."""

    def certified_score(self, X, y, epsilon=None, method="auto", sample_weight=None):
        """Certified accuracy, a lower bound of the worst-case accuracy.

        The share of rows that are classified correctly whatever the adversary does, by bounds on
        the outputs of all layers. :meth:`adversarial_score` is an upper bound; the truth lies
        between. What is proven here no attack can turn.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, ...)
            Test rows.
        y : array-like of shape (n_samples,)
            True labels.
        epsilon : float, array-like of the shape of a row or dict, default=None
            What the adversary may do, within `clip`; None is what the model was trained against.
        method : {"auto", "interval", "crown"}, default="auto"
            "interval" propagates intervals [1]_, which is fast and enough for networks that were
            trained with ``training="ibp"``. "crown" propagates linear bounds backward [2]_, takes
            the better one of both, and costs some hundred passes; hidden layers of more than 512
            units keep their intervals. "auto" is "crown" for the rows that "interval" leaves open.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        float
            In [0, 1], never above :meth:`adversarial_score`. Exact for linear modules.

        Raises
        ------
        ValueError
            If a layer of the module has no bounds; the message names it.

        Notes
        -----
        The proof holds for the module in exact arithmetic. The bounds are computed in float64 and
        leave room for the rounding errors of float32, in which the model predicts.

        References
        ----------
        .. [1] S. Gowal et al. "On the Effectiveness of Interval Bound Propagation for Training
           Verifiably Robust Models". 2018. https://arxiv.org/abs/1810.12715

        .. [2] H. Zhang, T.-W. Weng, P.-Y. Chen, C.-J. Hsieh, L. Daniel. "Efficient Neural Network
           Robustness Certification with General Activation Functions". NeurIPS 2018.
           https://arxiv.org/abs/1811.00866
        """
        return self._certified_score(X, y, epsilon, method, sample_weight)

    def _certified_score(self, X, y, epsilon, method, sample_weight, max_flips=0):
        rows = self._check_inputs(X)
        if sample_weight is not None:
            sample_weight = check_sample_weight(sample_weight, rows, ensure_non_negative=True)
        epsilon = self._box_of(self._epsilon_of_attack(epsilon))
        self._check_flips(rows, max_flips)
        certifier = self._certifier("certified_score", method, max_flips)
        positions = label_positions(y, self.classes_, rows)
        is_certified = positions >= 0  # a label that the model does not know is never predicted
        known = rows[is_certified], positions[is_certified]
        is_certified[is_certified] = certifier.is_certified(*known, epsilon)
        return share_of(is_certified, sample_weight)

    def certified_radius(self, X, method="auto"):
        """A radius within which no change of a row alters its prediction.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, ...)
            Rows to certify.
        method : {"auto", "interval", "crown"}, default="auto"
            As for :meth:`certified_score`.

        Returns
        -------
        ndarray of shape (n_samples,)
            For each row a number r such that no change of all features (also those with
            ``epsilon_ == 0``, but no categories) by up to r, within `clip`, alters the prediction:
            the largest one that the bounds can prove, by bisection. 0 where nothing is proven,
            infinity where the whole range of valid inputs is. The true distance to another class
            may be larger; for linear modules without `clip` it is not, but for what rounding to
            float32 may change.

        Raises
        ------
        ValueError
            If a layer of the module has no bounds; the message names it.
        """
        rows = self._check_inputs(X)
        certifier = self._certifier("certified_radius", method)
        positions = self._predict_logits(rows).argmax(axis=1)
        unit = self._box_of(np.ones(self.n_features_in_))

        def is_certified(chosen, radii):
            return certifier.is_certified(rows[chosen], positions[chosen], unit, radii)

        return largest_radii(is_certified, len(rows))

    def _check_flips(self, rows, max_flips):
        """Raise a ValueError unless an adversary can flip so many categories of rows."""

    def _box_of(self, epsilon):
        """The half-widths of columns that are no categories; those change by flips only."""
        epsilon = np.array(epsilon)
        for group in self._category_groups():
            epsilon[group] = 0.0
        return epsilon

    def _certifier(self, purpose, method, max_flips=0):
        if method not in METHODS:
            raise ValueError(f"method={method!r} is unknown. It must be one of {list(METHODS)}.")
        check_bounded(self.module_, purpose)
        with frozen(self.module_):
            bounds = MarginBounds(self.module_, self._layout.module_shape)
        as_inputs = partial(self._as_inputs, dtype=torch.float64)
        groups = [torch.as_tensor(group, device=self.device_) for group in self._category_groups()]
        return _Certifier(bounds, as_inputs, self._clip_inputs(), method, groups, max_flips)


class _Certifier:
    def __init__(self, bounds, as_inputs, clip, method, groups, max_flips):
        self.bounds, self.as_inputs, self.clip = bounds, as_inputs, clip
        self.groups, self.max_flips = groups, max_flips
        self.methods = ("interval", "crown") if method == "auto" else (method,)

    def is_certified(self, rows, positions, epsilon, scales=None):
        """Whether the given class of each row provably leads within `epsilon` times its scale."""
        scales = np.ones(len(rows)) if scales is None else scales
        is_certified = np.zeros(len(rows), dtype=bool)
        epsilon = self.as_inputs(epsilon)
        for method in self.methods:
            open_rows = np.flatnonzero(~is_certified)
            batch_size = self.bounds.rows_per_batch("crown" if self.max_flips else method)
            for start in range(0, len(open_rows), batch_size):
                chosen = open_rows[start : start + batch_size]
                X = self.as_inputs(rows[chosen])
                scale = torch.tensor(scales[chosen], device=X.device)
                box = input_box(X, epsilon * scale.reshape(-1, *[1] * (X.ndim - 1)), self.clip)
                y = torch.tensor(positions[chosen], device=X.device)
                flips = Flips(X, self.groups, self.max_flips) if self.max_flips else None
                leads = self.bounds.leads(box, y, method, flips)
                is_certified[chosen] = (leads > 0).cpu().numpy()
        return is_certified


def largest_radii(is_certified, n_samples):
    """The largest number for which each row passes a test that all smaller ones pass too.

    Parameters
    ----------
    is_certified : callable
        ``is_certified(rows, radii)``: whether each of some rows passes at its radius.
    n_samples : int

    Returns
    -------
    ndarray of shape (n_samples,)
        To a relative precision of 1e-8, from below.
    """
    passed, failed = np.zeros(n_samples), np.full(n_samples, np.inf)
    rows = np.arange(n_samples)
    while rows.size:
        radii = _between(passed[rows], failed[rows])
        passes = is_certified(rows, radii)
        passed[rows] = np.where(passes, radii, passed[rows])
        failed[rows] = np.where(passes, failed[rows], radii)
        rows = rows[~_is_settled(passed[rows], failed[rows])]
    return np.where(passed >= _LARGEST_RADIUS, np.inf, passed)


def _between(passed, failed):
    """The next radius to try: 1 at first, then by factors of 2, then halfway."""
    radii = np.where(passed > 0, (passed + failed) / 2, failed / 2)
    return np.where(np.isinf(failed), np.where(passed > 0, 2 * passed, 1.0), radii)


def _is_settled(passed, failed):
    is_close = failed - passed <= _PRECISION * passed
    return is_close | (passed >= _LARGEST_RADIUS) | (failed <= 1 / _LARGEST_RADIUS)
