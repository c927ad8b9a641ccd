"""Imports go down the layers, and heavy libraries stay where they are needed."""

import ast
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import sklearn_advex

ROOT = Path(sklearn_advex.__file__).parent
PACKAGE = "sklearn_advex"
SHARED = "_utils"
TORCH_SUBPACKAGES = {"_networks", "neural_network"}
TORCH_BACKEND = f"{PACKAGE}.attribution._torch"
SKLEARN_COMPAT = f"{PACKAGE}._utils._sklearn_compat"

LAYERS = (
    {"_networks", "_losses", "_perturbation", "metrics", SHARED},
    {"attribution"},
    {"linear_model", "neural_network"},
    {"model_selection", "onnx", "plotting", "report"},
)
LAYER_OF = {part: depth for depth, parts in enumerate(LAYERS) for part in parts}


def part_of(name):
    """The subpackage or top module of a dotted name, or None for the package itself."""
    return name.split(".")[1] if "." in name else None


def violation(importer, target, in_function):
    """Why the module `importer` must not import the dotted name `target`, or None if it may."""
    part = part_of(importer)
    top = target.split(".")[0]
    if top == PACKAGE:
        return layer_violation(part, part_of(target))
    is_torch_backend = f"{importer}.".startswith(f"{TORCH_BACKEND}.")
    if top == "torch" and part not in TORCH_SUBPACKAGES and not is_torch_backend:
        return "torch belongs to _networks, neural_network and attribution._torch"
    if top == "skorch" and part != "neural_network":
        return "skorch belongs to neural_network"
    if top == "captum" and not is_torch_backend:
        return "captum belongs to attribution._torch"
    if top in {"dask", "distributed"} and not is_for_dask(importer, in_function):
        return "dask belongs inside functions that were given a collection"
    if top == "matplotlib" and (part != "plotting" or not in_function):
        return "matplotlib belongs inside the functions of plotting"
    if top in {"onnx", "onnxscript", "skl2onnx"} and not in_function:
        return "ONNX belongs inside functions that were asked for a graph"
    if top == "sklearn" and importer != SKLEARN_COMPAT:
        private = [p for p in target.split(".") if p.startswith("_") and not p.endswith("__")]
        if private:
            return f"private scikit-learn name {private[0]} belongs to _utils._sklearn_compat"
    return None


def is_for_dask(importer, in_function):
    """Whether a module is loaded only for those who bring a Dask collection."""
    parts = (f"{PACKAGE}.linear_model._dask", f"{PACKAGE}._utils._dask_blocks")
    return in_function or f"{importer}.".startswith(tuple(f"{part}." for part in parts))


def layer_violation(part, target_part):
    """Why a module of `part` must not import from `target_part`, or None if it may."""
    if part is None or part == target_part:
        return None
    if part not in LAYER_OF:
        return f"{part} has no layer"
    if target_part not in LAYER_OF:
        return "the package root and what it exports lie above every layer"
    if target_part != SHARED and LAYER_OF[target_part] >= LAYER_OF[part]:
        return f"{target_part} does not lie below {part}"
    return None


def imports(tree, importer, is_package):
    """Every imported dotted name of a module, with its line and whether it is in a function."""

    def visit(node, in_function):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno, in_function
        elif isinstance(node, ast.ImportFrom):
            base = absolute(node, importer, is_package)
            for alias in node.names:
                yield f"{base}.{alias.name}", node.lineno, in_function
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, in_function or is_function)

    return visit(tree, False)


def absolute(node, importer, is_package):
    """The module that a ``from ... import`` statement names, without leading dots."""
    if node.level == 0:
        return node.module
    parts = importer.split(".")
    kept = parts[: len(parts) - node.level + is_package]
    return ".".join(kept + ([node.module] if node.module else []))


def violations(importer, source, is_package=False):
    """All forbidden imports in the source of one module, one line of text each."""
    return [
        f"{importer}:{line} imports {target}: {reason}"
        for target, line, in_function in imports(ast.parse(source), importer, is_package)
        if (reason := violation(importer, target, in_function))
    ]


def module_param(path):
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    is_package = parts[-1] == "__init__"
    name = ".".join(parts[:-1] if is_package else parts)
    return pytest.param(name, path, is_package, id=name)


@pytest.mark.parametrize(
    ("name", "path", "is_package"), [module_param(path) for path in sorted(ROOT.rglob("*.py"))]
)
def test_imports_go_down_the_layers(name, path, is_package):
    assert violations(name, path.read_text(encoding="utf-8"), is_package) == []


