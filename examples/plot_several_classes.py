"""
==================================
Three wines, three sets of reasons
==================================

With more than two classes each class has reasons of its own: what makes a wine one cultivar need
not be what makes another wine another one. :class:`~sklearn_advex.AdversarialLogisticRegression`
learns each class against the rest, so each class gets a short list of its own. The data are 178
wines of three cultivars with 13 chemical measurements, which ship with scikit-learn.
"""

# %%
# At most two measurements for each class
# ---------------------------------------
# With more than two classes `max_features` limits each class by itself. For comparison there is
# scikit-learn's own logistic regression, which all functions here take as well.

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_advex import AdversarialLogisticRegression, explain
from sklearn_advex.metrics import feature_value_impact
from sklearn_advex.plotting import AttributionDisplay
from sklearn_advex.report import conciseness_report

X, y = load_wine(return_X_y=True, as_frame=True)
X = X.rename(columns={"od280/od315_of_diluted_wines": "od280/od315"})
y = "cultivar " + y.astype(str)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, random_state=0, stratify=y)

models = {
    "softmax": LogisticRegression(),
    "adversarial": AdversarialLogisticRegression(epsilon=0.2),
    "two each": AdversarialLogisticRegression(epsilon=0.2, max_features=2),
}
for name, classifier in models.items():
    models[name] = make_pipeline(StandardScaler(), classifier).fit(X_train, y_train)
short = models["two each"]
for label, support in zip(short.classes_, short[-1].support_, strict=True):
    print(label, list(X.columns[support]))

# %%
# What it costs
# -------------
# The adversarial accuracy is exact for more than two classes too: each rival class is compared with
# the true one at the change that favors it most. There are 89 wines to test on, so one wine is more
# than a percentage point.

report = conciseness_report(models, X_test, y_test, reference="softmax", epsilon=0.2)
print(report[["accuracy", "adversarial_accuracy", "gini", "n_columns"]].round(3).to_string())

# %%
# One wine, three questions
# -------------------------
# Why this cultivar? Why not the others? `target` names the class that is asked about, and what is
# explained is its probability against the rest: of the 13 measurements only the two on the list of
# the class can have a part in it.

wine = X_test[y_test == "cultivar 1"].iloc[[0]]
figure, axes = plt.subplots(3, 1, figsize=(7, 5), layout="constrained", sharex=True)
for ax, label in zip(axes, short.classes_, strict=True):
    AttributionDisplay.from_estimator(short, wine, target=label, top=2, ax=ax)
plt.show()

# %%
# The reasons of each class
# -------------------------
# The mean size of the attributions of the wines of a class, for their own class. Measurements that
# no class needs have no row.

impacts = pd.DataFrame(
    {
        label: feature_value_impact(explain(short, X_test[y_test == label], target=label))
        for label in short.classes_
    },
    index=X.columns,
)
impacts = impacts[(impacts > 0).any(axis=1)]
figure, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
image = ax.imshow(impacts, cmap="Blues", aspect="auto", vmin=0)
ax.set_xticks(range(impacts.shape[1]), impacts.columns)
ax.set_yticks(range(impacts.shape[0]), impacts.index)
figure.colorbar(image, label="mean |attribution|")
plt.show()
