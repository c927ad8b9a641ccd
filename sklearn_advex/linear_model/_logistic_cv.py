"""Adversarial logistic regression with its epsilon and alpha chosen by cross-validation."""

from itertools import product
from numbers import Integral, Real

import numpy as np
from sklearn.metrics import get_scorer
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.parallel import Parallel, delayed

from sklearn_advex._perturbation import perturbation_set
from sklearn_advex._utils._dask import is_dask
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
from sklearn_advex.linear_model._problem_fit import fit_path_of_subsets, resolve_groups
from sklearn_advex.linear_model._solvers import make_solver
from sklearn_advex.linear_model._solvers._base import Status
from sklearn_advex.linear_model._warnings import warn_about_path
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
    cv : int, cross-validation generator, iterable or dask array or Series, default=None
        How to leave rows out; None means 5 stratified folds. For Dask collections a number of
        folds, which are stratified within each block (every n-th row of a class in turn), or a
        collection like `y` with the number of the fold that leaves each row out, -1 for none.
    scoring : sequence of str or dict, default=("accuracy", "gini")
        What `scores_` holds: "accuracy", "gini", "n_features" and scikit-learn scorers by name; or
        a dict from names to such names and to callables ``(estimator, X, y) -> float``, such as
        :func:`make_adversarial_accuracy_scorer`. What the choice needs is added: the score that
        `accuracy` names, and "gini", or "n_features" with `max_features`. For Dask collections
        "accuracy", "balanced_accuracy", "neg_log_loss", "gini", "n_features", and the scorers of
        this package that are means over rows.
    select : {"most_concise", "best"}, default="most_concise"
        "most_concise" takes the highest mean Gini among the models within `max_drop` of the best
        mean accuracy, or with `max_features` the fewest features; "best" the best mean accuracy.
    max_drop : float, default=0.01
        The accuracy that may be given up for conciseness.
    accuracy : str, default="accuracy"
        The score to guard by `max_drop`: a name in `scoring`, or any scikit-learn scorer. Where one
        class is rare, guard "balanced_accuracy" or "roc_auc": hardly any accuracy is lost by never
        predicting it.
    max_features : array-like of int of shape (n_max_features,), default=None
        Largest numbers of features, or of groups, each of which is tried with every epsilon and
        alpha. None sets no limit, and searches epsilon and alpha alone.
    groups : array-like of shape (n_features,) or dict, default=None
        Features that enter and leave the model together, as for
        :class:`AdversarialLogisticRegression`.
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
    best_max_features_ : int or None
        The chosen limit on the number of features.
    max_features_ : ndarray of int of shape (n_max_features,) or None
        The limits of the grid.
    epsilons_ : ndarray of shape (n_epsilons,)
        The epsilons of the grid.
    alphas_ : ndarray of shape (n_alphas,)
        The alphas of the grid.
    scores_ : dict of str to ndarray of shape (n_alphas, n_epsilons, n_folds)
        The scores on the rows left out; of shape (n_alphas, n_epsilons, n_max_features, n_folds)
        with `max_features`. "n_features" is the negated number of features in use.
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
        Coefficients of all models of the grid, fitted on all rows; of shape (n_alphas, n_epsilons,
        n_max_features, n_problems, n_features) with `max_features`.
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
    support_ : list of ndarray of int
        For each binary problem the features with a coefficient that is not 0.
    optimality_gap_ : ndarray of shape (1,) or (n_classes,)
        Certified upper bound on how far `objective_` is above that of the best choice of at most
        `best_max_features_` features or groups; 0 without a limit.
    n_iter_ : ndarray of int of shape (1,) or (n_classes,)
        Newton steps that the chosen model took from its neighbor on the path.
    n_passes_ : int
        Passes over the rows of a Dask collection, its validation included; 0 for rows in memory.
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
        "scoring": ["array-like", set, dict, str, callable],
        "select": [StrOptions({"most_concise", "best"})],
        "max_drop": [Interval(Real, 0, None, closed="left")],
        "accuracy": [str],
        "max_features": ["array-like", None],
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
        accuracy="accuracy",
        max_features=None,
        groups=None,
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
        self.accuracy = accuracy
        self.max_features = max_features
        self.groups = groups
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.tol = tol
        self.max_iter = max_iter
        self.n_jobs = n_jobs
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, **params):
        """Choose `epsilon` and `alpha`, and fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix, dask array or DataFrame} of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows in the fits and the scores. Callables in `scoring` get them if they
            take a `sample_weight`.
        **params
            What `cv` takes beside rows and labels, such as ``groups`` of rows for a `GroupKFold`.

        Returns
        -------
        self : AdversarialLogisticRegressionCV
            The fitted model.

        Raises
        ------
        ValueError
            If the data or a parameter is not valid; the message names it.
        TypeError
            If nothing takes one of `params`.
        """
        routed = process_routing(self, "fit", **params)
        scorers = self._scorers()
        if is_dask(X):
            self._check_dask_support(scorers)
        data = self._validate(X, y, sample_weight, self.cv if is_dask(self.cv) else None)
        names = getattr(self, "feature_names_in_", None)
        groups = resolve_groups(self.groups, self.n_features_in_, names)
        self.alphas_ = _resolve_alphas(self.alphas)
        self.epsilon_max_ = largest_epsilon(data)
        self.epsilons_ = resolve_epsilons(self.epsilons, data)
        data = data.in_column_order()  # paths pick columns time and again
        folds = data.folds(self.cv, **routed.splitter.split)
        candidates = _Candidates(self.epsilons_, _resolve_max_features(self.max_features), groups)
        n_paths = self.alphas_.size * (len(folds) + 1)
        task = fit_task(self, X, y, sample_weight, n_paths)
        # Blocks occupy the scheduler of Dask: more paths at once would only wait for it.
        n_jobs = 1 if data.is_streamed else self.n_jobs
        with task, blas_threads(n_jobs, len(folds)):
            of_path = iter(task.subtasks("path", n_paths, self.epsilons_.size))
            results = Parallel(n_jobs=n_jobs, verbose=self.verbose)(
                delayed(_score_fold)(self, data, candidates, scorers, *fold, next(of_path))
                for fold in product(self.alphas_, folds)
            )
            paths = [
                candidates.fit(data, next(of_path), **self._path_options(alpha))
                for alpha in self.alphas_
            ]
            self._store_scores(candidates, results)
            self._choose(data, candidates, paths)
        solutions = [fit.solution for path in paths for problems in path for fit in problems]
        solutions += [solution for _, unsolved in results for solution in unsolved]
        warn_about_path(solutions, self.tol, self.max_iter)
        return self

    def get_metadata_routing(self):
        """Say which methods take what metadata: `cv` what its `split` requests.

        Returns
        -------
        MetadataRouter
        """
        to_split = MethodMapping().add(caller="fit", callee="split")
        router = MetadataRouter(owner=self).add_self_request(self)
        return router.add(splitter=self.cv, method_mapping=to_split)

    def _check_dask_support(self, scorers):
        """Raise a ValueError for what cannot be computed of blocks."""
        from sklearn_advex.linear_model._dask._fold_scores import check_scorers  # imports dask

        if not (self.cv is None or isinstance(self.cv, Integral) or is_dask(self.cv)):
            raise ValueError(
                f"cv={self.cv!r} is not available for Dask collections, whose folds are made block"
                " by block: set cv to a number of folds, or to a Dask Series or array with the"
                " number of the fold that leaves each row out."
            )
        check_scorers(scorers)

    def _model(self, alpha, epsilon, coef, intercept):
        """Return a fitted classifier for scorers that take one."""
        model = AdversarialLogisticRegression(epsilon, **self._path_options(alpha))
        model.classes_, model.n_features_in_ = self.classes_, coef.shape[1]
        model.epsilon_ = np.full(coef.shape[1], epsilon)
        model.coef_, model.intercept_ = coef, intercept
        return model

    def _scorers(self):
        """Return what to score by, a name or a callable, by its name in `scores_`."""
        if isinstance(self.scoring, str) or callable(self.scoring):
            raise ValueError(
                f"scoring must be a sequence or a dict of scores, got {self.scoring!r}. To choose"
                " by one score, name it by accuracy, such as accuracy='roc_auc'."
            )
        is_dict = isinstance(self.scoring, dict)
        scorers = dict(self.scoring) if is_dict else {name: name for name in self.scoring}
        for needed in (self.accuracy, self._sparseness):
            scorers.setdefault(needed, needed)
        for name, scorer in scorers.items():
            if not (isinstance(scorer, str) or callable(scorer)):
                raise ValueError(
                    f"scoring must hold names of scores or callables, got {scorer!r} for {name!r}."
                )
            if scorer not in ("gini", "n_features"):
                get_scorer(scorer)
        return scorers

    @property
    def _sparseness(self):
        return "gini" if self.max_features is None else "n_features"

    def _path_options(self, alpha):
        return {
            "tol": self.tol,
            "max_iter": self.max_iter,
            "alpha": alpha,
            "l1_ratio": self.l1_ratio,
            "fit_intercept": self.fit_intercept,
        }

    def _store_scores(self, candidates, results):
        """Keep the scores of all candidates."""
        self.max_features_ = candidates.max_features
        n_alphas, n_candidates = self.alphas_.size, len(candidates.params)
        by_fold = {
            name: np.reshape([scores[name] for scores, _ in results], (n_alphas, -1, n_candidates))
            for name in results[0][0]
        }
        self.cv_results_ = {
            f"mean_test_{name}": scores.mean(axis=1).ravel() for name, scores in by_fold.items()
        }
        self.cv_results_["params"] = [
            {"alpha": float(alpha), **params}
            for alpha, params in product(self.alphas_, candidates.params)
        ]
        shape = (n_alphas, *candidates.shape, -1)
        self.scores_ = {
            name: scores.swapaxes(1, 2).reshape(shape) for name, scores in by_fold.items()
        }

    def _choose(self, data, candidates, paths):
        """Keep one model of the paths."""
        max_drop = self.max_drop if self.select == "most_concise" else 0.0
        is_accuracy = self.accuracy == "accuracy"
        most_frequent = data.class_shares.max()
        self.rule_ = most_concise(
            max_drop,
            self.accuracy,
            self._sparseness,
            dummy_score=most_frequent if is_accuracy else None,
        )
        self.best_index_ = self.rule_(self.cv_results_)
        i_alpha, i_candidate = divmod(self.best_index_, len(candidates.params))
        best = candidates.params[i_candidate]
        self.best_alpha_ = float(self.alphas_[i_alpha])
        self.best_epsilon_, self.best_max_features_ = best["epsilon"], best.get("max_features")
        self.epsilon_ = self._resolve_epsilon(self.best_epsilon_)
        coefs = [[stack_models(fits)[0] for fits in path] for path in paths]
        shape = (self.alphas_.size, *candidates.shape, *coefs[0][0].shape)
        self.coefs_paths_ = np.reshape(coefs, shape)
        self._store(paths[i_alpha][i_candidate], data)


