import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.linear_model import SGDClassifier as SGD
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC

from sklearn_advex.attribution import AttributionTransformer, ExplainMixin, explain
from sklearn_advex.linear_model import AdversarialLogisticRegression
from sklearn_advex.metrics import gini_index

N_FEATURES = 6


class LinearModel(ExplainMixin, ClassifierMixin, BaseEstimator):
    """One-vs-rest logistic classifier whose coefficients are given, not learned."""

    def __init__(self, coef=None, intercept=None, classes=(0, 1)):
        self.coef = coef
        self.intercept = intercept
        self.classes = classes

    def fit(self, X, y=None):
        X = np.asarray(X)
        self.n_features_in_ = X.shape[1]
        self.coef_ = np.atleast_2d(self.coef)
        self.intercept_ = np.atleast_1d(self.intercept)
        self.classes_ = np.asarray(self.classes)
        self.feature_means_ = X.mean(axis=0)
        return self

    def decision_function(self, X):
        scores = np.asarray(X) @ self.coef_.T + self.intercept_
        return scores.ravel() if len(self.coef_) == 1 else scores

    def predict_proba(self, X):
        p = expit(self.decision_function(X))
        return np.c_[1 - p, p] if p.ndim == 1 else p / p.sum(axis=1, keepdims=True)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def random_model(n_classes=2, seed=0, scale=1.0):
    rng = np.random.default_rng(seed)
    n_rows = 1 if n_classes == 2 else n_classes
    coef = scale * rng.normal(size=(n_rows, N_FEATURES)) * (rng.random((n_rows, N_FEATURES)) < 0.8)
    classes = np.array(list("abcdefgh"))[:n_classes]
    X = rng.normal(size=(40, N_FEATURES)) * (rng.random((40, N_FEATURES)) < 0.6)
    return LinearModel(coef, rng.normal(size=n_rows), classes).fit(X), X


def class_scores(model, X):
    """The score of each class's own problem, with two classes too: shape (n_samples, n_classes)."""
    scores = model.decision_function(X)
    return np.c_[-scores, scores] if scores.ndim == 1 else scores


def class_outputs(model, X, output):
    scores = class_scores(model, X)
    return scores if output == "logit" else expit(scores)


def by_quadrature(model, X, positions, baseline, output, n_nodes=200):
    """The integral itself: Gauss-Legendre over the gradients on the path."""
    coef = np.vstack([-model.coef_, model.coef_]) if len(model.coef_) == 1 else model.coef_
    nodes, weights = np.polynomial.legendre.leggauss(n_nodes)
    integral = np.zeros(len(X))
    for t, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        z = class_scores(model, baseline + t * (X - baseline))[np.arange(len(X)), positions]
        integral += weight * (1.0 if output == "logit" else expit(z) * expit(-z))
    return (X - baseline) * coef[positions] * integral[:, None]


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("output", ["probability", "logit"])
@pytest.mark.parametrize("baseline", [0.0, 0.7, "row", "mean"])
def test_is_the_path_integral(n_classes, output, baseline):
    model, X = random_model(n_classes)
    u = {
        0.0: np.zeros(N_FEATURES),
        0.7: np.full(N_FEATURES, 0.7),
        "row": np.arange(N_FEATURES) / 4,
        "mean": X.mean(axis=0),
    }[baseline]
    positions = class_scores(model, X).argmax(axis=1)
    assert len(np.unique(positions)) > 1
    expected = by_quadrature(model, X, positions, u, output)
    A = explain(model, X, output=output, baseline=u if baseline == "row" else baseline)
    np.testing.assert_allclose(A, expected, rtol=1e-10, atol=1e-14)


def test_equals_captum():
    torch = pytest.importorskip("torch")
    from captum.attr import IntegratedGradients

    model, X = random_model(3, seed=1, scale=3.0)
    linear = torch.nn.Linear(N_FEATURES, 3).double()
    linear.weight.data = torch.tensor(model.coef_)
    linear.bias.data = torch.tensor(model.intercept_)
    positions = class_scores(model, X).argmax(axis=1)
    baseline = np.linspace(-1, 1, N_FEATURES)
    A = IntegratedGradients(torch.nn.Sequential(linear, torch.nn.Sigmoid())).attribute(
        torch.tensor(X),
        baselines=torch.tensor(baseline[None]),
        target=torch.tensor(positions),
        n_steps=500,
    )
    expected = A.detach().numpy()
    np.testing.assert_allclose(
        explain(model, X, baseline=baseline), expected, rtol=1e-4, atol=1e-12
    )


