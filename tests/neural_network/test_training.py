"""What training does: to the weights, by independent arithmetic, and to everything else."""

import copy
import re

import numpy as np
import pytest
import torch
from scipy.optimize import approx_fprime
from sklearn.exceptions import NotFittedError
from skorch import NeuralNetClassifier
from skorch.callbacks import (
    Callback,
    EarlyStopping,
    EpochScoring,
    InputShapeSetter,
    LRScheduler,
)
from torch import nn

from sklearn_advex import AdversarialCNNClassifier, AdversarialNetClassifier
from sklearn_advex.metrics import gini_index
from sklearn_advex.neural_network._net import BASE_RATE, BatchIterator, LabeledTensors
from sklearn_advex.neural_network._sparsity import gini


def two_clouds(n_samples=60, n_features=5, seed=0):
    generator = np.random.default_rng(seed)
    y = generator.integers(2, size=n_samples)
    X = generator.normal(size=(n_samples, n_features)) + 0.7 * y[:, np.newaxis]
    return X, y


def multilayer_perceptron(n_features, n_classes):
    return nn.Sequential(nn.Linear(n_features, 16), nn.ReLU(), nn.Linear(16, n_classes))


def net(module=multilayer_perceptron, **params):
    defaults = {"epsilon": 0.1, "clip": None, "lr": 0.01, "max_epochs": 3, "random_state": 0}
    return AdversarialNetClassifier(module, **(defaults | params))


def weights_of(model):
    return np.concatenate([p.detach().numpy().ravel() for p in model.module_.parameters()])


class Linear(nn.Linear):
    """One logit for two classes, from weights of its own."""

    def __init__(self):
        super().__init__(5, 1)
        with torch.no_grad():
            self.weight.copy_(torch.tensor([[0.5, -0.4, 0.3, -0.2, 0.1]]))
            self.bias.fill_(0.2)


#: Full batches and plain gradient steps: what arithmetic on paper can follow.
BY_HAND = {"optimizer": torch.optim.SGD, "batch_size": 1000, "lr": 0.1, "max_epochs": 7}


def gradient_descent(X, y, *, epsilon, weight=1.0, alpha=0.0):
    """Weights of Linear after gradient descent on the robust loss in closed form."""
    sign = 2 * y - 1
    w, b = np.array([0.5, -0.4, 0.3, -0.2, 0.1]), 0.2
    for _ in range(BY_HAND["max_epochs"]):
        loss_argument = np.abs(w).sum() * epsilon - sign * (X @ w + b)
        slope = weight / (1 + np.exp(-loss_argument)) / len(y)
        gradient = (slope[:, np.newaxis] * (epsilon * np.sign(w) - sign[:, np.newaxis] * X)).sum(0)
        w = w - 0.1 * (gradient + alpha * np.sign(w))
        b = b - 0.1 * (slope * -sign).sum()
    return np.append(w, b)


@pytest.mark.parametrize("epsilon", [0.0, 0.25])
@pytest.mark.parametrize(
    "attack", [{"training": "pgd"}, {"training": "fgsm", "random_start": False}], ids=str
)
def test_training_descends_the_robust_loss(attack, epsilon):
    X, y = two_clouds()
    model = net(Linear, epsilon=epsilon, **attack, **BY_HAND).fit(X, y)
    expected = gradient_descent(X, y, epsilon=epsilon)
    assert weights_of(model) == pytest.approx(expected, abs=2e-6)


class KeepAttacked(Callback):
    def on_grad_computed(self, net, batch, **kwargs):
        self.change_ = (batch.X - batch.clean_X).double().numpy()
        self.X_, self.y_ = batch.clean_X.double().numpy(), batch.y.numpy()


