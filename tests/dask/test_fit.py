"""Models of Dask collections are those of the same rows in memory."""

import pickle
import subprocess
import sys
import warnings

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from sklearn_advex import (
    AdversarialLinearClassifier,
    AdversarialLogisticRegression,
    alpha_max,
    epsilon_grid,
    epsilon_max,
    epsilon_path,
    feature_path,
)
from sklearn_advex.linear_model._dask import _local_fits, _training_data
from tests.dask.conftest import as_array, as_csr, as_frame, rows_of
from tests.linear_model.conftest import LOGISTIC_REGRESSIONS

ESTIMATORS = LOGISTIC_REGRESSIONS | {
    "softplus hinge": AdversarialLinearClassifier("softplus_hinge", epsilon=0.1, alpha=1e-3),
    "class weights": AdversarialLogisticRegression(0.1, class_weight={0: 3.0, 1: 1.0, 2: 2.0}),
}


@pytest.fixture(autouse=True)
def small_samples(monkeypatch):
    """Fits start from models of 450 rows, although the data are small."""
    monkeypatch.setattr(_local_fits, "_N_ROWS", 450)


def assert_same_model(model, expected):
    np.testing.assert_allclose(model.coef_, expected.coef_, atol=1e-8)
    np.testing.assert_allclose(model.intercept_, expected.intercept_, atol=1e-8)
    np.testing.assert_array_equal(model.coef_ == 0, expected.coef_ == 0)
    np.testing.assert_array_equal(model.classes_, expected.classes_)
    np.testing.assert_allclose(model.objective_, expected.objective_, rtol=1e-12)
    gap = model.dual_gap_
    if model.alpha > 0:
        np.testing.assert_allclose(gap, expected.dual_gap_, atol=1e-9)
    else:  # rounding decides between a tight bound of the objective and the trivial one, 0
        assert ((gap <= 1e-9) | np.isclose(gap, model.objective_)).all()
    np.testing.assert_allclose(model.feature_means_, expected.feature_means_, atol=1e-12)
    assert (model.kkt_residual_ <= np.maximum(model.tol, 1.01 * expected.kkt_residual_)).all()
    for name in ("coef_", "intercept_", "epsilon_", "classes_", "feature_means_"):
        fitted = getattr(model, name)
        assert type(fitted) is np.ndarray
        assert fitted.dtype == getattr(expected, name).dtype


@pytest.mark.parametrize("n_blocks", [1, 3, 17])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_estimator_has_the_model_of_memory(name, n_classes, n_blocks):
    rows = rows_of(n_classes)
    expected = clone(ESTIMATORS[name]).fit(*rows)
    model = clone(ESTIMATORS[name]).fit(*as_array(*rows, n_blocks))
    assert_same_model(model, expected)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.bool_])
def test_every_container_has_the_model_of_memory(container, dtype):
    X, y, weights = rows_of()
    X = (10 * X).astype(dtype)
    labels = np.where(y == 1, "yes", "no").astype(object)
    expected = AdversarialLogisticRegression(0.05, alpha=1e-3).fit(X, labels, weights)
    model = clone(expected).fit(*container(X, labels, weights, 7))
    assert_same_model(model, expected)


def test_columns_of_one_parquet_data_set_stay_together(parquet):
    frame, table = parquet
    assert table["y"].optimize().npartitions < table.npartitions
    expected = AdversarialLogisticRegression(0.05).fit(
        frame[list("abcdef")], frame["y"], frame["weight"]
    )
    X = table.drop(columns=["y", "weight"])
    model = clone(expected).fit(X, table["y"], table["weight"])
    assert_same_model(model, expected)
    assert model.feature_names_in_.tolist() == list("abcdef")
    by_name = {"a": 0.05, "b": 0.05, "c": 0.05, "d": 0.05, "e": 0.05, "f": 0.05}
    named = AdversarialLogisticRegression(by_name).fit(X, table["y"], table["weight"])
    np.testing.assert_array_equal(named.coef_, model.coef_)
    in_memory = clone(expected).fit(X, frame["y"], frame["weight"])
    np.testing.assert_allclose(in_memory.coef_, expected.coef_, atol=1e-8)