@given(
    n_classes=st.integers(2, 4),
    output=st.sampled_from(["probability", "logit"]),
    shift=st.floats(-3, 3),
    scale=st.sampled_from([1e-8, 1.0, 30.0]),
    seed=st.integers(0, 1000),
)
def test_completeness(n_classes, output, shift, scale, seed):
    model, X = random_model(n_classes, seed, scale)
    u = np.full((1, N_FEATURES), shift)
    for position, label in enumerate(model.classes_):
        F = class_outputs(model, np.vstack([u, X]), output)[:, position]
        A = explain(model, X, output=output, target=label, baseline=shift)
        np.testing.assert_allclose(A.sum(axis=1), F[1:] - F[0], rtol=1e-12, atol=1e-10)


def test_score_that_does_not_move_or_hardly_does():
    model = LinearModel([[2.0, 1.0, 0.0]], [0.5]).fit(np.eye(3))
    slope = expit(0.5) * expit(-0.5)
    X = np.array([[1.0, -2.0, 3.0], [0.0, 0.0, 0.0], [1e-300, 0.0, 1.0], [1.0, -2.0 + 1e-12, 0.0]])
    expected = slope * X * [2.0, 1.0, 0.0]
    np.testing.assert_allclose(explain(model, X, target=1), expected, rtol=1e-12, atol=0)
    np.testing.assert_allclose(
        explain(model, sparse.csr_array(X), target=1).toarray(), expected, rtol=1e-12, atol=0
    )


def test_far_tails_stay_finite_and_exact():
    model = LinearModel([[1.0, 1.0]], [0.0]).fit(np.eye(2))
    X = np.array([[-400.0, -300.0], [-5e5, 1e5], [500.0, 200.0]])
    A = explain(model, X, target=1, baseline=[-350.0, -340.0])
    assert np.isfinite(A).all()
    # Far to the left the logistic function is exp, whose divided difference is elementary.
    expected = np.exp(-690.0) * -np.expm1(-10.0) / 10.0 * (X[0] - [-350.0, -340.0])
    np.testing.assert_allclose(A[0], expected, rtol=1e-12)


def test_zero_at_the_baseline_and_for_unused_features():
    model, X = random_model(4)
    assert not explain(model, X[:1], baseline=X[0]).any()
    model.coef_[:, 2] = 0.0
    A = explain(model, X, baseline=0.3)
    assert not A[:, 2].any()
    assert not np.signbit(A[:, 2]).any()  # -0.0 is what a table would show
    assert A[:, 0].all()


def test_baseline_zero_has_the_sparseness_of_x_times_w():
    model, X = random_model(2, seed=3)
    np.testing.assert_allclose(
        gini_index(explain(model, X)), gini_index(X * model.coef_), rtol=1e-12
    )


@pytest.mark.parametrize("n_classes", [2, 3])
def test_targets(n_classes):
    model, X = random_model(n_classes)
    own = np.stack([explain(model, X, target=label) for label in model.classes_])
    rows = np.arange(len(X))
    predicted = class_scores(model, X).argmax(axis=1)
    np.testing.assert_array_equal(explain(model, X), own[predicted, rows])
    truth = np.random.default_rng(0).integers(n_classes, size=len(X))
    for y in (model.classes_[truth], model.classes_[truth].tolist()):
        np.testing.assert_array_equal(explain(model, X, y, target="true"), own[truth, rows])
    y = pd.Series(model.classes_[truth], index=rows[::-1])
    np.testing.assert_array_equal(explain(model, X, y, target="true"), own[truth, rows])
    if n_classes == 2:
        np.testing.assert_array_equal(own[0], -own[1])


def test_numbers_and_booleans_as_labels():
    X = np.random.default_rng(0).normal(size=(30, 2))
    model = LogisticRegression().fit(X, X[:, 0] > 0)
    np.testing.assert_array_equal(
        explain(model, X, target=True), explain(model, X, target=np.True_)
    )
    model = LogisticRegression().fit(X, np.where(X[:, 0] > 0, 7, -2))
    np.testing.assert_array_equal(
        explain(model, X, target=np.int32(-2)), -explain(model, X, target=7)
    )


