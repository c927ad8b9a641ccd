"""Which input column each output column of a fitted transformer was made from.

Columns are followed by their names: a transformer is asked what it would call its output if its
input columns had names that occur nowhere else, and an output name that contains one of them tells
where that column comes from. So every transformer takes part that names its output after its input
(encoders, scalers, imputers, selectors, also those of other libraries), and none is known by class.
Only transformers that are made of others are taken apart. What cannot be told by names is found by
changing the inputs; see `_observed_origins`.
"""

import copy
import re

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import FeatureUnion, Pipeline

from sklearn_advex._utils._sklearn_compat import column_positions

# Control characters: no library writes them into a name of its own.
_TRACER = re.compile("\x02(\\d+)\x03")


def column_origins(transformer, n_columns):
    """Find the input column that each output column of a fitted transformer was made from.

    Parameters
    ----------
    transformer : estimator, "passthrough" or None
        A fitted transformer, or a pipeline, union or column transformer of them.
    n_columns : int
        Number of its input columns.

    Returns
    -------
    origins : ndarray of int of shape (n_output_columns,)

    Raises
    ------
    ValueError
        If a step makes a column from several others, or does not say from which; the message names
        the step.
    """
    return _origins(transformer, n_columns, None, ())


def _origins(transformer, n_columns, n_outputs, path):
    """Find the origins of a nested step; `path` has its names, `n_outputs` its width or None."""
    if isinstance(transformer, FrozenEstimator):
        transformer = transformer.estimator
    if transformer is None or isinstance(transformer, str):
        return np.arange(0 if transformer == "drop" else n_columns)
    for composite, origins_of_parts in _COMPOSITES.items():
        if isinstance(transformer, composite):
            return origins_of_parts(transformer, n_columns, n_outputs, path)
    return _origins_by_name(transformer, n_columns, n_outputs, path)


def _of_pipeline(pipeline, n_columns, n_outputs, path):
    """Compose the origins of the steps."""
    origins = np.arange(n_columns)
    for position, (name, step) in enumerate(pipeline.steps):
        width = n_outputs if position == len(pipeline.steps) - 1 else None
        origins = origins[_origins(step, origins.size, width, (*path, name))]
    return origins


def _of_union(union, n_columns, n_outputs, path):
    """Concatenate the origins of the parts, each of which gets all columns."""
    parts = [
        _origins(part, n_columns, None, (*path, name)) for name, part in union.transformer_list
    ]
    return np.concatenate([np.empty(0, dtype=int), *parts])


def _of_column_transformer(transformer, n_columns, n_outputs, path):
    """Concatenate the origins of the parts, each of which gets its own columns."""
    slices = transformer.output_indices_
    origins = np.empty(max((s.stop for s in slices.values()), default=0), dtype=int)
    for name, part, _ in transformer.transformers_:
        width = slices[name].stop - slices[name].start
        if width:  # a part without columns was never fitted
            inputs = column_positions(transformer, name)
            origins[slices[name]] = inputs[_origins(part, inputs.size, width, (*path, name))]
    return origins


#: Transformers that are made of others, and how these are arranged.
_COMPOSITES = {
    Pipeline: _of_pipeline,
    FeatureUnion: _of_union,
    ColumnTransformer: _of_column_transformer,
}


def _origins_by_name(transformer, n_columns, n_outputs, path):
    """Find the origins of a transformer that is no composite."""
    if hasattr(transformer, "output_to_input_"):  # skrub
        return _origins_by_dict(transformer)
    names = _names_from_tracers(transformer, n_columns)
    if names is not None and n_outputs not in (None, len(names)):
        names = None  # names of something else than the output
    if n_columns == 1 and (names is not None or n_outputs is not None):
        # Every output column comes from the only input column.
        return np.zeros(n_outputs if names is None else len(names), dtype=int)
    if names is None and _is_elementwise(transformer):
        return np.arange(n_columns)
    if names is None:
        raise ValueError(
            f"{_place(transformer, path)} does not say which of its columns comes from which: it"
            " has no get_feature_names_out that names them after its input columns (a"
            " FunctionTransformer that keeps the columns has it with"
            " feature_names_out='one-to-one')"
        )
    found = [set(_TRACER.findall(name)) for name in names]
    if not any(found):
        raise ValueError(
            f"{_place(transformer, path)} makes columns that it does not name after its input"
            f" columns, such as {names[0]!r}"
            if names
            else f"{_place(transformer, path)} has no output columns"
        )
    mixed = [name for name, origins in zip(names, found, strict=True) if len(origins) != 1]
    if mixed:
        example = _TRACER.sub(r"x\1", mixed[0])
        raise ValueError(
            f"{_place(transformer, path)} makes columns that do not come from one column each, such"
            f" as {example!r}"
        )
    return np.array([int(origin) for (origin,) in found], dtype=int)


def _origins_by_dict(transformer):
    """Read the origins from the transformer's own dict from output to input names."""
    position_of = {name: i for i, name in enumerate(transformer.feature_names_in_)}
    origins = transformer.output_to_input_
    return np.array(
        [position_of[origins[name]] for name in transformer.get_feature_names_out()], dtype=int
    )


def _names_from_tracers(transformer, n_columns):
    """Return the output names for tracers as input names, None if it cannot tell them."""
    twin = copy.copy(transformer)
    attributes = getattr(twin, "__dict__", {})
    attributes.pop("feature_names_in_", None)  # other input names would be refused
    if "feature_name_combiner" in attributes:  # a user's function may drop the input name
        twin.feature_name_combiner = "concat"
    tracers = np.array([f"\x02{position}\x03" for position in range(n_columns)], dtype=object)
    try:
        return [str(name) for name in twin.get_feature_names_out(tracers)]
    except (AttributeError, TypeError, ValueError):  # no such method, or the names are refused
        return None


def _is_elementwise(transformer):
    """Return whether a FunctionTransformer applies a function that cannot mix columns."""
    func = getattr(transformer, "func", False)
    return func is None or (isinstance(func, np.ufunc) and func.nin == func.nout == 1)


def _place(transformer, path):
    """Describe a step by its path and type, for an error message."""
    steps = " > ".join(repr(name) for name in path)
    kind = type(transformer).__name__
    return f"step {steps} ({kind})" if path else kind
