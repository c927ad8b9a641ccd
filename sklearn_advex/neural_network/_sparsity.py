"""Conciseness as a term of the loss."""

from dataclasses import dataclass

import torch

from sklearn_advex._networks import input_gradient
from sklearn_advex.neural_network._attack import lead_of_rivals
from sklearn_advex.neural_network._robust_losses import BatchLoss, RobustLoss

#: Gradients per row. More follow Integrated Gradients closer, and cost as many passes.
_N_NODES = 4


@dataclass(frozen=True)
class SparseAttributionLoss(RobustLoss):
    r"""A loss, and how far the attributions of each clean row are from concentrated.

    .. math::

        L + \lambda \left( 1 - G\left( A(x) \right) \right)

    with the Gini index G (eq. I.62 of Chalasani et al., ICML 2020) and Integrated Gradients A of
    the probability of the true class, from a baseline of 0 and with few nodes: the prior of Erion
    et al. (Nature Machine Intelligence 2021, https://arxiv.org/abs/1906.10670) for each row.

    Parameters
    ----------
    loss : RobustLoss
    sparsity : float
        The weight lambda.
    """

    loss: RobustLoss
    sparsity: float

    @property
    def requires_bounds(self):
        """Whether the loss underneath requires bounds."""
        return self.loss.requires_bounds

    def prepare(self, net, batch, scale):
        """Prepare the loss underneath; see :class:`RobustLoss`."""
        return self.loss.prepare(net, batch, scale)

    def losses(self, net, batch):
        """Compute the loss of each row; see :class:`RobustLoss`."""
        losses, outcomes = self.loss.losses(net, batch)
        attributions = path_attributions(net.logits, batch.clean_X, batch.y)
        return BatchLoss(losses + self.sparsity * (1.0 - gini(attributions)), outcomes)


def path_attributions(logits_of, X, y):
    """Attribute the probability of the true class to the inputs; differentiable.

    Integrated Gradients from a baseline of 0 with a few nodes, the middles of equal parts of the
    path.

    Parameters
    ----------
    logits_of : callable
    X : Tensor of shape (n_samples, ...)
    y : Tensor of int64 of shape (n_samples,)

    Returns
    -------
    Tensor of shape (n_samples, n_features)
    """
    shares = (torch.arange(_N_NODES, dtype=X.dtype, device=X.device) + 0.5) / _N_NODES
    points = shares.reshape(-1, *[1] * X.ndim) * X.detach()
    with torch.enable_grad():
        probe = points.flatten(0, 1).requires_grad_()
        log_odds = -lead_of_rivals(logits_of(probe), y.repeat(_N_NODES))
        probabilities = log_odds.sigmoid().sum()
        gradient = input_gradient(probabilities, probe, create_graph=True)
    return (X * gradient.unflatten(0, points.shape[:2]).mean(dim=0)).flatten(1)


def gini(attributions):
    """Gini index of the absolute values of each row, differentiable.

    Parameters
    ----------
    attributions : Tensor of shape (n_samples, n_features)

    Returns
    -------
    Tensor of shape (n_samples,)
        0 for a row of zeros.
    """
    ordered = attributions.abs().sort(dim=1).values
    n_features = ordered.shape[1]
    ranks = torch.arange(1, n_features + 1, dtype=ordered.dtype, device=ordered.device)
    shares = (2 * ranks - n_features - 1) / n_features
    total = ordered.sum(dim=1)
    return (ordered @ shares) / total.clamp(min=torch.finfo(total.dtype).tiny)
