"""A table with three categories and two numbers, and every flip of its rows."""

import itertools

import numpy as np

GROUPS = [[0, 1, 2], [3, 4], [5, 6, 7, 8]]
N_FEATURES = 11  # two numbers behind three categories


def table(n_samples=200, seed=0, n_classes=2):
    generator = np.random.default_rng(seed)
    X = np.zeros((n_samples, N_FEATURES))
    for group in GROUPS:
        X[np.arange(n_samples), generator.choice(group, n_samples)] = 1.0
    X[:, 9:] = generator.normal(size=(n_samples, 2))
    score = X @ generator.normal(size=N_FEATURES) * 2 + 0.3 * generator.normal(size=n_samples)
    return X.astype(np.float32), np.digitize(
        score, np.quantile(score, np.arange(1, n_classes) / n_classes)
    )


def all_flips(row, max_flips):
    """Every row that differs in at most so many categories."""
    for choice in itertools.product(*[[None, *group] for group in GROUPS]):
        other = row.copy()
        for group, column in zip(GROUPS, choice, strict=True):
            if column is not None:
                other[group] = 0.0
                other[column] = 1.0
        if sum(bool((other[g] != row[g]).any()) for g in GROUPS) <= max_flips:
            yield other
