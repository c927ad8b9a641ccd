"""Each example runs from beginning to end, without a warning, and shows figures with content."""

import runpy
from pathlib import Path

import matplotlib
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"

# The data set of OpenML that an example reads, if it reads one.
DATA = {
    "plot_certified_network": "spambase",
    "plot_choose_epsilon": "spambase",
    "plot_cluster_explanations": "spambase",
    "plot_digits_cnn": None,
    "plot_explain_one_prediction": None,
    "plot_frontier": None,
    "plot_frozen_features": None,
    "plot_mnist_certified": "mnist_784",
    "plot_mushroom_original_columns": "mushroom",
    "plot_onnx_round_trip": None,
    "plot_rare_class": "spambase",
    "plot_rows_in_blocks": None,
    "plot_several_classes": None,
    "plot_three_columns": "mushroom",
    "plot_words_of_texts": None,
}

# What an example needs that is no dependency of the tests.
PACKAGES = {"plot_onnx_round_trip": ["skl2onnx", "onnxruntime", "onnxscript"]}


# What takes long is tried on less here; the gallery runs it whole.
SHORTER = {
    "plot_certified_network": {"test_size=0.3": "train_size=500, test_size=300"},
    "plot_digits_cnn": {"max_epochs=15": "max_epochs=5", "max_epochs=30": "max_epochs=8"},
    "plot_frontier": {"max_features=10": "max_features=4", "[1, 2, 3, 4, 5, 6, 8, 10]": "[1, 3]"},
    "plot_mnist_certified": {
        **{"[:10_000]": "[:2500]", "61_000": "60_100", "EPSILON = 0.15": "EPSILON = 0.1"},
        **{"X_test[:200]": "X_test[:20]", "n_steps=200": "n_steps=20"},
    },
    "plot_rows_in_blocks": {"8, 25_000": "4, 2_000"},
    "plot_three_columns": {"test_size=0.3": "train_size=1000, test_size=500", "2, 3, 4)": "2, 3)"},
}


def _digits(left):
    natural, adversarial = (left["report"].loc[name] for name in ("natural", "adversarial"))
    assert (adversarial["adversarial_accuracy"] > natural["adversarial_accuracy"] + 0.3).all()
    assert adversarial["gini_gain"].between(-0.02, 0.04).all()


def _mnist(left):
    natural, certified = (left["scores"][name] for name in ("natural", "certified"))
    assert certified["under attack"] >= certified["certified"] > 0.5 > natural["under attack"]
    assert natural["certified"] == 0.0


# What the text of an example says of its models, by the variables that it leaves.
CLAIMS = {"plot_digits_cnn": _digits, "plot_mnist_certified": _mnist}


@pytest.fixture
def shown(monkeypatch):
    """The number of axes with data that each ``plt.show()`` would put on the screen."""
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    counts = []

    def show():
        for number in plt.get_fignums():
            figure = plt.figure(number)
            figure.draw_without_rendering()
            counts.append(sum(ax.has_data() for ax in figure.axes))
        plt.close("all")

    monkeypatch.setattr(plt, "show", show)
    yield counts
    plt.close("all")


def test_all_examples_are_listed():
    assert {path.stem for path in EXAMPLES.glob("plot_*.py")} == set(DATA)


@pytest.mark.parametrize("name", DATA)
def test_example(name, openml, shown, capsys, tmp_path):
    for package in PACKAGES.get(name, []):
        pytest.importorskip(package)
    if DATA[name]:
        openml(DATA[name])
    path = EXAMPLES / f"{name}.py"
    if name in SHORTER:
        text = path.read_text(encoding="utf-8")
        for whole, part in SHORTER[name].items():
            assert whole in text
            text = text.replace(whole, part)
        path = tmp_path / path.name
        path.write_text(text, encoding="utf-8")
    left = runpy.run_path(str(path))
    if name in CLAIMS:
        CLAIMS[name](left)
    assert shown
    assert all(shown)
    assert capsys.readouterr().out
