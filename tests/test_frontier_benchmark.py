"""The benchmark of models of few features: its rule, its families and its tables."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler

pytest.importorskip("matplotlib")

from benchmarks.frontier.families import HERE, PATHS, available, count
from benchmarks.frontier.measure import _scored
from benchmarks.frontier.report import (
    accuracy_table,
    curves,
    decimals,
    highest_attacked,
    load,
    most_accurate,
    save,
    target_table,
    write,
)

MOST = 3


def model_of(split, family, n_features, accuracy, attacked, parameters="epsilon=0"):
    return {
        "table": "breast_cancer",
        "split": split,
        "family": family,
        "parameters": parameters,
        "seconds": 0.5,
        "n_features": n_features,
        "accuracy": accuracy,
        "auc": accuracy,
        "attacked_weakly": attacked,
        "attacked": attacked,
        "gini": 0.9,
        "stability": -0.1,
    }


@pytest.fixture
def models():
    """Two splits of which another model is the best, and a family that was late in one."""
    return pd.DataFrame(
        [
            model_of(0, HERE, 1, 0.90, 0.80),
            model_of(0, HERE, 2, 0.96, 0.50),
            model_of(0, HERE, 2, 0.96, 0.70, "epsilon=0.1"),
            model_of(0, HERE, 3, 0.95, 0.75),
            model_of(1, HERE, 1, 0.88, 0.84),
            model_of(1, HERE, 3, 0.94, 0.60, "epsilon=0.1"),
            model_of(0, "abess", 1, 0.85, 0.7),
            model_of(1, "abess", 2, 0.95, 0.6),
        ]
    )


@pytest.fixture(scope="module")
def breast_cancer():
    X, y = load_breast_cancer(return_X_y=True)
    return StandardScaler().fit_transform(X), np.where(y == 1, 1.0, -1.0)


def test_the_most_accurate_model_of_at_most_k_features_counts_in_each_split(models):
    chosen = most_accurate(models, 2).set_index(["family", "split"])
    assert chosen.loc[(HERE, 0), "attacked"] == 0.7  # of two that are as accurate
    assert chosen.loc[(HERE, 1), "n_features"] == 1
    assert most_accurate(models, 3).groupby("family")["accuracy"].mean()[HERE] == 0.95


def test_accuracy_under_attack_may_be_that_of_another_model(models):
    assert highest_attacked(models, 3)[HERE] == pytest.approx(0.82)
    assert np.isnan(highest_attacked(models, 1)["abess"])  # one split has no model so small


def test_a_family_without_a_model_in_every_split_has_an_empty_cell(models):
    row = next(line for line in accuracy_table(models).splitlines() if line.startswith("| abess"))
    cells = [cell.strip() for cell in row.split("|")[2:-1]]
    assert cells[0] == ""
    assert cells[1] == ".900 ± .071 (.650)"


def test_targets_tell_what_is_missed(models):
    assert "| .950 | **missed** |" in target_table(models)
    assert "met" in target_table(models.assign(accuracy=0.96))


def test_the_report_is_written(models, tmp_path, capsys):
    write(models, tmp_path)
    assert (tmp_path / "report.md").read_text() == capsys.readouterr().out
    assert (tmp_path / "frontier.png").stat().st_size > 10_000


def test_splits_are_added_to_those_saved_before(breast_cancer, tmp_path):
    X, y = breast_cancer
    for split in range(2):
        model = _scored(("breast_cancer", split, HERE, "", 0.0, 1), np.eye(30)[0], 0.0, X, y)
        save([model], tmp_path / "breast_cancer.csv")
    saved = load(tmp_path)
    assert saved["split"].tolist() == [0, 1]
    assert saved["attacked"].tolist() == pytest.approx([model.attacked] * 2)


def test_a_curve_has_one_point_for_each_number_of_features(models):
    drawn = curves(models)
    points = dict(zip(zip(drawn["families"], drawn["n_features"], strict=True), drawn["accuracy"],
                      strict=True))  # fmt: skip
    assert points == pytest.approx(
        {(HERE, 1): 0.89, (HERE, 2): 0.92, (HERE, 3): 0.95, ("abess", 2): 0.9, ("abess", 3): 0.9}
    )


@pytest.mark.filterwarnings("ignore:invalid escape sequence")  # in abess, where it is compiled
@pytest.mark.parametrize("family", [name for name in available() if name != "skglm, MCP"])
def test_families_yield_linear_models_from_sparse_ones_on(breast_cancer, family):
    X, y = breast_cancer
    X = np.column_stack([X, np.ones(len(X))])  # a constant column, which no model needs
    for path in PATHS[family][:2]:
        models = list(path(X, y, None, MOST))
        sparse = [model for model in models if 0 < count(model[1], None) <= MOST]
        assert {count(coef, None) for _, coef, _ in sparse} & {2, 3}
        for parameters, coef, intercept in sparse:
            assert parameters
            assert coef.shape == (X.shape[1],)
            assert np.mean((X @ coef + intercept > 0) == (y > 0)) > 0.6


def test_features_of_a_group_count_once():
    assert count(np.array([0.0, 1.0, -1.0, 2.0]), np.array([0, 1, 1, 2])) == 2


def test_scores_of_a_model_are_those_of_its_margins(breast_cancer):
    X, y = breast_cancer
    coef = np.zeros(30)
    coef[[20, 27]] = -2.0, -1.0
    margins = y * (X @ coef + 0.3)
    scored = _scored(("t", 0, "f", "", 0.0, 2), coef, 0.3, X, y)
    assert scored.accuracy == np.mean(margins > 0)
    assert scored.attacked_weakly == np.mean(margins > 0.05 * 3)
    assert scored.attacked == np.mean(margins > 0.1 * 3)


@pytest.mark.parametrize(("value", "text"), [(0.9004, ".900"), (1.0, "1.000"), (-0.05, "-.050")])
def test_decimals(value, text):
    assert decimals(value) == text
