"""The data fixture: real data arrive whole, missing data never pass for a green test."""

import urllib.error

import pytest
from sklearn import datasets


@pytest.mark.parametrize(
    ("name", "shape", "classes"),
    [("spambase", (4601, 57), {"0", "1"}), ("mushroom", (8124, 22), {"e", "p"})],
)
def test_real_data_arrive_whole(openml, name, shape, classes):
    X, y = openml(name)
    assert X.shape == shape
    assert set(y) == classes


def test_a_data_set_is_read_once(openml):
    assert openml("spambase")[0] is openml("spambase")[0]


@pytest.mark.parametrize(
    ("required", "outcome"), [("", pytest.skip.Exception), ("1", pytest.fail.Exception)]
)
def test_missing_data_skip_or_fail(openml, monkeypatch, required, outcome):
    def unreachable(*args, **kwargs):
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(datasets, "fetch_openml", unreachable)
    monkeypatch.setenv("SKLEARN_ADVEX_REQUIRE_DATA", required)
    with pytest.raises(outcome, match="'no-such-set' is neither cached nor reachable"):
        openml("no-such-set")
