"""A search on Dask collections makes its folds block by block, and chooses as in memory."""

from itertools import pairwise

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import PredefinedSplit, StratifiedKFold

from sklearn_advex import AdversarialLogisticRegressionCV
from sklearn_advex.linear_model._dask._rows import fold_of_rows
from sklearn_advex.model_selection import (
    adversarial_accuracy_scorer,
    certified_accuracy_scorer,
    gini_scorer,
    make_adversarial_accuracy_scorer,
    n_features_scorer,
)
from tests.dask.conftest import as_array, as_csr, as_frame, chunks_of, rows_of

N_BLOCKS = 4


def folds_of(y, n_folds):
    """The same folds for rows in memory."""
    starts = np.append(0, np.cumsum(chunks_of(y.size, N_BLOCKS)))
    of_row = np.concatenate(
        [
            fold_of_rows(y[start:stop], number, n_folds)
            for number, (start, stop) in enumerate(pairwise(starts))
        ]
    )
    return [(np.flatnonzero(of_row != k), np.flatnonzero(of_row == k)) for k in range(n_folds)]


# Each kind of container, and several classes in one of them.
CONTAINERS_AND_CLASSES = [(as_array, 2), (as_array, 3), (as_csr, 2), (as_frame, 2)]


@pytest.mark.parametrize(("container", "n_classes"), CONTAINERS_AND_CLASSES)
def test_the_choice_and_the_scores_are_those_of_the_same_folds_in_memory(container, n_classes):
    X, y, weights = rows_of(n_classes)
    options = {"epsilons": 3, "alphas": [1e-4, 1e-2], "class_weight": "balanced"}
    expected = AdversarialLogisticRegressionCV(cv=folds_of(y, 3), **options).fit(X, y, weights)
    model = AdversarialLogisticRegressionCV(cv=3, **options)
    model.fit(*container(X, y, weights, N_BLOCKS))
    assert model.best_epsilon_ == pytest.approx(expected.best_epsilon_, rel=1e-12)
    assert model.best_alpha_ == expected.best_alpha_
    for name, scores in expected.scores_.items():
        np.testing.assert_allclose(model.scores_[name], scores, atol=1e-6)
    np.testing.assert_allclose(model.coefs_paths_, expected.coefs_paths_, atol=1e-8)
    np.testing.assert_array_equal(model.coef_ == 0, expected.coef_ == 0)
    assert model.n_passes_ > 0


def assert_same_search(model, expected):
    assert model.best_epsilon_ == pytest.approx(expected.best_epsilon_, rel=1e-12)
    assert list(model.scores_) == list(expected.scores_)
    for name, scores in expected.scores_.items():
        np.testing.assert_allclose(model.scores_[name], scores, atol=1e-6, err_msg=name)
    np.testing.assert_allclose(model.coef_, expected.coef_, atol=1e-8)


SCORING = {
    "accuracy": "accuracy",
    "balanced": "balanced_accuracy",
    "loss": "neg_log_loss",
    "gini": "gini",
    "n_features": "n_features",
    "gini of the scorer": gini_scorer,
    "under attack": make_adversarial_accuracy_scorer(epsilon=0.1),
    "under its own attack": adversarial_accuracy_scorer,
    "certified": certified_accuracy_scorer,
}


@pytest.mark.parametrize(("container", "n_classes"), CONTAINERS_AND_CLASSES)
def test_scores_that_are_sums_over_blocks_are_those_of_memory(container, n_classes):
    X, y, weights = rows_of(n_classes)
    y = np.array(["no", "perhaps", "yes"])[y]
    options = {"epsilons": [0.05, 0.2], "scoring": SCORING, "accuracy": "under attack"}
    positions = np.unique(y, return_inverse=True)[1]
    expected = AdversarialLogisticRegressionCV(cv=folds_of(positions, 3), **options)
    model = AdversarialLogisticRegressionCV(cv=3, **options)
    model.fit(*container(X, y.astype(object), weights, N_BLOCKS))
    assert_same_search(model, expected.fit(X, y, weights))


def test_a_score_to_guard_by_name_is_added():
    X, y, weights = rows_of()
    model = AdversarialLogisticRegressionCV(2, cv=3, accuracy="balanced_accuracy")
    model.fit(*as_array(X, y, weights, N_BLOCKS))
    assert list(model.scores_) == ["accuracy", "gini", "balanced_accuracy"]
    assert (model.scores_["balanced_accuracy"] != model.scores_["accuracy"]).any()