def test_trades_descends_the_loss_and_the_divergence_at_a_worst_corner():
    kept = KeepAttacked()
    options = BY_HAND | {"max_epochs": 1, "callbacks": [kept]}
    model = net(Linear, training="trades", epsilon=0.25, trades_weight=3.0, **options)
    model.fit(*two_clouds())
    w, b = np.array([0.5, -0.4, 0.3, -0.2, 0.1]), 0.2
    # The divergence is convex and 0 at the input: each side of the box has a maximum at its corner.
    side = np.sign(kept.change_ @ w)
    assert np.allclose(kept.change_, 0.25 * side[:, np.newaxis] * np.sign(w), atol=1e-6)

    def loss(parameters):
        logit = kept.X_ @ parameters[:-1] + parameters[-1]
        other = logit + kept.change_ @ parameters[:-1]
        p = 1 / (1 + np.exp(-logit))
        divergence = p * (np.logaddexp(0, -other) - np.logaddexp(0, -logit))
        divergence += (1 - p) * (np.logaddexp(0, other) - np.logaddexp(0, logit))
        return np.mean(np.logaddexp(0, -(2 * kept.y_ - 1) * logit) + 3.0 * divergence)

    start = np.append(w, b)
    expected = start - 0.1 * approx_fprime(start, loss, 1e-7)
    assert weights_of(model) == pytest.approx(expected, abs=2e-6)


def test_trades_of_weight_zero_is_natural_training_that_watches_the_attack():
    X, y = two_clouds()
    model = net(Linear, training="trades", epsilon=0.25, trades_weight=0.0, **BY_HAND).fit(X, y)
    assert weights_of(model) == pytest.approx(gradient_descent(X, y, epsilon=0.0), abs=2e-6)
    last = model.history_[-1]
    assert last["train_adversarial_loss"] > last["train_clean_loss"] == last["train_loss"]


def test_without_an_attack_training_is_natural():
    X, y = two_clouds()
    model = net(Linear, epsilon=0.25, training=None, **BY_HAND).fit(X, y)
    assert weights_of(model) == pytest.approx(gradient_descent(X, y, epsilon=0.0), abs=2e-6)


def test_alpha_penalizes_weights_but_not_biases():
    X, y = two_clouds()
    model = net(Linear, training=None, alpha=0.05, **BY_HAND).fit(X, y)
    expected = gradient_descent(X, y, epsilon=0.0, alpha=0.05)
    assert weights_of(model) == pytest.approx(expected, abs=2e-6)


def test_sample_and_class_weights_multiply():
    X, y = two_clouds()
    weight = np.linspace(0, 2, len(y))
    model = net(Linear, epsilon=0.2, class_weight={0: 3, 1: 1}, **BY_HAND)
    model.fit(X, y, sample_weight=weight)
    both = weight * np.where(y == 0, 3, 1)
    expected = gradient_descent(X, y, epsilon=0.2, weight=both / both.mean())
    assert weights_of(model) == pytest.approx(expected, abs=2e-6)


def test_balanced_classes_weigh_the_same_with_sample_weights_too():
    X, y = two_clouds()
    weight = np.linspace(0, 2, len(y))
    totals = np.bincount(y, weights=weight)
    models = [
        net(Linear, epsilon=0.2, class_weight=class_weight, **BY_HAND).fit(X, y, weight)
        for class_weight in ("balanced", {0: totals[1], 1: totals[0]})
    ]
    assert weights_of(models[0]) == pytest.approx(weights_of(models[1]), abs=2e-6)


def test_only_ratios_of_weights_matter():
    X, y = two_clouds()
    weight = np.linspace(1, 2, len(y))
    models = [net().fit(X, y, sample_weight=factor * weight) for factor in (1, 8)]
    assert np.allclose(*map(weights_of, models), atol=1e-6)


def test_the_same_seed_gives_the_same_model():
    X, y = two_clouds()
    same = [weights_of(net().fit(X, y)) for _ in range(2)]
    other = weights_of(net(random_state=1).fit(X, y))
    assert np.array_equal(*same)
    assert not np.allclose(same[0], other)


def test_the_global_random_state_is_left_as_found():
    X, y = two_clouds()
    torch.manual_seed(3)
    expected = torch.rand(2)[1]
    torch.manual_seed(3)
    torch.rand(1)
    model = net(random_state=None).fit(X, y)
    model.adversarial_score(X, y)
    model.predict(X)
    assert torch.rand(1) == expected


def test_fit_is_partial_fit_once_per_epoch():
    X, y = two_clouds()
    piecewise = net()
    for _ in range(3):
        piecewise.partial_fit(X, y)
    assert piecewise.n_iter_ == 3
    assert np.array_equal(weights_of(piecewise), weights_of(net().fit(X, y)))


