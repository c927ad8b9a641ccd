"""Flips of categories of linear models, against brute force over all of them."""

import itertools
import re

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_advex import (
    AdversarialLinearClassifier,
    AdversarialLogisticRegression,
    AdversarialLogisticRegressionCV,
    one_hot_categories,
)
from sklearn_advex.attribution import adversarial_accuracy, certified_radius, worst_case_rows
from tests.one_hot import GROUPS, N_FEATURES, all_flips, table

FORMATS = {"dense": np.asarray, "CSR": sparse.csr_array}


def all_changes(row, max_flips, epsilon):
    """Every flip with every corner of the box of the numbers."""
    corners = np.array([*itertools.product([-epsilon, epsilon], repeat=2)])
    flipped = np.array([*all_flips(row.astype(np.float64), max_flips)])
    changed = np.repeat(flipped, len(corners), axis=0)
    changed[:, 9:] += np.tile(corners, (len(flipped), 1))
    return changed


def is_robust_by_brute_force(model, X, y, max_flips, epsilon):
    return np.array(
        [
            (model.predict(all_changes(row, max_flips, epsilon)) == label).all()
            for row, label in zip(X, y, strict=True)
        ]
    )


def n_flips_of(X, changed):
    return sum((X[:, group] != changed[:, group]).any(axis=1).astype(int) for group in GROUPS)


@pytest.mark.parametrize("as_format", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("max_flips", [0, 1, 2, 3, 9])
def test_the_worst_case_is_that_of_brute_force(max_flips, n_classes, as_format):
    X, y = table(120, n_classes=n_classes)
    model = AdversarialLogisticRegression(0.01).fit(X, y)
    given = as_format(X)
    for epsilon in (0.0, 0.3):
        robust = is_robust_by_brute_force(model, X, y, max_flips, epsilon)
        threat = {"epsilon": epsilon, "categories": GROUPS, "max_flips": max_flips}
        assert model.adversarial_score(given, y, **threat) == robust.mean()
        assert adversarial_accuracy(model, given, y, **threat) == robust.mean()
        worst = model.perturb(given, y, **threat)
        assert type(worst) is type(given) and worst.dtype == X.dtype
        assert np.array_equal(model.predict(worst) == y, robust)
        worst = worst.toarray() if sparse.issparse(worst) else worst
        assert n_flips_of(X, worst).max() == min(max_flips, len(GROUPS))
        for group in GROUPS:
            np.testing.assert_array_equal(np.sort(worst[:, group])[:, -2:], [[0, 1]] * len(X))
        assert np.abs(worst[:, 9:] - X[:, 9:]).max() == pytest.approx(epsilon, abs=1e-6)
    assert np.array_equal(given.toarray() if sparse.issparse(given) else given, table(120)[0])


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("max_flips", [0, 1, 2])
def test_no_flips_and_changes_below_the_radius_alter_a_prediction(max_flips, n_classes):
    X, y = table(60, n_classes=n_classes)
    model = LogisticRegression().fit(X, y)
    predicted = model.predict(X)
    radii = certified_radius(model, X, categories=GROUPS, max_flips=max_flips)
    by_flips = ~is_robust_by_brute_force(model, X, predicted, max_flips, 0.0)
    assert np.array_equal(radii == 0, by_flips)
    assert by_flips.any() == (max_flips > 0)
    for row, label, radius in zip(X, predicted, radii, strict=True):
        for factor, holds in ((0.999, radius > 0), (1.001, False)):
            robust = is_robust_by_brute_force(
                model, row[None], [label], max_flips, radius * factor + 1e-9 * (radius == 0)
            )
            assert robust == [holds]


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_flips_stand_beside_every_norm(norm):
    X, y = table()
    model = AdversarialLinearClassifier(epsilon=0.1, norm=norm).fit(X, y)
    for max_flips in (0, 1, 2):
        threat = {"epsilon": 0.5, "categories": GROUPS, "max_flips": max_flips}
        score = model.adversarial_score(X, y, **threat)
        assert score == model.score(model.perturb(X, y, **threat), y)
        radii = model.certified_radius(X, categories=GROUPS, max_flips=max_flips)
        assert score == pytest.approx(np.mean((radii > 0.5) & (model.predict(X) == y)))


def test_radii_without_numbers_in_use_are_zero_or_infinite():
    X, y = table()
    model = LogisticRegression().fit(X, y)
    model.coef_[:, 9:] = 0.0
    model.intercept_ += 2.0  # far enough for some rows
    radii = certified_radius(model, X, categories=GROUPS, max_flips=1)
    assert set(radii) == {0.0, np.inf}
    score = adversarial_accuracy(model, X, y, epsilon=9.0, categories=GROUPS, max_flips=1)
    assert score == np.mean(np.isinf(radii) & (model.predict(X) == y))


def test_categories_that_the_encoder_did_not_know_can_be_flipped():
    X, y = table()
    X[:5, :3] = 0.0
    model = AdversarialLogisticRegression(0.01).fit(X, y)
    threat = {"epsilon": 0.0, "categories": GROUPS, "max_flips": 1}
    robust = is_robust_by_brute_force(model, X, y, 1, 0.0)
    assert model.adversarial_score(X, y, **threat) == robust.mean()
    worst = model.perturb(X, y, **threat)
    assert np.array_equal(model.predict(worst) == y, robust)
    assert (worst[:5, :3] == 0.0).all(axis=1).any()


def frame():
    generator = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "size": generator.normal(size=300),
            "color": generator.choice(["red", "blue", "green"], 300),
            "is_new": generator.choice(["yes", "no"], 300),
        }
    )
    return X, (X["color"].eq("red") + X["is_new"].eq("no") + 0.5 * X["size"] > 0.8).to_numpy()


