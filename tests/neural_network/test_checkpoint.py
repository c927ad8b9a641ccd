"""A training run that is killed and taken up again ends where it would have ended."""

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits
from skorch.callbacks import Callback, EarlyStopping, LRScheduler
from torch import nn

import sklearn_advex
from sklearn_advex import AdversarialCNNClassifier, AdversarialNetClassifier
from sklearn_advex.neural_network import TrainingCheckpoint

N_EPOCHS = 4
LINEAR = nn.Linear(64, 10)


class Killed(Exception):
    pass


class Kill(Callback):
    """Ends a training in the middle of its third epoch."""

    def on_batch_end(self, net, training=False, **kwargs):
        if len(net.history) == 3 and len(net.history[-1]["batches"]) == 2:
            raise Killed


class CountSteps(Callback):
    def initialize(self):
        self.n_steps = 0
        return self

    def on_grad_computed(self, net, named_parameters, **kwargs):
        self.n_steps += 1


def dropout_net(input_shape, n_classes):
    return nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(144, n_classes),
    )


def perceptron(width):
    """A factory whose name does not tell its width."""

    def build(n_features, n_classes):
        return nn.Sequential(nn.Linear(n_features, width), nn.ReLU(), nn.Linear(width, n_classes))

    return build


def digits():
    X, y = load_digits(return_X_y=True)
    return X[:300] / 16, y[:300]


def model(cls=AdversarialNetClassifier, module=None, **params):
    defaults = {"epsilon": 0.1, "attack_steps": 2, "lr": 0.01, "max_epochs": N_EPOCHS}
    return cls(module or perceptron(8), random_state=0, **(defaults | params))


def image_model(**params):
    return model(AdversarialCNNClassifier, dropout_net, **params)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.safetensors"


def momentum_strides(fitted):
    states = fitted.net_.optimizer_.state_dict()["state"].values()
    return [v.stride() for state in states for v in state.values() if isinstance(v, torch.Tensor)]


def assert_same_training(whole, other):
    weights, other_weights = whole.module_.state_dict(), other.module_.state_dict()
    assert weights.keys() == other_weights.keys()
    for name in weights:
        assert_array_equal(other_weights[name], weights[name], err_msg=name)
    assert momentum_strides(other) == momentum_strides(whole)
    for line, other_line in zip(whole.history_, other.history_, strict=True):
        for name in line.keys() - {"batches", "dur"}:
            assert other_line[name] == line[name], name


@pytest.mark.parametrize(
    "make",
    [
        lambda **params: image_model(
            lr_schedule="one_cycle", epsilon_warmup=0.6, validation_fraction=0.2, **params
        ),
        lambda **params: model(
            optimizer=torch.optim.SGD,
            optimizer__momentum=0.9,
            lr_schedule=lambda progress: 1 - progress / 2,
            alpha=1e-3,
            **params,
        ),
        lambda **params: model(
            optimizer=torch.optim.LBFGS, optimizer__max_iter=3, lr=0.1, batch_size=64, **params
        ),
        lambda **params: model(module=LINEAR, training=None, **params),
    ],
    ids=["Adam, dropout, batch norm, schedules", "momentum, penalty", "L-BFGS", "natural"],
)
def test_a_killed_run_ends_like_one_that_was_not(make, path):
    X, y = digits()
    sample_weight = np.linspace(1, 2, len(y))
    count = CountSteps()
    whole = make(callbacks=[count]).fit(X, y, sample_weight)
    checkpoint = TrainingCheckpoint(path)
    with pytest.raises(Killed):
        make(callbacks=[checkpoint, Kill()]).fit(X, y, sample_weight)
    steps = CountSteps()
    resumed = make(callbacks=[("checkpoint", clone(checkpoint)), steps]).fit(X, y, sample_weight)
    assert_same_training(whole, resumed)
    assert 0 < steps.n_steps < count.n_steps
    assert_array_equal(resumed.predict_proba(X), whole.predict_proba(X))


