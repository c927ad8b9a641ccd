"""Where the documentation of estimators is."""


class DocumentationLinkMixin:
    """Mixin for estimators whose HTML representation links to their documentation."""

    _doc_link_module = "sklearn_advex"
    _doc_link_template = (
        "https://sklearn-advex.readthedocs.io/en/latest/generated/"
        "sklearn_advex.{estimator_name}.html"
    )
