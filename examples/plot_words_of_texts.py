"""
==================
The words of texts
==================

Texts become thousands of columns, one per word, and a linear model of them gives every word a
weight. Trained against an adversary it keeps a short list of words, and each text is explained by
those of them that it contains. The texts here are the documentation of SciPy's functions, which is
on every machine that runs this; the question is whether a page belongs to the module of statistics.
"""

# %%
# Collect the texts
# -----------------
# Names of modules are taken out, since they give the answer away.

import importlib
import inspect
import re

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from sklearn_advex import AdversarialLogisticRegression, explain
from sklearn_advex.plotting import AttributionDisplay

MODULES = ["stats", "signal", "optimize", "linalg", "ndimage", "interpolate", "spatial", "fft"]

pages, labels = {}, {}
for module_name in MODULES:
    module = importlib.import_module(f"scipy.{module_name}")
    for name in module.__all__:
        text = inspect.getdoc(getattr(module, name)) or ""
        if callable(getattr(module, name)) and len(text) > 300:
            pages[name] = re.sub(rf"scipy|{'|'.join(MODULES)}", " ", text)
            labels[name] = "statistics" if module_name == "stats" else "other"
texts, y = np.array(list(pages.values())), np.array(list(labels.values()))
train, test = train_test_split(np.arange(len(y)), test_size=0.3, random_state=0, stratify=y)
print(len(y), "pages,", (y == "statistics").sum(), "of them statistics")

# %%
# From all words to a few
# ------------------------
# With ``binary=True`` a word is there or not, 1 or 0. The adversary with epsilon 0.05 may move each
# of these numbers by a twentieth: a word that tells the classes apart less than that is not worth
# keeping. The counts and the attributions stay sparse.


def fitted(epsilon):
    vectorizer = CountVectorizer(binary=True, min_df=5, token_pattern=r"[A-Za-z]{3,}")
    classifier = AdversarialLogisticRegression(epsilon=epsilon)
    return make_pipeline(vectorizer, classifier).fit(texts[train], y[train])


models = {epsilon: fitted(epsilon) for epsilon in (0, 0.02, 0.05, 0.1)}
for epsilon, model in models.items():
    n_words = np.count_nonzero(model[-1].coef_)
    n_used = (explain(model, texts[test]) != 0).sum(axis=1).mean()
    print(
        f"epsilon {epsilon:4}: accuracy {model.score(texts[test], y[test]):.3f},",
        f"{n_words} words, {n_used:.1f} of them in a page",
    )

# %%
# What few words cost is a few points of accuracy: with epsilon 0.1 a page is explained by about ten
# words where it took a hundred and seventy. These are the heaviest of the words that the model
# knows:

model = models[0.1]
words = model[0].get_feature_names_out()
order = np.argsort(-abs(model[-1].coef_[0]))[:20]
figure, ax = plt.subplots(figsize=(7, 5), layout="constrained")
colors = np.where(model[-1].coef_[0][order] > 0, "#0072B2", "#D55E00")
ax.barh(words[order], model[-1].coef_[0][order], color=colors)
ax.invert_yaxis()
ax.set(xlabel="weight in the log-odds of statistics", title="The 20 heaviest words")
plt.show()

# %%
# One page
# --------
# Compared with an empty page, which is what the baseline 0 means for words, only words that are
# there have an attribution. The same page by the natural model and by the concise one; what is not
# shown is summed up in the gray bar.

page = test[y[test] == "statistics"][[0]]
print(list(pages)[page[0]] + ":", texts[page[0]][:130].replace("\n", " "), "...")
figure, axes = plt.subplots(2, 1, figsize=(8, 8), layout="constrained")
for ax, epsilon in zip(axes, (0, 0.1), strict=True):
    AttributionDisplay.from_estimator(
        models[epsilon], texts[page], target="statistics", output="logit", ax=ax
    )
    ax.set_title(f"epsilon {epsilon}\n{ax.get_title()}")
plt.show()
