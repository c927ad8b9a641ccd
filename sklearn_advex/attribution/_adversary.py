"""What an adversary may change in a row, and what it gains on linear functions by it."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array, issparse
from sklearn.utils import gen_batches

from sklearn_advex._perturbation import perturbation_set, resolve_epsilon
from sklearn_advex._utils._categories import check_flips, resolve_categories

# Gains per block of rows, 32 MB of float64.
_BLOCK_SIZE = 4_000_000


def make_adversary(norm, epsilon, categories, max_flips, rows, names=None):
    """Validate what a user allows an adversary.

    Parameters
    ----------
    norm : {"linf", "l2", "l1"}
    epsilon : float, array-like of shape (n_features,) or dict
        Not looked at for columns of categories.
    categories : list of array-like or None
    max_flips : int
    rows : {ndarray, CSR} of shape (n_samples, n_features)
    names : ndarray of str, default=None
        Column names, where there are any.

    Returns
    -------
    Adversary

    Raises
    ------
    ValueError
        If epsilon or the categories do not fit the columns, or there are none to flip.
    """
    groups = resolve_categories(categories, names, rows.shape[1])
    check_flips(max_flips, rows, groups, names)
    epsilon = np.array(resolve_epsilon(epsilon, rows.shape[1], names))
    for group in groups:
        epsilon[group] = 0.0
    return Adversary(perturbation_set(norm, epsilon), groups, max_flips)


class Adversary(NamedTuple):
    """A set of changes, and beside it some categories that may change to any other one.

    What a flip gains on a linear function is the largest coefficient of the category less that of
    the row's own value; flips of different categories add up, so the worst ones are those with the
    largest gains.

    Attributes
    ----------
    perturbation : PerturbationSet
        Leaves the columns of categories alone.
    groups : list of ndarray of int
        Columns of each category.
    max_flips : int
        How many categories may change in a row.
    """

    perturbation: object
    groups: list | tuple = ()
    max_flips: int = 0

    @property
    def n_flips(self):
        """Number of flips that are worth looking for."""
        return min(self.max_flips, len(self.groups))

    def flip_gains(self, rows, coef, labels):
        """Compute the most that flips can add to the lead of each class over the row's own.

        Parameters
        ----------
        rows : {ndarray, CSR} of shape (n_samples, n_features)
        coef : ndarray of shape (n_classes, n_features)
        labels : ndarray of int of shape (n_samples,)
            Positions of the rows' own classes.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Not negative.
        """
        gains = np.zeros((rows.shape[0], len(coef)))
        if self.n_flips == 0:
            return gains
        tables = [_FlipTable.from_coefficients(coef[:, group]) for group in self.groups]
        for block in gen_batches(len(gains), max(1, _BLOCK_SIZE // (len(coef) * len(tables)))):
            of_groups = [
                table.gains(rows[block][:, group], labels[block])
                for table, group in zip(tables, self.groups, strict=True)
            ]
            of_groups = np.partition(np.stack(of_groups, axis=2), -self.n_flips, axis=2)
            gains[block] = of_groups[:, :, -self.n_flips :].sum(axis=2)
        return gains

    def flip(self, rows, coef, labels, rivals):
        """Change categories so that a rival class gets the largest lead over the row's own.

        Parameters
        ----------
        rows : {ndarray, CSR} of shape (n_samples, n_features)
            Changed in place where they are an array.
        coef : ndarray of shape (n_classes, n_features)
        labels, rivals : ndarray of int of shape (n_samples,)

        Returns
        -------
        {ndarray, CSR} of shape (n_samples, n_features)
        """
        if self.n_flips == 0:
            return rows
        tables = [_FlipTable.from_coefficients(coef[:, group]) for group in self.groups]
        gains = np.zeros((rows.shape[0], len(tables)))
        for i, (table, group) in enumerate(zip(tables, self.groups, strict=True)):
            own = table.gains(rows[:, group], labels)
            gains[:, i] = np.take_along_axis(own, rivals[:, np.newaxis], axis=1)[:, 0]
        chosen = np.argpartition(-gains, self.n_flips - 1, axis=1)[:, : self.n_flips]
        is_flipped = np.zeros(gains.shape, dtype=bool)
        np.put_along_axis(is_flipped, chosen, True, axis=1)
        is_flipped &= gains > 0
        for i, (table, group) in enumerate(zip(tables, self.groups, strict=True)):
            flipped = np.flatnonzero(is_flipped[:, i])
            columns = group[table.category[labels[flipped], rivals[flipped]]]
            rows = _with_categories(rows, group, flipped, columns)
        return rows


class _FlipTable(NamedTuple):
    """The best value of one category for each pair of classes.

    Attributes
    ----------
    coef : ndarray of shape (n_classes, n_categories)
    best : ndarray of shape (n_classes, n_classes)
        Row k has the largest lead of each class over class k.
    category : ndarray of int of shape (n_classes, n_classes)
        What attains it.
    """

    coef: np.ndarray
    best: np.ndarray
    category: np.ndarray

    @classmethod
    def from_coefficients(cls, coef):
        """Find the best value for each pair of classes."""
        leads = [coef - own for own in coef]
        best = np.array([lead.max(axis=1) for lead in leads])
        return cls(coef, best, np.array([lead.argmax(axis=1) for lead in leads]))

    def gains(self, values, labels):
        """What the best flip of the category adds to the lead of each class over the row's own."""
        scores = np.asarray(values @ self.coef.T)
        own = np.take_along_axis(scores, labels[:, np.newaxis], axis=1)
        return np.maximum(self.best[labels] - (scores - own), 0.0)


def _with_categories(rows, group, changed, columns):
    """Set a category of some rows: zeros in the columns of the group, and a 1 in one of them."""
    if not issparse(rows):
        rows[np.ix_(changed, group)] = 0.0
        rows[changed, columns] = 1.0
        return rows
    before = rows[changed][:, group].tocoo()
    entries = np.concatenate([-before.data, np.ones(changed.size)]).astype(rows.dtype)
    at = (
        np.concatenate([changed[before.row], changed]),
        np.concatenate([group[before.col], columns]),
    )
    result = rows + type(rows)(coo_array((entries, at), rows.shape))
    result.eliminate_zeros()
    return result