@pytest.mark.parametrize("in_memory", ["X", "y", "weight"])
def test_one_of_them_may_be_in_memory_already(parquet, in_memory):
    frame, table = parquet
    names, loaded = list("abcdef"), table.persist()
    expected = AdversarialLogisticRegression(0.05).fit(frame[names], frame["y"], frame["weight"])
    X, y, weight = ((loaded if part == in_memory else table) for part in ("X", "y", "weight"))
    assert_same_model(clone(expected).fit(X[names], y["y"], weight["weight"]), expected)


def test_series_of_other_partitions_are_matched_by_their_index():
    X, y, _ = rows_of()
    expected = AdversarialLogisticRegression().fit(X, y)
    tables = dd.from_pandas(pd.DataFrame(X), npartitions=5)
    model = clone(expected).fit(tables, dd.from_pandas(pd.Series(y), npartitions=3))
    assert_same_model(model, expected)


def test_labels_in_memory_and_arrays_of_other_chunks_are_cut_like_the_rows():
    X, y, weights = rows_of()
    expected = AdversarialLogisticRegression().fit(X, y, weights)
    rows = da.from_array(X, chunks=(70, 4))
    model = clone(expected).fit(rows, y, da.from_array(weights, chunks=31))
    assert_same_model(model, expected)


@pytest.mark.parametrize("names", [["e", "a"], ["b", "c", "f"], list("fedcba")])
def test_labels_in_memory_go_with_columns_picked_from_a_frame(names):
    """`dask.optimize` brings columns of `from_pandas` back, and the order they had."""
    X, y, weights = rows_of()
    frame = pd.DataFrame(X, columns=list("abcdef"))
    expected = AdversarialLogisticRegression().fit(frame[names], y, weights)
    table = dd.from_pandas(frame, npartitions=3)[names]
    assert_same_model(clone(expected).fit(table, y, weights), expected)
    assert expected.score(table, y) == pytest.approx(expected.score(frame[names], y))


def test_blocks_of_one_class_are_no_obstacle():
    X, y, weights = rows_of()
    order = np.argsort(y, kind="stable")
    X, y, weights = X[order], y[order], weights[order]
    expected = AdversarialLogisticRegression().fit(X, y, weights)
    model = clone(expected).fit(da.from_array(X, chunks=(25, -1)), y, weights)
    assert_same_model(model, expected)


def warnings_of(fit):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit()
    return [(str(w.message), w.category, w.filename) for w in caught]


@pytest.mark.parametrize(
    ("estimator", "category"),
    [
        (AdversarialLogisticRegression(0.01, alpha=0.0), ConvergenceWarning),
        (AdversarialLogisticRegression(50.0), UserWarning),
        (AdversarialLogisticRegression(0.0, max_iter=1), ConvergenceWarning),
    ],
    ids=["separable", "no feature", "too few steps"],
)
def test_the_warnings_are_those_of_memory(estimator, category):
    X = np.array([[0.0, 1.0], [1.0, 5.0], [2.0, 0.5], [3.0, 3.5]])
    y = np.array([0, 0, 1, 1])
    (expected,) = warnings_of(lambda: clone(estimator).fit(X, y))
    (found,) = warnings_of(lambda: clone(estimator).fit(da.from_array(X, chunks=(2, 2)), y))
    assert found == expected
    assert found[1] is category


def test_warm_starts_go_on_from_the_model():
    X, y, weights = as_array(*rows_of(), 3)
    model = AdversarialLogisticRegression(0.1, warm_start=True).fit(X, y, weights)
    first = model.coef_
    model.fit(X, y, weights)
    assert model.n_iter_.max() <= 1
    np.testing.assert_allclose(model.coef_, first, atol=1e-8)


