"""Adversarial logistic regression with its epsilon and alpha chosen by cross-validation."""

from itertools import product
from numbers import Integral, Real

import numpy as np
from scipy.sparse import issparse
from sklearn.metrics import get_scorer
from sklearn.model_selection import check_cv
from sklearn.utils.parallel import Parallel, delayed

from sklearn_advex._perturbation import perturbation_set
from sklearn_advex._utils._sklearn_compat import (
    Interval,
    StrOptions,
    fit_context,
)
from sklearn_advex._utils._tasks import fit_task
from sklearn_advex.linear_model._base import blas_threads, stack_models
from sklearn_advex.linear_model._classifier import AdversarialLogisticRegression
from sklearn_advex.linear_model._grid import largest_epsilon
from sklearn_advex.linear_model._path import resolve_epsilons, solve_path
from sklearn_advex.linear_model._solvers._base import Status
from sklearn_advex.linear_model._warnings import warn_about_path
from sklearn_advex.metrics import gini_index
from sklearn_advex.metrics._concise_choice import most_concise

# Parameters of the model that the search replaces by its own.
_REPLACED = {"epsilon", "alpha", "norm", "solver", "warm_start"}


class AdversarialLogisticRegressionCV(AdversarialLogisticRegression):
    """Adversarial logistic regression that chooses `epsilon` and `alpha` by cross-validation.

    It fits a path of epsilons for every alpha and fold, each model from its neighbor, scores all
    of them on the rows left out, and keeps the most concise model whose accuracy is good enough,
    fitted on all rows. The choice is that of a `GridSearchCV` with ``scoring={"accuracy":
    "accuracy", "gini": gini_scorer}`` and ``refit=most_concise(max_drop)``, several times faster.

    Parameters
    ----------
    epsilons : int or array-like of shape (n_epsilons,), default=10
        Half-widths of the change allowed per feature, one number for all features each; a number of
        them stands for `epsilon_grid` of that length.
    alphas : array-like of shape (n_alphas,), default=(1e-4,)
        Strengths of the penalty.
    l1_ratio : float, default=0.0
        Share of the l1 penalty, in [0, 1].
    cv : int, cross-validation generator or iterable, default=None
        How to leave rows out; None means 5 stratified folds.
    scoring : sequence of str, default=("accuracy", "gini")
        What `scores_` holds: "accuracy" and "gini", which the choice needs, and any other
        scikit-learn scorers by name.
    select : {"most_concise", "best"}, default="most_concise"
        "most_concise" takes the highest mean Gini among the models within `max_drop` of the best
        mean accuracy, "best" the best mean accuracy.
    max_drop : float, default=0.01
        The accuracy that may be given up for conciseness.
    fit_intercept : bool, default=True
        Whether to fit an intercept.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes.
    tol : float, default=1e-8
        Largest residual that counts as converged.
    max_iter : int, default=100
        Largest number of Newton steps for each model and class.
    n_jobs : int, default=None
        Number of paths that are fitted at once. None means 1 unless in a
        :obj:`joblib.parallel_backend` context, -1 all processors.
    verbose : int, default=0
        Above 0, print the progress of the folds.

    Attributes
    ----------
    best_epsilon_ : float
        The chosen epsilon.
    best_alpha_ : float
        The chosen alpha.
    epsilons_ : ndarray of shape (n_epsilons,)
        The epsilons of the grid.
    alphas_ : ndarray of shape (n_alphas,)
        The alphas of the grid.
    scores_ : dict of str to ndarray of shape (n_alphas, n_epsilons, n_folds)
        The scores on the rows left out.
    epsilon_max_ : float
        What `epsilon_max` says of the training data: from there on no feature is used.
    cv_results_ : dict
        The candidates and their mean test scores under the names that a `GridSearchCV` gives them,
        such as "params" and "mean_test_accuracy".
    best_index_ : int
        Position of the chosen candidate in `cv_results_`.
    rule_ : callable
        The :func:`most_concise` rule that chose it.
    coefs_paths_ : ndarray of shape (n_alphas, n_epsilons, n_problems, n_features)
        Coefficients of all models of the grid, fitted on all rows.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Coefficients of the chosen model.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Intercepts of the chosen model.
    epsilon_ : ndarray of shape (n_features,)
        The chosen epsilon for each feature.
    kkt_residual_ : ndarray of shape (1,) or (n_classes,)
        Optimality residual of the chosen model.
    dual_gap_ : ndarray of shape (1,) or (n_classes,)
        Upper bound on the suboptimality of the chosen model.
    objective_ : ndarray of shape (1,) or (n_classes,)
        Objective of the chosen model.
    n_iter_ : ndarray of int of shape (1,) or (n_classes,)
        Newton steps that the chosen model took from its neighbor on the path.
    feature_means_ : ndarray of shape (n_features,)
        Means of the training data.
    n_features_in_ : int
        Number of features seen during fit.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where X has string column names.

    Warns
    -----
    ConvergenceWarning
        If some models did not reach `tol`, or have no finite minimizer.

    See Also
    --------
    sklearn_advex.epsilon_path : The path alone.
    most_concise : The same choice for any `GridSearchCV`.

    Notes
    -----
    From scikit-learn 1.9 on `set_callbacks` takes its callbacks, such as a progress bar; the tasks
    of a fit that they hear of are its paths and on each of them its epsilons.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_advex import AdversarialLogisticRegressionCV
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> X = StandardScaler().fit_transform(X)
    >>> model = AdversarialLogisticRegressionCV(epsilons=[0, 0.1, 0.2, 0.4]).fit(X, y)
    >>> model.best_epsilon_, int((model.coef_ != 0).sum())
    (0.2, 8)
    """

    _parameter_constraints = {
        **{
            name: constraint
            for name, constraint in AdversarialLogisticRegression._parameter_constraints.items()
            if name not in _REPLACED
        },
        "epsilons": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "alphas": ["array-like"],
        "cv": ["cv_object"],
        "scoring": ["array-like", set],
        "select": [StrOptions({"most_concise", "best"})],
        "max_drop": [Interval(Real, 0, None, closed="left")],
    }

    norm = "linf"

    def __init__(
        self,
        epsilons=10,
        alphas=(1e-4,),
        *,
        l1_ratio=0.0,
        cv=None,
        scoring=("accuracy", "gini"),
        select="most_concise",
        max_drop=0.01,
        fit_intercept=True,
        class_weight=None,
        tol=1e-8,
        max_iter=100,
        n_jobs=None,
        verbose=0,
    ):
        self.epsilons = epsilons
        self.alphas = alphas
        self.l1_ratio = l1_ratio
        self.cv = cv
        self.scoring = scoring
        self.select = select
        self.max_drop = max_drop
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.tol = tol
        self.max_iter = max_iter
        self.n_jobs = n_jobs
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Choose `epsilon` and `alpha`, and fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows in the fits; scores are not weighted.

        Returns
        -------
        self : AdversarialLogisticRegressionCV
            The fitted model.

        Raises
        ------
        ValueError
            If the data or a parameter is not valid; the message names it.
        """
        data = self._validate(X, y, sample_weight)
        self.alphas_ = _resolve_alphas(self.alphas)
        self.epsilon_max_ = largest_epsilon(data)
        self.epsilons_ = resolve_epsilons(self.epsilons, data)
        data = data.in_column_order()  # paths pick columns time and again
        cv = check_cv(self.cv, data.labels, classifier=True)
        folds = list(cv.split(data.design.X, data.labels))
        n_paths = self.alphas_.size * (len(folds) + 1)
        task = fit_task(self, X, y, sample_weight, n_paths)
        with task, blas_threads(self.n_jobs, len(folds)):
            of_path = iter(task.subtasks("path", n_paths, self.epsilons_.size))
            results = Parallel(n_jobs=self.n_jobs, verbose=self.verbose)(
                delayed(_score_fold)(self, data, *fold, next(of_path))
                for fold in product(self.alphas_, folds)
            )
            paths = [
                solve_path(data, self.epsilons_, next(of_path), **self._path_options(alpha))
                for alpha in self.alphas_
            ]
            self._choose(data, paths, results)
        solutions = [s for path in paths for problems in path for s in problems]
        solutions += [s for _, unsolved in results for s in unsolved]
        warn_about_path(solutions, self.tol, self.max_iter)
        return self

    def _model(self, alpha, epsilon, coef, intercept):
        """Return a fitted classifier for scorers that take one."""
        model = AdversarialLogisticRegression(epsilon, **self._path_options(alpha))
        model.classes_, model.n_features_in_ = self.classes_, coef.shape[1]
        model.epsilon_ = np.full(coef.shape[1], epsilon)
        model.coef_, model.intercept_ = coef, intercept
        return model

    def _path_options(self, alpha):
        return {
            "tol": self.tol,
            "max_iter": self.max_iter,
            "alpha": alpha,
            "l1_ratio": self.l1_ratio,
            "fit_intercept": self.fit_intercept,
        }

    def _choose(self, data, paths, results):
        """Keep the scores, and one model of the paths."""
        shape = (self.alphas_.size, -1, self.epsilons_.size)
        self.scores_ = {
            name: np.reshape([scores[name] for scores, _ in results], shape).swapaxes(1, 2)
            for name in self.scoring
        }
        self.cv_results_ = {
            f"mean_test_{name}": s.mean(axis=2).ravel() for name, s in self.scores_.items()
        }
        self.cv_results_["params"] = [
            {"alpha": float(alpha), "epsilon": float(epsilon)}
            for alpha, epsilon in product(self.alphas_, self.epsilons_)
        ]
        self.rule_ = most_concise(self.max_drop if self.select == "most_concise" else 0.0)
        self.best_index_ = self.rule_(self.cv_results_)
        i_alpha, i_epsilon = divmod(self.best_index_, self.epsilons_.size)
        self.best_alpha_ = float(self.alphas_[i_alpha])
        self.best_epsilon_ = float(self.epsilons_[i_epsilon])
        self.epsilon_ = self._resolve_epsilon(self.best_epsilon_)
        self.coefs_paths_ = np.array(
            [[[s.point.coef for s in problems] for problems in path] for path in paths]
        )
        objectives = data.objectives(
            self.loss,
            perturbation_set(self.norm, self.epsilon_),
            alpha=self.best_alpha_,
            l1_ratio=self.l1_ratio,
            fit_intercept=self.fit_intercept,
        )
        self._store(objectives, paths[i_alpha][i_epsilon], data.design.dtype)


def _resolve_alphas(alphas):
    resolved = np.array(alphas, dtype=np.float64)
    if resolved.ndim != 1 or resolved.size == 0:
        raise ValueError(f"alphas must be a list of numbers, got {alphas!r}.")
    if not np.isfinite(resolved).all() or (resolved < 0).any():
        raise ValueError(f"alphas must be finite and not negative, got {alphas!r}.")
    return resolved


def _score_fold(estimator, data, alpha, fold, task):
    """Fit one path on a fold and score it on the rows left out.

    Returns
    -------
    scores : dict of str to list of float
        One score per epsilon.
    unsolved : list of Solution
        The fits that are not optimal.
    """
    train, test = fold
    if np.unique(data.labels[train]).size < data.classes.size:
        raise ValueError(
            "cv leaves all rows of a class out of a training set: use folds with rows of every"
            " class, for example a StratifiedKFold with shuffle=True."
        )
    # Models that are only scored need not be much more accurate than `tol`.
    options = estimator._path_options(alpha) | {"final_tol": 0.5}
    path = solve_path(data.take(train), estimator.epsilons_, task, **options)
    X, labels = data.design.take(test).X, data.labels[test]
    scores = {name: [] for name in estimator.scoring}
    for epsilon, problems in zip(estimator.epsilons_, path, strict=True):
        coef, intercept = stack_models([solution.point for solution in problems])
        decision = X @ coef.T + intercept
        predicted = decision.argmax(axis=1) if len(problems) > 1 else decision[:, 0] > 0
        for name in scores:
            if name == "accuracy":
                score = np.mean(predicted == labels)
            elif name == "gini":
                score = _mean_gini(X, coef, predicted)
            else:
                model = estimator._model(alpha, epsilon, coef, intercept)
                score = get_scorer(name)(model, X, estimator.classes_[labels])
            scores[name].append(score)
    solutions = [solution for problems in path for solution in problems]
    return scores, [s for s in solutions if s.status is not Status.CONVERGED]


def _mean_gini(X, coef, predicted):
    """Mean Gini of the attributions to the predicted class, from the features in use alone.

    The attributions of a row are ``x * w`` times one number, which the Gini does not see. With m of
    d features in use, all others 0, it is ``1 - m / d * (1 - Gini of the m)``.
    """
    used = np.flatnonzero(coef.any(axis=0))
    if used.size == 0:
        return 0.0
    rows = coef[:, used] if coef.shape[0] == 1 else coef[np.ix_(predicted, used)]
    products = X[:, used].multiply(rows).tocsr() if issparse(X) else X[:, used] * rows
    share = used.size / coef.shape[1]
    of_used = gini_index(products, zero_division=1.0 - 1.0 / share)  # rows of zeros come to 0.0
    return 1.0 - share * (1.0 - of_used.mean())
