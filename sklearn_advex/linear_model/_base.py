"""Training of linear classifiers against an adversary, and the adversary against fitted ones."""

from contextlib import contextmanager
from dataclasses import replace
from numbers import Integral, Real

import numpy as np
from joblib import effective_n_jobs
from scipy.sparse import csr_array, issparse
from scipy.special import log_expit, logsumexp
from sklearn.base import BaseEstimator
from sklearn.metrics import accuracy_score
from sklearn.utils.metaestimators import available_if
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_advex._losses import LogisticLoss
from sklearn_advex._perturbation import PERTURBATION_SETS, resolve_epsilon
from sklearn_advex._utils._class_targets import (
    check_classes,
    check_row_weights,
    check_weight_of_classes,
    known_positions,
    label_positions,
    weight_per_class,
)
from sklearn_advex._utils._frames import frame_like
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
from sklearn_advex.linear_model._design_matrix import as_design_matrix
from sklearn_advex.linear_model._diagnostics import warn_about
from sklearn_advex.linear_model._objective import RobustObjective
from sklearn_advex.linear_model._robustness import (
    radii,
    scores_per_class,
    stays,
    worst_gaps,
    worst_rivals,
)
from sklearn_advex.linear_model._solver_choice import SOLVERS, make_solver

_FLOATS = [np.float64, np.float32]
_HINTS = {
    "could not convert string to float": (
        "X has columns that are not numbers: {}. Encode them first, for example with a"
        " OneHotEncoder in a ColumnTransformer."
    ),
    "X contains infinity": "{} Clip such values, or leave out their rows.",
}


def _has_probabilities(estimator):
    """Whether scores are log odds, as they are under the logistic loss."""
    if isinstance(estimator._loss, LogisticLoss):
        return True
    raise AttributeError(
        f"{type(estimator).__name__} has probabilities for loss='log_loss' only, as the scores of"
        " other losses are not log odds. Use decision_function, or sklearn's"
        " CalibratedClassifierCV."
    )


