"""The paper's image experiments: Table 1, Figures 1 to 3 and J.6 to J.9, two data sets.

``make paper-images`` runs the quick form, on a CPU in minutes; ``make paper-images ARGS=--full``
trains as long as the paper did, which needs a GPU. Figure 3 needs further models and is drawn with
``--curves``. Trained models are kept in the output folder, and a second run takes them from there;
a training that was killed goes on from its last epoch.
"""

import argparse
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

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
LAMBDA, ROWS_OF_A_SUM = 0.01, 50
LAMBDAS = (0.001, LAMBDA, 0.03)
METHODS = {"ig": "IG", "deep_shap": "DeepSHAP"}
OUTPUTS = ("probability", "logit")
FASHION = "T-shirt trouser pullover dress coat sandal shirt sneaker bag boot"


@dataclass(frozen=True)
class DataSet:
    """What differs between the data sets; `epsilons` are those of Figure 3."""

    name: str
    openml_name: str
    epsilon: float
    epsilons: tuple[float, ...]
    classes: tuple[str, ...]


DATA_SETS = {
    "mnist": DataSet("MNIST", "mnist_784", 0.3, (0.1, 0.2, 0.3), tuple("0123456789")),
    "fashion": DataSet(
        "Fashion-MNIST", "Fashion-MNIST", 0.1, (0.05, 0.1, 0.15), tuple(FASHION.split())
    ),
}


@dataclass(frozen=True)
class Schedule:
    """How long is trained, and how many images are explained with how many gradients each."""

    n_train: int
    n_explained: int
    n_steps: int
    natural: dict
    adversarial: Callable[[float], dict]


QUICK = Schedule(
    n_train=25_000,
    n_explained=1000,
    n_steps=20,
    natural={"max_epochs": 3, "batch_size": 50, "lr": 1e-3, "lr_schedule": "linear"},
    adversarial=lambda epsilon: {
        "epsilon_warmup": 0.4,
        "attack_steps": 7,
        "attack_step_size": 0.27 * epsilon,
    },
)
FULL = Schedule(
    n_train=N_TRAIN,
    n_explained=N_TEST,
    n_steps=50,
    natural={"max_epochs": 25, "batch_size": 50, "lr": 1e-4},
    adversarial=lambda epsilon: {
        "max_epochs": 100,
        "attack_steps": round(100 * epsilon) + 10,
        "attack_step_size": 0.01,
    },
)


@dataclass(frozen=True)
class Setting:
    """What a model is trained with: the adversary's epsilon and the paper's lambda."""

    epsilon: float = 0.0
    lambda_: float = 0.0

    def __str__(self):
        """Give the name of the model's file."""
        return f"e{self.epsilon:g}-l{self.lambda_:g}"

    def untrained(self, schedule):
        """Make the model."""
        options = schedule.natural | {"training": None}
        if self.epsilon:
            adversary = {"training": "pgd", "epsilon": self.epsilon}
            options |= adversary | schedule.adversarial(self.epsilon)
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
        return AdversarialCNNClassifier.load(path)
    print(f"training {path.stem}", flush=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    checkpoint = path.with_suffix(".checkpoint")
    model.set_params(callbacks=[TrainingCheckpoint(checkpoint)]).fit(X, y)
    model.save(path)
    checkpoint.unlink()
    return model


def compare(models, X, y, data_set, schedule, output="probability"):
    """Compare accuracy and conciseness: one row per model and attribution method."""
    return conciseness_report(
        models,
        X,
        y,
        methods=tuple(METHODS),
        epsilon=data_set.epsilon,
        output=output,
        n_steps=schedule.n_steps,
        target="true",
    )


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


def run(data_set, schedule, folder, with_curves):
    X, y = load(data_set)
    test = slice(60_000, 60_000 + schedule.n_explained)
    X_test, y_test = X[test], y[test]

    def train(setting):
        path = folder / "models" / f"{data_set.name}-{setting}.safetensors"
        train = slice(schedule.n_train)
        return trained(setting.untrained(schedule), path, X[train], y[train])

    of_table = {"n": NATURAL, "l": Setting(0.0, LAMBDA), "a": Setting(data_set.epsilon)}
    models = {name: train(setting) for name, setting in of_table.items()}
    results = pd.concat(
        {output: compare(models, X_test, y_test, data_set, schedule, output) for output in OUTPUTS},
        names=["output"],
    )
    results.to_csv(folder / f"{data_set.name}.csv", float_format="%.6f")
    (folder / f"{data_set.name}.md").write_text(as_markdown(results) + "\n", encoding="utf-8")
    print(as_markdown(results))
    draw_saliency(models, X_test, y_test, data_set, folder)
    draw_gains(models, X_test, data_set, schedule.n_steps, folder)
    if with_curves:
        curves = {
            "epsilon": {f"epsilon {value:g}": Setting(value) for value in data_set.epsilons},
            "lambda": {f"lambda {value:g}": Setting(0.0, value) for value in LAMBDAS},
        }
        settings = {"n": NATURAL, **curves["epsilon"], **curves["lambda"]}
        models = {name: train(setting) for name, setting in settings.items()}
        report = compare(models, X_test, y_test, data_set, schedule)
        report.to_csv(folder / f"{data_set.name}-curves.csv", float_format="%.6f")
        draw_curves(report, curves, data_set, folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--quick", action="store_true", help="minutes on a CPU; the default")
    form.add_argument("--full", action="store_true", help="the paper's schedule; needs a GPU")
    parser.add_argument("--curves", action="store_true", help="Figure 3 too: four models more")
    parser.add_argument("--data", choices=[*DATA_SETS], nargs="+", default=[*DATA_SETS])
    parser.add_argument("--output", type=Path, default=Path("benchmarks/paper/output"))
    arguments = parser.parse_args()
    # With few gradients single rows miss their sum by some percent, which no mean shows.
    warnings.filterwarnings("ignore", "The attributions of")
    folder = arguments.output / ("full" if arguments.full else "quick")
    folder.mkdir(parents=True, exist_ok=True)
    for name in arguments.data:
        start = perf_counter()
        run(DATA_SETS[name], FULL if arguments.full else QUICK, folder, arguments.curves)
        print(f"{DATA_SETS[name].name}: {(perf_counter() - start) / 60:.1f} minutes", flush=True)


if __name__ == "__main__":
    main()
