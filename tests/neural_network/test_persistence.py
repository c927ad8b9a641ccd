"""A model comes back from a file, or a pickle, as it was; other files are refused."""

import copy
import io
import pickle
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_array_equal
from safetensors.torch import save_file
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import scale
from skorch.exceptions import DeviceWarning
from torch import nn

from sklearn_advex import AdversarialCNNClassifier, AdversarialNetClassifier
from sklearn_advex.neural_network import TrainingCheckpoint
from sklearn_advex.neural_network import _saved_file as saved_file


class BatchNormPerceptron(nn.Sequential):
    def __init__(self, n_features, n_classes, width=8, dtype=None):
        super().__init__(
            nn.Linear(n_features, width, dtype=dtype),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Linear(width, n_classes),
        )


class OtherOptimizer(torch.optim.SGD):
    pass


class OtherNetClassifier(AdversarialNetClassifier):
    pass


def images():
    X, y = load_digits(return_X_y=True)
    return X[:200].reshape(-1, 8, 8) / 16, y[:200]


def table():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    return pd.DataFrame(scale(X), columns=X.columns).iloc[:200, :5], y[:200]


def image_model(**params):
    defaults = {
        "module__n_filters": (3, 4),
        "module__n_hidden": 8,
        "epsilon": 0.1,
        "attack_steps": 2,
        "max_epochs": 2,
        "validation_fraction": 0.2,
        "random_state": 0,
    }
    return AdversarialCNNClassifier(**defaults | params)


def table_model(**params):
    defaults = {
        "epsilon": 0.1,
        "clip": None,
        "training": "fgsm",
        "max_epochs": 1,
        "random_state": 0,
    }
    return AdversarialNetClassifier(BatchNormPerceptron, **defaults | params)


@pytest.fixture(scope="module")
def image_classifier():
    return image_model().fit(*images())


@pytest.fixture(scope="module")
def table_classifier():
    X, y = table()
    model = table_model(
        module__width=np.int64(6),
        module__dtype=torch.float32,
        epsilon=pd.Series(0.1, index=X.columns[::-1]),
        clip=(X.min().to_numpy(), [9.0] * 5),
        class_weight={0: 1.0, np.int64(1): 2.0},
        optimizer=torch.optim.SGD,
        optimizer__momentum=0.9,
    )
    return model.fit(X, y)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def assert_same_model(model, other, X, y):
    assert_array_equal(other.predict(X), model.predict(X))
    assert_array_equal(other.predict_proba(X), model.predict_proba(X))
    assert_array_equal(np.asarray(other.perturb(X, y)), np.asarray(model.perturb(X, y)))
    assert other.n_iter_ == model.n_iter_
    assert other.history_[-1]["train_loss"] == model.history_[-1]["train_loss"]
    assert other.history_[:, "epoch"] == model.history_[:, "epoch"]
    assert other.precision_ == model.precision_
    assert not other.module_.training


def test_images_come_back_as_they_were(image_classifier, path):
    X, y = images()
    image_classifier.save(path)
    loaded = AdversarialCNNClassifier.load(path)
    assert_same_model(image_classifier, loaded, X, y)
    assert loaded.input_shape_ == (1, 8, 8)
    assert loaded.get_params() == image_classifier.get_params()


def test_tables_come_back_as_they_were(table_classifier, path):
    X, y = table()
    table_classifier.save(path)
    loaded = AdversarialNetClassifier.load(path, module=BatchNormPerceptron)
    assert_same_model(table_classifier, loaded, X, y)
    for name in ("classes_", "epsilon_", "feature_means_", "feature_names_in_", "n_features_in_"):
        ours, theirs = np.asarray(getattr(table_classifier, name)), getattr(loaded, name)
        assert_array_equal(theirs, ours)
        assert np.asarray(theirs).dtype == ours.dtype
    refitted = clone(loaded).fit(X, y)
    assert_same_model(table_classifier, refitted, X, y)


def test_a_loaded_model_is_saved_to_the_same_content(table_classifier, path):
    table_classifier.save(path)
    content = saved_file.read_file(path, "model")
    AdversarialNetClassifier.load(path, module=BatchNormPerceptron).save(path)
    again = saved_file.read_file(path, "model")
    assert repr(again) == repr(content)


