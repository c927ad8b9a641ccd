"""
===========================
Clustering the explanations
===========================

Emails are spam for different reasons. Clustering the emails themselves would find groups that write
alike; clustering the *explanations* of a spam filter finds groups that were caught for the same
reason. :class:`~sklearn_advex.AttributionTransformer` is a step of a pipeline that turns every
email into the attributions of its prediction, and any scikit-learn estimator can take it from
there.
"""

# %%
# A concise spam filter
# ---------------------
# An adversary with epsilon 0.1 leaves half of the 57 features in use, few of them in any one email.
# That is what makes the clusters readable: a reason consists of a few words.

from urllib.parse import unquote

import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import fetch_openml
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

from sklearn_advex import AdversarialLogisticRegression, AttributionTransformer
from sklearn_advex.plotting import AttributionDisplay

X, y = fetch_openml("spambase", version=1, return_X_y=True, as_frame=True, parser="pandas")
X.columns = [unquote(name).split("_freq_")[-1] for name in X.columns]  # "char_freq_%24" is "$"
y = y.map({"0": "ham", "1": "spam"}).astype(str)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0, stratify=y)

spam_filter = make_pipeline(StandardScaler(), AdversarialLogisticRegression(epsilon=0.1))
spam_filter.fit(X_train, y_train)
print(f"accuracy: {spam_filter.score(X_test, y_test):.3f}")
print("features in use:", np.count_nonzero(spam_filter[-1].coef_), "of", X.shape[1])

# %%
# From emails to reasons to clusters
# ----------------------------------
# A frozen filter is explained as it is. Normalizing the attributions leaves their proportions: two
# emails are close if the same words made them spam, however strongly.

attributions = AttributionTransformer(FrozenEstimator(spam_filter), target="spam")
reasons = make_pipeline(attributions, Normalizer(), KMeans(5, n_init=10, random_state=0))
reasons.fit(X_train[spam_filter.predict(X_train) == "spam"])

caught = X_test[spam_filter.predict(X_test) == "spam"]
cluster = reasons.predict(caught)
print("emails per cluster:", np.bincount(cluster))

# %%
# What the clusters mean
# ----------------------
# The mean attributions of the emails of a cluster are its reason. Displays draw any attributions
# that they are given, also such means.

values = attributions.set_output(transform="pandas").transform(caught)
figure, axes = plt.subplots(3, 2, figsize=(11, 8), layout="constrained")
for ax, (label, members) in zip(axes.flat, values.groupby(cluster), strict=False):
    display = AttributionDisplay(members.mean(), feature_names=values.columns, target="spam")
    display.plot(ax, top=4)
    ax.set(title=f"cluster {label}: {len(members)} emails", xlabel="")
axes.flat[-1].set_axis_off()
figure.supxlabel("mean attribution to the probability of spam")
plt.show()