def test_fit_starts_anew_unless_the_start_is_warm():
    X, y = two_clouds()
    model = net().fit(X, y)
    once = weights_of(model)
    assert np.array_equal(weights_of(model.fit(X, y)), once)
    assert model.n_iter_ == 3
    warm = net(warm_start=True).fit(X, y).fit(X, y)
    assert warm.n_iter_ == 6
    assert not np.array_equal(weights_of(warm), once)


def test_history_keeps_clean_and_adversarial_apart():
    X, y = two_clouds(400)
    model = net(epsilon=0.2, max_epochs=8, validation_fraction=0.3).fit(X, y)
    last = model.history_[-1]
    for part in ("train", "valid"):
        assert 0.6 < last[f"{part}_adversarial_accuracy"] < last[f"{part}_clean_accuracy"]
        assert last[f"{part}_adversarial_loss"] > last[f"{part}_clean_loss"]
    assert model.history_[0]["train_loss"] > last["train_loss"]
    assert last["train_loss"] == pytest.approx(last["train_adversarial_loss"])
    assert last["train_batch_count"] == -(-280 // 128)


def test_natural_history_knows_no_adversary():
    last = net(training=None).fit(*two_clouds()).history_[-1]
    assert "train_clean_accuracy" in last
    assert "train_adversarial_accuracy" not in last
    assert "valid_clean_accuracy" not in last


def test_validation_rows_are_not_trained_on_and_keep_the_shares_of_the_classes():
    seen = []

    class Spy(Callback):
        def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
            seen.append((dataset_train, dataset_valid))

    X, y = two_clouds(100)
    y[:80] = 0
    y[80:] = 1
    net(validation_fraction=0.25, max_epochs=1, callbacks=[Spy()]).fit(X, y)
    [(train, valid)] = seen
    assert (len(train.y), len(valid.y), int(valid.y.sum())) == (75, 25, 5)
    together = torch.cat([train.X, valid.X]).numpy()
    assert np.array_equal(np.sort(together[:, 0]), np.sort(X[:, 0].astype(np.float32)))


class Recorder(Callback):
    """Note the learning rate and the size of the change after each batch."""

    def __init__(self, X):
        self.X = X

    def on_train_begin(self, net, **kwargs):
        self.rates_, self.changes_ = [], []

    def on_grad_computed(self, net, batch, **kwargs):
        self.rates_.append(net.optimizer_.param_groups[0]["lr"])
        self.changes_.append(float((batch[0] - self.X).abs().max()))


def recorded(**params):
    X, _ = two_clouds(8)
    recorder = Recorder(torch.tensor(np.repeat(X[:1], 8, axis=0), dtype=torch.float32))
    model = net(max_epochs=10, batch_size=8, callbacks=[recorder], **params)
    model.fit(np.repeat(X[:1], 8, axis=0), [0, 1] * 4)
    return recorder


def test_the_attack_warms_up():
    changes = recorded(epsilon=0.5, attack_steps=3, epsilon_warmup=0.4).changes_
    assert changes == pytest.approx([0.0, 0.125, 0.25, 0.375] + [0.5] * 6, abs=1e-6)


@pytest.mark.parametrize(
    ("schedule", "factors"),
    [
        (None, [1.0] * 10),
        ("linear", 1 - np.arange(10) / 10),
        ("cosine", (1 + np.cos(np.pi * np.arange(10) / 10)) / 2),
        ("one_cycle", [0, 0.25, 0.5, 0.75, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6]),
        (lambda progress: 2.0 if progress < 0.5 else 1.0, [2.0] * 5 + [1.0] * 5),
    ],
)
def test_learning_rates_follow_the_schedule(schedule, factors):
    rates = recorded(lr=0.01, lr_schedule=schedule).rates_
    assert rates == pytest.approx(0.01 * np.asarray(factors))


def test_an_optimizer_that_asks_for_the_loss_often_gets_one_attack_per_batch():
    X, y = two_clouds()
    changed = Recorder(torch.tensor(X, dtype=torch.float32))
    batches = []

    class Spy(Callback):
        def on_grad_computed(self, net, batch, **kwargs):
            batches.append(batch[0])

    net(
        optimizer=torch.optim.LBFGS,
        optimizer__max_iter=5,
        lr=1,
        max_epochs=1,
        callbacks=[Spy(), changed],
    ).fit(X, y)
    assert len(batches) == 5
    assert all(torch.equal(batch, batches[0]) for batch in batches)


def test_batch_statistics_come_from_training_batches_alone():
    def module(n_features, n_classes):
        return nn.Sequential(nn.BatchNorm1d(n_features), nn.Linear(n_features, n_classes))

    X, y = two_clouds()
    model = net(module, attack_steps=4, batch_size=20, validation_fraction=0.5).fit(X, y)
    assert model.module_[0].num_batches_tracked == 3 * 2
    assert not model.module_.training


def test_no_batch_has_a_single_row():
    data = LabeledTensors(torch.arange(9.0), torch.zeros(9), torch.ones(9))
    sizes = [len(batch[0]) for batch in BatchIterator(data, batch_size=4)]
    assert sizes == [4, 5]
    assert len(BatchIterator(data, batch_size=4)) == 2
    assert [len(batch[0]) for batch in BatchIterator(data, batch_size=9)] == [9]
    assert [len(batch[0]) for batch in BatchIterator(data.take(torch.tensor([0])), 4)] == [1]


def test_shuffled_batches_hold_every_row_once():
    data = LabeledTensors(torch.arange(50.0), torch.zeros(50), torch.arange(50.0))
    batches = list(BatchIterator(data, batch_size=8, shuffle=True))
    rows = torch.cat([batch[0] for batch in batches])
    assert not torch.equal(rows, data.X)
    assert torch.equal(rows.sort().values, data.X)
    assert torch.equal(torch.cat([batch.weight for batch in batches]), rows)


class PressCtrlC(Callback):
    def __init__(self, at_batch):
        self.at_batch = at_batch

    def on_train_begin(self, net, **kwargs):
        self.left_ = self.at_batch

    def on_batch_end(self, net, training=False, **kwargs):
        self.left_ -= 1
        if self.left_ == 0:
            raise KeyboardInterrupt


def test_ctrl_c_keeps_the_model_and_says_so():
    X, y = two_clouds(60)
    model = net(max_epochs=5, batch_size=10, callbacks=[PressCtrlC(at_batch=15)])
    with pytest.warns(UserWarning, match="interrupted after 2 whole epochs"):
        model.fit(X, y)
    assert model.n_iter_ == 2
    assert model.score(X, y) > 0.5
    assert not model.module_.training
    model.set_params(callbacks=None)
    model.net_.callbacks_ = [pair for pair in model.net_.callbacks_ if "Ctrl" not in pair[0]]
    assert model.partial_fit(X, y).n_iter_ == 3


def test_a_training_that_diverges_is_an_error():
    X, y = two_clouds()
    with pytest.raises(ValueError, match=r"diverged in epoch \d.*Lower lr"):
        net(lr=1e30, max_epochs=20).fit(1e3 * X, y)


def test_callbacks_of_skorch_work():
    X, y = two_clouds(200)
    scoring = EpochScoring("accuracy", name="their_accuracy", lower_is_better=False)
    model = net(training=None, validation_fraction=0.3, callbacks=[scoring]).fit(X, y)
    last = model.history_[-1]
    assert last["their_accuracy"] == pytest.approx(last["valid_clean_accuracy"])


def test_the_net_predicts_as_the_estimator_does():
    X, y = two_clouds()
    model = net().fit(X, y)
    probabilities = model.net_.predict_proba(X.astype(np.float32))
    assert np.allclose(probabilities, model.predict_proba(X), atol=1e-6)


def test_bfloat16_keeps_weights_and_losses_in_float32():
    X, y = two_clouds(300)
    models = [net(precision=p, max_epochs=10).fit(X, y) for p in ("float32", "bfloat16")]
    assert [model.precision_ for model in models] == ["float32", "bfloat16"]
    assert {p.dtype for p in models[1].module_.parameters()} == {torch.float32}
    assert not np.array_equal(*map(weights_of, models))
    losses = [model.history_[-1]["train_loss"] for model in models]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)


