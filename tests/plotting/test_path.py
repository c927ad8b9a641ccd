"""The picture of a path against the numbers of the path."""

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.text import Text
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_advex import (
    AdversarialLogisticRegression,
    AdversarialLogisticRegressionCV,
    epsilon_max,
    epsilon_path,
    feature_path,
)
from sklearn_advex.plotting import PathDisplay


def texts(artists):
    return [artist.get_text() for artist in artists]


def test_lines_are_the_coefficients_of_the_chosen_alpha(path_model, table):
    X, y = table
    model = path_model[-1]
    display = PathDisplay.from_estimator(path_model)
    coefs = model.coefs_paths_[list(model.alphas_).index(model.best_alpha_), :, 0]
    largest = epsilon_max(StandardScaler().fit_transform(X.drop(columns="color")), y)
    for line, coef in zip(display.lines_, coefs.T, strict=True):
        np.testing.assert_allclose(line.get_xdata(), model.epsilons_ / largest)
        np.testing.assert_array_equal(line.get_ydata(), coef)
    assert display.ax_.get_xlabel() == "epsilon / epsilon_max"
    assert display.ax_.get_ylabel() == "coefficient (above 0: for class good)"


def test_what_was_chosen_and_how_many_features_are_in_use(path_model):
    model = path_model[-1]
    display = PathDisplay.from_estimator(path_model)
    drawn = display.best_.get_xdata()[0] * model.epsilon_max_
    assert drawn == pytest.approx(model.best_epsilon_)
    assert texts(display.legend_.get_texts()) == [f"chosen: epsilon = {model.best_epsilon_:.3g}"]
    coefs = model.coefs_paths_[list(model.alphas_).index(model.best_alpha_), :, 0]
    support = np.count_nonzero(coefs, axis=1)
    assert texts(display.counts_) == ["features in use", *map(str, support)]
    assert [text.get_position()[0] for text in display.counts_[1:]] == pytest.approx(
        display.lines_[0].get_xdata()
    )


def test_labels_are_the_names_of_the_strongest_features_of_the_chosen_model(path_model):
    display = PathDisplay.from_estimator(path_model, top=2)
    names = np.array(["size", "weight", "noise"])
    order = np.argsort(-np.abs(path_model[-1].coef_[0]))
    assert texts(display.labels_) == names[order[:2]].tolist()
    for label, j in zip(display.labels_, order, strict=False):
        assert label.get_color() == display.lines_[j].get_color()
        assert label.xy == (display.lines_[j].get_xdata()[0], display.lines_[j].get_ydata()[0])


def test_names_of_the_caller_and_of_a_frame(path_model, table):
    display = PathDisplay.from_estimator(path_model, feature_names=["a", "b", "c"])
    assert set(texts(display.labels_)) <= {"a", "b", "c"}
    X, y = table
    model = AdversarialLogisticRegressionCV([0.01, 0.1], cv=3).fit(X[["size", "weight"]], y)
    assert set(texts(PathDisplay.from_estimator(model).labels_)) <= {"size", "weight"}
    with pytest.raises(ValueError, match="feature_names has 2 names for 3 columns"):
        PathDisplay.from_estimator(path_model, feature_names=["a", "b"])


def test_the_first_class_turns_the_signs(path_model):
    good, bad = (PathDisplay.from_estimator(path_model, target=c) for c in ("good", "bad"))
    for line, turned in zip(good.lines_, bad.lines_, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), -turned.get_ydata())


def test_one_class_of_several():
    X, y = load_iris(return_X_y=True)
    model = AdversarialLogisticRegressionCV([0.3, 0.1], cv=3).fit(X, y)
    display = PathDisplay.from_estimator(model, target=1)
    np.testing.assert_array_equal(
        [line.get_ydata() for line in display.lines_], model.coefs_paths_[0, ::-1, 1].T
    )
    path = epsilon_path(X, y, epsilons=[0.3, 0.1])
    same = PathDisplay.from_path(path, problem=1)
    for line, other in zip(display.lines_, same.lines_, strict=True):
        np.testing.assert_allclose(line.get_ydata(), other.get_ydata(), atol=1e-6)
    with pytest.raises(ValueError, match=r"target=None is no class .* one of \[0, 1, 2\]"):
        PathDisplay.from_estimator(model)


def test_the_chosen_number_of_features_of_several():
    X, y = load_iris(return_X_y=True)
    model = AdversarialLogisticRegressionCV([0.0, 0.1], max_features=[1, 3], cv=3).fit(X, y)
    display = PathDisplay.from_estimator(model, target=1)
    assert model.best_max_features_ == 3
    np.testing.assert_array_equal(
        [line.get_ydata() for line in display.lines_], model.coefs_paths_[0, :, 1, 1].T
    )


