"""Adversarially trained linear classifiers, of the logistic loss and of any other."""

from sklearn_advex._utils._sklearn_compat import StrOptions
from sklearn_advex.linear_model._base import BaseAdversarialLinearClassifier
from sklearn_advex.linear_model._objective import TERMS


class AdversarialLogisticRegression(BaseAdversarialLinearClassifier):
    r"""Logistic regression trained against an adversary who may change every feature a little.

    For labels :math:`y_i \in \{-1, 1\}` it minimizes the mean worst-case loss, plus a penalty:

    .. math::

        \sum_i s_i \log\Bigl(1 + \exp\bigl(h(w) - y_i (\langle w, x_i \rangle + b)\bigr)\Bigr)
        + \alpha \Bigl(\rho \|w\|_1 + \frac{1 - \rho}{2} \|w\|_2^2\Bigr), \qquad
        h(w) = \sum_j \epsilon_j |w_j|

    with :math:`\rho` = `l1_ratio` and the row weights :math:`s_i` scaled to sum to 1. The support
    function :math:`h(w)` is what the worst change within :math:`\pm\epsilon_j` per feature takes
    off the margin, so the inner maximum of adversarial training is exact (eq. 6 of [1]_) and the
    problem is convex. Features whose class means differ by little compared with `epsilon` get
    coefficients that are exactly 0.0, which makes explanations concise.
    More than two classes are learned one-vs-rest, a binary problem for each (section E of [1]_).

    ``epsilon=0`` is ordinary (penalized) logistic regression: the paper's n-model at ``alpha=0``,
    its l-model with parameter lambda at ``alpha=lambda, l1_ratio=1``.

    Parameters
    ----------
    epsilon : float, array-like of shape (n_features,) or dict, default=0.1
        Half-width of the change allowed to the adversary, in each feature's own units: one number
        for all features, one per feature, or for DataFrames a dict from column name to number that
        names every column. 0 means that a feature cannot be changed. One number only makes sense
        for features on one scale: standardize first.
    norm : {"linf", "l2", "l1"}, default="linf"
        The norm of the perturbation set: with "linf" every feature changes independently, "l2" and
        "l1" bound the length of the change as a whole. For them :math:`h(w)` is
        :math:`(\sum_j (\epsilon_j w_j)^2)^{1/2}` and :math:`\max_j \epsilon_j |w_j|`, and models
        are not concise unless `l1_ratio` makes them so.
    alpha : float, default=1e-4
        Strength of the penalty on the coefficients. With 0 there may be no finite minimizer, see
        Notes.
    l1_ratio : float, default=0.0
        Share of the l1 penalty, in [0, 1]: 0 is a ridge, 1 the lasso.
    max_features : int, default=None
        Largest number of features with a coefficient that is not 0, in each binary problem; with
        `groups` the largest number of groups. None and any number from that of the features on set
        no limit. See Notes for what is proven of the choice.
    groups : array-like of shape (n_features,) or dict, default=None
        Features that enter and leave the model together: the label of each feature's group, or a
        dict from the name of a group to its columns (names, or positions if X has no names). Single
        coefficients of a group in use may still be 0. Without `max_features` groups do not matter.
    fit_intercept : bool, default=True
        Whether to fit an intercept. It is never penalized.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, multiplied with `sample_weight`; "balanced" makes the classes weigh
        the same.
    solver : {"auto", "active-set-newton", "interior-point"}, default="auto"
        "auto" takes the best solver for the problem: "active-set-newton", Newton's method on the
        features in use, which needs ``norm="linf"``; else "interior-point", Newton's method with
        the perturbation set kept exact in each step, which needs memory for the number of features
        squared (at most 2000).
    tol : float, default=1e-8
        Largest `kkt_residual_` that counts as converged.
    max_iter : int, default=100
        Largest number of Newton steps for each class.
    warm_start : bool, default=False
        Whether `fit` starts from the coefficients of the previous call.
    n_jobs : int, default=None
        Number of threads: classes are fitted side by side, and threads beyond the number of classes
        go to the linear algebra of each. None means 1 unless in a :obj:`joblib.parallel_backend`
        context, -1 all processors.
    verbose : int, default=0
        Above 0, print a line per Newton step: objective, residual, features in use, time.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Coefficients, one row for two classes and one row per class for more; float32 if X was.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Intercepts.
    epsilon_ : ndarray of shape (n_features,)
        The half-width per feature that was used.
    kkt_residual_ : ndarray of shape (1,) or (n_classes,)
        Max-norm of the smallest subgradient of the objective at the returned coefficients,
        intercept included; 0 at an exact optimum. For float32 X it includes the rounding of the
        coefficients to float32, which `tol` does not judge. For the norms "l2" and "l1", see
        :class:`AdversarialLinearClassifier`.
    dual_gap_ : ndarray of shape (1,) or (n_classes,)
        Certified upper bound on how far `objective_` is above the minimum, by duality. For
        ``alpha=0`` it is `objective_` itself: there only `kkt_residual_` tells more.
    objective_ : ndarray of shape (1,) or (n_classes,)
        The objective at the returned coefficients.
    support_ : list of ndarray of int
        For each binary problem the features with a coefficient that is not 0.
    optimality_gap_ : ndarray of shape (1,) or (n_classes,)
        Certified upper bound on how far `objective_` is above that of the best choice of at most
        `max_features` features or groups; 0 without a limit.
    n_iter_ : ndarray of int of shape (1,) or (n_classes,)
        Newton steps taken.
    n_passes_ : int
        Passes over the rows of a Dask collection, its validation included; 0 for rows in memory.
    feature_means_ : ndarray of shape (n_features,)
        Means of the training data, weighted by `sample_weight`; a baseline for explanations.
    n_features_in_ : int
        Number of features seen during fit.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where X has string column names.

    Warns
    -----
    ConvergenceWarning
        If the residual is above `tol` at the end, or if there is no finite minimizer.
    UserWarning
        If `epsilon` or `alpha` is so large that all coefficients are 0.

    See Also
    --------
    AdversarialLinearClassifier : The same for other losses.
    sklearn_advex.epsilon_max : The `epsilon` from which on no feature is used.
    sklearn_advex.epsilon_grid : Values of `epsilon` for a grid search.
    sklearn_advex.model_selection.most_concise : Choose the most concise of the accurate models.

    Notes
    -----
    With ``alpha=0`` and classes that stay separable whatever the adversary does, larger
    coefficients are always better and no finite minimizer exists. `fit` then stops at a model that
    separates the training data robustly, and warns. Where only some rows can be separated ever
    further there is no finite minimizer either; then the coefficients end where the residual falls
    below `tol`, and say as much about `tol` as about the data. Any ``alpha > 0`` prevents both.

    With `max_features` the problem is the objective as it stands, subject to the limit. Each subset
    of features that is tried is solved exactly; `kkt_residual_` and `dual_gap_` are those of the
    chosen subset. The choice itself is a local optimum of a search by forward steps, the path of
    epsilons, removals, exchanges of single features and of two or three at once: of the most
    promising of these, by a second-order model, none lowers the objective. That there is no better
    choice is proven only as far as `optimality_gap_` says: for at most 30 features or groups, a
    smooth loss and ``norm="linf"``, 100 subproblems of a branch and bound narrow it, otherwise it
    is what duality bounds at once, which may be as much as `objective_` itself.

    To keep exactly the features in use in a pipeline, give scikit-learn's
    :class:`~sklearn.feature_selection.SelectFromModel` the threshold ``np.finfo(float).tiny``: its
    default is the mean of the coefficients.

    From scikit-learn 1.9 on `set_callbacks` takes its callbacks, such as
    `sklearn.callback.ProgressBar` (with ``pip install 'sklearn-advex[progress]'``); the tasks of a
    fit that they hear of are its binary problems.

    References
    ----------
    .. [1] P. Chalasani, J. Chen, A. R. Chowdhury, S. Jha, X. Wu. "Concise Explanations of Neural
       Networks using Adversarial Training". ICML 2020. :arxiv:`1810.06583`

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_advex import AdversarialLogisticRegression
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), AdversarialLogisticRegression(epsilon=0.3))
    >>> model.fit(X, y).score(X, y)
    0.961...
    >>> int((model[-1].coef_ != 0).sum())
    6
    """

    loss = "log_loss"

    def __init__(
        self,
        epsilon=0.1,
        *,
        norm="linf",
        alpha=1e-4,
        l1_ratio=0.0,
        max_features=None,
        groups=None,
        fit_intercept=True,
        class_weight=None,
        solver="auto",
        tol=1e-8,
        max_iter=100,
        warm_start=False,
        n_jobs=None,
        verbose=0,
    ):
        self.epsilon = epsilon
        self.norm = norm
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.max_features = max_features
        self.groups = groups
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.verbose = verbose


