"""Tables that compare models by accuracy, robustness and conciseness."""

from sklearn_advex.report._conciseness import conciseness_report
from sklearn_advex.report._style import style_report

__all__ = ["conciseness_report", "style_report"]
