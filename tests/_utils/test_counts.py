"""Parameters that count something."""

import numpy as np
import pytest

from sklearn_advex._utils._counts import check_count


@pytest.mark.parametrize("number", [1, np.int64(7)])
def test_counts(number):
    check_count(number, "top")


@pytest.mark.parametrize("number", [0, -1, 2.0, True, "3", None, np.nan])
def test_what_counts_nothing(number):
    with pytest.raises(ValueError, match="top must be a positive integer, got"):
        check_count(number, "top")


def test_none_may_stand_for_no_limit():
    check_count(None, "top", none_allowed=True)
    with pytest.raises(ValueError, match="top must be None or a positive integer, got 0"):
        check_count(0, "top", none_allowed=True)
