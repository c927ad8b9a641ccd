"""Categories against brute force over all flips and over the vertices of mixtures."""

import itertools

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.compose import make_column_transformer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_advex import AdversarialMLPClassifier, one_hot_categories
from sklearn_advex.neural_network._bounds import input_box, steps_of, worst_case_logits
from sklearn_advex.neural_network._categories import make_mixture
from tests.one_hot import GROUPS, N_FEATURES, all_flips, table


def mlp(sizes, **params):
    defaults = {"categories": GROUPS, "epsilon": 0.1, "max_epochs": 30, "random_state": 0}
    return AdversarialMLPClassifier(sizes, **(defaults | params))


def is_robust_by_brute_force(model, X, y, max_flips, epsilon=0.0):
    """Whether no flips (and, for linear models, no change of numbers) turn a row."""
    weight = model.module_[-1].weight.detach().numpy()[:, 9:]
    flips = [np.array([*all_flips(row, max_flips)]) for row in X]
    logits = model.module_(torch.tensor(np.concatenate(flips))).detach().numpy()
    results = []
    for of_row, label in zip(
        np.split(logits, np.cumsum([len(rows) for rows in flips])[:-1]), y, strict=True
    ):
        leads = [
            of_row[:, label]
            - of_row[:, other]
            - epsilon * np.abs(weight[label] - weight[other]).sum()
            for other in range(logits.shape[1])
            if other != label
        ]
        results.append(np.min(leads) > 0)
    return np.array(results)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_linear_networks_are_exact(n_classes):
    X, y = table(n_classes=n_classes)
    model = mlp(()).fit(X, y)
    X, y = X[:80], y[:80]
    for max_flips, epsilon in itertools.product((0, 1, 2, 9), (0.0, 0.2)):
        robust = is_robust_by_brute_force(model, X, y, max_flips, epsilon).mean()
        options = {"epsilon": epsilon, "max_flips": max_flips}
        assert model.certified_score(X, y, **options) == robust
        if n_classes == 2:
            assert model.adversarial_score(X, y, **options) == robust
        else:
            assert robust <= model.adversarial_score(X, y, **options) <= robust + 0.03


@pytest.mark.parametrize("training", ["ibp", None])
def test_bounds_and_search_bracket_brute_force(training):
    X, y = table(n_classes=3)
    model = mlp((16, 8), training=training).fit(X, y)
    gaps = []
    for max_flips in (0, 1, 2, 3):
        robust = is_robust_by_brute_force(model, X, y, max_flips).mean()
        options = {"epsilon": 0.0, "max_flips": max_flips}
        by_interval, by_crown = (
            model.certified_score(X, y, method=method, **options)
            for method in ("interval", "crown")
        )
        found = model.adversarial_score(X, y, **options)
        assert by_interval <= by_crown <= robust <= found
        gaps.append(found - robust)
    assert max(gaps) <= 0.02  # the greedy search is close


def test_perturbed_rows_stay_categories_and_within_the_box():
    X, y = table()
    model = mlp((8,)).fit(X, y)
    Z = model.perturb(X, y, epsilon=0.3, max_flips=2)
    n_flips = sum((Z[:, group] != X[:, group]).any(axis=1).astype(int) for group in GROUPS)
    assert n_flips.max() == 2
    for group in GROUPS:
        assert np.array_equal(np.sort(Z[:, group], axis=1)[:, -1], np.ones(len(X)))
        assert np.array_equal(Z[:, group].sum(axis=1), np.ones(len(X)))
    assert np.abs(Z[:, 9:] - X[:, 9:]).max() == pytest.approx(0.3, abs=1e-5)
    accuracy = model.adversarial_score(X, y, epsilon=0.3, max_flips=2)
    assert accuracy == (model.predict(Z) == y).mean()
    assert np.array_equal(model.perturb(X, y)[:, :9], X[:, :9])


def mixtures(row, share, n_random, generator):
    """The vertices of the mixtures of a row, and random ones inside."""
    vertices = [*all_flips(row, len(GROUPS))]
    random = []
    for _ in range(n_random):
        other = row.copy()
        for group in GROUPS:
            other[group] = generator.dirichlet(np.full(len(group), 0.3))
        random.append(other)
    return (1 - share) * row + share * np.array(vertices + random)


@pytest.mark.parametrize("sizes", [(), (16, 8)])
@pytest.mark.parametrize("scale", [1.0, 0.4])
def test_the_mixture_bound_holds_and_is_exact_for_linear_networks(sizes, scale):
    X, y = table(40, n_classes=3)
    model = mlp(sizes, max_epochs=10).fit(X, y)
    module = model.module_.double()
    epsilon, mixture = make_mixture(
        [np.array(group) for group in GROUPS], torch.full((1, N_FEATURES), 0.2, dtype=torch.float64)
    )
    assert epsilon[0].tolist() == [0.0] * 9 + [0.2, 0.2]
    rows, labels = torch.tensor(X).double(), torch.tensor(y)
    worst = worst_case_logits(
        steps_of(module),
        input_box(rows, torch.zeros_like(epsilon), None),
        labels,
        lambda weight: mixture.ends(weight, rows, scale),
    )
    generator = np.random.default_rng(0)
    for row, label, bound in zip(X.astype(np.float64), y, worst, strict=True):
        logits = module(torch.tensor(mixtures(row, 0.2 * scale, 200, generator)))
        found = (logits - logits[:, [label]]).amax(dim=0)
        assert (found <= bound + 1e-9).all()
        if not sizes:
            assert torch.allclose(found, bound, atol=1e-9)


