"""Draw the picture of the landing page and of the README: one prediction, explained twice.

    python docs/draw_one_prediction.py

writes it into docs/images, for light and for dark pages.
"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_advex import AdversarialLogisticRegression, explain

IMAGES = Path(__file__).parent / "images"
FOR, AGAINST = "#3b8fd0", "#d9742b"
INKS = {"light": "#222832", "dark": "#ced6dd"}


def explanations():
    """One malignant tumor of the test rows: (name, accuracy, probability, attributions) twice."""
    data = load_breast_cancer(as_frame=True)
    y = data.target.map(dict(enumerate(data.target_names)))
    X_train, X_test, y_train, y_test = train_test_split(
        data.data, y, test_size=0.3, random_state=0, stratify=y
    )
    tumor = X_test[y_test == "malignant"].iloc[[20]]
    models = {
        "natural model": AdversarialLogisticRegression(epsilon=0),
        "trained against an adversary, three features": AdversarialLogisticRegression(
            epsilon=0.1, max_features=3
        ),
    }
    found = []
    for name, classifier in models.items():
        model = make_pipeline(StandardScaler(), classifier).fit(X_train, y_train)
        probability = model.predict_proba(tumor)[0, list(model.classes_).index("malignant")]
        attributions = explain(model, tumor, target="malignant", output="logit").iloc[0]
        found.append((name, model.score(X_test, y_test), probability, attributions))
    return found


def draw(name, accuracy, probability, attributions, ink):
    """A bar for each feature that the model uses."""
    used = attributions[attributions != 0].sort_values(key=abs)
    is_long = len(used) > 10
    style = dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), ink)
    with plt.rc_context({**style, "axes.edgecolor": ink, "svg.hashsalt": name}):
        figure, ax = plt.subplots(figsize=(5, 5.2), layout="constrained")
        ax.barh(used.index, used, color=[FOR if value > 0 else AGAINST for value in used])
        ax.axvline(0, color=ink, linewidth=0.8)
        ax.tick_params(axis="y", labelsize=7.5 if is_long else 11, length=0)
        ax.set_ylim(len(used) - (30.6 if is_long else 10.6), len(used) - 0.4)
        ax.set_title(
            f"{name}\nmalignant at {probability:.0%}, test accuracy {accuracy:.1%}", fontsize=11
        )
        ax.spines[["top", "right", "left"]].set_visible(False)
        ax.set_xlabel("added to the log-odds of a malignant tumor")
    return figure


def main(folder=IMAGES):
    for mode, ink in INKS.items():
        for explanation in explanations():
            figure = draw(*explanation, ink)
            which = "natural" if "natural" in explanation[0] else "three_features"
            path = Path(folder) / f"one_prediction_{which}_{mode}.svg"
            figure.savefig(path, transparent=mode == "dark", metadata={"Date": None})
            plt.close(figure)


if __name__ == "__main__":
    main()
