"""Modules that plain torch trains train here: what makes a module faster is tried before."""

import functools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.preprocessing import scale
from torch import nn
from torch.nn.utils import prune

import sklearn_advex
from sklearn_advex import AdversarialCNNClassifier, AdversarialNetClassifier, explain
from sklearn_advex._networks import _trial
from sklearn_advex._networks._pixel_convolution import PixelConvolution
from sklearn_advex.neural_network import _device


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return (X[:300] / 16).reshape(-1, 1, 8, 8).astype(np.float32), y[:300]


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    return scale(X)[:200].astype(np.float32), y[:200]


@pytest.fixture
def as_it_is(monkeypatch):
    """Refuse all that is faster than the module as it is."""

    def refuse():
        monkeypatch.setattr(_trial.Trial, "agrees", lambda *args, **options: False)

    return refuse


class Viewed(nn.Module):
    """Flattens by view, as in most tutorials."""

    def __init__(self):
        super().__init__()
        self.conv, self.pool = nn.Conv2d(1, 6, 3, padding=1), nn.MaxPool2d(2)
        self.head = nn.Linear(96, 10)

    def forward(self, x):
        return self.head(self.pool(self.conv(x).relu()).view(-1, 96))


class StandardizedWeights(nn.Conv2d):
    def forward(self, x):
        weight = self.weight.view(self.weight.size(0), -1)
        weight = (weight / weight.std(dim=1, keepdim=True)).view(self.weight.shape)
        return nn.functional.conv2d(x, weight, self.bias)


def standardized():
    return nn.Sequential(StandardizedWeights(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))


class Masked(nn.Module):
    """Fills a tensor of float32, which autocast does not know of."""

    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(1, 4, 3, padding=1), nn.Linear(256, 10)

    def forward(self, x):
        hidden, keep = self.conv(x), x.expand(-1, 4, -1, -1) > 0.3
        out = torch.zeros(hidden.shape)
        out[keep] = hidden[keep]
        return self.head(out.flatten(1))


def plain(n_filters=4):
    return nn.Sequential(
        nn.Conv2d(1, n_filters, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 10)
    )


OPTIONS = {"epsilon": 0.1, "attack_steps": 2, "max_epochs": 1, "random_state": 0, "lr": 0.01}


