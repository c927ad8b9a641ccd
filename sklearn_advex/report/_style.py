"""Format the comparison table as HTML."""

from html import escape

import numpy as np

# "z" removes the sign of numbers that round to zero.
_PERCENT = "{:z.1%}".format
_NUMBER = "{:z.3f}".format
_SIGNED = "{:+z.3f}".format
_COUNT = "{:d}".format
_MISSING = "\N{EN DASH}"

# Columns of the report after the score and its drop: heading, format, and the best of values.
_COLUMNS = {
    "adversarial_accuracy": ("Adversarial accuracy", _PERCENT, max),
    "gini": ("Gini", _NUMBER, max),
    "gini_gain": ("Gini gain (95\N{NO-BREAK SPACE}% interval)", _SIGNED, None),
    "sufficiency_3": ("Top 3 suffice", _PERCENT, max),
    "n_nonzero": ("Non-zero coefficients", _COUNT, min),
    "n_columns": ("Columns in use", _COUNT, min),
    "n_features_90": ("Features for 90\N{NO-BREAK SPACE}%", _COUNT, min),
}

_BEST = "font-weight: bold; background-color: #DCEBF7; color: #00395C;"
_TABLE = [
    {
        "selector": "",
        "props": "border-collapse: collapse; font-family: sans-serif; font-size: 0.9em;"
        " font-variant-numeric: tabular-nums;",
    },
    {
        "selector": "caption",
        "props": "caption-side: top; text-align: left; font-size: 1.05em; padding: 0 0 0.7em 0.2em;"
        " max-width: 60em;",
    },
    {"selector": "th, td", "props": "padding: 0.45em 0.9em;"},
    {"selector": "td", "props": "text-align: right; vertical-align: top; white-space: nowrap;"},
    {
        "selector": "thead th",
        "props": "text-align: right; vertical-align: bottom; max-width: 8em;"
        " border-bottom: 2px solid #555555;",
    },
    {
        "selector": "tbody th",
        "props": "text-align: left; vertical-align: top; font-weight: normal; max-width: 20em;",
    },
    {"selector": "tbody tr", "props": "border-bottom: 1px solid #DDDDDD;"},
]

_CAPTION = (
    "{score} drop: loss against the reference model. Gini: sparseness of the"
    " attributions of a prediction, from 0 to 1. Gini gain: its gain over the reference model."
    " Top 3 suffice: share of the predictions that the three largest attributions alone give."
    " Features for 90 %: number of features that carry this share of all attribution. The best"
    " values are in bold."
)

_INTERVAL = ("gini_gain_low", "gini_gain_high")


def style_report(report, *, caption=None):
    """Make a comparison table readable: percent, rounded numbers, the best values marked.

    Parameters
    ----------
    report : pandas.DataFrame
        As returned by :func:`conciseness_report`, or some of its rows; for a single method also
        without the level "method" of its index.
    caption : str, default=None
        Text above the table, not interpreted as HTML; None explains the columns and the marks.

    Returns
    -------
    pandas.io.formats.style.Styler
        Notebooks show it as a table; ``.to_html()`` returns it as text. In each column and for each
        method the best values are in bold on a tinted ground: the highest accuracies and Gini
        indices, the lowest counts. Values that are equal after rounding are all marked.

    Raises
    ------
    ValueError
        If `report` lacks columns of the comparison table, or its rows are not told apart by its
        index.

    See Also
    --------
    conciseness_report : The numbers.

    Examples
    --------
    >>> from sklearn_advex import AdversarialLogisticRegression
    >>> from sklearn_advex.report import conciseness_report, style_report
    >>> X, y = [[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]], [0, 0, 1, 1]
    >>> models = {"n": AdversarialLogisticRegression(0), "a": AdversarialLogisticRegression(0.1)}
    >>> models = {name: model.fit(X, y) for name, model in models.items()}
    >>> html = style_report(conciseness_report(models, X, y)).to_html()
    >>> "Gini gain" in html
    True
    """
    _check_report(report)
    columns = _columns(report)
    marks = np.where(_is_best(report, columns), _BEST, "")
    styler = _as_text(report, columns).style.format_index(escape="html").hide(names=True)
    styler = styler.apply(lambda _: marks, axis=None).set_table_styles(_TABLE)
    default = _CAPTION.format(score=next(iter(columns.values()))[0])
    return styler.set_caption(escape(default if caption is None else caption))


def _check_report(report):
    missing = [name for name in (*_COLUMNS, *_INTERVAL) if name not in report.columns]
    if missing:
        raise ValueError(
            f"report has no column {', '.join(missing)}: pass what conciseness_report returned."
        )
    score = report.columns[0]
    if f"{score}_drop" not in report.columns:
        raise ValueError(
            f"The first column of report is {score!r}, which is no score with a drop: pass what"
            " conciseness_report returned, with the models in the index; do not reset_index."
        )
    if not report.index.is_unique:
        raise ValueError(
            "report has rows of the same name: leave the levels 'model' and 'method' in its index,"
            " or take the rows of one method, such as report.xs('ig', level='method')."
        )


def _columns(report):
    """Return heading, format and best value of each column that is shown."""
    score = report.columns[0]
    heading = score.replace("_", " ").capitalize()
    style = _PERCENT if "accuracy" in score else _NUMBER
    of_score = {score: (heading, style, max), f"{score}_drop": (f"{heading} drop", style, None)}
    return of_score | _COLUMNS


def _as_text(report, columns):
    """Format all numbers of the table as text, under its headings."""
    text = report[list(columns)].astype(object)
    for name, (_, style, _) in columns.items():
        text[name] = report[name].astype(object).map(style, na_action="ignore").fillna(_MISSING)
    low, high = (report[name].map(_NUMBER) for name in _INTERVAL)
    text["gini_gain"] += " [" + low + ", " + high + "]"
    text = text.map(lambda number: number.replace("-", "\N{MINUS SIGN}"))
    return text.set_axis([heading for heading, _, _ in columns.values()], axis="columns")


def _is_best(report, columns):
    """Return an array of bool that marks the best values of each method."""
    one_group_per = {"level": "method"} if "method" in report.index.names else {"by": lambda _: 0}
    best = report[list(columns)].notna() & False
    for name, (_, style, choose) in columns.items():
        if choose is None:
            continue
        for _, values in report[name].astype(object).dropna().groupby(**one_group_per):
            shown = values.map(style)
            best.loc[shown.index, name] = shown == style(choose(values))
    return best.to_numpy()
