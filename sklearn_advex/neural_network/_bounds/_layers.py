"""The layers of a module in their order, each with its rule."""

from typing import NamedTuple

from torch import nn

from sklearn_advex._networks import is_as_its_class, is_sequence
from sklearn_advex.neural_network._bounds._rules import RULES, Rule
from sklearn_advex.neural_network._residual_sum import ResidualSum


class Step(NamedTuple):
    """A layer and its rule.

    Attributes
    ----------
    layer : torch.nn.Module
    rule : Rule or None
        None for a sum of branches.
    branches : tuple of list of Step
        What is summed up.
    """

    layer: nn.Module
    rule: Rule | None
    branches: tuple = ()


def check_bounded(module, purpose):
    """Raise a ValueError unless all layers of a module have bounds.

    Parameters
    ----------
    module : torch.nn.Module
    purpose : str
        What bounds are needed for, the subject of the message.

    Returns
    -------
    list of Step
    """
    try:
        return steps_of(module)
    except _NoRuleError as error:
        names = ", ".join(sorted(kind.__name__ for kind in RULES))
        raise ValueError(
            f"{purpose} needs bounds for every layer, and {error}. Layers with a rule are {names},"
            " and Sequential and ResidualSum of them. Build the module from these, or use an"
            " attack instead: training='pgd', adversarial_score."
        ) from None


class _NoRuleError(Exception):
    """A layer has no rule."""


def steps_of(module, name=""):
    """List the layers of a module in the order in which they are applied.

    Parameters
    ----------
    module : torch.nn.Module
    name : str, default=""
        Of the module within a larger one.

    Returns
    -------
    list of Step
    """
    if not is_as_its_class(module):
        raise _NoRuleError(
            f"{_describe(module, name)} has hooks, a forward of its own or is compiled, which may"
            " change what it does"
        )
    if is_sequence(module):
        parts = [steps_of(part, f"{name}.{key}") for key, part in module._modules.items()]
        return [step for part in parts for step in part]
    if type(module) is ResidualSum:
        names = ("branch", "shortcut")
        branches = tuple(steps_of(getattr(module, key), f"{name}.{key}") for key in names)
        return [Step(module, None, branches)]
    rule = RULES.get(type(module))
    if rule is None:
        raise _NoRuleError(f"{_describe(module, name)} has no rule")
    if not rule.supports(module):
        raise _NoRuleError(f"{_describe(module, name)} has no rule with these options")
    return [Step(module, rule)]


def _describe(module, name):
    kind = type(module).__name__
    return f"layer {name.removeprefix('.')!r} ({kind})" if name else f"the module ({kind})"