def test_a_feature_path_is_sent_to_the_display_that_draws_it(table):
    X, y = table
    path = feature_path(X[["size", "noise"]], y)
    with pytest.raises(TypeError, match=r"FeaturePath has no epsilons.*FrontierDisplay"):
        PathDisplay.from_path(path)


def test_a_path_alone(table):
    X, y = table
    path = epsilon_path(X[["size", "noise"]], y, epsilons=[0.5, 0.0, 0.1])
    display = PathDisplay.from_path(path)
    assert display.ax_.get_xlabel() == "epsilon"
    assert display.ax_.get_ylabel() == "coefficient"
    assert display.best_ is None and display.legend_ is None
    np.testing.assert_array_equal(display.lines_[0].get_xdata(), [0.0, 0.1, 0.5])
    np.testing.assert_array_equal(display.lines_[0].get_ydata(), path.coefs[[1, 2, 0], 0, 0])
    assert texts(display.labels_)[0] == "x0"


def test_labels_of_close_lines_stand_apart():
    display = PathDisplay([0.1, 0.2], [[1.0, 1.0, 1.001, -5.0], [0.0, 0.0, 0.0, 0.0]]).plot()
    display.figure_.draw_without_rendering()
    boxes = [Text.get_window_extent(label) for label in display.labels_]  # without the tie
    boxes.sort(key=lambda box: box.y0)
    assert all(lower.y1 <= upper.y0 for lower, upper in pairwise(boxes))
    assert display.ax_.bbox.y0 <= boxes[0].y1 and boxes[-1].y0 <= display.ax_.bbox.y1


def test_a_long_path_counts_at_some_epsilons_only():
    display = PathDisplay(np.geomspace(0.01, 1, 41), np.ones((41, 2))).plot()
    assert len(display.counts_) == 1 + 14
    assert texts(display.counts_[1:]) == ["2"] * 14


def test_the_strongest_are_those_of_the_marked_epsilon_if_there_is_one():
    epsilons, coefs = [0.1, 0.2], [[9.0, 1.0, 0.1], [0.0, 0.2, 0.1]]
    assert texts(PathDisplay(epsilons, coefs).plot(top=1).labels_) == ["x0"]
    display = PathDisplay(epsilons, coefs, best_epsilon=0.2).plot()
    assert texts(display.labels_) == ["x1", "x2", "x0"]


def test_features_that_are_never_used_have_no_label():
    display = PathDisplay([0.1, 0.2], [[1.0, 0.0], [0.5, 0.0]]).plot()
    assert texts(display.labels_) == ["x0"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"problem": 1}, r"problem=1 is none of the path's binary problems: pass one of \[0\]"),
        ({"problem": -1}, "problem=-1 is none"),
        ({"problem": "good"}, "problem='good' is none"),
        ({"top": 0}, "top must be a positive integer, got 0"),
        ({"top": -1}, "top must be a positive integer, got -1"),
        ({"feature_names": ["a"]}, "feature_names has 1 names for 2 columns. Give one name per"),
    ],
    ids=str,
)
def test_bad_options_are_refused_by_name(table, options, message):
    X, y = table
    path = epsilon_path(X[["size", "noise"]], y, epsilons=[0.5, 0.1])
    with pytest.raises(ValueError, match=message):
        PathDisplay.from_path(path, **options)


@pytest.mark.parametrize("shape", [(2,), (3, 4), (2, 1, 4)], ids=str)
def test_coefficients_have_a_row_per_epsilon(shape):
    with pytest.raises(ValueError, match=r"coefs must be of shape \(n_epsilons, n_features\)"):
        PathDisplay([0.1, 0.2], np.ones(shape)).plot()


def test_models_without_a_path(table):
    X, y = table
    X = X[["size"]]
    with pytest.raises(TypeError, match=r"LogisticRegression has no path.*from_path"):
        PathDisplay.from_estimator(LogisticRegression().fit(X, y))
    with pytest.raises(TypeError, match="AdversarialLogisticRegression has no path"):
        PathDisplay.from_estimator(AdversarialLogisticRegression().fit(X, y))
    with pytest.raises(NotFittedError):
        PathDisplay.from_estimator(AdversarialLogisticRegressionCV())


@pytest.mark.parametrize("output", ["default", "pandas", "polars"])
def test_names_behind_steps_that_put_out_frames(output, table):
    X, y = table
    encode = make_column_transformer(
        (StandardScaler(), ["size", "weight"]), (OneHotEncoder(sparse_output=False), ["color"])
    ).set_output(transform=output)
    model = make_pipeline(encode, AdversarialLogisticRegressionCV(3, cv=2)).fit(X, y)
    display = PathDisplay.from_estimator(model)
    assert list(display.feature_names) == list(encode.get_feature_names_out())
    names = list("abcde")
    assert PathDisplay.from_estimator(model, feature_names=names).feature_names == names