class _Candidates:
    """The models of a search at one alpha: every epsilon with every number of features.

    Parameters
    ----------
    epsilons : ndarray of shape (n_epsilons,)
    max_features : ndarray of int of shape (n_max_features,) or None
    groups : ndarray of int of shape (n_features,) or None
    """

    def __init__(self, epsilons, max_features, groups):
        self.epsilons = epsilons
        self.max_features = max_features
        self.groups = groups
        limits = [{}] if max_features is None else [{"max_features": int(k)} for k in max_features]
        self.params = [{"epsilon": float(epsilon), **k} for epsilon, k in product(epsilons, limits)]
        self.shape = (epsilons.size,) if max_features is None else (epsilons.size, len(limits))

    def fit(self, data, task, *, tol, max_iter, final_tol=0.01, **penalty):
        """Fit all of them.

        Parameters
        ----------
        data : TrainingData
        task : Task
        tol, max_iter, final_tol
            Options of `ActiveSetNewton`.
        **penalty
            `alpha`, `l1_ratio` and `fit_intercept`.

        Returns
        -------
        list of list of ProblemFit
            One list for each of `params`, one fit per problem.
        """
        options = {"tol": tol, "max_iter": max_iter, "final_tol": final_tol}
        if self.max_features is None:
            return solve_path(data, self.epsilons, task, **options, **penalty)
        fits, most = [], self.max_features.max()
        unit = perturbation_set("linf", np.ones(data.n_features))
        objectives = data.objectives("log_loss", unit, **penalty)
        solver = make_solver("active-set-newton", objectives[0], **options)
        with task:
            subtasks = task.subtasks("epsilon", self.epsilons.size)
            for epsilon, subtask in zip(self.epsilons, subtasks, strict=True):
                against = [o.with_perturbation(unit.scaled(epsilon)) for o in objectives]
                with subtask:
                    paths = [fit_path_of_subsets(o, solver, most, self.groups) for o in against]
                # A path ends where all features are used.
                fits += [[path[min(k, len(path)) - 1] for path in paths] for k in self.max_features]
        return fits


