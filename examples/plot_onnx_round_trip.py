"""
==================================
Out of Python and back: ONNX files
==================================

A service that answers with a prediction needs neither Python nor this package. A pipeline is
written to one ONNX file, table columns in and probabilities out, and any ONNX runtime executes it.
Here is the round trip for a linear model and for a network, and what the file costs in accuracy:
the seventh digit.
"""

# %%
# Two fitted models
# -----------------

import json
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_advex import AdversarialLogisticRegression, AdversarialMLPClassifier
from sklearn_advex.onnx import register_converters

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
y = y.map({0: "malignant", 1: "benign"}).to_numpy(dtype=object)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)
linear = make_pipeline(StandardScaler(), AdversarialLogisticRegression(0.1, max_features=3))
network = make_pipeline(StandardScaler(), AdversarialMLPClassifier(epsilon=0.1, random_state=0))
for model in (linear, network):
    model.fit(X_train, y_train)
    print(f"{type(model[-1]).__name__}: accuracy {model.score(X_test, y_test):.3f}")

# %%
# The linear model, with its pipeline
# -----------------------------------
# skl2onnx converts the steps of scikit-learn;
# :func:`~sklearn_advex.onnx.register_converters` tells it how to convert the last one. The scaler
# becomes a part of the file, so the service sends raw measurements.

register_converters()
rows = X_test.to_numpy(dtype=np.float32)
folder = tempfile.TemporaryDirectory()
linear_path = Path(folder.name, "linear.onnx")
linear_path.write_bytes(to_onnx(linear, rows[:1], options={"zipmap": False}).SerializeToString())
session = onnxruntime.InferenceSession(linear_path)
labels, linear_probabilities = session.run(None, {"X": rows})
print(f"{linear_path.name}: {linear_path.stat().st_size / 1024:.1f} KiB")
print("rows with another label:", np.count_nonzero(labels != linear.predict(X_test)))

# %%
# The network
# -----------
# Networks have a method of their own, which writes the network without the steps before it. The
# labels travel in the metadata of the file.

network_path = Path(folder.name, "network.onnx")
network[-1].to_onnx(network_path)
session = onnxruntime.InferenceSession(network_path)
scaled = network[0].transform(X_test).astype(np.float32)
(network_probabilities,) = session.run(None, {"rows": scaled})
classes = np.array(json.loads(session.get_modelmeta().custom_metadata_map["classes"]))
labels = classes[network_probabilities.argmax(axis=1)]
print(f"{network_path.name}: {network_path.stat().st_size / 1024:.1f} KiB")
print("rows with another label:", np.count_nonzero(labels != network.predict(X_test)))

# %%
# What gets lost
# --------------
# The files compute in single precision. Each point is a tumor of the test rows: its probability of
# being malignant, and by how much the file's differs. Points at 1e-9 differ by no
# more than that. A label changes only where a probability is this close to one half.

figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
pairs = {
    "linear model": (linear.predict_proba(X_test), linear_probabilities),
    "network": (network.predict_proba(X_test), network_probabilities),
}
for ax, (name, (here, there)) in zip(axes, pairs.items(), strict=True):
    difference = np.abs(here[:, 1] - there[:, 1])
    print(f"{name}: largest difference {difference.max():.1e}")
    ax.scatter(here[:, 1], np.maximum(difference, 1e-9), s=14)
    ax.set(title=name, xlabel="probability of malignant", yscale="log", ylim=(5e-10, 1e-5))
axes[0].set_ylabel("difference of the file's")
plt.show()
folder.cleanup()

# %%
# Explanations stay behind: an ONNX file holds the prediction and not its reasons. Where they are
# needed with each prediction, ship the pipeline as a skops file instead.
