"""The code of the user guide prints what its pages say it prints."""

import doctest
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
CONTENTS = DOCS / "guide" / "index.rst"
GUIDE = sorted(set(CONTENTS.parent.glob("*.rst")) - {CONTENTS})
PAGES = [DOCS / "index.rst", *GUIDE]
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE

# Trained networks differ a little between processors. In blocks that say so, numbers with a
# fraction may be off by this much.
ROUGHLY = doctest.register_optionflag("ROUGHLY")
TOLERANCE = 0.05
FRACTION = re.compile(r"\d+\.\d+")


class OutputChecker(doctest.OutputChecker):
    def check_output(self, want, got, optionflags):
        if optionflags & ROUGHLY:
            pairs = list(zip(FRACTION.findall(want), FRACTION.findall(got), strict=False))
            if any(abs(float(a) - float(b)) > TOLERANCE for a, b in pairs):
                return False
            want, got = FRACTION.sub("0.0", want), FRACTION.sub("0.0", got)
        return super().check_output(want, got, optionflags)


def failures(text, name, report=lambda _: None):
    test = doctest.DocTestParser().get_doctest(text, {}, name, name, 0)
    runner = doctest.DocTestRunner(OutputChecker(), optionflags=OPTIONS)
    return runner.run(test, out=report)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_prints_the_output_shown(page):
    said = []
    result = failures(page.read_text(encoding="utf-8"), page.name, said.append)
    assert result.attempted > 0
    assert result.failed == 0, "".join(said)


def test_every_page_is_in_the_table_of_contents():
    assert GUIDE
    assert {page.stem for page in GUIDE} <= set(CONTENTS.read_text(encoding="utf-8").split())


@pytest.mark.parametrize(
    ("text", "n_failed"),
    [
        (">>> print(0.90, 2)\n0.92 2\n", 1),
        (">>> print(0.90, 2)  # doctest: +ROUGHLY\n0.92 2\n", 0),
        (">>> print(0.90, 2)  # doctest: +ROUGHLY\n0.80 2\n", 1),
        (">>> print(0.90, 2)  # doctest: +ROUGHLY\n0.90 3\n", 1),
        (">>> print(0.90, 0.80)  # doctest: +ROUGHLY\n0.90\n", 1),
    ],
)
def test_the_check_turns_red(text, n_failed):
    assert failures(text, "text").failed == n_failed
