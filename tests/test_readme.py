"""The README's example prints what the README says it prints."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"


EXAMPLES = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", README.read_text(), re.S)


@pytest.mark.parametrize(("code", "output"), EXAMPLES)
def test_an_example_prints_the_output_shown(code, output, capsys):
    exec(code, {})
    assert capsys.readouterr().out == output


def test_there_is_an_example():
    assert len(EXAMPLES) == 1


def test_links_lead_to_files():
    text = README.read_text(encoding="utf-8")
    # Absolute, for the page of the package index.
    here = (
        "https://(?:github|raw.githubusercontent).com/sklearn-advex/sklearn-advex/(?:blob/)?main/"
    )
    paths = re.findall(rf'(?:\]\(|src="){here}([^)"]+)', text)
    assert len(paths) > 5
    assert [path for path in paths if not (README.parent / path).exists()] == []
