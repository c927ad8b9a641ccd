"""A text for each thumbnail of the gallery, which sphinx-gallery leaves without one."""

from pathlib import Path

from docutils import nodes


def describe(app, doctree, docname):
    for image in doctree.findall(nodes.image):
        name = Path(image["uri"]).stem
        if name.startswith("sphx_glr_") and name.endswith("_thumb"):
            page = "gallery/" + name.removeprefix("sphx_glr_").removesuffix("_thumb")
            title = app.env.titles[page].astext()
            image["alt"] = f"Small picture of the example: {title}"


def setup(app):
    app.connect("doctree-resolved", describe)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
