"""Solvers of the robust objective.

`SOLVERS` is the table of them by the name that users pass as `solver`, the fastest one first.
"""

from sklearn_advex.linear_model._solvers._active_set_newton import ActiveSetNewton
from sklearn_advex.linear_model._solvers._interior_point import InteriorPoint

SOLVERS = {"active-set-newton": ActiveSetNewton, "interior-point": InteriorPoint}


def make_solver(name, objective, **options):
    """Make the solver of a name, or for "auto" the first one that can solve an objective.

    Parameters
    ----------
    name : {"auto", "active-set-newton", "interior-point"}
    objective : RobustObjective
    **options
        Of the solver: `tol`, `max_iter`, `verbose`.

    Returns
    -------
    Solver

    Raises
    ------
    ValueError
        If the objective lacks what the solver requires.
    """
    if name == "auto":
        name = next(name for name, solver in SOLVERS.items() if not solver.unmet(objective))
    unmet = SOLVERS[name].unmet(objective)
    if unmet:
        raise ValueError(
            f"solver={name!r} needs {' and '.join(unmet)}. Choose another solver, or solver='auto'."
        )
    return SOLVERS[name](**options)