def test_training_against_mixtures_is_robust_to_them():
    X, y = table(600)
    robustness = []
    for epsilon in (0.0, 0.3):
        model = mlp((16,), epsilon=epsilon, max_epochs=40).fit(X, y)
        generator = np.random.default_rng(1)
        is_robust = [
            (model.predict(mixtures(row, 0.3, 20, generator).astype(np.float32)) == label).all()
            for row, label in zip(X[:100], y[:100], strict=True)
        ]
        robustness.append(np.mean(is_robust))
    assert robustness[1] > robustness[0] + 0.05


def test_categories_are_found_in_a_pipeline_and_named():
    frame = pd.DataFrame(
        {
            "size": [1.0, 2.0, 3.0, 4.0] * 30,
            "color": ["red", "blue", "red", "green"] * 30,
            "is_new": ["yes", "no", "yes", "yes"] * 30,
        }
    )
    y = (frame["color"] == "red").to_numpy()
    encoder = make_column_transformer(
        (OneHotEncoder(sparse_output=False), ["color", "is_new"]), (StandardScaler(), ["size"])
    ).set_output(transform="pandas")
    encoded = encoder.fit_transform(frame)
    groups = one_hot_categories(encoder, frame)
    assert [group.tolist() for group in groups] == [[0, 1, 2], [3, 4]]
    by_position = mlp((4,), categories=groups, max_epochs=3).fit(encoded, y)
    named = [encoded.columns[group] for group in groups]
    by_name = mlp((4,), categories=named, max_epochs=3).fit(encoded, y)
    assert np.array_equal(by_position.predict_proba(encoded), by_name.predict_proba(encoded))
    binary = OneHotEncoder(drop="if_binary").fit(frame[["color", "is_new"]])
    found = one_hot_categories(binary, frame[["color", "is_new"]])
    assert [group.tolist() for group in found] == [[0, 1, 2]]


def test_categories_survive_a_file(tmp_path):
    X, y = table()
    model = mlp((8,), max_epochs=3).fit(X, y)
    model.save(tmp_path / "model.safetensors")
    loaded = AdversarialMLPClassifier.load(tmp_path / "model.safetensors")
    assert loaded.certified_score(X, y, max_flips=1) == model.certified_score(X, y, max_flips=1)
    assert loaded.certified_score(X, y, max_flips=1) < loaded.certified_score(X, y)


def test_rows_of_unknown_categories_can_be_attacked():
    X, y = table()
    model = mlp((8,), max_epochs=3).fit(X, y)
    X = X.copy()
    X[0, :3] = 0.0
    assert model.certified_score(X, y, max_flips=1) <= model.adversarial_score(X, y, max_flips=1)


@pytest.mark.parametrize(
    ("categories", "message"),
    [
        ([[0, 1, 2], [2, 3]], "categories overlap: column 2"),
        ([[0, 1, 1]], "categories overlap: column 1"),
        ([[0]], "at least two of the 11 columns"),
        ([[0, 11]], "at least two of the 11 columns"),
        ([["a", "b"]], "at least two of the 11 columns"),
        ([[0, 1]], r"must be one-hot, but the columns \(0, 1\).*not in row"),
        ([[9, 10]], "must be one-hot.*scale the other columns only"),
    ],
)
def test_bad_categories_are_named(categories, message):
    with pytest.raises(ValueError, match=message):
        mlp((8,), categories=categories).fit(*table())


def test_other_misuse_is_named():
    X, y = table()
    with pytest.raises(ValueError, match="training='pgd' searches within boxes"):
        mlp((8,), training="pgd").fit(X, y)
    plain = mlp((8,), categories=None, max_epochs=1).fit(X, y)
    for method in (plain.perturb, plain.adversarial_score, plain.certified_score):
        with pytest.raises(ValueError, match="max_flips=1 needs categories to flip"):
            method(X, y, max_flips=1)
    model = mlp((8,), max_epochs=1).fit(X, y)
    with pytest.raises(ValueError, match="max_flips must be an integer"):
        model.certified_score(X, y, max_flips=-1)
    with pytest.raises(ValueError, match="must be one-hot"):
        model.certified_score(X + 0.5, y, max_flips=1)
    frame = pd.DataFrame(X, columns=[f"c{i}" for i in range(N_FEATURES)])
    with pytest.raises(ValueError, match="categories name the column 'c99'"):
        mlp((8,), categories=[["c0", "c99"]]).fit(frame, y)
