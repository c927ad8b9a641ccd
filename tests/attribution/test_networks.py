import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from captum.attr import DeepLift, InputXGradient, IntegratedGradients, Occlusion, Saliency
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetBinaryClassifier, NeuralNetClassifier
from torch import nn

from sklearn_advex import AttributionTransformer, explain
from sklearn_advex.attribution import attribution_stability
from sklearn_advex.metrics import gini_index
from sklearn_advex.model_selection import gini_scorer
from sklearn_advex.plotting import to_shap_explanation

SIDE = 12


class Network(ClassifierMixin, BaseEstimator):
    """Takes rows of any shape; its module is not trained, and takes images with channels first."""

    def __init__(self, module=None, n_classes=3, layout=None):
        self.module = module
        self.n_classes = n_classes
        self.layout = layout

    def fit(self, X, y=None):
        self.module_ = self.module
        self.classes_ = np.array(["a", "b", "c"])[: self.n_classes]
        self.feature_means_ = np.asarray(X, dtype=float).mean(axis=0)
        self.n_features_in_ = np.shape(X)[1]
        return self

    def _module_input(self, X):
        arrange = {
            None: lambda x: x,
            "flat": lambda x: x.reshape(-1, 1, SIDE, SIDE),
            "hw": lambda x: x.unsqueeze(1),
            "hwc": lambda x: x.permute(0, 3, 1, 2),
        }
        return np.asarray(X, dtype=np.float32), arrange[self.layout]

    def predict_proba(self, X):
        values, arrange = self._module_input(X)
        with torch.no_grad():
            logits = self.module_.eval()(arrange(torch.tensor(values)))
        if logits.shape[1] == 1:
            logits = torch.cat([torch.zeros_like(logits), logits], dim=1)
        return logits.softmax(dim=1).numpy()

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class FunctionalBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        return torch.relu(self.linear(x))


