"""DeepSHAP of the package's own network, as it comes out of training, against shap."""

import warnings

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

from sklearn_advex import AdversarialCNNClassifier

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of shap's own imports
    import shap


def written_plainly(network):
    """The same network without what is made for speed, which shap does not know."""
    layers = []
    for layer in network:
        if isinstance(layer, nn.ReLU):
            layer = nn.ReLU()
        elif isinstance(layer, nn.Conv2d):
            plain = nn.Conv2d(layer.in_channels, layer.out_channels, 5, padding=2)
            plain.load_state_dict(layer.state_dict())
            layer = plain
        layers.append(layer)
    return nn.Sequential(*layers).to(memory_format=torch.contiguous_format)


def test_deep_shap_of_the_paper_network_agrees_with_shap():
    X, y = load_digits(return_X_y=True)
    X, y = (X[:300] / 16).astype(np.float32), y[:300]
    model = AdversarialCNNClassifier(
        module__n_hidden=32, epsilon=0.1, attack_steps=2, max_epochs=2, random_state=0
    ).fit(X, y)
    A, error = model.explain(
        X[:5], method="deep_shap", output="logit", target=3, return_completeness=True
    )
    network, background = written_plainly(model.module_), torch.zeros(1, 1, 8, 8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, of shap's hooks
        explainer = shap.DeepExplainer(network, background)
        expected = explainer.shap_values(torch.from_numpy(X[:5]).reshape(5, 1, 8, 8))[..., 3]
    assert np.abs(error).max() < 1e-4 * np.abs(A).sum()
    np.testing.assert_allclose(A, expected.reshape(5, 64), atol=1e-4 * np.abs(expected).max())
    assert np.abs(A).max() > 0.01
