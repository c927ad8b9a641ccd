"""Networks for tables: accuracy, accuracy under attack, certified accuracy and conciseness.

``python -m benchmarks.certified.tabular`` compares the linear a-model with multilayer perceptrons
that are trained naturally, against PGD and by interval bounds, all with the same adversary, on
Spambase, breast cancer and Mushroom; means and standard deviations over random splits 70/30.
"""

import argparse
import sys
import warnings
from time import perf_counter

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.datasets import fetch_openml, load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_advex import AdversarialLogisticRegression, AdversarialMLPClassifier, explain
from sklearn_advex.metrics import feature_value_impact, gini_index, sufficiency
from sklearn_advex.report._statistics import n_features_for_share

EPSILON = 0.1
STEPS, RESTARTS = 100, 5


def openml(name):
    return fetch_openml(name, version=1, return_X_y=True, as_frame=True, parser="pandas")


def breast_cancer():
    return load_breast_cancer(return_X_y=True, as_frame=True)


def one_hot():
    return OneHotEncoder(sparse_output=False, handle_unknown="ignore")


DATA_SETS = {
    "spambase": (lambda: openml("spambase"), StandardScaler),
    "breast cancer": (breast_cancer, StandardScaler),
    "mushroom": (lambda: openml("mushroom"), one_hot),
}


def models(seed):
    options = {"epsilon": EPSILON, "random_state": seed}
    return {
        "linear, a": AdversarialLogisticRegression(EPSILON, alpha=1e-4),
        "MLP, natural": AdversarialMLPClassifier(training=None, **options),
        "MLP, PGD": AdversarialMLPClassifier(training="pgd", attack_steps=5, **options),
        "MLP, certified": AdversarialMLPClassifier(**options),
        "MLP, PGD and sparsity": AdversarialMLPClassifier(
            training="pgd", attack_steps=5, sparsity=1.0, **options
        ),
        "MLP, certified and sparsity": AdversarialMLPClassifier(sparsity=1.0, **options),
    }


def attacked(model, X, y):
    """Accuracy under attack, and the number of certified rows that the attack turns."""
    if not hasattr(model, "certified_score"):
        return model.adversarial_score(X, y, epsilon=EPSILON), 0
    perturbed = model.perturb(X, y, epsilon=EPSILON, steps=STEPS, restarts=RESTARTS)
    is_robust = model.predict(perturbed) == y
    turned = ~is_robust
    if not turned.any():
        return 1.0, 0
    refuted = turned.sum() * model.certified_score(X[turned], y[turned], epsilon=EPSILON)
    return is_robust.mean(), round(refuted)


def measure(name, seed):
    load, scaler = DATA_SETS[name]
    X, y = load()
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=seed)
    y_test = np.asarray(y_test)
    for kind, model in models(seed).items():
        start = perf_counter()
        pipeline = make_pipeline(scaler(), clone(model)).fit(X_train, y_train)
        seconds = perf_counter() - start
        encoded, last = np.asarray(pipeline[0].transform(X_test)), pipeline[-1]
        under_attack, n_refuted = attacked(last, encoded, y_test)
        is_network = hasattr(last, "certified_score")
        attributions = explain(last, encoded)
        certified = last.certified_score(encoded, y_test) if is_network else under_attack
        yield {
            "data": name,
            "model": kind,
            "accuracy": last.score(encoded, y_test),
            "under attack": under_attack,
            "certified": certified,
            "Gini": gini_index(attributions, zero_division=0.0).mean(),
            "features for 90 %": n_features_for_share(feature_value_impact(attributions), 0.9),
            "top 3 suffice": sufficiency(last.predict, encoded, attributions, k=3),
            "s": seconds,
            "refuted": n_refuted,
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--data", nargs="+", choices=[*DATA_SETS], default=[*DATA_SETS])
    arguments = parser.parse_args()
    for name in arguments.data:
        rows = []
        for seed in range(arguments.splits):
            rows += measure(name, seed)
            print(f"{name}: split {seed + 1} of {arguments.splits}", file=sys.stderr, flush=True)
        frame = pd.DataFrame(rows)
        splits = frame.drop(columns="refuted").groupby(["data", "model"], sort=False)
        print(splits.mean().round(3).to_string(), flush=True)
        if arguments.splits > 1:
            print(f"standard deviations over the splits\n{splits.std().round(3).to_string()}")
        print(f"certified rows that PGD-{STEPS} with {RESTARTS} restarts turns:", end=" ")
        print(f"{frame['refuted'].sum()}\n", flush=True)


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # quadrature of natural networks
        main()
