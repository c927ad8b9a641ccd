import numpy as np
import pytest
from scipy import stats

from sklearn_advex.report._statistics import bootstrap_interval, n_features_for_share


def test_interval_agrees_with_scipy():
    values = np.random.default_rng(0).exponential(size=200)
    interval = bootstrap_interval(values, 4000, 0.9, random_state=1)
    oracle = stats.bootstrap(
        (values,),
        np.mean,
        confidence_level=0.9,
        n_resamples=4000,
        method="percentile",
        random_state=np.random.default_rng(2),
    ).confidence_interval
    np.testing.assert_allclose(interval, oracle, rtol=0.02)


def test_interval_covers_the_true_mean_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(300):
        low, high = bootstrap_interval(rng.normal(1.0, size=60), 300, 0.8, random_state=seed)
        covered += low <= 1.0 <= high
    assert 0.73 < covered / 300 < 0.85


def test_interval_is_the_same_for_the_same_seed():
    values = np.random.default_rng(0).normal(size=50)
    first = bootstrap_interval(values, 100, 0.95, random_state=3)
    assert first == bootstrap_interval(values, 100, 0.95, random_state=3)
    assert first != bootstrap_interval(values, 100, 0.95, random_state=4)


def test_interval_of_equal_values_has_no_width():
    assert bootstrap_interval(np.full(7, 0.25), 10, 0.95, random_state=0) == (0.25, 0.25)


@pytest.mark.parametrize(
    ("impact", "share", "count"),
    [
        ([5.0, 1.0, 4.0], 0.9, 2),  # exactly 90 %
        ([5.0, 1.1, 4.0], 0.9, 3),
        ([0.3] * 30, 0.9, 27),  # in floats 27 * 0.3 is a little less than 90 % of their sum
        ([0.0, 2.0, 0.0], 1.0, 1),
        ([0.0, 0.0], 0.9, 0),
        ([3.0], 0.9, 1),
    ],
)
def test_number_of_features_that_carry_a_share(impact, share, count):
    assert n_features_for_share(impact, share) == count
