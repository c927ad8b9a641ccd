"""Which model for which table: accuracy, conciseness, robustness and seconds of each.

``python -m benchmarks.which_model`` fits the models of the guide's decision table on four tables
(breast cancer, Spambase, Mushroom, images of digits) with the same adversary for all models of a
table, and prints means and standard deviations over random splits 70/30. Seconds are those of the
processor: set OMP_NUM_THREADS=1 to have them of one thread.
"""

import argparse
import sys
import warnings
from dataclasses import dataclass
from time import process_time

import numpy as np
import pandas as pd
from sklearn.datasets import fetch_openml, load_breast_cancer, load_digits
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from sklearn_advex import (
    AdversarialCNNClassifier,
    AdversarialLogisticRegression,
    AdversarialMLPClassifier,
    MaxColumnsClassifier,
    explain,
)
from sklearn_advex.attribution import adversarial_accuracy
from sklearn_advex.metrics import gini_index

EPSILON = 0.1
STEPS, RESTARTS = 40, 2
CORNERS = 100
TOLERANCE = 1e-5  # of probabilities, which networks compute in float32


def openml(name):
    return fetch_openml(name, version=1, return_X_y=True, as_frame=True)


def breast_cancer():
    return load_breast_cancer(return_X_y=True, as_frame=True)


def digits():
    X, y = load_digits(return_X_y=True, as_frame=True)
    return X / 16, y


@dataclass
class Table:
    """A table, what stands before each model, and the numbers of columns worth a row."""

    load: callable
    encoder: object
    limits: tuple = (3, 8)
    image_shape: tuple | None = None


TABLES = {
    "breast cancer": Table(breast_cancer, StandardScaler()),
    "spambase": Table(lambda: openml("spambase"), StandardScaler()),
    "mushroom": Table(
        lambda: openml("mushroom"),
        OneHotEncoder(sparse_output=False, handle_unknown="ignore"),
        limits=(1, 3),
    ),
    "digits": Table(digits, FunctionTransformer(), limits=(8,), image_shape=(8, 8)),
}


def models(table, seed):
    """Pipelines by their names, in the order of the table that is printed."""

    def behind_encoder(*steps):
        return make_pipeline(table.encoder, *steps)

    linear = behind_encoder(AdversarialLogisticRegression(EPSILON, alpha=1e-4))
    found = {
        "boosted trees": behind_encoder(HistGradientBoostingClassifier(random_state=seed)),
        "logistic regression": behind_encoder(LogisticRegression(max_iter=10_000)),
        "linear": linear,
    }
    for limit in table.limits:
        name = f"linear, {limit} column{'s' * (limit > 1)}"
        found[name] = MaxColumnsClassifier(linear, max_columns=limit)
    mlp = {"epsilon": EPSILON, "random_state": seed}
    found["MLP, natural"] = behind_encoder(AdversarialMLPClassifier(training=None, **mlp))
    found["MLP"] = behind_encoder(AdversarialMLPClassifier(**mlp))
    found["MLP, sparsity"] = behind_encoder(AdversarialMLPClassifier(sparsity=1.0, **mlp))
    if table.image_shape:
        as_images = FunctionTransformer(
            lambda X: np.asarray(X, dtype=float).reshape(-1, *table.image_shape)
        )
        cnn = {
            "epsilon": EPSILON, "module__n_filters": (16, 32), "module__n_hidden": 64,
            "batch_size": 32, "lr": 0.003, "random_state": seed,
        }  # fmt: skip
        found["CNN, PGD"] = behind_encoder(
            as_images, AdversarialCNNClassifier(attack_steps=3, max_epochs=10, **cnn)
        )
        found["CNN, certified"] = behind_encoder(
            as_images, AdversarialCNNClassifier(training="ibp", max_epochs=30, **cnn)
        )
    return found


def n_columns_in_use(model, X):
    """How many columns of the table change a probability if their values are exchanged."""
    before, rng = model.predict_proba(X), np.random.default_rng(0)
    count = 0
    for column in X.columns:
        exchanged = X.assign(**{column: rng.permutation(X[column].to_numpy())})
        count += not np.allclose(model.predict_proba(exchanged), before, atol=TOLERANCE)
    return count


def robustness(last, X, y):
    """The accuracy that an attack leaves, and the one that is certain."""
    if hasattr(last, "coef_"):
        exact = adversarial_accuracy(last, X, y, epsilon=EPSILON)
        return exact, exact
    if hasattr(last, "certified_score"):
        worst = last.perturb(X, y, epsilon=EPSILON, steps=STEPS, restarts=RESTARTS)
        attacked = (last.predict(worst) == y).mean()
        # Linear bounds of convolutions take seconds for each image.
        method = "interval" if X.ndim > 2 else "auto"
        return attacked, last.certified_score(X, y, epsilon=EPSILON, method=method)
    rng, holds = np.random.default_rng(0), last.predict(X) == y
    for _ in range(CORNERS):
        holds &= last.predict(X + EPSILON * rng.choice([-1, 1], X.shape)) == y
    return holds.mean(), np.nan


def conciseness(last, X):
    """The mean Gini index of the explanations."""
    if isinstance(last, HistGradientBoostingClassifier):
        return np.nan
    attributions = np.asarray(explain(last, X)).reshape(len(X), -1)
    return gini_index(attributions, zero_division=0.0).mean()


def measure(name, seed):
    table = TABLES[name]
    X, y = table.load()
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.3, random_state=seed, stratify=y
    )
    y_test = np.asarray(y_test)
    for kind, model in models(table, seed).items():
        start = process_time()
        model.fit(X_train, y_train)
        seconds = process_time() - start
        pipeline = getattr(model, "best_estimator_", model)
        encoded = np.asarray(pipeline[:-1].transform(X_test))
        attacked, certain = robustness(pipeline[-1], encoded, y_test)
        yield {
            "table": name,
            "model": kind,
            "accuracy": model.score(X_test, y_test),
            "attacked": attacked,
            "certified": certain,
            "columns": n_columns_in_use(model, X_test),
            "Gini": conciseness(pipeline[-1], encoded),
            "seconds": seconds,
        }


def report(frame):
    """Means, with standard deviations over the splits in brackets, as lines of Markdown."""
    splits = frame.groupby(["table", "model"], sort=False)
    means, spreads = splits.mean(), splits.std()
    digits = {"accuracy": 3, "attacked": 3, "certified": 3, "columns": 0, "Gini": 2, "seconds": 2}
    yield "| model | " + " | ".join(digits) + " |"
    yield "|---" * (len(digits) + 1) + "|"
    for (_, model), row in means.iterrows():
        spread = spreads.loc[row.name]
        cells = [f"{row[key]:.{n}f} ({spread[key]:.{n}f})" for key, n in digits.items()]
        yield f"| {model} | " + " | ".join(cells).replace("nan (nan)", "-") + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--data", nargs="+", choices=[*TABLES], default=[*TABLES])
    arguments = parser.parse_args()
    for name in arguments.data:
        rows = []
        for seed in range(arguments.splits):
            rows += measure(name, seed)
            print(f"{name}: split {seed + 1} of {arguments.splits}", file=sys.stderr, flush=True)
        print(f"\n{name}\n", *report(pd.DataFrame(rows)), sep="\n", flush=True)


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # quadrature of natural networks
        main()
