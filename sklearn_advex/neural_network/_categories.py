"""Categories in one-hot columns: which belong together, and what an adversary may change."""

from typing import NamedTuple

import numpy as np
import torch
from scipy import sparse

from sklearn_advex._utils._origins import column_origins

_TOLERANCE = 1e-6


def one_hot_categories(transformer, X):
    """Find the groups of one-hot columns that a fitted transformer makes.

    Parameters
    ----------
    transformer : estimator
        A fitted OneHotEncoder, or a ColumnTransformer or pipeline with one.
    X : array-like or DataFrame of shape (n_samples, n_columns)
        Rows to transform, such as the training data.

    Returns
    -------
    list of ndarray of int
        Positions of the columns of each group among the transformed ones, for the parameter
        `categories` of :class:`~sklearn_advex.AdversarialMLPClassifier`: those made from the same
        column of `X`, if each row has a single 1 among them. Binary columns that were encoded in
        one column (``drop="if_binary"``) are no group.

    Raises
    ------
    ValueError
        If the transformer makes a column from several others.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.preprocessing import OneHotEncoder
    >>> from sklearn_advex.neural_network import one_hot_categories
    >>> X = np.array([["a", "x"], ["b", "y"], ["a", "z"]])
    >>> one_hot_categories(OneHotEncoder().fit(X), X)
    [array([0, 1]), array([2, 3, 4])]
    """
    encoded = transformer.transform(X)
    encoded = encoded.toarray() if sparse.issparse(encoded) else np.asarray(encoded)
    origins = column_origins(transformer, np.shape(X)[1])
    groups = [np.flatnonzero(origins == origin) for origin in np.unique(origins)]
    return [group for group in groups if len(group) > 1 and _is_one_hot(encoded[:, group]).all()]


def resolve_categories(categories, names, n_features):
    """Turn `categories` into positions of columns.

    Parameters
    ----------
    categories : list of array-like, or None
        Groups of columns, by position or by name.
    names : ndarray of str or None
        Names of the columns, where there are any.
    n_features : int

    Returns
    -------
    list of ndarray of int

    Raises
    ------
    ValueError
        If a column is unknown, in two groups, or alone in one.
    """
    groups = [_positions(group, names, n_features) for group in categories or []]
    taken = np.concatenate([np.empty(0, dtype=int), *groups])
    columns, counts = np.unique(taken, return_counts=True)
    if (counts > 1).any():
        column = columns[counts > 1][0]
        raise ValueError(
            f"categories overlap: column {_name(column, names)} is in more than one group, or twice"
            " in one. Each one-hot column belongs to a single category."
        )
    return groups


def check_one_hot(rows, groups, names=None, is_unknown_allowed=False):
    """Raise a ValueError unless each row has a single 1 in each group, and zeros beside it.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_features)
    groups : list of ndarray of int
    names : ndarray of str, default=None
    is_unknown_allowed : bool, default=False
        Whether a row may have zeros only, as encoders write categories that they do not know.
    """
    for group in groups:
        is_valid = _is_one_hot(rows[:, group])
        if is_unknown_allowed:
            is_valid |= (np.abs(rows[:, group]) <= _TOLERANCE).all(axis=1)
        if not is_valid.all():
            columns = ", ".join(str(_name(column, names)) for column in group[:5])
            more = ", ..." if len(group) > 5 else ""
            row = int(np.flatnonzero(~is_valid)[0])
            raise ValueError(
                f"categories must be one-hot, but the columns ({columns}{more})"
                f" are not in row {row}: a single 1 and zeros beside it. Encode them by a"
                " OneHotEncoder, and scale the other columns only, such as by a ColumnTransformer."
            )


class Flips(NamedTuple):
    """The categories that an adversary may change, each to any other one.

    Attributes
    ----------
    X : Tensor of shape (n_samples, n_features)
        The rows as they are.
    groups : list of Tensor of int64
        Columns of each category.
    max_flips : int
        How many categories may change in a row.
    """

    X: torch.Tensor
    groups: list[torch.Tensor]
    max_flips: int

    def lowest_change(self, A):
        """The largest fall of linear functions of a row by flips, exactly.

        Parameters
        ----------
        A : Tensor of shape (n_samples or 1, n_functions, n_features)

        Returns
        -------
        Tensor of shape (n_samples, n_functions)
            Not above 0.
        """
        falls = []
        for group in self.groups:
            own = (A[..., group] * self.X[:, None, group]).sum(dim=2)
            falls.append((A[..., group].amin(dim=2) - own).clamp(max=0))
        falls = torch.stack(falls, dim=2)
        n_flips = min(self.max_flips, falls.shape[2])
        return falls.topk(n_flips, dim=2, largest=False).values.sum(dim=2)

    def hull(self, box):
        """Widen a box by whatever flips may reach.

        Parameters
        ----------
        box : Box

        Returns
        -------
        tuple of Tensor
            Lower and upper end.
        """
        low, high = box.low.clone(), box.high.clone()
        columns = torch.cat(self.groups)
        low[:, columns], high[:, columns] = 0.0, 1.0
        return low, high