def test_the_seed_of_an_unseeded_run_is_in_the_file(path):
    X, y = digits()

    def fit(random_state, callbacks):
        unfitted = image_model(validation_fraction=0.3, callbacks=callbacks)
        return unfitted.set_params(random_state=random_state).fit(X, y)

    with pytest.raises(Killed):
        fit(np.random.RandomState(3), [TrainingCheckpoint(path), Kill()])
    resumed = fit(None, [TrainingCheckpoint(path)])
    assert_same_training(fit(np.random.RandomState(3), None), resumed)


KILLED_PROCESS = """
import os, signal, sys
from skorch.callbacks import Callback, EarlyStopping, LRScheduler
from sklearn.datasets import load_digits
from sklearn_advex import AdversarialCNNClassifier
from sklearn_advex.neural_network import TrainingCheckpoint

class Kill(Callback):
    def on_batch_end(self, net, **kwargs):
        if len(net.history) == 3 and len(net.history[-1]["batches"]) == 2:
            os.kill(os.getpid(), signal.SIGKILL)

X, y = load_digits(return_X_y=True)
AdversarialCNNClassifier(
    module__n_filters=(4,), module__n_hidden=16, epsilon=0.1, attack_steps=2, max_epochs=4,
    lr_schedule="cosine", random_state=0, callbacks=[TrainingCheckpoint(sys.argv[1]), Kill()],
).fit(X[:300] / 16, y[:300])
"""


def test_a_killed_process_is_continued_by_another(path):
    root = Path(sklearn_advex.__file__).parents[1]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_PROCESS, path],
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    X, y = digits()
    params = {"module__n_filters": (4,), "module__n_hidden": 16, "epsilon": 0.1, "attack_steps": 2}
    params |= {"max_epochs": 4, "lr_schedule": "cosine", "random_state": 0}
    resumed = AdversarialCNNClassifier(**params, callbacks=[TrainingCheckpoint(path)]).fit(X, y)
    whole = AdversarialCNNClassifier(**params).fit(X, y)
    assert resumed.n_iter_ == 4
    for ours, theirs in zip(resumed.module_.parameters(), whole.module_.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)


@pytest.mark.parametrize("verbose", [0, 1])
def test_a_finished_run_is_not_trained_again(verbose, path):
    X, y = digits()
    finished = model(callbacks=[TrainingCheckpoint(path)]).fit(X, y)
    steps = CountSteps()
    again = model(callbacks=[TrainingCheckpoint(path), steps], verbose=verbose).fit(X, y)
    assert_same_training(finished, again)
    assert steps.n_steps == 0


