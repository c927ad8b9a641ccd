"""Links to the pages of other libraries, from what is installed instead of from the network.

The inventories that intersphinx would fetch are made here: a public name of a library leads to the
page that its documentation keeps under the same name.
"""

import contextlib
import importlib.util
import inspect
import zlib
from pathlib import Path

import sklearn

#: For each library its address, and for its modules the page of a name.
LIBRARIES = {
    "python": ("https://docs.python.org/3/", {}),
    "numpy": (
        "https://numpy.org/doc/stable/",
        {"numpy": "reference/generated/{0}.html", "numpy.random": "reference/random/index.html"},
    ),
    "scipy": (
        "https://docs.scipy.org/doc/scipy/",
        {"scipy.sparse": "reference/generated/{0}.html"},
    ),
    "pandas": ("https://pandas.pydata.org/docs/", {"pandas": "reference/api/{0}.html"}),
    "torch": ("https://docs.pytorch.org/docs/stable/", {"torch.nn": "generated/{0}.html"}),
    "sklearn": (
        "https://scikit-learn.org/stable/",
        {
            f"sklearn.{name}": "modules/generated/{0}.html"
            for name in sklearn.__all__
            if importlib.util.find_spec(f"sklearn.{name}")
        },
    ),
}
_FUNCTIONS, _TYPES = "library/functions.html", "library/stdtypes.html"
#: What is no public name of a module, as name, role and page.
OTHERS = {
    "numpy": [("array_like", "std:term", "glossary.html#term-array_like")],
    "python": [
        *((name, "py:class", f"{_FUNCTIONS}#{name}") for name in ("int", "float", "bool")),
        *((name, "py:class", f"{_TYPES}#{name}") for name in ("str", "list", "tuple", "dict")),
        *(
            (name, "py:data", f"library/constants.html#{name}")
            for name in ("None", "True", "False")
        ),
        ("callable", "py:function", f"{_FUNCTIONS}#callable"),
        ("bltin-boolean-values", "std:label", f"{_TYPES}#boolean-type-bool"),
        *(
            (name, "std:term", f"glossary.html#term-{name}")
            for name in ("iterable", "generator", "sequence")
        ),
    ],
}


def _role(value):
    if inspect.isclass(value):
        return "py:class"
    return "py:function" if callable(value) else "py:data"


def entries(library):
    """The lines of a library's inventory."""
    _, pages = LIBRARIES[library]
    for module_name, page in pages.items():
        module = importlib.import_module(module_name)
        for name in getattr(module, "__all__", dir(module)):
            value = None
            with contextlib.suppress(ImportError):  # what scikit-learn calls experimental
                value = getattr(module, name, None)
            if value is None or name.startswith("_") or inspect.ismodule(value):
                continue
            full_name = f"{module_name}.{name}"
            anchor = f"#{full_name}" if "{0}" in page else ""
            yield f"{full_name} {_role(value)} 1 {page.format(full_name)}{anchor} -"
    for name, role, page in OTHERS.get(library, []):
        yield f"{name} {role} 1 {page} -"


def write(folder):
    """Write the inventories, and return what `intersphinx_mapping` takes."""
    folder.mkdir(parents=True, exist_ok=True)
    mapping = {}
    for library, (address, _) in LIBRARIES.items():
        head = f"# Sphinx inventory version 2\n# Project: {library}\n# Version: \n"
        head += "# The remainder of this file is compressed using zlib.\n"
        body = zlib.compress("\n".join([*entries(library), ""]).encode())
        path = Path(folder) / f"{library}.inv"
        path.write_bytes(head.encode() + body)
        mapping[library] = (address, str(path))
    return mapping
