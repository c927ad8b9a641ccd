"""Validate groups of columns that a user passes."""

from collections import Counter

import numpy as np


def positions_of_groups(groups, columns):
    """Turn groups of columns into the position of each column's group.

    Parameters
    ----------
    groups : dict
        From the name of a group to a list of its columns, or to a single column.
    columns : sequence
        All columns: their names, or ``range(n_columns)`` where they have none.

    Returns
    -------
    group_of_column : ndarray of int of shape (n_columns,)
        Positions in ``list(groups)``.

    Raises
    ------
    ValueError
        Unless every column is in exactly one group, every group is made of columns, and the names
        of the columns differ.
    """
    columns = list(columns)
    repeated = [name for name, count in Counter(columns).items() if count > 1]
    if repeated:
        raise ValueError(
            f"groups cannot tell columns of the same name apart: {_some(repeated)}. Pass"
            " groups=None, or give the encoders names that differ."
        )
    position_of = {column: position for position, column in enumerate(columns)}
    group_of_column = np.full(len(columns), -1)
    unknown, twice = [], []
    for group, members in enumerate(groups.values()):
        for column in _as_list(members):
            position = position_of.get(column)
            if position is None:
                unknown.append(column)
            elif group_of_column[position] >= 0:
                twice.append(column)
            else:
                group_of_column[position] = group
    missing = [columns[position] for position in np.flatnonzero(group_of_column < 0)]
    faults = [
        f"{fault}: {_some(names)}"
        for fault, names in (
            ("names unknown columns", unknown),
            ("holds columns more than once", twice),
            ("leaves out columns", missing),
        )
        if names
    ]
    if faults:
        raise ValueError(
            f"groups {'; it '.join(faults)}. Every one of the {len(columns)} columns"
            f" ({_some(columns)}) must be in exactly one group."
        )
    return group_of_column


def _as_list(members):
    """Return the members of a group as a list; a single column may be passed without one."""
    return [members] if isinstance(members, str | int | np.integer) else list(members)


def _some(names):
    """Format at most five names for an error message."""
    return ", ".join(map(repr, names[:5])) + (", ..." if len(names) > 5 else "")
