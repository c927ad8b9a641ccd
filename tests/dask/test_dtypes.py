"""Columns of every dtype that Dask DataFrames hold: the model of memory, or an error that helps."""

from decimal import Decimal
from itertools import pairwise

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from sklearn_advex import AdversarialLogisticRegression
from tests.dask.conftest import N_ROWS, no_scheduler, rows_of

X, Y, WEIGHTS = rows_of()
NAMES = list("abcdef")
NUMBERS = pd.DataFrame((10 * X).round(), columns=NAMES)
TEXTS = np.where(Y == 1, "yes", "no")
DATES = pd.date_range("2020", periods=N_ROWS)


def partitioned(X, y):
    """Partitions of one class each, and an empty one in their middle."""
    table = X.assign(y=y, weight=pd.Series(WEIGHTS, dtype="Float64"))
    table = table.iloc[np.argsort(Y, kind="stable")]
    cuts = [0, 60, np.count_nonzero(Y == 0), np.count_nonzero(Y == 0), N_ROWS]
    pieces = [table.iloc[i:j] for i, j in pairwise(cuts)]
    assert all(piece["y"].nunique() <= 1 for piece in pieces)
    return dd.from_delayed(list(map(dask.delayed, pieces)), meta=table.iloc[:0])


@pytest.mark.parametrize(
    "dtype",
    [
        "Float64",
        "Float32",
        "Int64",
        "Int8",
        "double[pyarrow]",
        "float[pyarrow]",
        "int32[pyarrow]",
        "int16",
        "float32",
        pd.SparseDtype(float, 0.0),
    ],
    ids=str,
)
def test_columns_of_numbers_have_the_model_of_memory(dtype):
    assert_same(NUMBERS.astype(dtype), pd.Series(Y))


@pytest.mark.parametrize("dtype", [bool, "boolean", "bool[pyarrow]"])
def test_booleans_are_numbers_also_beside_others(dtype):
    booleans = (NUMBERS > 0).astype(dtype)
    assert_same(booleans, pd.Series(Y))
    mixed = NUMBERS.assign(a=booleans["a"], b=NUMBERS["b"].astype(int), c=NUMBERS["c"] / 7)
    assert_same(mixed, pd.Series(Y))


@pytest.mark.parametrize(
    "labels",
    [
        pd.Series(Y, dtype="Int64"),
        pd.Series(Y, dtype="int64[pyarrow]"),
        pd.Series(Y == 1, dtype="boolean"),
        pd.Series(Y == 1, dtype="bool[pyarrow]"),
        pd.Series(TEXTS),
        pd.Series(TEXTS, dtype="string[pyarrow]"),
        pd.Series(TEXTS).astype(pd.ArrowDtype(pa.string())),
        pd.Series(TEXTS).astype(object),
        pd.Series(pd.Categorical(TEXTS, categories=["yes", "maybe", "no"])),
    ],
    ids=lambda labels: repr(labels.dtype),
)
def test_labels_of_any_dtype_are_the_classes(labels):
    assert_same(NUMBERS, labels)


def assert_same(frame, labels):
    """Compare with the plain numbers and labels in memory."""
    plain = frame.astype(np.float32 if {*map(str, frame.dtypes)} == {"float32"} else float)
    expected = AdversarialLogisticRegression(0.1, alpha=1e-3)
    expected.fit(plain, labels.to_numpy(), WEIGHTS)
    table = partitioned(frame, labels)
    rows, y = table[NAMES], table["y"]
    model = AdversarialLogisticRegression(0.1, alpha=1e-3).fit(rows, y, table["weight"])
    np.testing.assert_allclose(model.coef_, expected.coef_, atol=1e-8)
    assert model.classes_.tolist() == expected.classes_.tolist()
    assert model.feature_names_in_.tolist() == NAMES
    order = np.argsort(Y, kind="stable")
    found = model.predict(rows).compute()
    assert found.tolist() == expected.predict(plain)[order].tolist()
    assert found.dtype == model.predict(rows).dtype
    assert model.score(rows, y) == pytest.approx(expected.score(plain, labels.to_numpy()))


@pytest.mark.parametrize("dtype", ["Float64", "Int64", "boolean", "double[pyarrow]", float])
def test_missing_numbers_name_their_columns(dtype):
    frame = (NUMBERS > 0 if dtype == "boolean" else NUMBERS).astype(dtype)
    frame.loc[200, ["c", "e"]] = np.nan if dtype is float else pd.NA
    table = partitioned(frame, Y)
    with pytest.raises(ValueError, match=r"NaN in the columns \['c', 'e'\]\. Impute them"):
        AdversarialLogisticRegression().fit(table[NAMES], table["y"])


@pytest.mark.parametrize(
    "labels",
    [
        pd.Series(Y, dtype="Int64"),
        pd.Series(TEXTS, dtype="string[pyarrow]"),
        pd.Series(TEXTS),
        pd.Series(pd.Categorical(TEXTS)),
        pd.Series(Y == 1, dtype="bool[pyarrow]"),
    ],
    ids=lambda labels: repr(labels.dtype),
)
def test_missing_labels_are_refused(labels):
    table = dd.from_pandas(NUMBERS.assign(y=labels.mask(labels.index == 9)), npartitions=3)
    with pytest.raises(ValueError, match="missing labels: leave out their rows"):
        AdversarialLogisticRegression().fit(table[NAMES], table["y"])


DECIMALS = pd.array(list(map(Decimal, range(N_ROWS))), dtype=pd.ArrowDtype(pa.decimal128(10, 3)))


@pytest.mark.parametrize(
    ("column", "error", "message"),
    [
        (pd.Categorical(TEXTS), ValueError, r"not numbers: \['b'\].*get_dummies"),
        (pd.Categorical(Y), ValueError, r"not numbers: \['b'\].*get_dummies"),
        (
            pd.array(TEXTS, dtype="string[pyarrow]"),
            ValueError,
            r"not numbers: \['b'\].*get_dummies",
        ),
        (TEXTS.astype(object), ValueError, r"not numbers: \['b'\].*get_dummies"),
        (DECIMALS, ValueError, r"not numbers: \['b'\].*astype\(float\)"),
        (X[:, 0] + 1j, ValueError, r"not numbers: \['b'\]"),
        (DATES, TypeError, r"dates or durations: 'b'"),
        (DATES - DATES[0], TypeError, r"dates or durations: 'b'"),
        (pd.array(DATES, dtype="timestamp[ns][pyarrow]"), TypeError, r"dates or durations: 'b'"),
    ],
    ids=[
        "category of texts",
        "category of numbers",
        "arrow texts",
        "texts",
        "decimals",
        "complex",
        "dates",
        "durations",
        "arrow dates",
    ],
)
def test_other_columns_are_named_before_any_pass(column, error, message):
    table = partitioned(NUMBERS.assign(b=column), Y)
    with dask.config.set(scheduler=no_scheduler), pytest.raises(error, match=message):
        AdversarialLogisticRegression().fit(table[NAMES], table["y"])


def test_categories_can_be_encoded_as_the_error_says():
    frame = NUMBERS[["a"]].assign(b=pd.Categorical(np.where(X[:, 1] > 0, "u", "v")))
    table = dd.from_pandas(frame.assign(y=Y), npartitions=3)
    expected = AdversarialLogisticRegression(0.1).fit(pd.get_dummies(frame), Y)
    model = AdversarialLogisticRegression(0.1).fit(dd.get_dummies(table[["a", "b"]]), table["y"])
    np.testing.assert_allclose(model.coef_, expected.coef_, atol=1e-8)
    assert model.feature_names_in_.tolist() == ["a", "b_u", "b_v"]