def test_more_epochs_are_trained_without_a_schedule(path):
    X, y = digits()
    model(max_epochs=2, callbacks=[TrainingCheckpoint(path)]).fit(X, y)
    extended = model(callbacks=[TrainingCheckpoint(path)]).fit(X, y)
    assert_same_training(model().fit(X, y), extended)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"lr": 0.02}, r"differs in lr \(0\.01 in the file, 0\.02 now\)\. .* delete the file"),
        ({"epsilon": np.full(64, 0.1)}, "epsilon"),
        ({"module": nn.Linear(64, 10)}, r"module .*perceptron.*Linear"),
        ({"optimizer": torch.optim.SGD}, r"optimizer .*Adam.*SGD"),
        ({"optimizer__weight_decay": 0.1}, r"optimizer__weight_decay \(none in the file, 0\.1 now"),
        ({"random_state": 1}, r"random_state \(0 in the file, 1 now\)"),
        ({"lr_schedule": "cosine"}, r"lr_schedule .*max_epochs"),
        ({"max_epochs": 1}, "trained for 2 epochs already, more than max_epochs=1"),
        ({"class_weight": {3: 2.0}}, r"class_weight .*data weight"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_another_run_is_refused(changes, reason, path):
    X, y = digits()
    other = model(max_epochs=2, callbacks=[TrainingCheckpoint(path)]).fit(X, y)
    with pytest.raises(ValueError, match=reason):
        clone(other).set_params(**changes).fit(X, y)


def test_other_data_are_refused(path):
    X, y = digits()
    checkpointed = model(max_epochs=1, callbacks=[TrainingCheckpoint(path)]).fit(X, y)
    changed = X.copy()
    changed[7, 20] += 0.01
    with pytest.raises(ValueError, match=r"differs in data X \("):
        checkpointed.fit(changed, y)
    with pytest.raises(ValueError, match=r"differs in data X .*data y .*data weight"):
        checkpointed.fit(X[1:], y[1:])
    with pytest.raises(ValueError, match="differs in data weight"):
        checkpointed.fit(X, y, np.arange(len(y)))


def test_the_schedule_of_a_run_has_its_number_of_epochs(path):
    X, y = digits()
    params = {"epsilon_warmup": 0.5, "callbacks": [TrainingCheckpoint(path)]}
    model(max_epochs=1, **params).fit(X, y)
    with pytest.raises(ValueError, match=r"differs in max_epochs \(1 in the file, 4 now\)"):
        model(**params).fit(X, y)


def test_a_module_whose_code_changed_is_refused(path, monkeypatch):
    X, y = digits()
    params = {"callbacks": [TrainingCheckpoint(path)], "max_epochs": 1}
    model(module=Changing, **params).fit(X, y)
    monkeypatch.setattr(Changing, "width", 9)
    with pytest.raises(ValueError, match="does not fit the module; has its code changed"):
        model(module=Changing, **params).fit(X, y)


class Changing(nn.Sequential):
    width = 8

    def __init__(self, n_features, n_classes):
        super().__init__(nn.Linear(n_features, self.width), nn.Linear(self.width, n_classes))


def built(activation, n_features, n_classes):
    return nn.Sequential(nn.Linear(n_features, 8), activation(), nn.Linear(8, n_classes))


def dropping(n_features, n_classes, drop):
    return nn.Sequential(nn.Linear(n_features, 8), drop, nn.Linear(8, n_classes))


class Scaled(nn.Linear):
    def __init__(self, factor):
        torch.manual_seed(0)
        super().__init__(64, 10)
        self.factor = factor

    def forward(self, x):
        return super().forward(self.factor * x)


class Decay:
    def __init__(self, rate):
        self.rate = rate

    def __call__(self, progress):
        return self.rate**progress


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ({"module": partial(built, nn.Tanh)}, {"module": partial(built, nn.Softplus)}, "module"),
        ({"module": partial(built, nn.Tanh)}, {"module": partial(built, activation=nn.Tanh)}, ""),
        ({"module": perceptron(8)}, {"module": perceptron(9)}, "module"),
        ({"module": Scaled(1.0)}, {"module": Scaled(2.0)}, "module"),
        (
            {"module": dropping, "module__drop": nn.Dropout(0.0)},
            {"module": dropping, "module__drop": nn.Dropout(0.9)},
            r"module__drop \(.*p=0\.0.* in the file, .*p=0\.9.* now\)",
        ),
        ({"lr_schedule": lambda p: 1.0}, {"lr_schedule": lambda p: 0.0}, "lr_schedule"),
        ({"lr_schedule": lambda p: p + 2}, {"lr_schedule": lambda p: p * 2}, "lr_schedule"),
        ({"lr_schedule": Decay(0.5)}, {"lr_schedule": Decay(0.1)}, "lr_schedule .*rate=0.5"),
        ({"lr_schedule": Decay(0.5).__call__}, {"lr_schedule": Decay(0.1).__call__}, "lr_schedule"),
    ],
)
def test_what_trains_differently_is_another_run(first, second, reason, path):
    X, y = digits()
    options = {"max_epochs": 1, "training": None, "callbacks": [TrainingCheckpoint(path)]}
    model(**options | first).fit(X, y)
    with pytest.raises(ValueError, match=f"of another training run, which differs in {reason}"):
        model(**options | second).fit(X, y)
    assert model(**options | first).fit(X, y).n_iter_ == 1  # and the same is the same


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("load_best", [False, True])
def test_a_run_that_was_stopped_early_is_over(place, load_best, path):
    X, y = digits()

    def run():
        stopping = EarlyStopping(
            monitor="train_loss", patience=2, threshold=0.2, load_best=load_best, sink=str
        )
        callbacks = [TrainingCheckpoint(path)]
        callbacks.insert(place, stopping)
        return model(training=None, max_epochs=50, callbacks=callbacks).fit(X, y)

    first, second = run(), run()
    assert first.n_iter_ < 50
    assert_same_training(first, second)


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("policy", ["StepLR", "ExponentialLR", "CosineAnnealingLR"])
@pytest.mark.parametrize("n_epochs_done", [1, 2, 3])
def test_schedulers_of_skorch_go_on_in_a_run_that_was_killed(place, policy, n_epochs_done, path):
    X, y = digits()
    arguments = {
        "StepLR": {"step_size": 2, "gamma": 0.1},
        "ExponentialLR": {"gamma": 0.5},
        "CosineAnnealingLR": {"T_max": 5},
    }[policy]

    class KilledLater(Callback):
        def on_epoch_begin(self, net, **kwargs):
            if len(net.history) == n_epochs_done + 1:
                raise Killed

    class Rates(Callback):
        def on_batch_begin(self, net, **kwargs):
            net.history.record("rate", net.optimizer_.param_groups[0]["lr"])

    def make(*more):
        scheduler = LRScheduler(policy=policy, **arguments)
        callbacks = [TrainingCheckpoint(path), Rates(), *more]
        callbacks.insert(place, scheduler)
        return model(training=None, max_epochs=5, callbacks=callbacks)

    callbacks = [LRScheduler(policy=policy, **arguments), Rates()]
    whole = model(training=None, max_epochs=5, callbacks=callbacks).fit(X, y)
    with pytest.raises(Killed):
        make(KilledLater()).fit(X, y)
    resumed = make().fit(X, y)
    np.testing.assert_allclose(resumed.history_[:, "rate"], whole.history_[:, "rate"])
    for name, weight in whole.module_.state_dict().items():
        torch.testing.assert_close(resumed.module_.state_dict()[name], weight)