def test_functions_of_the_data_say_what_they_say_in_memory():
    for n_classes in (2, 3):
        rows = rows_of(n_classes)
        X, y, weights = as_array(*rows, 5)
        limit = epsilon_max(X, y, weights)
        assert limit == pytest.approx(epsilon_max(*rows), rel=1e-12)
        assert alpha_max(X, y, 0.5, weights) == pytest.approx(alpha_max(*rows[:2], 0.5, rows[2]))
        grid = epsilon_grid(X, y, 4, sample_weight=weights)
        np.testing.assert_allclose(grid, epsilon_grid(*rows[:2], 4, sample_weight=rows[2]))
        path = epsilon_path(X, y, epsilons=5, sample_weight=weights)
        expected = epsilon_path(*rows[:2], epsilons=5, sample_weight=rows[2])
        np.testing.assert_allclose(path.coefs, expected.coefs, atol=1e-8)
        np.testing.assert_allclose(path.intercepts, expected.intercepts, atol=1e-8)
        assert type(path.coefs) is np.ndarray


def test_what_travels_does_not_grow_with_the_rows(monkeypatch):
    def largest_transfer(n_rows):
        sizes = []

        def spy(graph, keys):
            found = dask.threaded.get(graph, keys)
            sizes.append(len(pickle.dumps(found)))
            return found

        with dask.config.set(scheduler=spy):
            AdversarialLogisticRegression().fit(*as_array(*rows_of(n_rows=n_rows), 3))
        assert len(sizes) > 5
        return max(sizes)

    assert largest_transfer(30_000) <= largest_transfer(300) + 100


def test_passes_over_the_data_are_counted(monkeypatch):
    monkeypatch.setattr(_local_fits, "_N_ROWS", 0)  # no start from samples
    X, y, weights = rows_of()
    reads = []

    def read(block):
        reads.append(block.shape[0])
        return block

    blocks = da.from_array(X, chunks=(100, -1)).map_blocks(read, meta=X[:0])
    reads.clear()
    model = AdversarialLogisticRegression().fit(blocks, y, weights)
    assert len(reads) == 3 * model.n_passes_
    assert model.n_passes_ <= model.n_iter_.max() + 4
    assert AdversarialLogisticRegression().fit(X, y).n_passes_ == 0


def test_a_start_from_samples_saves_passes(monkeypatch):
    X, y, _ = rows_of(n_rows=4000)
    rows = da.from_array(X, chunks=(1000, -1)), da.from_array(y, chunks=1000)
    model = AdversarialLogisticRegression(0.05)
    passes = []
    for n_rows in (0, 2000):
        monkeypatch.setattr(_local_fits, "_N_ROWS", n_rows)
        passes.append(model.fit(*rows).n_passes_)
    assert passes[1] <= passes[0] - 2


@pytest.mark.parametrize("loss", ["log_loss", "softplus_hinge"])
def test_a_start_that_is_worse_than_none_is_not_used(loss, monkeypatch):
    X, y, weights = rows_of(3)
    expected = AdversarialLinearClassifier(loss, epsilon=0.1).fit(X, y, weights)
    models = []
    for near in (None, np.full((3, 7), 30.0)):
        monkeypatch.setattr(_training_data, "median_model", lambda *args, near=near: near)
        models.append(clone(expected).fit(*as_array(X, y, weights, 3)))
        assert_same_model(models[-1], expected)
    np.testing.assert_array_equal(models[0].n_iter_, models[1].n_iter_)


def test_the_start_is_the_geometric_median_of_models_of_all_classes():
    rng = np.random.default_rng(0)
    both, other = np.array(["a", "b"]), np.array(["a", "c"])
    centers = np.array([[5.0, 1.0, 0.0, -3.0], [1.0, 1.0, 1.0, 1.0]])
    near = centers + rng.standard_normal((9, 2, 4))
    near[4, 0] = 1e6  # the rows of one block are others
    near[:5, :, 2] = 0.0
    models = [(both, of_block) for of_block in near]
    models.append((other, np.full((2, 4), 7.0)))
    median = _local_fits.median_model(models, both)
    used = [0, 1, 3]
    for of_problem, found in zip(near[:, :, used].swapaxes(0, 1), median[:, used], strict=True):
        middle = np.median(of_problem, axis=0)
        units = np.median(np.abs(of_problem - middle), axis=0)

        def distance(point, of_problem=of_problem, units=units):
            return np.linalg.norm((of_problem - point) / units, axis=1).sum()

        np.testing.assert_allclose(found, minimize(distance, middle).x, atol=0.02)
    np.testing.assert_array_equal(median[:, 2], 0.0)
    assert _local_fits.median_model(models, np.array(["a", "b", "c"])) is None
    np.testing.assert_array_equal(_local_fits.median_model(models[:1], both), near[0])