def test_precision_auto_leaves_modules_without_convolutions_alone():
    assert net().fit(*two_clouds()).precision_ == "float32"


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_progress_is_one_line_with_epoch_accuracies_and_time_left(capsys, monkeypatch, precision):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    X, y = two_clouds()
    net(verbose=1, batch_size=20, device="cpu", precision=precision).fit(X, y)
    captured = capsys.readouterr()
    assert captured.out == ""
    first, rest = captured.err.split("\n", maxsplit=1)
    assert first == f"Training on cpu in {precision}."
    assert "Training on" not in rest
    last = rest.split("\r")[-1]
    assert re.search(r"epoch 3/3: 100%.*accuracy: clean 0\.\d{3}, adversarial \d\.\d{3}\]", last)
    net(batch_size=20).fit(X, y)
    assert capsys.readouterr() == ("", "")


def test_a_schedule_is_for_fit_and_starts_anew_when_warm():
    X, y = two_clouds()
    model = net(lr_schedule="linear", warm_start=True).fit(X, y)
    ends = [weights_of(model), weights_of(model.partial_fit(X, y)), weights_of(model.fit(X, y))]
    steps = [np.abs(ends[1] - ends[0]).max(), np.abs(ends[2] - ends[1]).max()]
    assert min(steps) > 1e-3
    assert model.net_.optimizer_.param_groups[0][BASE_RATE] == 0.01


