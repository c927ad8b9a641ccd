import pickle

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import recall_score, roc_auc_score
from sklearn.model_selection import GridSearchCV

from sklearn_advex import AdversarialLogisticRegression
from sklearn_advex.model_selection import most_concise, n_features_scorer


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
    message = r"no score 'gini' .mean_test_gini in cv_results_.; it has \['accuracy'\]"
    with pytest.raises(ValueError, match=message):
        most_concise()({"mean_test_accuracy": [1.0], "mean_fit_time": [0.1]})
    with pytest.raises(ValueError, match=r"'auc'.*scoring=\{'auc': ..., ...\}"):
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


def test_a_rule_without_parentheses():
    with pytest.raises(TypeError, match=r"pass refit=most_concise\(\), with the parentheses"):
        most_concise(results([0.9], [0.1]))


def test_fewest_features_and_their_ties():
    rule = most_concise(max_drop=0.05, sparseness="n_features")
    cv_results = {
        "mean_test_accuracy": [0.95, 0.93, 0.94, 0.80],
        "mean_test_n_features": [-7.0, -3.0, -3.0, -1.0],
    }
    assert rule(cv_results) == 2


@pytest.mark.parametrize(
    ("name", "sparsest"), [("gini", [0.5, 0.9, 0.0]), ("n_features", [-9.0, -2.0, 0.0])]
)
def test_a_candidate_without_features_within_the_budget(name, sparsest):
    cv_results = {
        "mean_test_accuracy": [0.985, 0.98, 0.979],
        "mean_test_balanced": [0.8, 0.55, 0.5],
        f"mean_test_{name}": sparsest,
    }
    message = r"without features scores 0.979 by 'accuracy', the best .*0.985.*'balanced_accuracy'"
    with pytest.warns(UserWarning, match=message):
        most_concise(0.01, sparseness=name)(cv_results)
    assert most_concise(0.001, sparseness=name)(cv_results) == 0
    assert most_concise(0.01, accuracy="balanced", sparseness=name)(cv_results) == 0


def test_the_score_of_a_dummy():
    cv_results = results([0.985, 0.98], [0.5, 0.9])
    assert most_concise()(cv_results) == 1
    assert most_concise(dummy_score=0.97)(cv_results) == 1
    with pytest.warns(UserWarning, match="A model without features scores 0.979"):
        assert most_concise(dummy_score=0.979)(cv_results) == 1


@pytest.mark.parametrize("best", [0.912, 0.98])
def test_a_dummy_that_no_candidate_surpasses(best):
    cv_results = results([best, best - 0.01], [0.5, 0.9])
    with pytest.warns(UserWarning, match="no candidate more than.*'balanced_accuracy'") as caught:
        assert most_concise(0.0, dummy_score=0.98)(cv_results) == 0
    assert "max_drop" not in str(caught[0].message)


def test_candidates_of_a_single_column_use_it():
    assert most_concise()(results([0.9, 0.9], [0.0, 0.0])) == 0


@pytest.mark.filterwarnings("ignore:All coefficients are 0")
def test_rare_positives():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1500, 4))
    y = (X[:, 0] + 0.7 * X[:, 1] + 0.3 * rng.normal(size=1500) > 2.5).astype(int)
    assert 0.01 < y.mean() < 0.03

    def search(**options):
        return GridSearchCV(
            AdversarialLogisticRegression(),
            {"epsilon": [0.05, 0.5, 1.3]},
            scoring={"accuracy": "accuracy", "roc_auc": "roc_auc", "n_features": n_features_scorer},
            refit=most_concise(0.02, sparseness="n_features", **options),
            cv=3,
        )

    with pytest.warns(UserWarning, match="predict one class only"):
        unguarded = search().fit(X, y)
    assert recall_score(y, unguarded.predict(X)) == 0
    guarded = search(accuracy="roc_auc").fit(X, y)
    assert roc_auc_score(y, guarded.decision_function(X)) > 0.95
    assert n_features_scorer(guarded.best_estimator_, X) == -2


def test_pickling_and_repr():
    rule = most_concise(max_drop=0.02, accuracy="auc", sparseness="short")
    assert pickle.loads(pickle.dumps(rule)) == rule
    assert eval(repr(rule)) == rule
    with_dummy = most_concise(dummy_score=0.6)
    assert eval(repr(with_dummy)) == with_dummy != most_concise()


scores = st.lists(
    st.tuples(st.floats(0, 1) | st.just(np.nan), st.floats(0, 1)), min_size=1, max_size=8
)


@pytest.mark.filterwarnings("ignore:A model without features")
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
