"""Axes, colors and labels shared by the displays."""

from math import floor, log10
from textwrap import wrap

from sklearn_advex._utils._optional import needs

# From the palette of Okabe and Ito, which color-blind readers can distinguish.
BLUE, VERMILION, GRAY = "#0072B2", "#D55E00", "#999999"

#: One color per model, in this order.
MODEL_COLORS = (GRAY, BLUE, "#E69F00", "#009E73", "#CC79A7", VERMILION, "#56B4E9", "#000000")

_MOST_DECIMALS = 6


def require_matplotlib(display):
    """Raise an ImportError with the command to install matplotlib, if it is missing.

    Parameters
    ----------
    display : str
        Name of the class that needs it.
    """
    with needs(display, ("matplotlib",), "pip install 'sklearn-advex[plot]'"):
        import matplotlib.pyplot  # noqa: F401


def new_axes(display, ax, figsize):
    """Return axes to draw on, and their figure.

    Parameters
    ----------
    display : object
        The display; its class is named if matplotlib is missing.
    ax : matplotlib.axes.Axes or None
        Returned as they are; None makes a figure with constrained layout.
    figsize : tuple of float
        Width and height of a new figure in inches.
    """
    require_matplotlib(type(display).__name__)
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=figsize, layout="constrained")
    return ax, ax.figure


def wrapped(label, width=32, lines=2):
    """Wrap a label into at most `lines` lines, and shorten the last one if necessary."""
    broken = wrap(str(label), width)
    if len(broken) > lines:
        last = " ".join(broken[lines - 1 :])
        broken[lines - 1 :] = [wrap(last, width - 1)[0] + "\N{HORIZONTAL ELLIPSIS}"]
    return literal("\n".join(broken))


def literal(text):
    """Escape a text so that matplotlib does not typeset it as mathematics."""
    return text.replace("$", r"\$")


def signed(number, decimals=3):
    """Format a number with its sign; in scientific notation if it needs many decimals."""
    text = f"{number:+z.{decimals}f}" if decimals <= _MOST_DECIMALS else f"{number:+z.2e}"
    return text.replace("-", "\N{MINUS SIGN}")


def decimals_for(numbers):
    """Return the number of decimals that shows the largest number in three digits."""
    largest = max(map(abs, numbers), default=0)
    return 3 if largest == 0 else max(0, 2 - floor(log10(largest)))