def test_a_warm_start_honors_what_has_changed():
    X, y = two_clouds()
    model = net(warm_start=True).fit(X, y)
    before = weights_of(model)
    calls = []

    class Spy(Callback):
        def on_batch_end(self, net, batch, **kwargs):
            calls.append(len(batch[0]))

    model.set_params(lr=1e-12, batch_size=20, callbacks=[Spy()], max_epochs=2).fit(X, y)
    assert np.allclose(weights_of(model), before, atol=1e-8)
    assert calls == [20] * 6


def test_early_stopping_is_no_interruption():
    X, y = two_clouds()
    stop = EarlyStopping(monitor="train_loss", patience=2, threshold=10)
    assert net(max_epochs=50, callbacks=[stop]).fit(X, y).n_iter_ < 10


def test_lbfgs_trains_images():
    X, y = two_clouds(40, 64)
    module = AdversarialCNNClassifier(
        module__n_filters=(2,),
        module__n_hidden=4,
        clip=None,
        optimizer=torch.optim.LBFGS,
        max_epochs=1,
        random_state=0,
    )
    assert module.fit(X, y).n_iter_ == 1


def test_a_diverged_model_is_no_fitted_model():
    X, y = two_clouds()
    model = net(lr=1e30, max_epochs=20)
    with pytest.raises(ValueError, match="diverged"):
        model.fit(1e3 * X, y)
    with pytest.raises(NotFittedError):
        model.predict(X)


def gini_of_path(module, X, y):
    """The metric on Integrated Gradients of the true class's probability with four nodes."""
    total = 0
    for share in (0.125, 0.375, 0.625, 0.875):
        probe = torch.tensor(share * X, dtype=torch.float64, requires_grad=True)
        probabilities = copy.deepcopy(module).double()(probe).softmax(dim=1)
        own = probabilities.gather(1, torch.tensor(y)[:, None])
        total = total + torch.autograd.grad(own.sum(), probe)[0].numpy()
    return gini_index(X * total)


@pytest.mark.parametrize("training", [None, "pgd", "trades", "ibp"])
def test_sparsity_adds_what_the_gini_index_lacks(training):
    X, y = two_clouds(50)
    options = {"training": training, "epsilon": 0.1, "max_epochs": 1, "batch_size": 1000}
    options |= {"epsilon_warmup": 0.0, "lr": 1e-9}
    losses = [net(sparsity=s, **options).fit(X, y) for s in (0.0, 2.0)]
    added = losses[1].history_[-1]["train_loss"] - losses[0].history_[-1]["train_loss"]
    lacking = 1 - gini_of_path(losses[0].module_, X, y).mean()
    assert added == pytest.approx(2 * lacking, abs=1e-4)


def test_sparsity_makes_attributions_sparse():
    X, y = two_clouds(200, 20)
    models = [
        net(sparsity=s, epsilon=0.05, max_epochs=40, validation_fraction=0.2).fit(X, y)
        for s in (0.0, 1.0)
    ]
    sparseness = [gini_of_path(model.module_, X, y).mean() for model in models]
    assert sparseness[1] > sparseness[0] + 0.15
    assert models[1].score(X, y) > 0.9


