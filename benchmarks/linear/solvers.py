"""The solvers that are compared: each takes a problem and an accuracy, and returns coefficients.

What the accuracy means is up to the solver: its tolerance, in its own measure, or for ART the
inverse of the number of epochs.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.sparse import issparse
from sklearn.linear_model import LogisticRegression

from .problems import Problem, gaussian

UNLIMITED = 10**6


@dataclass
class Solver:
    """A solver, and the loosest tolerance that it is run with."""

    name: str
    solve: Callable[[Problem, float], np.ndarray]
    loosest: float = 0.1
    takes_sparse: bool = True

    def suits(self, X):
        return self.takes_sparse or not issparse(X)


def here(problem, accuracy):
    return problem.solve(accuracy)


def scikit_learn(solver):
    def solve(problem, accuracy):
        model = LogisticRegression(
            C=1 / (problem.alpha * problem.y.size),
            l1_ratio=problem.l1_ratio,
            solver=solver,
            tol=accuracy,
            fit_intercept=False,
            max_iter=UNLIMITED,
            random_state=0,
        )
        return model.fit(problem.X, problem.y).coef_[0]

    return solve


def skglm(problem, accuracy):
    from skglm import SparseLogisticRegression

    model = SparseLogisticRegression(
        problem.alpha, tol=accuracy, max_iter=UNLIMITED, fit_intercept=False
    )
    return model.fit(problem.X, problem.y).coef_[0]


def compile_skglm():
    """Let it compile its functions, by fits that call all of them, for all problems to come."""
    for density in (None, 0.5):
        skglm(Problem(*gaussian(200, 20, density), 0.0, 1e-3, 1.0), 1e-6)


def cvxpy(problem, accuracy):
    import cvxpy as cp

    w = cp.Variable(problem.X.shape[1])
    margins = cp.multiply(problem.y, problem.X @ w)
    norm = cp.norm1(w)
    loss = cp.sum(cp.logistic(problem.epsilon * norm - margins)) / problem.y.size
    ridge = (1 - problem.l1_ratio) / 2 * cp.sum_squares(w)
    penalty = problem.alpha * (problem.l1_ratio * norm + ridge)
    cp.Problem(cp.Minimize(loss + penalty)).solve(
        cp.CLARABEL, tol_gap_abs=accuracy, tol_gap_rel=accuracy, tol_feas=accuracy
    )
    return w.value


def art(problem, accuracy):
    """Adam on FGSM examples, which are the worst ones for a linear model."""
    import torch
    from art.attacks.evasion import FastGradientMethod
    from art.defences.trainer import AdversarialTrainer
    from art.estimators.classification import PyTorchClassifier

    torch.manual_seed(0)
    n_features = problem.X.shape[1]
    module = torch.nn.Linear(n_features, 2, bias=False)
    classifier = PyTorchClassifier(
        module,
        torch.nn.CrossEntropyLoss(),
        input_shape=(n_features,),
        nb_classes=2,
        # The coefficients are the difference of two rows, which share the ridge.
        optimizer=torch.optim.Adam(module.parameters(), weight_decay=2 * problem.alpha),
        device_type="cpu",
    )
    trainer = AdversarialTrainer(classifier, FastGradientMethod(classifier, eps=problem.epsilon), 1)
    one_hot = np.eye(2, dtype=np.float32)[(problem.y > 0).astype(int)]
    trainer.fit(problem.X.astype(np.float32), one_hot, nb_epochs=round(1 / accuracy))
    weight = module.weight.detach().numpy().astype(float)
    return weight[1] - weight[0]


HERE = Solver("here", here, loosest=1e-6)
L1_SOLVERS = [
    Solver("liblinear", scikit_learn("liblinear")),
    Solver("skglm", skglm),
    Solver("saga", scikit_learn("saga")),
]
ROBUST_SOLVERS = [Solver("cvxpy", cvxpy, 1e-3), Solver("ART", art, takes_sparse=False)]
L2_SOLVERS = [Solver("lbfgs", scikit_learn("lbfgs"))]
