import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_advex import AdversarialLogisticRegression, epsilon_path
from sklearn_advex.attribution import adversarial_accuracy
from sklearn_advex.model_selection import (
    make_adversarial_accuracy_scorer,
    most_concise,
    n_features_scorer,
)
from sklearn_advex.plotting import FrontierDisplay


def legend_texts(display):
    return [text.get_text() for text in display.legend_.get_texts()]


def steps(line):
    return list(zip(*(values.tolist() for values in line.get_data()), strict=True))


@pytest.fixture(scope="module")
def numbers(table):
    X, y = table
    return StandardScaler().fit_transform(X.drop(columns="color")), y


@pytest.fixture(scope="module")
def counted_search(numbers):
    return GridSearchCV(
        AdversarialLogisticRegression(l1_ratio=1),
        {"epsilon": [0.4, 0.02, 0.2], "alpha": [1e-3, 1e-2]},
        scoring={
            "accuracy": "accuracy",
            "n_features": n_features_scorer,
            "adversarial_accuracy": make_adversarial_accuracy_scorer(epsilon=0.1),
        },
        refit=most_concise(max_drop=0.02, sparseness="n_features"),
        cv=3,
    ).fit(*numbers)


def test_a_line_is_the_best_with_at_most_so_many():
    display = FrontierDisplay(
        [5, 1, 3, 3, np.nan, 8],
        [0.9, 0.7, 0.85, 0.8, 0.99, 0.88],
        adversarial_accuracy=[0.5, 0.6, 0.55, 0.7, 0.9, 0.65],
        best_index=2,
    ).plot()
    assert steps(display.lines_[0]) == [(1, 0.7), (3, 0.85), (5, 0.9), (8, 0.9), (8, 0.9)]
    assert steps(display.adversarial_lines_[0]) == [
        (1, 0.6),
        (3, 0.7),
        (5, 0.7),
        (8, 0.7),
        (8, 0.7),
    ]
    np.testing.assert_allclose(display.best_.get_offsets(), [[3, 0.85]])
    assert legend_texts(display) == ["chosen", "under attack"]


def test_families_end_together_and_have_colors_of_their_own():
    display = FrontierDisplay(
        [1, 2, 4, 6], [0.6, 0.7, 0.8, 0.9], families=["a", "a", "b", "b"]
    ).plot()
    assert [line.get_label() for line in display.lines_] == ["a", "b"]
    assert steps(display.lines_[0])[-1] == (6, 0.7)
    assert display.lines_[0].get_color() != display.lines_[1].get_color()
    assert display.adversarial_lines_ == []
    assert display.best_ is None


def test_a_single_family_needs_no_legend():
    assert FrontierDisplay([1], [0.5]).plot().legend_ is None


@pytest.mark.parametrize(("last", "scale"), [(20, "linear"), (57, "symlog")])
def test_ticks_are_whole_numbers(last, scale):
    display = FrontierDisplay([0, 1, last], [0.5, 0.6, 0.7]).plot()
    assert display.ax_.get_xscale() == scale
    low, high = display.ax_.get_xlim()
    ticks = [tick for tick in display.ax_.get_xticks() if low <= tick <= high]
    assert len(ticks) >= 4
    assert all(tick == round(tick) for tick in ticks)


def test_a_search(counted_search):
    display = FrontierDisplay.from_search(counted_search, family="alpha")
    results = counted_search.cv_results_
    assert [line.get_label() for line in display.lines_] == ["alpha = 0.001", "alpha = 0.01"]
    for points, alpha in zip(display.points_, (1e-3, 1e-2), strict=True):
        members = results["param_alpha"] == alpha
        expected = -results["mean_test_n_features"], results["mean_test_accuracy"]
        np.testing.assert_allclose(
            points.get_offsets(), np.column_stack([values[members] for values in expected])
        )
    assert len(display.adversarial_lines_) == 2
    top = max(line.get_ydata()[-1] for line in display.adversarial_lines_)
    assert top == results["mean_test_adversarial_accuracy"].max()
    best = counted_search.best_index_
    np.testing.assert_allclose(
        display.best_.get_offsets(),
        [[-results["mean_test_n_features"][best], results["mean_test_accuracy"][best]]],
    )
    assert any(text.startswith("chosen: alpha = ") for text in legend_texts(display))
    without = FrontierDisplay.from_search(counted_search, adversarial_accuracy="none")
    assert without.adversarial_lines_ == []
    assert len(without.lines_) == 1


