"""Networks that leave Python as ONNX graphs predict what they predict here."""

import json

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import scale
from torch import nn

from sklearn_advex import (
    AdversarialCNNClassifier,
    AdversarialMLPClassifier,
    AdversarialNetClassifier,
)

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

SHORT = {"epsilon": 0.05, "max_epochs": 1, "random_state": 0}


def tabular():
    X, y = load_breast_cancer(return_X_y=True)
    return scale(X).astype(np.float32), np.array(["bad", "good"])[y]


def images(channels_last):
    digits = load_digits()
    X = (digits.images[:300] / 16).astype(np.float32)
    X = np.stack([X, 1 - X, X], axis=-1 if channels_last else 1)
    return X, digits.target[:300]


def fitted(name):
    """A model and its rows."""
    if name == "mlp":
        X, y = tabular()
        return AdversarialMLPClassifier(**SHORT).fit(X, y), X
    if name == "one logit":
        X, y = tabular()
        module = nn.Sequential(nn.Linear(30, 4), nn.BatchNorm1d(4), nn.Dropout(), nn.Linear(4, 1))
        return AdversarialNetClassifier(module, clip=None, **SHORT).fit(X, y), X
    X, y = images(channels_last=name == "channels last")
    model = AdversarialCNNClassifier(
        module__n_filters=(4,), module__n_hidden=16, attack_steps=1, **SHORT
    )
    return model.fit(X, y), X


@pytest.mark.parametrize("name", ["mlp", "one logit", "channels first", "channels last"])
def test_probabilities_are_those_of_the_model(name, tmp_path):
    model, X = fitted(name)
    path = tmp_path / "model.onnx"
    model.to_onnx(path)
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    for n_rows in (1, 3, 100):
        (probabilities,) = session.run(["probabilities"], {"rows": X[:n_rows]})
        np.testing.assert_allclose(probabilities, model.predict_proba(X[:n_rows]), atol=1e-6)
    classes = session.get_modelmeta().custom_metadata_map["classes"]
    assert json.loads(classes) == model.classes_.tolist()


def test_an_unfitted_network_cannot_be_saved(tmp_path):
    with pytest.raises(NotFittedError):
        AdversarialMLPClassifier().to_onnx(tmp_path / "model.onnx")
