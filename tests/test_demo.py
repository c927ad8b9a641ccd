"""The demo runs as `make demo` runs it, and shows what it promises."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def demo(tmp_path):
    demo = runpy.run_path(str(EXAMPLES / "demo.py"))
    demo["main"].__globals__["OUTPUT"] = tmp_path
    return demo


def test_demo_compares_models_explains_a_prediction_and_draws(demo, tmp_path, capsys):
    demo["main"]()
    lines = capsys.readouterr().out.splitlines()
    models = [line for line in lines if line.startswith(("n:", "l:", "a:", "k:", "chosen:"))]
    features = {line[0]: int(line.split()[-1]) for line in models}
    assert features["n"] == 30
    assert features["k"] == 3
    assert all(0 < features[kind] < 15 for kind in "lac")
    assert sum("+0." in line for line in lines) >= 5
    assert len(list(tmp_path.glob("*.png"))) == 2
