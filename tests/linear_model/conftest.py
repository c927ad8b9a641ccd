"""The one table of what can be trained: every loss, norm and solver that fit together."""

import pytest

from sklearn_advex import AdversarialLinearClassifier, AdversarialLogisticRegression
from sklearn_advex._losses import LOSSES
from sklearn_advex._perturbation import PERTURBATION_SETS

#: Loss, norm and solver.
CASES = [
    ("log_loss", "linf", "active-set-newton"),
    ("softplus_hinge", "linf", "active-set-newton"),
    *((loss, norm, "interior-point") for loss in LOSSES for norm in PERTURBATION_SETS),
]

#: Other options under which the laws are held: each case takes the next, and is strictly convex.
OPTIONS = [
    {"epsilon": 0.1, "alpha": 1e-3},
    {"epsilon": [0.1, 0.0, 0.3, 0.05, 0.0, 0.1], "alpha": 1e-3, "fit_intercept": False},
    {"epsilon": 0.15, "alpha": 0.01, "l1_ratio": 0.5, "class_weight": "balanced"},
]

LOGISTIC_REGRESSIONS = {
    "adversarial": AdversarialLogisticRegression(0.1, alpha=0.0),
    "adversarial, ridge": AdversarialLogisticRegression(0.1, alpha=1e-3),
    "adversarial, elastic net": AdversarialLogisticRegression(0.05, alpha=0.01, l1_ratio=0.5),
    "lasso": AdversarialLogisticRegression(0.0, alpha=0.01, l1_ratio=1.0),
    "ridge": AdversarialLogisticRegression(0.0, alpha=1e-3),
    "no intercept": AdversarialLogisticRegression(0.1, alpha=1e-3, fit_intercept=False),
    "per feature": AdversarialLogisticRegression([0.1, 0.0, 0.3, 0.05, 0.0, 0.1], alpha=1e-3),
    "balanced": AdversarialLogisticRegression(0.1, class_weight="balanced"),
}

BINARY, THREE_CLASSES = [0.4], [-0.5, 0.7]

# Several classes are several binary problems to every loss and norm alike.
PROBLEMS = {
    f"{name}, {classes}": (estimator, limits)
    for name, estimator in LOGISTIC_REGRESSIONS.items()
    for classes, limits in (("binary", BINARY), ("three classes", THREE_CLASSES))
} | {
    "-".join(case): (
        AdversarialLinearClassifier(
            case[0], norm=case[1], solver=case[2], **OPTIONS[i % len(OPTIONS)]
        ),
        BINARY,
    )
    for i, case in enumerate(CASES)
}


@pytest.fixture(params=CASES, ids="-".join)
def case(request):
    return request.param


@pytest.fixture(params=PROBLEMS.values(), ids=PROBLEMS)
def problem(request):
    """An estimator, and the scores at which the classes of its data change."""
    return request.param
