"""How fast networks are trained against PGD, and how strong the attack is, against two rivals.

Run it with ``make bench``. The rivals are what users write today: a plain PyTorch loop around the
PGD of torchattacks, and the Madry trainer of the Adversarial Robustness Toolbox (ART). All train
the paper's network on MNIST against 10 steps of PGD, with the same batches, optimizer and attack
parameters, and are timed in turn within one run. Certified training of the same network stands
beside them, and on a small table scikit-learn's MLPClassifier beside AdversarialMLPClassifier.
"""

import argparse
import platform
import warnings
from time import perf_counter

import numpy as np
import torch
import torchattacks
from art.attacks.evasion import ProjectedGradientDescentPyTorch
from art.defences.trainer import AdversarialTrainerMadryPGD
from art.estimators.classification import PyTorchClassifier
from sklearn.datasets import fetch_openml
from sklearn.neural_network import MLPClassifier
from torch import nn

from sklearn_advex import AdversarialCNNClassifier, AdversarialMLPClassifier

BATCH_SIZE = 128
EPSILON = 0.3
STEPS = 10
STEP_SIZE = 2.5 * EPSILON / STEPS


def ours(precision, training="pgd"):
    """An epoch of AdversarialCNNClassifier, without the construction of the net."""
    model = AdversarialCNNClassifier(
        training=training,
        epsilon=EPSILON,
        attack_steps=STEPS,
        batch_size=BATCH_SIZE,
        precision=precision,
        random_state=0,
    )

    def epoch(X, y):
        model.partial_fit(X, y, classes=range(10))

    return epoch


def plain_network():
    """The paper's network as one writes it in PyTorch."""
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(7 * 7 * 64, 1024), nn.ReLU(), nn.Linear(1024, 10)),
    )


def torchattacks_loop():
    """An epoch of a plain training loop around torchattacks' PGD."""
    module = plain_network()
    optimizer = torch.optim.Adam(module.parameters())
    attack = torchattacks.PGD(module, eps=EPSILON, alpha=STEP_SIZE, steps=STEPS)
    loss = nn.CrossEntropyLoss()

    def epoch(X, y):
        X, y = torch.from_numpy(X), torch.from_numpy(y)
        for rows in torch.randperm(len(y)).split(BATCH_SIZE):
            perturbed = attack(X[rows], y[rows])
            optimizer.zero_grad()
            loss(module(perturbed), y[rows]).backward()
            optimizer.step()

    return epoch


def art_classifier(module):
    return PyTorchClassifier(
        module,
        nn.CrossEntropyLoss(),
        input_shape=(1, 28, 28),
        nb_classes=10,
        optimizer=torch.optim.Adam(module.parameters()),
        clip_values=(0.0, 1.0),
        device_type="cpu",
    )


def art_trainer():
    """An epoch of ART's Madry trainer."""
    trainer = AdversarialTrainerMadryPGD(
        art_classifier(plain_network()),
        nb_epochs=1,
        batch_size=BATCH_SIZE,
        eps=EPSILON,
        eps_step=STEP_SIZE,
        max_iter=STEPS,
        num_random_init=1,
    )
    trainer.attack.set_params(verbose=False)

    def epoch(X, y):
        trainer.fit(X, np.eye(10, dtype=np.float32)[y], nb_epochs=1)

    return epoch


def seconds(epoch, X, y):
    start = perf_counter()
    epoch(X, y)
    return perf_counter() - start


def compare_training(X, y, repetitions):
    ways = {
        "ours, certified (training='ibp')": ours("float32", "ibp"),
        "ours, precision='auto'": ours("auto"),
        "ours, precision='float32'": ours("float32"),
        "PyTorch loop with torchattacks PGD": torchattacks_loop(),
        "ART AdversarialTrainerMadryPGD": art_trainer(),
    }
    for epoch in ways.values():
        epoch(X[: 2 * BATCH_SIZE], y[: 2 * BATCH_SIZE])
    times = np.array(
        [[seconds(epoch, X, y) for epoch in ways.values()] for _ in range(repetitions)]
    )
    rates = len(y) / times
    print("| training | images / s | range | times torchattacks | times ART |")
    print("|---|---|---|---|---|")
    for way, rate in zip(ways, rates.T, strict=True):
        low, middle, high = np.quantile(rate, [0, 0.5, 1])
        over = " | ".join(f"{np.median(rate / rival):.2f}" for rival in rates.T[-2:])
        print(f"| {way} | {middle:.0f} | {low:.0f} to {high:.0f} | {over} |", flush=True)