class Reused(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.act = nn.Linear(4, 4), nn.Linear(4, 3), nn.ReLU()

    def forward(self, x):
        return self.second(self.act(self.act(self.first(x)) - 0.1))


class Residual(nn.Module):
    """Affine functions of every kind, and an addition in place, around two modules with a rule."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4))
        self.act, self.last = nn.LeakyReLU(), nn.Linear(8, 3)

    def forward(self, x):
        x += 0.5
        h = (x + 0.3 * self.inner(x)).view(len(x), 2, 2).transpose(1, 2).flatten(1)
        return self.last(torch.cat([self.act(h), h.mean(dim=1, keepdim=True).expand(-1, 4)], dim=1))


class Masked(nn.Module):
    def forward(self, x):
        return torch.where(x > 0, x, 0.0)


def head(n_inputs, n_outputs=3):
    return nn.Flatten(), nn.Linear(n_inputs, 16), nn.ReLU(), nn.Linear(16, n_outputs)


def conv(*layers, n_inputs=4 * 36):
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), *layers, *head(n_inputs)).eval()


def dense(*layers, n_outputs=3):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 4), *layers, nn.Linear(4, n_outputs)).eval()


def whole_numbers():
    """Weights and inputs of -1, 0, 1: many entries of the pooling agree with their baseline's."""
    net = conv(nn.MaxPool2d(2))
    net[0].weight.data = net[0].weight.data.sign() * (net[0].weight.data.abs() > 0.15)
    return net


def batch_norm():
    norm = nn.BatchNorm2d(4)
    norm.running_mean.uniform_(-0.5, 0.5)
    norm.running_var.uniform_(0.5, 2.0)
    return conv(norm, nn.ReLU(inplace=True), nn.Dropout(), nn.MaxPool2d(2), nn.Dropout(), nn.ReLU())


CONVOLUTIONS = {
    "conv-relu-pool": lambda: conv(nn.ReLU(), nn.MaxPool2d(2)),
    "conv-pool-relu": lambda: conv(nn.MaxPool2d(2), nn.ReLU()),
    "nested": lambda: conv(nn.Sequential(nn.ReLU(), nn.Sequential(nn.MaxPool2d(2), nn.Sigmoid()))),
    "softplus-average": lambda: conv(nn.Softplus(), nn.AvgPool2d(2), nn.ELU()),
    "sigmoid-dropout-tanh": lambda: conv(nn.AvgPool2d(2), nn.Sigmoid(), nn.Dropout(), nn.Tanh()),
    "whole-numbers": whole_numbers,
    "batch-norm": batch_norm,
}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Networks of a few units only wait for each other's threads on a busy machine."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((7, SIDE, SIDE), dtype=np.float32)


@pytest.fixture(scope="module")
def background():
    return np.random.default_rng(1).random((5, SIDE, SIDE), dtype=np.float32)


@pytest.fixture(scope="module")
def table():
    return np.random.default_rng(2).normal(size=(30, 4)).astype(np.float32)


# shap sets up its colors when it is imported, in a way that matplotlib is about to deprecate; its
# hooks need modules that do not write to their input.
@pytest.mark.filterwarnings("ignore:The set_(bad|over|under) function:PendingDeprecationWarning")
@pytest.mark.filterwarnings("ignore:unrecognized nn.Module. Flatten")  # by shap before 0.49
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_deep_shap_equals_shap(name, images, background):
    import shap

    module = CONVOLUTIONS[name]()
    if name == "whole-numbers":
        images, background = images.round(), background.round()
    model = Network(module, layout="hw").fit(images)
    options = {"method": "deep_shap", "output": "logit", "target": "b", "baseline": background}
    A, error = explain(model, images, return_completeness=True, **options)
    for layer in module.modules():
        if hasattr(layer, "inplace"):
            layer.inplace = False
    explainer = shap.DeepExplainer(module, torch.tensor(background).unsqueeze(1))
    values = explainer.shap_values(torch.tensor(images).unsqueeze(1), check_additivity=False)
    expected = values[:, 0, :, :, 1]
    np.testing.assert_allclose(A, expected, rtol=0, atol=2e-4 * np.abs(expected).max())
    change = np.abs(A).sum(axis=(1, 2))
    assert (np.abs(error) < 1e-5 * change).all()


# captum announces its hooks and what it does to its input.
@pytest.mark.filterwarnings("ignore:Setting forward, backward hooks:UserWarning")
@pytest.mark.filterwarnings("ignore:Input Tensor 0 did not already require:UserWarning")
def test_captum_alone_is_wrong_where_we_are_right(images, background):
    module = CONVOLUTIONS["conv-pool-relu"]()
    x, u = torch.tensor(images).unsqueeze(1), torch.tensor(background[:1]).unsqueeze(1)
    captums = DeepLift(module).attribute(x, u, target=1).detach().numpy()[:, 0]
    change = (module(x) - module(u))[:, 1].detach().numpy()
    assert np.abs(captums.sum(axis=(1, 2)) - change).max() > 0.1 * np.abs(change).mean()
    model = Network(module, layout="hw").fit(images)
    options = {"method": "deep_shap", "output": "logit", "target": "b", "baseline": background[0]}
    np.testing.assert_allclose(
        explain(model, images, **options).sum(axis=(1, 2)), change, atol=1e-6
    )


@pytest.mark.parametrize(
    "module",
    [
        lambda: conv(nn.ReLU(), nn.MaxPool2d(3, stride=2, padding=1)),  # shap and captum are wrong
        lambda: conv(nn.MaxPool2d(2, stride=1, dilation=2), nn.ReLU(), n_inputs=4 * 100),
    ],
)
@pytest.mark.parametrize("output", ["logit", "probability", "loss"])
def test_deep_shap_sums_up_where_windows_overlap(module, output, images, background):
    model = Network(module(), layout="hw").fit(images)
    options = {"method": "deep_shap", "output": output, "baseline": background}
    A, error = explain(model, images, return_completeness=True, **options)
    assert np.abs(error).max() < 1e-5 * np.abs(A).sum(axis=(1, 2)).min()


@pytest.mark.parametrize("output", ["probability", "logit", "loss"])
def test_deep_shap_of_affine_functions_around_rules(output, table):
    model = Network(Residual()).fit(table)
    before = table.copy()
    _, error = explain(
        model, table, method="deep_shap", output=output, baseline="mean", return_completeness=True
    )
    assert np.abs(error).max() < 1e-5
    np.testing.assert_array_equal(table, before)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (dense(nn.GELU()), r"layer '1' \(GELU\): DeepLIFT has no rule for gelu"),
        (dense(nn.SiLU()), r"layer '1' \(SiLU\)"),
        (dense(nn.Softmax(dim=1)), r"layer '1' \(Softmax\)"),
        (dense(nn.LayerNorm(4)), r"layer '1' \(LayerNorm\)"),
        (dense(nn.Sequential(FunctionalBlock())), r"'1.0' \(FunctionalBlock\).* for relu there"),
        (Reused(), r"layer 'act' \(ReLU\), which is called 2 times"),
    ],
)
def test_deep_shap_names_the_layer_that_it_cannot_follow(module, message, table):
    model = Network(module).fit(table)
    with pytest.raises(ValueError, match=message):
        explain(model, table, method="deep_shap")
    _, error = explain(model, table, n_steps=200, return_completeness=True)
    assert np.abs(error).max() < 1e-3


