import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.special import expit
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from sklearn_advex import AdversarialLogisticRegression, explain
from sklearn_advex.attribution import _linear


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    return StandardScaler().fit_transform(X), y


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


# shap sets up its colors when it is imported, in a way that matplotlib is about to deprecate.
@pytest.mark.filterwarnings("ignore:The set_(bad|over|under) function:PendingDeprecationWarning")
@pytest.mark.parametrize("data", ["cancer", "iris"])
@pytest.mark.parametrize(
    "model",
    [
        AdversarialLogisticRegression(0.05),
        LogisticRegression(C=0.1),
        LinearSVC(),
        RidgeClassifier(),
    ],
    ids=lambda model: type(model).__name__,
)
def test_logit_equals_shap(data, model, request):
    import shap

    X, y = request.getfixturevalue(data)
    model.fit(X, y)
    background = X[::7]
    explainer = shap.LinearExplainer(model, shap.maskers.Independent(background, len(background)))
    values = explainer.shap_values(X)
    values = values[:, :, np.newaxis] if values.ndim == 2 else values
    for column in range(values.shape[2]):
        label = model.classes_[1 if values.shape[2] == 1 else column]
        A = explain(model, X, method="shap", output="logit", target=label, baseline=background)
        np.testing.assert_allclose(A, values[:, :, column], rtol=1e-8, atol=1e-8)


@pytest.mark.filterwarnings("ignore:Setting forward, backward hooks:UserWarning")  # captum's hooks
@pytest.mark.parametrize("data", ["cancer", "iris"])
def test_probability_is_deep_shap_of_the_network(data, request):
    torch = pytest.importorskip("torch")
    from captum.attr import DeepLiftShap

    X, y = request.getfixturevalue(data)
    model = AdversarialLogisticRegression(0.05).fit(X, y)
    coef, intercept = model.coef_, model.intercept_
    if len(coef) == 1:
        coef, intercept = np.vstack([-coef, coef]), np.r_[-intercept, intercept]
    linear = torch.nn.Linear(X.shape[1], len(coef)).double()
    linear.weight.data, linear.bias.data = torch.tensor(coef), torch.tensor(intercept)
    background = X[::17]
    expected = DeepLiftShap(torch.nn.Sequential(linear, torch.nn.Sigmoid())).attribute(
        torch.tensor(X),
        baselines=torch.tensor(background),
        target=torch.tensor(np.searchsorted(model.classes_, model.predict(X))),
    )
    expected = expected.detach().numpy()
    assert np.abs(expected).max() > 0.1
    for container in (np.array, sparse.csr_array):
        A = explain(model, container(X), method="shap", baseline=background, batch_size=11)
        A = A.toarray() if sparse.issparse(A) else A
        # DeepLift takes the gradient instead of the quotient where two scores are within 1e-6.
        np.testing.assert_allclose(A, expected, rtol=1e-6, atol=1e-9)


@given(
    output=st.sampled_from(["probability", "logit", "loss"]),
    n_classes=st.sampled_from([2, 3]),
    target=st.sampled_from(["predicted", 0, 1]),
    seed=st.integers(0, 1000),
)
def test_is_the_mean_over_single_baselines_and_complete(output, n_classes, target, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(30, 5)) * (rng.random((30, 5)) < 0.6)
    model = AdversarialLogisticRegression(0.01).fit(X, np.arange(30) % n_classes)
    background = X[rng.choice(30, size=6)]
    options = {"output": output, "target": target}
    A, error = explain(
        model, X, method="shap", baseline=background, return_completeness=True, **options
    )
    single = [explain(model, X, baseline=row, **options) for row in background]
    np.testing.assert_allclose(A, np.mean(single, axis=0), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(error, 0.0, atol=1e-12)
    wide = explain(
        model,
        sparse.csr_array(X),
        method="shap",
        baseline=sparse.csr_array(background),
        **options,
    )
    np.testing.assert_allclose(wide.toarray(), A, rtol=1e-9, atol=1e-12)


def test_one_row_of_background_is_a_baseline(cancer):
    X, y = cancer
    model = AdversarialLogisticRegression(0.05).fit(X, y)
    for baseline in (0.0, "mean", X[3]):
        expected = explain(model, X, baseline=baseline)
        np.testing.assert_array_equal(explain(model, X, method="shap", baseline=baseline), expected)
    np.testing.assert_array_equal(explain(model, X, method="shap", baseline=X[3:4]), expected)
    np.testing.assert_array_equal(
        explain(model, X, method="shap", baseline=X[3:4].tolist()), expected
    )


def test_loss_is_complete_by_hand(cancer):
    X, y = cancer
    model = AdversarialLogisticRegression(0.05).fit(X, y)
    margin = np.where(y == 1, 1, -1) * model.decision_function(X)
    start = np.where(y == 1, 1, -1) * model.intercept_
    A = explain(model, X, y, output="loss", target="true")
    expected = -np.log(expit(margin)) + np.log(expit(start))
    np.testing.assert_allclose(A.sum(axis=1), expected, atol=1e-12)


def test_float32_and_batches(cancer):
    X, y = cancer
    model = AdversarialLogisticRegression(0.05).fit(X, y)
    whole = explain(model, X, method="shap", baseline=X[:5])
    single = explain(model, X.astype(np.float32), method="shap", baseline=X[:5], batch_size=100)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, whole, rtol=1e-4, atol=1e-7)


