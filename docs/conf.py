"""Sphinx configuration; the build needs no network."""

import re

import sklearn_advex

project = "sklearn-advex"
author = "sklearn-advex developers"
copyright = "2026, sklearn-advex developers"
version = release = sklearn_advex.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.extlinks",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "myst_parser",  # pages of results take the Markdown tables that the benchmarks print
    "numpydoc",
]
templates_path = ["_templates"]
exclude_patterns = ["_build"]
default_role = "literal"

extlinks = {"arxiv": ("https://arxiv.org/abs/%s", "arXiv:%s")}

# A class page lists all methods; the class template describes those that scikit-learn does not.
numpydoc_class_members_toctree = False

html_theme = "pydata_sphinx_theme"
html_title = f"sklearn-advex {release}"
html_theme_options = {"show_prev_next": False, "secondary_sidebar_items": ["page-toc"]}


def unlink_sklearn(app, what, name, obj, options, lines):
    """Make plain text of references into scikit-learn's user guide, which is not at hand."""
    if (getattr(obj, "__module__", None) or "").startswith("sklearn."):
        lines[:] = [re.sub(r":ref:`([^`<]*?)(\s*<[^`]*>)?`", r"\1", line) for line in lines]


def setup(app):
    app.connect("autodoc-process-docstring", unlink_sklearn)