class AdversarialLinearClassifier(BaseAdversarialLinearClassifier):
    r"""Linear classifier trained against an adversary, with a choice of losses.

    For labels :math:`y_i \in \{-1, 1\}` it minimizes the mean worst-case loss, plus a penalty:

    .. math::

        \sum_i s_i \, g\bigl(h(w) - y_i (\langle w, x_i \rangle + b)\bigr)
        + \alpha \Bigl(\rho \|w\|_1 + \frac{1 - \rho}{2} \|w\|_2^2\Bigr)

    with :math:`\rho` = `l1_ratio` and the row weights :math:`s_i` scaled to sum to 1. The losses
    are those of section B.1 of [1]_:

    - "log_loss": :math:`g(u) = \log(1 + e^u)`. The model is
      :class:`AdversarialLogisticRegression`.
    - "hinge": :math:`g(u) = \max(0, 1 + u)`, the loss of a support vector machine.
    - "softplus_hinge": :math:`g(u) = \log(1 + e^{1 + u})`, smooth like the first, and with a margin
      like the second.

    The support function :math:`h(w)` is the most that a change in the perturbation set takes off
    the margin (eq. 6 of [1]_):

    - "linf", every feature changes by up to :math:`\epsilon_j`:
      :math:`h(w) = \sum_j \epsilon_j |w_j|`;
    - "l2", the changes divided by :math:`\epsilon_j` have a Euclidean length of at most 1:
      :math:`h(w) = (\sum_j (\epsilon_j w_j)^2)^{1/2}`;
    - "l1", their absolute values add up to at most 1: :math:`h(w) = \max_j \epsilon_j |w_j|`.

    Only "linf" makes coefficients exactly 0.0 and thereby explanations concise; with the others an
    l1 penalty does.

    More than two classes are learned one-vs-rest, a binary problem for each (section E of [1]_).

    Parameters
    ----------
    loss : {"log_loss", "hinge", "softplus_hinge"}, default="log_loss"
        The loss.
    epsilon : float, array-like of shape (n_features,) or dict, default=0.1
        Size of the change allowed to the adversary, in each feature's own units: one number for all
        features, one per feature, or for DataFrames a dict from column name to number that names
        every column. 0 means that a feature cannot be changed.
    norm : {"linf", "l2", "l1"}, default="linf"
        The norm of the perturbation set.
    alpha : float, default=1e-4
        Strength of the penalty on the coefficients. With 0 a smooth loss may have no finite
        minimizer, and the hinge several.
    l1_ratio : float, default=0.0
        Share of the l1 penalty, in [0, 1]: 0 is a ridge, 1 the lasso.
    max_features : int, default=None
        Largest number of features with a coefficient that is not 0, in each binary problem; with
        `groups` the largest number of groups. None and any number from that of the features on set
        no limit. See Notes for what is proven of the choice.
    groups : array-like of shape (n_features,) or dict, default=None
        Features that enter and leave the model together: the label of each feature's group, or a
        dict from the name of a group to its columns (names, or positions if X has no names). Single
        coefficients of a group in use may still be 0. Without `max_features` groups do not matter.
    fit_intercept : bool, default=True
        Whether to fit an intercept. It is never penalized.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, multiplied with `sample_weight`; "balanced" makes the classes weigh
        the same.
    solver : {"auto", "active-set-newton", "interior-point"}, default="auto"
        "active-set-newton" needs a smooth loss and ``norm="linf"``. "interior-point" can solve
        everything: the hinge loss as the linear, quadratic or second-order cone program that it is,
        a smooth loss by Newton's method with the perturbation set kept exact in each step; it needs
        memory for the number of features squared (at most 2000). "auto" takes the first where it
        can.
    tol : float, default=1e-8
        Largest `kkt_residual_` that counts as converged.
    max_iter : int, default=100
        Largest number of steps for each class.
    warm_start : bool, default=False
        Whether `fit` starts from the coefficients of the previous call; no help to the hinge loss,
        whose programs are always solved from 0.
    n_jobs : int, default=None
        Number of threads: classes are fitted side by side, and threads beyond the number of classes
        go to the linear algebra of each. None means 1 unless in a :obj:`joblib.parallel_backend`
        context, -1 all processors.
    verbose : int, default=0
        Above 0, print the progress of the solver.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Coefficients, one row for two classes and one row per class for more; float32 if X was.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Intercepts.
    epsilon_ : ndarray of shape (n_features,)
        The size of the change per feature that was used.
    kkt_residual_ : ndarray of shape (1,) or (n_classes,)
        Distance from optimality: the max-norm of the smallest subgradient of the objective at the
        returned coefficients, intercept included. Where subgradients are not unique, with the hinge
        loss and the norms "l2" and "l1", it is that of the slopes of the losses and the worst
        change that the solver found, or what these fall short of being subgradients, whichever is
        larger; 0 proves an optimum in either case.
    dual_gap_ : ndarray of shape (1,) or (n_classes,)
        Certified upper bound on how far `objective_` is above the minimum, by duality. For
        ``alpha=0`` it is `objective_` itself: there only `kkt_residual_` tells more.
    objective_ : ndarray of shape (1,) or (n_classes,)
        The objective at the returned coefficients.
    support_ : list of ndarray of int
        For each binary problem the features with a coefficient that is not 0.
    optimality_gap_ : ndarray of shape (1,) or (n_classes,)
        Certified upper bound on how far `objective_` is above that of the best choice of at most
        `max_features` features or groups; 0 without a limit.
    n_iter_ : ndarray of int of shape (1,) or (n_classes,)
        Steps taken.
    n_passes_ : int
        Passes over the rows of a Dask collection, its validation included; 0 for rows in memory.
    feature_means_ : ndarray of shape (n_features,)
        Means of the training data, weighted by `sample_weight`; a baseline for explanations.
    n_features_in_ : int
        Number of features seen during fit.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where X has string column names.

    Warns
    -----
    ConvergenceWarning
        If the residual is above `tol` at the end, or if there is no finite minimizer.
    UserWarning
        If `epsilon` or `alpha` is so large that all coefficients are 0.

    See Also
    --------
    AdversarialLogisticRegression : The case ``loss="log_loss"``.
    sklearn_advex.epsilon_max : The `epsilon` from which on no feature is used.

    Notes
    -----
    With `max_features` the problem is the objective as it stands, subject to the limit. Each subset
    of features that is tried is solved exactly; `kkt_residual_` and `dual_gap_` are those of the
    chosen subset. The choice itself is a local optimum of a search by forward steps, the path of
    epsilons, removals, exchanges of single features and of two or three at once: of the most
    promising of these, by a second-order model, none lowers the objective. That there is no better
    choice is proven only as far as `optimality_gap_` says: for at most 30 features or groups, a
    smooth loss and ``norm="linf"``, 100 subproblems of a branch and bound narrow it, otherwise it
    is what duality bounds at once, which may be as much as `objective_` itself.

    `predict_proba` exists for ``loss="log_loss"`` only, the loss under which a score is the log
    odds of the classes. The hinge loss says nothing about probabilities, and the scores f that the
    softplus hinge looks for are those of another link: the probability that belongs to them is
    :math:`\sigma(1 + f) / (\sigma(1 + f) + \sigma(1 - f))`, with the logistic function
    :math:`\sigma`. Calibrate such models, for example with scikit-learn's
    :class:`~sklearn.calibration.CalibratedClassifierCV`, where probabilities are needed, and
    explain them with ``output="logit"``.

    Without a penalty the hinge loss can have many minimizers; `fit` returns one from their middle,
    which has more features than a corner would have.

    References
    ----------
    .. [1] P. Chalasani, J. Chen, A. R. Chowdhury, S. Jha, X. Wu. "Concise Explanations of Neural
       Networks using Adversarial Training". ICML 2020. :arxiv:`1810.06583`

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_advex import AdversarialLinearClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), AdversarialLinearClassifier("hinge", epsilon=0.3))
    >>> model.fit(X, y).score(X, y)
    0.959...
    >>> int((model[-1].coef_ != 0).sum())
    6
    """

    _parameter_constraints = {
        **BaseAdversarialLinearClassifier._parameter_constraints,
        "loss": [StrOptions(TERMS.keys())],
    }

    def __init__(
        self,
        loss="log_loss",
        *,
        epsilon=0.1,
        norm="linf",
        alpha=1e-4,
        l1_ratio=0.0,
        max_features=None,
        groups=None,
        fit_intercept=True,
        class_weight=None,
        solver="auto",
        tol=1e-8,
        max_iter=100,
        warm_start=False,
        n_jobs=None,
        verbose=0,
    ):
        self.loss = loss
        self.epsilon = epsilon
        self.norm = norm
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.max_features = max_features
        self.groups = groups
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.verbose = verbose