def test_the_differentiable_gini_index_is_the_metric():
    A = np.random.default_rng(0).normal(size=(20, 7))
    assert np.allclose(gini(torch.tensor(A)).numpy(), gini_index(A))
    assert gini(torch.zeros(2, 3)).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("warm_start", [False, True])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_fit_that_fails_leaves_the_model_as_it_was(warm_start, method):
    X, y = two_clouds()
    model = net(max_epochs=1, warm_start=warm_start).fit(X, y)
    before, names = model.predict_proba(X), sorted(vars(model))
    holes = X.copy()
    holes[0, 0] = np.nan
    for bad_X, bad_y in ((holes, y), (X, y[1:])):
        with pytest.raises(ValueError, match=r"NaN|inconsistent"):
            getattr(model, method)(bad_X, bad_y)
        np.testing.assert_array_equal(model.predict_proba(X), before)
        assert sorted(vars(model)) == names


def test_a_new_training_that_diverges_leaves_the_old_model():
    X, y = two_clouds()
    model = net(max_epochs=1).fit(X, y)
    before = model.predict_proba(X)
    with pytest.raises(ValueError, match="diverged"):
        model.set_params(lr=1e30, max_epochs=20).fit(1e3 * X, y)
    np.testing.assert_array_equal(model.predict_proba(X), before)


def step_lr():
    return LRScheduler(policy="StepLR", step_size=2, gamma=0.1)


def test_schedulers_of_skorch_go_on_as_in_skorch():
    X, y = two_clouds()
    options = {"training": None, "lr": 0.01, "max_epochs": 3}
    theirs = NeuralNetClassifier(
        nn.Linear(5, 2),
        criterion=nn.CrossEntropyLoss,
        **{"lr": 0.01, "max_epochs": 3, "verbose": 0, "train_split": None},
        callbacks=[step_lr()],
    ).fit(X.astype(np.float32), y)
    theirs.partial_fit(X.astype(np.float32), y)
    warm = net(callbacks=[step_lr()], warm_start=True, **options).fit(X, y).fit(X, y)
    expected = [line["event_lr"] for line in theirs.history]
    np.testing.assert_allclose([line["event_lr"] for line in warm.history_], expected)
    single = net(callbacks=[step_lr()], **options).partial_fit(X, y).partial_fit(X, y)
    assert single.partial_fit(X, y).n_iter_ == 3


class Looks(Callback):
    """Looks at all that a callback can look at."""

    def on_train_begin(self, net, X, y, **kwargs):
        self.shapes = X.shape, y.shape

    def on_epoch_end(self, net, dataset_train, dataset_valid, **kwargs):
        X, y = dataset_valid.X, dataset_valid.y
        self.predicted = [net.predict(dataset) for dataset in (dataset_valid, X)]
        self.accuracy = (self.predicted[0] == y.numpy()).mean()
        self.n_rows = len(dataset_train), len(dataset_valid)


def test_callbacks_look_at_the_data():
    X, y = two_clouds(200)
    looks = Looks()
    clean = EpochScoring("accuracy", name="clean", lower_is_better=False, use_caching=False)
    shape = InputShapeSetter("n_features")
    model = net(epsilon=0.5, validation_fraction=0.25, callbacks=[looks, clean, shape]).fit(X, y)
    assert looks.shapes == ((150, 5), (150,))
    assert looks.n_rows == (150, 50)
    np.testing.assert_array_equal(*looks.predicted)
    last = model.history_[-1]
    assert last["clean"] == pytest.approx(last["valid_clean_accuracy"])
    assert last["clean"] == pytest.approx(looks.accuracy)
    assert last["clean"] > last["valid_adversarial_accuracy"]


def test_a_callback_that_is_appended_is_called():
    X, y = two_clouds()
    callbacks = []
    model = net(warm_start=True, callbacks=callbacks, validation_fraction=0.3).fit(X, y)
    looks = Looks()
    model.callbacks.append(looks)
    model.fit(X, y)
    assert looks.predicted
