"""Gradients of outputs with respect to inputs."""

import torch

#: What is said where there is none.
NO_GRADIENT = (
    "The outputs of the module have no gradient with respect to its inputs: it computes under"
    " torch.no_grad(), detaches them or makes integers of them."
)


def input_gradient(total, probe, create_graph=False):
    """Differentiate a sum of outputs with respect to the inputs.

    Parameters
    ----------
    total : Tensor of shape ()
    probe : Tensor
        The inputs.
    create_graph : bool, default=False
        Whether the gradient is to be differentiated in turn.

    Returns
    -------
    Tensor of the shape of `probe`

    Raises
    ------
    ValueError
        If the sum does not depend on the inputs by way of gradients.
    """
    gradient = None
    if total.requires_grad:
        (gradient,) = torch.autograd.grad(
            total, probe, create_graph=create_graph, allow_unused=True
        )
    if gradient is None:
        raise ValueError(
            f"{NO_GRADIENT} An attack follows that gradient: train with training=None, or let the"
            " backbone compute with gradients."
        )
    return gradient
