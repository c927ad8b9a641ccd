"""Sphinx configuration; the build needs no network."""

import re
import sys
from pathlib import Path

import sklearn_advex

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

import inventories

project = "sklearn-advex"
author = "sklearn-advex developers"
copyright = "2026, sklearn-advex developers"
version = release = sklearn_advex.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.extlinks",
    "sphinx.ext.intersphinx",
    "sphinx.ext.viewcode",
    "sphinx_gallery.gen_gallery",
    "sphinx_copybutton",
    "sphinx_design",
    "mathml",
    "thumbnail_texts",
    "myst_parser",  # pages of results take the Markdown tables that the benchmarks print
    "numpydoc",
]
templates_path = ["_templates"]
# The gallery's scripts and notebooks are downloads, no pages.
exclude_patterns = ["_build", "gallery/*.ipynb"]
default_role = "literal"
toc_object_entries_show_parents = "hide"

extlinks = {"arxiv": ("https://arxiv.org/abs/%s", "arXiv:%s")}

intersphinx_mapping = inventories.write(Path(__file__).parent / "_build" / "inventories")

# Types of parameters are links, those that are known.
numpydoc_xref_param_type = True
numpydoc_xref_ignore = "all"
numpydoc_xref_aliases = {
    "array-like": ":term:`array-like <numpy:array_like>`",
    "array_like": ":term:`numpy:array_like`",
    "ndarray": "numpy.ndarray",
    "DataFrame": "pandas.DataFrame",
    "Series": "pandas.Series",
    "GridSearchCV": "sklearn.model_selection.GridSearchCV",
    "Pipeline": "sklearn.pipeline.Pipeline",
}

# A class page lists all methods; the class template describes those that scikit-learn does not.
numpydoc_class_members_toctree = False

# Each example runs once; its pages are kept in docs/gallery until it or the package changes.
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "backreferences_dir": "gallery/backreferences",
    "doc_module": ("sklearn_advex",),
    "filename_pattern": "/plot_",
    "ignore_pattern": r"(demo|dask_cluster)\.py",
    "within_subsection_order": "gallery_order.ByReader",
    "remove_config_comments": True,
    "download_all_examples": False,
    "write_computation_times": False,
    "show_signature": False,
    "image_srcset": ["2x"],
}

html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_title = f"sklearn-advex {release}"
html_logo = html_favicon = "_static/logo.svg"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "sklearn-advex", "alt_text": "bars, three long and three short ones"},
    "search_as_you_type": True,
    "secondary_sidebar_items": ["page-toc"],
    "navbar_align": "left",
    "navbar_end": ["version-switcher", "theme-switcher", "navbar-icon-links"],
    "icon_links": [
        {
            "name": "Source",
            "url": "https://github.com/sklearn-advex/sklearn-advex",
            "icon": "fa-brands fa-github",
        },
    ],
    "switcher": {"json_url": "_static/switcher.json", "version_match": version},
    "check_switcher": False,
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_context = {"default_mode": "auto"}
# The landing page has a column of its own.
html_sidebars = {"index": []}

# Prompts and output are no part of what the button copies.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def unlink_sklearn(app, what, name, obj, options, lines):
    """Make plain text of references into scikit-learn's user guide, which is not at hand."""
    if (getattr(obj, "__module__", None) or "").startswith("sklearn."):
        lines[:] = [re.sub(r":ref:`([^`<]*?)(\s*<[^`]*>)?`", r"\1", line) for line in lines]


def setup(app):
    app.connect("autodoc-process-docstring", unlink_sklearn)