def test_a_sum_that_models_agree_on_is_that_of_their_median():
    rng = np.random.default_rng(0)
    both, coefs = np.array([0, 1]), rng.standard_normal((16, 1, 50))
    coefs += (3.0 - coefs.sum(axis=2, keepdims=True)) / 50
    median = _local_fits.median_model([(both, coef) for coef in coefs], both)
    assert median.sum() == pytest.approx(3.0)


@pytest.mark.parametrize("tol", [0.2, 1e-8])
def test_hessians_come_in_passing_but_for_the_last_step(tol, monkeypatch):
    monkeypatch.setattr(_local_fits, "_N_ROWS", 2000)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((4000, 20))
    y = (X @ rng.standard_normal(20) + rng.logistic(size=4000) > 0).astype(int)
    asked = []

    def spy(graph, keys):
        asked.append(keys[0].partition("-")[0])
        return dask.threaded.get(graph, keys)

    rows = da.from_array(X, chunks=(1000, -1)), da.from_array(y, chunks=1000)
    with dask.config.set(scheduler=spy):
        model = AdversarialLogisticRegression(0.0, tol=tol, fit_intercept=False).fit(*rows)
    assert asked == ["validate", *["gradient_and_hessian"] * model.n_iter_[0], "gradient"]
    assert (model.n_iter_[0] > 1) == (tol == 1e-8)


def test_a_support_of_100_takes_at_most_25_passes():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20_000, 200))
    y = (X[:, :100] @ rng.standard_normal(100) + 3 * rng.logistic(size=20_000) > 0).astype(int)
    model = AdversarialLogisticRegression(0.02).fit(da.from_array(X, chunks=(5000, -1)), y)
    assert 90 <= model.support_[0].size <= 110
    assert model.n_passes_ <= 25


