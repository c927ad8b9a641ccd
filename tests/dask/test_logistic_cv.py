"""A search on Dask collections makes its folds block by block, and chooses as in memory."""

from itertools import pairwise

import numpy as np
import pytest

from sklearn_advex import AdversarialLogisticRegressionCV
from sklearn_advex.linear_model._dask._rows import fold_of_rows
from tests.dask.conftest import as_array, as_csr, as_frame, chunks_of, rows_of

N_BLOCKS = 6


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


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("container", [as_array, as_csr, as_frame])
def test_the_choice_and_the_scores_are_those_of_the_same_folds_in_memory(container, n_classes):
    X, y, weights = rows_of(n_classes)
    options = {"epsilons": 4, "alphas": [1e-4, 1e-2], "class_weight": "balanced"}
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


def test_folds_are_stratified_also_by_blocks_of_few_rows():
    labels = np.array([0, 0, 0, 1])
    folds = np.array([fold_of_rows(labels, number, 3) for number in range(30)])
    for rows in (folds[:, :3], folds[:, 3]):
        assert np.ptp(np.bincount(rows.ravel(), minlength=3)) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cv": [(np.arange(200), np.arange(200, 300))]}, "set cv to a number of folds"),
        ({"scoring": ["accuracy", "gini", "roc_auc"]}, "set scoring"),
        ({"accuracy": "balanced_accuracy"}, "set scoring and accuracy"),
        ({"max_features": [1, 2]}, "set max_features=None"),
        ({"cv": 250}, "fewer folds"),
    ],
    ids=["cv", "scoring", "accuracy", "max_features", "too many folds"],
)
def test_what_blocks_cannot_do_names_the_parameter(options, message):
    X, y, _ = as_array(*rows_of(), 4)
    with pytest.raises(ValueError, match=message):
        AdversarialLogisticRegressionCV(**options).fit(X, y)