def test_what_no_function_shows_is_found_by_its_sum(table):
    model = Network(dense(Masked())).fit(table)
    with pytest.warns(UserWarning, match=r"do not sum to the change.*DeepLIFT cannot follow"):
        explain(model, table, method="deep_shap")


@pytest.mark.parametrize("method", ["ig", "deep_shap"])
@pytest.mark.parametrize("output", ["probability", "logit", "loss"])
def test_one_layer_equals_the_closed_form(method, output, table):
    linear = LogisticRegression(C=10).fit(table, np.where(table[:, 0] + table[:, 1] > 0, "b", "a"))
    module = nn.Linear(4, 1)
    module.weight.data = torch.tensor(linear.coef_, dtype=torch.float32)
    module.bias.data = torch.tensor(linear.intercept_, dtype=torch.float32)
    model = Network(module, n_classes=2).fit(table)
    for target in ("predicted", "a"):
        options = {"method": method, "output": output, "target": target, "baseline": table[3]}
        A, expected = explain(model, table, **options), explain(linear, table, **options)
        np.testing.assert_allclose(A, expected, rtol=1e-3, atol=1e-5)


def test_one_layer_equals_the_softmax_of_a_linear_model(table):
    linear = LogisticRegression().fit(table, np.array(["a", "b", "c"])[np.arange(30) % 3])
    module = nn.Linear(4, 3)
    module.weight.data = torch.tensor(linear.coef_, dtype=torch.float32)
    module.bias.data = torch.tensor(linear.intercept_, dtype=torch.float32)
    A = explain(Network(module).fit(table), table)
    np.testing.assert_allclose(A, explain(linear, table), rtol=1e-4, atol=1e-6)


def test_methods_equal_captum(images):
    module = CONVOLUTIONS["conv-relu-pool"]()
    model = Network(module, layout="hw").fit(images)
    x = torch.tensor(images).unsqueeze(1).requires_grad_()
    forward = nn.Sequential(module, nn.Softmax(dim=1))
    expected = {
        "saliency": Saliency(forward).attribute(x, target=1),
        "input_x_gradient": InputXGradient(forward).attribute(x, target=1),
        "occlusion": Occlusion(forward).attribute(x, (1, 2, 2), strides=(1, 2, 2), target=1),
    }
    for method, values in expected.items():
        A = explain(model, images, method=method, target="b", batch_size=3)
        values = values.detach().numpy()[:, 0]
        np.testing.assert_allclose(A, values, rtol=1e-3, atol=1e-5 * np.abs(values).max())


@pytest.mark.parametrize("output", ["probability", "logit"])
def test_integrated_gradients_are_closer_to_the_integral_than_an_even_quadrature(images, output):
    module = CONVOLUTIONS["conv-relu-pool"]()
    module[0].bias.data = torch.linspace(-1, 0, len(module[0].bias))  # kinks along the path
    model = Network(module, layout="hw").fit(images)
    forward = nn.Sequential(module, nn.Softmax(dim=1)) if output == "probability" else module
    captum = IntegratedGradients(forward)
    x = torch.tensor(images).unsqueeze(1)

    def even(method, n_steps):
        A = captum.attribute(x, target=1, n_steps=n_steps, method=method, internal_batch_size=100)
        return A.detach().numpy()[:, 0]

    def error(A):
        return np.abs(A - integral).sum() / np.abs(integral).sum()

    integral = even("riemann_middle", 3000)
    ours = error(explain(model, images, target="b", output=output, n_steps=30))
    assert ours < 0.03
    assert ours < 0.7 * error(even("riemann_middle", 30))
    assert ours < 0.7 * error(even("gausslegendre", 30))


def test_integrated_gradients_sum_up_within_a_percent(images):
    model = Network(CONVOLUTIONS["conv-relu-pool"](), layout="hw").fit(images)
    for output in ("probability", "logit"):
        A, error = explain(model, images, output=output, return_completeness=True)
        assert (np.abs(error) < 0.01 * np.abs(A).sum(axis=(1, 2))).all()


