"""What the package declares to need, to install and to show agrees with itself."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
#: Extras whose floors `make test-oldest` installs.
TESTED_EXTRAS = ("dask", "plot", "progress", "shap", "test")


def pins(name):
    """The versions of a constraints file, by the names of packages as pip compares them."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonical(package): version for package, version in pairs}


def canonical(package):
    return re.sub(r"[-_.]+", "-", package).lower()


def requirements(*extras):
    project = PROJECT["project"]
    declared = [*project["dependencies"]]
    for extra in extras:
        declared += project["optional-dependencies"][extra]
    return [Requirement(line) for line in declared]


def same_version(version, floor):
    """Whether a pin is a floor, which may leave out zeros at its end: 2.0 is 2.0.0."""
    return re.sub(r"(\.0)+$", "", version) == re.sub(r"(\.0)+$", "", floor)


@pytest.mark.parametrize("requirement", requirements(*TESTED_EXTRAS), ids=str)
def test_the_oldest_versions_are_those_declared(requirement):
    (floor,) = requirement.specifier
    assert floor.operator == ">="
    assert same_version(pins("constraints-oldest.txt")[canonical(requirement.name)], floor.version)


@pytest.mark.parametrize(
    "requirement", requirements(*PROJECT["project"]["optional-dependencies"]), ids=str
)
def test_what_the_targets_install_is_pinned(requirement):
    version = pins("constraints.txt")[canonical(requirement.name)]
    assert requirement.specifier.contains(version)


def test_pictures_and_links_of_the_readme_work_elsewhere():
    """PyPI shows the README without the files beside it."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)]+)\)", text)
    assert targets
    assert [target for target in targets if not target.startswith("https://")] == []


@pytest.mark.parametrize("folder", ["benchmarks", "docs", "examples", "tests"])
def test_the_source_distribution_has_every_kind_of_file(folder):
    manifest = (ROOT / "MANIFEST.in").read_text(encoding="utf-8")
    (included,) = re.findall(rf"^recursive-include {folder} (.*)$", manifest, re.MULTILINE)
    built = {"_build", "gallery", "generated", "output", "__pycache__"}
    files = [path for path in (ROOT / folder).rglob("*.*") if built.isdisjoint(path.parts)]
    assert {f"*{path.suffix}" for path in files} <= set(included.split())