@pytest.mark.parametrize(
    "classes",
    [
        np.array([3, 7]),
        np.array([1.0, 2.0]),
        np.array([False, True]),
        np.array(["no", "yes"]),
        np.array(["no", "yes"], dtype=object),
    ],
    ids=lambda classes: str(classes.dtype),
)
def test_class_labels_keep_their_type(classes, path):
    X, y = table()
    model = table_model().fit(X, classes[y])
    model.save(path)
    loaded = AdversarialNetClassifier.load(path, module=BatchNormPerceptron)
    assert loaded.classes_.dtype == model.classes_.dtype
    assert_array_equal(loaded.predict(X), model.predict(X))


def test_a_loaded_model_can_do_what_a_fitted_one_can(table_classifier, path):
    X, y = table()
    table_classifier.save(path)
    loaded = AdversarialNetClassifier.load(path, module=BatchNormPerceptron)
    assert_same_model(loaded, pickle.loads(pickle.dumps(loaded)), X, y)
    assert loaded.partial_fit(X, y).n_iter_ == 2
    assert loaded.set_params(warm_start=True, max_epochs=3).fit(X, y).n_iter_ == 5
    assert loaded.adversarial_score(X, y) <= loaded.score(X, y)


def test_the_best_epochs_are_known_after_loading(image_classifier, path):
    X, y = images()
    image_classifier.save(path)
    loaded = AdversarialCNNClassifier.load(path).set_params(epsilon=0.6).partial_fit(X, y)
    losses = loaded.history_[:, "train_loss"]
    is_best = [loss < min(losses[:i], default=np.inf) for i, loss in enumerate(losses)]
    assert loaded.history_[:, "train_loss_best"] == is_best


def test_a_module_may_be_an_instance(path):
    X, y = table()
    model = AdversarialNetClassifier(nn.Linear(5, 2), clip=None, max_epochs=1).fit(X, y)
    model.save(path)
    assert_same_model(
        model, AdversarialNetClassifier.load(path, module=nn.Linear(5, 2), device="cpu"), X, y
    )


def test_what_only_training_needs_is_left_out(tmp_path, path):
    model = table_model(
        callbacks=[TrainingCheckpoint(tmp_path / "run")],
        lr_schedule=lambda progress: 1 - progress,
        random_state=np.random.RandomState(0),
    ).fit(*table())
    model.save(path)
    params = AdversarialNetClassifier.load(path, module=BatchNormPerceptron).get_params()
    assert {params[name] for name in ("callbacks", "lr_schedule", "random_state")} == {None}


def test_a_save_that_fails_leaves_the_old_file_alone(image_classifier, path, monkeypatch):
    image_classifier.save(path)
    before = path.read_bytes()

    def fail(written, content):
        with written.open("wb") as file:
            file.write(content[:100])
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OSError, match="disk full"):
        image_classifier.save(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_an_unfitted_model_is_not_saved(path):
    with pytest.raises(NotFittedError):
        image_model().save(path)


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"optimizer": OtherOptimizer}, "optimizer=.*not from torch.optim"),
        ({"class_weight": {0: 1, 1: LogisticRegression()}}, r"parameters\.class_weight\.1 cannot"),
    ],
)
def test_parameters_that_are_no_data_are_refused(params, reason, table_classifier, path):
    model = copy.deepcopy(table_classifier).set_params(**params)
    with pytest.raises(TypeError, match=reason):
        model.save(path)
    assert not path.exists()


def test_classes_that_are_no_data_are_refused(table_classifier, path):
    model = copy.deepcopy(table_classifier)
    model.classes_ = np.array([None, "yes"], dtype=object)
    with pytest.raises(TypeError, match=r"fitted\.classes_ cannot be saved without pickle"):
        model.save(path)


