"""DeepSHAP of probabilities of several classes against Shapley values, quadratures and shap."""

from itertools import permutations

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.special import softmax
from sklearn.datasets import load_digits
from torch import nn

from sklearn_advex import AdversarialNetClassifier, explain
from sklearn_advex._utils._divided_differences import (
    logistic_divided_difference,
    softplus_divided_difference,
)
from sklearn_advex.attribution._torch._mean_slopes import mean_slopes


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


def fitted(module, n_features, n_classes=3):
    """A classifier with the weights of a module, which training does not move."""
    X = np.zeros((n_classes, n_features))
    options = {"clip": None, "training": None, "lr": 1e-30, "max_epochs": 1, "random_state": 0}
    return AdversarialNetClassifier(module, **options).fit(X, np.arange(n_classes))


def shapley(function, x, baseline):
    """The mean over all orders in which the features can be set to their values."""
    values = np.zeros(len(x))
    orders = list(permutations(range(len(x))))
    for order in orders:
        point = baseline.copy()
        for feature in order:
            before = function(point)
            point[feature] = x[feature]
            values[feature] += (function(point) - before) / len(orders)
    return values


def linear(weight):
    weight = torch.as_tensor(weight, dtype=torch.float32)
    module = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    module.weight.data = weight
    return module


def test_a_score_that_hardly_moves_explodes_no_longer():
    model = fitted(linear([[1.0, -1.0], [5.0, 0.0], [0.0, 0.0]]), 2)
    x = np.array([[1.0, 0.99999]])
    A = explain(model, x, method="deep_shap", target=0)[0]

    def probability(row):
        return model.predict_proba(row[np.newaxis])[0, 0]

    exact = shapley(probability, x[0], np.zeros(2))
    np.testing.assert_allclose(exact, [-0.232, -0.095], atol=1e-3)
    np.testing.assert_allclose(A, exact, atol=0.01)


@pytest.mark.parametrize("n_features", [2, 3])
@pytest.mark.parametrize("kind", ["linear", "relu"])
def test_it_is_near_shapley_values(kind, n_features):
    generator = torch.Generator().manual_seed(n_features)
    rng = np.random.default_rng(n_features)
    distances = []
    for _ in range(15):
        last = linear(torch.randn(3, n_features if kind == "linear" else 8, generator=generator))
        first = linear(torch.randn(8, n_features, generator=generator) / 2)
        module = last if kind == "linear" else nn.Sequential(first, nn.ReLU(), last)
        model = fitted(module, n_features)
        x, baseline = rng.normal(scale=0.7, size=(2, n_features))
        A = explain(model, x[np.newaxis], method="deep_shap", target=1, baseline=baseline)[0]
        exact = shapley(lambda row, m=model: m.predict_proba(row[None])[0, 1], x, baseline)
        assert np.abs(A).max() < 1
        distances.append(np.abs(A - exact).max())
    assert np.mean(distances) < 0.05
    assert np.max(distances) < 0.25


@pytest.mark.parametrize("output", ["probability", "loss"])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 30.0, 1e4])
def test_mean_slopes_are_integrals(output, scale):
    rng = np.random.default_rng(0)
    start, stop = scale * rng.normal(size=(2, 5, 4))
    slopes = mean_slopes(
        torch.tensor(start), torch.tensor(stop), output, False, torch.tensor([0, 1, 2, 3, 0])
    ).numpy()

    def slope(t, row, k, target):
        p = softmax(start[row] + t * (stop[row] - start[row]))
        own = float(k == target)
        return p[k] - own if output == "loss" else p[target] * (own - p[k])

    for row, target in enumerate([0, 1, 2, 3, 0]):
        outputs = [softmax(scores[row])[target] for scores in (start, stop)]
        if scale <= 1:
            for k in range(4):
                expected, _ = quad(slope, 0, 1, args=(row, k, target), epsabs=1e-12)
                assert slopes[row, k] == pytest.approx(expected, abs=1e-10)
        if output == "probability":
            change = slopes[row] @ (stop[row] - start[row])
            assert change == pytest.approx(outputs[1] - outputs[0], abs=1e-9)


