"""
=================
How many features
=================

A form with three questions or with ten? Each further feature buys less accuracy than the one before
it. :class:`~sklearn_advex.plotting.FrontierDisplay` draws this trade-off, the highest accuracy of
any model of at most k features, so that the number is chosen with open eyes. The data are the 30
measurements of 569 tumors that ship with scikit-learn.
"""

# %%
# All numbers of features at once
# -------------------------------
# :func:`~sklearn_advex.feature_path` finds models of 1, 2, ... features in one search. They are
# computed here without an adversary, and against one who may change every measurement by up to a
# tenth or two tenths of its standard deviation.

import matplotlib.pyplot as plt
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_advex import AdversarialLogisticRegression, feature_path
from sklearn_advex.model_selection import (
    make_adversarial_accuracy_scorer,
    most_concise,
    n_features_scorer,
)
from sklearn_advex.plotting import FrontierDisplay

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, random_state=0, stratify=y)
scaler = StandardScaler().set_output(transform="pandas").fit(X_train)

paths = {
    f"epsilon {epsilon}": feature_path(
        scaler.transform(X_train), y_train, max_features=10, epsilon=epsilon, alpha=1e-3
    )
    for epsilon in (0, 0.1, 0.2)
}
for k, coefficients in zip((1, 2, 3), paths["epsilon 0.1"].coefs[:, 0], strict=False):
    print(k, list(X.columns[coefficients != 0]))

# %%
# The solid lines are the accuracy on tumors that no model has seen, the dashed ones the accuracy
# that is certain if every measurement may be off by a tenth of its standard deviation. Without
# errors of measurement the three ways of training are alike: a few rows apart. With them, the
# models that were trained for it hold better, and beyond the sixth no feature helps.

FrontierDisplay.from_paths(paths, scaler.transform(X_test), y_test, epsilon=0.1)
plt.show()

# %%
# Let cross-validation choose
# ---------------------------
# One split is one sample. A grid search over `max_features` scores every number in five folds, and
# :func:`~sklearn_advex.model_selection.most_concise` takes the fewest features that lose at most
# one percentage point of the best accuracy. The ring marks its choice.

search = GridSearchCV(
    make_pipeline(StandardScaler(), AdversarialLogisticRegression(epsilon=0.1, alpha=1e-3)),
    {"adversariallogisticregression__max_features": [1, 2, 3, 4, 5, 6, 8, 10]},
    scoring={
        "accuracy": "accuracy",
        "n_features": n_features_scorer,
        "adversarial_accuracy": make_adversarial_accuracy_scorer(epsilon=0.1),
    },
    refit=most_concise(max_drop=0.01, sparseness="n_features"),
).fit(X_train, y_train)

FrontierDisplay.from_search(search)
plt.show()

# %%
# The chosen model, and how it does on the other half of the tumors:

model = search.best_estimator_
print(list(X.columns[model[-1].coef_[0] != 0]))
print(f"accuracy {model.score(X_test, y_test):.3f}")
