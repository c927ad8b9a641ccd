"""The README's example prints what the README says it prints."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"


EXAMPLES = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", README.read_text(), re.S)


@pytest.mark.parametrize(("code", "output"), EXAMPLES, ids=["linear", "networks"])
def test_an_example_prints_the_output_shown(code, output, capsys):
    exec(code, {})
    assert capsys.readouterr().out == output
