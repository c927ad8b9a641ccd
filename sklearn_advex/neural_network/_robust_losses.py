"""What a training step minimizes: the loss of a batch, natural or against an adversary."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from torch.nn import functional

from sklearn_advex.neural_network._attack import (
    ProjectedGradientDescent,
    fgsm_step_size,
    frozen,
    pgd_step_size,
)
from sklearn_advex.neural_network._bounds import input_box, steps_of, worst_case_logits
from sklearn_advex.neural_network._categories import Mixture, make_mixture


class Adversary(NamedTuple):
    """What a network is trained against, as the parameters of an estimator say.

    Attributes
    ----------
    epsilon : Tensor that broadcasts to inputs
        Half-width of the allowed change of each entry of an input.
    clip : tuple (low, high) of Tensors that broadcast to inputs, or None
        The valid inputs.
    attack_steps : int
    attack_step_size : "auto" or float
    random_start : bool
    trades_weight : float
    certified_share : float
    categories : list of ndarray of int
        Groups of one-hot columns.
    """

    epsilon: torch.Tensor
    clip: tuple[torch.Tensor, torch.Tensor] | None
    attack_steps: int
    attack_step_size: float | str
    random_start: bool
    trades_weight: float
    certified_share: float
    categories: list

    def attack(self, n_steps, step_size, random_start):
        """Return an attack whose steps have a length of `step_size` unless the user gave one."""
        if self.attack_step_size != "auto":
            step_size = torch.full_like(self.epsilon, self.attack_step_size)
        return ProjectedGradientDescent(self.epsilon, step_size, n_steps, random_start, self.clip)


class Outcome(NamedTuple):
    """Logits of a batch, and the cross-entropy of each row."""

    logits: torch.Tensor
    losses: torch.Tensor

    @classmethod
    def of(cls, logits, y):
        """Compute the cross-entropies.

        Parameters
        ----------
        logits : Tensor of shape (n_samples, n_classes)
        y : Tensor of int64 of shape (n_samples,)
            Positions of the true classes.

        Returns
        -------
        Outcome
        """
        return cls(logits, functional.cross_entropy(logits, y, reduction="none"))


class BatchLoss(NamedTuple):
    """The loss of each row of a batch, and what it was computed from.

    Attributes
    ----------
    losses : Tensor of shape (n_samples,)
        What is minimized, to be averaged with the weights of the rows.
    outcomes : dict of str to Outcome
        On the clean batch ("clean"), on the attacked batch ("adversarial") and in the worst case by
        bounds ("certified"), as far as they were computed. What the loss is of comes last.
    """

    losses: torch.Tensor
    outcomes: dict[str, Outcome]


class RobustLoss(ABC):
    """The loss that a training step minimizes.

    It is computed in two parts, since an optimizer may ask for the loss of a batch several times:
    `prepare` once per batch, `losses` in every evaluation.

    Attributes
    ----------
    requires_bounds : bool
        Whether every layer of the module must have bounds.
    """

    requires_bounds = False

    def prepare(self, net, batch, scale):
        """Compute what does not depend on the optimizer's evaluation, such as an attack.

        Parameters
        ----------
        net : AdversarialNet
        batch : Batch
        scale : float
            What epsilon is multiplied by, in [0, 1].

        Returns
        -------
        Batch
            With `scale`; `X` is replaced by the attacked inputs where there is an attack.
        """
        return batch.with_scale(scale)

    @abstractmethod
    def losses(self, net, batch):
        """Compute the loss of each row.

        Parameters
        ----------
        net : AdversarialNet
        batch : Batch
            From `prepare`.

        Returns
        -------
        BatchLoss
        """


@dataclass(frozen=True)
class NaturalLoss(RobustLoss):
    """The cross-entropy of the batch as it is."""

    def losses(self, net, batch):
        """Compute the loss of each row; see :class:`RobustLoss`."""
        clean = Outcome.of(net.logits(batch.X), batch.y)
        return BatchLoss(clean.losses, {"clean": clean})


@dataclass(frozen=True)
class AttackedLoss(RobustLoss):
    """The cross-entropy of the attacked batch (Madry et al., ICLR 2018)."""

    attack: ProjectedGradientDescent

    def prepare(self, net, batch, scale):
        """Attack the batch; see :class:`RobustLoss`."""
        with frozen(net.module_):
            logits_of = net.frozen_logits()
            with torch.no_grad():
                clean = logits_of(batch.X)
            attacked = net.run_attack(self.attack, logits_of, batch.X, batch.y, scale)
        return batch.with_scale(scale).attacked(attacked, clean)

    def losses(self, net, batch):
        """Compute the loss of each row; see :class:`RobustLoss`."""
        adversarial = Outcome.of(net.logits(batch.X), batch.y)
        clean = Outcome.of(batch.clean_logits, batch.y)
        return BatchLoss(adversarial.losses, {"clean": clean, "adversarial": adversarial})


@dataclass(frozen=True)
class TradesLoss(RobustLoss):
    r"""The clean cross-entropy and how far an attack can move the predicted probabilities.

    .. math::

        L(f(x), y) + \beta \max_{\delta} \mathrm{KL}\left( p(x) \| p(x + \delta) \right)

    (Zhang et al., ICML 2019, https://arxiv.org/abs/1901.08573).

    Parameters
    ----------
    attack : ProjectedGradientDescent
        With a random start: at the input itself the divergence has no slope.
    weight : float
        The factor beta.
    """

    attack: ProjectedGradientDescent
    weight: float

    def prepare(self, net, batch, scale):
        """Attack the predicted probabilities; see :class:`RobustLoss`."""
        with frozen(net.module_):
            logits_of = net.frozen_logits()
            with torch.no_grad():
                clean = logits_of(batch.X)
            targets = clean.softmax(dim=1)
            attacked = net.run_attack(self.attack, logits_of, batch.X, targets, scale)
        return batch.with_scale(scale).attacked(attacked, clean)

    def losses(self, net, batch):
        """Compute the loss of each row; see :class:`RobustLoss`."""
        clean = Outcome.of(net.logits(batch.clean_X), batch.y)
        adversarial = Outcome.of(net.logits(batch.X), batch.y)
        divergences = functional.kl_div(
            adversarial.logits.log_softmax(dim=1),
            clean.logits.log_softmax(dim=1),
            reduction="none",
            log_target=True,
        ).sum(dim=1)
        losses = clean.losses + self.weight * divergences
        return BatchLoss(losses, {"clean": clean, "adversarial": adversarial})


@dataclass(frozen=True)
class IntervalLoss(RobustLoss):
    r"""The cross-entropy of worst-case logits by interval bounds, mixed with the natural loss.

    .. math::

        (1 - \kappa) L(f(x), y) + \kappa L(z(x), y)

    where :math:`z_k` bounds how far the logit of class k can rise above that of the true class
    (Gowal et al., 2018, https://arxiv.org/abs/1810.12715). The share :math:`\kappa` grows together
    with epsilon.

    Parameters
    ----------
    epsilon : Tensor that broadcasts to inputs
    clip : tuple (low, high) of Tensors that broadcast to inputs, or None
    certified_share : float
        The share at full epsilon.
    mixture : Mixture, default=None
        What happens to categories beside the box.
    """

    epsilon: torch.Tensor
    clip: tuple[torch.Tensor, torch.Tensor] | None
    certified_share: float
    mixture: Mixture | None = None

    requires_bounds = True

    def losses(self, net, batch):
        """Compute the loss of each row; see :class:`RobustLoss`."""
        clean = Outcome.of(net.logits(batch.X), batch.y)
        box = input_box(batch.X, self.epsilon * batch.scale, self.clip)
        mixture = None
        if self.mixture is not None:
            mixture = partial(self.mixture.ends, X=batch.X, scale=batch.scale)
        worst = worst_case_logits(steps_of(net.module_), box, batch.y, mixture)
        certified = Outcome.of(worst, batch.y)
        losses = torch.lerp(clean.losses, certified.losses, self.certified_share * batch.scale)
        return BatchLoss(losses, {"clean": clean, "certified": certified})


def _natural(adversary):
    return NaturalLoss()


def _pgd(adversary):
    n_steps = adversary.attack_steps
    step_size = pgd_step_size(adversary.epsilon, n_steps)
    return AttackedLoss(adversary.attack(n_steps, step_size, adversary.random_start))


def _fgsm(adversary):
    step_size = fgsm_step_size(adversary.epsilon)
    return AttackedLoss(adversary.attack(1, step_size, adversary.random_start))


def _trades(adversary):
    n_steps = adversary.attack_steps
    step_size = pgd_step_size(adversary.epsilon, n_steps)
    attack = adversary.attack(n_steps, step_size, random_start=True)
    return TradesLoss(attack, adversary.trades_weight)


def _ibp(adversary):
    epsilon, mixture = adversary.epsilon, None
    if adversary.categories:
        epsilon, mixture = make_mixture(adversary.categories, epsilon)
    return IntervalLoss(epsilon, adversary.clip, adversary.certified_share, mixture)


#: From the parameter `training` of an estimator and its :class:`Adversary` to the loss.
ROBUST_LOSSES = {None: _natural, "pgd": _pgd, "fgsm": _fgsm, "trades": _trades, "ibp": _ibp}
