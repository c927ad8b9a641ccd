"""The paper's image experiments: Table 1, Figures 1 to 3 and J.6 to J.9, two data sets.

``make paper-images`` runs the quick form, on a CPU in minutes. ``ARGS=--long`` trains a smaller
network for longer, against an attack and on bounds, and shows how conciseness grows with training:
an hour of a core for each data set. ``ARGS=--full`` trains as long as the paper did, which needs a
GPU. Figure 3 needs further models and is drawn with ``--curves``. Trained models are kept in the
output folder, and a second run takes them from there; a training that was killed goes on from its
last epoch.
"""

import argparse
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import fetch_openml

from benchmarks.certified.mnist import network
from sklearn_advex import AdversarialCNNClassifier
from sklearn_advex.neural_network import TrainingCheckpoint
from sklearn_advex.plotting import SaliencyDisplay, SparsenessGainDisplay
from sklearn_advex.report import conciseness_report

N_TRAIN, N_TEST = 50_000, 10_000
#: The authors' code adds lambda times the l1 norm to the *sum* of 50 losses.
LAMBDA, ROWS_OF_A_SUM = 0.01, 50
LAMBDAS = (0.001, LAMBDA, 0.03)
METHODS = {"ig": "IG", "deep_shap": "DeepSHAP"}
OUTPUTS = ("probability", "logit")
FASHION = "T-shirt trouser pullover dress coat sandal shirt sneaker bag boot"


@dataclass(frozen=True)
class DataSet:
    """What differs between the data sets.

    `certified_epsilon` keeps the loss of accuracy near the paper's; `epsilons` are of Figure 3.
    """

    name: str
    openml_name: str
    epsilon: float
    certified_epsilon: float
    epsilons: tuple[float, ...]
    classes: tuple[str, ...]


DATA_SETS = {
    "mnist": DataSet("MNIST", "mnist_784", 0.3, 0.2, (0.1, 0.2, 0.3), tuple("0123456789")),
    "fashion": DataSet(
        "Fashion-MNIST", "Fashion-MNIST", 0.1, 0.1, (0.05, 0.1, 0.15), tuple(FASHION.split())
    ),
}


@dataclass(frozen=True)
class Schedule:
    """How is trained, and how many images are explained with how many gradients each.

    `pgd` and `ibp` give the options of training against an epsilon; `curve` lists the epochs of the
    models that show how conciseness grows with training.
    """

    n_train: int
    n_scored: int
    n_explained: int
    n_steps: int
    natural: dict
    pgd: Callable[[float], dict]
    ibp: Callable[[float], dict] | None = None
    curve: tuple[int, ...] = ()
    module: dict = field(default_factory=dict)


QUICK = Schedule(
    n_train=25_000,
    n_scored=1000,
    n_explained=1000,
    n_steps=20,
    natural={"max_epochs": 3, "batch_size": 50, "lr": 1e-3, "lr_schedule": "linear"},
    pgd=lambda epsilon: {
        "epsilon_warmup": 0.4,
        "attack_steps": 7,
        "attack_step_size": 0.27 * epsilon,
    },
)
LONG = Schedule(
    n_train=N_TRAIN,
    n_scored=N_TEST,
    n_explained=1000,
    n_steps=100,
    natural={"max_epochs": 6, "batch_size": 100, "lr": 1e-3, "lr_schedule": "linear"},
    pgd=lambda epsilon: {
        "lr": 2e-3,
        "lr_schedule": "one_cycle",
        "epsilon_warmup": 0.4,
        "attack_steps": 7,
        "attack_step_size": 0.27 * epsilon,
    },
    ibp=lambda _: {
        "lr": 5e-3,
        "lr_schedule": "one_cycle",
        "epsilon_warmup": 0.5,
        "certified_share": 0.8,
    },
    curve=(2, 4, 8),
    module={"module": network, "module__width": 32},
)
FULL = Schedule(
    n_train=N_TRAIN,
    n_scored=N_TEST,
    n_explained=N_TEST,
    n_steps=50,
    natural={"max_epochs": 25, "batch_size": 50, "lr": 1e-4},
    pgd=lambda epsilon: {
        "max_epochs": 100,
        "attack_steps": round(100 * epsilon) + 10,
        "attack_step_size": 0.01,
    },
)


@dataclass(frozen=True)
class Setting:
    """What a model is trained with: the adversary, the paper's lambda, and the epochs."""

    epsilon: float = 0.0
    lambda_: float = 0.0
    training: str = "pgd"
    epochs: int | None = None

    def __str__(self):
        """Give the name of the model's file."""
        parts = f"e{self.epsilon:g}", f"l{self.lambda_:g}"
        parts += () if self.training == "pgd" else (self.training,)
        return "-".join(parts if self.epochs is None else (*parts, f"{self.epochs}epochs"))

    def untrained(self, schedule):
        """Make the model."""
        options = schedule.module | schedule.natural | {"training": None}
        if self.epsilon:
            adversary = {"training": self.training, "epsilon": self.epsilon}
            options |= adversary | getattr(schedule, self.training)(self.epsilon)
        if self.epochs is not None:
            options["max_epochs"] = self.epochs
        alpha = self.lambda_ / ROWS_OF_A_SUM
        return AdversarialCNNClassifier(alpha=alpha, **options, random_state=0, verbose=1)


