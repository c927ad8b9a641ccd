"""Certified accuracy on MNIST: all 10,000 test images, epsilon 0.1 and 0.3.

``python -m benchmarks.certified.mnist`` trains one network for each epsilon by interval bounds and
prints clean, attacked and certified accuracy, and how much more concise its explanations are than
those of the same network trained without an adversary. Trained models are kept in the output
folder; a training that was killed goes on from its last epoch.
"""

import argparse
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from sklearn.datasets import fetch_openml
from torch import nn

from sklearn_advex import AdversarialCNNClassifier
from sklearn_advex.neural_network import TrainingCheckpoint
from sklearn_advex.report import conciseness_report

#: From the epsilon of the test to that of the training: a larger one generalizes better.
TRAINED_AT = {0.1: 0.16, 0.3: 0.35}
N_TRAIN, N_EXPLAINED = 60_000, 1000
#: Each image is also trained on a pixel further up, down, left and right.
SHIFTS = (0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)


def network(input_shape, n_classes, width=32):
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


def with_shifted(X, y):
    """Images and shifted copies of them; the borders of MNIST are empty."""
    shifted = [np.roll(X, shift, axis=(1, 2)) for shift in SHIFTS]
    return np.concatenate(shifted), np.tile(y, len(SHIFTS))


def untrained(epsilon, arguments):
    return AdversarialCNNClassifier(
        network,
        module__width=arguments.width,
        training="ibp",
        certified_share=arguments.share,
        epsilon=TRAINED_AT[epsilon],
        epsilon_warmup=arguments.warmup,
        max_epochs=arguments.epochs,
        batch_size=arguments.batch,
        lr=arguments.lr,
        lr_schedule="one_cycle",
        precision="float32",
        random_state=0,
        verbose=1,
    )


def trained(epsilon, X, y, arguments):
    """A trained model, from its file where that is there already, and the seconds it took."""
    name = f"mnist-{epsilon:g}-{arguments.epochs}-{arguments.lr:g}-{arguments.share:g}"
    path = arguments.output / f"{name}-{arguments.width}.safetensors"
    if path.exists():
        return AdversarialCNNClassifier.load(path, module=network), np.nan
    checkpoint = path.with_suffix(".checkpoint")
    model = untrained(epsilon, arguments)
    model.set_params(callbacks=[TrainingCheckpoint(checkpoint)])
    start = perf_counter()
    model.fit(*with_shifted(X[:N_TRAIN], y[:N_TRAIN]))
    seconds = sum(line["dur"] for line in model.history_)
    print(f"trained in {perf_counter() - start:.0f} s of this call", flush=True)
    model.save(path)
    checkpoint.unlink()
    return model, seconds


def natural(X, y, arguments):
    """The network without an adversary, from its file where that is there already."""
    path = arguments.output / f"mnist-natural-{arguments.width}.safetensors"
    if not path.exists():
        options = {"max_epochs": 5, "batch_size": 100, "lr": 1e-3, "lr_schedule": "linear"}
        model = AdversarialCNNClassifier(
            network, module__width=arguments.width, training=None, random_state=0, **options
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
    parser.add_argument("--epsilon", type=float, nargs="+", default=[*TRAINED_AT])
    parser.add_argument("--epochs", type=int, default=10, help="of all copies")
    parser.add_argument("--batch", type=int, default=200)
    parser.add_argument("--lr", type=float, default=5e-3)
    parser.add_argument("--share", type=float, default=0.8)
    parser.add_argument("--warmup", type=float, default=0.5)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/certified/output"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    X, y = load()
    X_test, y_test = X[60_000:], y[60_000:]
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    print("| epsilon | s of training | clean | under PGD-40 | certified by intervals |")
    print("|---|---|---|---|---|")
    certified = {}
    for epsilon in arguments.epsilon:
        model, seconds = trained(epsilon, X, y, arguments)
        scores = [
            model.score(X_test, y_test),
            model.adversarial_score(X_test, y_test, epsilon=epsilon, steps=40),
            model.certified_score(X_test, y_test, epsilon=epsilon, method="interval"),
        ]
        cells = " | ".join(f"{100 * score:.2f}" for score in scores)
        print(f"| {epsilon} | {seconds:.0f} | {cells} |", flush=True)
        certified[f"certified at {epsilon}"] = model
    of_natural = natural(X, y, arguments)
    print(f"natural: accuracy {of_natural.score(X_test, y_test):.4f}")
    explained = slice(N_EXPLAINED)
    gains({"natural": of_natural} | certified, X_test[explained], y_test[explained])


if __name__ == "__main__":
    main()
