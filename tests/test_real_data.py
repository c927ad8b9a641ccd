"""The paper's linear story on its own data, the way a user would run it."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_advex import AdversarialLogisticRegression
from sklearn_advex.model_selection import gini_scorer, most_concise

MODELS = {
    "n": AdversarialLogisticRegression(epsilon=0, alpha=1e-6),
    "l": AdversarialLogisticRegression(epsilon=0, alpha=0.02, l1_ratio=1),
    "a": AdversarialLogisticRegression(epsilon=0.1, alpha=0),
}
ENCODERS = {"spambase": StandardScaler(), "mushroom": OneHotEncoder(handle_unknown="ignore")}
# Mean Gini and accuracy over five splits of an independent implementation.
EXPECTED = {
    ("spambase", "a"): (0.810, 0.875),
    ("spambase", "l"): (0.799, 0.882),
    ("mushroom", "a"): (0.983, 0.994),
    ("mushroom", "l"): (0.981, 0.976),
    ("mushroom", "n"): (0.91, 1.000),
}


@pytest.mark.parametrize(("name", "kind"), EXPECTED)
def test_conciseness_and_accuracy_agree_with_an_independent_implementation(openml, name, kind):
    X, y = openml(name)
    results = []
    for seed in range(5):
        X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=seed)
        model = make_pipeline(clone(ENCODERS[name]), clone(MODELS[kind])).fit(X_train, y_train)
        results.append((gini_scorer(model, X_test), model.score(X_test, y_test)))
    np.testing.assert_allclose(np.mean(results, axis=0), EXPECTED[name, kind], atol=0.01)


def test_a_search_over_a_pipeline_picks_a_concise_model_for_raw_frames(openml):
    X, y = openml("mushroom")
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0)
    encoder = make_column_transformer(
        (
            make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder()),
            make_column_selector(),
        )
    )
    search = GridSearchCV(
        make_pipeline(encoder, AdversarialLogisticRegression()),
        {
            "adversariallogisticregression__epsilon": [0.01, 0.05, 0.1],
            "adversariallogisticregression__alpha": [1e-4, 1e-3],
        },
        scoring={"accuracy": "accuracy", "gini": gini_scorer},
        refit=most_concise(max_drop=0.01),
        cv=3,
    ).fit(X_train, y_train)

    accuracy, gini = (search.cv_results_[f"mean_test_{score}"] for score in ("accuracy", "gini"))
    eligible = accuracy >= accuracy.max() - 0.01
    assert gini[search.best_index_] == gini[eligible].max()
    assert search.best_estimator_.score(X_test, y_test) > 0.98
    assert search.best_estimator_.predict(X_test.iloc[:3]).shape == (3,)
    plain = make_pipeline(encoder, MODELS["n"]).fit(X_train, y_train)
    assert gini[search.best_index_] > gini_scorer(plain, X_test) + 0.04
