import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from sklearn.svm import LinearSVC

from sklearn_advex import AdversarialLogisticRegression, explain
from sklearn_advex.plotting import AttributionDisplay


def y_labels(display):
    return [label.get_text() for label in display.ax_.get_yticklabels()]


def lengths(display):
    return [bar.get_width() for bar in display.bars_]


@pytest.fixture
def model(models):
    return models["n"]


@pytest.fixture
def row(table):
    return table[0].iloc[[0]]


def test_bars_are_the_largest_attributions_and_the_rest(model, row):
    display = AttributionDisplay.from_estimator(model, row, top=2)
    A = explain(model, row).iloc[0]
    order = A.abs().sort_values(ascending=False).index
    np.testing.assert_allclose(lengths(display), [*A[order[:2]], A[order[2:]].sum()])
    assert [label.split(" = ")[0] for label in y_labels(display)] == [*order[:2], "all 2 others"]
    assert sum(lengths(display)) == pytest.approx(A.sum())
    bottom, top = display.ax_.get_ylim()
    assert bottom > top  # the first bar is on top


def test_labels_have_the_values_of_the_columns_that_the_user_knows(model, row):
    labels = y_labels(AttributionDisplay.from_estimator(model, row))
    values = row.iloc[0]
    assert f"color = {values['color']}" in labels
    assert f"weight = {values['weight']:.4g}" in labels
    assert len(labels) == 4


def test_encoded_columns_with_their_values(model, row):
    display = AttributionDisplay.from_estimator(model, row, groups=None)
    labels = y_labels(display)
    color = row["color"].item()
    assert f"onehotencoder__color_{color} = 1" in labels
    n_used = np.count_nonzero(explain(model, row, groups=None))
    assert len(display.bars_) == n_used + 1


def test_groups_of_the_user_have_no_value(model, row):
    groups = {
        "body": ["standardscaler__size", "standardscaler__weight", "standardscaler__noise"],
        "look": [f"onehotencoder__color_{color}" for color in ("red", "green", "blue")],
    }
    for data in (row, row.iloc[0]):
        display = AttributionDisplay.from_estimator(model, data, groups=groups)
        assert sorted(y_labels(display)) == ["body", "look"]


def test_colors_tell_the_signs_and_the_rest_apart(model, table):
    X, _ = table
    A = explain(model, X)
    mixed = X.iloc[
        [np.flatnonzero((A.to_numpy() > 0.01).any(1) & (A.to_numpy() < -0.01).any(1))[0]]
    ]
    display = AttributionDisplay.from_estimator(model, mixed, top=3)
    *shown, rest = display.bars_
    colors = {(bar.get_width() > 0, to_hex(bar.get_facecolor())) for bar in shown}
    assert len(colors) == len({color for _, color in colors}) == 2
    assert to_hex(rest.get_facecolor()) not in {color for _, color in colors}


def test_numbers_at_the_bars(model, row):
    display = AttributionDisplay.from_estimator(model, row)
    for bar, label in zip(display.bars_, display.bar_labels_, strict=True):
        text = label.get_text().replace("\N{MINUS SIGN}", "-")
        assert text[0] in "+-"
        assert float(text) == pytest.approx(bar.get_width(), abs=5e-4)


@pytest.mark.parametrize(
    ("attributions", "texts"),
    [
        ([0.25, -0.01234], ["+0.250", "-0.012"]),
        ([0.0098765, 0.001], ["+0.00988", "+0.00100"]),
        ([-1234.5, 1.0], ["-1234", "+1"]),
        ([12.345, -0.04], ["+12.3", "+0.0"]),
        ([-1.2345e-9, 0.0], ["-1.23e-09", "+0.00e+00"]),
    ],
)
def test_numbers_have_three_digits_of_the_largest(attributions, texts):
    display = AttributionDisplay(attributions, feature_names=["a", "b"]).plot()
    shown = [label.get_text().replace("\N{MINUS SIGN}", "-") for label in display.bar_labels_]
    assert shown == texts


