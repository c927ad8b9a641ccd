"""The path of epsilons against fits one by one."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

from sklearn_advex import AdversarialLogisticRegression, epsilon_grid, epsilon_path


@pytest.fixture(params=["binary", "three classes"])
def data(request):
    X, y = load_iris(return_X_y=True)
    return StandardScaler().fit_transform(X), y if request.param == "three classes" else y > 1


@pytest.mark.parametrize("container", [np.asarray, csr_array], ids=["dense", "csr"])
@pytest.mark.parametrize("options", [{}, {"alpha": 0.01, "l1_ratio": 0.5, "fit_intercept": False}])
def test_a_path_holds_the_models_fitted_one_by_one(data, container, options):
    X, y = data
    weights = np.random.default_rng(0).random(len(y))
    epsilons = np.array([0.3, 0.01, 0.1, 0.1])
    path = epsilon_path(container(X), y, epsilons=epsilons, sample_weight=weights, **options)
    np.testing.assert_array_equal(path.epsilons, epsilons)
    assert path.kkt_residuals.max() <= 1e-8
    for epsilon, coef, intercept in zip(epsilons, path.coefs, path.intercepts, strict=True):
        model = AdversarialLogisticRegression(epsilon, **options).fit(X, y, weights)
        np.testing.assert_allclose(coef, model.coef_, atol=1e-5)
        np.testing.assert_allclose(intercept, model.intercept_, atol=1e-5)
        np.testing.assert_array_equal(coef == 0, model.coef_ == 0)


def test_a_number_of_epsilons_stands_for_the_grid(data):
    X, y = data
    path = epsilon_path(X, y, epsilons=4, alpha=1e-3)
    np.testing.assert_array_equal(path.epsilons, epsilon_grid(X, y, n=4))
    support = (path.coefs != 0).sum(axis=(1, 2))
    assert (np.diff(support) <= 0).all()
    assert support[0] > support[-1] > 0


def test_one_warning_for_all_fits_that_fall_short(data):
    X, y = data
    with pytest.warns(
        ConvergenceWarning, match=r"fits did not reach tol=1e-08.*`max_iter` \(now 1"
    ):
        epsilon_path(X, y, epsilons=4, max_iter=1)


def test_one_warning_for_all_fits_without_a_minimizer():
    X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), [0, 0, 1, 1]
    with pytest.warns(ConvergenceWarning, match=r"2 of 3 fits have no finite min.*`alpha` > 0"):
        path = epsilon_path(X, y, epsilons=[0, 0.1, 0.7], alpha=0)
    assert np.isfinite(path.coefs).all()


def test_all_fits_without_a_minimizer_are_counted_and_stay_finite():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((60, 40)), rng.integers(0, 2, 60)
    epsilons = epsilon_grid(X, y, n=8)
    with pytest.warns(ConvergenceWarning, match="have no finite minimizer") as record:
        path = epsilon_path(X, y, epsilons=epsilons, alpha=0)
    margins = np.where(y, 1, -1) * (path.coefs[:, 0] @ X.T + path.intercepts)
    separates = margins.min(axis=1) > epsilons * np.abs(path.coefs[:, 0]).sum(axis=1)
    assert 1 < separates.sum() < 8
    assert f"{separates.sum()} of 8 fits" in str(record[0].message)
    strongest = np.flatnonzero(separates)[-1]
    assert (path.coefs[: strongest + 1] == path.coefs[strongest]).all()


def test_a_long_path_keeps_the_residuals_that_it_reports(data):
    X, y = data
    path = epsilon_path(X + 1e3, y, epsilons=300)
    where = AdversarialLogisticRegression(max_iter=0, warm_start=True)
    for i in range(0, 300, 20):
        where.set_params(epsilon=path.epsilons[i])
        where.coef_, where.intercept_ = path.coefs[i], path.intercepts[i]
        where.fit(X + 1e3, y)
        np.testing.assert_array_equal(where.coef_, path.coefs[i])
        np.testing.assert_allclose(where.kkt_residual_, path.kkt_residuals[i], atol=1e-9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epsilons": []}, "epsilons must be a number of values or a list"),
        ({"epsilons": [[0.1]]}, "epsilons must be a number of values or a list"),
        (
            {"epsilons": [{"a": 0.1}]},
            "each one number for all columns, got .* per column, .*GridSearchCV",
        ),
        ({"epsilons": [[0.1, 0.2], 0.1]}, "each one number for all columns"),
        ({"epsilons": [0.1, -0.1]}, "epsilons must be finite and not negative"),
        ({"epsilons": [np.nan]}, "epsilons must be finite"),
        ({"epsilons": 0}, "epsilons must be a positive integer, got 0"),
        ({"alpha": -1}, "'alpha' parameter"),
    ],
)
def test_bad_paths_are_refused_by_name(data, options, message):
    with pytest.raises(ValueError, match=message):
        epsilon_path(*data, **options)