NATURAL = Setting()


def load(data_set):
    X, y = fetch_openml(
        data_set.openml_name, version=1, return_X_y=True, as_frame=False, parser="pandas"
    )
    images = (X / 255.0).astype(np.float32).reshape(-1, 28, 28)
    return images, np.array(data_set.classes)[y.astype(int)]


def trained(model, path, X, y):
    """A trained model, from its file where that is there already."""
    if path.exists():
        return AdversarialCNNClassifier.load(path, module=model.module)
    print(f"training {path.stem}", flush=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    checkpoint = path.with_suffix(".checkpoint")
    model.set_params(callbacks=[TrainingCheckpoint(checkpoint)]).fit(X, y)
    model.save(path)
    checkpoint.unlink()
    return model


def compare(models, X, y, data_set, schedule, outputs=("probability",)):
    """Compare accuracy of all rows and conciseness of the first: by output, model and method."""
    explained = slice(schedule.n_explained)
    reports = {
        output: conciseness_report(
            models,
            X[explained],
            y[explained],
            methods=tuple(METHODS),
            epsilon=data_set.epsilon,
            output=output,
            n_steps=schedule.n_steps,
            target="true",
        )
        for output in outputs
    }
    report = pd.concat(reports, names=["output"])
    if len(X) > schedule.n_explained:
        for name, model in models.items():
            rows = pd.IndexSlice[:, name]
            report.loc[rows, "accuracy"] = model.score(X, y)
            attacked = model.adversarial_score(X, y, epsilon=data_set.epsilon)
            report.loc[rows, "adversarial_accuracy"] = attacked
        report["accuracy_drop"] = report["accuracy"].iloc[0] - report["accuracy"]
    return report


def as_markdown(results):
    columns = ("F", "attribution", "model", "accuracy", "under attack", "Gini", "dG", "AcDrop")
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for method, label in METHODS.items():
        for (output, model), row in results.xs(method, level="method").iterrows():
            cells = [f"{row[c]:.3f}" for c in ("accuracy", "adversarial_accuracy", "gini")]
            low, high = row["gini_gain_low"], row["gini_gain_high"]
            gain = f"{row['gini_gain']:+.3f} ({low:+.3f} to {high:+.3f})"
            cells += ["", ""] if model == "n" else [gain, f"{row['accuracy_drop']:.3f}"]
            lines.append(f"| {output} | {label} | {model} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


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


def draw_gains(models, X, data_set, n_steps, folder):
    """Figure 2: the gain of each test image."""
    figure, axes = plt.subplots(1, 2, figsize=(8, 4), sharey=True, layout="constrained")
    for ax, (method, label) in zip(axes, METHODS.items(), strict=True):
        SparsenessGainDisplay.from_estimators(models, X, ax=ax, method=method, n_steps=n_steps)
        ax.set_title(f"{data_set.name}, {label}")
    figure.savefig(folder / f"figure2-{data_set.name}.png", dpi=120)
    plt.close(figure)


def draw_curves(report, curves, data_set, folder):
    """Figure 3: Gini against accuracy along epsilon and along lambda."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 4), sharey=True, layout="constrained")
    for ax, (method, method_label) in zip(axes, METHODS.items(), strict=True):
        points = report.xs(method, level="method")[["accuracy", "gini"]]
        for along, color, height in (("epsilon", "tab:red", 5), ("lambda", "tab:blue", -11)):
            names = ["n", *curves[along]]
            ax.plot(*points.loc[names].T.to_numpy(), "o-", color=color, label=f"along {along}")
            for name in names[1:]:
                text = name.removeprefix(f"{along} ")
                place = {"xytext": (2, height), "textcoords": "offset points"}
                ax.annotate(text, points.loc[name], fontsize=8, color=color, **place)
        ax.set(title=f"{data_set.name}, {method_label}", xlabel="accuracy")
        ax.locator_params(axis="x", nbins=6)
        ax.grid(alpha=0.3)
    axes[0].set_ylabel("mean Gini index")
    axes[0].legend()
    figure.savefig(folder / f"figure3-{data_set.name}.png", dpi=120)
    plt.close(figure)


def draw_training(report, data_set, folder):
    """How the gain in the Gini index and the accuracy change with the epochs of training."""
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
    *gains, accuracy = axes
    epsilons = {"a": data_set.epsilon, "certified": data_set.certified_epsilon}
    for (name, epsilon), color in zip(epsilons.items(), ("tab:red", "tab:green"), strict=True):
        label = f"{name}, epsilon {epsilon:g}"
        of_model = report.xs(name, level="model")
        for ax, method in zip(gains, METHODS, strict=True):
            ax.plot(
                of_model.xs(method, level="method")["gini_gain"], "o-", color=color, label=label
            )
        rows = of_model.xs("ig", level="method")
        accuracy.plot(rows["accuracy"], "o-", color=color)
        accuracy.plot(rows["adversarial_accuracy"], "o--", color=color)
    for ax, label in zip(gains, METHODS.values(), strict=True):
        ax.set(title=f"{data_set.name}, {label}", ylabel="dG, gain in the Gini index")
        ax.axhline(0, color="gray", linewidth=0.8)
    figure.legend(*gains[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    attacked = f"accuracy; dashed: under attack of {data_set.epsilon:g}"
    accuracy.set(title=f"{data_set.name}, test images", ylabel=attacked)
    epochs = report.index.unique("epochs")
    for ax in axes:
        ax.set(xscale="log", xlabel="epochs of training")
        ax.set_xticks(epochs, labels=epochs)
        ax.minorticks_off()
        ax.grid(alpha=0.3)
    figure.savefig(folder / f"training-{data_set.name}.png", dpi=120)
    plt.close(figure)


def adversarial(data_set, schedule):
    """Settings of the models against an adversary, by their names in the table."""
    epochs = schedule.curve[-1] if schedule.curve else None
    settings = {"a": Setting(data_set.epsilon, epochs=epochs)}
    if schedule.ibp is not None:
        epsilon = data_set.certified_epsilon
        settings["certified"] = Setting(epsilon, training="ibp", epochs=epochs)
    return settings


def run(data_set, schedule, folder, with_curves):
    X, y = load(data_set)
    test = slice(60_000, 60_000 + schedule.n_scored)
    X_test, y_test = X[test], y[test]

    def train(settings):
        models = {}
        for name, setting in settings.items():
            path = folder / "models" / f"{data_set.name}-{setting}.safetensors"
            images = slice(schedule.n_train)
            models[name] = trained(setting.untrained(schedule), path, X[images], y[images])
        return models

    def compared(models):
        return compare(models, X_test, y_test, data_set, schedule).droplevel("output")

    robust = adversarial(data_set, schedule)
    models = train({"n": NATURAL, "l": Setting(0.0, LAMBDA), **robust})
    results = compare(models, X_test, y_test, data_set, schedule, OUTPUTS)
    results.to_csv(folder / f"{data_set.name}.csv", float_format="%.6f")
    (folder / f"{data_set.name}.md").write_text(as_markdown(results) + "\n", encoding="utf-8")
    print(as_markdown(results))
    explained = slice(schedule.n_explained)
    draw_saliency(models, X_test[explained], y_test[explained], data_set, folder)
    draw_gains(models, X_test[explained], data_set, schedule.n_steps, folder)
    if schedule.curve:
        reports = {}
        for epochs in schedule.curve:
            settings = {name: replace(setting, epochs=epochs) for name, setting in robust.items()}
            reports[epochs] = compared({"n": models["n"], **train(settings)})
        report = pd.concat(reports, names=["epochs"])
        report.to_csv(folder / f"{data_set.name}-training.csv", float_format="%.6f")
        draw_training(report, data_set, folder)
    if with_curves:
        curves = {
            "epsilon": {f"epsilon {value:g}": Setting(value) for value in data_set.epsilons},
            "lambda": {f"lambda {value:g}": Setting(0.0, value) for value in LAMBDAS},
        }
        report = compared(train({"n": NATURAL, **curves["epsilon"], **curves["lambda"]}))
        report.to_csv(folder / f"{data_set.name}-curves.csv", float_format="%.6f")
        draw_curves(report, curves, data_set, folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--quick", action="store_true", help="minutes on a CPU; the default")
    forms.add_argument("--long", action="store_true", help="an hour of a core for each data set")
    forms.add_argument("--full", action="store_true", help="the paper's schedule; needs a GPU")
    parser.add_argument("--curves", action="store_true", help="Figure 3 too: four models more")
    parser.add_argument("--data", choices=[*DATA_SETS], nargs="+", default=[*DATA_SETS])
    parser.add_argument("--output", type=Path, default=Path("benchmarks/paper/output"))
    arguments = parser.parse_args()
    # With few gradients single rows miss their sum by some percent, which no mean shows.
    warnings.filterwarnings("ignore", "The attributions of")
    form, schedule = "quick", QUICK
    if arguments.long:
        form, schedule = "long", LONG
    elif arguments.full:
        form, schedule = "full", FULL
    folder = arguments.output / form
    folder.mkdir(parents=True, exist_ok=True)
    for name in arguments.data:
        start = perf_counter()
        run(DATA_SETS[name], schedule, folder, arguments.curves)
        print(f"{DATA_SETS[name].name}: {(perf_counter() - start) / 60:.1f} minutes", flush=True)


if __name__ == "__main__":
    main()
