"""Flips of categories on Mushroom: what training against numbers, and against mixtures, is worth.

``python -m benchmarks.certified.flips`` prints the accuracy if the adversary changes up to 3 of the
categories of each test row, exact for linear models; for networks, against one flip, what a search
leaves and what is proven. Means and standard deviations over random splits 70/30.
"""

import argparse

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import OneHotEncoder

from benchmarks.certified.tabular import openml
from sklearn_advex import (
    AdversarialLogisticRegression,
    AdversarialMLPClassifier,
    explain,
    one_hot_categories,
)
from sklearn_advex.metrics import gini_index

SIZES = (0.0, 0.05, 0.1, 0.3)
N_ATTACKED = 600  # rows of which networks are attacked


def linear_models():
    for epsilon in SIZES:
        yield f"linear, box {epsilon}", AdversarialLogisticRegression(epsilon)


def networks(hidden_layer_sizes, categories, seed):
    for share in SIZES:
        name = f"{hidden_layer_sizes or 'linear'} network, mixture {share}"
        yield (
            name,
            AdversarialMLPClassifier(
                hidden_layer_sizes,
                share,
                categories=categories,
                training="ibp" if share else None,
                random_state=seed,
            ),
        )


def accuracies(model, X, y, categories):
    """Accuracy by number of flips: exact, or the ends of what it may be."""
    if not hasattr(model, "certified_score"):
        options = {"epsilon": 0.0, "categories": categories}
        return {
            f"{k} flips": model.adversarial_score(X, y, max_flips=k, **options) for k in range(4)
        }
    if not model.hidden_layer_sizes:
        return {f"{k} flips": model.certified_score(X, y, max_flips=k) for k in range(4)}
    some = X[:N_ATTACKED], y[:N_ATTACKED]
    return {
        "0 flips": model.score(X, y),
        "1 flip, attacked": model.adversarial_score(*some, max_flips=1),
        "1 flip, certified": model.certified_score(*some, max_flips=1),
    }


def measure(seed):
    X, y = openml("mushroom")
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=seed)
    encoder = OneHotEncoder(sparse_output=False, handle_unknown="ignore").fit(X_train)
    categories = one_hot_categories(encoder, X_train)
    rows, y_test = encoder.transform(X_test), np.asarray(y_test)
    kinds = [linear_models()]
    kinds += [networks(sizes, categories, seed) for sizes in ((), (64, 32))]
    for kind in kinds:
        for name, model in kind:
            model.fit(encoder.transform(X_train), y_train)
            gini = gini_index(explain(model, rows), zero_division=0.0).mean()
            yield {"model": name, **accuracies(model, rows, y_test, categories), "Gini": gini}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--splits", type=int, default=5)
    arguments = parser.parse_args()
    rows = [row for seed in range(arguments.splits) for row in measure(seed)]
    by_model = pd.DataFrame(rows).groupby("model", sort=False)
    print(by_model.mean().round(3).to_string(na_rep=""))
    if arguments.splits > 1:
        print(
            f"standard deviations over the splits\n{by_model.std().round(3).to_string(na_rep='')}"
        )


if __name__ == "__main__":
    main()
