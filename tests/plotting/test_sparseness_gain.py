import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_advex import explain
from sklearn_advex.metrics import gini_index, sparseness_gain
from sklearn_advex.plotting import SparsenessGainDisplay


def test_boxes_are_the_quartiles_of_the_gain_per_row(models, table):
    X, _ = table
    display = SparsenessGainDisplay.from_estimators(models, X)
    encoded = {name: explain(model, X, groups=None) for name, model in models.items()}
    gain = gini_index(encoded["a: epsilon 0.2"]) - gini_index(encoded["n"])
    assert list(display.gains) == ["a: epsilon 0.2"]
    np.testing.assert_allclose(display.gains["a: epsilon 0.2"], gain)
    (box,), (median,), (mean,) = display.boxes_, display.medians_, display.means_
    heights = box.get_path().vertices[:, 1]
    np.testing.assert_allclose([heights.min(), heights.max()], np.quantile(gain, [0.25, 0.75]))
    np.testing.assert_allclose(median.get_ydata(), np.median(gain))
    np.testing.assert_allclose(mean.get_ydata(), gain.mean())
    assert len(display.whiskers_) == 2
    assert list(display.zero_line_.get_ydata()) == [0, 0]


def test_labels_name_the_models_and_the_reference():
    display = SparsenessGainDisplay({"l": [0.1, 0.3], "a": [-0.5, 0.0]}, reference="plain").plot()
    labels = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert labels == ["l\nmean +0.200", "a\nmean \N{MINUS SIGN}0.250"]
    assert display.ax_.get_ylabel() == "gain in Gini index over plain"


def test_any_model_can_be_the_reference(models, table):
    reverse = SparsenessGainDisplay.from_estimators(models, table[0], reference="a: epsilon 0.2")
    forward = SparsenessGainDisplay.from_estimators(models, table[0])
    np.testing.assert_allclose(reverse.gains["n"], -forward.gains["a: epsilon 0.2"])


def test_options_of_explain_are_passed_on(models, table):
    X, _ = table
    display = SparsenessGainDisplay.from_estimators(models, X, baseline=0.7)
    encoded = [explain(models[m], X, baseline=0.7, groups=None) for m in ("a: epsilon 0.2", "n")]
    gain = gini_index(encoded[0]) - gini_index(encoded[1])
    np.testing.assert_allclose(display.gains["a: epsilon 0.2"], gain)


def test_models_that_see_other_numbers_of_columns(models, table):
    X, y = table
    encode = make_column_transformer((StandardScaler(), ["size", "weight"]))
    narrow = make_pipeline(encode, LogisticRegression()).fit(X, y)
    message = "The model 'few' sees 2 columns and the reference 'n' 6, .* groups='auto'"
    with pytest.raises(ValueError, match=message):
        SparsenessGainDisplay.from_estimators(models | {"few": narrow}, X)
    display = SparsenessGainDisplay.from_estimators(models | {"few": narrow}, X, groups="auto")
    gain = sparseness_gain(explain(narrow, X), explain(models["n"], X))
    np.testing.assert_allclose(display.gains["few"], gain)


def test_errors(models, table):
    X, _ = table
    with pytest.raises(ValueError, match=r"reference='m' is not among the models \['n', 'a: eps"):
        SparsenessGainDisplay.from_estimators(models, X, reference="m")
    with pytest.raises(ValueError, match="models holds the reference 'n' only"):
        SparsenessGainDisplay.from_estimators({"n": models["n"]}, X)
    with pytest.raises(NotFittedError, match="The model 'b' is not fitted"):
        SparsenessGainDisplay.from_estimators(models | {"b": LogisticRegression()}, X)