def test_a_cross_validated_model(path_model):
    model = path_model[-1]
    display = FrontierDisplay.from_search(model, family="alpha")
    counts = np.count_nonzero(model.coefs_paths_[:, :, 0], axis=-1)
    accuracy = model.scores_["accuracy"].mean(axis=2)
    for points, *expected in zip(display.points_, counts, accuracy, strict=True):
        np.testing.assert_allclose(points.get_offsets(), np.column_stack(expected))


@pytest.mark.parametrize("epsilon", [None, 0.2])
def test_paths_and_lists_of_models(numbers, epsilon):
    X, y = numbers
    epsilons = [0.01, 0.2, 0.4]
    path = epsilon_path(X, y, epsilons=epsilons)
    models = [AdversarialLogisticRegression(e).fit(X, y) for e in epsilons]
    display = FrontierDisplay.from_paths(
        {"path": path, "models": models}, X, y, epsilon=epsilon, best=("models", 1)
    )
    of_path, of_models = (points.get_offsets() for points in display.points_)
    np.testing.assert_allclose(of_path, of_models)
    expected = [[np.count_nonzero(m.coef_), m.score(X, y)] for m in models]
    np.testing.assert_allclose(of_path, expected)
    np.testing.assert_allclose(display.best_.get_offsets(), expected[1:2])
    if epsilon is None:
        assert display.adversarial_lines_ == []
    else:
        worst = max(m.adversarial_score(X, y, epsilon=epsilon) for m in models)
        for line in display.adversarial_lines_:
            assert line.get_ydata()[-1] == pytest.approx(worst)


def test_columns_of_pipelines_and_models_of_others(models, table, numbers):
    X, y = table
    display = FrontierDisplay.from_paths({"p": [models["n"]]}, X, y, epsilon=0.1)
    assert display.points_[0].get_offsets()[0, 0] == 4  # of 6 encoded columns
    attacked = adversarial_accuracy(models["n"], X, y, epsilon=0.1)
    assert display.adversarial_lines_[0].get_ydata()[-1] == attacked
    plain = make_pipeline(StandardScaler(), LogisticRegression()).fit(*numbers)
    display = FrontierDisplay.from_paths({"p": [plain]}, *numbers, epsilon=0.1)
    assert display.adversarial_lines_[0].get_ydata()[-1] < plain.score(*numbers)


def test_several_classes():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 4))
    y = np.array(["red", "green", "blue"])[X[:, :3].argmax(axis=1)]
    path = epsilon_path(X, y, epsilons=[0.05, 0.2])
    model = AdversarialLogisticRegression(0.05).fit(X, y)
    display = FrontierDisplay.from_paths({"path": path}, X, y, epsilon=0.1)
    expected = [np.count_nonzero(model.coef_.any(axis=0)), model.score(X, y)]
    np.testing.assert_allclose(display.points_[0].get_offsets()[0], expected)
    attacked = model.adversarial_score(X, y, epsilon=0.1)
    assert attacked in display.adversarial_lines_[0].get_ydata()


def test_errors(counted_search, search, numbers):
    with pytest.raises(NotFittedError, match="GridSearchCV has no cv_results_: call its fit"):
        FrontierDisplay.from_search(GridSearchCV(LogisticRegression(), {}))
    with pytest.raises(ValueError, match=r"no score 'n_features'.*as n_features=..."):
        FrontierDisplay.from_search(search)
    with pytest.raises(ValueError, match=r"family='C' is not a parameter .*'alpha', 'epsilon'"):
        FrontierDisplay.from_search(counted_search, family="C")
    with pytest.raises(ValueError, match="No model has a finite accuracy"):
        FrontierDisplay([1.0], [np.nan]).plot()
    path = epsilon_path(*numbers, epsilons=[0.2])
    with pytest.raises(TypeError, match=r"paths must be a dict .* got EpsilonPath"):
        FrontierDisplay.from_paths(path, *numbers)
    with pytest.raises(ValueError, match="paths is empty"):
        FrontierDisplay.from_paths({}, *numbers)
    with pytest.raises(ValueError, match=r"best=\('a', 1\) is no model of the paths.*'a'"):
        FrontierDisplay.from_paths({"a": path}, *numbers, best=("a", 1))
    neighbors = KNeighborsClassifier().fit(*numbers)
    with pytest.raises(TypeError, match="cannot explain KNeighborsClassifier"):
        FrontierDisplay.from_paths({"a": [neighbors]}, *numbers)