def test_keywords_win_over_labels_of_the_same_name():
    model = LinearModel(np.eye(2)[:1], [0.0], ["other", "predicted"]).fit(np.eye(2))
    X = np.array([[-1.0, 0.0]])
    assert explain(model, X, target="predicted")[0, 0] > 0  # of class "other", the predicted one
    assert explain(model, X, target="other")[0, 0] > 0


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csr_matrix, sparse.csc_array])
@pytest.mark.parametrize("baseline", [0.0, 0.5, [0, 1, 0, 0, -2, 0]])
@pytest.mark.parametrize("target", ["predicted", "a"])
def test_sparse_equals_dense(n_classes, container, baseline, target):
    model, X = random_model(n_classes)
    model.coef_[:, 1] = 0.0
    A = explain(model, container(X), target=target, baseline=baseline)
    assert A.format == "csr"
    assert isinstance(A, sparse.sparray) == issubclass(container, sparse.sparray)
    expected = explain(model, X, target=target, baseline=baseline)
    np.testing.assert_allclose(A.toarray(), expected, rtol=1e-12, atol=1e-15)


def test_stored_entries_of_sparse_results():
    model = LinearModel([[1.0, 2.0, 0.0, 0.0]], [0.1]).fit(np.eye(4))
    X = sparse.csr_array(np.array([[0.0, 0.0, 3.0, 0.0], [1.0, 0.0, 0.0, 0.0]]))
    A = explain(model, X)
    np.testing.assert_array_equal(A.indices, X.indices)
    np.testing.assert_array_equal(A.indptr, X.indptr)
    A = explain(model, X, baseline=[0.0, 1.0, 1.0, 0.0])
    assert {*zip(*A.nonzero(), strict=True)} == {(0, 1), (1, 0), (1, 1)}
    assert A.nnz < 8


def test_wide_sparse_input_is_never_made_dense():
    n_samples, n_features = 300_000, 300_000  # 720 GB if it were dense
    X = sparse.random_array(
        (n_samples, n_features), density=1e-5, format="csr", random_state=np.random.default_rng(0)
    )
    coef = np.where(np.arange(n_features) % 1000 == 0, 1.0, 0.0)
    # A full training matrix is as impossible: take the attributes of a fit.
    model = LinearModel().fit(np.zeros((1, 1)))
    model.n_features_in_, model.coef_, model.intercept_ = n_features, coef[None], np.zeros(1)
    assert explain(model, X).nnz == X.nnz
    row = np.where(np.arange(n_features) == 1000, 1.0, 0.0)
    assert explain(model, X, baseline=row).nnz < X.nnz + n_samples


@pytest.mark.parametrize("n_classes", [2, 3])
def test_blocks(monkeypatch, n_classes):
    model, X = random_model(n_classes)
    truth = np.random.default_rng(0).choice(model.classes_, size=len(X))
    for target in ("predicted", "true", "b"):
        whole = explain(model, X, truth, target=target, baseline=0.2)
        with monkeypatch.context() as patch:
            patch.setattr("sklearn_advex.attribution._linear._BLOCK_SIZE", 7 * N_FEATURES)
            score_block = "sklearn_advex.attribution._linear_problem._SCORE_BLOCK_SIZE"
            patch.setattr(score_block, 11 * N_FEATURES)
            parts = explain(model, X, truth, target=target, baseline=0.2)
        np.testing.assert_allclose(parts, whole, rtol=1e-13)


def test_frames_keep_index_and_columns():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(20, 3)), columns=list("abc"), index=range(100, 120))
    model = LogisticRegression().fit(frame, frame["a"] > 0)
    A = explain(model, frame[::-1])
    pd.testing.assert_index_equal(A.index, frame.index[::-1])
    pd.testing.assert_index_equal(A.columns, frame.columns)
    plain = LogisticRegression().fit(frame.to_numpy(), frame["a"] > 0)
    np.testing.assert_array_equal(A, explain(plain, frame.to_numpy()[::-1]))


