"""Models and pipelines in skops files, which run no code of others when they are loaded."""

import numpy as np
import pytest
import skops.io
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_advex import (
    AdversarialLinearClassifier,
    AdversarialLogisticRegression,
    AdversarialLogisticRegressionCV,
    AttributionTransformer,
    MaxColumnsClassifier,
)
from sklearn_advex.model_selection import MostConcise

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
y = np.array(["bad", "good"])[y]

LINEAR = {
    "logistic": AdversarialLogisticRegression(),
    "hinge": AdversarialLinearClassifier("hinge", norm="l2"),
    "cv": AdversarialLogisticRegressionCV(3, cv=2),
    "columns": MaxColumnsClassifier(AdversarialLogisticRegression(), 2),
}
TRUSTED = [
    AdversarialLinearClassifier,
    AdversarialLogisticRegression,
    AdversarialLogisticRegressionCV,
    AttributionTransformer,
    MaxColumnsClassifier,
    MostConcise,
]


def reloaded(model, trusted):
    data = skops.io.dumps(model)
    return skops.io.loads(data, trusted=trusted)


@pytest.mark.parametrize("model", LINEAR.values(), ids=LINEAR.keys())
def test_a_pipeline_loads_with_the_public_types(model):
    model = make_pipeline(StandardScaler(), model).fit(X, y)
    again = reloaded(model, TRUSTED)
    np.testing.assert_array_equal(again.decision_function(X), model.decision_function(X))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_attributions_load_with_the_public_types():
    model = make_pipeline(StandardScaler(), AdversarialLogisticRegression())
    transformer = AttributionTransformer(model).fit(X, y)
    again = reloaded(transformer, TRUSTED)
    np.testing.assert_array_equal(again.transform(X), transformer.transform(X))


def networks():
    """Networks to fit, and what has to be trusted besides their class."""
    pytest.importorskip("torch")
    from sklearn_advex import AdversarialCNNClassifier, AdversarialMLPClassifier
    from sklearn_advex.neural_network import ConvNet

    short = {"epsilon": 0.05, "max_epochs": 1, "random_state": 0}
    small = {"module__n_filters": (4,), "module__n_hidden": 8}
    image = {"input_shape": (5, 6), "clip": None, "precision": "bfloat16"}
    return [
        (AdversarialMLPClassifier(**short), []),
        (AdversarialCNNClassifier(attack_steps=1, **small, **image, **short), [ConvNet]),
    ]


def test_a_pipeline_of_a_network_loads_without_pickle(monkeypatch):
    names = list(X)
    for network, others in networks():
        scaler = make_column_transformer((StandardScaler(), names))
        model = make_pipeline(scaler, network).fit(X, y)
        data = skops.io.dumps(model)
        with monkeypatch.context() as patch:
            for loader in ("load", "loads", "Unpickler"):
                patch.setattr(f"pickle.{loader}", None)
            again = skops.io.loads(data, trusted=[type(network), *others])
        np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
        assert again[-1].get_params()["optimizer" if others else "alpha"] is not None
        assert again[-1].history_[-1]["train_loss"] == model[-1].history_[-1]["train_loss"]
        again[-1].partial_fit(scaler.transform(X), y)


def test_an_instance_of_a_module_is_refused():
    torch = pytest.importorskip("torch")
    from sklearn_advex import AdversarialNetClassifier

    model = AdversarialNetClassifier(torch.nn.Linear(30, 2), clip=None, max_epochs=1)
    model = model.fit(StandardScaler().fit_transform(X), y)
    with pytest.raises(TypeError, match=r"module is an instance.*its class or another factory"):
        skops.io.dumps(model)
