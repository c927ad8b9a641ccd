"""Categories in one-hot columns of networks: what an adversary may do to them."""

from typing import NamedTuple

import torch


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