def test_a_flipped_byte_anywhere_is_noticed(image_classifier, path):
    image_classifier.save(path)
    whole = path.read_bytes()
    length = len(whole)
    for position in [*range(0, 600, 7), *range(600, length, length // 40), length - 1]:
        damaged = bytearray(whole)
        damaged[position] ^= 0x04
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"damaged|not one of sklearn_advex"):
            AdversarialCNNClassifier.load(path)


@pytest.mark.parametrize(
    "keep", [slice(0), slice(5), slice(1000), slice(-1), slice(1, None)], ids=str
)
def test_a_file_that_lacks_something_is_refused(keep, image_classifier, path):
    image_classifier.save(path)
    path.write_bytes(path.read_bytes()[keep])
    with pytest.raises(ValueError, match="damaged, or no file that sklearn_advex wrote"):
        AdversarialCNNClassifier.load(path)


@pytest.mark.parametrize("write", [pickle.dump, lambda obj, file: file.write(b"A,B\n1,2\n" * 99)])
def test_a_foreign_file_is_refused(write, path):
    with path.open("wb") as file:
        write({"a": 1}, file)
    with pytest.raises(ValueError, match="no file that sklearn_advex wrote"):
        AdversarialCNNClassifier.load(path)


def test_a_foreign_safetensors_file_is_refused(path):
    save_file({"weight": torch.zeros(3)}, path)
    with pytest.raises(ValueError, match=r"not one of sklearn_advex"):
        AdversarialCNNClassifier.load(path)


def test_a_newer_format_is_refused(image_classifier, path, monkeypatch):
    with monkeypatch.context() as later:
        later.setattr(saved_file, "_VERSION", 2)
        image_classifier.save(path)
    with pytest.raises(ValueError, match=r"newer version .* Update sklearn_advex"):
        AdversarialCNNClassifier.load(path)


def test_a_missing_file_is_said_to_be_missing(path):
    with pytest.raises(FileNotFoundError, match=r"model\.safetensors"):
        AdversarialCNNClassifier.load(path)


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(ValueError, match=r"is a folder: give the path of a file in it"):
        AdversarialCNNClassifier.load(tmp_path)


def test_a_checkpoint_is_no_model(path):
    image_model(callbacks=[TrainingCheckpoint(path)]).fit(*images())
    with pytest.raises(ValueError, match="is a checkpoint, not a model"):
        AdversarialCNNClassifier.load(path)


@pytest.mark.parametrize("cls", [AdversarialCNNClassifier, OtherNetClassifier])
def test_another_class_is_refused(cls, table_classifier, path):
    table_classifier.save(path)
    with pytest.raises(ValueError, match=r"load it by AdversarialNetClassifier\.load"):
        cls.load(path, module=BatchNormPerceptron)


def test_a_subclass_loads_its_own(path):
    X, y = table()
    model = OtherNetClassifier(BatchNormPerceptron, clip=None, max_epochs=1).fit(X, y)
    model.save(path)
    loaded = OtherNetClassifier.load(path, module=BatchNormPerceptron)
    assert type(loaded) is OtherNetClassifier
    assert_same_model(model, loaded, X, y)


def test_the_module_that_must_be_passed_is_named(table_classifier, path):
    table_classifier.save(path)
    with pytest.raises(ValueError, match=r"BatchNormPerceptron.*pass what the model was made with"):
        AdversarialNetClassifier.load(path)


def test_weights_that_do_not_fit_are_refused(table_classifier, path):
    table_classifier.set_params(module__width=6).save(path)
    with pytest.raises(ValueError, match=r"do not fit the module.*BatchNormPerceptron"):
        AdversarialNetClassifier.load(path, module=lambda width, dtype: nn.Linear(5, 2))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_predict_alike(copied, image_classifier):
    assert_same_model(image_classifier, copied(image_classifier), *images())


def test_joblib_files_predict_alike(table_classifier, path):
    joblib.dump(table_classifier, path)
    assert_same_model(table_classifier, joblib.load(path), *table())


class TensorsRefused(pickle.Pickler):
    """A pickler that no tensor reaches but by skorch, which can map them to another device."""

    def reducer_override(self, obj):
        assert not isinstance(obj, torch.Tensor | torch.UntypedStorage)
        return NotImplemented


def test_no_tensor_is_pickled_that_skorch_does_not_map(image_classifier):
    TensorsRefused(io.BytesIO()).dump(image_classifier)


def test_a_model_from_a_gpu_predicts_without_one(image_classifier, monkeypatch):
    X, y = images()
    on_gpu = copy.deepcopy(image_classifier)
    on_gpu.net_.device = "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.warns(DeviceWarning):
        unpickled = pickle.loads(pickle.dumps(on_gpu))
    assert unpickled.device_ == torch.device("cpu")
    assert_same_model(image_classifier, unpickled, X, y)
    assert unpickled.partial_fit(X, y).n_iter_ == 3
