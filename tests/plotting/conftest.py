"""Drawing without a screen, and models to draw."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_advex import AdversarialLogisticRegression, AdversarialLogisticRegressionCV
from sklearn_advex.model_selection import gini_scorer, most_concise


@pytest.fixture(autouse=True)
def pyplot():
    """pyplot on a backend that needs no screen; all figures are closed afterwards."""
    import matplotlib.pyplot as plt

    plt.close("all")  # before it, for figures that doctests of another folder left
    plt.switch_backend("Agg")
    yield plt
    plt.close("all")


@pytest.fixture(scope="session")
def table():
    """Rows of one word and three numbers, and two classes that depend on all but the last."""
    rng = np.random.default_rng(0)
    n = 200
    X = pd.DataFrame(
        {
            "color": rng.choice(["red", "green", "blue"], n),
            "size": rng.normal(5.0, 2.0, n),
            "weight": rng.normal(70.0, 9.0, n),
            "noise": rng.normal(size=n),
        },
        index=[f"row {i}" for i in range(n)],
    )
    score = (X["color"] == "red") + (X["size"] - 5) / 2 + (X["weight"] - 70) / 18
    y = np.where(score + rng.normal(scale=0.4, size=n) > 0.3, "good", "bad")
    return X, y


@pytest.fixture(scope="session")
def models(table):
    """A natural and an adversarially trained pipeline, by name."""

    def fitted(epsilon):
        encode = make_column_transformer(
            (StandardScaler(), ["noise", "weight", "size"]), (OneHotEncoder(), ["color"])
        )
        model = AdversarialLogisticRegression(epsilon=epsilon)
        return make_pipeline(encode, model).fit(*table)

    return {"n": fitted(0), "a: epsilon 0.2": fitted(0.2)}


@pytest.fixture(scope="session")
def search(table):
    X, y = table
    return GridSearchCV(
        make_pipeline(StandardScaler(), AdversarialLogisticRegression(l1_ratio=1)),
        {
            "adversariallogisticregression__epsilon": [0.2, 0.02, 0.1],
            "adversariallogisticregression__alpha": [1e-3, 1e-2],
        },
        scoring={"accuracy": "accuracy", "gini": gini_scorer},
        refit=most_concise(max_drop=0.02),
        cv=3,
    ).fit(X.drop(columns="color"), y)


@pytest.fixture(scope="session")
def path_model(table):
    X, y = table
    model = AdversarialLogisticRegressionCV(6, alphas=[1.0, 1e-2, 0.5], cv=3, max_drop=0.02)
    return make_pipeline(StandardScaler(), model).fit(X.drop(columns="color"), y)
