"""
===============================================
Explanations in the columns that the user knows
===============================================

Categories are one-hot encoded before a linear model sees them: the 22 questions about a mushroom
become more than a hundred columns of zeros and ones, in which an explanation is hard to read.
:func:`~sklearn_advex.explain` follows every encoded column back to where it came from and sums what
belongs together, so the explanation of a pipeline has the columns of the table that went into it.
"""

# %%
# A pipeline over categories
# --------------------------
# All 22 columns are categorical, and one of them has missing values. The pipelines impute, encode
# and classify; one is trained in the ordinary way, one against an adversary with epsilon 0.1.

import matplotlib.pyplot as plt
from sklearn.datasets import fetch_openml
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sklearn_advex import AdversarialLogisticRegression, explain
from sklearn_advex.plotting import AttributionDisplay, FeatureImpactDisplay, FrontierDisplay

X, y = fetch_openml("mushroom", version=1, return_X_y=True, as_frame=True, parser="pandas")
X = X.astype(object).rename(columns={"bruises%3F": "bruises"})
y = y.map({"e": "edible", "p": "poisonous"}).astype(str)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0, stratify=y)


def pipeline(epsilon, **parameters):
    return make_pipeline(
        SimpleImputer(strategy="constant", fill_value="missing"),
        OneHotEncoder(handle_unknown="ignore"),
        AdversarialLogisticRegression(epsilon=epsilon, **parameters),
    )


models = {
    "natural": pipeline(0).fit(X_train, y_train),
    "adversarial, epsilon 0.1": pipeline(0.1).fit(X_train, y_train),
}
for name, model in models.items():
    print(f"{name}: accuracy {model.score(X_test, y_test):.3f}")

# %%
# From encoded columns to original ones
# -------------------------------------
# With ``groups=None`` there is one attribution per encoded column, by default one per column of
# the table. Nothing gets lost on the way: the sums of the rows agree.

model = models["adversarial, epsilon 0.1"]
encoded = explain(model, X_test, groups=None)
original = explain(model, X_test)
print("encoded columns:", encoded.shape[1], " original columns:", original.shape[1])
print("largest difference of row sums:", abs(encoded.sum(axis=1) - original.sum(axis=1)).max())

# %%
# One mushroom
# ------------
# Behind each name is the answer in the table ("odor = n" is none). With ``baseline="mean"`` the
# mushroom is compared with the average one of the training data.

edible = X_test[y_test == "edible"]
AttributionDisplay.from_estimator(model, edible.iloc[[0]], top=6, baseline="mean")
plt.show()

# %%
# All mushrooms
# -------------
# The mean absolute attribution of a column is its impact. Sorted by the impact on the natural
# model, it shows which columns the adversarially trained model can do without. `veil-type`, which
# has the same value in every row, matters to neither.

FeatureImpactDisplay.from_estimators(models, X_test, threshold=0, top=None)
plt.show()

# %%
# Accuracy against the number of columns
# --------------------------------------
# How many columns does a model need? Each line is the highest test accuracy of all models with at
# most k columns, along a path of epsilons and along one of l1 penalties; dashed, the accuracy
# that is left if each encoded column may change by 0.1. If accuracy is all that matters an l1
# penalty is enough here: its models need no more columns. With the same columns the models that
# were trained against an adversary hold better under attack.

paths = {
    "adversarial: epsilon 0.3 to 0.07": [
        pipeline(epsilon).fit(X_train, y_train) for epsilon in (0.3, 0.2, 0.15, 0.12, 0.1, 0.07)
    ],
    "l1: lambda 0.1 to 0.003": [
        pipeline(0, alpha=alpha, l1_ratio=1).fit(X_train, y_train)
        for alpha in (0.1, 0.05, 0.02, 0.01, 0.007, 0.005, 0.003)
    ],
}
FrontierDisplay.from_paths(paths, X_test, y_test, epsilon=0.1)
plt.show()
