"""The code of the user guide prints what its pages say it prints."""

import doctest
import re
import textwrap
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
CONTENTS = DOCS / "guide" / "index.rst"
GUIDE = sorted(set(CONTENTS.parent.glob("*.rst")) - {CONTENTS})
PAGES = [DOCS / "index.rst", DOCS / "dask.rst", *GUIDE]
BLOCK = re.compile(r"^\.\. code-block:: python\n\n((?:   .*\n|\n)+)", re.MULTILINE)
# Blocks without a prompt are for packages that the tests do not need; each is run where the package
# is, `make test-interop` has most. Those of the page on Dask need clusters and stores.
OTHERS = {
    "onnxruntime": "saving_and_serving",
    "mlflow": "saving_and_serving",
    "art": "coming_from",
    "abess": "coming_from",
}
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


def failures(text, name, report=lambda _: None, package=None):
    """Run the examples of a page, and its blocks that import a package."""
    runner = doctest.DocTestRunner(OutputChecker(), optionflags=OPTIONS)
    names = {}
    for i, part in enumerate(BLOCK.split(text)):
        if i % 2 == 0:
            test = doctest.DocTestParser().get_doctest(part, names, name, name, 0)
            runner.run(test, out=report, clear_globs=False)
            names = test.globs
        elif package and imports(part, package):
            exec(textwrap.dedent(part), names)
    return runner.summarize(verbose=False)


def imports(code, package):
    return re.search(rf"^ *(import|from) {package}\b", code, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_prints_the_output_shown(page):
    said = []
    result = failures(page.read_text(encoding="utf-8"), page.name, said.append)
    assert result.attempted > 0
    assert result.failed == 0, "".join(said)


@pytest.mark.parametrize("package", OTHERS)
def test_blocks_for_another_package_run(package, tmp_path, monkeypatch):
    pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    page = CONTENTS.parent / f"{OTHERS[package]}.rst"
    assert failures(page.read_text(encoding="utf-8"), page.name, package=package).failed == 0


@pytest.mark.parametrize("page", GUIDE, ids=lambda page: page.stem)
def test_every_block_is_run(page):
    packages = [package for package, name in OTHERS.items() if name == page.stem]
    blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    assert all(any(imports(code, package) for package in packages) for code in blocks)


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
