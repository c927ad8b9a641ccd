"""The estimator as its users meet it: scikit-learn's checks, messages, containers, warnings."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import StandardScaler

from sklearn_advex import AdversarialLogisticRegression, alpha_max, epsilon_grid, epsilon_max


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    return StandardScaler().set_output(transform="pandas").fit_transform(X), y


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True, as_frame=True)


def unchanged(*arrays):
    """Copies to compare with, in pairs with the originals."""
    return [(array, array.copy()) for array in arrays]


def test_frames_keep_their_names_index_and_values(cancer):
    X, y = cancer
    X = X.set_index(np.arange(len(X)) + 1000)
    pairs = unchanged(X, y.to_frame())
    model = AdversarialLogisticRegression(0.2).fit(X, y)
    assert list(model.feature_names_in_) == list(X.columns)
    for frame in (model.perturb(X, y), model.explain(X)):
        assert frame.columns.equals(X.columns)
        assert frame.index.equals(X.index)
    for original, copy in pairs:
        pd.testing.assert_frame_equal(original, copy)


def test_read_only_arrays_are_enough(cancer):
    X, y = (np.array(part) for part in cancer)
    weights, epsilon = np.ones(len(y)), np.full(X.shape[1], 0.2)
    for array in (X, y, weights, epsilon):
        array.flags.writeable = False
    model = AdversarialLogisticRegression(epsilon).fit(X, y, weights)
    model.perturb(X, y, epsilon)
    model.adversarial_score(X, y, sample_weight=weights)
    model.certified_radius(X)


def test_a_dict_of_columns_is_the_array_in_column_order(cancer):
    X, y = cancer
    epsilon = np.linspace(0, 0.5, X.shape[1])
    by_name = dict(zip(reversed(X.columns), reversed(epsilon), strict=True))
    one = AdversarialLogisticRegression(by_name).fit(X, y)
    other = AdversarialLogisticRegression(epsilon).fit(X, y)
    np.testing.assert_array_equal(one.epsilon_, epsilon)
    np.testing.assert_array_equal(one.coef_, other.coef_)
    np.testing.assert_array_equal(one.perturb(X, y, by_name), other.perturb(X, y))


def test_a_frozen_feature_is_never_perturbed_and_never_discouraged(cancer):
    X, y = cancer
    epsilon = np.full(X.shape[1], 0.5)
    epsilon[3] = 0.0
    model = AdversarialLogisticRegression(epsilon).fit(X, y)
    assert model.coef_[0, 3] != 0
    np.testing.assert_array_equal(model.perturb(X, y)[X.columns[3]], X.iloc[:, 3])


def test_labels_may_be_strings(iris):
    X, y = iris
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    by_name = AdversarialLogisticRegression(0.1).fit(X, names)
    by_number = AdversarialLogisticRegression(0.1).fit(X, y)
    assert list(by_name.classes_) == ["setosa", "versicolor", "virginica"]
    np.testing.assert_array_equal(by_name.coef_, by_number.coef_)
    assert by_name.adversarial_score(X, names) == by_number.adversarial_score(X, y)
    pd.testing.assert_frame_equal(by_name.perturb(X, names), by_number.perturb(X, y))


def test_several_classes_are_fitted_one_against_the_rest(iris):
    X, y = iris
    model = AdversarialLogisticRegression(0.1).fit(X, y)
    reference = OneVsRestClassifier(AdversarialLogisticRegression(0.1)).fit(X, y)
    for k, binary in enumerate(reference.estimators_):
        np.testing.assert_allclose(model.coef_[k], binary.coef_[0], atol=1e-8)
        assert model.objective_[k] == pytest.approx(binary.objective_[0])
    np.testing.assert_allclose(model.predict_proba(X), reference.predict_proba(X), atol=1e-8)
    np.testing.assert_array_equal(model.predict(X), reference.predict(X))


def test_threads_give_the_same_classes(iris):
    X, y = iris
    one = AdversarialLogisticRegression(0.1).fit(X, y)
    two = AdversarialLogisticRegression(0.1, n_jobs=2).fit(X, y)
    np.testing.assert_array_equal(one.coef_, two.coef_)


@pytest.mark.parametrize("scale", [1.0, 1e4, -1e4])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_probabilities_are_consistent_with_scores_also_far_out(iris, scale, n_classes):
    X, y = iris[0].to_numpy(), iris[1].to_numpy()
    model = AdversarialLogisticRegression(0.0).fit(X, y if n_classes == 3 else y > 0)
    probabilities, logarithms = model.predict_proba(scale * X), model.predict_log_proba(scale * X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    np.testing.assert_allclose(np.exp(logarithms), probabilities)
    assert np.isfinite(logarithms).all()
    scores = model.decision_function(scale * X)
    if n_classes == 2:
        np.testing.assert_allclose(logarithms[:, 1] - logarithms[:, 0], scores, rtol=1e-9)
    else:
        relative = -np.logaddexp(0, -scores)
        relative -= relative.max(axis=1, keepdims=True)
        expected = np.exp(relative) / np.exp(relative).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(probabilities, expected, atol=1e-12)


def test_balanced_classes_are_weights_for_the_rows(cancer):
    X, y = cancer
    y = y.to_numpy().copy()
    y[:100] = 0
    balanced = AdversarialLogisticRegression(0.2, class_weight="balanced").fit(X, y)
    as_weights = (y.size / (2 * np.bincount(y)))[y]
    by_hand = AdversarialLogisticRegression(0.2).fit(X, y, sample_weight=as_weights)
    np.testing.assert_allclose(balanced.coef_, by_hand.coef_, atol=1e-7)
    by_dict = AdversarialLogisticRegression(
        0.2, class_weight=dict(enumerate(y.size / (2 * np.bincount(y))))
    ).fit(X, y)
    np.testing.assert_allclose(by_dict.coef_, by_hand.coef_, atol=1e-7)


def test_pickling_and_cloning_keep_the_model(cancer):
    X, y = cancer
    model = AdversarialLogisticRegression(dict.fromkeys(X.columns, 0.2), alpha=0.01).fit(X, y)
    restored = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(restored.predict_proba(X), model.predict_proba(X))
    assert restored.explain(X).equals(model.explain(X))
    assert clone(model).get_params() == model.get_params()


def test_fitting_keeps_the_parameters_as_they_were(cancer):
    X, y = cancer
    epsilon = np.full(X.shape[1], 0.2)
    model = AdversarialLogisticRegression(epsilon, class_weight={0: 1, 1: 2})
    model.fit(X, y)
    assert model.epsilon is epsilon
    assert (epsilon == 0.2).all()
    assert model.class_weight == {0: 1, 1: 2}


def test_html_and_text_representations_show_the_parameters():
    model = AdversarialLogisticRegression(0.25)
    assert repr(model) == "AdversarialLogisticRegression(epsilon=0.25)"
    assert "epsilon" in model._repr_html_()


def test_a_search_runs_over_epsilon_and_alpha(cancer):
    X, y = cancer
    search = GridSearchCV(
        AdversarialLogisticRegression(),
        {"epsilon": epsilon_grid(X, y, n=3), "alpha": [1e-4, 1e-2]},
        n_jobs=2,
        cv=3,
    ).fit(X, y)
    assert search.best_score_ > 0.93


def test_an_empty_model_predicts_the_prior(cancer):
    X, y = cancer
    largest = epsilon_max(X, y)
    with pytest.warns(UserWarning, match=rf"epsilon_max={largest:.4g}.*decrease `epsilon`"):
        model = AdversarialLogisticRegression(largest + 1e-9, alpha=0.0).fit(X, y)
    assert not model.coef_.any()
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], y.mean())
    assert np.isinf(model.certified_radius(X)).all()
    assert model.adversarial_score(X, y) == model.score(X, y) == y.mean()
    assert not model.explain(X).to_numpy().any()
    pd.testing.assert_frame_equal(model.perturb(X, y), X)


def test_an_empty_model_names_the_factor_where_epsilon_differs_by_feature(cancer):
    X, y = cancer
    epsilon = np.linspace(2, 3, X.shape[1])
    with pytest.warns(UserWarning, match="multiply it by less than") as caught:
        AdversarialLogisticRegression(epsilon, alpha=0.0).fit(X, y)
    factor = float(str(caught[0].message).split("less than ")[1].rstrip("."))
    assert AdversarialLogisticRegression(0.99 * factor * epsilon, alpha=0.0).fit(X, y).coef_.any()


def test_an_empty_model_says_when_alpha_is_the_reason(cancer):
    X, y = cancer
    with pytest.warns(UserWarning, match="decrease `alpha`"):
        AdversarialLogisticRegression(0, alpha=1.01 * alpha_max(X, y), l1_ratio=1).fit(X, y)


def test_one_class_without_features_is_no_reason_to_warn(iris):
    X, y = iris
    model = AdversarialLogisticRegression(0.5).fit(X, y)
    assert (model.coef_ != 0).any(axis=1).tolist() == [True, False, True]


@pytest.mark.parametrize("epsilon", [0.0, 1e-4])
def test_separable_classes_end_in_a_finite_model_and_a_warning_that_helps(cancer, epsilon):
    X, y = cancer
    with pytest.warns(
        ConvergenceWarning, match=r"separable.*Raise `epsilon`.*`alpha` > 0"
    ) as caught:
        model = AdversarialLogisticRegression(epsilon, alpha=0.0).fit(X, y)
    assert np.isfinite(model.coef_).all()
    assert model.adversarial_score(X, y) == 1.0
    named = float(str(caught[0].message).split("above ")[1].split(",")[0])
    with pytest.warns(ConvergenceWarning, match="separable"):
        AdversarialLogisticRegression(0.8 * named, alpha=0.0).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        AdversarialLogisticRegression(named, alpha=0.0).fit(X, y)
        AdversarialLogisticRegression(epsilon, alpha=1e-4).fit(X, y)


def test_separable_classes_with_epsilon_per_feature_name_a_factor(cancer):
    X, y = cancer
    epsilon = np.linspace(1e-5, 2e-5, X.shape[1])
    with pytest.warns(ConvergenceWarning, match="by a factor above") as caught:
        AdversarialLogisticRegression(epsilon, alpha=0.0).fit(X, y)
    factor = float(str(caught[0].message).split("factor above ")[1].split(",")[0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        AdversarialLogisticRegression(factor * epsilon, alpha=0.0).fit(X, y)


def test_classes_that_a_frozen_feature_separates_need_a_penalty():
    X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.5]])
    with pytest.warns(
        ConvergenceWarning, match="minimizer; .*models? that separates them. Set `alpha` > 0"
    ):
        AdversarialLogisticRegression([0.0, 0.1], alpha=0.0).fit(X, [0, 0, 1, 1])


def test_separable_classes_with_a_row_without_weight():
    X = np.array([[0.0], [1.0], [2.0], [3.0], [-5.0]])
    y = [0, 0, 1, 1, 1]
    with pytest.warns(ConvergenceWarning, match="separable"):
        model = AdversarialLogisticRegression(0.0, alpha=0.0).fit(X, y, [1, 1, 1, 1, 0])
    assert model.score(X[:4], y[:4]) == 1.0


def test_a_fit_cut_short_says_what_it_reached(cancer):
    X, y = cancer
    with pytest.warns(
        ConvergenceWarning, match=r"stopped after 2 iter.*residual.*`max_iter` \(now 2"
    ):
        model = AdversarialLogisticRegression(0.1, max_iter=2).fit(X, y)
    assert model.kkt_residual_[0] > model.tol
    assert model.n_iter_[0] == 2


@pytest.mark.parametrize("n_samples", [2, 3])
def test_the_smallest_data_sets(n_samples):
    X, y = np.arange(float(n_samples))[:, None], np.arange(n_samples) > 0
    model = AdversarialLogisticRegression(0.1).fit(X, y)
    assert np.isfinite(model.predict_proba(X)).all()


@pytest.mark.parametrize("fill", [0.0, 1.0, 1e8])
def test_a_constant_column_is_left_out(cancer, fill):
    X, y = cancer
    model = AdversarialLogisticRegression(0.1).fit(X, y)
    wider = AdversarialLogisticRegression(0.1).fit(X.assign(constant=fill), y)
    assert wider.coef_[0, -1] == 0.0
    np.testing.assert_allclose(wider.coef_[0, :-1], model.coef_[0], atol=1e-6)


@pytest.mark.parametrize("y", [[0, 1] * 5, [0] * 9 + [1], [0, 1, 2, 0, 1] * 2], ids=str)
@pytest.mark.parametrize("epsilon", [0, 0.1])
def test_an_empty_model_says_when_the_classes_have_the_same_means(epsilon, y):
    with pytest.warns(UserWarning, match="No feature differs between the classes in its mean"):
        AdversarialLogisticRegression(epsilon, alpha=0).fit(np.full((10, 2), 0.3), y)


def test_rows_that_are_all_equal_leave_the_prior():
    with pytest.warns(UserWarning, match="All coefficients are 0"):
        model = AdversarialLogisticRegression(0.1).fit(np.ones((6, 2)), [0, 0, 0, 0, 1, 1])
    np.testing.assert_allclose(model.predict_proba(np.ones((1, 2))), [[2 / 3, 1 / 3]])


def test_copies_of_a_column_do_no_harm(cancer):
    X, y = cancer
    doubled = pd.concat([X, X.add_suffix(" again")], axis=1)
    once = AdversarialLogisticRegression(0.1, alpha=0.0).fit(X, y)
    twice = AdversarialLogisticRegression(0.1, alpha=0.0).fit(doubled, y)
    assert twice.objective_[0] == pytest.approx(once.objective_[0], abs=1e-9)
    np.testing.assert_allclose(twice.predict_proba(doubled), once.predict_proba(X), atol=1e-5)


def test_digits_are_fitted_and_attacked_exactly():
    X, y = load_digits(return_X_y=True)
    X = X / 16
    model = AdversarialLogisticRegression(0.05, n_jobs=2).fit(X, y)
    assert model.coef_.shape == (10, 64)
    assert model.score(X, y) > 0.93
    assert 0.6 < model.adversarial_score(X, y) == model.score(model.perturb(X, y), y)


BAD_PARAMETERS = {
    "epsilon negative": ({"epsilon": -0.1}, "'epsilon' parameter.*Got -0.1"),
    "epsilon infinite": ({"epsilon": np.inf}, "'epsilon' parameter"),
    "epsilon NaN": ({"epsilon": np.nan}, "'epsilon' parameter"),
    "epsilon of wrong length": ({"epsilon": [0.1, 0.2]}, r"epsilon has shape \(2,\) but X has 30"),
    "epsilon as dict without frame": ({"epsilon": {"a": 1}}, "epsilon is a dict but X has no col"),
    "norm": ({"norm": "l7"}, "'norm' parameter.*'linf'"),
    "solver": ({"solver": "magic"}, "'solver' parameter.*'auto'"),
    "alpha": ({"alpha": -1}, "'alpha' parameter"),
    "l1_ratio": ({"l1_ratio": 1.5}, "'l1_ratio' parameter"),
    "class_weight": ({"class_weight": "equal"}, "'class_weight' parameter.*'balanced'"),
    "class_weight negative": (
        {"class_weight": {0: -1, 1: 1}},
        "class_weight must be finite and not negative",
    ),
    "tol": ({"tol": -1}, "'tol' parameter"),
    "max_iter": ({"max_iter": 0.5}, "'max_iter' parameter"),
}


@pytest.mark.parametrize(("parameters", "message"), BAD_PARAMETERS.values(), ids=BAD_PARAMETERS)
def test_a_bad_parameter_is_refused_by_name(cancer, parameters, message):
    X, y = cancer
    with pytest.raises(ValueError, match=message):
        AdversarialLogisticRegression(**parameters).fit(X.to_numpy(), y)


def test_bad_data_is_refused_by_name(cancer):
    X, y = (np.array(part) for part in cancer)
    model = AdversarialLogisticRegression(0.1)
    for bad, message in ((np.nan, "NaN.*imputer"), (np.inf, "infinity.*Clip such values")):
        spoilt = X.copy()
        spoilt[3, 4] = bad
        with pytest.raises(ValueError, match=rf"(?s)Input X contains {message}"):
            model.fit(spoilt, y)
    with pytest.raises(ValueError, match=r"y has one class only, \[7\]"):
        model.fit(X, np.full(len(y), 7))
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        model.fit(X, y + 0.5 * X[:, 0])
    with pytest.raises(ValueError, match="Negative values in data passed to `sample_weight`"):
        model.fit(X, y, sample_weight=-np.ones(len(y)))
    with pytest.raises(ValueError, match=r"No row of the class\(es\) \[1\] has any weight"):
        model.fit(X, y, sample_weight=(y == 0).astype(float))
    with pytest.raises(
        ValueError, match=r"X has columns that are not numbers: .*'red'. Encode them"
    ):
        AdversarialLogisticRegression().fit(cancer[0].assign(color="red"), y)
    with pytest.raises(NotFittedError):
        AdversarialLogisticRegression().perturb(X, y)
    model.fit(X, y)
    for method in (model.predict, model.certified_radius, model.explain):
        with pytest.raises(ValueError, match=r"X has 29 features.*expecting 30"):
            method(X[:, 1:])


def test_bad_attacks_are_refused_by_name(cancer):
    X, y = (np.array(part) for part in cancer)
    model = AdversarialLogisticRegression(0.1).fit(X, y)
    with pytest.raises(ValueError, match=r"y holds labels that the model does not know: \[5, 6\]"):
        model.perturb(X[:4], [0, 1, 5, 6])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.adversarial_score(X, y[:-1])
    for epsilon in (-1, np.nan, [1, 2]):
        with pytest.raises(ValueError, match="epsilon"):
            model.adversarial_score(X, y, epsilon)
    assert model.adversarial_score(X[:4], [5, 5, 5, 5], epsilon=0) == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda X, y: epsilon_max(X, np.zeros(len(y))), "y has one class only"),
        (lambda X, y: epsilon_max(X, y, sample_weight=y), r"No row .* \[0\] has any weight"),
        (lambda X, y: epsilon_max(X, y, sample_weight=-y), "Negative values"),
        (lambda X, y: alpha_max(X, y, l1_ratio=0), r"l1_ratio must be in \(0, 1\], got 0"),
        (lambda X, y: epsilon_grid(X, y, n=0), "n must be a positive integer, got 0"),
        (lambda X, y: epsilon_grid(X, y, ratio=1), r"ratio must be in \(0, 1\)"),
        (lambda X, y: epsilon_grid(np.ones_like(X), y), "same mean in all classes"),
    ],
)
def test_bad_calls_of_the_closed_forms_are_refused_by_name(cancer, call, message):
    X, y = (np.array(part) for part in cancer)
    with pytest.raises(ValueError, match=message):
        call(X, y)


def test_the_grid_is_geometric_and_below_epsilon_max(cancer):
    X, y = cancer
    grid = epsilon_grid(X, y, n=5, ratio=0.1)
    np.testing.assert_allclose(grid[1:] / grid[:-1], 10 ** (1 / 5))
    assert grid[0] == pytest.approx(0.1 * epsilon_max(X, y))
    assert grid[-1] < epsilon_max(X, y)


@pytest.mark.parametrize("epsilon", [0.4, 0.1])
@pytest.mark.parametrize("shape", [(20, 300), (50, 500), (50, 2000)], ids=str)
def test_many_more_features_than_rows(shape, epsilon):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal(shape)
        y = X[:, :3].sum(axis=1) + 0.5 * rng.standard_normal(shape[0]) > 0
        model = AdversarialLogisticRegression(epsilon * epsilon_max(X, y), l1_ratio=1).fit(X, y)
        assert model.kkt_residual_[0] <= 1e-8


@pytest.mark.parametrize("scale", [1e9, 1e12])
def test_values_so_large_that_tol_is_out_of_reach_end_in_a_warning(scale):
    rng = np.random.default_rng(4)
    X = rng.standard_normal((200, 100))
    y = X[:, 0] + rng.standard_normal(200) > 0
    with pytest.warns(ConvergenceWarning, match="residual") as caught:
        model = AdversarialLogisticRegression(0.1 * scale, tol=1e-12).fit(X * scale, y)
    assert len(caught) == 1
    assert model.score(X * scale, y) > 0.7


def test_values_whose_squares_overflow_are_refused(cancer):
    X, y = cancer
    with pytest.raises(ValueError, match="squares overflow: bring the features to one scale"):
        AdversarialLogisticRegression().fit(X * 1e160, y)


@pytest.mark.parametrize("factor", [1e307, 1e-300])
def test_weights_of_any_size_are_normalized(cancer, factor):
    X, y = cancer
    weights = np.full(len(y), factor)
    plain = AdversarialLogisticRegression(0.1).fit(X, y)
    for class_weight in (None, "balanced", {0: 1e200, 1: 1e200}):
        weighted = AdversarialLogisticRegression(0.1, class_weight=class_weight)
        weighted.fit(X, y, weights)
        if class_weight != "balanced":
            np.testing.assert_allclose(weighted.coef_, plain.coef_, atol=1e-7)
        assert np.isfinite(weighted.objective_).all()
    assert epsilon_max(X, y, weights) == pytest.approx(epsilon_max(X, y))
    with pytest.raises(ValueError, match=r"No row of the class\(es\) \[0\] has any weight"):
        AdversarialLogisticRegression(class_weight={0: 1e-300, 1: 1e300}).fit(X, y)


def test_a_warm_start_from_afar_is_no_worse_than_a_cold_one(cancer):
    X, y = cancer
    cold = AdversarialLogisticRegression(0.1).fit(X, y)
    warm = AdversarialLogisticRegression(0.1, warm_start=True).fit(X, y)
    warm.coef_ = warm.coef_ * 1e6
    np.testing.assert_allclose(warm.fit(X, y).coef_, cold.coef_, atol=1e-7)


def test_a_warm_start_from_an_empty_model():
    X = np.random.default_rng(0).standard_normal((200, 100))
    model = AdversarialLogisticRegression(5.0, warm_start=True)
    for y in (X[:, 0] > 0, X[:, 0] > 1):
        with pytest.warns(UserWarning, match="All coefficients are 0"):
            model.fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], np.mean(X[:, 0] > 1))


def test_an_unfinished_fit_is_not_called_featureless(cancer):
    X, y = cancer
    with pytest.warns(ConvergenceWarning) as caught:
        AdversarialLogisticRegression(0.1, max_iter=0).fit(X, y)
    assert len(caught) == 1


def test_gradients_below_tol_are_called_what_they_are(cancer):
    X, y = cancer
    with pytest.warns(UserWarning, match="All gradients are below `tol`: rescale X"):
        AdversarialLogisticRegression(0, alpha=0).fit(X * 1e-12, y)


def test_labels_of_another_type_are_refused_by_name(cancer):
    X, y = cancer
    model = AdversarialLogisticRegression().fit(X, np.array(["no", "yes"])[y])
    for method in (model.perturb, model.adversarial_score):
        with pytest.raises(ValueError, match="y holds labels of another type than the classes"):
            method(X, y)


def test_a_series_of_epsilons_is_matched_by_name(cancer):
    X, y = cancer
    epsilon = pd.Series(np.linspace(0, 0.5, 30), index=X.columns)
    model = AdversarialLogisticRegression(epsilon[::-1]).fit(X, y)
    np.testing.assert_array_equal(model.epsilon_, epsilon)


def test_columns_of_dates_are_refused_by_name():
    X = pd.DataFrame(
        {"since": pd.date_range("2026-01-01", periods=4), "size": [1.0, 2.0, 3.0, 4.0]}
    )
    with pytest.raises(TypeError, match="columns of dates or durations: 'since'"):
        AdversarialLogisticRegression(0.1).fit(X, [0, 1, 0, 1])