def test_sparse_frames_stay_sparse():
    model, X = random_model(2)
    columns = [f"c{j}" for j in range(N_FEATURES)]
    frame = pd.DataFrame(X, columns=columns).astype(pd.SparseDtype(float, 0.0))
    model.feature_names_in_ = np.array(columns, dtype=object)
    A = explain(model, frame, baseline=0.0)
    assert all(isinstance(dtype, pd.SparseDtype) for dtype in A.dtypes)
    pd.testing.assert_index_equal(A.columns, frame.columns)
    np.testing.assert_allclose(A, explain(model, frame.sparse.to_dense()), rtol=1e-12)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("baseline", [0.0, 0.3])
def test_float32(n_classes, baseline):
    model, X = random_model(n_classes)
    X = X.astype(np.float32)
    exact = explain(model, X.astype(float), baseline=baseline)
    for A in (
        explain(model, X, baseline=baseline),
        explain(model, sparse.csr_array(X), baseline=baseline),
    ):
        assert A.dtype == np.float32
        dense = A.toarray() if sparse.issparse(A) else A
        # Relative to half a unit in the last place: rounded once, at the end.
        np.testing.assert_allclose(dense, exact, rtol=6.1e-8, atol=1e-16)


def test_other_dtypes_and_containers():
    model, X = random_model(2)
    X = np.round(4 * X).astype(int)
    expected = explain(model, X.astype(float))
    assert expected.dtype == np.float64
    np.testing.assert_array_equal(explain(model, X), expected)
    np.testing.assert_array_equal(explain(model, X.tolist()), expected)
    A = explain(model, np.asfortranarray(X.astype(float)))
    np.testing.assert_allclose(A, expected, rtol=1e-14)


@pytest.mark.parametrize("baseline", [0.0, 0.5])
def test_input_is_not_changed_and_not_shared(baseline):
    model, X = random_model(2)
    csr = sparse.csr_array(X)
    before = csr.copy()
    frame = pd.DataFrame(X.copy())
    row = np.full(N_FEATURES, baseline)
    X.setflags(write=False)
    row.setflags(write=False)
    dense, sparse_result = explain(model, X, baseline=row), explain(model, csr, baseline=row)
    framed = explain(model, frame, baseline=row)
    for part in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(csr, part), getattr(before, part))
        assert not np.shares_memory(getattr(csr, part), getattr(sparse_result, part))
    dense[:] = framed.iloc[:, :] = 5.0
    np.testing.assert_array_equal(frame, X)
    assert (row == baseline).all()


def test_fortran_order_is_kept():
    model, X = random_model(2)
    assert explain(model, np.asfortranarray(X)).flags.f_contiguous
    assert explain(model, X).flags.c_contiguous


# Models


@pytest.mark.parametrize(
    ("estimator", "n_classes", "outputs"),
    [
        (LogisticRegression(), 2, ("probability", "logit")),
        (LogisticRegression(fit_intercept=False), 2, ("probability", "logit")),
        (SGD(loss="log_loss", random_state=0), 3, ("probability", "logit")),
        (LogisticRegression(), 3, ("logit",)),
        (LinearSVC(fit_intercept=False), 3, ("logit",)),
        (LinearSVC(), 2, ("logit",)),
        (RidgeClassifier(), 3, ("logit",)),
        (SVC(kernel="linear"), 2, ("logit",)),
    ],
)
def test_scikit_learn_models(estimator, n_classes, outputs):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    model = estimator.fit(X, np.digitize(X[:, 0], [0.0] if n_classes == 2 else [-0.5, 0.5]))
    points = np.vstack([np.zeros(3), X])
    for output in outputs:
        for label in model.classes_:
            F = class_outputs(model, points, output)[:, label]
            A = explain(model, X, output=output, target=label)
            np.testing.assert_allclose(A.sum(axis=1), F[1:] - F[0], atol=1e-10)


def test_probability_of_two_classes_is_the_predicted_one():
    X = np.random.default_rng(0).normal(size=(60, 3))
    model = LogisticRegression().fit(X, X[:, 0] > 0)
    F = model.predict_proba(np.vstack([np.ones(3), X]))
    A = explain(model, X, target=False, baseline=1.0)
    np.testing.assert_allclose(A.sum(axis=1), F[1:, 0] - F[0, 0], atol=1e-12)


