"""MLflow loads models in its default format where their types are listed (``make test-mlflow``)."""

import numpy as np
import pytest
import skops.io
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_advex import (
    AdversarialCNNClassifier,
    AdversarialLinearClassifier,
    AdversarialLogisticRegression,
    AdversarialLogisticRegressionCV,
    AdversarialMLPClassifier,
    MaxColumnsClassifier,
)
from sklearn_advex.model_selection import gini_scorer, most_concise
from sklearn_advex.neural_network import ConvNet

mlflow = pytest.importorskip("mlflow")

# MLflow calls in its own dependencies what they are about to remove.
pytestmark = pytest.mark.filterwarnings("default")

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
NETWORK = {"epsilon": 0.05, "max_epochs": 1, "random_state": 0}
IMAGES = {"input_shape": (5, 6), "clip": None, "attack_steps": 1}
FILTERS = {"module__n_filters": (4,), "module__n_hidden": 8}
MODELS = {
    "logistic": AdversarialLogisticRegression(0.1),
    "hinge": AdversarialLinearClassifier("hinge", norm="l2"),
    "cv": AdversarialLogisticRegressionCV(3, cv=2),
    "columns": MaxColumnsClassifier(AdversarialLogisticRegression(), 2),
    "perceptron": AdversarialMLPClassifier(**NETWORK),
    "images": AdversarialCNNClassifier(ConvNet, **NETWORK, **IMAGES, **FILTERS),
}


@pytest.fixture(autouse=True)
def store(tmp_path):
    """A store of runs of its own."""
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'runs.db'}")
    mlflow.create_experiment("models", artifact_location=(tmp_path / "artifacts").as_uri())
    mlflow.set_experiment("models")


def logged(model, **options):
    with mlflow.start_run():
        return mlflow.sklearn.log_model(model, name="model", **options).model_uri


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_a_pipeline_comes_back_in_the_default_format(model):
    model = make_pipeline(StandardScaler(), model).fit(X, y)
    types = skops.io.get_untrusted_types(data=skops.io.dumps(model))
    uri = logged(model, skops_trusted_types=types)
    again = mlflow.sklearn.load_model(uri)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    scaled = model[0].transform(X)
    np.testing.assert_array_equal(
        *(one[-1].explain(scaled, output="logit") for one in (again, model))
    )
    np.testing.assert_array_equal(mlflow.pyfunc.load_model(uri).predict(X), model.predict(X))


def test_types_that_are_not_listed_are_refused():
    model = AdversarialLogisticRegression(0.1).fit(X, y)
    with pytest.raises(mlflow.MlflowException, match="AdversarialLogisticRegression"):
        logged(model)


def test_cloudpickle_needs_no_list():
    model = make_pipeline(StandardScaler(), MODELS["perceptron"]).fit(X, y)
    again = mlflow.sklearn.load_model(logged(model, serialization_format="cloudpickle"))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_a_search_is_logged_by_itself():
    search = GridSearchCV(
        make_pipeline(StandardScaler(), AdversarialLogisticRegression()),
        {"adversariallogisticregression__epsilon": [0.1, 0.3]},
        scoring={"accuracy": "accuracy", "gini": gini_scorer},
        refit=most_concise(max_drop=0.02),
        cv=2,
    )
    mlflow.sklearn.autolog(log_models=False)
    try:
        with mlflow.start_run() as run:
            search.fit(X, y)
    finally:
        mlflow.sklearn.autolog(disable=True)
    parameters = mlflow.get_run(run.info.run_id).data.params
    best = parameters["best_adversariallogisticregression__epsilon"]
    assert float(best) == search.best_params_["adversariallogisticregression__epsilon"]
