import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from sklearn_advex import explain
from sklearn_advex.plotting import to_shap_explanation

shap = pytest.importorskip("shap")


def test_values_and_base_values_sum_to_the_prediction(models, table):
    X, _ = table
    model = models["n"]
    explanation = to_shap_explanation(model, X)
    np.testing.assert_array_equal(explanation.values, explain(model, X))
    assert explanation.feature_names == list(X.columns)
    np.testing.assert_array_equal(explanation.data, X)
    total = explanation.base_values + explanation.values.sum(axis=1)
    np.testing.assert_allclose(total, model.predict_proba(X).max(axis=1))


@pytest.mark.parametrize("output", ["probability", "logit"])
@pytest.mark.parametrize("method", ["ig", "shap"])
def test_options_of_explain(models, table, output, method):
    X, y = table
    options = {"output": output, "target": "true", "baseline": 0.1}
    explanation = to_shap_explanation(models["n"], X, y, method=method, **options)
    np.testing.assert_array_equal(
        explanation.values, explain(models["n"], X, y, method=method, **options)
    )
    if output == "logit":
        expected = models["n"].decision_function(X) * np.where(y == "good", 1, -1)
    else:
        expected = np.where(y == "good", *models["n"].predict_proba(X).T[::-1])
    np.testing.assert_allclose(explanation.base_values + explanation.values.sum(axis=1), expected)


def test_columns_and_their_data(models, table):
    X, y = table
    encoded = to_shap_explanation(models["n"], X, groups=None)
    assert encoded.data.shape == encoded.values.shape == (len(X), 6)
    assert encoded.feature_names[-1] == "onehotencoder__color_red"
    np.testing.assert_array_equal(encoded.data[:, -1], X["color"] == "red")
    array = X[["size", "weight"]].to_numpy()
    model = LogisticRegression().fit(array, y)
    assert to_shap_explanation(model, array).feature_names == ["x0", "x1"]
    named = to_shap_explanation(model, array, feature_names=["size", "weight"])
    assert named.feature_names == ["size", "weight"]


@pytest.mark.parametrize("plot", ["bar", "beeswarm", "heatmap", "waterfall"])
def test_the_plots_of_shap_take_it(models, table, plot, pyplot):
    explanation = to_shap_explanation(models["n"], table[0])
    drawn = explanation[0] if plot == "waterfall" else explanation
    getattr(shap.plots, plot)(drawn, show=False)
    labels = " ".join(label.get_text() for label in pyplot.gcf().axes[0].get_yticklabels())
    assert "weight" in labels
