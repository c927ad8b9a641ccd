"""Formulas as MathML, which browsers render without a script, by the converter of docutils."""

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

logger = logging.getLogger(__name__)


def converted(node, as_block):
    formula = node.astext()
    try:
        return tex2mathml(formula, as_block=as_block)
    except MathError as error:
        logger.warning("%s in the formula %s", error, formula, location=node)
        return ""


def visit_inline(translator, node):
    translator.body.append(f'<span class="math">{converted(node, as_block=False)}</span>')
    raise nodes.SkipNode


def visit_block(translator, node):
    # a formula that is wider than the page is scrolled by itself, with the keyboard too
    translator.body.append(
        '<div class="math" tabindex="0" role="group" aria-label="formula">'
        f"{converted(node, as_block=True)}</div>"
    )
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