def test_background_of_a_pipeline_is_like_its_input():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"color": rng.choice(["red", "blue", "green"], 60), "size": rng.normal(size=60)}
    )
    y = (frame["color"] == "red") ^ (frame["size"] > 0.5)
    head = make_column_transformer((OneHotEncoder(), ["color"]), (StandardScaler(), ["size"]))
    pipeline = make_pipeline(head, LogisticRegression()).fit(frame, y)
    A = explain(pipeline, frame, method="shap", target=True, baseline=frame[:20])
    assert A.columns.tolist() == ["color", "size"]
    F = pipeline.predict_proba(frame)[:, 1]
    np.testing.assert_allclose(A.sum(axis=1), F - F[:20].mean(), atol=1e-12)


@pytest.mark.parametrize(
    ("baseline", "message"),
    [
        (np.zeros((4, 3)), "baseline has rows of 3 numbers, but .* was fitted on 30 features"),
        (np.full((4, 30), np.nan), "baseline cannot serve as background rows: Input contains NaN"),
        (pd.DataFrame(np.zeros((2, 30))), "background rows: The feature names should match"),
        (np.zeros((0, 30)), "background rows: Found array with 0 sample"),
    ],
)
def test_bad_background(cancer, baseline, message):
    X, y = cancer
    if isinstance(baseline, pd.DataFrame):
        X = pd.DataFrame(X, columns=[f"c{j}" for j in range(30)])
        baseline.columns = [f"d{j}" for j in range(30)]
    model = AdversarialLogisticRegression(0.05).fit(X, y)
    with pytest.raises(ValueError, match=message):
        explain(model, X, method="shap", baseline=baseline)


def test_several_rows_are_for_shap_only(cancer):
    X, y = cancer
    model = AdversarialLogisticRegression(0.05).fit(X, y)
    with pytest.raises(ValueError, match="Several rows, a background, go with method='shap'"):
        explain(model, X, baseline=X[:3])


def test_softmax_has_no_rescale_rule(iris):
    X, y = iris
    model = LogisticRegression(max_iter=1000).fit(X, y)
    with pytest.raises(ValueError, match=r"SHAP values have no formula .*'logit' or method='ig'"):
        explain(model, X, method="shap", baseline=X[:5])


@pytest.mark.parametrize("model", [LinearSVC(), RidgeClassifier(), SGDClassifier(random_state=0)])
@pytest.mark.parametrize("output", ["probability", "loss"])
def test_models_without_probabilities(cancer, model, output):
    X, y = cancer
    with pytest.raises(ValueError, match=f"output='{output}' needs predict_proba"):
        explain(model.fit(X, y), X, method="shap", output=output)
    assert explain(model, X, method="shap", output="logit").any()


def test_wrong_sums_are_told(cancer):
    X, y = cancer
    model = LogisticRegression().fit(X, y)
    probabilities, n_rows = model.predict_proba, len(X)
    # A model that is something else far from where it is looked at.
    model.predict_proba = lambda X: probabilities(X) * (0.9 if len(X) == n_rows else 1.0)
    with pytest.warns(UserWarning, match=r"of 569 rows do not sum .* outputs are not what"):
        _, error = explain(model, X, return_completeness=True)
    assert np.abs(error).max() > 0.05


def test_sparse_rows_cost_the_columns_in_use(monkeypatch):
    X = sparse.csr_array(sparse.random(30, 5000, density=0.02, random_state=0))
    model = LogisticRegression().fit(X, np.arange(30) % 3 == 0)
    model.coef_ = np.zeros((1, 5000))
    model.coef_[0, [3, 700, 4999]] = 1.0, -2.0, 0.5
    expected = explain(model, X.toarray(), method="shap", baseline=X[:7].toarray())
    widths = []
    rescale = _linear._rescale
    monkeypatch.setattr(
        _linear, "_rescale", lambda p, *args: widths.append(p.coef.shape[1]) or rescale(p, *args)
    )
    A = explain(model, X, method="shap", baseline=X[:7])
    assert widths == [3]
    assert sparse.issparse(A)
    assert A.nnz <= 3 * 30
    np.testing.assert_allclose(A.toarray(), expected, atol=1e-15)
    holes = X.copy()
    holes.data[0] = np.nan
    with pytest.raises(ValueError, match="contains NaN"):
        explain(model, holes, method="shap", baseline=X[:7])