def test_mean_slopes_of_two_classes_are_divided_differences():
    rng = np.random.default_rng(1)
    start, stop = rng.normal(scale=5, size=(2, 20))
    second = torch.ones(20, dtype=torch.int64)

    def of(scores, output, is_single):
        points = [torch.tensor(np.stack(scores(s), axis=1)) for s in (start, stop)]
        return mean_slopes(*points, output, is_single, second).numpy()

    logistic = logistic_divided_difference(stop, start)
    softplus = softplus_divided_difference(-stop, -start)
    for output, expected in (("probability", logistic), ("loss", -softplus)):
        single = of(lambda s: (-s, s), output, True)
        np.testing.assert_allclose(single[:, 1] - single[:, 0], expected, atol=1e-12)
        pair = of(lambda s: (s * 0 + 3, s + 3), output, False)
        np.testing.assert_allclose(pair, np.stack([-expected, expected], axis=1), atol=1e-12)


def digits_net():
    X, y = load_digits(return_X_y=True)
    X = X / 16

    def perceptron(n_features, n_classes):
        return nn.Sequential(nn.Linear(n_features, 32), nn.ReLU(), nn.Linear(32, n_classes))

    model = AdversarialNetClassifier(
        perceptron, training=None, lr=0.01, max_epochs=20, random_state=0
    )
    return model.fit(X[:1200], y[:1200]), X[1200:]


# shap sets up its colors when it is imported, in a way that matplotlib is about to deprecate.
@pytest.mark.filterwarnings("ignore:The set_(bad|over|under) function:PendingDeprecationWarning")
def test_no_pixel_of_a_digit_has_more_than_there_is():
    import shap

    model, X = digits_net()
    A = explain(model, X, method="deep_shap", target=3)
    assert np.abs(A).max() < 1
    integrated = explain(model, X, target=3)
    assert np.corrcoef(A.ravel(), integrated.ravel())[0, 1] > 0.99
    # from the contributions to the logits as shap has them
    rows = torch.tensor(X[:10], dtype=torch.float32)
    explainer = shap.DeepExplainer(model.module_, torch.zeros(1, 64))
    contributions = explainer.shap_values(rows, check_additivity=False)
    with torch.no_grad():
        stop = model.module_(rows).double()
        start = model.module_(torch.zeros_like(rows)).double()
    middles = (np.arange(2000) + 0.5) / 2000
    p = softmax(start.numpy() + middles[:, None, None] * (stop - start).numpy(), axis=2)
    slopes = (p[:, :, 3:4] * (np.eye(10)[3] - p)).mean(axis=0)
    expected = np.einsum("ijk,ik->ij", contributions, slopes)
    np.testing.assert_allclose(A[:10], expected, atol=1e-5)


def test_shap_agrees_where_a_score_alone_decides():
    import shap

    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    X = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    model = fitted(module, 4, n_classes=2)
    A = explain(model, X, method="deep_shap", target=1, baseline=X[:5])
    ends_in_sigmoid = nn.Sequential(model.module_, nn.Sigmoid())
    explainer = shap.DeepExplainer(ends_in_sigmoid, torch.tensor(X[:5]))
    values = explainer.shap_values(torch.tensor(X), check_additivity=False)
    np.testing.assert_allclose(A, values[..., 0], atol=1e-5)


def test_contributions_that_cancel_are_told():
    model = fitted(linear([[100.0, -100.0]]), 2, n_classes=2)
    with pytest.warns(UserWarning, match=r"1 of 2 rows have attributions of up to 25, far more"):
        A = explain(model, [[1.0, 1.0], [0.001, 0.0]], method="deep_shap", target=1)
    np.testing.assert_allclose(A[0], [25, -25], rtol=1e-4)
    explain(model, [[1.0, 1.0]], method="deep_shap", output="logit")
