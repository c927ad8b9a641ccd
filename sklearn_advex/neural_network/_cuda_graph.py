"""An attack on a GPU in one go, instead of kernel by kernel."""

from functools import partial

import torch

_WARM_UP_RUNS = 3  # what torch advises before a capture, for libraries that choose their kernels


def captured_attack(attack, logits_of, X, y):
    """Record an attack as a CUDA graph, to be repeated on other batches of the same shape.

    The kernels of a small network are shorter than it takes Python to start them; a graph starts
    them all at once.

    Parameters
    ----------
    attack : ProjectedGradientDescent
    logits_of : callable
        From inputs to logits. The weights behind it may change in place afterwards.
    X : Tensor of shape (n_samples, ...)
        A batch on a CUDA device.
    y : Tensor of int64 of shape (n_samples,)

    Returns
    -------
    callable
        From inputs, classes and scale to perturbed inputs, as
        :meth:`ProjectedGradientDescent.perturb`. Where a module does what a graph cannot hold, such
        as to look at numbers on the host, the attack goes on kernel by kernel.
    """
    try:
        return _CapturedAttack(attack, logits_of, X, y)
    except RuntimeError:
        return partial(attack.perturb, logits_of)


class _CapturedAttack:
    def __init__(self, attack, logits_of, X, y):
        self.X, self.y = X.clone(), y.clone()
        self.scale = torch.ones((), device=X.device)
        run = partial(attack.perturb, logits_of, self.X, self.y, self.scale)
        stream = torch.cuda.Stream(X.device)
        stream.wait_stream(torch.cuda.current_stream(X.device))
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UP_RUNS):
                run()
        torch.cuda.current_stream(X.device).wait_stream(stream)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.perturbed = run()

    def __call__(self, X, y, scale):
        self.X.copy_(X)
        self.y.copy_(y)
        self.scale.fill_(scale)
        self.graph.replay()
        return self.perturbed.clone()