def test_sparse_coefficients():
    X = np.random.default_rng(0).normal(size=(60, 3))
    model = LogisticRegression().fit(X, X[:, 0] > 0)
    expected = explain(model, X)
    np.testing.assert_array_equal(explain(model.sparsify(), X), expected)


@pytest.mark.parametrize("scale", [1.0, 100.0])
@pytest.mark.parametrize("output", ["probability", "loss"])
def test_softmax(scale, output):
    # With the large scale all samples are classified with certainty: only the way there differs.
    X = scale * np.repeat(np.eye(3), 10, axis=0)
    model = LogisticRegression(C=1.0).fit(X, np.repeat([0, 1, 2], 10))
    u = np.array([0.1, 0.2, -0.3])
    F = model.predict_proba(np.vstack([u, X]))
    F = -np.log(F) if output == "loss" else F
    for label in range(3):
        A = explain(model, X, output=output, target=label, baseline=u, n_steps=400)
        np.testing.assert_allclose(A.sum(axis=1), F[1:, label] - F[0, label], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("output", ["probability", "loss"])
@pytest.mark.parametrize("baseline", [0.0, 0.4])
def test_softmax_equals_captum(output, baseline):
    torch = pytest.importorskip("torch")
    from captum.attr import IntegratedGradients

    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4)) * (rng.random((60, 4)) < 0.7)
    model = LogisticRegression().fit(X, np.digitize(X[:, 0], [-0.3, 0.3]))
    linear = torch.nn.Linear(4, 3).double()
    linear.weight.data = torch.tensor(model.coef_)
    linear.bias.data = torch.tensor(model.intercept_)
    head = torch.nn.LogSoftmax(1) if output == "loss" else torch.nn.Softmax(1)
    expected = (
        IntegratedGradients(torch.nn.Sequential(linear, head))
        .attribute(
            torch.tensor(X),
            baselines=torch.full((1, 4), baseline).double(),
            target=torch.tensor(model.predict(X)),
            n_steps=60,
            method="gausslegendre",
        )
        .detach()
        .numpy()
    )
    expected = -expected if output == "loss" else expected
    for container in (np.array, sparse.csr_array):
        A = explain(model, container(X), output=output, baseline=baseline, n_steps=60, batch_size=7)
        A = A.toarray() if sparse.issparse(A) else A
        # captum keeps the nodes of the quadrature in float32.
        np.testing.assert_allclose(A, expected, rtol=2e-6, atol=1e-9)
    single = explain(model, X.astype(np.float32), output=output, baseline=baseline)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected, rtol=1e-5, atol=1e-6)


def test_too_few_steps_are_told():
    X = np.repeat(np.eye(3), 10, axis=0)
    model = LogisticRegression(C=1e4).fit(X, np.repeat([0, 1, 2], 10))
    with pytest.warns(UserWarning, match=r"of 30 rows do not sum.*Raise n_steps above 3\."):
        _, error = explain(model, X, baseline=-1.0, n_steps=3, return_completeness=True)
    assert np.abs(error).max() > 1e-3
    _, error = explain(model, X, baseline=-1.0, n_steps=200, return_completeness=True)
    assert np.abs(error).max() < 1e-8


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (LinearSVC(), "output='probability' needs predict_proba, which LinearSVC does not have"),
        (SGD(loss="modified_huber"), "predict_proba of SGDClassifier is neither the logistic"),
    ],
)
@pytest.mark.parametrize("scale", [1.0, 1e3])
def test_other_probabilities_are_refused(estimator, message, scale):
    X = np.random.default_rng(0).normal(size=(60, 3))
    model = estimator.set_params(random_state=0).fit(X, X[:, 0] > 0)
    model.coef_ = scale * model.coef_  # with the large scale every sample is classified for certain
    with pytest.raises(ValueError, match=message):
        explain(model, X)
    assert explain(model, X, output="logit").any()