@pytest.mark.parametrize("container", [as_array, as_frame])
def test_a_column_of_folds_says_which_rows_are_left_out(container):
    X, y, weights = rows_of()
    folds = np.random.default_rng(0).choice([-1, 0, 3, 4], y.size)
    expected = AdversarialLogisticRegressionCV(3, cv=PredefinedSplit(folds)).fit(X, y, weights)
    rows = container(X, y, weights, N_BLOCKS)
    column = container(X, y, folds, N_BLOCKS)[2]
    assert_same_search(AdversarialLogisticRegressionCV(3, cv=column).fit(*rows), expected)


def test_folds_of_one_parquet_data_set_stay_with_their_rows(parquet):
    frame, table = parquet
    names = list("abcdef")
    folds = (frame["weight"] * 4).astype(int) % 3
    expected = AdversarialLogisticRegressionCV(2, cv=PredefinedSplit(folds))
    expected.fit(frame[names], frame["y"])
    model = AdversarialLogisticRegressionCV(2, cv=(table["weight"] * 4).astype(int) % 3)
    assert_same_search(model.fit(table[names], table["y"]), expected)


@pytest.mark.parametrize(
    ("folds", "message"),
    [
        (np.full(300, 2), "cv must hold at least two"),
        (np.where(np.arange(300) == 7, np.nan, np.arange(300) % 3), "it holds nan"),
        (np.arange(300) % 3 + 0.5, r"it holds 0\.5"),
        (np.arange(300) % 3 - 2, "it holds -2"),
        (np.array(["a", "b", "c"])[np.arange(300) % 3], "number of the fold.*'a'"),
        (np.where(rows_of()[1] == 1, 1, 0), r"class\(es\) \[0\] out of a training set"),
    ],
    ids=["one", "NaN", "fraction", "below -1", "texts", "class"],
)
def test_columns_that_are_no_folds_are_refused(folds, message):
    X, y, _ = as_array(*rows_of(), 4)
    cv = da.from_array(folds, chunks=(X.chunks[0],))
    with pytest.raises(ValueError, match=message):
        AdversarialLogisticRegressionCV(cv=cv).fit(X, y)


def test_folds_without_weight_are_refused():
    X, y, _ = as_array(*rows_of(), 4)
    folds = np.arange(300) % 3
    cv = da.from_array(folds, chunks=(X.chunks[0],))
    with pytest.raises(ValueError, match=r"sample_weight is 0 .* fold\(s\) \[1\] of cv"):
        AdversarialLogisticRegressionCV(cv=cv).fit(X, y, (folds != 1).astype(float))


def test_folds_of_dask_do_not_go_with_rows_in_memory():
    X, y, _ = rows_of()
    cv = dd.from_pandas(pd.Series(np.arange(300) % 3), npartitions=2)
    with pytest.raises(TypeError, match=r"cv is a Dask collection.*cv\.compute\(\)"):
        AdversarialLogisticRegressionCV(cv=cv).fit(X, y)


def test_folds_are_stratified_also_by_blocks_of_few_rows():
    labels = np.array([0, 0, 0, 1])
    folds = np.array([fold_of_rows(labels, number, 3) for number in range(30)])
    for rows in (folds[:, :3], folds[:, 3]):
        assert np.ptp(np.bincount(rows.ravel(), minlength=3)) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cv": [(np.arange(200), np.arange(200, 300))]}, "set cv to a number of folds, or"),
        ({"cv": StratifiedKFold()}, "set cv to a number of folds, or"),
        ({"scoring": ["accuracy", "gini", "roc_auc"]}, r"by \['roc_auc'\] .*set scoring"),
        ({"scoring": {"columns": n_features_scorer}}, r"by \['columns'\].*set scoring"),
        ({"scoring": {"accuracy": "accuracy", "own": max}}, r"by \['own'\].*set scoring"),
        ({"accuracy": "f1"}, "set scoring and accuracy"),
        ({"max_features": [1, 2]}, "set max_features=None"),
        ({"cv": 250}, "fewer folds"),
    ],
    ids=[
        "cv",
        "splitter",
        "scoring",
        "no mean",
        "callable",
        "accuracy",
        "max_features",
        "too many folds",
    ],
)
def test_what_blocks_cannot_do_names_the_parameter(options, message):
    X, y, _ = as_array(*rows_of(), 4)
    with pytest.raises(ValueError, match=message):
        AdversarialLogisticRegressionCV(**options).fit(X, y)
