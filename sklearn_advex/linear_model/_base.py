"""Training of linear classifiers against an adversary, and the adversary against fitted ones."""

from contextlib import contextmanager, nullcontext
from functools import cache, partial
from numbers import Integral, Real

import numpy as np
from joblib import effective_n_jobs
from scipy.special import log_expit, logsumexp
from sklearn.base import BaseEstimator
from sklearn.metrics import accuracy_score
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.metaestimators import available_if
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_advex._perturbation import PERTURBATION_SETS, perturbation_set, resolve_epsilon
from sklearn_advex._utils._class_targets import known_positions, label_positions
from sklearn_advex._utils._containers import as_floats, frame_like, refuse_dates
from sklearn_advex._utils._dask import empty_rows, is_dask, lazy_for_dask, refuse_mixed
from sklearn_advex._utils._documentation import DocumentationLinkMixin
from sklearn_advex._utils._sklearn_compat import (
    CallbackSupportMixin,
    Interval,
    LinearClassifierMixin,
    StrOptions,
    check_sample_weight,
    fit_context,
    get_threadpool_controller,
)
from sklearn_advex._utils._tasks import fit_task
from sklearn_advex.attribution import ExplainMixin
from sklearn_advex.attribution._adversary import make_adversary
from sklearn_advex.attribution._linear_scores import LinearScores
from sklearn_advex.linear_model._problem_fit import (
    fit_all_features,
    fit_path_of_subsets,
    resolve_groups,
)
from sklearn_advex.linear_model._solvers import SOLVERS, make_solver
from sklearn_advex.linear_model._training_data import (
    FLOATS,
    TrainingData,
    dask_training_data,
)
from sklearn_advex.linear_model._warnings import warn_about

_HINTS = {
    "could not convert string to float": (
        "X has columns that are not numbers: {}. Encode them first, for example with a"
        " OneHotEncoder in a ColumnTransformer."
    ),
    "X contains infinity": "{} Clip such values, or leave out their rows.",
}


def _has_probabilities(estimator):
    """Return whether scores are log odds, as they are under the logistic loss."""
    if estimator.loss == "log_loss":
        return True
    raise AttributeError(
        f"{type(estimator).__name__} has probabilities for loss='log_loss' only, as the scores of"
        " other losses are not log odds. Use decision_function, or sklearn's"
        " CalibratedClassifierCV."
    )