def test_scores_that_are_not_linear_are_refused():
    X = np.random.default_rng(0).normal(size=(60, 3))
    one_vs_one = SVC(kernel="linear").fit(X, np.digitize(X[:, 0], [-0.5, 0.5]))
    with pytest.raises(ValueError, match="decision_function of SVC is not X @ coef_"):
        explain(one_vs_one, X, output="logit")
    model, X = random_model(2)
    model.coef_ = np.vstack([model.coef_, model.coef_])
    model.intercept_ = np.repeat(model.intercept_, 2)
    model.decision_function = lambda X: X[:, 0]
    with pytest.raises(ValueError, match="decision_function of LinearModel is not X @ coef_"):
        explain(model, X, output="logit")


def test_models_without_what_it_takes():
    X = np.random.default_rng(0).normal(size=(60, 3))
    y = X[:, 0] > 0
    with pytest.raises(TypeError, match=r"cannot explain SVC: it has no coef_.*linear classifiers"):
        explain(SVC().fit(X, y), X)
    with pytest.raises(TypeError, match="has no classes_, decision_function"):
        explain(LinearRegression().fit(X, y), X)
    calibrated = CalibratedClassifierCV(LinearSVC(), method="isotonic").fit(X, y)
    with pytest.raises(TypeError, match="CalibratedClassifierCV: it has no coef_, intercept_"):
        explain(calibrated, X)
    with pytest.raises(TypeError, match="not an estimator instance"):
        explain("model", X)
    with pytest.raises(NotFittedError, match="LogisticRegression instance is not fitted"):
        explain(LogisticRegression(), X)
    with pytest.raises(NotFittedError, match="not fitted"):
        explain(make_pipeline(StandardScaler(), LogisticRegression()), X)


# Options and input


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"method": "shapley"},
            r"method='shapley' is unknown. It must be one of \['ig', 'shap', 'deep_shap'",
        ),
        ({"output": "proba"}, r"output='proba' is unknown.*'probability', 'logit'"),
        ({"target": "c"}, r"target='c' is unknown.*'predicted', 'true'.*\['a', 'b'\]"),
        ({"target": ["a", "b"]}, r"target=\['a', 'b'\] is unknown"),
        ({"target": "true"}, "target='true' needs the true labels: pass them as y"),
        ({"target": "true", "y": ["a", "z"] * 20}, r"labels that.* not know: \['z'\]"),
        ({"target": "true", "y": ["a"] * 3}, r"inconsistent numbers of samples: \[40, 3\]"),
        ({"baseline": "zero"}, "baseline='zero' is unknown"),
        ({"baseline": np.nan}, "baseline contains NaN or infinity"),
        ({"baseline": [0, 0, 0, 0, 0, np.inf]}, "baseline contains NaN or infinity"),
        ({"baseline": [1.0, 2.0]}, r"baseline must be .* one row of 6 .* array of shape \(2,\)"),
        ({"baseline": np.zeros((1, 6))}, r"baseline must be .*got an array of shape \(1, 6\)"),
        ({"baseline": None}, r"baseline must be a number, 'mean' or .*array of shape \(\)"),
        ({"baseline": ["x"] * 6}, "baseline must be a number, 'mean' or one row of 6 numbers"),
    ],
)
def test_bad_options(options, message):
    model, X = random_model(2)
    with pytest.raises(ValueError, match=message):
        explain(model, X, **options)


def test_mean_baseline_of_a_model_that_kept_no_means():
    X = np.random.default_rng(0).normal(size=(60, 3))
    model = LogisticRegression().fit(X, X[:, 0] > 0)
    with pytest.raises(ValueError, match=r"baseline='mean' .*LogisticRegression.*X_train.mean"):
        explain(model, X, baseline="mean")


def test_series_as_baseline():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(20, 3)), columns=list("abc"))
    model = LogisticRegression().fit(frame, frame["a"] > 0)
    row = pd.Series([1.0, 2.0, 3.0], index=list("abc"))
    expected = explain(model, frame, baseline=[1.0, 2.0, 3.0])
    pd.testing.assert_frame_equal(explain(model, frame, baseline=row[["c", "a", "b"]]), expected)
    for index in (list("abd"), list("aab"), [0, 1, 2], list("abcd")):
        row = pd.Series(np.arange(len(index)), index=index)
        with pytest.raises(ValueError, match=r"baseline is a Series.*to_numpy\(\)"):
            explain(model, frame, baseline=row)
    nameless = LogisticRegression().fit(frame.to_numpy(), frame["a"] > 0)
    row = pd.Series([1.0, 2.0, 3.0], index=list("xyz"))
    np.testing.assert_array_equal(explain(nameless, frame.to_numpy(), baseline=row), expected)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("container", [np.array, sparse.csr_array, pd.DataFrame])
