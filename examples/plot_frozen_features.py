"""
====================================
Who can change what: loans as a test
====================================

An applicant can shift the income that he states by a few percent, his bank statement hardly, his
age not at all. :class:`~sklearn_advex.AdversarialLogisticRegression` takes one `epsilon` per
feature, so a model can be trained to hold against just these changes. No table of real loans ships
with scikit-learn, so the applications are made up here; in return it is known what decides about
them.
"""

# %%
# A table with a lure
# -------------------
# Whether a loan is repaid depends on the free income, the years in the job, past arrears and the
# age. The free income itself is not in the table. It shows in two columns: in what the applicant
# states, which is exact but easy to dress up, and in the mean balance on the account, which is
# noisy but nobody's invention.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from sklearn_advex import AdversarialLogisticRegression, explain
from sklearn_advex.attribution import worst_case_rows
from sklearn_advex.plotting import AttributionDisplay

rng = np.random.default_rng(0)
n = 4000
free_income = rng.gamma(4, 400, n)  # euros a month
table = pd.DataFrame(
    {
        "stated free income": free_income.round(-1),
        "mean balance": (1.5 * free_income + rng.normal(0, 700, n)).round(-1),
        "years in the job": rng.exponential(6, n).round(1),
        "arrears": rng.poisson(0.4, n),
        "age": rng.integers(20, 70, n),
    }
)
score = (
    0.0015 * (free_income - 1600)
    + 0.10 * (table["years in the job"] - 6)
    - 1.5 * table["arrears"]
    + 0.03 * (table["age"] - 45)
)
repaid = np.where(score + rng.logistic(size=n) > -0.8, "repaid", "default")
X_train, X_test, y_train, y_test = train_test_split(table, repaid, test_size=0.5, random_state=0)

# %%
# What can be changed
# -------------------
# One number per column, in the column's own units: 500 euros of stated income, 50 of the balance,
# half a year in the job. The register of arrears and the age are frozen by a 0. A dict names every
# column, so that no number lands on the wrong one. Columns of such different sizes need no scaler:
# what scaling would be for is said by `epsilon`.

epsilon = {
    "stated free income": 500,
    "mean balance": 50,
    "years in the job": 0.5,
    "arrears": 0,
    "age": 0,
}
models = {
    "natural": AdversarialLogisticRegression(epsilon=0, alpha=0),
    "adversarial": AdversarialLogisticRegression(epsilon=epsilon, alpha=0),
}
for name, model in models.items():
    model.fit(X_train, y_train)
    print(
        f"{name:12} accuracy {model.score(X_test, y_test):.3f},",
        f"after changes {model.adversarial_score(X_test, y_test, epsilon=epsilon):.3f}",
    )

# %%
# The natural model is nearly four points better as long as everybody tells the truth. When
# everybody makes the change that is worst for it, it is no better than a coin, and the adversarial
# model hardly moves. The coefficients, times the standard deviation of their column, show why: the
# adversarial model has moved its trust from the stated income to the balance.

weights = pd.DataFrame({name: model.coef_[0] * table.std() for name, model in models.items()})
ax = weights.plot.barh(figsize=(7, 3.5), color=["#999999", "#0072B2"])
ax.invert_yaxis()
ax.set_xlabel("log-odds of repayment per standard deviation")
ax.axvline(0, color="black", linewidth=0.8)
ax.figure.set_layout_engine("constrained")
plt.show()

# %%
# One application before and after
# --------------------------------
# :func:`~sklearn_advex.attribution.worst_case_rows` makes the changes that hurt a given model most.
# Of the applications that ended in default, one is taken that the natural model refuses as it is,
# and grants once it is dressed up.

natural, robust = models["natural"], models["adversarial"]
defaults = X_test[y_test == "default"]
dressed = worst_case_rows(natural, defaults, ["default"] * len(defaults), epsilon=epsilon)
turned = (natural.predict(defaults) == "default") & (natural.predict(dressed) == "repaid")
stays = robust.predict(dressed) == "default"
print(f"{turned.sum()} of {len(defaults)} defaults become loans of the natural model,")
print(f"{(turned & stays).sum()} of these are still refused by the adversarial one")

pair = pd.DataFrame(
    {"before": defaults[turned & stays].iloc[0], "after": dressed[turned & stays].iloc[0]}
)
print(pair.to_string())

# %%
# Both models explain the dressed-up application, against the average one: what each column adds to
# the log-odds that it will be repaid.

row = dressed[turned & stays].iloc[[0]]
figure, axes = plt.subplots(1, 2, figsize=(13, 3.2), layout="constrained", sharex=True)
for ax, (name, model) in zip(axes, models.items(), strict=True):
    AttributionDisplay.from_estimator(
        model, row, target="repaid", output="logit", baseline="mean", ax=ax
    )
    ax.set_title(f"{name}\n{ax.get_title()}")
plt.show()

# %%
# The share of each column in all explanations of the test rows:

for name, model in models.items():
    impact = explain(model, X_test, output="logit", baseline="mean").abs().mean()
    print(name, (impact / impact.sum()).round(2).to_dict())