class BaseAdversarialLinearClassifier(
    ExplainMixin,
    CallbackSupportMixin,
    DocumentationLinkMixin,
    LinearClassifierMixin,
    BaseEstimator,
):
    """What adversarially trained linear classifiers share whatever their loss.

    A subclass has a constructor and a `loss`, a key of `TERMS`.
    """

    _parameter_constraints = {
        "epsilon": [Interval(Real, 0, None, closed="left"), "array-like", dict],
        "norm": [StrOptions(PERTURBATION_SETS.keys())],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "l1_ratio": [Interval(Real, 0, 1, closed="both")],
        "fit_intercept": ["boolean"],
        "max_features": [Interval(Integral, 1, None, closed="left"), None],
        "groups": ["array-like", dict, None],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "solver": [StrOptions({"auto", *SOLVERS})],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    @classmethod
    @cache
    def _get_param_names(cls):
        """Return the names of the parameters; to read the signature anew slows small fits."""
        return super()._get_param_names()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix, dask array or DataFrame} of shape (n_samples, n_features)
            Training data. CSR is used as it is, other sparse formats are converted to it. A Dask
            collection is read block by block in each step and never collected; it takes smooth
            losses and ``norm="linf"``.
        y : array-like of shape (n_samples,)
            Class labels, of any type; for a Dask collection one too, or in memory.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows, like `y`. Only their ratios matter.

        Returns
        -------
        self : estimator
            The fitted model.

        Raises
        ------
        ValueError
            If the data or a parameter is not valid; the message names it.
        """
        is_warm = self.warm_start and hasattr(self, "coef_")
        data = self._validate(X, y, sample_weight, wants_start=not is_warm)
        groups = resolve_groups(
            self.groups, self.n_features_in_, getattr(self, "feature_names_in_", None)
        )
        if self._is_limited(groups):
            data = data.in_column_order()  # subsets pick columns time and again
        problem = self._problem()
        objectives = data.objectives(**problem)
        task = fit_task(self, X, y, sample_weight, len(objectives))
        # Threads of Dask take a block each; those of the linear algebra would come on top.
        n_jobs = 1 if data.is_streamed else self.n_jobs
        with task, blas_threads(n_jobs, len(objectives)):
            fits = self._solve(objectives, partial(data.start, problem), groups, task)
            warn_about(self, fits, data)
            self._store(fits, data)
        return self

    @lazy_for_dask
    def decision_function(self, X):
        """Score of each row: for two classes that of the second, else one for each class.

        Parameters
        ----------
        X : {array-like, sparse matrix, dask array or DataFrame} of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            The signed distance from the decision boundary times the length of the coefficients.
            For a Dask collection one that is computed when it is needed.
        """
        scores = safe_sparse_dot(self._rows(X), self.coef_.T, dense_output=True) + self.intercept_
        return scores.ravel() if scores.shape[1] == 1 else scores

    @lazy_for_dask
    def predict(self, X):
        """Most likely class of each row.

        Parameters
        ----------
        X : {array-like, sparse matrix, dask array or DataFrame} of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples,)
            Class labels. For a Dask collection one that is computed when it is needed.
        """
        return super().predict(X)

    def score(self, X, y, sample_weight=None):
        """Accuracy: the share of rows whose class is predicted.

        Parameters
        ----------
        X : {array-like, sparse matrix, dask array or DataFrame} of shape (n_samples, n_features)
            Test rows.
        y : array-like of shape (n_samples,)
            True labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        float
            In [0, 1].
        """
        if is_dask(X):
            return self._mean_over_blocks(_is_right, X, y, sample_weight)
        return super().score(X, y, sample_weight)

    @available_if(_has_probabilities)
    @lazy_for_dask
    def predict_log_proba(self, X):
        """Logarithm of the probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Accurate also where the probability itself is too small for a float.
        """
        decision = self.decision_function(X)
        if decision.ndim == 1:
            return log_expit(np.column_stack([-decision, decision]))
        of_class = log_expit(decision)
        return of_class - logsumexp(of_class, axis=1, keepdims=True)

    @available_if(_has_probabilities)
    @lazy_for_dask
    def predict_proba(self, X):
        """Probability of each class.

        With more than two classes the one-vs-rest probabilities are divided by their sum.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows to predict.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of `classes_`.
        """
        return np.exp(self.predict_log_proba(X))

    @lazy_for_dask
    def perturb(self, X, y, epsilon=None, *, categories=None, max_flips=0):
        """The worst-case inputs: each row changed so that its true class loses the most.

        With two classes and ``norm="linf"`` that is ``x - y * epsilon * sign(w)`` for labels -1 and
        1 (eq. 5 of Chalasani et al., ICML 2020); the l2 adversary moves along ``epsilon**2 * w``,
        the l1 adversary changes only the feature with the largest ``epsilon * abs(w)``. With more
        classes it is the change that brings one rival class the furthest above (or the closest to)
        the true one. Of categories those are flipped that gain the adversary the most, each to the
        value that does.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Rows to attack. Never changed.
        y : array-like of shape (n_samples,)
            True labels.
        epsilon : float, array-like of shape (n_features,) or dict, default=None
            What the adversary may do, as in the constructor; None is what the model was trained
            against.
        categories : list of array-like, default=None
            Groups of one-hot columns, by position or by name, such as from
            :func:`~sklearn_advex.one_hot_categories`. They change by flips only, whatever `epsilon`
            is. None takes all columns as numbers, as training does.
        max_flips : int, default=0
            How many categories of a row may change to any other one.

        Returns
        -------
        {ndarray, CSR matrix, DataFrame} of shape (n_samples, n_features)
            In the container of `X`. A CSR matrix gains entries only in columns with a coefficient.

        Raises
        ------
        ValueError
            If `y` holds a label that the model does not know, `epsilon` does not fit, categories
            overlap or are not one-hot, or there are none to flip.
        """
        linear, adversary = self._scores_and_adversary(X, epsilon, categories, max_flips)
        labels = known_positions(y, self.classes_, linear.rows)
        return frame_like(X, linear.worst_rows(labels, adversary))

    def adversarial_score(
        self, X, y, epsilon=None, sample_weight=None, *, categories=None, max_flips=0
    ):
        """Exact worst-case accuracy: the share of rows that no allowed change can make wrong.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Test rows.
        y : array-like of shape (n_samples,)
            True labels.
        epsilon : float, array-like of shape (n_features,) or dict, default=None
            What the adversary may do, as in the constructor; None is what the model was trained
            against. At 0 the result is the accuracy.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        categories : list of array-like, default=None
            As for :meth:`perturb`.
        max_flips : int, default=0
            How many categories of a row may change to any other one.

        Returns
        -------
        float
            In [0, 1].

        Raises
        ------
        ValueError
            If `epsilon` does not fit, categories overlap or are not one-hot, or there are none to
            flip.
        """
        threat = {"epsilon": epsilon, "categories": categories, "max_flips": max_flips}
        if is_dask(X):
            return self._mean_over_blocks(partial(_withstands, threat), X, y, sample_weight)
        robust = self._robust_rows(X, y, **threat)
        if sample_weight is not None:
            sample_weight = check_sample_weight(sample_weight, robust, ensure_non_negative=True)
        return float(accuracy_score(np.ones_like(robust), robust, sample_weight=sample_weight))

    @lazy_for_dask
    def certified_radius(self, X, *, categories=None, max_flips=0):
        """How far every feature may change at once before the prediction can change.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows to certify.
        categories : list of array-like, default=None
            As for :meth:`perturb`. Only the other columns change by the radius.
        max_flips : int, default=0
            How many categories of a row may change to any other one beside.

        Returns
        -------
        ndarray of shape (n_samples,)
            The distance of each row from the decision boundary in the `norm`, over changes of all
            features, also those with ``epsilon_ == 0``. For two classes it is ``|<w, x> + b|``
            divided by the dual norm of w: ``||w||_1`` for "linf", ``||w||_2`` for "l2",
            ``max(abs(w))`` for "l1". 0 where flips alone alter the prediction, infinity where no
            change does, such as for a model without features.
        """
        linear, unit = self._scores_and_adversary(X, 1.0, categories, max_flips)
        return linear.certified_radii(unit)

    def _validate(self, X, y, sample_weight, cv=None, *, wants_start=False):
        """Validate the training data, and store what does not depend on the model.

        `cv` is a Dask collection with the number of the fold of each row, or None. Where rows are
        not in memory, a start may be wanted beside.

        Returns
        -------
        TrainingData
        """
        if is_dask(X):
            check_dask_support(self)
            validate_data(self, empty_rows(X), skip_check_array=True)
            options = {"cv": cv, "problem": self._problem() if wants_start else None}
            data = dask_training_data(X, y, sample_weight, self.class_weight, **options)
        else:
            refuse_mixed(X, y=y, sample_weight=sample_weight, cv=cv)
            refuse_dates(X)
            with _hints_for_bad_data():
                X, y = validate_data(self, X, y, accept_sparse="csr", dtype=FLOATS)
            data = TrainingData.from_arrays(as_floats(X), y, sample_weight, self.class_weight)
        self.classes_ = data.classes
        self.feature_means_ = data.feature_means()
        return data

    def _problem(self):
        """Store `epsilon_`, and return the arguments of `TrainingData.objectives`."""
        self.epsilon_ = self._resolve_epsilon(self.epsilon)
        return {
            "loss": self.loss,
            "perturbation": perturbation_set(self.norm, self.epsilon_),
            "alpha": self.alpha,
            "l1_ratio": self.l1_ratio,
            "fit_intercept": self.fit_intercept,
        }

    def _resolve_epsilon(self, epsilon):
        names = getattr(self, "feature_names_in_", None)
        return resolve_epsilon(epsilon, self.n_features_in_, names)

    def _is_limited(self, groups):
        n_groups = self.n_features_in_ if groups is None else groups.max() + 1
        return self.max_features is not None and self.max_features < n_groups

    def _starts(self, objectives, find_start):
        """Return where problems start: at known models, unless models of no feature are better."""
        shape = (len(objectives), self.n_features_in_)
        starts = [objective.intercept_only() for objective in objectives]
        if self.warm_start and getattr(self, "coef_", np.empty(0)).shape == shape:
            variables = self.coef_.astype(np.float64)
            if self.fit_intercept:
                variables = np.column_stack([variables, self.intercept_])
        else:
            variables = find_start()
        if variables is None:
            return starts
        return [
            min(objective.point(known), start, key=objective.value)
            for objective, known, start in zip(objectives, variables, starts, strict=True)
        ]

    def _solve(self, objectives, find_start, groups, task):
        solver = make_solver(
            self.solver,
            objectives[0],
            tol=self.tol,
            max_iter=self.max_iter,
            verbose=self.verbose > 0,
        )
        tasks = task.subtasks("binary problem", len(objectives))
        if self._is_limited(groups):
            problems = [(objective, self.max_features, groups) for objective in objectives]
            solve = _solve_limited
        else:
            problems = list(zip(objectives, self._starts(objectives, find_start), strict=True))
            solve = _solve_problem
        if len(problems) == 1:  # setting up threads takes as long as a small fit
            return [solve(solver, tasks[0], *problems[0])]
        return Parallel(n_jobs=self.n_jobs, prefer="threads")(
            delayed(solve)(solver, *problem)
            for problem in zip(tasks, *zip(*problems, strict=True), strict=True)
        )

    def _store(self, fits, data):
        dtype = data.dtype
        fits = [fit.as_stored(dtype) for fit in fits]
        self.coef_, self.intercept_ = stack_models(fits)
        self.coef_, self.intercept_ = self.coef_.astype(dtype), self.intercept_.astype(dtype)
        self.support_ = [np.flatnonzero(coef) for coef in self.coef_]
        self.objective_ = np.array([fit.solution.value for fit in fits])
        self.kkt_residual_ = np.array([fit.solution.residual for fit in fits])
        self.dual_gap_ = np.array([fit.dual_gap for fit in fits])
        self.optimality_gap_ = np.array([fit.optimality_gap for fit in fits])
        self.n_iter_ = np.array([fit.solution.n_iter for fit in fits], dtype=np.int32)
        self.n_passes_ = data.n_passes

    def _robust_rows(self, X, y, epsilon, categories, max_flips):
        """Return which rows no allowed change can make wrong."""
        linear, adversary = self._scores_and_adversary(X, epsilon, categories, max_flips)
        labels = label_positions(y, self.classes_, linear.rows)
        return linear.is_robust(labels, adversary) & (labels >= 0)

    def _mean_over_blocks(self, function, X, y, sample_weight):
        """Return the mean of ``function(self, X, y)`` over the rows of a Dask collection."""
        from sklearn_advex._utils._dask_blocks import mean_over_rows  # imports dask

        check_is_fitted(self)
        validate_data(self, empty_rows(X), reset=False, skip_check_array=True)
        return float(mean_over_rows(partial(function, self), X, y, sample_weight)[0])

    def _rows(self, X):
        """Validate rows to predict."""
        check_is_fitted(self)
        return as_floats(validate_data(self, X, reset=False, accept_sparse="csr", dtype=FLOATS))

    def _scores_and_adversary(self, X, epsilon, categories, max_flips):
        """Validate rows and what may change in them; return `LinearScores` and the `Adversary`."""
        X = self._rows(X)
        epsilon = self.epsilon_ if epsilon is None else epsilon
        names = getattr(self, "feature_names_in_", None)
        adversary = make_adversary(self.norm, epsilon, categories, max_flips, X, names)
        return LinearScores.from_coefficients(X, self.coef_, self.intercept_), adversary


def blas_threads(n_jobs, n_problems):
    """Give the linear algebra the threads that `n_jobs` leaves over, in a context.

    Threads that wait for a busy core slow the many small products of a fit down by an order of
    magnitude.

    Parameters
    ----------
    n_jobs : int or None
    n_problems : int
        Solved side by side.

    Returns
    -------
    context manager
    """
    threads = max(1, effective_n_jobs(n_jobs) // n_problems)
    controller = get_threadpool_controller()
    libraries = [library for library in controller.lib_controllers if library.user_api == "blas"]
    if all(library.num_threads == threads for library in libraries):
        return nullcontext()  # setting it anew would take a hundredth of a small fit
    return controller.limit(limits=threads, user_api="blas")


def stack_models(fits):
    """Put the models of several problems into arrays.

    Parameters
    ----------
    fits : list of ProblemFit

    Returns
    -------
    coef : ndarray of shape (n_problems, n_features)
    intercept : ndarray of shape (n_problems,)
        0 if it is not fitted.
    """
    return np.stack([fit.coef for fit in fits]), np.array([fit.intercept for fit in fits])


def check_dask_support(estimator):
    """Raise a ValueError if an estimator asks for what cannot be had of Dask collections.

    Parameters
    ----------
    estimator : BaseAdversarialLinearClassifier
    """
    for name, supported, alternative in (
        ("loss", ("log_loss", "softplus_hinge"), "loss='log_loss'"),
        ("norm", ("linf",), "norm='linf'"),
        ("solver", ("auto", "active-set-newton"), "solver='auto'"),
        ("max_features", (), "max_features=None"),
    ):
        value = getattr(estimator, name, None)
        if not (value is None or (isinstance(value, str) and value in supported)):
            raise ValueError(
                f"{name}={value!r} is not available for Dask collections: set {alternative}, or"
                " load the rows by X.compute() if they fit into memory."
            )


def _is_right(model, X, y):
    return label_positions(y, model.classes_, X) == label_positions(
        model.predict(X), model.classes_, X
    )


def _withstands(threat, model, X, y):
    return model._robust_rows(X, y, **threat)


@contextmanager
def _hints_for_bad_data():
    """Add what to do to messages of scikit-learn that only say what is wrong."""
    try:
        yield
    except ValueError as error:
        for symptom, message in _HINTS.items():
            if symptom in str(error):
                raise ValueError(message.format(error)) from error
        raise


def _solve_problem(solver, task, objective, start):
    with task:
        return fit_all_features(objective, solver, start)


def _solve_limited(solver, task, objective, max_features, groups):
    with task:
        return fit_path_of_subsets(objective, solver, max_features, groups, certify_last=True)[-1]
