"""The picture of the landing page and of the README shows what is said beside it."""

import runpy
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[1] / "docs" / "draw_one_prediction.py"


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(SCRIPT))


def test_thirty_bars_and_three(script):
    (_, natural_score, natural, many), (_, concise_score, concise, few) = script["explanations"]()
    assert (np.count_nonzero(many), np.count_nonzero(few)) == (30, 3)
    # both are right, neither is sure, at little cost in accuracy
    assert 0.5 < natural < 0.75
    assert 0.5 < concise < 0.75
    assert natural_score - concise_score < 0.01


def test_pictures_are_written_for_light_and_dark(script, tmp_path):
    script["main"](tmp_path)
    written = {path.name for path in tmp_path.iterdir()}
    kept = {path.name for path in script["IMAGES"].glob("one_prediction_*.svg")}
    assert written == kept
    assert len(written) == 4