def compare_tables(repetitions, n_rows=3000, n_columns=57, n_epochs=60):
    """Robust training on a small table against scikit-learn's natural training."""
    generator = np.random.default_rng(0)
    X = generator.normal(size=(n_rows, n_columns))
    y = (X[:, :5].sum(axis=1) + 0.5 * generator.normal(size=n_rows) > 0).astype(int)
    layers = (64, 32)
    rival = MLPClassifier(layers, max_iter=n_epochs, n_iter_no_change=n_epochs + 1)
    ways = {
        "scikit-learn MLPClassifier": rival,
        "ours, natural": AdversarialMLPClassifier(layers, training=None, max_epochs=n_epochs),
        "ours, certified": AdversarialMLPClassifier(layers, max_epochs=n_epochs),
    }
    times = np.array(
        [[seconds(model.fit, X, y) for model in ways.values()] for _ in range(repetitions)]
    )
    print(f"\n| {n_rows} x {n_columns}, {n_epochs} epochs | s | range | times scikit-learn |")
    print("|---|---|---|---|")
    for way, of_way in zip(ways, times.T, strict=True):
        low, middle, high = np.quantile(of_way, [0, 0.5, 1])
        ratio = np.median(of_way / times.T[0])
        print(f"| {way} | {middle:.2f} | {low:.2f} to {high:.2f} | {ratio:.2f} |", flush=True)


def compare_attacks(X, y, X_test, y_test):
    model = AdversarialCNNClassifier(
        epsilon=EPSILON,
        attack_steps=7,
        attack_step_size=0.08,
        epsilon_warmup=0.4,
        max_epochs=3,
        random_state=0,
    ).fit(X, y)
    steps, restarts, step_size = 100, 5, 2.5 * EPSILON / 100
    images, labels = torch.from_numpy(X_test), torch.from_numpy(y_test)

    def is_robust(perturbed):
        return model.predict(np.asarray(perturbed)) == y_test

    torch.manual_seed(0)
    theirs = torchattacks.PGD(model.module_, eps=EPSILON, alpha=step_size, steps=steps)
    by_torchattacks = np.all([is_robust(theirs(images, labels)) for _ in range(restarts)], axis=0)
    art = ProjectedGradientDescentPyTorch(
        art_classifier(model.module_),
        eps=EPSILON,
        eps_step=step_size,
        max_iter=steps,
        num_random_init=restarts,
        batch_size=200,
        verbose=False,
    )
    scores = {
        "none": model.score(X_test, y_test),
        "ours": model.adversarial_score(X_test, y_test, steps=steps, restarts=restarts),
        "torchattacks": by_torchattacks.mean(),
        "ART": is_robust(art.generate(X_test, np.eye(10, dtype=np.float32)[y_test])).mean(),
    }
    print(f"\n| attack, {steps} steps, {restarts} restarts | accuracy of {len(y_test)} images |")
    print("|---|---|")
    for name, score in scores.items():
        print(f"| {name} | {score:.3f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1280, help="images per timed epoch")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--attack-images", type=int, default=200)
    arguments = parser.parse_args()
    X, y = fetch_openml("mnist_784", version=1, return_X_y=True, as_frame=False)
    X, y = (X / 255).astype(np.float32).reshape(-1, 1, 28, 28), y.astype(np.int64)
    print(
        f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__},"
        f" bfloat16 in hardware: {torch.cpu.get_capabilities().get('avx512_bf16', False)}\n"
    )
    compare_tables(arguments.repetitions)
    compare_training(X[: arguments.images], y[: arguments.images], arguments.repetitions)
    test = slice(60_000, 60_000 + arguments.attack_images)
    compare_attacks(X[:5000], y[:5000], X[test], y[test])


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the rivals
        main()
