import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from sklearn_advex.plotting import TradeoffDisplay


def display_of(params, **options):
    """A display of candidates with made-up scores: candidate i has 0.9 - i / 100 and i / 10."""
    i = np.arange(len(params))
    return TradeoffDisplay(0.9 - i / 100, i / 10, params=params, **options).plot()


def curves(display):
    """The positions of the candidates of each curve, by its label."""
    return {
        line.get_label(): np.rint(10 * line.get_ydata()).astype(int).tolist()
        for line in display.lines_
    }


def legend_texts(display):
    return [text.get_text() for text in display.legend_.get_texts()]


def test_points_are_the_mean_test_scores(search):
    display = TradeoffDisplay.from_search(search)
    results = search.cv_results_
    drawn = np.vstack([points.get_offsets() for points in display.points_])
    scores = np.column_stack([results["mean_test_accuracy"], results["mean_test_gini"]])
    np.testing.assert_allclose(drawn[np.lexsort(drawn.T)], scores[np.lexsort(scores.T)])
    assert display.ax_.get_xlabel().startswith("accuracy")
    assert display.ax_.get_ylabel().startswith("gini")


def test_one_curve_per_alpha_along_epsilon(search):
    display = TradeoffDisplay.from_search(search)
    results = search.cv_results_
    assert [line.get_label() for line in display.lines_] == ["alpha = 0.001", "alpha = 0.01"]
    for line, alpha in zip(display.lines_, (1e-3, 1e-2), strict=True):
        on_curve = results["param_adversariallogisticregression__alpha"] == alpha
        epsilon = results["param_adversariallogisticregression__epsilon"][on_curve].astype(float)
        gini = results["mean_test_gini"][on_curve][np.argsort(epsilon)]
        np.testing.assert_allclose(line.get_ydata(), gini)
    assert display.legend_.get_title().get_text() == "markers grow with epsilon, 0.02 to 0.2"
    for points in display.points_:
        assert (np.diff(points.get_sizes()) > 0).all()


def test_chosen_candidate_and_band(search):
    display = TradeoffDisplay.from_search(search)
    accuracy = search.cv_results_["mean_test_accuracy"]
    gini = search.cv_results_["mean_test_gini"]
    best = search.best_index_
    np.testing.assert_allclose(display.best_.get_offsets(), [[accuracy[best], gini[best]]])
    assert display.band_.get_x() == pytest.approx(accuracy.max() - 0.02)
    assert display.band_.get_width() == pytest.approx(0.02)
    epsilon = search.best_params_["adversariallogisticregression__epsilon"]
    assert any(f"chosen: alpha = 0.01, epsilon = {epsilon:g}" == t for t in legend_texts(display))
    assert "at most 0.02 below the best" in legend_texts(display)


def test_a_cross_validated_model_is_a_search_too(path_model):
    model = path_model[-1]
    display = TradeoffDisplay.from_search(model)
    accuracy, gini = (model.scores_[name].mean(axis=2) for name in ("accuracy", "gini"))
    labels = [line.get_label() for line in display.lines_]
    assert labels == ["alpha = 1", "alpha = 0.01", "alpha = 0.5"]
    for i_alpha, line in enumerate(display.lines_):
        np.testing.assert_allclose(line.get_xdata(), accuracy[i_alpha])
        np.testing.assert_allclose(line.get_ydata(), gini[i_alpha])
    chosen = (
        list(model.alphas_).index(model.best_alpha_),
        list(model.epsilons_).index(model.best_epsilon_),
    )
    np.testing.assert_allclose(display.best_.get_offsets(), [[accuracy[chosen], gini[chosen]]])
    assert display.band_.get_width() == pytest.approx(0.02)


@pytest.fixture(scope="module")
def plain_search(table):
    X, y = table
    return GridSearchCV(
        LogisticRegression(),
        {"C": [0.1, 1.0]},
        scoring={"accuracy": "accuracy", "f1": "f1_macro"},
        refit="accuracy",
        cv=3,
    ).fit(X[["size", "weight"]], y)