@pytest.mark.parametrize("method", ["ig", "deep_shap", "occlusion"])
def test_batches_and_layouts_change_nothing(method, images):
    module = CONVOLUTIONS["conv-relu-pool"]()
    options = {"method": method, "baseline": 0.3, "n_steps": 7, "output": "logit"}
    expected = explain(Network(module, layout="hw").fit(images), images, **options)
    in_layout = {"flat": images.reshape(7, -1), "hwc": images[..., np.newaxis]}
    in_layout[None] = images[:, np.newaxis]
    for layout, X in in_layout.items():
        model = Network(module, layout=layout).fit(X)
        A = explain(model, X, batch_size=2, **options)
        assert A.shape == X.shape
        np.testing.assert_allclose(A.reshape(expected.shape), expected, rtol=1e-4, atol=1e-7)


def test_baselines_of_images(images, background):
    model = Network(CONVOLUTIONS["conv-relu-pool"](), layout="hw").fit(images)
    mean = explain(model, images, baseline="mean")
    for row in (images.mean(axis=0), images.mean(axis=0).ravel()):
        np.testing.assert_allclose(explain(model, images, baseline=row), mean, atol=1e-5)
    single = [explain(model, images, method="deep_shap", baseline=u) for u in background]
    A = explain(model, images, method="deep_shap", baseline=background, batch_size=4)
    np.testing.assert_allclose(A, np.mean(single, axis=0), atol=1e-6)
    with pytest.raises(ValueError, match="rows of shape"):
        explain(model, images, method="deep_shap", baseline=background[:, :5])
    with pytest.raises(ValueError, match=r"a background, go with method='shap' and 'deep_shap'"):
        explain(model, images, baseline=background)


@pytest.mark.parametrize("method", ["ig", "deep_shap", "saliency", "occlusion"])
@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_leaves_no_trace(method, context, images):
    module = batch_norm().train()
    module[0].weight.requires_grad_(False)
    images.flags.writeable = False
    model = Network(module, layout="hw").fit(images)
    model.predict_proba = lambda X: Network.predict_proba(
        Network(pickle.loads(pickle.dumps(module)), layout="hw").fit(images), X
    )
    before, random_state = pickle.dumps(module.state_dict()), torch.get_rng_state()
    with context():
        explain(model, images, method=method, n_steps=20)
    assert all(layer.training for layer in module.modules())
    assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in module.modules())
    assert [p.requires_grad for p in module.parameters()][:2] == [False, True]
    assert all(p.grad is None for p in module.parameters())
    assert pickle.dumps(module.state_dict()) == before
    assert torch.equal(torch.get_rng_state(), random_state)


def skorch_net(module, X, kind=NeuralNetClassifier, **options):
    y = (X[:, 0] > 0).astype(np.float32 if kind is NeuralNetBinaryClassifier else np.int64)
    return kind(module, train_split=None, verbose=0, max_epochs=2, **options).fit(X, y)


@pytest.mark.parametrize("method", ["ig", "deep_shap", "saliency"])
def test_raw_skorch_nets(method, table):
    net = skorch_net(dense(nn.ReLU(), n_outputs=2), table, criterion=nn.CrossEntropyLoss)
    A = explain(net, table, method=method)
    assert A.dtype == np.float32
    np.testing.assert_allclose(explain(net, table.astype(float), method=method), A, rtol=1e-6)
    single = skorch_net(dense(nn.ReLU(), n_outputs=1), table, NeuralNetBinaryClassifier)
    second = explain(single, table, method=method, target=1)
    first = explain(single, table, method=method, target=0)
    sign = 1 if method == "saliency" else -1
    # where the nodes of an integral lie depends on roundings
    np.testing.assert_allclose(first, sign * second, rtol=1e-3, atol=1e-3 if method == "ig" else 0)
    frame = pd.DataFrame(table, columns=list("wxyz"), index=np.arange(30) + 5)
    attributions = explain(net, frame, method=method)
    pd.testing.assert_frame_equal(attributions, pd.DataFrame(A, frame.index, frame.columns))


class EndsInSigmoid(nn.Linear):
    def forward(self, x):
        return super().forward(x).sigmoid().squeeze(1)


