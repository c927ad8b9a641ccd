"""The README's example prints what the README says it prints."""

import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_the_example_prints_the_output_shown(capsys):
    code, output = re.search(
        r"```python\n(.*?)```\n\n```text\n(.*?)```", README.read_text(), re.S
    ).groups()
    exec(code, {})
    assert capsys.readouterr().out == output