@pytest.mark.parametrize(("top", "n_bars", "last"), [(3, 4, "1 other"), (4, 4, "= "), (9, 4, "= ")])
def test_bar_of_the_others(model, row, top, n_bars, last):
    display = AttributionDisplay.from_estimator(model, row, top=top)
    assert len(display.bars_) == n_bars
    assert last in y_labels(display)[-1]


def test_title_and_axis_say_what_is_explained(model, row):
    predicted = model.predict(row)[0]
    probability = model.predict_proba(row).max()
    display = AttributionDisplay.from_estimator(model, row)
    title = f"predicted class: {predicted}, probability {probability:.3f}"
    assert display.ax_.get_title() == title
    assert f"attribution to the probability of class {predicted}" in display.ax_.get_xlabel()
    total = f"{explain(model, row).to_numpy().sum():+.3f}".replace("-", "\N{MINUS SIGN}")
    assert display.ax_.get_xlabel().endswith(f"all bars sum to {total}")
    (other,) = set(model.classes_) - {predicted}
    for options in ({"target": other}, {"target": "true", "y": [other]}):
        display = AttributionDisplay.from_estimator(model, row, output="logit", **options)
        assert f"attribution to the logit of class {other}" in display.ax_.get_xlabel()
        assert display.ax_.get_title() == title


def test_a_model_without_probabilities(table):
    X, y = table
    model = LinearSVC().fit(X[["size", "weight"]], y)
    display = AttributionDisplay.from_estimator(model, X[["size", "weight"]][:1], output="logit")
    assert display.ax_.get_title() == f"predicted class: {model.predict(X[['size', 'weight']])[0]}"


@pytest.fixture
def numbers(table):
    X, y = table
    return X[["size", "weight", "noise"]], y


def test_every_form_of_a_row(numbers):
    X, y = numbers
    model = LogisticRegression().fit(X.to_numpy(), y)
    array = X.to_numpy()
    expected = AttributionDisplay.from_estimator(model, array[[3]])
    for row in (array[3], array[3].tolist(), sparse.csr_array(array[[3]])):
        display = AttributionDisplay.from_estimator(model, row)
        assert lengths(display) == pytest.approx(lengths(expected))
        assert y_labels(display) == y_labels(expected)
    assert {label.split(" = ")[0] for label in y_labels(expected)} == {"x0", "x1", "x2"}


def test_a_series_of_words_and_numbers(model, table):
    X, _ = table
    display = AttributionDisplay.from_estimator(model, X.iloc[3])
    expected = AttributionDisplay.from_estimator(model, X.iloc[[3]])
    assert y_labels(display) == y_labels(expected)
    assert lengths(display) == pytest.approx(lengths(expected))


def test_numbers_of_a_series_stay_numbers(table):
    X, y = table
    logarithm = FunctionTransformer(np.log, feature_names_out="one-to-one")
    encode = make_column_transformer((logarithm, ["weight"]), (OneHotEncoder(), ["color"]))
    model = make_pipeline(encode, LogisticRegression()).fit(X, y)
    display = AttributionDisplay.from_estimator(model, X.iloc[0])
    assert sum(lengths(display)) == pytest.approx(explain(model, X.iloc[[0]]).to_numpy().sum())


def test_a_text(pyplot):
    texts = ["cheap pills now", "see you at lunch", "cheap watches", "lunch now"]
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, [1, 0, 1, 0])
    display = AttributionDisplay.from_estimator(model, ["cheap lunch"])
    words = [label.split(" = ")[0] for label in y_labels(display)]
    assert set(words[:2]) == {"cheap", "lunch"}
    assert " = 0.707" in y_labels(display)[0]


def test_names_given_by_the_caller(numbers):
    X, y = numbers
    model = LogisticRegression().fit(X.to_numpy(), y)
    row = X.to_numpy()[:1]
    display = AttributionDisplay.from_estimator(model, row, feature_names=["a", "b", "c"])
    assert {label.split(" = ")[0] for label in y_labels(display)} == {"a", "b", "c"}
    with pytest.raises(ValueError, match="feature_names has 2 names for 3 columns"):
        AttributionDisplay.from_estimator(model, row, feature_names=["a", "b"])


