"""The paper's image experiments: Table 1, Figures 1, 2 and J.6 to J.9 for MNIST and Fashion-MNIST.

``make paper-images`` runs the quick form, on a CPU in minutes; ``make paper-images ARGS=--full``
trains as long as the paper did, which needs a GPU. Trained models are kept in the output folder,
and a second run takes them from there; a training that was killed goes on from its last epoch.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import fetch_openml

from sklearn_advex import AdversarialCNNClassifier
from sklearn_advex.neural_network import TrainingCheckpoint
from sklearn_advex.plotting import SaliencyDisplay, SparsenessGainDisplay
from sklearn_advex.report import conciseness_report

N_TRAIN, N_TEST = 50_000, 10_000
#: The authors' code adds lambda times the l1 norm to the *sum* of 50 losses.
LAMBDA_OF_A_SUM, ROWS_OF_A_SUM = 0.01, 50
METHODS = {"ig": "IG", "deep_shap": "DeepSHAP"}
OUTPUTS = ("probability", "logit")


@dataclass(frozen=True)
class DataSet:
    """What differs between the data sets."""

    name: str
    openml_name: str
    epsilon: float
    classes: tuple[str, ...]


DATA_SETS = {
    "mnist": DataSet("MNIST", "mnist_784", 0.3, tuple("0123456789")),
    "fashion": DataSet(
        "Fashion-MNIST",
        "Fashion-MNIST",
        0.1,
        (
            "T-shirt",
            "trouser",
            "pullover",
            "dress",
            "coat",
            "sandal",
            "shirt",
            "sneaker",
            "bag",
            "ankle boot",
        ),
    ),
}


@dataclass(frozen=True)
class Schedule:
    """How long is trained, and on how many images the models are explained."""

    n_train: int
    n_explained: int
    natural: dict
    adversarial: dict


def quick(epsilon):
    shared = {"batch_size": 128, "lr": 1e-3, "lr_schedule": "linear"}
    return Schedule(
        n_train=N_TRAIN,
        n_explained=1000,
        natural=shared | {"max_epochs": 2},
        adversarial=shared | {"max_epochs": 3, "attack_steps": 5, "epsilon_warmup": 0.4},
    )


def full(epsilon):
    shared = {"batch_size": 50, "lr": 1e-4}
    paper_attack = {"attack_steps": round(100 * epsilon) + 10, "attack_step_size": 0.01}
    return Schedule(
        n_train=N_TRAIN,
        n_explained=N_TEST,
        natural=shared | {"max_epochs": 25},
        adversarial=shared | {"max_epochs": 100} | paper_attack,
    )


def load(data_set):
    X, y = fetch_openml(
        data_set.openml_name, version=1, return_X_y=True, as_frame=False, parser="pandas"
    )
    images = (X / 255.0).astype(np.float32).reshape(-1, 28, 28)
    return images, np.array(data_set.classes)[y.astype(int)]


def models_of_table(data_set, schedule):
    """The n-, l- and a-model of Table 1, untrained."""
    return {
        "n": natural_model(schedule, 0.0),
        "l": natural_model(schedule, LAMBDA_OF_A_SUM / ROWS_OF_A_SUM),
        "a": adversarial_model(schedule, data_set.epsilon),
    }


def natural_model(schedule, alpha):
    return AdversarialCNNClassifier(
        attack=None, alpha=alpha, **schedule.natural, random_state=0, verbose=1
    )


def adversarial_model(schedule, epsilon):
    return AdversarialCNNClassifier(
        epsilon=epsilon, **schedule.adversarial, random_state=0, verbose=1
    )


def trained(model, path, X, y):
    """A trained model, from its file where that is there already."""
    if path.exists():
        return AdversarialCNNClassifier.load(path)
    print(f"training {path.stem}", flush=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    checkpoint = path.with_suffix(".checkpoint")
    model.set_params(callbacks=[TrainingCheckpoint(checkpoint)]).fit(X, y)
    model.save(path)
    checkpoint.unlink()
    return model


def table(models, X, y, epsilon, n_explained):
    """Table 1: a frame with one row per reading of F, attribution method and model."""
    return pd.concat(
        {
            output: conciseness_report(
                models,
                X[:n_explained],
                y[:n_explained],
                methods=tuple(METHODS),
                epsilon=epsilon,
                output=output,
                target="true",
            )
            for output in OUTPUTS
        },
        names=["output"],
    )


def draw_saliency(models, X, y, data_set, folder, n_images=6):
    """Figures 1 and J.6 to J.9: images that all models classify correctly."""
    correct = np.all([model.predict(X[:100]) == y[:100] for model in models.values()], axis=0)
    first_of_each = {y[row]: row for row in reversed(np.flatnonzero(correct))}
    rows = sorted(first_of_each.values())[:n_images]
    for method, label in METHODS.items():
        display = SaliencyDisplay.from_estimators(
            {f"{name}-model": model for name, model in models.items()},
            X[rows],
            y[rows],
            method=method,
            target="true",
        )
        display.figure_.savefig(folder / f"saliency-{data_set.name}-{label}.png", dpi=120)
        plt.close(display.figure_)


def draw_gains(models, X, y, data_set, folder):
    """Figure 2: the gain of each test image."""
    figure, axes = plt.subplots(1, 2, figsize=(8, 4), sharey=True, layout="constrained")
    for ax, (method, label) in zip(axes, METHODS.items(), strict=True):
        SparsenessGainDisplay.from_estimators(models, X, ax=ax, method=method)
        ax.set_title(f"{data_set.name}, {label}")
    figure.savefig(folder / f"figure2-{data_set.name}.png", dpi=120)
    plt.close(figure)


def run(data_set, schedule, folder):
    X, y = load(data_set)
    X_test, y_test = X[60_000 : 60_000 + N_TEST], y[60_000 : 60_000 + N_TEST]
    models = {
        name: trained(
            model,
            folder / "models" / f"{data_set.name}-{name}.safetensors",
            X[: schedule.n_train],
            y[: schedule.n_train],
        )
        for name, model in models_of_table(data_set, schedule).items()
    }
    n_explained = schedule.n_explained
    results = table(models, X_test, y_test, data_set.epsilon, n_explained)
    results.to_csv(folder / f"{data_set.name}.csv", float_format="%.6f")
    print(results.to_string(float_format="{:.3f}".format))
    draw_saliency(models, X_test, y_test, data_set, folder)
    draw_gains(models, X_test[:n_explained], y_test[:n_explained], data_set, folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--quick", action="store_true", help="minutes on a CPU; the default")
    form.add_argument("--full", action="store_true", help="the paper's schedule; needs a GPU")
    parser.add_argument("--data", choices=[*DATA_SETS], nargs="+", default=[*DATA_SETS])
    parser.add_argument("--output", type=Path, default=Path("benchmarks/paper/output"))
    arguments = parser.parse_args()
    for name in arguments.data:
        data_set = DATA_SETS[name]
        schedule = (full if arguments.full else quick)(data_set.epsilon)
        folder = arguments.output / ("full" if arguments.full else "quick")
        folder.mkdir(parents=True, exist_ok=True)
        run(data_set, schedule, folder)


if __name__ == "__main__":
    main()
