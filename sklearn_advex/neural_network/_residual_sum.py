"""A sum of two paths through a network, as a layer that bounds can look into."""

from torch import nn


class ResidualSum(nn.Module):
    """The sum of a branch and its input, or of a branch and a shortcut.

    A module whose `forward` adds up itself is opaque to bounds; this one says what it does.

    Parameters
    ----------
    branch : torch.nn.Module
        Any layers with bounds, often a `torch.nn.Sequential`.
    shortcut : torch.nn.Module, default=None
        What the input passes through before it is added, where shapes differ; None adds the input
        itself.

    See Also
    --------
    AdversarialNetClassifier : Trains and certifies networks with such layers.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from sklearn_advex.neural_network import ResidualSum
    >>> block = ResidualSum(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 4)))
    >>> block(torch.zeros(3, 4)).shape
    torch.Size([3, 4])
    """

    def __init__(self, branch, shortcut=None):
        super().__init__()
        self.branch = branch
        self.shortcut = nn.Identity() if shortcut is None else shortcut

    def forward(self, X):
        """Add up both paths.

        Parameters
        ----------
        X : Tensor of shape (n_samples, ...)

        Returns
        -------
        Tensor of shape (n_samples, ...)
        """
        return self.branch(X.clone()) + self.shortcut(X)  # a branch may write to its input