def test_other_scores_and_another_rule(plain_search):
    display = TradeoffDisplay.from_search(plain_search, accuracy="f1", sparseness="accuracy")
    assert display.band_ is None
    assert display.best_ is not None
    assert display.ax_.get_xlabel().startswith("f1")
    f1 = plain_search.cv_results_["mean_test_f1"]
    np.testing.assert_allclose(display.lines_[0].get_xdata(), f1)


def test_no_band_on_an_axis_that_the_rule_does_not_guard(search):
    display = TradeoffDisplay.from_search(search, accuracy="gini", sparseness="accuracy")
    assert display.band_ is None


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ([{"C": 3}, {"C": 1}, {"C": 2}], {"": [1, 2, 0]}),
        (
            [{"alpha": a, "m__epsilon": e} for a in (1, 2, 3) for e in (0.2, 0.1)],
            {"alpha = 1": [1, 0], "alpha = 2": [3, 2], "alpha = 3": [5, 4]},
        ),
        (
            [{"alpha": a, "C": C} for a in (1, 2, 3) for C in (2, 1)],
            {"C = 2": [0, 2, 4], "C = 1": [1, 3, 5]},
        ),
        ([{"penalty": "l2"}, {"penalty": "l1"}], {"": [0, 1]}),
        ([{"epsilon": [1, 2], "C": 5}, {"epsilon": [3, 4], "C": 5}], {"": [0, 1]}),
        ([{"C": 1}, {"C": 2}, {"C": 1, "tol": 3}], {"": [0, 1], "tol = 3": [2]}),
    ],
)
def test_how_candidates_form_curves(params, expected):
    labels = {label: f"_child{i}" for i, label in enumerate(expected) if not label}
    expected = {labels.get(label, label): positions for label, positions in expected.items()}
    assert curves(display_of(params)) == expected


def test_a_random_search_has_no_curves():
    rng = np.random.default_rng(0)
    params = [{"epsilon": e, "alpha": a} for e, a in rng.random((12, 2))]
    display = display_of(params)
    assert len(display.lines_) == len(display.points_) == 1
    assert display.lines_[0].get_linestyle() == "None"
    sizes = display.points_[0].get_sizes()
    assert np.argsort(sizes).tolist() == np.argsort([p["epsilon"] for p in params]).tolist()
    assert legend_texts(display) == []
    assert display.legend_.get_title().get_text().startswith("markers grow with epsilon")


def test_a_single_candidate_needs_no_legend():
    display = display_of([{"C": 1}])
    assert display.legend_ is None
    assert display.best_ is None
    assert len(display.lines_) == 1


def test_candidates_without_scores_are_left_out():
    params = [{"epsilon": e} for e in (0.1, 0.2, 0.3)]
    display = TradeoffDisplay([0.9, np.nan, 0.7], [0.1, 0.2, 0.3], params=params, max_drop=0).plot()
    np.testing.assert_allclose(display.lines_[0].get_xdata(), [0.9, 0.7])
    assert len(display.points_[0].get_sizes()) == 2
    with pytest.raises(ValueError, match="No candidate has two finite scores"):
        TradeoffDisplay([np.nan], [1.0], params=[{}]).plot()


def test_errors(plain_search):
    with pytest.raises(NotFittedError, match="GridSearchCV has no cv_results_: call its fit"):
        TradeoffDisplay.from_search(GridSearchCV(LogisticRegression(), {}))
    message = r"no score 'gini' .*; it has \['accuracy', 'f1'\]. .*'gini': .*as sparseness=..."
    with pytest.raises(ValueError, match=message):
        TradeoffDisplay.from_search(plain_search)
    with pytest.raises(ValueError, match=r"no score 'a'.*accuracy=..."):
        TradeoffDisplay.from_search(plain_search, accuracy="a", sparseness="f1")
