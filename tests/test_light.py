"""Everything linear works without the packages that networks are made of."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from sklearn_advex._utils._optional import NETWORK_PACKAGES, needs

ROOT = Path(__file__).parents[1]
NETWORKS = "sklearn_advex.neural_network"

LINEAR = """
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn_advex import (
    AdversarialLinearClassifier, AdversarialLogisticRegressionCV, AttributionTransformer,
    MaxColumnsClassifier, explain,
)
from sklearn_advex.metrics import gini_index
from sklearn_advex.model_selection import certified_accuracy_scorer, gini_scorer, most_concise
from sklearn_advex.plotting import AttributionDisplay
from sklearn_advex.report import conciseness_report

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
model = make_pipeline(StandardScaler(), AdversarialLinearClassifier(epsilon=0.2))
GridSearchCV(
    model, {"adversariallinearclassifier__epsilon": [0.1, 0.2]}, cv=2,
    scoring={"accuracy": certified_accuracy_scorer, "gini": gini_scorer}, refit=most_concise(),
).fit(X, y)
MaxColumnsClassifier(model, 2).fit(X, y)
few = make_pipeline(StandardScaler(), AdversarialLogisticRegressionCV(3)).fit(X, y)
gini_index(explain(few, X))
AttributionTransformer(few).fit(X, y).transform(X)
conciseness_report({"few": few}, X, y)
"""

EXPLANATION = """
import numpy as np
from sklearn.base import BaseEstimator
from sklearn_advex import explain

class Net(BaseEstimator):
    def fit(self, X, y):
        self.module_, self.classes_ = abs, np.unique(y)
        return self

X = np.zeros((2, 2))
explain(Net().fit(X, [0, 1]), X)
"""

BLOCKER = """
import sys

class Blocker:
    def find_spec(self, name, path, target=None):
        if name in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocker())
"""


def run_without(packages, script):
    """The result of a script in a Python in which some packages cannot be imported."""
    return subprocess.run(
        [sys.executable, "-c", BLOCKER.format(names=set(packages)) + script],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=ROOT,
    )


def test_a_linear_user_needs_no_package_of_networks():
    run = run_without(NETWORK_PACKAGES, LINEAR)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(
    ("package", "script", "user"),
    [
        ("torch", "from sklearn_advex import AdversarialMLPClassifier", NETWORKS),
        ("safetensors", "import sklearn_advex.neural_network", NETWORKS),
        ("captum", EXPLANATION, "Explaining a network"),
    ],
)
def test_what_a_network_lacks_is_named_with_the_command_that_installs_it(package, script, user):
    last_line = run_without([package], script).stderr.splitlines()[-1]
    missing = rf"(torch|skorch|{package})"  # one of the first two where no network package is
    command = "pip install torch skorch captum safetensors tqdm"
    assert re.fullmatch(
        rf"ImportError: {user} needs {missing}\. Install it with: {command}", last_line
    )


def test_a_module_that_no_command_installs_is_reported_as_it_is():
    with pytest.raises(ModuleNotFoundError, match="No module named 'no_such_module'"):  # noqa: SIM117
        with needs("This test", ("torch",), "pip install torch"):
            import no_such_module  # noqa: F401