def _resolve_alphas(alphas):
    resolved = np.array(alphas, dtype=np.float64)
    if resolved.ndim != 1 or resolved.size == 0:
        raise ValueError(f"alphas must be a list of numbers, got {alphas!r}.")
    if not np.isfinite(resolved).all() or (resolved < 0).any():
        raise ValueError(f"alphas must be finite and not negative, got {alphas!r}.")
    return resolved


def _resolve_max_features(max_features):
    if max_features is None:
        return None
    resolved = np.array(max_features)
    if resolved.ndim != 1 or resolved.size == 0 or resolved.dtype.kind not in "iu":
        raise ValueError(f"max_features must be a list of whole numbers, got {max_features!r}.")
    if resolved.min() < 1:
        raise ValueError(f"max_features must be at least 1, got {max_features!r}.")
    return resolved


def _score_fold(estimator, data, candidates, scorers, alpha, fold, task):
    """Fit the candidates at one alpha on a fold and score them on the rows left out.

    Returns
    -------
    scores : dict of str to list of float
        One score per candidate.
    unsolved : list of Solution
        The fits that are not optimal.
    """
    train, test = fold
    # Models that are only scored need not be much more accurate than `tol`.
    options = estimator._path_options(alpha) | {"final_tol": 0.5}
    path = candidates.fit(data.take(train), task, **options)
    models = [
        estimator._model(alpha, params["epsilon"], *stack_models(fits))
        for params, fits in zip(candidates.params, path, strict=True)
    ]
    scores = data.fold_scores(test, models, scorers)
    solutions = [fit.solution for fits in path for fit in fits]
    return scores, [s for s in solutions if s.status is not Status.CONVERGED]
