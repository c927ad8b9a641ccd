"""Which solver a problem gets."""

from sklearn_advex.linear_model._active_set_newton import ActiveSetNewton
from sklearn_advex.linear_model._interior_point import InteriorPoint

SOLVERS = {"active-set-newton": ActiveSetNewton, "interior-point": InteriorPoint}


def make_solver(name, loss, perturbation, **options):
    """The solver of a name, or for "auto" the best one that can solve the problem.

    Parameters
    ----------
    name : {"auto", "active-set-newton", "interior-point"}
    loss : loss
    perturbation : perturbation set
    **options
        Of the solver: `tol`, `max_iter`, `verbose`.

    Returns
    -------
    ActiveSetNewton or InteriorPoint
    """
    if name == "auto":
        is_smooth = hasattr(loss, "expand") and hasattr(perturbation, "orthant_slopes")
        name = "active-set-newton" if is_smooth else "interior-point"
    return SOLVERS[name](**options)