@pytest.mark.parametrize("row", [0, 1])  # the first is looked at before the rest
def test_not_finite(bad, container, row):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1000, 3))
    model = LinearModel([[1.0, 1.0, 0.0]], [0.0]).fit(X)
    X[row, 2] = bad  # in a feature that the model does not use
    with pytest.raises(ValueError, match=r"Input X contains (NaN|infinity)"):
        explain(model, container(X))


def test_overflow():
    model = LinearModel([[10.0, -10.0]], [0.0]).fit(np.eye(2))
    X = np.zeros((1000, 2))
    X[1] = 1e308
    for container in (np.array, sparse.csr_array):
        with pytest.raises(ValueError, match="so large that the model's scores"):
            explain(model, container(X))


def test_bad_input():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(20, 3)), columns=list("abc"))
    model = LogisticRegression().fit(frame, frame["a"] > 0)
    with pytest.raises(ValueError, match="Feature names unseen at fit time"):
        explain(model, frame.rename(columns={"a": "z"}))
    with pytest.raises(ValueError, match="minimum of 1 is required"):
        explain(model, frame[:0])
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        explain(model, frame.to_numpy())
    model = LogisticRegression().fit(frame.to_numpy(), frame["a"] > 0)
    with pytest.raises(ValueError, match="X has 2 features, but LogisticRegression is expecting 3"):
        explain(model, np.ones((4, 2)))
    with pytest.raises(ValueError, match="Expected 2D array"):
        explain(model, [1.0, 2.0, 3.0])


def test_single_row():
    model, X = random_model(3)
    np.testing.assert_allclose(
        explain(model, X[4:5], baseline=0.2)[0], explain(model, X, baseline=0.2)[4], rtol=1e-14
    )


# Pipelines and the mixin


@pytest.fixture
def mixed():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"color": rng.choice(["red", "blue", "green"], 50), "size": rng.normal(size=50)},
        index=[f"row{i}" for i in range(50)],
    )
    return frame, np.where((frame["color"] == "red") ^ (frame["size"] > 0), "yes", "no")


@pytest.mark.parametrize("sparse_threshold", [0.0, 1.0])
@pytest.mark.parametrize("nested", [False, True])
def test_pipeline(mixed, sparse_threshold, nested):
    frame, y = mixed
    encoder = make_column_transformer(
        (OneHotEncoder(), ["color"]),
        (StandardScaler(), ["size"]),
        sparse_threshold=sparse_threshold,
    )
    model = LogisticRegression()
    steps = [encoder, Pipeline([("model", model)])] if nested else [encoder, model]
    pipeline = make_pipeline(*steps).fit(frame, y)
    A = explain(pipeline, frame, target="yes", groups=None)
    assert A.columns.tolist() == [
        "onehotencoder__color_blue",
        "onehotencoder__color_green",
        "onehotencoder__color_red",
        "standardscaler__size",
    ]
    pd.testing.assert_index_equal(A.index, frame.index)
    encoded = encoder.transform(frame)
    expected = explain(model, encoded, target="yes")
    np.testing.assert_array_equal(A, expected.toarray() if sparse_threshold else expected)
    assert (np.asarray(A)[:, :3] != 0).sum() == 50
    F = pipeline.predict_proba(frame)[:, 1] - expit(model.intercept_)
    np.testing.assert_allclose(A.sum(axis=1), F, atol=1e-12)


def test_names_pass_through_nested_pipelines(mixed):
    frame, y = mixed
    encoder = make_column_transformer((OneHotEncoder(sparse_output=False), ["color"]))
    pipeline = make_pipeline(encoder, make_pipeline(StandardScaler(), LogisticRegression()))
    A = explain(pipeline.fit(frame, y), frame, groups=None)
    assert A.columns[0] == "onehotencoder__color_blue"


def test_pipeline_keeps_frames_that_its_steps_return(mixed):
    frame, y = mixed
    X = frame[["size"]]
    scaler = StandardScaler().set_output(transform="pandas")
    pipeline = make_pipeline(scaler, LogisticRegression()).fit(X, y)
    A = explain(pipeline, X)
    assert A.columns.tolist() == ["size"]
    pd.testing.assert_index_equal(A.index, X.index)


