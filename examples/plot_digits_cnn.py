"""
A network that holds under attack
=================================

A convolutional network is trained on 8x8 images of digits twice: naturally, and against an
adversary who may change every pixel by up to 0.15 of its range. Both classify new images well, but
only the second one holds under attack. Its predictions rest on hardly fewer pixels: on images this
small the gain in conciseness is one or two hundredths of the Gini index, and not in every image.
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
# `gini_gain` is the gain in the Gini index of the explanations over the natural network. The
# adversarial accuracy is that under ten steps of projected gradient descent.
report = conciseness_report(
    models, X_test, y_test, reference="natural", methods=["ig", "deep_shap"], epsilon=0.15
)
columns = ["accuracy", "adversarial_accuracy", "gini", "gini_gain"]
print(report[columns].to_string(float_format="{:.3f}".format))

# %%
# Look at it
# ----------
# Blue pixels are evidence for the predicted digit, red ones against it.
SaliencyDisplay.from_estimators(models, X_test[:5], y_test[:5])
plt.show()
