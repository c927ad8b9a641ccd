"""Evaluation of networks against an adversary that changes categories."""

import numpy as np

from sklearn_advex._utils._categories import check_flips
from sklearn_advex.neural_network._categories import flip_greedily


class CategoryAttackMixin:
    """Mixin for networks of which some columns are one-hot categories, `categories_`."""

    def perturb(self, X, y, epsilon=None, steps=None, restarts=1, max_flips=0):
        """Attack the model: change each row so that its true class loses.

        Columns of categories change by flips only, all others within their box, by projected
        gradient descent. Flips are chosen one after the other, each the one that costs the true
        class the most, with the box searched anew in between: a search, which for linear models
        with two classes finds the worst case.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Rows to attack. Never changed.
        y : array-like of shape (n_samples,)
            True labels.
        epsilon : float, array-like of shape (n_features,) or dict, default=None
            Half-widths of the box, as in the constructor; None is what the model was trained
            against. Not looked at for columns of categories.
        steps : int, default=None
            Steps of the attack; None takes `attack_steps`.
        restarts : int, default=1
            Attacks from new random starts on the rows that are still classified correctly.
        max_flips : int, default=0
            How many categories of a row may be changed to another one.

        Returns
        -------
        ndarray of the shape of X, or table
            Of float32 if X is, else of float64. Features with an epsilon of 0 are as in `X`, bit by
            bit, and in a table of the type they have.

        Raises
        ------
        ValueError
            If `y` holds a label that the model does not know, `max_flips` is not 0 without
            categories, a row is not one-hot, or another argument is not valid.
        """
        return self._perturb(X, y, (epsilon, steps, restarts, max_flips))

    def adversarial_score(
        self, X, y, epsilon=None, steps=None, restarts=1, sample_weight=None, max_flips=0
    ):
        """Accuracy under attack, an upper bound of the worst-case accuracy.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Test rows.
        y : array-like of shape (n_samples,)
            True labels.
        epsilon : float, array-like of shape (n_features,) or dict, default=None
            Half-widths of the box; None is what the model was trained against.
        steps : int, default=None
            Steps of the attack; None takes `attack_steps`.
        restarts : int, default=1
            Attacks on the rows that are still classified correctly.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        max_flips : int, default=0
            How many categories of a row may be changed to another one.

        Returns
        -------
        float
            In [0, 1], never above :meth:`score`.
        """
        return self._adversarial_score(X, y, (epsilon, steps, restarts, max_flips), sample_weight)

    def certified_score(self, X, y, epsilon=None, method="auto", sample_weight=None, max_flips=0):
        """Certified accuracy, a lower bound of the worst-case accuracy.

        The share of rows that are classified correctly whatever the adversary does, by bounds on
        the outputs of all layers. :meth:`adversarial_score` is an upper bound; the truth lies
        between.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Test rows.
        y : array-like of shape (n_samples,)
            True labels.
        epsilon : float, array-like of shape (n_features,) or dict, default=None
            Half-widths of the box, within `clip`; None is what the model was trained against. Not
            looked at for columns of categories.
        method : {"auto", "interval", "crown"}, default="auto"
            "interval" propagates intervals, which is fast and enough for networks that were trained
            with ``training="ibp"``. "crown" propagates linear bounds backward and takes the better
            one of both. "auto" is "crown" for the rows that "interval" leaves open.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        max_flips : int, default=0
            How many categories of a row may be changed to another one.

        Returns
        -------
        float
            In [0, 1], never above :meth:`adversarial_score`. Exact for linear models.

        Raises
        ------
        ValueError
            If `max_flips` is not 0 without categories, or a row is not one-hot.

        See Also
        --------
        AdversarialNetClassifier.certified_score : What is proven, and the sources.
        """
        return self._certified_score(X, y, epsilon, method, sample_weight, max_flips)

    def _check_flips(self, rows, max_flips):
        names = getattr(self, "feature_names_in_", None)
        check_flips(max_flips, rows, self.categories_, names)

    def _search_worst_case(self, rows, positions, epsilon, steps, restarts, max_flips=0):
        """Search flips one by one, and the box anew after each of them."""
        self._check_flips(rows, max_flips)
        own = np.arange(len(rows))

        def leads_of(candidates):
            logits = self._predict_logits(candidates)
            lead = logits[own, positions].copy()
            logits[own, positions] = -np.inf
            return lead - logits.max(axis=1)

        search = (positions, epsilon, steps, restarts)
        perturbed, is_robust = super()._search_worst_case(rows, *search)
        for _ in range(min(max_flips, len(self.categories_))):
            flipped = flip_greedily(leads_of, perturbed, self.categories_)
            flipped = self._with_numbers_of(rows, flipped)
            attacked, _ = super()._search_worst_case(flipped, *search)
            is_worse = leads_of(attacked) <= leads_of(perturbed)
            perturbed = np.where(is_worse[:, np.newaxis], attacked, perturbed)
        return perturbed, is_robust & (leads_of(perturbed) > 0)

    def _with_numbers_of(self, rows, flipped):
        """The categories of some rows with the other columns of others."""
        columns = np.concatenate(self.categories_)
        mixed = rows.copy()
        mixed[:, columns] = flipped[:, columns]
        return mixed
