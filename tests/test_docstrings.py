"""Every public name is documented, and its docstring agrees with its signature."""

import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest
from numpydoc.docscrape import get_doc_object
from numpydoc.validate import validate

import sklearn_advex

CHECKED = {
    "GL06",  # unknown section
    "GL07",  # sections in the wrong order
    "GL08",  # no docstring
    "SS01",  # no summary
    "PR01",  # parameters not documented
    "PR02",  # documented parameters that do not exist
    "PR03",  # parameters in another order than in the signature
    "PR04",  # parameter without a type
    "RT01",  # no Returns section although something is returned
    "YD01",  # no Yields section although it is a generator
}


def complaints(obj):
    return [text for code, text in validate(get_doc_object(obj))["errors"] if code in CHECKED]


def public_packages():
    subpackages = [module.name for module in pkgutil.iter_modules(sklearn_advex.__path__)]
    names = [f"sklearn_advex.{name}" for name in subpackages if not name.startswith("_")]
    return [sklearn_advex, *map(importlib.import_module, names)]


def methods_of(cls):
    """The public methods that the package itself wrote, inherited ones included."""
    for name in dir(cls):
        method = getattr(cls, name)
        ours = inspect.isfunction(method) and method.__module__.startswith("sklearn_advex")
        if ours and not name.startswith("_"):
            yield name, method


def documented_objects():
    found = {}
    for package in public_packages():
        for name in package.__all__:
            obj = getattr(package, name)
            if inspect.isclass(obj):
                found[name] = obj
                found |= {f"{name}.{key}": method for key, method in methods_of(obj)}
            elif inspect.isfunction(obj):
                found[name] = obj
    return [pytest.param(obj, id=name) for name, obj in sorted(found.items())]


@pytest.mark.parametrize("obj", documented_objects())
def test_docstring_agrees_with_signature(obj):
    assert complaints(obj) == []


@pytest.mark.parametrize("package", public_packages(), ids=lambda package: package.__name__)
def test_every_public_name_is_in_the_api_reference(package):
    reference = Path(__file__).parents[1] / "docs" / "api.rst"
    listed = reference.read_text(encoding="utf-8").split()
    assert set(package.__all__) - {"__version__"} <= set(listed)


def shrink(a, b):
    """Shrink a by b.

    Parameters
    ----------
    a : float
        What is shrunk.

    Returns
    -------
    float
        What is left.
    """
    return a - b


def grow(a):
    """Grow a.

    Parameters
    ----------
    a : float
        What grows.
    """
    return 2 * a


def bare(a):
    return a


@pytest.mark.parametrize(
    ("function", "complaint"),
    [(shrink, "not documented"), (grow, "No Returns section"), (bare, "not have a docstring")],
)
def test_the_check_turns_red(function, complaint):
    assert any(complaint in text for text in complaints(function))