@pytest.mark.parametrize("sparse_output", [False, True])
def test_categories_are_found_in_a_pipeline(sparse_output):
    X, y = frame()
    encoder = make_column_transformer(
        (OneHotEncoder(sparse_output=sparse_output), ["color", "is_new"]),
        (StandardScaler(), ["size"]),
        sparse_threshold=float(sparse_output),
    )
    model = make_pipeline(encoder, AdversarialLogisticRegression(0.01)).fit(X, y)
    categories = one_hot_categories(model[:-1], X)
    assert [group.tolist() for group in categories] == [[0, 1, 2], [3, 4]]
    threat = {"epsilon": 0.1, "categories": categories, "max_flips": 1}
    score = adversarial_accuracy(model, X, y, **threat)
    assert 0 < score < adversarial_accuracy(model, X, y, **threat | {"max_flips": 0}) < 1
    worst = worst_case_rows(model, X, y, **threat)
    assert sparse.issparse(worst) == sparse_output
    assert model[-1].score(worst, y) == score


def test_categories_are_named_in_frames_and_by_the_search():
    X, y = table()
    names = np.array([f"c{i}" for i in range(N_FEATURES)])
    model = AdversarialLogisticRegressionCV(epsilons=[0.01, 0.1]).fit(
        pd.DataFrame(X, columns=names), y
    )
    by_name = {"categories": [names[group] for group in GROUPS], "max_flips": 1}
    worst = model.perturb(pd.DataFrame(X, columns=names), y, **by_name)
    assert worst.columns.tolist() == names.tolist()
    by_position = by_name | {"categories": GROUPS}
    assert np.array_equal(model.perturb(pd.DataFrame(X, columns=names), y, **by_position), worst)


@pytest.mark.parametrize(
    ("threat", "message"),
    [
        ({"categories": [[0, 1, 2], [2, 3]]}, "categories overlap: column 2"),
        ({"categories": [[0]]}, "at least two of the 11 columns"),
        ({"categories": [["a", "b"]]}, "at least two of the 11 columns"),
        ({"categories": [[0, 3]], "max_flips": 1}, r"must be one-hot, but the columns \(0, 3\)"),
        ({"categories": [[9, 10]], "max_flips": 1}, "must be one-hot.*scale the other columns"),
        ({"max_flips": 1}, "max_flips=1 needs categories to flip.*one_hot_categories"),
        ({"categories": GROUPS, "max_flips": -1}, "max_flips must be an integer of at least 0"),
        ({"categories": GROUPS, "max_flips": 0.5}, "max_flips must be an integer of at least 0"),
    ],
)
@pytest.mark.parametrize("as_format", FORMATS.values(), ids=FORMATS)
def test_bad_threats_are_named(threat, message, as_format):
    X, y = table()
    model = AdversarialLogisticRegression(0.01).fit(X, y)
    X = as_format(X)
    calls = [
        lambda: model.perturb(X, y, **threat),
        lambda: model.adversarial_score(X, y, **threat),
        lambda: model.certified_radius(X, **threat),
        lambda: adversarial_accuracy(model, X, y, **threat),
        lambda: certified_radius(model, X, **threat),
        lambda: worst_case_rows(model, X, y, **threat),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=re.compile(message, re.DOTALL)):
            call()