def test_pipeline_of_steps_without_names(mixed):
    frame, y = mixed
    X = frame[["size"]]
    square = FunctionTransformer(lambda X: np.c_[X, np.square(X)])
    pipeline = make_pipeline(square, LogisticRegression()).fit(X, y)
    A = explain(pipeline, X, groups=None)
    assert A.columns.tolist() == [0, 1]
    pd.testing.assert_index_equal(A.index, X.index)


def test_pipeline_on_arrays_and_text():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 4))
    pipeline = make_pipeline(PCA(2), "passthrough", LogisticRegression()).fit(X, X[:, 0] > 0)
    A = explain(pipeline, X, groups=None)
    assert isinstance(A, np.ndarray)
    assert A.shape == (40, 2)
    text = ["good film", "bad film", "good", "bad"]
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(text, [1, 0, 1, 0])
    A = explain(pipeline, text, target=1)
    assert A.columns.tolist() == ["bad", "film", "good"]
    assert A.sparse.to_coo().nnz == 6
    assert (A["bad"] <= 0).all()


def test_pipeline_that_cannot_be_explained(mixed):
    frame, y = mixed
    pipeline = make_pipeline(StandardScaler(), SVC()).fit(frame[["size"]], y)
    with pytest.raises(TypeError, match="cannot explain SVC"):
        explain(pipeline, frame[["size"]])


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_adversarial_model_explains_itself(container):
    X, y = load_iris(return_X_y=True)
    weight = np.random.default_rng(0).uniform(size=len(X))
    model = AdversarialLogisticRegression(epsilon=0.05, alpha=1e-3)
    model.fit(container(X), y, sample_weight=weight)
    means = np.average(X, axis=0, weights=weight)
    for label in range(3):
        F = class_outputs(model, np.vstack([means, X]), "probability")[:, label]
        A = model.explain(container(X), target=label, baseline="mean")
        np.testing.assert_allclose(A.sum(axis=1), F[1:] - F[0], atol=1e-10)


def test_mixin_passes_all_options_on():
    model, X = random_model(3)
    y = model.classes_[np.arange(len(X)) % 3]
    options = {"method": "ig", "output": "logit", "target": "true", "baseline": "mean"}
    np.testing.assert_array_equal(model.explain(X, y, **options), explain(model, X, y, **options))
    np.testing.assert_array_equal(model.explain(X), explain(model, X))
    with pytest.raises(ValueError, match="method='no' is unknown"):
        model.explain(X, method="no")


def test_a_pickled_model_explains_the_same():
    X = np.random.default_rng(0).normal(size=(60, 3))
    model = LogisticRegression().fit(X, X[:, 0] > 0)
    np.testing.assert_array_equal(explain(pickle.loads(pickle.dumps(model)), X), explain(model, X))


def test_classes_called_like_the_words_of_target():
    X = np.random.default_rng(0).normal(size=(40, 2))
    words, letters = np.array(["true", "predicted"]), np.array(["b", "a"])
    which = (X[:, 0] > 0).astype(int)
    named, plain = (AdversarialLogisticRegression(0.1).fit(X, c[which]) for c in (words, letters))
    for word, letter in zip(words, letters, strict=True):
        expected = explain(plain, X, target=letter)
        np.testing.assert_allclose(explain(named, X, target=[str(word)]), expected)
        assert (np.sign(expected) != np.sign(explain(named, X))).any()
    transformer = AttributionTransformer(AdversarialLogisticRegression(0.1), target=["true"])
    np.testing.assert_allclose(
        transformer.fit(X, words[which]).transform(X), explain(plain, X, target="b")
    )
    with pytest.raises(ValueError, match=r"as y.* For the class of that name pass target=.'true'."):
        explain(named, X, target="true")


def test_a_frame_with_nan_has_names_all_the_same():
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 2)), columns=["a", "b"])
    model = AdversarialLogisticRegression(0.1).fit(X, X["a"] > 0)
    with warnings.catch_warnings(), pytest.raises(ValueError, match="contains NaN"):
        warnings.simplefilter("error")
        explain(model, X.mask(X > 2))
