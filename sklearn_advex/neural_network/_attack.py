"""The adversary of networks: projected gradient descent within a box around each input."""

from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from weakref import WeakKeyDictionary

import torch

from sklearn_advex._networks import input_gradient

_LOCK = Lock()
_FROZEN = WeakKeyDictionary()  # per module: number of open `frozen` contexts, how to restore it


@dataclass(frozen=True)
class ProjectedGradientDescent:
    r"""Search the worst input within :math:`|\delta_j| \le \epsilon_j` by signed gradient steps.

    From a start in the box, each step follows the sign of the gradient of the loss L and is then
    projected back onto the box and the valid inputs,

    .. math::

        z \leftarrow \Pi \left( z + s \, \mathrm{sign} \, \nabla_z L(z, y) \right),

    the attack of Madry et al. (ICLR 2018, https://arxiv.org/abs/1706.06083). One step from a random
    start is the fast gradient sign method of Wong et al. (ICLR 2020,
    https://arxiv.org/abs/2001.03994).

    Parameters
    ----------
    epsilon : Tensor that broadcasts to inputs
        Half-width of the allowed change of each entry of an input.
    step_size : Tensor that broadcasts to inputs
        Length s of a step per entry.
    n_steps : int
        Number of steps.
    random_start : bool
        Whether to start anywhere in the box rather than at the input.
    clip : tuple (low, high) of Tensors that broadcast to inputs, or None
        The valid inputs; None where all are valid. An input beyond is not moved further out.
    generator : torch.Generator, default=None
        What random starts are drawn from; None is torch's global random state.
    """

    epsilon: torch.Tensor
    step_size: torch.Tensor
    n_steps: int
    random_start: bool
    clip: tuple[torch.Tensor, torch.Tensor] | None
    generator: torch.Generator | None = None

    def perturb(self, logits_of, X, y, scale=1.0):
        """Attack a batch.

        Parameters
        ----------
        logits_of : callable
            From inputs to logits of shape (n_samples, n_classes), each row by itself.
        X : Tensor of shape (n_samples, ...)
            Inputs. Never changed.
        y : Tensor of int64 of shape (n_samples,), or float of shape (n_samples, n_classes)
            Positions of the true classes, whose cross-entropy is maximized; or probabilities, the
            divergence from which is.
        scale : float, default=1.0
            What `epsilon` and `step_size` are multiplied by.

        Returns
        -------
        Tensor of shape (n_samples, ...)
        """
        low, high = self._bounds(X, scale)
        Z = X.clone()
        if self.random_start:
            Z = torch.lerp(low, high, Z.uniform_(generator=self.generator))
        step = self.step_size * scale
        for _ in range(self.n_steps):
            Z.addcmul_(_loss_gradient(logits_of, Z, y).sign_(), step)
            Z.clamp_(low, high)
        return Z

    def _bounds(self, X, scale):
        epsilon = self.epsilon * scale
        low, high = X - epsilon, X + epsilon
        if self.clip is None:
            return low, high
        least, most = torch.minimum(self.clip[0], X), torch.maximum(self.clip[1], X)
        return low.clamp_(least, most), high.clamp_(least, most)


def strongest_attack(attack, logits_of, X, y, n_restarts):
    """Attack a batch, and again from new starts those rows that are still classified correctly.

    Parameters
    ----------
    attack : ProjectedGradientDescent
    logits_of, X, y
        As for :meth:`ProjectedGradientDescent.perturb`.
    n_restarts : int
        Number of attacks on a row that holds, at least 1.

    Returns
    -------
    Z : Tensor of shape (n_samples, ...)
        For each row the input that gives its true class the least lead over another one: the result
        of an attack, or the row itself where nothing else is as bad.
    is_fooled : Tensor of bool of shape (n_samples,)
    """
    worst = X.clone()
    lead, is_fooled = _lead_and_errors(logits_of, X, y)
    attacked = torch.arange(len(y), device=y.device)
    for _ in range(n_restarts):
        Z = attack.perturb(logits_of, X[attacked], y[attacked])
        new_lead, new_is_fooled = _lead_and_errors(logits_of, Z, y[attacked])
        is_worse = new_lead < lead[attacked]
        worse = attacked[is_worse]
        worst[worse], lead[worse] = Z[is_worse], new_lead[is_worse]
        is_fooled[attacked] |= new_is_fooled
        attacked = torch.nonzero(~is_fooled).squeeze(1)
        if len(attacked) == 0:
            break
    return worst, is_fooled


