"""Detect networks that return probabilities where logits are required."""

#: Prefixes of torch's autograd nodes that only reshape or copy their input.
_SAME_NUMBERS = tuple(
    f"{step}Backward"
    for step in (
        "Clone",
        "Permute",
        "ReshapeAlias",
        "Select",
        "Slice",
        "Squeeze",
        "T",
        "ToCopy",
        "Transpose",
        "UnsafeView",
        "Unsqueeze",
        "View",
    )
)
# Largest deviation of a row sum from 1 that still counts as probabilities.
_TOLERANCE = 1e-4


def final_activation(outputs):
    """Name the function at the end of a network that turns logits into probabilities.

    A log-softmax is none of them: it changes neither the cross-entropy nor the probabilities.

    Parameters
    ----------
    outputs : Tensor of shape (n_samples, n_outputs)
        Computed with gradients, so that torch remembers the last step, be it a layer or a function.

    Returns
    -------
    {"softmax", "sigmoid"} or None
        "softmax" also for other steps whose results are probabilities of all classes.
    """
    step = outputs.grad_fn
    while step is not None and step.name().startswith(_SAME_NUMBERS):
        step = step.next_functions[0][0]
    for activation in ("softmax", "sigmoid"):
        if step is not None and step.name().startswith(f"{activation.capitalize()}Backward"):
            return activation
    return "softmax" if _are_probabilities(outputs) else None


def _are_probabilities(outputs):
    excess = outputs.sum(dim=1) - 1
    is_share = (outputs >= 0).all() and (excess.abs() <= _TOLERANCE).all()
    is_constant = (outputs == outputs[:1]).all()  # zero weights, say: that proves nothing
    return outputs.shape[1] > 1 and bool(is_share & ~is_constant)