def test_long_names_are_broken_and_shortened_and_dollars_kept():
    name = "the annual income of the household in $ of 2020 and also in $ of 2024"
    display = AttributionDisplay([1.0], feature_names=[name], feature_values=["$5" * 40]).plot()
    (label,) = y_labels(display)
    first, second = label.split("\n")
    assert first == "the annual income of the"
    assert second.startswith("household in \\$") and "\N{HORIZONTAL ELLIPSIS} = " in second
    assert len(second) < 70
    display.figure_.draw_without_rendering()


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.123456, "0.1235"), (np.float32(2), "2"), (True, "True"), (np.nan, "nan"), ("f", "f")],
)
def test_values_in_labels(value, text):
    values = np.array([value], dtype=object)
    display = AttributionDisplay([1.0], feature_names=["name"], feature_values=values).plot()
    assert y_labels(display) == [f"name = {text}"]


def test_a_row_without_any_attribution():
    display = AttributionDisplay(np.zeros(3), feature_names=list("abc")).plot(top=2)
    assert [label.get_text() for label in display.bar_labels_] == ["+0.000"] * 2
    assert display.ax_.get_title() == ""


def test_what_the_model_does_not_use_has_no_bar_of_its_own():
    attributions = np.array([0.0, -0.5, 0.0, 0.2, 0.0])
    display = AttributionDisplay(attributions, feature_names=list("abcde")).plot(top=4)
    assert y_labels(display) == ["b", "d", "all 3 others"]


@pytest.mark.parametrize("top", [0, -1])
def test_top_must_be_positive(model, row, top):
    with pytest.raises(ValueError, match=f"top must be a positive integer, got {top}"):
        AttributionDisplay.from_estimator(model, row, top=top)


def test_more_than_one_row(model, table):
    with pytest.raises(ValueError, match=r"X_row must be one row, got shape \(2, 4\)"):
        AttributionDisplay.from_estimator(model, table[0].iloc[:2])


def test_data_of_the_caller_are_not_changed(model, row):
    before = row.copy()
    AttributionDisplay.from_estimator(model, row)
    pd.testing.assert_frame_equal(row, before)


TEXTS = ["good film", "bad film", "good day", "bad day"] * 5


@pytest.mark.parametrize(
    "one",
    [
        "good film",
        ["good film"],
        pd.Series(["good film"], index=[7]),
        np.array(["good film"], dtype=object),
    ],
    ids=lambda one: type(one).__name__,
)
def test_one_text(one):
    y = [1, 0, 1, 0] * 5
    model = make_pipeline(CountVectorizer(), AdversarialLogisticRegression(0.01)).fit(TEXTS, y)
    display = AttributionDisplay.from_estimator(model, one)
    expected = explain(model, ["good film"]).to_numpy()[0]
    np.testing.assert_allclose(display.attributions, expected)
    assert display.feature_names == ["bad", "day", "film", "good"]


@pytest.mark.parametrize("wrap", [lambda record: record, lambda record: [record]])
def test_one_record(wrap):
    records = [{"size": 1.0, "color": "red"}, {"size": -1.0, "color": "blue"}] * 5
    model = make_pipeline(DictVectorizer(), AdversarialLogisticRegression(0.01))
    model.fit(records, [1, 0] * 5)
    display = AttributionDisplay.from_estimator(model, wrap(records[0]))
    np.testing.assert_allclose(display.attributions, explain(model, records[:1]).to_numpy()[0])


def test_several_texts_are_refused():
    model = make_pipeline(CountVectorizer(), AdversarialLogisticRegression(0.01))
    model.fit(TEXTS, [1, 0, 1, 0] * 5)
    with pytest.raises(ValueError, match="X_row must be one row"):
        AttributionDisplay.from_estimator(model, TEXTS[:2])