@pytest.mark.parametrize("make", [Viewed, standardized, Masked, plain])
@pytest.mark.parametrize("training", ["pgd", None])
def test_images_train_as_the_module_as_it_is(make, training, digits, as_it_is, monkeypatch):
    monkeypatch.setattr(_device, "_multiplies_bfloat16", lambda device: True)
    options = OPTIONS | {"training": training}
    ours = AdversarialCNNClassifier(make, **options).fit(*digits)
    assert ours.precision_ == ("bfloat16" if make is not Masked else "float32")
    monkeypatch.setattr(_device, "_multiplies_bfloat16", lambda device: False)
    ours = AdversarialCNNClassifier(make, **options).fit(*digits)
    as_it_is()
    theirs = AdversarialCNNClassifier(make, **options).fit(*digits)
    assert all(weight.is_contiguous() for weight in theirs.module_.parameters())
    for mine, other in zip(ours.module_.parameters(), theirs.module_.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(ours.perturb(*digits), theirs.perturb(*digits), atol=0.21)
    assert abs(ours.adversarial_score(*digits) - theirs.adversarial_score(*digits)) < 0.02


def test_the_trial_accepts_what_is_the_same(digits):
    model = AdversarialCNNClassifier(plain, **OPTIONS).fit(*digits)
    assert model.net_.is_arranged
    assert model.module_[0].weight.is_contiguous(memory_format=torch.channels_last)
    viewed = AdversarialCNNClassifier(Viewed, **OPTIONS).fit(*digits)
    assert all(weight.is_contiguous() for weight in viewed.module_.parameters())


@pytest.mark.parametrize("n_filters", [4, 8, 12])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_an_attack_in_training_finds_errors(n_filters, precision, digits):
    """On processors with AMX a convolution of 8 or 12 channels with a kernel of 8 is wrong."""

    def make():
        features = nn.Conv2d(1, n_filters, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()
        return nn.Sequential(*features, nn.Linear(144 * n_filters, 10))

    X, y = digits
    X = X.repeat(3, axis=2).repeat(3, axis=3)
    options = OPTIONS | {"max_epochs": 3, "precision": precision}
    last = AdversarialCNNClassifier(make, **options).fit(X, y).history_[-1]
    assert last["train_adversarial_accuracy"] < last["train_clean_accuracy"] - 0.1


def test_bfloat16_that_loses_the_outputs_is_warned_of(digits):
    class Cancels(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.head = nn.Conv2d(1, 4, 3, padding=1), nn.Linear(256, 10)

        def forward(self, x):
            return (self.head(self.conv(x).flatten(1)) + 100) - 100

    net = AdversarialCNNClassifier(Cancels, **OPTIONS, precision="bfloat16")
    with pytest.warns(UserWarning, match="precision='bfloat16' changes what the module returns"):
        net.fit(*digits)
    assert net.precision_ == "bfloat16"
    assert clone(net).set_params(precision="auto").fit(*digits).precision_ == "float32"


def test_a_wrong_gradient_is_found_where_outputs_are_right(digits, as_it_is, monkeypatch):
    def upside_down(convolution, gradient, size):
        return -gradient.new_ones(len(gradient), 1, *size)

    monkeypatch.setattr(PixelConvolution, "input_gradient", upside_down)
    options = OPTIONS | {"precision": "float32"}
    ours = AdversarialCNNClassifier(plain, **options).fit(*digits)
    attributed = ours.explain(digits[0][:5], method="saliency")
    as_it_is()
    theirs = AdversarialCNNClassifier(plain, **options).fit(*digits)
    assert not ours.net_.is_arranged
    for mine, other in zip(ours.module_.parameters(), theirs.module_.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(ours.perturb(*digits), theirs.perturb(*digits))
    expected = theirs.explain(digits[0][:5], method="saliency")
    np.testing.assert_allclose(attributed, expected, rtol=1e-3, atol=1e-6)


def perceptron():
    return nn.Sequential(nn.Linear(30, 8), nn.ReLU(), nn.Linear(8, 2))


def test_a_replaced_forward_is_attacked_and_explained(cancer):
    def make():
        module = perceptron()
        original = module[0].forward
        module[0].forward = lambda x: original(0 * x)  # the input no longer matters
        return module

    model = AdversarialNetClassifier(make, clip=None, **OPTIONS).fit(*cancer)
    assert np.ptp(model.predict_proba(cancer[0])[:, 1]) == 0
    assert model.adversarial_score(*cancer) == model.score(*cancer)
    for method in ("saliency", "ig", "input_x_gradient"):
        assert not model.explain(cancer[0][:3], method=method).any()
    with pytest.raises(ValueError, match="a forward of its own"):
        model.certified_score(*cancer)


def test_a_layer_that_is_not_as_its_class_has_no_rule(cancer):
    def make():
        module = perceptron()
        module[1].forward = lambda x: x.clamp(min=0) ** 2
        return module

    model = AdversarialNetClassifier(make, clip=None, **OPTIONS).fit(*cancer)
    with pytest.raises(ValueError, match=r"layer '1' \(ReLU\)"):
        model.explain(cancer[0][:3], method="deep_shap")
    _, error = model.explain(cancer[0][:20], n_steps=200, return_completeness=True)
    assert np.abs(error).max() < 0.01


def test_a_class_whose_forward_is_patched_is_not_bypassed(cancer, monkeypatch):
    linear = nn.Linear.forward
    model = AdversarialNetClassifier(
        lambda: nn.Sequential(nn.Linear(30, 40000), nn.ReLU(), nn.Linear(40000, 2)),
        **(OPTIONS | {"clip": None, "training": None}),
    ).fit(*cancer)
    monkeypatch.setattr(nn.Linear, "forward", lambda self, x: linear(self, x.sign()))
    X, y = np.abs(cancer[0][:20]) + 1, cancer[1][:20]
    assert model.adversarial_score(X, y, epsilon=0.5) == model.score(X, y)


@pytest.mark.filterwarnings("ignore:.*torch.jit.* is deprecated")  # its category differs by version
def test_torchscript_does_what_its_source_does(cancer):
    def scripted():
        return torch.jit.script(perceptron())

    ours, theirs = (
        AdversarialNetClassifier(make, clip=None, **OPTIONS).fit(*cancer)
        for make in (scripted, perceptron)
    )
    np.testing.assert_allclose(
        ours.predict_proba(cancer[0]), theirs.predict_proba(cancer[0]), atol=1e-5
    )
    assert ours.adversarial_score(*cancer) == pytest.approx(theirs.adversarial_score(*cancer))
    for method in ("saliency", "occlusion", "ig"):
        np.testing.assert_allclose(
            ours.explain(cancer[0][:5], method=method, n_steps=200),
            theirs.explain(cancer[0][:5], method=method),
            atol=2e-3,
        )
    with pytest.raises(ValueError, match="TorchScript"):
        ours.explain(cancer[0][:5], method="deep_shap")


@functools.cache
def positions(n):
    return torch.linspace(0, 1, n)


class CacheOfProcess(nn.Module):
    def __init__(self):
        super().__init__()
        self.last = nn.Linear(30, 2)

    def forward(self, x):
        return self.last(x * positions(30))


class CacheOfShape(CacheOfProcess):
    table = None

    def forward(self, x):
        if self.table is None or self.table.shape != x.shape:
            self.table = torch.linspace(0, 1, 30).expand(x.shape).clone()
        return self.last(x * self.table)


@pytest.mark.parametrize("make", [CacheOfProcess, CacheOfShape])
@pytest.mark.parametrize("context", [torch.enable_grad, torch.inference_mode])
@pytest.mark.parametrize("later", ["perturb", "adversarial_score", "partial_fit", "explain"])
def test_what_a_module_caches_in_predict_can_be_differentiated(make, later, context, cancer):
    X, y = cancer[0][:7], cancer[1][:7]
    model = AdversarialNetClassifier(make, clip=None, **OPTIONS).fit(*cancer)
    positions.cache_clear()
    with context():
        model.predict(X)
    getattr(model, later)(X, y)


class Attention(nn.Module):
    """Keeps its attention weights to be looked at."""

    def __init__(self):
        super().__init__()
        self.embed, self.last = nn.Linear(1, 8), nn.Linear(8, 2)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.kept = {}

    def forward(self, x):
        h = self.embed(x[..., None])
        h, weights = self.attention(h, h, h)
        self.kept["weights"] = [weights]
        return self.last(h.mean(1))


def pruned():
    module = perceptron()
    prune.random_unstructured(module[0], "weight", 0.5)
    return module


@pytest.mark.parametrize("make", [Attention, pruned])
def test_modules_that_keep_a_pass_are_explained_and_copied(make, cancer):
    X, y = cancer[0][:40], cancer[1][:40]
    model = AdversarialNetClassifier(make, clip=None, **OPTIONS).fit(X, y)
    after_fit = model.explain(X[:2])
    model.predict(X)
    np.testing.assert_array_equal(model.explain(X[:2]), after_fit)
    model.partial_fit(X, y)
    other = AdversarialNetClassifier(model.module_, clip=None, **OPTIONS).fit(X, y)
    assert other.explain(X[:2]).shape == (2, 30)


class InBfloat16(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = perceptron().bfloat16()

    def forward(self, x):
        return self.f(x.bfloat16())


class Autocast(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = perceptron()

    def forward(self, x):
        with torch.autocast("cpu", torch.bfloat16):
            return self.f(x)


@pytest.mark.parametrize("make", [InBfloat16, Autocast])
def test_logits_in_bfloat16(make, cancer):
    model = AdversarialNetClassifier(make, clip=None, **OPTIONS).fit(*cancer)
    assert model.predict_proba(cancer[0]).dtype == np.float64
    assert model.adversarial_score(*cancer) <= model.score(*cancer)
    for method in ("saliency", "occlusion", "input_x_gradient"):
        assert model.explain(cancer[0][:3], method=method).dtype == np.float32


def test_predictions_within_autocast(cancer):
    model = AdversarialNetClassifier(perceptron, clip=None, **OPTIONS).fit(*cancer)
    expected = model.predict_proba(cancer[0])
    with torch.autocast("cpu", torch.bfloat16):
        inside = model.predict_proba(cancer[0])
    np.testing.assert_allclose(inside, expected, atol=0.02)


@pytest.mark.filterwarnings("ignore:Anomaly Detection has been enabled:UserWarning")
def test_anomaly_detection_can_be_used(cancer):
    def large():
        return nn.Sequential(nn.Linear(30, 2**16), nn.ReLU(), nn.Linear(2**16, 2))

    X, y = cancer[0][:20], cancer[1][:20]
    with torch.autograd.set_detect_anomaly(True):
        AdversarialNetClassifier(large, clip=None, **OPTIONS).fit(X, y).adversarial_score(X, y)


def test_a_raw_skorch_net_with_a_replaced_forward_is_explained(cancer):
    from skorch import NeuralNetClassifier

    net = NeuralNetClassifier(
        perceptron, criterion=nn.CrossEntropyLoss, max_epochs=1, verbose=0, train_split=None
    ).fit(*cancer)
    first = net.module_[0]
    original = first.forward
    first.forward = lambda x: original(0 * x)
    assert not explain(net, cancer[0][:3]).any()


def test_a_head_that_starts_like_probabilities_is_no_softmax(digits):
    def net():
        module = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
        nn.init.zeros_(module[1].bias)
        nn.init.constant_(module[3].bias, 0.1)
        return module

    def constant():
        module = net()
        nn.init.zeros_(module[3].weight)
        return module

    for make in (net, constant):
        assert AdversarialNetClassifier(make, **OPTIONS).fit(*digits).n_iter_ == 1


def test_a_module_sees_no_row_that_is_not_like_those_of_the_user(digits, tmp_path):
    class OfPrices(nn.Module):
        def __init__(self):
            super().__init__()
            self.f = nn.Linear(64, 10)

        def forward(self, x):
            if not (x > 0).all():
                raise ValueError("prices must be positive")
            return self.f(x.flatten(1).log())

    X, y = digits
    options = OPTIONS | {"epsilon": 0.01, "clip": (0.5, 3)}
    model = AdversarialNetClassifier(OfPrices, **options).fit(X + 1, y)
    model.save(tmp_path / "model")
    loaded = AdversarialNetClassifier.load(tmp_path / "model", module=OfPrices)
    np.testing.assert_array_equal(loaded.predict(X + 1), model.predict(X + 1))


SCRIPT = """
import numpy as np
import pandas as pd
from sklearn.calibration import CalibratedClassifierCV
from torch import nn

from sklearn_advex import AdversarialNetClassifier


class Net(nn.Module):
    def __init__(self, n_features, n_classes):
        super().__init__()
        self.f = nn.Linear(n_features, n_classes)

    def forward(self, x):
        return self.f(x)


if __name__ == "__main__":
    X = np.random.default_rng(0).normal(size=(60, 3))
    net = AdversarialNetClassifier(Net, epsilon=0.1, clip=None, max_epochs=1)
    calibrated = CalibratedClassifierCV(net, cv=2, n_jobs=2).fit(X, X[:, 0] > 0)
    inner = calibrated.calibrated_classifiers_[0].estimator
    assert isinstance(inner.module_, Net)
    assert inner.explain(X).shape == X.shape
"""


def test_classes_of_a_script_come_back_from_workers(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    root = Path(sklearn_advex.__file__).parents[1]
    subprocess.run([sys.executable, script], check=True, env=os.environ | {"PYTHONPATH": str(root)})


@pytest.fixture(scope="module")
def categories():
    rng = np.random.RandomState(0)
    X = np.c_[rng.randint(0, 4, 400), rng.randn(400, 3)]
    return X, ((X[:, 0] % 2 * 2 - 1) + 0.3 * X[:, 1] > 0).astype(int)


class Embedded(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(4, 4)
        self.f = nn.Sequential(nn.Linear(7, 16), nn.ReLU(), nn.Linear(16, 2))

    def forward(self, x):
        return self.f(torch.cat([self.embedding(x[:, 0].long()), x[:, 1:]], 1))


@pytest.mark.parametrize("method", ["ig", "deep_shap"])
def test_columns_without_a_gradient_are_named(method, categories):
    X, y = categories
    frame = pd.DataFrame(X, columns=["color", "b", "c", "d"])
    options = {"clip": None, "lr": 0.01, "max_epochs": 20, "random_state": 0}
    model = AdversarialNetClassifier(Embedded, epsilon=[0, 0.1, 0.1, 0.1], **options).fit(frame, y)
    with pytest.warns(UserWarning, match=r"depends on the columns color, .* method='occlusion'"):
        A = model.explain(frame[:50], method=method)
    assert not A["color"].any()
    occlusion = model.explain(frame[:50], method="occlusion").abs().mean()
    assert occlusion.idxmax() == "color"


class Backbone(nn.Module):
    """A backbone that is not trained, as many write it."""

    def __init__(self):
        super().__init__()
        self.backbone, self.head = nn.Linear(4, 8), nn.Linear(8, 2)

    def forward(self, x):
        with torch.no_grad():
            hidden = self.backbone(x).relu()
        return self.head(hidden)


class OnlyIntegers(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.EmbeddingBag(50, 2)

    def forward(self, x):
        return self.embedding(x.long().clamp(0, 49))


@pytest.mark.parametrize("make", [Backbone, OnlyIntegers])
def test_modules_without_a_gradient_are_told(make, categories):
    X, y = categories
    for options in ({"training": "pgd"}, {"training": "trades"}):
        with pytest.raises(ValueError, match=r"no gradient .* training=None"):
            AdversarialNetClassifier(make, clip=None, **OPTIONS | options).fit(X, y)
    model = AdversarialNetClassifier(make, clip=None, **OPTIONS | {"training": None}).fit(X, y)
    for attack in (model.perturb, model.adversarial_score):
        with pytest.raises(ValueError, match="no gradient"):
            attack(X, y)
    assert model.adversarial_score(X, y, epsilon=0) == model.score(X, y)
    for method in ("ig", "saliency", "input_x_gradient", "deep_shap"):
        with pytest.raises(ValueError, match=r"no gradient .* method='occlusion'"):
            model.explain(X, method=method)
    assert model.explain(X, method="occlusion").any()


def kinds_of_weights():
    from torch.nn.utils import spectral_norm, weight_norm
    from torch.nn.utils.parametrizations import orthogonal
    from torch.nn.utils.parametrizations import weight_norm as parametrized_weight_norm

    def half(layer):
        return prune.random_unstructured(layer, "weight", 0.5)

    return {
        "plain": lambda layer: layer,
        "parametrized weight norm": parametrized_weight_norm,
        "orthogonal": orthogonal,
        "weight norm": weight_norm,
        "spectral norm": spectral_norm,
        "pruned": half,
    }


@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated:FutureWarning")
@pytest.mark.parametrize("kind", kinds_of_weights())
def test_alpha_penalizes_the_weights_that_layers_use(kind, cancer):
    def make():
        first = kinds_of_weights()[kind](nn.Linear(30, 16))
        return nn.Sequential(first, nn.ReLU(), nn.Linear(16, 2))

    options = OPTIONS | {"training": None, "max_epochs": 5, "alpha": 1e-3}
    model = AdversarialNetClassifier(make, clip=None, **options).fit(*cancer)
    model.predict(cancer[0])
    weights = model.module_[0].weight, model.module_[2].weight
    right = 1e-3 * sum(weight.abs().sum().item() for weight in weights)
    assert model.net_._penalty().item() == pytest.approx(right, rel=1e-5)
    assert model.score(*cancer) > 0.85
