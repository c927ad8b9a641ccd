"""The HTML representation of estimators links to their pages and explains their parameters."""

import re
from pathlib import Path

import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_advex import (
    AdversarialLinearClassifier,
    AdversarialLogisticRegression,
    AdversarialLogisticRegressionCV,
    AttributionTransformer,
    MaxColumnsClassifier,
)

API = Path(__file__).parents[1] / "docs" / "api.rst"


def network(name):
    """A class of networks, by its name, where torch is installed."""

    def make():
        pytest.importorskip("torch")
        import sklearn_advex

        arguments = {} if name != "AdversarialNetClassifier" else {"module": dict}
        return getattr(sklearn_advex, name)(**arguments)

    return make


ESTIMATORS = {
    "linear": AdversarialLinearClassifier,
    "logistic": AdversarialLogisticRegression,
    "cv": AdversarialLogisticRegressionCV,
    "columns": lambda: MaxColumnsClassifier(AdversarialLogisticRegression()),
    "transformer": lambda: AttributionTransformer(AdversarialLogisticRegression()),
    "mlp": network("AdversarialMLPClassifier"),
    "net": network("AdversarialNetClassifier"),
    "cnn": network("AdversarialCNNClassifier"),
}


@pytest.mark.parametrize("make", ESTIMATORS.values(), ids=ESTIMATORS.keys())
def test_an_estimator_links_to_its_page(make):
    estimator = make()
    name = type(estimator).__name__
    link = f"https://sklearn-advex.readthedocs.io/en/latest/generated/sklearn_advex.{name}.html"
    assert f'href="{link}"' in estimator._repr_html_()
    pages = re.findall(
        r"currentmodule:: sklearn_advex\n+\.\. autosummary::\n   :toctree: generated/\n\n"
        r"((?:   \w+\n)+)",
        re.sub(r"\n\w[\w ]*\n-+\n", "", API.read_text(encoding="utf-8")),
    )
    assert name in " ".join(pages).split()


@pytest.mark.parametrize("make", ESTIMATORS.values(), ids=ESTIMATORS.keys())
def test_each_parameter_is_explained(make):
    estimator = make()
    html = estimator._repr_html_()
    own = type(estimator)._get_param_names()
    explained = re.findall(r'param-doc-description"[^>]*>\s*(\w+): ', html)
    assert {*own} - {*explained} == set()


def test_a_subclass_elsewhere_has_no_page():
    class Mine(AdversarialLogisticRegression):
        pass

    assert "sklearn-advex.readthedocs.io" not in Mine()._repr_html_()
    pipeline = make_pipeline(StandardScaler(), AdversarialLogisticRegression())
    assert "generated/sklearn_advex.AdversarialLogisticRegression.html" in pipeline._repr_html_()
