"""
A network that looks at fewer pixels
====================================

A convolutional network is trained on 8x8 images of digits twice: naturally, and against an
adversary who may change every pixel by up to 0.15 of its range. Both classify new images well. Only
the second one holds under attack, and its predictions rest on fewer pixels.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_advex import AdversarialCNNClassifier
from sklearn_advex.plotting import SaliencyDisplay
from sklearn_advex.report import conciseness_report

digits = load_digits()
X_train, X_test, y_train, y_test = train_test_split(
    digits.images / 16, digits.target, test_size=0.3, random_state=0
)

# %%
# Train both
# ----------
# ``training=None`` is natural training. The network is the paper's, on a smaller scale.
shared = {
    "module__n_filters": (16, 32),
    "module__n_hidden": 128,
    "batch_size": 64,
    "lr": 0.003,
    "lr_schedule": "linear",
    "random_state": 0,
}
natural = AdversarialCNNClassifier(training=None, max_epochs=15, **shared)
adversarial = AdversarialCNNClassifier(
    epsilon=0.15, attack_steps=5, epsilon_warmup=0.5, max_epochs=30, **shared
)
models = {
    "natural": natural.fit(X_train, y_train),
    "adversarial": adversarial.fit(X_train, y_train),
}

# %%
# Compare them
# ------------
# dG is what a model gains in the Gini index of its explanations over the natural one. The
# adversarial accuracy is that under ten steps of projected gradient descent.
report = conciseness_report(
    models, X_test, y_test, reference="natural", methods=["ig", "deep_shap"], epsilon=0.15
)
columns = ["accuracy", "adversarial_accuracy", "Gini", "dG", "dG_low", "dG_high"]
print(report[columns].to_string(float_format="{:.3f}".format))

# %%
# Look at it
# ----------
# Blue pixels speak for the predicted digit, red ones against it.
SaliencyDisplay.from_estimators(models, X_test[:5], y_test[:5])
plt.show()
