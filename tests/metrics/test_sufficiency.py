"""Sufficiency against rows masked by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import scale

from sklearn_advex.metrics import sufficiency

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
X = X.apply(scale)
MODEL = LogisticRegression(C=0.1).fit(X, y)
ATTRIBUTIONS = X * MODEL.coef_[0]


@pytest.mark.parametrize("k", [1, 3, 10])
@pytest.mark.parametrize("baseline", [0.0, 0.5])
def test_it_is_the_share_of_masked_rows_that_keep_their_prediction(k, baseline):
    rows = []
    for row, attribution in zip(X.to_numpy(), ATTRIBUTIONS.to_numpy(), strict=True):
        masked = np.full(30, baseline)
        kept = sorted(range(30), key=lambda j: -abs(attribution[j]))[:k]
        masked[kept] = row[kept]
        rows += [row, masked]
    labels = MODEL.predict(pd.DataFrame(rows, columns=X.columns))
    expected = (labels[::2] == labels[1::2]).mean()
    assert sufficiency(MODEL.predict, X, ATTRIBUTIONS, k, baseline) == expected


def test_all_features_are_enough_and_inputs_stay():
    before = X.copy()
    assert sufficiency(MODEL.predict, X, ATTRIBUTIONS, k=100) == 1.0
    shares = [sufficiency(MODEL.predict, X, ATTRIBUTIONS, k) for k in (1, 3, 20)]
    assert shares[0] < shares[2]
    pd.testing.assert_frame_equal(X, before)


@pytest.mark.parametrize("baseline", [0.0, 0.5])
def test_sparse_rows_are_read_block_by_block(baseline, monkeypatch):
    model = LogisticRegression(C=0.1).fit(X.to_numpy(), y)
    expected = sufficiency(model.predict, X.to_numpy(), ATTRIBUTIONS, 3, baseline)
    monkeypatch.setattr("sklearn_advex.metrics._sufficiency._BLOCK_SIZE", 3000)
    sizes = []

    def predict(rows):
        sizes.append(rows.shape[0])
        return model.predict(rows)

    for attributions in (ATTRIBUTIONS, csr_array(ATTRIBUTIONS)):
        assert sufficiency(predict, csr_array(X), attributions, 3, baseline) == expected
    assert max(sizes) == 100


def test_a_baseline_may_be_a_row():
    means = X.to_numpy().mean(axis=0)
    assert sufficiency(MODEL.predict, X, ATTRIBUTIONS, 2, means) == pytest.approx(
        sufficiency(MODEL.predict, X, ATTRIBUTIONS, 2, 0.0), abs=0.01
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 0}, "k must be"),
        ({"k": 1.5}, "k must be"),
        ({"baseline": [1.0, 2.0]}, "baseline must be a number or one number for each of the 30"),
        ({"attributions": ATTRIBUTIONS.iloc[:, :5]}, "attributions have 5 columns, but X has 30"),
        ({"attributions": ATTRIBUTIONS.iloc[:5]}, "inconsistent numbers of samples"),
    ],
)
def test_bad_input_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        sufficiency(**({"predict": MODEL.predict, "X": X, "attributions": ATTRIBUTIONS} | options))