@torch.no_grad()
def _lead_and_errors(logits_of, X, y):
    """Lead of the true class's logit over the others, and whether another class is predicted."""
    logits = logits_of(X)
    own = logits.gather(1, y[:, None])
    rivals = logits.scatter(1, y[:, None], -torch.inf)
    return own.squeeze(1) - rivals.amax(dim=1), logits.argmax(dim=1) != y


def _loss_gradient(logits_of, Z, y):
    """Gradient of each row's own cross-entropy with respect to that row, up to a positive factor.

    The cross-entropy is the softplus of the lead of all rivals together over the true class. The
    gradient of the lead has the same direction, and does not vanish in float32 where the model is
    sure.
    """
    with torch.enable_grad():
        probe = Z.detach().requires_grad_()
        logits = logits_of(probe).float()
        if y.is_floating_point():
            return input_gradient(-(y * logits.log_softmax(dim=1)).sum(), probe)
        return input_gradient(lead_of_rivals(logits, y).sum(), probe)


def lead_of_rivals(logits, y):
    """How far all other classes together lead over the true one: its log-odds, negated.

    Parameters
    ----------
    logits : Tensor of shape (n_samples, n_classes)
    y : Tensor of int64 of shape (n_samples,)

    Returns
    -------
    Tensor of shape (n_samples,)
    """
    own = logits.gather(1, y[:, None]).squeeze(1)
    return logits.scatter(1, y[:, None], -torch.inf).logsumexp(dim=1) - own


def pgd_step_size(epsilon, n_steps):
    """Length of the steps of projected gradient descent.

    Two and a half times what it takes to cross half of the box in `n_steps` steps, as of Madry et
    al. (ICLR 2018): every point can be reached from every start.

    Parameters
    ----------
    epsilon : ndarray or Tensor
    n_steps : int

    Returns
    -------
    ndarray or Tensor
    """
    return 2.5 / n_steps * epsilon


def fgsm_step_size(epsilon):
    """Length of the single step of FGSM from a random start, as of Wong et al. (ICLR 2020).

    Parameters
    ----------
    epsilon : ndarray or Tensor

    Returns
    -------
    ndarray or Tensor
    """
    return 1.25 * epsilon


@contextmanager
def frozen(module):
    """Hold a module in evaluation mode and without gradients of parameters, in a context.

    Batch statistics are not updated, dropout does nothing, and a backward pass computes only the
    gradient with respect to the input. Several threads may freeze a module at once: the last one to
    leave restores the state that the first one found.

    Parameters
    ----------
    module : torch.nn.Module
    """
    with _LOCK:
        n_contexts, restore = _FROZEN.get(module) or (0, _freeze(module))
        _FROZEN[module] = n_contexts + 1, restore
    try:
        yield module
    finally:
        with _LOCK:
            n_contexts, restore = _FROZEN.pop(module)
            if n_contexts > 1:
                _FROZEN[module] = n_contexts - 1, restore
            else:
                restore()


def _freeze(module):
    """Freeze a module, and return a function that undoes it."""
    training = [part for part in module.modules() if part.training]
    trainable = [parameter for parameter in module.parameters() if parameter.requires_grad]

    def restore():
        for part in training:
            part.training = True
        for parameter in trainable:
            parameter.requires_grad_(True)

    module.eval()
    for parameter in trainable:
        parameter.requires_grad_(False)
    return restore