@pytest.mark.parametrize("output", ["probability", "logit"])
def test_probabilities_are_not_taken_for_logits(output, table):
    net = skorch_net(nn.Sequential(nn.Linear(4, 2), nn.Softmax(dim=1)), table)
    with pytest.raises(ValueError, match=r"returns probabilities.* Leave out the softmax at its e"):
        explain(net, table, output=output)
    single = skorch_net(EndsInSigmoid(4, 1), table, NeuralNetBinaryClassifier)
    with pytest.raises(ValueError, match=r"returns probabilities.* Leave out the sigmoid at its e"):
        explain(single, table, output=output)


def test_probabilities_that_are_no_softmax(table):
    class Calibrated(Network):
        def predict_proba(self, X):
            return np.full((len(X), 3), 1 / 3)

    model = Calibrated(dense(nn.ReLU())).fit(table)
    with pytest.raises(ValueError, match="predict_proba of Calibrated is not the softmax"):
        explain(model, table)
    assert explain(model, table, method="saliency", output="logit").shape == table.shape


def test_wrong_number_of_logits(table):
    with pytest.raises(ValueError, match=r"For 10 rows and 3 classes it returns \(10, 5\)"):
        explain(Network(dense(n_outputs=5)).fit(table), table)


def test_methods_that_do_not_fit(table):
    model = Network(dense(nn.ReLU())).fit(table)
    with pytest.raises(TypeError, match=r"cannot explain Network.*Methods that can .*'deep_shap'"):
        explain(model, table, method="shap")
    with pytest.raises(ValueError, match=r"return_completeness=True has no meaning for .*saliency"):
        explain(model, table, method="saliency", return_completeness=True)
    linear = LogisticRegression().fit(table, np.arange(30) % 2)
    with pytest.raises(TypeError, match=r"no module_, as networks do\. Methods that can are 'ig'"):
        explain(linear, table, method="saliency")
    with pytest.raises(ValueError, match="sum to nothing"):
        to_shap_explanation(model, table, method="saliency")


def test_coarse_integration_warns(table):
    model = Network(dense(nn.Tanh())).fit(table)
    model.module_[0].weight.data *= 30
    with pytest.warns(UserWarning, match=r"do not sum .* Raise n_steps above 1"):
        explain(model, table, n_steps=1)


def test_transformer_scorer_and_stability_flatten_images(images):
    model = Network(CONVOLUTIONS["conv-relu-pool"](), layout="hw").fit(images)
    A = explain(model, images).reshape(7, -1)
    transformer = AttributionTransformer(FrozenEstimator(model)).set_output(transform="pandas")
    frame = transformer.fit_transform(images)
    assert list(frame.columns[:2]) == ["x0", "x1"]
    np.testing.assert_array_equal(frame, A)
    assert gini_scorer(model, images) == pytest.approx(gini_index(A).mean())
    options = {"target": "predicted", "n_iter": 1, "n_steps": 20}
    for epsilon in (0.01, np.full((SIDE, SIDE), 0.01)):
        stability = attribution_stability(
            model, images[:2], epsilon=epsilon, output="logit", **options
        )
        assert not stability.exact
        assert (stability.change > 0).all()
    with pytest.raises(ValueError, match=r"output='loss' .* Network has no formula"):
        attribution_stability(model, images, epsilon=0.01, output="loss", **options)


def test_pipeline_passes_the_background_through_its_head(table):
    model = Network(dense(nn.ReLU()))
    pipeline = make_pipeline(StandardScaler(), model).fit(table, np.arange(30) % 3)
    A = explain(pipeline, table, method="deep_shap", baseline=table[:5])
    scaled = pipeline[0].transform(table)
    expected = explain(pipeline[-1], scaled, method="deep_shap", baseline=scaled[:5])
    np.testing.assert_allclose(A, expected, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("method", ["ig", "deep_shap"])
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_the_logit_of_two_classes_is_the_decision_function(method, n_outputs):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, n_outputs))
    X = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)
    model = Network(module, n_classes=2).fit(X)

    def decision(rows):
        with torch.no_grad():
            logits = module(torch.tensor(rows, dtype=torch.float32)).numpy()
        return logits[:, 0] if n_outputs == 1 else logits[:, 1] - logits[:, 0]

    change = decision(X) - decision(np.zeros((1, 4)))
    for label, sign in (("a", -1), ("b", 1)):
        options = {"method": method, "output": "logit", "target": label, "n_steps": 200}
        attributions = explain(model, X, **options)
        np.testing.assert_allclose(attributions.sum(axis=1), sign * change, rtol=1e-3, atol=1e-4)
