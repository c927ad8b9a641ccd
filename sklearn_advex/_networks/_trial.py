"""The trial that every acceleration of a network has to stand before it is used."""

import torch

#: Largest deviation of outputs in float32, relative to the largest output. If larger, another
#: function could pass; if smaller, the rounding of another order of sums is refused.
ROUNDING = 1e-3
#: The same in bfloat16, which has three significant digits.
BFLOAT16_ROUNDING = 0.1
#: Rows that are tried. More find more, and cost a pass of so many.
N_TRIED = 8


class Trial:
    """What a network computes for some rows as it is, to hold a faster form of it against.

    Modules of users do what nobody foresees: they look at the memory format of a tensor, mix data
    types, or are no longer what their class says. Processors do too: for some shapes, oneDNN's
    convolutions in bfloat16 are wrong on those with AMX. So no acceleration is taken for granted.
    It has to run forward and backward on some of the user's rows, and to return what the network
    returns; where it does not, the network is used as it is.

    Parameters
    ----------
    network : callable
        From inputs to outputs, in evaluation mode.
    X : Tensor of shape (n_samples, ...)
    """

    def __init__(self, network, X):
        self.X = X
        self.expected = _passes(network, X)

    def agrees(self, network, tolerance=ROUNDING, *, has_own_gradient=False):
        """Whether another form of the network runs and returns the same.

        Parameters
        ----------
        network : callable
        tolerance : float, default=1e-3
            Largest deviation, relative to the largest output.
        has_own_gradient : bool, default=False
            Whether the gradient with respect to X is not the one that torch derives, so that its
            deviation, relative to its length, must not be larger either. That of torch is not
            compared: it jumps where the inputs of a max-pool are equal but for rounding.

        Returns
        -------
        bool
            False too where the network itself does not run.
        """
        found = _passes(network, self.X)
        if self.expected is None or found is None:
            return False
        (expected, slope), (outputs, own_slope) = self.expected, found
        if outputs.shape != expected.shape:
            return False
        agrees = (outputs - expected).abs().amax() <= tolerance * expected.abs().amax()
        if has_own_gradient:
            agrees &= (own_slope - slope).norm() <= tolerance * slope.norm()
        return bool(agrees)


def _passes(network, X):
    """Outputs and the gradient of a mix of them, or None where there is an error."""
    try:
        with torch.enable_grad():
            probe = X.detach().clone().requires_grad_()
            outputs = network(probe.clone()).float()
            slope = torch.zeros_like(probe)
            if outputs.requires_grad:
                mix = torch.arange(outputs.numel(), device=X.device).cos().reshape(outputs.shape)
                leaves = _leaves(outputs.grad_fn)
                gradients = torch.autograd.grad((outputs * mix).sum(), leaves)
                pairs = zip(leaves, gradients, strict=True)
                slope = sum((gradient for leaf, gradient in pairs if leaf is probe), slope)
    except Exception:  # whatever it is: the other form is the one to use
        return None
    return outputs.detach(), slope.float()


def _leaves(node):
    """The tensors that a graph ends in and that collect gradients."""
    seen, open_nodes, leaves = set(), [node], []
    while open_nodes:
        node = open_nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            leaves.append(node.variable)
        open_nodes.extend(parent for parent, _ in node.next_functions)
    return leaves