class Mixture(NamedTuple):
    """A threat to train against: each category is replaced by a mixture of others with a share.

    A one-hot vector o becomes :math:`(1 - s) o + s q` with any probabilities q: the box of half
    width s within the simplex of the group.

    Attributes
    ----------
    groups : list of Tensor of int64
        Columns of each category.
    shares : Tensor of shape (n_groups,)
    per_column : Tensor of shape (1, n_features)
        The share of the group that a column is in, 0 for the others.
    """

    groups: list[torch.Tensor]
    shares: torch.Tensor
    per_column: torch.Tensor

    def ends(self, weight, X, scale):
        """How far linear functions of each row may fall and rise.

        Parameters
        ----------
        weight : Tensor of shape (n_functions, n_features)
        X : Tensor of shape (n_samples, n_features)
        scale : float
            What the shares are multiplied by.

        Returns
        -------
        low, high : Tensor of shape (n_samples, n_functions)
        """
        shares = self.shares * scale
        smallest = torch.stack([weight[:, group].amin(dim=1) for group in self.groups], dim=1)
        largest = torch.stack([weight[:, group].amax(dim=1) for group in self.groups], dim=1)
        own = torch.nn.functional.linear(X * (self.per_column * scale), weight)
        return smallest @ shares - own, largest @ shares - own


def make_mixture(groups, epsilon):
    """Take the shares of the groups from the half-widths of their columns.

    Parameters
    ----------
    groups : list of ndarray of int
    epsilon : Tensor of shape (1, n_features)

    Returns
    -------
    numeric : Tensor of shape (1, n_features)
        `epsilon` of the other columns, 0 for those in groups.
    mixture : Mixture
    """
    groups = [torch.as_tensor(group, device=epsilon.device) for group in groups]
    shares = torch.stack([epsilon[0, group].amax().clamp(max=1.0) for group in groups])
    numeric, per_column = epsilon.clone(), torch.zeros_like(epsilon)
    for group, share in zip(groups, shares, strict=True):
        numeric[:, group], per_column[:, group] = 0.0, share
    return numeric, Mixture(groups, shares, per_column)


def _positions(group, names, n_features):
    group = np.atleast_1d(np.asarray(group))
    if group.dtype.kind in "OUT" and names is not None:
        place_of = {name: place for place, name in enumerate(names)}
        unknown = [name for name in group if name not in place_of]
        if unknown:
            raise ValueError(
                f"categories name the column {str(unknown[0])!r}, which X does not have."
            )
        group = np.array([place_of[name] for name in group])
    is_valid = group.ndim == 1 and group.dtype.kind in "iu" and len(group) > 1
    if not is_valid or group.min() < 0 or group.max() >= n_features:
        raise ValueError(
            f"categories must be groups of at least two of the {n_features} columns, by position or"
            f" (for a DataFrame) by name; got the group {group.tolist()!r:.80}."
        )
    return group.astype(np.int64)


def _is_one_hot(values):
    is_zero, is_one = np.abs(values) <= _TOLERANCE, np.abs(values - 1) <= _TOLERANCE
    return (is_zero | is_one).all(axis=1) & (is_one.sum(axis=1) == 1)


def _name(column, names):
    return int(column) if names is None else names[column]


def flip_greedily(leads_of, rows, groups):
    """Change one category of each row to the one that costs the true class the most.

    Parameters
    ----------
    leads_of : callable
        From rows to the lead of each row's true class.
    rows : ndarray of shape (n_samples, n_features)
    groups : list of ndarray of int

    Returns
    -------
    ndarray of shape (n_samples, n_features)
        Rows as they were where no change of a category lowers the lead.
    """
    least, flipped = leads_of(rows), rows.copy()
    for group in groups:
        for column in group:
            candidates = rows.copy()
            candidates[:, group] = 0.0
            candidates[:, column] = 1.0
            leads = leads_of(candidates)
            is_better = leads < least
            least[is_better], flipped[is_better] = leads[is_better], candidates[is_better]
    return flipped
