"""
================
Choosing epsilon
================

How strong should the adversary be? The stronger it is, the fewer features survive training and the
more concise the explanations become, until accuracy suffers. This is an ordinary question of model
selection, and an ordinary grid search answers it: score accuracy and conciseness together, and
take the most concise model that is still accurate enough. The data are 4601 emails of Spambase,
described by 57 numbers, most of them frequencies of words and characters.
"""

# %%
# The range worth searching
# -------------------------
# From `epsilon_max` on, no feature is worth using. :func:`~sklearn_advex.epsilon_grid` spreads
# values below that bound, so that the scale need not be guessed. For each of them a weak l1 penalty
# is tried as well.

import matplotlib.pyplot as plt
from sklearn.datasets import fetch_openml
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_advex import AdversarialLogisticRegression, epsilon_grid
from sklearn_advex.model_selection import gini_scorer, most_concise
from sklearn_advex.plotting import SparsenessGainDisplay, TradeoffDisplay
from sklearn_advex.report import conciseness_report

X, y = fetch_openml("spambase", version=1, return_X_y=True, as_frame=True, parser="pandas")
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0, stratify=y)

pipeline = make_pipeline(StandardScaler(), AdversarialLogisticRegression(l1_ratio=1))
epsilons = epsilon_grid(StandardScaler().fit_transform(X_train), y_train, n=12)
print("epsilon from", epsilons.min().round(4), "to", epsilons.max().round(4))

# %%
# A search with two scores
# ------------------------
# `gini_scorer` explains the predictions of each fold and measures how concentrated the explanations
# are. :func:`~sklearn_advex.model_selection.most_concise` then chooses: of all candidates whose
# accuracy is at most one percentage point below the best, the one with the highest Gini index.

search = GridSearchCV(
    pipeline,
    {
        "adversariallogisticregression__epsilon": epsilons,
        "adversariallogisticregression__alpha": [1e-4, 1e-3, 1e-2],
    },
    scoring={"accuracy": "accuracy", "gini": gini_scorer},
    refit=most_concise(max_drop=0.01),
    cv=3,
)
search.fit(X_train, y_train)
chosen = search.best_estimator_[-1]
print(f"chosen: epsilon {chosen.epsilon:.3g}, alpha {chosen.alpha:g}")

# %%
# Each curve belongs to one `alpha`, and `epsilon` grows along it. The gray band holds the
# candidates that are accurate enough; the ring marks the chosen one. The curves are steep at first,
# where conciseness costs little, and flatten as every gain is paid for in accuracy.

TradeoffDisplay.from_search(search)
plt.show()

# %%
# What it costs and what it brings
# --------------------------------
# On emails that no model has seen, the chosen model is compared with ordinary logistic regression
# (the reference "n") and with an l1-penalized one of about the same accuracy. For linear models
# such a penalty makes explanations nearly as concise, as the paper found too. The adversarial
# accuracy is the share of the emails that no change of 0.05 standard deviations per feature can
# misclassify.

models = {
    "n": make_pipeline(StandardScaler(), AdversarialLogisticRegression(epsilon=0)),
    "l: lambda 0.005": make_pipeline(
        StandardScaler(), AdversarialLogisticRegression(epsilon=0, alpha=0.005, l1_ratio=1)
    ),
}
models = {name: model.fit(X_train, y_train) for name, model in models.items()}
models["chosen"] = search.best_estimator_
report = conciseness_report(models, X_test, y_test, epsilon=0.05)
print(report.drop(columns=["gini_gain_low", "gini_gain_high"]).round(3).to_string())

# %%
# The mean gain in the Gini index hides how it varies. The boxes show it email by email.

SparsenessGainDisplay.from_estimators(models, X_test)
plt.show()
