"""scikit-learn's own checks, over every linear estimator of the package."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_advex import (
    AdversarialLinearClassifier,
    AdversarialLogisticRegression,
    AdversarialLogisticRegressionCV,
    MaxColumnsClassifier,
)
from sklearn_advex._losses import LOSSES
from sklearn_advex._perturbation import PERTURBATION_SETS

ESTIMATORS = [
    # each loss and each norm; linear_model/test_laws has all pairs
    *(AdversarialLinearClassifier(loss) for loss in LOSSES),
    *(AdversarialLinearClassifier(norm=norm) for norm in PERTURBATION_SETS if norm != "linf"),
    AdversarialLogisticRegression(),
    AdversarialLogisticRegression(epsilon=0),
    AdversarialLogisticRegression(alpha=1e-3, l1_ratio=1),
    AdversarialLogisticRegression(max_features=2),
    AdversarialLogisticRegressionCV(epsilons=[0.01, 0.1], cv=2),
    AdversarialLogisticRegressionCV(epsilons=[0.01], cv=2, max_features=[1]),
    MaxColumnsClassifier(AdversarialLogisticRegression(), max_columns=2),
]


# Some checks fit labels that are pure chance: a model without features is then the right answer.
# One sets three folds for a class of two rows.
@pytest.mark.filterwarnings("ignore:The least populated class:UserWarning")
@pytest.mark.filterwarnings("ignore:All coefficients are 0:UserWarning")
@pytest.mark.filterwarnings("ignore:A model without features scores:UserWarning")
@parametrize_with_checks(ESTIMATORS)
def test_scikit_learns_checks(estimator, check):
    check(estimator)