def test_a_damaged_file_is_refused(path):
    X, y = digits()
    checkpointed = model(max_epochs=1, callbacks=[TrainingCheckpoint(path)]).fit(X, y)
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(ValueError, match=r"damaged, .* delete it and train again"):
        checkpointed.fit(X, y)


def test_a_saved_model_is_no_checkpoint(path):
    X, y = digits()
    checkpointed = model(max_epochs=1, callbacks=[TrainingCheckpoint(path)]).fit(X, y)
    checkpointed.save(path)
    with pytest.raises(ValueError, match=r"is a model, not a checkpoint: .* method load"):
        checkpointed.fit(X, y)


def test_a_folder_is_no_checkpoint(tmp_path):
    with pytest.raises(ValueError, match=r"is a folder: give the path of a file in it"):
        model(callbacks=[TrainingCheckpoint(tmp_path)]).fit(*digits())


def test_a_missing_folder_is_noticed_before_training(tmp_path):
    steps = CountSteps()
    lost = TrainingCheckpoint(tmp_path / "missing" / "run.safetensors")
    with pytest.raises(FileNotFoundError, match=r"missing.*create it"):
        model(callbacks=[lost, steps]).fit(*digits())
    assert not hasattr(steps, "n_steps")


def test_what_cannot_be_taken_up_again_is_not_written(path):
    X, y = digits()
    partial = model(callbacks=[TrainingCheckpoint(path)]).partial_fit(X, y)
    assert not path.exists()
    partial.fit(X, y)
    written = path.read_bytes()
    assert partial.partial_fit(X[:99], y[:99]).n_iter_ == N_EPOCHS + 1
    assert partial.set_params(warm_start=True).fit(X[:99], y[:99]).n_iter_ == 2 * N_EPOCHS + 1
    assert path.read_bytes() == written
