"""Every public name is in the reference, has an example that runs, and is shown by some page."""

import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest
from numpydoc.docscrape import get_doc_object

import sklearn_advex

ROOT = Path(__file__).parents[1]


def public_names():
    """Names of the package and its public subpackages, each with the shortest path to it."""
    packages = [sklearn_advex]
    for module in pkgutil.iter_modules(sklearn_advex.__path__):
        if not module.name.startswith("_"):
            packages.append(importlib.import_module(f"sklearn_advex.{module.name}"))
    found = {}
    for package in packages:
        for name in package.__all__:
            found.setdefault(name, getattr(package, name))
    del found["__version__"]
    return found


NAMES = public_names()
# The scorers `..._scorer` are objects; the pages of the functions that make them document both.
DOCUMENTED = {
    name: obj for name, obj in NAMES.items() if inspect.isclass(obj) or inspect.isfunction(obj)
}


def reference():
    return (ROOT / "docs" / "api.rst").read_text(encoding="utf-8").split()


def shown_text():
    """Guide, landing page and gallery: what teaches."""
    pages = [ROOT / "docs" / "index.rst", *(ROOT / "docs" / "guide").glob("*.rst")]
    pages += [*(ROOT / "docs").glob("*.rst"), *(ROOT / "examples").glob("plot_*.py")]
    texts = [page.read_text(encoding="utf-8") for page in pages if page.name != "api.rst"]
    return "\n".join(texts)


def see_also(obj):
    """The names that a docstring refers to."""
    sections = get_doc_object(obj)["See Also"]
    return [name for references, _ in sections for name, _ in references]


def test_reference_and_public_names_are_the_same():
    listed = {word for word in reference() if re.fullmatch(r"\w+", word)}
    assert set(NAMES) <= listed


@pytest.mark.parametrize("name", sorted(DOCUMENTED))
def test_a_public_name_has_an_example(name):
    assert ">>> " in "\n".join(get_doc_object(DOCUMENTED[name])["Examples"])


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_public_name_is_shown_by_a_page_or_an_example(name):
    assert re.search(rf"\b{name}\b", shown_text())


@pytest.mark.parametrize("name", sorted(DOCUMENTED))
def test_see_also_leads_on_and_exists(name):
    references = see_also(DOCUMENTED[name])
    ours = [path for path in references if not path.startswith(("sklearn.", "numpy.", "torch."))]
    assert references
    assert {path.split(".")[-1] for path in ours} <= set(NAMES)


@pytest.mark.parametrize("name", sorted(DOCUMENTED))
def test_the_first_sentence_is_whole_in_a_list_of_names(name):
    """The list ends a sentence at the first period that a space follows."""
    summary = " ".join(get_doc_object(DOCUMENTED[name])["Summary"])
    assert ". " not in summary
    assert "..." not in summary
