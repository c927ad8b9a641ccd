"""The best models of at most 1, 2, ... features."""

from numbers import Integral
from typing import NamedTuple

import numpy as np

from sklearn_advex._perturbation import perturbation_set, resolve_epsilon
from sklearn_advex._utils._containers import column_names
from sklearn_advex._utils._dask import is_dask
from sklearn_advex._utils._sklearn_compat import Interval, validate_params
from sklearn_advex.linear_model._base import blas_threads, stack_models
from sklearn_advex.linear_model._classifier import AdversarialLinearClassifier
from sklearn_advex.linear_model._problem_fit import fit_path_of_subsets, resolve_groups
from sklearn_advex.linear_model._solvers import make_solver
from sklearn_advex.linear_model._training_data import training_data
from sklearn_advex.linear_model._warnings import warn_about_path

_CONSTRAINTS = AdversarialLinearClassifier._parameter_constraints
_SHARED = ("epsilon", "norm", "loss", "groups", "alpha", "l1_ratio", "fit_intercept")
_SHARED += ("class_weight", "tol", "max_iter")


class FeaturePath(NamedTuple):
    """Coefficients of one model per number of features.

    Attributes
    ----------
    n_features : ndarray of int of shape (n_models,)
        The numbers of features, or of groups, that the models may use.
    coefs : ndarray of shape (n_models, n_problems, n_features)
        Coefficients; one problem for two classes, else one per class.
    intercepts : ndarray of shape (n_models, n_problems)
        Intercepts.
    objectives : ndarray of shape (n_models, n_problems)
        The objective; it never rises along the path.
    kkt_residuals : ndarray of shape (n_models, n_problems)
        Max-norm of the smallest subgradient of the objective of the features chosen.
    optimality_gaps : ndarray of shape (n_models, n_problems)
        Certified upper bound on how far the objective is above that of the best choice of features.
    """

    n_features: np.ndarray
    coefs: np.ndarray
    intercepts: np.ndarray
    objectives: np.ndarray
    kkt_residuals: np.ndarray
    optimality_gaps: np.ndarray


@validate_params(
    {"max_features": [Interval(Integral, 1, None, closed="left")]}
    | {name: _CONSTRAINTS[name] for name in _SHARED},
    prefer_skip_nested_validation=True,
)
def feature_path(
    X,
    y,
    *,
    max_features=20,
    epsilon=0.1,
    norm="linf",
    loss="log_loss",
    groups=None,
    alpha=1e-4,
    l1_ratio=0.0,
    fit_intercept=True,
    class_weight=None,
    sample_weight=None,
    tol=1e-8,
    max_iter=100,
):
    """Adversarially trained linear models of each number of features, up to a limit.

    The models are those of :class:`AdversarialLinearClassifier` at each `max_features`, found in
    one search that goes up and down the path.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Training data.
    y : array-like of shape (n_samples,)
        Class labels.
    max_features : int, default=20
        Largest number of features, or of groups, of a model. The path ends earlier where all
        features are used.
    epsilon : float, array-like of shape (n_features,) or dict, default=0.1
        Half-width of the change allowed to the adversary, as for the classifier.
    norm : {"linf", "l2", "l1"}, default="linf"
        The norm of the perturbation set.
    loss : {"log_loss", "hinge", "softplus_hinge"}, default="log_loss"
        The loss.
    groups : array-like of shape (n_features,) or dict, default=None
        Features that enter and leave the model together, as for the classifier.
    alpha : float, default=1e-4
        Strength of the penalty on the coefficients.
    l1_ratio : float, default=0.0
        Share of the l1 penalty, in [0, 1].
    fit_intercept : bool, default=True
        Whether to fit an intercept.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.
    tol : float, default=1e-8
        Largest residual that counts as converged.
    max_iter : int, default=100
        Largest number of Newton steps per subset of features.

    Returns
    -------
    FeaturePath
        A named tuple ``(n_features, coefs, intercepts, objectives, kkt_residuals,
        optimality_gaps)``.

    Raises
    ------
    ValueError
        If the data or a parameter is not valid; the message names it.

    Warns
    -----
    ConvergenceWarning
        If some models did not reach `tol`, or have no finite minimizer.

    See Also
    --------
    epsilon_path : Models along a path of epsilons.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_advex import feature_path
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> path = feature_path(StandardScaler().fit_transform(X), y, max_features=3)
    >>> [coef.nonzero()[0].tolist() for coef in path.coefs[:, 0]]
    [[22], [20, 27], [20, 21, 27]]
    """
    if is_dask(X):
        raise TypeError(
            "X is a Dask collection, of which feature_path is not available: pass X.compute() if"
            " the rows fit into memory."
        )
    names = _text_names(X)
    data = training_data(X, y, sample_weight, class_weight)
    data = data.in_column_order()  # subsets pick columns time and again
    perturbation = perturbation_set(norm, resolve_epsilon(epsilon, data.n_features, names))
    objectives = data.objectives(
        loss, perturbation, alpha=alpha, l1_ratio=l1_ratio, fit_intercept=fit_intercept
    )
    solver = make_solver("auto", objectives[0], tol=tol, max_iter=max_iter)
    groups = resolve_groups(groups, data.n_features, names)
    with blas_threads(None, 1):
        of_problems = [
            fit_path_of_subsets(objective, solver, max_features, groups) for objective in objectives
        ]
    fits = list(zip(*of_problems, strict=True))
    warn_about_path([fit.solution for problems in fits for fit in problems], tol, max_iter)
    models = [stack_models(problems) for problems in fits]
    coefs, intercepts = map(np.array, zip(*models, strict=True))
    return FeaturePath(
        np.arange(1, len(fits) + 1),
        coefs,
        intercepts,
        np.array([[fit.solution.value for fit in problems] for problems in fits]),
        np.array([[fit.solution.residual for fit in problems] for problems in fits]),
        np.array([[fit.optimality_gap for fit in problems] for problems in fits]),
    )


def _text_names(X):
    """Return the column names of a table if all are text, None otherwise."""
    names = column_names(X)
    return names if names and all(isinstance(name, str) for name in names) else None
