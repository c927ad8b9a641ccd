"""DeepSHAP of networks: captum's DeepLIFT, mended where captum 0.9.0 is silently wrong.

- Where two non-linear modules follow each other directly, the first one reads its gradient before
  the second one has changed it (captum issue 1104). Here each of them works on a clone.
- The rule of max-pooling takes the gradient of the batch's first row where a row and its baseline
  agree, and forgets all but one of the windows that share an entry. Here it is another one.
- The rule of softmax takes a mean over the batch, and that of `shap` divides the change of the
  probability by that of the class's own logit, which may be next to nothing while the probability
  falls. Here the contributions to all logits are weighed by the mean slope of the output on the
  line between both points, which never exceeds the largest slope and gives the same sums.
- Functions that are called outside of modules, and modules without a rule, pass as if they were
  linear. Here they are found and refused.
"""

import warnings

import numpy as np
import torch
from captum.attr import DeepLift
from sklearn.utils import gen_batches
from torch import nn

from sklearn_advex._networks import is_as_its_class
from sklearn_advex.attribution._torch._affine import check_affine_but_for
from sklearn_advex.attribution._torch._mean_slopes import mean_slopes
from sklearn_advex.attribution._torch._network import private_copy

_ELEMENTWISE = (nn.ReLU, nn.LeakyReLU, nn.ELU, nn.Sigmoid, nn.Tanh, nn.Softplus)
_MAX_POOLS = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)

# Below this difference a quotient of differences is rounding, and the derivative takes its place.
_SMALL = 1e-6

# Copies of the outputs of all layers that are held: of two rows, with clones and gradients.
_COPIES = 6


class DeepShap:
    """DeepSHAP values: the mean over background rows of DeepLIFT's rescale rule.

    Parameters
    ----------
    network : Network
    background : ndarray of shape (n_background, ...)
    background_scores : ndarray of shape (n_background, n_classes)
    output : {"probability", "logit", "loss"}
    batch_size : int or None
        Pairs of a row and a background row that are computed at a time; None chooses by memory.

    Raises
    ------
    ValueError
        If DeepLIFT has no rule for something that the module does.
    """

    def __init__(self, network, background, background_scores, output, batch_size):
        self.network = network
        self.background = background
        self.background_scores = background_scores
        self.output = output
        self.batch_size = batch_size or network.rows_per_batch(copies=_COPIES)
        self.deep_lift = DeepLift(_WeightedScores(_with_rules(network)), eps=_SMALL)

    def attribute(self, scores, positions):
        """Attribute all rows of the network.

        Parameters
        ----------
        scores : ndarray of shape (n_samples, n_classes)
        positions : ndarray of int of shape (n_samples,)
            The classes to explain.

        Returns
        -------
        values : ndarray of shape (n_samples, ...)
        """
        values = np.zeros_like(self.network.values)
        background_per_batch = min(len(self.background), self.batch_size)
        rows_per_batch = self.batch_size // background_per_batch
        for rows in gen_batches(len(values), rows_per_batch):
            for background in gen_batches(len(self.background), background_per_batch):
                slopes = self._slopes(scores[rows], positions[rows], background)
                values[rows] += self._of_pairs(rows, background, slopes)
        return values / len(self.background)

    def _of_pairs(self, rows, background, slopes):
        """Sum the attributions to all logits, times slopes, over some background rows."""
        x = self.network.tensor(self.network.values[rows])
        u = self.network.tensor(self.background[background])
        n_rows, n_background = len(x), len(u)
        x, u = x.repeat_interleave(n_background, dim=0).requires_grad_(), torch.cat([u] * n_rows)
        with warnings.catch_warnings():
            # captum announces its hooks in every call.
            warnings.filterwarnings("ignore", "Setting forward, backward hooks", UserWarning)
            pairs = self.deep_lift.attribute(x, u, additional_forward_args=(slopes.to(x),))
        total = pairs.detach().reshape(n_rows, n_background, -1).sum(dim=1)
        return total.reshape(n_rows, *self.background.shape[1:]).cpu().numpy()

    def _slopes(self, scores, positions, background):
        """Compute the mean slopes of the output by all scores, pair after pair."""
        start_scores = self.background_scores[background]
        n_rows, n_background = len(scores), len(start_scores)
        return mean_slopes(
            torch.from_numpy(np.tile(start_scores, (n_rows, 1))),
            torch.from_numpy(np.repeat(scores, n_background, axis=0)),
            self.output,
            self.network.scores.is_single,
            torch.from_numpy(np.repeat(positions, n_background)),
        )


class _WeightedScores(nn.Module):
    """The sum of the scores of all classes with weights of each row's own."""

    def __init__(self, scores):
        super().__init__()
        self.scores = scores

    def forward(self, x, weights):
        return (self.scores(x) * weights).sum(dim=1)


def _with_rules(network):
    """Copy the scores so that captum's DeepLIFT is right on them, or refuse them."""
    scores = network.scores.of(private_copy(network.scores.module))
    ruled = {module for module in scores.modules() if _has_rule(module)}
    check_affine_but_for(scores, network.tensor(network.values[:4]), ruled.__contains__)
    for module in scores.modules():
        if type(module) in _ELEMENTWISE:
            module.register_forward_pre_hook(lambda _, inputs: tuple(x.clone() for x in inputs))
        elif type(module) in _MAX_POOLS:
            # Not a new layer in its place: all references to the module must get the rule.
            module.__class__ = type(type(module).__name__, (_MaxPool, type(module)), {})
    return scores


def _has_rule(module):
    """Return whether DeepLIFT has a rule for a module; by exact type, as captum does."""
    if not is_as_its_class(module):
        return False
    if type(module) in _MAX_POOLS:
        return not module.return_indices
    return type(module) in _ELEMENTWISE


class _MaxPool:
    """Max-pooling whose gradient is DeepLIFT's multiplier."""

    def forward(self, x):
        return _MaxPoolRule.apply(x, super().forward)


class _MaxPoolRule(torch.autograd.Function):
    """The cross-maximum rule of `shap`, for a batch of rows followed by their baselines.

    From the baseline's maximum v to the row's maximum y, the rise to max(y, v) is attributed to the
    entry that is largest in the row, the rest to the one that is largest in the baseline.
    """

    @staticmethod
    def forward(ctx, x, pool):
        ctx.save_for_backward(x)
        ctx.pool = pool
        return pool(x)

    @staticmethod
    def backward(ctx, grad_output):
        x = ctx.saved_tensors[0].detach().requires_grad_()
        with torch.enable_grad():
            pooled = ctx.pool(x)
        largest, largest_baseline = pooled.detach().chunk(2)
        both = torch.maximum(largest, largest_baseline)
        rise = torch.cat([both - largest_baseline, largest - both])
        (contribution,) = torch.autograd.grad(pooled, x, grad_output * rise)
        row, baseline = x.detach().chunk(2)
        difference = row - baseline
        is_small = difference.abs() < _SMALL
        total = contribution.chunk(2)[0] + contribution.chunk(2)[1]
        multiplier = torch.where(is_small, 0.0, total / torch.where(is_small, 1.0, difference))
        return torch.cat([multiplier, multiplier]), None
