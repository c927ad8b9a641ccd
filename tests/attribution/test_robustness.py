import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.linear_model import LogisticRegression, Perceptron, RidgeClassifier, SGDClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale
from sklearn.svm import SVC, LinearSVC

from sklearn_advex import AdversarialLinearClassifier
from sklearn_advex.attribution import adversarial_accuracy, certified_radius, worst_case_rows
from sklearn_advex.model_selection import make_adversarial_accuracy_scorer
from sklearn_advex.report import conciseness_report


def iris():
    X, y = load_iris(return_X_y=True)
    return scale(X), np.array(["setosa", "versicolor", "virginica"])[y]


def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    return scale(X), y


MODELS = [
    LogisticRegression(),
    LinearSVC(),
    RidgeClassifier(),
    SGDClassifier(random_state=0),
    Perceptron(),
]


@pytest.mark.parametrize("data", [iris, cancer])
@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_equals_the_methods_of_our_models(data, norm):
    X, y = data()
    model = AdversarialLinearClassifier(epsilon=0.05, alpha=0.01, norm=norm).fit(X, y)
    for epsilon in (None, 0.2, np.linspace(0, 0.3, X.shape[1])):
        accuracy = adversarial_accuracy(model, X, y, epsilon=epsilon)
        assert accuracy == model.adversarial_score(X, y, epsilon=epsilon)
        rows = worst_case_rows(model, X, y, epsilon=epsilon)
        np.testing.assert_allclose(rows, model.perturb(X, y, epsilon=epsilon))
    np.testing.assert_allclose(certified_radius(model, X), model.certified_radius(X))


@pytest.mark.parametrize("data", [iris, cancer])
@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_no_change_of_the_set_does_more_harm(data, model):
    X, y = data()
    model = model.fit(X, y)
    accuracy = adversarial_accuracy(model, X, y, epsilon=0.3)
    assert accuracy < model.score(X, y)
    worst = worst_case_rows(model, X, y, epsilon=0.3)
    assert np.abs(worst - X).max() <= 0.3 + 1e-12
    assert model.score(worst, y) == pytest.approx(accuracy)
    rng = np.random.default_rng(0)
    right = np.ones(len(X), dtype=bool)
    for _ in range(20):
        right &= model.predict(X + 0.3 * rng.choice([-1, 1], X.shape)) == y
    assert right.mean() >= accuracy


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_the_radius_is_where_predictions_change(norm):
    X, y = iris()
    model = LogisticRegression().fit(X, y)
    X, predicted = X[::10], model.predict(X[::10])
    for row, label, radius in zip(X, predicted, certified_radius(model, X, norm=norm), strict=True):
        for factor, holds in ((0.999, 1.0), (1.001, 0.0)):
            options = {"epsilon": factor * radius, "norm": norm}
            assert adversarial_accuracy(model, row[None], [label], **options) == holds


def test_pipelines_frames_and_sparse_rows():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    pipeline = make_pipeline(
        StandardScaler().set_output(transform="pandas"), LogisticRegression()
    ).fit(X, y)
    rows = worst_case_rows(pipeline, X, y, epsilon=dict.fromkeys(X.columns, 0.1))
    pd.testing.assert_index_equal(rows.columns, X.columns)
    pd.testing.assert_index_equal(rows.index, X.index)
    assert pipeline[-1].score(rows, y) == adversarial_accuracy(pipeline, X, y, epsilon=0.1)
    matrix = sparse.csr_array(np.abs(scale(X)) * (np.abs(scale(X)) > 1))
    model = LogisticRegression().fit(matrix, y)
    changed = worst_case_rows(model, matrix, y, epsilon=0.1)
    assert sparse.issparse(changed)
    np.testing.assert_allclose(
        changed.toarray(), worst_case_rows(model, matrix.toarray(), y, epsilon=0.1)
    )


def test_weights_and_unknown_labels():
    X, y = cancer()
    model = LogisticRegression().fit(X, y)
    kept = np.arange(len(X)) < 100
    weighted = adversarial_accuracy(model, X, y, epsilon=0.1, sample_weight=kept.astype(float))
    assert weighted == adversarial_accuracy(model, X[kept], y[kept], epsilon=0.1)
    assert adversarial_accuracy(model, X, np.full(len(X), 7), epsilon=0.1) == 0.0
    with pytest.raises(ValueError, match=r"labels that the model does not know: \[7\]"):
        worst_case_rows(model, X, np.full(len(X), 7), epsilon=0.1)


def test_in_scorer_and_report():
    X, y = cancer()
    model = LogisticRegression().fit(X, y)
    expected = adversarial_accuracy(model, X, y, epsilon=0.1)
    assert make_adversarial_accuracy_scorer(epsilon=0.1)(model, X, y) == expected
    report = conciseness_report({"n": model}, X, y, epsilon=0.1)
    assert report.loc[("n", "ig"), "adversarial_accuracy"] == expected
    assert conciseness_report({"n": model}, X, y)["adversarial_accuracy"].isna().all()


def test_what_has_no_formula():
    X, y = iris()
    model = LogisticRegression().fit(X, y)
    with pytest.raises(TypeError, match=r"KNeighborsClassifier is not a linear .* no coef_, "):
        adversarial_accuracy(KNeighborsClassifier().fit(X, y), X, y, epsilon=0.1)
    with pytest.raises(ValueError, match="epsilon=None takes the epsilon_ of a model"):
        adversarial_accuracy(model, X, y)
    with pytest.raises(ValueError, match=r"norm='l3' is unknown.*'linf', 'l2', 'l1'"):
        certified_radius(model, X, norm="l3")
    votes = SVC(kernel="linear", decision_function_shape="ovo").fit(X, y)
    with pytest.raises(ValueError, match="SVC does not predict the class with the highest score"):
        adversarial_accuracy(votes, X, y, epsilon=0.1)
