import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_advex import explain
from sklearn_advex.plotting import FeatureImpactDisplay


def y_labels(display):
    return [label.get_text() for label in display.ax_.get_yticklabels()]


def lengths(display):
    return [[bar.get_width() for bar in bars] for bars in display.bars_]


@pytest.fixture
def impacts():
    return pd.DataFrame(
        {"n": [0.2, 1.0, 0.04, 0.0], "a": [0.0, 0.5, 0.06, 0.01]},
        index=["small", "large", "tiny", "none"],
    )


def test_bars_are_mean_absolute_attributions_of_the_columns_of_X(models, table):
    X, _ = table
    display = FeatureImpactDisplay.from_estimators(models, X, threshold=0)
    expected = pd.DataFrame({name: explain(m, X).abs().mean() for name, m in models.items()})
    expected = expected.sort_values("n", ascending=False)
    assert y_labels(display) == list(expected.index)
    assert set(expected.index) == set(X.columns)
    np.testing.assert_allclose(lengths(display), expected.T)
    texts = [text.get_text() for text in display.legend_.get_texts()]
    assert texts == list(models)


def test_order_is_that_of_the_first_model():
    impacts = pd.DataFrame({"n": [0.1, 0.3, 0.2], "a": [0.9, 0.1, 0.4]}, index=list("xyz"))
    assert y_labels(FeatureImpactDisplay(impacts).plot()) == ["y", "z", "x"]
    assert y_labels(FeatureImpactDisplay(impacts[["a", "n"]]).plot()) == ["x", "z", "y"]


def test_bars_of_the_models_do_not_overlap(impacts):
    display = FeatureImpactDisplay(impacts).plot()
    for first, second in zip(*display.bars_, strict=True):
        assert first.get_y() + first.get_height() <= second.get_y() + 1e-9
    colors = {to_hex(bars[0].get_facecolor()) for bars in display.bars_}
    assert len(colors) == 2


def test_one_model_needs_no_legend(models, table):
    display = FeatureImpactDisplay.from_estimator(models["n"], table[0])
    assert len(display.bars_) == 1
    assert display.legend_ is None


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({}, ["large", "small", "tiny"]),
        ({"threshold": 0}, ["large", "small", "tiny", "none"]),
        ({"threshold": 0.06}, ["large", "small", "tiny"]),  # of the largest on any model
        ({"threshold": 0.07}, ["large", "small"]),
        ({"threshold": 1}, ["large"]),
        ({"top": 1}, ["large"]),
        ({"top": None, "threshold": 0.0}, ["large", "small", "tiny", "none"]),
    ],
)
def test_which_features_get_bars(impacts, options, shown):
    display = FeatureImpactDisplay(impacts).plot(**options)
    assert y_labels(display) == shown
    hidden = len(impacts) - len(shown)
    label = display.ax_.get_xlabel()
    assert ("without" in label) == (hidden > 0)
    if hidden:
        assert f"without {hidden} feature{'s' * (hidden > 1)} of smaller impact" in label


def test_models_that_see_other_columns(table):
    X, y = table
    models = {
        columns: make_pipeline(
            make_column_transformer((StandardScaler(), [columns])), LogisticRegression()
        ).fit(X, y)
        for columns in ("size", "weight")
    }
    display = FeatureImpactDisplay.from_estimators(models, X, groups=None, threshold=0)
    assert y_labels(display) == ["standardscaler__size", "standardscaler__weight"]
    (size, nothing), (nothing_either, weight) = lengths(display)
    assert nothing == nothing_either == 0
    assert size > 0.1 < weight


def test_arrays_and_names_given_by_the_caller(table):
    X, y = table
    X = X[["size", "weight"]].to_numpy()
    model = LogisticRegression().fit(X, y)
    assert sorted(y_labels(FeatureImpactDisplay.from_estimator(model, X))) == ["x0", "x1"]
    display = FeatureImpactDisplay.from_estimator(model, X, feature_names=["size", "weight"])
    assert sorted(y_labels(display)) == ["size", "weight"]
    with pytest.raises(ValueError, match="feature_names has 1 names for 2 columns"):
        FeatureImpactDisplay.from_estimator(model, X, feature_names=["size"])


def test_all_impacts_zero():
    display = FeatureImpactDisplay(pd.DataFrame({"n": [0.0, 0.0]}, index=["a", "b"])).plot()
    assert lengths(display) == [[0.0, 0.0]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": -0.1}, r"threshold must be in \[0, 1\], got -0.1"),
        ({"threshold": 1.1}, r"threshold must be in \[0, 1\], got 1.1"),
        ({"threshold": float("nan")}, r"threshold must be in \[0, 1\], got nan"),
        ({"top": 0}, "top must be None or a positive integer, got 0"),
    ],
)
def test_errors(impacts, models, table, options, message):
    with pytest.raises(ValueError, match=message):
        FeatureImpactDisplay(impacts).plot(**options)
    with pytest.raises(ValueError, match=message):
        FeatureImpactDisplay.from_estimator(models["n"], table[0], **options)
