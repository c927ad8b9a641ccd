import pickle

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sklearn_advex.model_selection import most_concise


def results(accuracy, gini):
    return {"mean_test_accuracy": np.array(accuracy), "mean_test_gini": np.array(gini)}


@pytest.mark.parametrize(
    ("max_drop", "chosen"), [(0, 0), (0.005, 0), (0.01, 1), (0.05, 3), (1.0, 4)]
)
def test_budget(max_drop, chosen):
    cv_results = results([0.95, 0.94, 0.93, 0.91, 0.6], [0.5, 0.6, 0.55, 0.7, 0.9])
    index = most_concise(max_drop=max_drop)(cv_results)
    assert index == chosen
    assert type(index) is int


@pytest.mark.parametrize(
    ("best", "drop"), [(0.98, 0.01), (0.3, 0.1), (0.9733333333333334, 0.02), (1.0, 0.9)]
)
def test_a_candidate_on_the_edge_is_within(best, drop):
    rule = most_concise(max_drop=drop)
    on_the_edge = np.nextafter(best - drop, 0)
    assert rule(results([best, on_the_edge], [0.1, 0.2])) == 1
    assert rule(results([best, best - drop - 1e-9], [0.1, 0.2])) == 0


def test_ties():
    rule = most_concise(max_drop=0.1)
    assert rule(results([0.91, 0.95, 0.93], [0.7, 0.7, 0.7])) == 1
    assert rule(results([0.91, 0.95, 0.95], [0.7, 0.7, 0.7])) == 1
    assert rule(results([0.91, 0.91, 0.95], [0.7, 0.7, 0.6])) == 0


def test_candidates_without_both_scores_are_left_out():
    nan = np.nan
    rule = most_concise(max_drop=0.01)
    assert rule(results([0.9, nan, 0.899], [0.5, 0.9, 0.6])) == 2
    # The failed first candidate does not set the budget either.
    assert rule(results([0.99, 0.9, 0.8], [nan, 0.5, 0.9])) == 1
    assert rule(results([-np.inf, 0.9, 0.899], [0.9, 0.5, nan])) == 1


def test_nothing_to_choose_from():
    rule = most_concise()
    message = "No candidate has a finite mean_test_accuracy and a finite mean_test_gini"
    with pytest.raises(ValueError, match=message):
        rule(results([0.9, 0.8], [np.nan, np.nan]))
    with pytest.raises(ValueError, match=r"error_score='raise'"):
        rule(results([np.nan, 0.8], [0.4, np.nan]))


def test_missing_scores():
    with pytest.raises(ValueError, match=r"no 'mean_test_gini'.*has \['mean_test_accuracy'\]"):
        most_concise()({"mean_test_accuracy": [1.0], "mean_fit_time": [0.1]})
    with pytest.raises(ValueError, match=r"'mean_test_auc'.*scoring=\{'auc': ..., ...\}"):
        most_concise(accuracy="auc")(results([1.0], [1.0]))


def test_other_names():
    cv_results = {"mean_test_auc": [0.9, 0.9], "mean_test_short": [0.1, 0.2]}
    assert most_concise(accuracy="auc", sparseness="short")(cv_results) == 1


@pytest.mark.parametrize("max_drop", [-0.01, np.nan, np.inf])
def test_impossible_budgets(max_drop):
    with pytest.raises(ValueError, match="max_drop must be finite and at least 0"):
        most_concise(max_drop=max_drop)


@pytest.mark.parametrize("max_drop", [None, "0.01"])
def test_budgets_that_are_no_number(max_drop):
    with pytest.raises(TypeError, match="max_drop must be a number"):
        most_concise(max_drop=max_drop)


def test_pickling_and_repr():
    rule = most_concise(max_drop=0.02, accuracy="auc", sparseness="short")
    assert pickle.loads(pickle.dumps(rule)) == rule
    assert eval(repr(rule)) == rule


scores = st.lists(
    st.tuples(st.floats(0, 1) | st.just(np.nan), st.floats(0, 1)), min_size=1, max_size=8
)


@given(scores, st.floats(0, 1), st.randoms(use_true_random=False))
def test_laws(pairs, max_drop, random):
    accuracy, gini = np.array(pairs).T
    assume(np.isfinite(accuracy).any())
    rule = most_concise(max_drop=max_drop)
    chosen = rule(results(accuracy, gini))
    assert accuracy[chosen] >= np.nanmax(accuracy) - max_drop - 1e-12
    allowed = accuracy >= np.nanmax(accuracy) - max_drop
    assert gini[chosen] >= gini[allowed].max()
    # The order of the candidates decides between equal ones only.
    order = random.sample(range(len(pairs)), len(pairs))
    again = order[rule(results(accuracy[order], gini[order]))]
    assert (accuracy[again], gini[again]) == (accuracy[chosen], gini[chosen])
