"""
======================
Explaining a diagnosis
======================

A model that says "malignant" should say why, and in a few words. Here two logistic regressions look
at the same tumor of the breast cancer data: one trained in the ordinary way, one trained against
an adversary who may change every measurement by a tenth of its standard deviation. Both are right,
neither is sure, and only one of them gives a reason that fits in a sentence.
"""

# %%
# Two models
# ----------
# The measurements have different units, so they are put on one scale first. Then one `epsilon`
# makes sense for all of them. With ``epsilon=0`` the same class is ordinary logistic regression.

import matplotlib.pyplot as plt
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_advex import AdversarialLogisticRegression, explain
from sklearn_advex.metrics import gini_index
from sklearn_advex.plotting import AttributionDisplay

data = load_breast_cancer(as_frame=True)
diagnosis = data.target.map(dict(enumerate(data.target_names)))
X_train, X_test, y_train, y_test = train_test_split(
    data.data, diagnosis, test_size=0.3, random_state=0, stratify=diagnosis
)
models = {
    "natural": make_pipeline(StandardScaler(), AdversarialLogisticRegression(epsilon=0)),
    "adversarial": make_pipeline(StandardScaler(), AdversarialLogisticRegression(epsilon=0.1)),
}
for name, model in models.items():
    model.fit(X_train, y_train)
    print(f"{name}: accuracy {model.score(X_test, y_test):.3f}")

# %%
# One tumor
# ----------
# Each bar is what a measurement adds to the predicted probability or takes from it, compared with
# a tumor that is average in everything. The bars of a model sum to the whole change of its
# probability: nothing is estimated, nothing is left out. The number behind a name is the
# measurement itself, in its own units.

malignant = X_test[y_test == "malignant"]
tumor = malignant.iloc[[20]]

figure, axes = plt.subplots(2, 1, figsize=(8, 9), layout="constrained", sharex=True)
for ax, (name, model) in zip(axes, models.items(), strict=True):
    AttributionDisplay.from_estimator(model, tumor, ax=ax)
    gini = gini_index(explain(model, tumor))[0]
    ax.set_title(f"{name} model, Gini {gini:.2f}\n{ax.get_title()}")
plt.show()

# %%
# The natural model sums large numbers of both signs, most of which cancel: no single one of them is
# the reason. The adversarially trained model is carried by the smoothness, against the texture, and
# what it does not use has an attribution of exactly zero.
#
# Why not benign?
# ---------------
# The same question can be asked about any class. In the units of the log-odds the attributions
# for one class are those for the other with the signs reversed.

AttributionDisplay.from_estimator(
    models["adversarial"], tumor, target="benign", output="logit", top=6
)
plt.show()
