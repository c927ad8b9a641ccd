"""
======================
A network with a proof
======================

An attack that fails proves nothing: another one may succeed. Networks that are trained on bounds
of their outputs come with a proof instead, and on tables they cost seconds. Here multilayer
perceptrons trained naturally, against an attack (PGD) and on interval bounds are compared with the
linear model whose worst case is known exactly, on 4601 emails of Spambase.
"""

# %%
# Four models and one adversary
# -----------------------------
# The adversary may change every scaled frequency by up to 0.1 standard deviations. What an attack
# leaves standing is an upper bound of the accuracy in the worst case, what bounds prove a lower
# one.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import fetch_openml
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from sklearn_advex import AdversarialLogisticRegression, AdversarialMLPClassifier, explain
from sklearn_advex.metrics import gini_index

EPSILON = 0.1
X, y = fetch_openml("spambase", version=1, return_X_y=True, as_frame=True, parser="pandas")
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0, stratify=y)
scaler = StandardScaler().set_output(transform="pandas").fit(X_train)
X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)

models = {
    "linear": AdversarialLogisticRegression(EPSILON, alpha=1e-4),
    "natural": AdversarialMLPClassifier(training=None, random_state=0),
    "PGD": AdversarialMLPClassifier(training="pgd", attack_steps=5, random_state=0, max_epochs=20),
    "certified": AdversarialMLPClassifier(epsilon=EPSILON, random_state=0),
}
for model in models.values():
    model.fit(X_train, y_train)

# %%
# Accuracy, attacked and certified
# --------------------------------
# For the linear model both bounds are the same number. The naturally trained network is accurate
# and fragile. The one trained against PGD withstands the attack, but less of that can be proven.
# The certified network is nearly as accurate, its two bounds nearly meet, and its explanations are
# the shortest.


def row(model):
    if hasattr(model, "certified_score"):
        under_attack = model.adversarial_score(X_test, y_test, epsilon=EPSILON, steps=40)
        certified = model.certified_score(X_test, y_test, epsilon=EPSILON)
    else:  # the worst case itself
        under_attack = certified = model.adversarial_score(X_test, y_test, epsilon=EPSILON)
    return {
        "accuracy": model.score(X_test, y_test),
        "under attack": under_attack,
        "certified": certified,
        "Gini": gini_index(explain(model, X_test)).mean(),
    }


table = pd.DataFrame({name: row(model) for name, model in models.items()}).T
print(table.round(3))

# %%
# How far each email is from another verdict
# ------------------------------------------
# :meth:`~sklearn_advex.AdversarialMLPClassifier.certified_radius` gives each prediction a radius of
# its own: within it, nothing that the adversary does to any feature changes the verdict.

figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
colors = ["#0072B2", "#E69F00", "#009E73", "#999999"]
table.plot.bar(ax=axes[0], rot=0, width=0.8, color=colors)
axes[0].legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, fontsize=8, frameon=False)
for name, color in zip(("natural", "PGD", "certified"), ("#999999", *colors[1:3]), strict=True):
    radii = np.sort(models[name].certified_radius(X_test, method="interval"))
    axes[1].plot(radii, 1 - np.arange(len(radii)) / len(radii), label=name, color=color)
axes[1].axvline(EPSILON, color="gray", linewidth=1)
axes[1].set(xlim=(0, 0.3), xlabel="certified radius", ylabel="share of emails")
axes[1].legend()
plt.show()

# %%
# What the certified network looks at
# -----------------------------------
# The explanation of one prediction, the features with the largest attributions first.

attribution = explain(models["certified"], X_test[:1]).iloc[0]
print(attribution.sort_values(key=abs, ascending=False).head(8).round(3))
