"""Validate models that are compared with each other."""

from collections.abc import Mapping

from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted


def check_models(models, reference=None):
    """Raise unless there are fitted models by name, among them the reference if there is one.

    Parameters
    ----------
    models : dict of str to estimator
    reference : str or None
        Name of the model that the others are compared with.

    Raises
    ------
    TypeError
        If `models` is not a dict.
    ValueError
        If it is empty, or `reference` is not in it.
    NotFittedError
        If a model is not fitted; the message has its name.
    """
    if not isinstance(models, Mapping):
        raise TypeError(
            "models must be a dict from the name of a model to the fitted model, such as"
            f" {{'n': ..., 'a': ...}}; got {type(models).__name__}."
        )
    if not models:
        raise ValueError("models is empty: give it at least one fitted model by its name.")
    if reference is not None and reference not in models:
        raise ValueError(
            f"reference={reference!r} is not among the models {list(models)}. Pass the name of the"
            " model that the others are compared with."
        )
    for name, model in models.items():
        try:
            check_is_fitted(model)
        except NotFittedError as error:
            message = f"The model {name!r} is not fitted: call its fit method first."
            raise NotFittedError(message) from error


def check_same_columns(n_columns, reference):
    """Raise unless models are explained in as many columns as the reference.

    Parameters
    ----------
    n_columns : dict of str to int
        Number of columns that the attributions to each model have.
    reference : str
        Name of the model that the others are compared with.

    Raises
    ------
    ValueError
        If a number differs: the Gini index of more columns has a higher ceiling.
    """
    for name, number in n_columns.items():
        if number != n_columns[reference]:
            raise ValueError(
                f"The model {name!r} sees {number} columns and the reference {reference!r}"
                f" {n_columns[reference]}, so their Gini indices cannot be compared. Pass"
                " groups='auto' to explain all models in the columns of X."
            )
