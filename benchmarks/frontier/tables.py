"""The tables on which models of few features are compared, and how they are split and scaled."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import pandas as pd
from sklearn.datasets import fetch_openml, load_breast_cancer, load_digits, load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler


@dataclass
class Table:
    """A binary problem with labels -1 and 1.

    Parameters
    ----------
    name, title : str
    load : callable
        Returns X, y (boolean), and the column of the user's table of each column of X, or None
        where that is the same.
    standardized : bool
        Otherwise X is left as it is: zeros and ones, or pixels, which are between 0 and 1.
    """

    name: str
    title: str
    load: Callable
    standardized: bool = True

    @cached_property
    def data(self):
        X, is_positive, groups = self.load()
        return np.asarray(X, dtype=float), np.where(is_positive, 1.0, -1.0), groups

    def split(self, seed):
        """X and y of 70 % of the rows, and of the others."""
        X, y, _ = self.data
        X, X_test, y, y_test = train_test_split(X, y, test_size=0.3, random_state=seed, stratify=y)
        if self.standardized:
            scaler = StandardScaler().fit(X)
            X, X_test = scaler.transform(X), scaler.transform(X_test)
        return X, y, X_test, y_test

    @property
    def counted(self):
        return "features" if self.data[2] is None else "columns"


def breast_cancer():
    X, y = load_breast_cancer(return_X_y=True)
    return X, y == 1, None


def wine():
    X, y = load_wine(return_X_y=True)
    return X, y == 1, None


def digits():
    X, y = load_digits(return_X_y=True)
    return X / 16, y % 2 == 1, None


def spambase():
    X, y = fetch_openml(data_id=44, return_X_y=True, as_frame=False)
    return X, y.astype(int) == 1, None


def mushroom(in_columns):
    table = fetch_openml(data_id=24, as_frame=True)
    answers = table.data.astype(str)
    X = pd.get_dummies(answers)
    groups = np.repeat(np.arange(answers.shape[1]), answers.nunique())
    return X, table.target == "p", groups if in_columns else None


def mnist(first, second):
    X, y = fetch_openml("mnist_784", version=1, return_X_y=True, as_frame=False)
    rows = np.isin(y, [first, second])
    return X[rows] / 255, y[rows] == second, None


TABLES = [
    Table("breast_cancer", "Breast cancer, 569 x 30", breast_cancer),
    Table("wine", "Wine, one cultivar of three, 178 x 13", wine),
    Table("digits", "Digits, odd or even, 1797 x 64", digits, standardized=False),
    Table("spambase", "Spambase, 4601 x 57", spambase),
    Table("mushroom", "Mushroom, encoded, 8124 x 117", partial(mushroom, False), False),
    Table("mushroom_columns", "Mushroom, 22 columns, 8124 x 117", partial(mushroom, True), False),
    Table("mnist", "MNIST, 3 or 8, 13966 x 784", partial(mnist, "3", "8"), standardized=False),
]