def test_a_fitted_model_needs_no_dask():
    X, y, weights = rows_of()
    model = AdversarialLogisticRegression().fit(*as_frame(X, y, weights, 3))
    script = (
        "import pickle, sys, numpy as np\n"
        "sys.modules['dask'] = None\n"
        f"model = pickle.loads({pickle.dumps(model)!r})\n"
        "from sklearn_advex import AdversarialLogisticRegression\n"
        "import warnings; warnings.simplefilter('ignore')\n"
        f"X = np.array({X[:20].tolist()})\n"
        "print(*model.decision_function(X))\n"
        "AdversarialLogisticRegression().fit(X, X[:, 0] > 0)\n"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = model.decision_function(X[:20])
    np.testing.assert_allclose(np.array(run.stdout.split(), dtype=float), expected, rtol=1e-12)


# --- what cannot be trained on


def table_with(**columns):
    X, y, _ = rows_of()
    frame = pd.DataFrame(X, columns=list("abcdef")).assign(**columns)
    return dd.from_pandas(frame, npartitions=4), y


def test_missing_and_infinite_values_name_their_columns():
    b = rows_of()[0][:, 1]
    for value, what in ((np.nan, "NaN"), (np.inf, "infinity")):
        bad = np.where(np.arange(b.size) == 200, value, b)
        with pytest.raises(ValueError, match=rf"{what} in the columns \['b', 'e'\]\. .*rows"):
            AdversarialLogisticRegression().fit(*table_with(b=bad, e=bad))
    X, y, weights = rows_of()
    X[17, 2] = np.nan
    for make in (as_array, as_csr):
        with pytest.raises(ValueError, match=r"NaN in the columns \[2\]"):
            AdversarialLogisticRegression().fit(*make(X, y, weights, 4))


def test_columns_that_are_not_numbers_are_named_before_any_pass():
    texts = pd.Categorical(np.where(rows_of()[1] == 1, "u", "v"))
    with pytest.raises(ValueError, match=r"not numbers: \['c', 'f'\].*Encode them"):
        AdversarialLogisticRegression().fit(*table_with(c=texts, f=texts.astype(object)))
    X, y, _ = rows_of()
    with pytest.raises(ValueError, match=r"astype\(float\)"):
        AdversarialLogisticRegression().fit(da.from_array(X.astype(object), chunks=(100, -1)), y)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros(300, dtype=int), "one class only"),
        (np.linspace(0, 1, 300), "continuous"),
        (np.where(np.arange(300) == 9, np.nan, np.arange(300) % 2), "missing labels"),
        (np.array(["a", "b", None], dtype=object)[np.arange(300) % 3], "missing labels"),
        (np.arange(299) % 2, "X has 300 rows but y has 299"),
    ],
    ids=["one class", "numbers", "NaN", "None", "length"],
)
def test_labels_that_are_none_are_refused(y, message):
    X = da.from_array(rows_of()[0], chunks=(100, -1))
    with pytest.raises(ValueError, match=message):
        AdversarialLogisticRegression().fit(X, y)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.full(300, -1.0), "Negative values"),
        (np.zeros(300), "at least one non-zero"),
        (np.full(300, np.nan), "NaN"),
        ((rows_of()[1] == 0).astype(float), "has any weight"),
    ],
    ids=["negative", "zero", "NaN", "class without weight"],
)
def test_weights_that_are_none_are_refused(weights, message):
    X, y, _ = rows_of()
    with pytest.raises(ValueError, match=message):
        AdversarialLogisticRegression().fit(da.from_array(X, chunks=(100, -1)), y, weights)


def test_blocks_that_do_not_match_are_refused():
    X, y, weights = rows_of()
    table, _, _ = as_frame(X, y, weights, 4)
    labels = as_frame(X, y, weights, 3)[1]
    with pytest.raises(ValueError, match="X has 4, y has 3"):
        AdversarialLogisticRegression().fit(table, labels)
    shifted = dd.from_delayed([dask.delayed(pd.Series(y[:75]))] * 4, meta=pd.Series(y[:0]))
    with pytest.raises(ValueError, match=r"Block \d of X has \d+ rows but that of y has 75"):
        AdversarialLogisticRegression().fit(table, shifted)


@pytest.mark.parametrize(
    "options",
    [{"loss": "hinge"}, {"norm": "l2"}, {"solver": "interior-point"}, {"max_features": 2}],
    ids=str,
)
def test_options_that_need_memory_name_themselves_and_the_remedy(options):
    (name,) = options
    X, y, _ = as_array(*rows_of(), 3)
    with pytest.raises(ValueError, match=rf"{name}=.*set {name}=.*X\.compute\(\)"):
        AdversarialLinearClassifier(**options).fit(X, y)


def test_rows_in_memory_do_not_go_with_collections():
    X, y, weights = rows_of()
    with pytest.raises(TypeError, match=r"y is a Dask collection.*y\.compute\(\)"):
        AdversarialLogisticRegression().fit(X, da.from_array(y))
    with pytest.raises(TypeError, match=r"sample_weight\.compute\(\)"):
        epsilon_max(X, y, da.from_array(weights))


def test_verbose_prints_a_line_for_each_step(capsys):
    model = AdversarialLogisticRegression(verbose=1).fit(*as_array(*rows_of(), 3))
    steps = [line for line in capsys.readouterr().out.splitlines() if line.startswith("step ")]
    assert len(steps) > model.n_iter_[0] > 0


def test_a_path_over_numbers_of_features_is_refused():
    X, y, _ = rows_of(2)
    with pytest.raises(TypeError, match=r"X is a Dask collection.*pass X.compute"):
        feature_path(da.from_array(X), y)
