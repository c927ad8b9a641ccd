"""Certified accuracy on MNIST: all 10,000 test images, epsilon 0.1, 0.2 and 0.3.

``python -m benchmarks.certified.mnist`` trains one network for each epsilon by interval bounds and
prints clean, attacked and certified accuracy, and how much more concise its explanations are than
those of the same network trained without an adversary. Trained models are kept in the output
folder; a training that was killed goes on from its last epoch.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from sklearn.datasets import fetch_openml
from torch import nn

from sklearn_advex import AdversarialCNNClassifier
from sklearn_advex.neural_network import TrainingCheckpoint
from sklearn_advex.report import conciseness_report

N_TRAIN, N_EXPLAINED, WIDTH = 60_000, 1000, 32
#: Each image as it is, and a pixel further down, up, right and left.
ORIGINAL, SHIFTED = ((0, 0),), ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))


class Recipe(NamedTuple):
    """How a network is trained: an epsilon above that of the test generalizes better."""

    epsilon: float
    share: float
    shifts: tuple[tuple[int, int], ...]
    epochs: int


#: By epsilon of the test.
RECIPES = {
    0.1: Recipe(0.16, 0.8, SHIFTED, 10),
    0.2: Recipe(0.26, 0.8, ORIGINAL, 30),
    0.3: Recipe(0.33, 0.8, ORIGINAL, 75),
}


def network(input_shape, n_classes, width):
    """Two strided convolutions and a dense layer; layers that keep bounds tight are few."""
    channels, height, _ = input_shape
    side = (height // 2 + 1) // 2
    return nn.Sequential(
        *(nn.Conv2d(channels, width, 4, stride=2, padding=1), nn.ReLU()),
        *(nn.Conv2d(width, 2 * width, 4, stride=2, padding=1), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(2 * width * side**2, 8 * width), nn.ReLU()),
        nn.Linear(8 * width, n_classes),
    )


def load():
    X, y = fetch_openml("mnist_784", version=1, return_X_y=True, as_frame=False, parser="pandas")
    images = (X / 255.0).astype(np.float32).reshape(-1, 28, 28)
    return images, y.astype(int)


def shifted(X, y, shifts):
    """Copies of the images; the borders of MNIST are empty."""
    copies = [np.roll(X, shift, axis=(1, 2)) for shift in shifts]
    return np.concatenate(copies), np.tile(y, len(shifts))


def untrained(recipe):
    return AdversarialCNNClassifier(
        network,
        module__width=WIDTH,
        training="ibp",
        certified_share=recipe.share,
        epsilon=recipe.epsilon,
        epsilon_warmup=0.5,
        max_epochs=recipe.epochs,
        batch_size=200,
        lr=5e-3,
        lr_schedule="one_cycle",
        precision="float32",
        random_state=0,
        verbose=1,
    )


def trained(epsilon, X, y, output):
    """A trained model, from its file where that is there already, and the seconds it took."""
    path = output / f"mnist-{epsilon:g}.safetensors"
    if path.exists():
        return AdversarialCNNClassifier.load(path, module=network), np.nan
    recipe = RECIPES[epsilon]
    checkpoint = path.with_suffix(".checkpoint")
    model = untrained(recipe)
    model.set_params(callbacks=[TrainingCheckpoint(checkpoint)])
    model.fit(*shifted(X[:N_TRAIN], y[:N_TRAIN], recipe.shifts))
    model.save(path)
    checkpoint.unlink()
    return model, sum(line["dur"] for line in model.history_)


def natural(X, y, output):
    """The network without an adversary, from its file where that is there already."""
    path = output / "mnist-natural.safetensors"
    if not path.exists():
        options = {"max_epochs": 5, "batch_size": 100, "lr": 1e-3, "lr_schedule": "linear"}
        model = AdversarialCNNClassifier(
            network, module__width=WIDTH, training=None, random_state=0, **options
        )
        model.fit(X[:N_TRAIN], y[:N_TRAIN]).save(path)
    return AdversarialCNNClassifier.load(path, module=network)


def gains(models, X, y):
    """Gains in the Gini index over the first model, by Integrated Gradients."""
    report = conciseness_report(models, X, y, methods=("ig",), n_steps=50, target="true")
    for name, row in report.droplevel("method").iterrows():
        low, gain, high = row[["gini_gain_low", "gini_gain", "gini_gain_high"]]
        print(f"{name}: Gini {row['gini']:.3f}, gain {gain:+.3f} ({low:+.3f} to {high:+.3f})")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epsilon", type=float, nargs="+", choices=RECIPES, default=[*RECIPES])
    parser.add_argument("--output", type=Path, default=Path("benchmarks/certified/output"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    X, y = load()
    X_test, y_test = X[60_000:], y[60_000:]
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    print("| epsilon | s of training | clean | under PGD-40 | certified | with CROWN |")
    print("|---|---|---|---|---|---|")
    certified = {}
    for epsilon in arguments.epsilon:
        model, seconds = trained(epsilon, X, y, arguments.output)
        scores = [
            model.score(X_test, y_test),
            model.adversarial_score(X_test, y_test, epsilon=epsilon, steps=40),
            model.certified_score(X_test, y_test, epsilon=epsilon, method="interval"),
            model.certified_score(X_test, y_test, epsilon=epsilon),
        ]
        cells = " | ".join(f"{100 * score:.2f}" for score in scores)
        print(f"| {epsilon} | {seconds:.0f} | {cells} |", flush=True)
        certified[f"certified at {epsilon}"] = model
    of_natural = natural(X, y, arguments.output)
    print(f"natural: accuracy {of_natural.score(X_test, y_test):.4f}")
    explained = slice(N_EXPLAINED)
    gains({"natural": of_natural} | certified, X_test[explained], y_test[explained])


if __name__ == "__main__":
    main()
