"""The network for tables, as users meet it."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sklearn_advex import AdversarialMLPClassifier, AdversarialNetClassifier, explain
from sklearn_advex.metrics import gini_index
from sklearn_advex.model_selection import certified_accuracy_scorer
from sklearn_advex.neural_network import TrainingCheckpoint


def mlp(*args, **params):
    return AdversarialMLPClassifier(*args, **({"random_state": 0} | params))


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    parts = train_test_split(X, y, test_size=0.3, random_state=0)
    scaler = StandardScaler().set_output(transform="pandas").fit(parts[0])
    return scaler.transform(parts[0]), scaler.transform(parts[1]), parts[2], parts[3]


@pytest.fixture(scope="module")
def fitted(cancer):
    X, _, y, _ = cancer
    return mlp().fit(X, y)


def test_defaults_are_accurate_certified_and_concise(cancer, fitted):
    X, X_test, y, y_test = cancer
    natural = mlp(training=None).fit(X, y)
    assert fitted.score(X_test, y_test) > 0.94
    assert fitted.certified_score(X_test, y_test) > 0.88
    scores = [model.certified_score(X_test, y_test) for model in (natural, fitted)]
    assert scores[0] < scores[1] - 0.05
    gini = [gini_index(explain(model, X_test)).mean() for model in (natural, fitted)]
    assert gini[1] > gini[0] + 0.1


@pytest.mark.parametrize("load", [load_iris, load_wine, load_breast_cancer])
def test_small_tables_need_no_tuning(load):
    X, y = load(return_X_y=True)
    model = make_pipeline(StandardScaler(), mlp(max_epochs=30))
    assert cross_val_score(model, X, y, cv=3).mean() > 0.93


def test_the_network_has_the_layers_asked_for(cancer):
    X, _, y, _ = cancer
    model = mlp((7, 5), activation="tanh", max_epochs=1).fit(X, y)
    kinds = [type(layer) for layer in model.module_]
    assert kinds == [nn.Linear, nn.Tanh, nn.Linear, nn.Tanh, nn.Linear]
    assert [layer.out_features for layer in model.module_ if hasattr(layer, "weight")] == [7, 5, 2]
    assert len(mlp((), max_epochs=1).fit(X, y).module_) == 1
    assert mlp(9, max_epochs=1).fit(X, y).module_[0].out_features == 9
    assert mlp(np.array([4]), max_epochs=1).fit(X, y).module_[0].out_features == 4


@pytest.mark.parametrize("training", ["ibp", "pgd", "fgsm", "trades", None])
def test_every_training_runs(cancer, training):
    X, X_test, y, y_test = cancer
    model = mlp(training=training, attack_steps=2, max_epochs=10).fit(X, y)
    assert model.score(X_test, y_test) > 0.9


def test_it_trains_as_the_general_network_does(cancer):
    X, _, y, _ = cancer

    def module(n_features, n_classes):
        return nn.Sequential(
            nn.Linear(n_features, 8), nn.ReLU(), nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, n_classes)
        )

    options = {"epsilon": 0.2, "training": "pgd", "max_epochs": 3, "lr": 0.01, "batch_size": 64}
    special = mlp((8, 4), lr_schedule=None, epsilon_warmup=0.0, **options).fit(X, y)
    general = AdversarialNetClassifier(module, clip=None, random_state=0, **options).fit(X, y)
    assert np.array_equal(special.predict_proba(X), general.predict_proba(X))


def test_batches_fit_the_table(cancer):
    X, _, y, _ = cancer
    assert len(X) == 398
    model = mlp(max_epochs=1)
    assert model.fit(X, y).history_[-1]["train_batch_count"] == -(-398 // 33)
    assert model.fit(X[:40], y[:40]).history_[-1]["train_batch_count"] == 2
    many = pd.concat([X] * 10), pd.concat([y] * 10)
    assert model.fit(*many).history_[-1]["train_batch_count"] == -(-3980 // 256)
    model.set_params(batch_size=100)
    assert model.fit(X, y).history_[-1]["train_batch_count"] == 4


def test_early_stopping_keeps_the_best_epoch(cancer):
    X, _, y, _ = cancer
    model = mlp(early_stopping=True, n_iter_no_change=5, max_epochs=300, lr_schedule=None)
    model.fit(X, y)
    losses = [line["valid_loss"] for line in model.history_]
    assert model.n_iter_ == int(np.argmin(losses)) + 1 + 5 < 300
    shorter = clone(model).set_params(max_epochs=int(np.argmin(losses)) + 1, epsilon_warmup=0.0)
    longer = clone(model).set_params(epsilon_warmup=0.0).fit(X, y)
    best = int(np.argmin([line["valid_loss"] for line in longer.history_])) + 1
    shorter.set_params(max_epochs=best).fit(X, y)
    assert np.array_equal(shorter.predict_proba(X), longer.predict_proba(X))


def test_without_early_stopping_all_rows_are_trained_on(fitted):
    assert "valid_loss" not in fitted.history_[-1]
    assert fitted.n_iter_ == 60


def test_weights_of_rows_and_classes_count(cancer):
    X, X_test, y, _ = cancer
    weight = np.where(y == 0, 20.0, 1.0)
    by_sample = mlp(max_epochs=10).fit(X, y, sample_weight=weight)
    by_class = mlp(max_epochs=10, class_weight={0: 20.0, 1: 1.0}).fit(X, y)
    assert np.allclose(by_sample.predict_proba(X), by_class.predict_proba(X), atol=1e-5)
    plain = mlp(max_epochs=10).fit(X, y)
    assert (by_class.predict(X_test) == 0).mean() > (plain.predict(X_test) == 0).mean()


def test_epsilon_per_column(cancer):
    X, _, y, _ = cancer
    epsilon = dict.fromkeys(X.columns, 0.2) | {X.columns[0]: 0.0}
    model = mlp(epsilon=epsilon, max_epochs=5).fit(X, y)
    assert model.epsilon_.tolist() == [0.0] + [0.2] * 29
    changed = model.perturb(X, y) - X
    assert np.abs(changed.iloc[:, 0]).max() < 1e-6
    assert np.abs(changed.iloc[:, 1:]).to_numpy().max() == pytest.approx(0.2, abs=1e-5)
    assert list(changed.columns) == list(X.columns)


@pytest.mark.parametrize("method", ["ig", "deep_shap", "saliency", "input_x_gradient", "occlusion"])
def test_every_method_explains_it(cancer, fitted, method):
    _, X_test, _, _ = cancer
    attributions = fitted.explain(X_test[:20], method=method)
    assert list(attributions.columns) == list(X_test.columns)
    assert np.isfinite(attributions.to_numpy()).all()


def test_it_is_saved_and_loaded(cancer, fitted, tmp_path):
    X, X_test, y, y_test = cancer
    fitted.save(tmp_path / "model.safetensors")
    loaded = AdversarialMLPClassifier.load(tmp_path / "model.safetensors")
    assert loaded.get_params() | {"device": "cpu"} == fitted.get_params()
    assert np.array_equal(loaded.predict_proba(X_test), fitted.predict_proba(X_test))
    assert loaded.certified_score(X_test, y_test) == fitted.certified_score(X_test, y_test)
    assert loaded.partial_fit(X, y).n_iter_ == 61
    with pytest.raises(ValueError, match="makes its own module"):
        AdversarialMLPClassifier.load(tmp_path / "model.safetensors", module=nn.Linear)


def test_a_killed_training_is_resumed(cancer, tmp_path):
    X, _, y, _ = cancer
    options = {"lr_schedule": None, "epsilon_warmup": 0.0}
    path = tmp_path / "run.safetensors"
    mlp(max_epochs=2, callbacks=[TrainingCheckpoint(path)], **options).fit(X, y)
    resumed = mlp(max_epochs=4, callbacks=[TrainingCheckpoint(path)], **options).fit(X, y)
    whole = mlp(max_epochs=4, **options).fit(X, y)
    assert np.array_equal(resumed.predict_proba(X), whole.predict_proba(X))


def test_a_search_over_epsilon(cancer):
    X, _, y, _ = cancer
    search = GridSearchCV(
        mlp(max_epochs=10),
        [
            {"epsilon": [0.05], "hidden_layer_sizes": [(8,)]},
            {"epsilon": [0.2], "hidden_layer_sizes": [()]},
        ],
        scoring={"accuracy": "accuracy", "certified": certified_accuracy_scorer},
        refit="accuracy",
        cv=2,
    ).fit(X, y)
    assert (search.cv_results_["mean_test_certified"] > 0.7).all()


def test_the_global_random_state_is_left_as_found(cancer):
    X, _, y, _ = cancer
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    mlp(max_epochs=1).fit(X, y)
    assert torch.rand(1) == expected


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"hidden_layer_sizes": (64, 0)}, r"hidden_layer_sizes=\(64, 0\) must be the widths"),
        ({"hidden_layer_sizes": (6.5,)}, "integers above 0"),
        ({"hidden_layer_sizes": [[3]]}, "hidden_layer_sizes"),
        ({"activation": "gelu"}, "'activation' parameter"),
        ({"training": "crown"}, "'training' parameter"),
        ({"batch_size": 0}, "'batch_size' parameter"),
        ({"certified_share": 1.5}, "'certified_share' parameter"),
        ({"early_stopping": True, "validation_fraction": 0.001}, "validation_fraction=0.001"),
        (
            {"early_stopping": True, "validation_fraction": None},
            r"early_stopping=True .* validation_fraction=None .*early_stopping=False",
        ),
        ({"n_iter_no_change": 0}, "'n_iter_no_change' parameter"),
        ({"epsilon": -0.1}, "epsilon"),
        ({"lr": 1e30}, "diverged in epoch"),
    ],
)
def test_bad_parameters_are_named(cancer, params, message):
    X, _, y, _ = cancer
    with pytest.raises(ValueError, match=message):
        mlp(max_epochs=3).set_params(**params).fit(X, y)


def test_a_class_of_one_row_cannot_be_watched():
    X, y = np.arange(10.0).reshape(5, 2), [0, 0, 0, 0, 1]
    with pytest.raises(ValueError, match=r"two rows of each class, .* or early_stopping=False\."):
        mlp(early_stopping=True).fit(X, y)


def test_images_are_no_table():
    with pytest.raises(ValueError, match=r"must be a table.*\(4, 4\).*AdversarialCNNClassifier"):
        mlp().fit(np.zeros((10, 4, 4)), [0, 1] * 5)
    with pytest.raises(NotFittedError):
        mlp().certified_radius(np.zeros((2, 3)))