class BaseAdversarialLinearClassifier(
    ExplainMixin, CallbackSupportMixin, LinearClassifierMixin, BaseEstimator
):
    """What adversarially trained linear classifiers share whatever their loss.

    A subclass has a constructor and a `_loss`.
    """

    _parameter_constraints = {
        "epsilon": [Interval(Real, 0, None, closed="left"), "array-like", dict],
        "norm": [StrOptions(set(PERTURBATION_SETS))],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "l1_ratio": [Interval(Real, 0, 1, closed="both")],
        "fit_intercept": ["boolean"],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "solver": [StrOptions({"auto", *SOLVERS})],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data. CSR is used as it is, other sparse formats are converted to it.
        y : array-like of shape (n_samples,)
            Class labels, of any type.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows. Only their ratios matter.

        Returns
        -------
        self : estimator
            The fitted model.

        Raises
        ------
        ValueError
            If the data or a parameter is not valid; the message names it.
        """
        design, labels, weights = self._prepare(X, y, sample_weight)
        self.epsilon_ = self._resolve_epsilon(self.epsilon)
        perturbation = PERTURBATION_SETS[self.norm](self.epsilon_)
        objectives = self._objectives(design, labels, weights, perturbation, self.alpha)
        task = fit_task(self, X, y, sample_weight, len(objectives))
        with task, self._blas_threads(len(objectives)):
            solutions = self._solve(objectives, task)
            warn_about(self, objectives, solutions)
            self._keep(objectives, solutions, design.dtype)
        return self

    @available_if(_has_probabilities)
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

    def perturb(self, X, y, epsilon=None):
        """The worst-case inputs: each row changed so that its true class loses the most.

        With two classes and ``norm="linf"`` that is ``x - y * epsilon * sign(w)`` for labels -1 and
        1 (eq. 5 of Chalasani et al., ICML 2020); the l2 adversary moves along ``epsilon**2 * w``,
        the l1 adversary changes only the feature with the largest ``epsilon * abs(w)``. With more
        classes it is the change that brings one rival class the furthest above (or the closest to)
        the true one.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Rows to attack. Never changed.
        y : array-like of shape (n_samples,)
            True labels.
        epsilon : float, array-like of shape (n_features,) or dict, default=None
            What the adversary may do, as in the constructor; None is what the model was trained
            against.

        Returns
        -------
        {ndarray, CSR matrix, DataFrame} of shape (n_samples, n_features)
            In the container of `X`; an ndarray for other frames than those of pandas. A CSR matrix
            gains entries only in columns with a coefficient.

        Raises
        ------
        ValueError
            If `y` holds a label that the model does not know, or `epsilon` does not fit.
        """
        data, scores, coef, perturbation = self._attacked(X, epsilon)
        labels = known_positions(y, self.classes_, data)
        rivals = worst_rivals(worst_gaps(scores, labels, coef, perturbation), labels)
        pairs, pair_of_row = np.unique(
            np.column_stack([rivals, labels]), axis=0, return_inverse=True
        )
        changes = perturbation.worst(coef[pairs[:, 0]] - coef[pairs[:, 1]]).astype(data.dtype)
        if issparse(data):
            perturbed = data + type(data)(csr_array(changes)[pair_of_row])
        else:
            perturbed = changes[pair_of_row]
            perturbed += data
        return frame_like(X, perturbed, getattr(X, "columns", None))

    def adversarial_score(self, X, y, epsilon=None, sample_weight=None):
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

        Returns
        -------
        float
            In [0, 1].
        """
        data, scores, coef, perturbation = self._attacked(X, epsilon)
        labels = label_positions(y, self.classes_, data)
        if sample_weight is not None:
            sample_weight = check_sample_weight(sample_weight, data, ensure_non_negative=True)
        holds = stays(worst_gaps(scores, labels, coef, perturbation), labels) & (labels >= 0)
        return float(accuracy_score(np.ones_like(holds), holds, sample_weight=sample_weight))

    def certified_radius(self, X):
        """How far every feature may change at once before the prediction can change.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows to certify.

        Returns
        -------
        ndarray of shape (n_samples,)
            For each row the number r such that no change with a `norm` of less than r (of all
            features, also those with ``epsilon_ == 0``) alters the prediction, and some change of
            more does. For two classes it is ``|<w, x> + b|`` divided by the dual norm of w:
            ``||w||_1`` for "linf", ``||w||_2`` for "l2", ``max(abs(w))`` for "l1". Infinity for a
            model without features.
        """
        _, scores, coef, unit = self._attacked(X, 1.0)
        return radii(scores, coef, unit)

    def _prepare(self, X, y, sample_weight):
        """Validate the training data; the design, class positions and normalized row weights."""
        with _hints_for_bad_data():
            X, y = validate_data(self, X, y, accept_sparse="csr", dtype=_FLOATS)
        self.classes_ = check_classes(y)
        labels = np.searchsorted(self.classes_, y)
        return self._weigh(X, labels, check_row_weights(sample_weight, X))

    def _weigh(self, X, labels, row_weights):
        """The same of data that are valid."""
        of_class = weight_per_class(self.class_weight, self.classes_, labels, row_weights)
        weights = row_weights * of_class[labels]
        check_weight_of_classes(weights, labels, self.classes_)
        design = as_design_matrix(X)
        self.feature_means_ = design.rmatvec(row_weights) / row_weights.sum()
        return design, labels, weights / weights.sum()

    def _blas_threads(self, n_problems):
        """Give the linear algebra the threads that `n_jobs` leaves over, in a context.

        Threads that wait for a busy core slow the many small products of a fit down by an order of
        magnitude.
        """
        threads = max(1, effective_n_jobs(self.n_jobs) // n_problems)
        return get_threadpool_controller().limit(limits=threads, user_api="blas")

    def _resolve_epsilon(self, epsilon):
        names = getattr(self, "feature_names_in_", None)
        return resolve_epsilon(epsilon, self.n_features_in_, names)

    def _objectives(self, design, labels, weights, perturbation, alpha):
        """The binary problems: one for two classes, else each class against the rest."""
        positives = [1] if self.classes_.size == 2 else range(self.classes_.size)
        return [
            RobustObjective(
                design,
                np.where(labels == positive, 1.0, -1.0),
                weights,
                self._loss,
                perturbation,
                alpha=alpha,
                l1_ratio=self.l1_ratio,
                fit_intercept=self.fit_intercept,
            )
            for positive in positives
        ]

    def _starts(self, objectives):
        shape = (len(objectives), self.n_features_in_)
        if not self.warm_start or getattr(self, "coef_", np.empty(0)).shape != shape:
            return [objective.null_point() for objective in objectives]
        intercepts = self.intercept_ if self.fit_intercept else np.zeros(len(objectives))
        warm_points = [
            objective.point(coef.astype(np.float64), float(intercept))
            for objective, coef, intercept in zip(objectives, self.coef_, intercepts, strict=True)
        ]
        return [
            min(warm, objective.null_point(), key=objective.value)
            for objective, warm in zip(objectives, warm_points, strict=True)
        ]

    def _solve(self, objectives, task):
        problems = zip(
            objectives,
            self._starts(objectives),
            task.subtasks("binary problem", len(objectives)),
            strict=True,
        )
        solver = make_solver(
            self.solver,
            self._loss,
            objectives[0].perturbation,
            tol=self.tol,
            max_iter=self.max_iter,
            verbose=self.verbose > 0,
        )
        if len(objectives) == 1:  # setting up threads takes as long as a small fit
            return [_solve_problem(solver, *problem) for problem in problems]
        return Parallel(n_jobs=self.n_jobs, prefer="threads")(
            delayed(_solve_problem)(solver, *problem) for problem in problems
        )

    def _keep(self, objectives, solutions, dtype):
        solutions = [_rounded(*pair, dtype) for pair in zip(objectives, solutions, strict=True)]
        points = [solution.point for solution in solutions]
        self.coef_ = np.stack([point.coef for point in points]).astype(dtype)
        self.intercept_ = np.array([point.intercept for point in points], dtype=dtype)
        self.objective_ = np.array([solution.value for solution in solutions])
        self.kkt_residual_ = np.array([solution.residual for solution in solutions])
        gaps = [o.dual_gap(solution) for o, solution in zip(objectives, solutions, strict=True)]
        self.dual_gap_ = np.array(gaps)
        self.n_iter_ = np.array([solution.n_iter for solution in solutions], dtype=np.int32)

    def _attacked(self, X, epsilon):
        """The rows, their scores and the coefficients per class, and the perturbation set."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, accept_sparse="csr", dtype=_FLOATS)
        epsilon = self.epsilon_ if epsilon is None else self._resolve_epsilon(epsilon)
        coef, intercept = scores_per_class(self.coef_, self.intercept_)
        return X, X @ coef.T + intercept, coef, PERTURBATION_SETS[self.norm](epsilon)


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


def _solve_problem(solver, objective, start, task):
    with task:
        return solver.solve(objective, start)


def _rounded(objective, solution, dtype):
    """A solution as it is after its coefficients are stored in a dtype."""
    if dtype == np.float64:
        return solution
    coef = solution.point.coef.astype(dtype).astype(np.float64)
    point = objective.point(coef, float(dtype.type(solution.point.intercept)))
    return replace(
        solution,
        point=point,
        value=objective.value(point),
        residual=objective.residual(point, solution.certificate),
    )
