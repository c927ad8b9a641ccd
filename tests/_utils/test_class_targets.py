"""Class labels and weights, as all estimators take them."""

import numpy as np
import pandas as pd
import pytest
from sklearn.utils.class_weight import compute_class_weight

from sklearn_advex import AdversarialLogisticRegression
from sklearn_advex._utils._class_targets import (
    check_classes,
    check_row_weights,
    check_weight_of_classes,
    known_positions,
    label_positions,
    weight_per_class,
)

LABELS = {
    "int": [7, 3, 7, 5],
    "bool": [True, False, False, True],
    "str": ["b", "a", "c", "a"],
    "object": np.array(["b", "a", "c", "a"], dtype=object),
    "series": pd.Series(["b", "a", "c", "a"]),
    "categorical": pd.Series(["b", "a", "c", "a"], dtype="category"),
}


@pytest.mark.parametrize("y", LABELS.values(), ids=LABELS)
def test_positions_point_at_the_labels(y):
    classes = check_classes(np.asarray(y))
    positions = label_positions(y, classes, np.zeros((4, 2)))
    assert positions.dtype == np.int64
    assert classes[positions].tolist() == list(y)
    assert classes.tolist() == sorted(set(y))
    backwards = classes[::-1]
    assert backwards[label_positions(y, backwards, np.zeros((4, 2)))].tolist() == list(y)


def test_classes_may_be_announced():
    assert check_classes(np.array([3, 3]), classes=[5, 3, 4]).tolist() == [3, 4, 5]
    with pytest.raises(ValueError, match=r"y has one class only, \[3\]: a classifier needs at"):
        check_classes(np.array([3, 3]))
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        check_classes(np.array([0.5, 1.2]))


def test_unknown_labels_have_no_position():
    classes, y = np.array([2, 4]), [4, 1, 2, 3, 9]
    X = np.zeros((5, 1))
    assert label_positions(y, classes, X).tolist() == [1, -1, 0, -1, -1]
    message = r"labels that the model does not know: \[1, 3, 9\].*the classes \[2, 4\]. Ask again"
    with pytest.raises(ValueError, match=message):
        known_positions(y, classes, X, "Ask again.")
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        label_positions(y[:4], classes, X)
    with pytest.raises(ValueError, match=r"another type than the classes \[2, 4\]"):
        label_positions(["2", "4"], classes, X[:2])


def test_row_weights_are_scaled_but_not_summed():
    X = np.zeros((3, 1))
    assert check_row_weights(None, X).tolist() == [1, 1, 1]
    assert check_row_weights([0, 1e308, 5e307], X).tolist() == [0, 1, 0.5]
    for bad, message in (
        ([1, np.nan, 1], "sample_weight contains NaN"),
        ([1, -1, 1], "Negative values in data passed to `sample_weight`"),
        ([0, 0, 0], "Sample weights must contain at least one non-zero"),
        ([1, 1], "sample_weight.shape"),
    ):
        with pytest.raises(ValueError, match=message):
            check_row_weights(bad, X)


@pytest.mark.parametrize(
    "class_weight", [None, "balanced", {3: 2.0}, {3: 1, 5: 0.0, 7: 9}], ids=str
)
def test_weights_per_class_are_those_of_sklearn_up_to_a_factor(class_weight):
    y = np.array([7, 3, 7, 5, 7])
    classes, positions = np.unique(y, return_inverse=True)
    weights = np.array([1.0, 2.0, 0.5, 0.25, 0.0])
    expected = compute_class_weight(class_weight, classes=classes, y=y, sample_weight=weights)
    of_class = weight_per_class(class_weight, classes, positions, weights)
    np.testing.assert_allclose(of_class, expected / expected.max())


def test_classes_that_a_part_of_the_data_lacks_are_no_mistake():
    classes, positions, ones = np.array([1, 2, 3]), np.array([0, 2, 2]), np.ones(3)
    assert weight_per_class("balanced", classes, positions, ones)[[0, 2]].tolist() == [1, 0.5]
    everything = {1: 1, 2: 1, 3: 1, 4: 8}  # a fold may lack the class 4
    assert weight_per_class(everything, classes, positions, ones).tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ({"one": 1}, r"class_weight names classes that are not in y: \['one'\]. The classes are"),
        ({1: -1}, "class_weight must be finite and not negative"),
        ({1: np.inf}, "class_weight must be finite and not negative"),
        ({1: 0, 2: 0}, "above 0 for one"),
    ],
)
def test_bad_class_weights_are_refused(class_weight, message):
    with pytest.raises(ValueError, match=message):
        weight_per_class(class_weight, np.array([1, 2]), np.array([0, 1]), np.ones(2))


def test_a_class_without_weight_is_named():
    classes, positions = np.array(["a", "b"]), np.array([0, 1, 1])
    check_weight_of_classes(np.array([1.0, 0.0, 1e-300]), positions, classes)
    with pytest.raises(ValueError, match=r"No row of the class\(es\) \['b'\] has any weight"):
        check_weight_of_classes(np.array([1.0, 0.0, 0.0]), positions, classes)


@pytest.mark.parametrize(
    "y",
    [
        [0.0, np.nan, 1.0],
        np.array(["a", None, "b"], dtype=object),
        np.array(["a", np.nan, "b"], dtype=object),
        pd.Series(["a", pd.NA, "b"], dtype="string"),
        pd.Series([0, pd.NA, 1], dtype="Int64"),
    ],
    ids=["float", "None", "nan", "string", "Int64"],
)
def test_missing_labels_are_not_wrong_ones(y):
    classes = np.array([0, 1]) if not isinstance(y[0], str) else np.array(["a", "b"])
    for function in (label_positions, known_positions):
        with pytest.raises(ValueError, match="y contains NaN or None in 1 of 3 rows"):
            function(y, classes, np.zeros((3, 1)))
    model = AdversarialLogisticRegression().fit([[0.0], [1.0], [2.0]], classes[[0, 1, 1]])
    with pytest.raises(ValueError, match="y contains NaN or None"):
        model.adversarial_score([[0.0], [1.0], [2.0]], y)


@pytest.mark.parametrize("dtype", [object, str, "int64", bool])
def test_labels_of_all_types_are_there(dtype):
    y = np.array([np.int64(1), np.int64(0), np.int64(1)]).astype(dtype)
    np.testing.assert_array_equal(label_positions(y, np.unique(y), np.zeros((3, 1))), [1, 0, 1])


def test_numpy_numbers_in_an_array_of_objects_are_labels():
    y = np.empty(3, dtype=object)
    y[:] = [np.int64(1), np.float64(0), np.True_]
    np.testing.assert_array_equal(label_positions(y, np.array([0, 1]), np.zeros((3, 1))), [1, 0, 1])
