"""The estimators as users meet them: containers, labels, shapes, bad input."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from torch import nn

from sklearn_advex import AdversarialCNNClassifier, AdversarialNetClassifier
from sklearn_advex.neural_network import ConvNet


def small_conv_net(input_shape, n_classes):
    return ConvNet(input_shape, n_classes, n_filters=(4, 8), n_hidden=32)


def multilayer_perceptron(n_features, n_classes, width=16):
    return nn.Sequential(nn.Linear(n_features, width), nn.ReLU(), nn.Linear(width, n_classes))


def cnn(**params):
    defaults = {"epsilon": 0.1, "attack_steps": 2, "lr": 0.005, "max_epochs": 2}
    return AdversarialCNNClassifier(small_conv_net, random_state=0, **(defaults | params))


def net(module=multilayer_perceptron, **params):
    defaults = {"epsilon": 0.1, "clip": None, "attack_steps": 2, "lr": 0.02, "max_epochs": 5}
    return AdversarialNetClassifier(module, random_state=0, **(defaults | params))


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:400] / 16, y[:400]


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def test_digits_are_learned_and_held_under_attack():
    X, y = load_digits(return_X_y=True)
    X = X / 16
    models = {
        epsilon: cnn(epsilon=epsilon, max_epochs=12, batch_size=64).fit(X[:1400], y[:1400])
        for epsilon in (0.0, 0.15)
    }
    assert models[0.0].score(X[1400:], y[1400:]) > 0.84
    assert models[0.15].score(X[1400:], y[1400:]) > 0.74
    held = [m.adversarial_score(X[1400:], y[1400:], 0.15, steps=20) for m in models.values()]
    assert held[1] > held[0] + 0.2


@pytest.mark.parametrize(
    "arrange",
    [
        lambda X: X,
        lambda X: X.reshape(-1, 8, 8),
        lambda X: X.reshape(-1, 8, 8, 1),
        lambda X: X.reshape(-1, 1, 8, 8),
        lambda X: X.astype(np.float32),
        lambda X: pd.DataFrame(X),
        lambda X: X.reshape(-1, 8, 8).tolist(),
        lambda X: torch.from_numpy(X),
    ],
    ids=["flat", "n h w", "n h w c", "n c h w", "float32", "frame", "lists", "tensor"],
)
def test_the_container_of_images_makes_no_difference(digits, arrange):
    X, y = digits
    expected = cnn().fit(X, y).predict_proba(X)
    model = cnn().fit(arrange(X), y)
    assert model.input_shape_ == (1, 8, 8)
    assert model.n_features_in_ == 64
    assert np.array_equal(model.predict_proba(arrange(X)), expected)
    assert np.array_equal(model.predict_proba(X), expected)


def test_channels_first_and_last_are_the_same_images():
    X = np.random.default_rng(0).random((50, 3, 8, 10))
    y = (X[:, 0].mean(axis=(1, 2)) > 0.5).astype(int)
    first = cnn().fit(X, y)
    last = cnn().fit(np.moveaxis(X, 1, -1), y)
    assert first.input_shape_ == last.input_shape_ == (3, 8, 10)
    expected = first.predict_proba(X)
    assert np.allclose(last.predict_proba(np.moveaxis(X, 1, -1)), expected, atol=1e-6)
    moved = first.perturb(X, y) - X
    moved_last = last.perturb(np.moveaxis(X, 1, -1), y) - np.moveaxis(X, 1, -1)
    assert moved.shape == X.shape
    assert moved_last.shape == (50, 8, 10, 3)
    assert np.abs(moved_last).max() == pytest.approx(0.1, abs=1e-6)


@pytest.mark.parametrize("channels", ["first", "last"])
def test_channels_can_be_said(channels):
    X = np.random.default_rng(0).random((20, 3, 8, 3))
    model = cnn(channels=channels).fit(X, [0, 1] * 10)
    assert model.input_shape_ == ((3, 8, 3) if channels == "first" else (3, 3, 8))
    with pytest.raises(ValueError, match="channels='first' or channels='last'"):
        cnn().fit(X, [0, 1] * 10)


def test_flat_rows_can_be_any_image():
    X = np.random.default_rng(0).random((20, 60))
    y = [0, 1] * 10
    assert cnn(input_shape=(6, 10)).fit(X, y).input_shape_ == (1, 6, 10)
    assert cnn(input_shape=(3, 4, 5)).fit(X, y).input_shape_ == (3, 4, 5)
    assert cnn(input_shape=(4, 5, 3)).fit(X, y).input_shape_ == (3, 4, 5)
    assert cnn(input_shape=(6, -1)).fit(X, y).input_shape_ == (1, 6, 10)
    with pytest.raises(ValueError, match="not square images of one channel: pass input_shape="):
        cnn().fit(X, y)
    with pytest.raises(ValueError, match=r"input_shape=\(7, 9\) does not fit X"):
        cnn(input_shape=(7, 9)).fit(X, y)
    with pytest.raises(ValueError, match="must have two entries"):
        cnn(input_shape=(60,)).fit(X, y)


def test_other_shapes_than_those_seen_are_refused(digits):
    X, y = digits
    model = cnn().fit(X.reshape(-1, 8, 8), y)
    with pytest.raises(ValueError, match=r"rows of shape \(4, 16\), but .* \(8, 8\)"):
        model.predict(X.reshape(-1, 4, 16))
    with pytest.raises(ValueError, match=r"49 features.*64 features"):
        model.predict(np.zeros((3, 7, 7)))


@pytest.mark.parametrize("labels", [list("abc"), [2.0, 0.0, 1.0], [-1, 7, 3]], ids=str)
def test_any_label_type(iris, labels):
    X, y = iris
    model = net(max_epochs=20, epsilon=0.02).fit(X, np.array(labels)[y])
    assert model.classes_.tolist() == sorted(labels)
    assert model.score(X, np.array(labels)[y]) > 0.9
    assert model.predict_proba(X).sum(axis=1) == pytest.approx(1)
    assert model.decision_function(X).shape == (150, 3)


def test_two_classes_as_two_logits_or_as_one(iris):
    X, y = iris[0][:100], iris[1][:100]
    for n_outputs in (1, 2):
        model = net(
            nn.Linear, module__in_features=4, module__out_features=n_outputs, max_epochs=20
        ).fit(X, y)
        scores = model.decision_function(X)
        assert scores.shape == (100,)
        assert np.array_equal(model.predict(X), (scores > 0).astype(int))
        assert model.predict_proba(X)[:, 1] == pytest.approx(1 / (1 + np.exp(-scores)))
        assert model.score(X, y) > 0.95


def test_frames_come_back_as_frames(iris):
    names = ["a", "b", "c", "d"]
    X = pd.DataFrame(iris[0], columns=names, index=np.arange(150) + 1000)
    model = net(epsilon={"d": 0.0, "b": 0.3, "a": 0.1, "c": 0.2}).fit(X, iris[1])
    assert model.epsilon_.tolist() == [0.1, 0.3, 0.2, 0.0]
    perturbed = model.perturb(X, iris[1])
    assert perturbed.index.equals(X.index)
    moved = (perturbed - X).abs().max()
    assert moved.to_numpy() == pytest.approx(model.epsilon_, abs=1e-6)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(X[["b", "a", "c", "d"]])


def test_epsilon_can_have_the_shape_of_an_image(digits):
    X, y = digits
    epsilon = np.zeros((8, 8))
    epsilon[2:6, 2:6] = 0.2
    images = X.reshape(-1, 8, 8)
    model = cnn(epsilon=epsilon).fit(images, y)
    moved = np.abs(model.perturb(images, y) - images).max(axis=0)
    assert np.array_equal(moved > 0, epsilon > 0)
    assert np.array_equal(model.perturb(X, y), model.perturb(images, y).reshape(-1, 64))


def test_the_data_of_the_user_are_never_written_to(digits):
    class Spoiler(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(64, 10)

        def forward(self, X):
            return self.linear(X.clamp_(0.2, 0.3) if not X.requires_grad else X)

    X, y = digits[0].astype(np.float32), digits[1]
    before = X.copy()
    model = net(Spoiler, training=None, clip=(0, 1)).fit(X, y)
    model.predict(X)
    model.perturb(X, y)
    assert np.array_equal(X, before)
    X.setflags(write=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, y).predict(X)


def test_a_module_may_write_to_its_input(iris):
    def in_place(n_features, n_classes):
        return nn.Sequential(nn.ReLU(inplace=True), nn.Linear(n_features, n_classes))

    X, y = iris
    moved = net(in_place).fit(X, y).perturb(X, y) - X
    assert np.abs(moved).max() <= 0.1 + 1e-6


def test_an_instance_is_copied_and_its_weights_are_the_start(iris):
    X, y = iris
    instance = multilayer_perceptron(4, 3)
    before = [parameter.detach().clone() for parameter in instance.parameters()]
    model = net(instance, lr=1e-9, max_epochs=1).fit(X, y)
    start = [parameter.detach() for parameter in model.module_.parameters()]
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(start, before, strict=True))
    model.set_params(lr=0.1).fit(X, y)
    assert all(torch.equal(a, b) for a, b in zip(instance.parameters(), before, strict=True))


def test_a_factory_gets_the_sizes_that_it_asks_for(digits):
    seen = {}

    def factory(n_classes, input_shape, n_features):
        seen.update(locals())
        return nn.Sequential(nn.Flatten(), nn.Linear(n_features, n_classes))

    net(factory).fit(digits[0].reshape(-1, 8, 8), digits[1])
    assert {key: seen[key] for key in ("n_classes", "input_shape", "n_features")} == {
        "n_classes": 10,
        "input_shape": (8, 8),
        "n_features": 64,
    }
    net(factory, module__n_features=64).fit(*digits)


def test_lazy_layers_are_no_obstacle(iris):
    def factory(n_classes):
        return nn.Sequential(nn.LazyLinear(8), nn.ReLU(), nn.LazyLinear(n_classes))

    assert net(factory, max_epochs=20).fit(*iris).score(*iris) > 0.8


def test_nested_parameters_travel(iris):
    model = net(module__width=7, optimizer=torch.optim.SGD, optimizer__momentum=0.5)
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert copy.get_params()["module__width"] == 7
    copy.set_params(module__width=9, lr=0.1).fit(*iris)
    assert copy.module_[0].out_features == 9
    assert copy.net_.optimizer_.param_groups[0]["momentum"] == 0.5
    assert copy.net_.optimizer_.param_groups[0]["lr"] == 0.1
    assert "module__width=7" in repr(model)


def test_grid_search_over_epsilon_in_two_processes(digits):
    search = GridSearchCV(cnn(max_epochs=4), {"epsilon": [0.0, 0.9]}, cv=2, n_jobs=2)
    search.fit(*digits)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_params_ == {"epsilon": 0.0}


def test_a_pipeline_scales_into_the_range(iris):
    model = make_pipeline(MinMaxScaler(clip=True), net(clip=(0, 1), epsilon=0.02, max_epochs=40))
    assert model.fit(*iris).score(*iris) > 0.8


@pytest.mark.parametrize("method", ["occlusion", "saliency", "deep_shap"])
def test_flat_images_are_explained_like_others(digits, method):
    X, y = digits
    model = cnn().fit(X, y)
    flat, squares = (
        model.explain(rows, method=method) for rows in (X[:5], X[:5].reshape(-1, 8, 8))
    )
    assert flat.shape == (5, 64)
    assert np.array_equal(flat.reshape(5, 8, 8), squares)
    if method == "occlusion":  # in squares of two by two
        assert np.array_equal(squares[:, ::2, ::2], squares[:, 1::2, 1::2])


def test_pickle_and_copies_predict_the_same(digits):
    X, y = digits
    model = cnn().fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))
    assert again.partial_fit(X, y).n_iter_ == 3
    assert model.n_iter_ == 2


def test_partial_fit_can_be_told_of_classes(iris):
    X, y = iris
    model = net().partial_fit(X[:50], y[:50], classes=[2, 1, 0])
    assert model.predict_proba(X).shape == (150, 3)
    model.partial_fit(X, y)
    with pytest.raises(ValueError, match=r"labels that the model does not know: \[3\]"):
        model.partial_fit(X, y + 1)
    with pytest.raises(ValueError, match="one class only"):
        net().partial_fit(X[:50], y[:50])


def test_attacks_are_reproducible_and_options_checked(iris):
    X, y = iris
    model = net().fit(X, y)
    assert np.array_equal(model.perturb(X, y), model.perturb(X, y))
    scores = [model.adversarial_score(X, y, epsilon) for epsilon in (0, 0.3, 1.0)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == model.score(X, y)
    weights = np.arange(150)
    weighted = model.adversarial_score(X, y, sample_weight=weights)
    stands = model.predict(model.perturb(X, y)) == y
    assert weighted == pytest.approx(np.average(stands, weights=weights), abs=1e-12)
    for bad in ({"steps": 0}, {"restarts": 0}, {"steps": 2.5}):
        with pytest.raises(ValueError, match=f"{next(iter(bad))} must be a positive integer"):
            model.perturb(X, y, **bad)
    with pytest.raises(ValueError, match="labels that the model does not know"):
        model.perturb(X, y + 1)


def test_a_model_must_be_fitted_first(iris):
    X, y = iris
    for call in ("predict", "predict_proba", "decision_function"):
        with pytest.raises(NotFittedError):
            getattr(net(), call)(X)
    with pytest.raises(NotFittedError):
        net().perturb(X, y)


class WithSoftmax(nn.Sequential):
    def __init__(self, n_features, n_classes):
        super().__init__(nn.Linear(n_features, n_classes), nn.Softmax(dim=1))


class EndsIn(nn.Module):
    """Linear, and a function of its outputs."""

    def __init__(self, function, n_outputs=2, n_features=4):
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(n_features, n_outputs)
        self.function = function

    def forward(self, x):
        return self.function(self.linear(x))


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (
            net(WithSoftmax),
            ValueError,
            "WithSoftmax returns probabilities.*leave out the softmax at its end",
        ),
        (net(nn.Linear, module__in_features=4, module__out_features=2), ValueError, "logits of"),
        (
            net(nn.Linear, module__in_features=9, module__out_features=3),
            ValueError,
            "rows of shape",
        ),
        (net(lambda: "no module"), TypeError, "must be a torch.nn.Module.*'no module'"),
        (net(nn.Linear(4, 3), module__bias=False), ValueError, "instance.*module__bias cannot"),
        (net(nn.Linear(4, 3).requires_grad_(False)), ValueError, "no parameter that can be train"),
        (net(epsilon=-1.0), ValueError, "'epsilon' parameter"),
        (net(epsilon=[0.1, 0.2]), ValueError, "epsilon has shape"),
        (net(clip=(1, 0)), ValueError, "low below high"),
        (net(clip=(0, 1, 2)), ValueError, "clip must be None or"),
        (net(clip=(0.0, 1.0)), ValueError, r"X has values from -.*outside clip=\(0, 1\)"),
        (net(training="deepfool"), ValueError, "'training' parameter"),
        (net(device="cuda"), ValueError, "device='cuda' cannot be used here.*device='auto'"),
        (net(device="gpu"), ValueError, "device='gpu' cannot be used here.*device='auto'"),
        (net(lr_schedule="steps"), ValueError, "'lr_schedule' parameter"),
        (net(validation_fraction=0.001), ValueError, "validation_fraction=0.001 is too small"),
    ],
)
def test_bad_parameters_are_named(iris, model, error, message):
    with pytest.raises(error, match=message):
        model.fit(*iris)


PROBABILITIES = {
    "sigmoid layer": (nn.Sigmoid(), 1, "sigmoid"),
    "sigmoid": (torch.sigmoid, 2, "sigmoid"),
    "one sigmoid": (torch.sigmoid, 1, "sigmoid"),
    "sigmoid, squeezed": (lambda z: z.squeeze(1).sigmoid().unsqueeze(1), 1, "sigmoid"),
    "softmax": (lambda z: nn.functional.softmax(z, dim=1), 2, "softmax"),
    "softmax, reshaped": (lambda z: z.softmax(1).double().float().reshape(-1, 2), 2, "softmax"),
    "softmax by hand": (lambda z: z.exp() / z.exp().sum(1, keepdim=True), 2, "softmax"),
}


@pytest.mark.parametrize(
    ("function", "n_outputs", "name"), PROBABILITIES.values(), ids=PROBABILITIES
)
def test_probabilities_at_the_end_are_found(iris, function, n_outputs, name):
    X, y = iris
    with pytest.raises(ValueError, match=rf"returns probabilities.*leave out the {name} at its en"):
        net(EndsIn(function, n_outputs)).fit(X[:100], y[:100])


def all_in_the_unit_interval(n_outputs):
    """Logits that a constant head gives before it learns anything."""
    module = nn.Linear(4, n_outputs)
    nn.init.zeros_(module.weight)
    nn.init.constant_(module.bias, 1.0)
    return module


@pytest.mark.parametrize(
    "module",
    [
        EndsIn(torch.relu),
        EndsIn(torch.relu, 1),
        EndsIn(lambda z: 5 * torch.sigmoid(z)),
        all_in_the_unit_interval(2),
        all_in_the_unit_interval(1),
        nn.Sequential(nn.LayerNorm(4), nn.Linear(4, 2)),
    ],
    ids=["relu", "one relu", "scaled sigmoid", "constant", "one constant", "bounded"],
)
def test_logits_are_not_taken_for_probabilities(iris, module):
    X, y = iris
    net(module).fit(X[:100], y[:100])


def test_a_log_softmax_at_the_end_changes_nothing(iris):
    X, y = iris
    plain, log = (
        net(EndsIn(function, 3)).fit(X, y) for function in (nn.Identity(), nn.LogSoftmax(dim=1))
    )
    np.testing.assert_allclose(log.predict_proba(X), plain.predict_proba(X), atol=1e-5)


def test_a_misspelt_parameter_is_refused_at_once():
    with pytest.raises(TypeError, match="no parameter 'epsilom'"):
        net(epsilom=0.1)
    with pytest.raises(ValueError, match="Invalid parameter 'epsilom'"):
        net().set_params(epsilom=0.1)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda X: np.where(X > 0.9, np.nan, X), "contains NaN"),
        (lambda X: np.where(X > 0.9, 1e300, X), "infinity or a value too large"),
        (lambda X: (X * 255).astype(np.uint8), r"values from 0 to 255, outside clip.*X / 255"),
        (lambda X: csr_array(X), "Sparse data was passed"),
        (lambda X: X[:, :0], "0 feature"),
    ],
    ids=["nan", "infinity", "uint8", "sparse", "empty"],
)
def test_bad_data_are_named(digits, spoil, message):
    X, y = digits
    with pytest.raises((ValueError, TypeError), match=message):
        cnn(input_shape=(8, 8)).fit(spoil(X), y)


def test_a_wrong_number_of_channels_is_named(digits):
    X, y = digits
    three = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.LazyLinear(10))
    with pytest.raises(ValueError, match=r"does not take rows of shape \(1, 8, 8\).*3 channels"):
        AdversarialCNNClassifier(three).fit(X, y)


@pytest.mark.parametrize("class_weight", [{0: -5.0}, {0: np.inf}, {"zero": 1.0}], ids=str)
def test_class_weights_are_checked(digits, class_weight):
    with pytest.raises(ValueError, match="class_weight"):
        cnn(class_weight=class_weight).fit(*digits)


def test_huge_weights_weigh_like_small_ones(digits):
    models = [cnn().fit(*digits, sample_weight=np.full(400, w)) for w in (1.0, 1e307)]
    assert np.array_equal(*(model.predict_proba(digits[0]) for model in models))


def test_class_weights_may_name_classes_that_a_batch_lacks(iris):
    X, y = iris
    net(class_weight={0: 2.0, 2: 3.0}).partial_fit(X[:50], y[:50], classes=[0, 1, 2])


def test_images_in_other_units_are_refused_later_too(digits):
    X, y = digits
    model = cnn().fit(X, y)
    with pytest.raises(ValueError, match=r"outside clip=\(0, 1\)"):
        model.predict((X * 255).astype(np.uint8))
    model.predict(X * 1.2)


def test_labels_that_are_new_count_as_mistakes(digits):
    X, y = digits
    model = cnn().fit(X[y < 9], y[y < 9])
    expected = model.adversarial_score(X[y < 9], y[y < 9]) * np.mean(y < 9)
    assert model.adversarial_score(X, y) == pytest.approx(expected, abs=0.01)


def test_no_rows_are_a_clear_error(digits):
    with pytest.raises(ValueError, match="0 sample"):
        cnn().fit(*digits).predict(np.empty((0, 8, 8)))


def test_training_and_attack_work_in_inference_mode(iris):
    with torch.inference_mode():
        net().fit(*iris).perturb(*iris)


@pytest.mark.parametrize("weights", [np.zeros(400), np.full(400, np.nan)], ids=["zero", "nan"])
def test_weights_must_weigh_something(digits, weights):
    with pytest.raises(ValueError, match=r"sample_weight|Sample weights"):
        cnn().fit(*digits, sample_weight=weights)


def test_clip_can_differ_by_feature():
    generator = np.random.default_rng(0)
    X = generator.random((100, 3)) * [1, 10, 100]
    y = (X[:, 0] > 0.5).astype(int)
    model = net(clip=([0, 0, 0], [1, 10, 100]), epsilon=[0.5, 5, 50]).fit(X, y)
    perturbed = model.perturb(X, y)
    assert (perturbed >= 0).all()
    assert (perturbed <= [1, 10, 100]).all()
    assert perturbed.max(axis=0) / [1, 10, 100] == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 7, 9), (1, 1, 1), (1, 1, 5)])
def test_the_paper_network_takes_images_of_any_size(shape):
    assert ConvNet(shape, n_classes=4)(torch.zeros(2, *shape)).shape == (2, 4)


def test_the_paper_network_has_the_paper_size():
    sizes = [tuple(p.shape) for p in ConvNet((1, 28, 28), 10).parameters() if p.ndim > 1]
    assert sizes == [(32, 1, 5, 5), (64, 32, 5, 5), (1024, 7 * 7 * 64), (10, 1024)]
