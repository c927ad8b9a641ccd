"""Scores by linear classifiers, and the most that an adversary can do to them, exactly.

Scores are one per class; the class with the highest score is predicted, the first of those that
tie. A binary classifier has the scores 0 and its decision function.
"""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array, issparse


class LinearScores(NamedTuple):
    """Scores of rows by a linear classifier, one per class, and its coefficients.

    Attributes
    ----------
    rows : {ndarray, CSR} of shape (n_samples, n_features)
    coef : ndarray of shape (n_classes, n_features)
    scores : ndarray of shape (n_samples, n_classes)
    """

    rows: np.ndarray
    coef: np.ndarray
    scores: np.ndarray

    @classmethod
    def from_coefficients(cls, rows, coef, intercept):
        """Score rows by one row of coefficients per class, or one for two classes.

        Parameters
        ----------
        rows : {array-like, sparse matrix} of shape (n_samples, n_features)
        coef : ndarray of shape (1, n_features) or (n_classes, n_features)
        intercept : float or ndarray of shape (1,) or (n_classes,)

        Returns
        -------
        LinearScores
        """
        scores = np.asarray(rows @ coef.T + intercept)
        if len(coef) == 1:
            coef = np.vstack([np.zeros_like(coef), coef])
            scores = np.hstack([np.zeros_like(scores), scores])
        return cls(rows, coef, scores)

    def reach(self, perturbation):
        """Compute the most that a change can add to the lead of a class over another.

        Parameters
        ----------
        perturbation : PerturbationSet

        Returns
        -------
        ndarray of shape (n_classes, n_classes)
            Row k has the leads over class k.
        """
        return np.stack([perturbation.support(self.coef - own) for own in self.coef])

    def flipped_leads(self, labels, adversary):
        """Compute the largest lead of each class over the row's own by flips alone.

        Parameters
        ----------
        labels : ndarray of int of shape (n_samples,)
            Positions of the rows' own classes.
        adversary : Adversary

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        own = np.take_along_axis(self.scores, labels[:, np.newaxis], axis=1)
        return self.scores - own + adversary.flip_gains(self.rows, self.coef, labels)

    def worst_leads(self, labels, adversary):
        """Compute the largest lead of each class over the row's own by an allowed change.

        Parameters
        ----------
        labels : ndarray of int of shape (n_samples,)
        adversary : Adversary

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        reach = self.reach(adversary.perturbation)
        return self.flipped_leads(labels, adversary) + reach[labels]

    def is_robust(self, labels, adversary):
        """Return whether no allowed change makes the model predict another class than `labels`.

        Parameters
        ----------
        labels : ndarray of int of shape (n_samples,)
        adversary : Adversary

        Returns
        -------
        ndarray of bool of shape (n_samples,)
        """
        return ~_is_overtaken(self.worst_leads(labels, adversary), labels).any(axis=1)

    def worst_rows(self, labels, adversary):
        """Change the rows so that another class gets the largest lead over their own.

        Parameters
        ----------
        labels : ndarray of int of shape (n_samples,)
        adversary : Adversary

        Returns
        -------
        {ndarray, sparse matrix} of shape (n_samples, n_features)
        """
        leads = self.worst_leads(labels, adversary)
        np.put_along_axis(leads, labels[:, np.newaxis], -np.inf, axis=1)
        rivals = leads.argmax(axis=1)
        changed = self._worst_changes(rivals, labels, adversary.perturbation)
        return adversary.flip(changed, self.coef, labels, rivals)

    def _worst_changes(self, rivals, labels, perturbation):
        """The rows, changed within a set."""
        pairs, pair_of_row = np.unique(
            np.column_stack([rivals, labels]), axis=0, return_inverse=True
        )
        pair_of_row = pair_of_row.ravel()  # NumPy 2.0 gives it two axes
        changes = perturbation.maximizer(self.coef[pairs[:, 0]] - self.coef[pairs[:, 1]])
        changes = changes.astype(self.rows.dtype)
        if issparse(self.rows):
            return self.rows + type(self.rows)(csr_array(changes)[pair_of_row])
        changed = changes[pair_of_row]
        changed += self.rows
        return changed

    def certified_radii(self, unit):
        """Compute the smallest multiple of a set with a change that alters each prediction.

        Parameters
        ----------
        unit : Adversary
            Its set is multiplied, flips are not.

        Returns
        -------
        ndarray of shape (n_samples,)
            0 if flips alone alter it, infinity if no change does.
        """
        predicted = self.scores.argmax(axis=1)
        leads = self.flipped_leads(predicted, unit)
        reach = self.reach(unit.perturbation)[predicted]
        radii = np.divide(-leads, reach, out=np.full_like(leads, np.inf), where=reach > 0)
        radii[_is_overtaken(leads, predicted)] = 0.0
        return radii.min(axis=1)


def _is_overtaken(leads, labels):
    """Return which classes are predicted in place of the row's own, by their leads over it."""
    loses_ties = np.arange(leads.shape[1]) < labels[:, np.newaxis]
    return (leads > 0) | ((leads == 0) & loses_ties)
