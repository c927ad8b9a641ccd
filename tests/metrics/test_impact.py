import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from sklearn_advex.metrics import feature_impact, feature_value_impact


@pytest.fixture
def attributions():
    rng = np.random.default_rng(0)
    return rng.normal(size=(37, 5)) * (rng.random((37, 5)) < 0.4)


def by_definition(A):
    return [sum(abs(row[j]) for row in A) / len(A) for j in range(A.shape[1])]


def test_definition(attributions, monkeypatch):
    np.testing.assert_allclose(feature_value_impact(attributions), by_definition(attributions))
    monkeypatch.setattr("sklearn_advex.metrics._impact._BLOCK_SIZE", 42)
    np.testing.assert_allclose(feature_value_impact(attributions), by_definition(attributions))


@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csr_matrix, sparse.csc_array])
def test_sparse(attributions, container):
    impact = feature_value_impact(container(attributions))
    assert impact.shape == (5,)
    np.testing.assert_allclose(impact, by_definition(attributions))


def test_sparse_entries_stored_twice():
    A = sparse.csr_array(([2.0, -5.0], [1, 1], [0, 2, 2]), shape=(2, 3))
    np.testing.assert_array_equal(feature_value_impact(A), [0.0, 1.5, 0.0])
    np.testing.assert_array_equal(A.data, [2.0, -5.0])


@pytest.mark.parametrize("dtype", [float, pd.SparseDtype(float, 0.0)])
def test_frame(attributions, dtype):
    frame = pd.DataFrame(attributions, columns=list("abcde")).astype(dtype)
    expected = pd.Series(by_definition(attributions), index=list("abcde"), name="impact")
    pd.testing.assert_series_equal(feature_value_impact(frame), expected)


def test_dtype_and_input_not_changed(attributions):
    attributions.setflags(write=False)
    single = attributions.astype(np.float32)
    assert feature_value_impact(single).dtype == np.float32
    assert feature_value_impact(sparse.csr_array(single)).dtype == np.float32
    np.testing.assert_allclose(feature_value_impact(single), by_definition(single), rtol=1e-7)
    assert feature_value_impact([[1, -2], [3, 0]]).tolist() == [2.0, 1.0]
    assert feature_value_impact(attributions).dtype == np.float64


@pytest.mark.parametrize(
    ("A", "message"),
    [
        ([1.0, 2.0], "Expected 2D array"),
        ([[1.0, np.nan]], "Input A contains NaN"),
        (np.empty((0, 2)), "minimum of 1 is required"),
    ],
)
def test_bad_input(A, message):
    with pytest.raises(ValueError, match=message):
        feature_value_impact(A)


def encoded():
    rng = np.random.default_rng(0)
    return rng.normal(size=(30, 5))


def test_feature_impact_by_hand():
    A = encoded()
    column = np.abs(A).mean(axis=0)
    expected = pd.Series({"b": column[3] + column[0], "a": column[[1, 2, 4]].sum()}, name="impact")
    for groups in ({"b": [3, 0], "a": [4, 2, 1]}, {"b": np.array([0, 3]), "a": (1, 2, 4)}):
        pd.testing.assert_series_equal(feature_impact(A, groups), expected)
        pd.testing.assert_series_equal(feature_impact(sparse.csr_array(A), groups), expected)
    for groups in (["b", "a", "a", "b", "a"], np.array(["b", "a", "a", "b", "a"])):
        pd.testing.assert_series_equal(feature_impact(A, groups), expected)
    assert feature_impact(A, [7, 3, 3, 7, 3]).index.tolist() == [7, 3]


def test_feature_impact_of_frames():
    frame = pd.DataFrame(encoded(), columns=list("vwxyz"))
    column = feature_value_impact(frame)
    impact = feature_impact(frame, {"one": "v", "rest": ["z", "y", "x", "w"]})
    assert impact["one"] == column["v"]
    assert impact["rest"] == pytest.approx(column[list("wxyz")].sum(), rel=1e-14)
    single = feature_impact(frame.astype(np.float32), ["a"] * 5)
    assert single.dtype == np.float32


def test_feature_impact_is_not_the_impact_of_sums():
    A = np.array([[1.0, -1.0]])
    assert feature_impact(A, ["a", "a"])["a"] == 2.0
    assert feature_impact(A.sum(axis=1, keepdims=True), ["a"])["a"] == 0.0


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (["a"] * 4, "groups names the feature of 4 columns, but A has 5"),
        ({"a": [0, 1, 2, 3]}, "groups leaves out columns: 4"),
        ({"a": [0, 1, 2, 3], "b": [3, 4]}, "groups holds columns more than once: 3"),
        ({"a": [0, 1, 2, 3, 4, 5]}, "groups names unknown columns: 5"),
    ],
)
def test_bad_groups(groups, message):
    with pytest.raises(ValueError, match=message):
        feature_impact(encoded(), groups)