@pytest.mark.parametrize(
    ("importer", "source"),
    [
        ("linear_model._logistic", "from ..attribution import ExplainMixin"),
        ("linear_model._logistic", "from .. import _losses, _perturbation"),
        ("linear_model._logistic", "from ._solvers import newton"),
        ("metrics._impact", "from .._utils._containers import rebuild"),
        ("model_selection._scorers", "import sklearn_advex.metrics"),
        ("neural_network._net", "import torch\nfrom skorch.utils import to_numpy"),
        ("attribution._torch", "import torch\nfrom captum.attr import DeepLift"),
        ("attribution._torch._network", "import torch\nfrom captum.attr import DeepLift"),
        ("plotting._displays", "def plot():\n    import matplotlib.pyplot as plt"),
        ("_utils._sklearn_compat", "from sklearn.utils._param_validation import Interval"),
        ("linear_model._dask._term", "import dask"),
        ("linear_model._base", "def fit():\n    import dask.array as da"),
        ("metrics._impact", "import numpy\nfrom sklearn import __version__\nimport torchvision"),
    ],
)
def test_the_rule_lets_pass(importer, source):
    assert violations(f"{PACKAGE}.{importer}", source) == []


@pytest.mark.parametrize(
    ("importer", "source", "reason"),
    [
        ("_losses", "from . import _perturbation", "does not lie below"),
        ("_losses", "from .metrics import gini_index", "does not lie below"),
        ("_utils._containers", "from .. import metrics", "does not lie below"),
        ("attribution._linear", "from ..linear_model import _solvers", "does not lie below"),
        ("linear_model._logistic", "import sklearn_advex.neural_network", "does not lie below"),
        ("linear_model._logistic", "def f():\n    from .. import report", "does not lie below"),
        ("linear_model._logistic", "from sklearn_advex import explain", "above every layer"),
        ("linear_model._logistic", "import sklearn_advex", "above every layer"),
        ("helpers._misc", "from .. import metrics", "has no layer"),
        ("linear_model._logistic", "import torch", "torch belongs"),
        ("attribution._explain", "def f():\n    import torch.nn", "torch belongs"),
        ("linear_model._logistic", "from skorch import NeuralNet", "skorch belongs"),
        ("neural_network._net", "from captum.attr import DeepLift", "captum belongs"),
        ("attribution._torches", "from captum.attr import DeepLift", "captum belongs"),
        ("plotting._displays", "import matplotlib.pyplot as plt", "matplotlib belongs"),
        ("plotting._displays", "class D:\n    import matplotlib", "matplotlib belongs"),
        ("linear_model._base", "import dask.array as da", "dask belongs"),
        ("_utils._dask", "from distributed import Client", "dask belongs"),
        ("report._tables", "def f():\n    import matplotlib", "matplotlib belongs"),
        ("onnx", "from skl2onnx import to_onnx", "ONNX belongs"),
        ("metrics._impact", "from sklearn.utils._tags import Tags", "private"),
        ("metrics._impact", "from sklearn.utils.validation import _num_samples", "private"),
    ],
)
def test_the_rule_turns_red(importer, source, reason):
    (message,) = violations(f"{PACKAGE}.{importer}", source)
    assert reason in message


#: Folders of the linear core, each of which imports from itself and those before it alone.
LINEAR_CORE = ("_objective", "_solvers", "_best_subset")


@pytest.mark.parametrize("folder", LINEAR_CORE)
def test_the_linear_core_is_built_from_the_bottom_up(folder):
    prefix = f"{PACKAGE}.linear_model."
    allowed = LINEAR_CORE[: LINEAR_CORE.index(folder) + 1]
    for path in sorted((ROOT / "linear_model" / folder).glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for target, line, _ in imports(tree, f"{prefix}{folder}.{path.stem}", False):
            if target.startswith(prefix):
                assert target.removeprefix(prefix).split(".")[0] in allowed, f"{path}:{line}"


def test_nothing_asks_the_linear_core_what_it_is():
    """Abilities are declared: no `hasattr` or `isinstance` on a component."""
    for folder in LINEAR_CORE:
        for path in sorted((ROOT / "linear_model" / folder).glob("*.py")):
            calls = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            names = {
                node.func.id for node in calls if isinstance(getattr(node, "func", 0), ast.Name)
            }
            assert names.isdisjoint({"hasattr", "isinstance"}), path


def test_relative_imports_of_a_package_start_at_the_package():
    source = "from ._scorers import gini_scorer\nfrom ..plotting import plot"
    (message,) = violations(f"{PACKAGE}.model_selection", source, is_package=True)
    assert "sklearn_advex.plotting.plot" in message


def light_modules():
    parts = [module.name for module in pkgutil.iter_modules(sklearn_advex.__path__)]
    public = [f"{PACKAGE}.{part}" for part in parts if not part.startswith("_")]
    return [PACKAGE, *(name for name in public if name != f"{PACKAGE}.neural_network")]


def test_import_loads_nothing_heavy():
    script = (
        "import sys, sklearn.linear_model\n"
        "before = set(sys.modules)\n"
        f"import {', '.join(light_modules())}\n"
        "print(*set(sys.modules) - before)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=120
    )
    assert run.returncode == 0, run.stderr
    loaded = {module.split(".")[0] for module in run.stdout.split()}
    assert PACKAGE in loaded
    heavy = {"torch", "skorch", "captum", "matplotlib", "shap", "dask", "distributed", "pandas"}
    heavy |= {"onnx", "skl2onnx", "onnxruntime"}
    assert loaded.isdisjoint(heavy)
