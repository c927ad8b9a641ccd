import re
from html.parser import HTMLParser

import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_advex import AdversarialLogisticRegression
from sklearn_advex.report import conciseness_report, style_report


class Table(HTMLParser):
    """The texts of the cells of an HTML table, and which of them are marked."""

    def __init__(self, html):
        super().__init__()
        self.rows, self.marked, self.tag = [], set(), None
        marks = re.findall(r"([^{}]*)\{[^{}]*font-weight: bold[^{}]*\}", html)
        self.bold_ids = set(re.findall(r"#(T_\w+)", " ".join(marks)))
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")
            if dict(attrs).get("id") in self.bold_ids and tag == "td":
                self.marked.add((len(self.rows) - 1, len(self.rows[-1]) - 1))
        self.tag = tag

    def handle_data(self, data):
        if self.tag in {"td", "th"}:
            self.rows[-1][-1] += data.strip()


@pytest.fixture
def report():
    return pd.DataFrame(
        {
            "accuracy": [0.95, 0.9403, 0.9501],
            "accuracy_drop": [0.0, 0.0097, -0.0001],
            "adversarial_accuracy": pd.array([0.5, 0.75, pd.NA], dtype="Float64"),
            "gini": [0.5, 0.7004, 0.7001],
            "gini_gain": [0.0, 0.2004, -0.1],
            "gini_gain_low": [0.0, 0.19, -0.2],
            "gini_gain_high": [0.0, 0.21, 0.05],
            "sufficiency_3": pd.array([0.5, 0.75, 0.625], dtype="Float64"),
            "n_nonzero": pd.array([30, 8, pd.NA], dtype="Int64"),
            "n_columns": [4, 3, 5],
            "n_features_90": [20, 5, 7],
        },
        index=pd.MultiIndex.from_tuples(
            [("n", "ig"), ("a < b & c", "ig"), ("other", "ig")], names=["model", "method"]
        ),
    )


def test_numbers_as_people_read_them(report):
    head, *rows = Table(style_report(report).to_html()).rows
    assert head == [
        "",
        "",
        "Accuracy",
        "Accuracy drop",
        "Adversarial accuracy",
        "Gini",
        "Gini gain (95\xa0% interval)",
        "Top 3 suffice",
        "Non-zero coefficients",
        "Columns in use",
        "Features for 90\xa0%",
    ]
    zero = "+0.000 [0.000, 0.000]"
    missing, gain = "\N{EN DASH}", "\N{MINUS SIGN}0.100 [\N{MINUS SIGN}0.200, 0.050]"
    better = "+0.200 [0.190, 0.210]"
    assert rows == [
        ["n", "ig", "95.0%", "0.0%", "50.0%", "0.500", zero, "50.0%", "30", "4", "20"],
        ["a < b & c", "ig", "94.0%", "1.0%", "75.0%", "0.700", better, "75.0%", *"835"],
        ["other", "ig", "95.0%", "0.0%", missing, "0.700", gain, "62.5%", missing, "5", "7"],
    ]


def test_best_values_are_marked_also_if_they_only_look_equal(report):
    table = Table(style_report(report).to_html())
    head = table.rows[0]
    marked = {(row, head[column].split("\xa0")[0]) for row, column in table.marked}
    assert marked == {
        (1, "Accuracy"),
        (3, "Accuracy"),
        (2, "Adversarial accuracy"),
        (2, "Gini"),
        (3, "Gini"),
        (2, "Top 3 suffice"),
        (2, "Non-zero coefficients"),
        (2, "Columns in use"),
        (2, "Features for 90"),
    }


def test_methods_are_judged_apart(report):
    other = report.rename(index={"ig": "shap"}).assign(gini=[0.1, 0.2, 0.15])
    table = Table(style_report(pd.concat([report, other])).to_html())
    gini = table.rows[0].index("Gini")
    assert {row for row, column in table.marked if column == gini} == {2, 3, 5}


def test_a_report_of_one_method_needs_no_level_for_it(report):
    table, other = (Table(style_report(r).to_html()) for r in (report.droplevel("method"), report))
    assert [row[1:] for row in table.rows] == [row[2:] for row in other.rows]
    assert table.marked == {(row, column - 1) for row, column in other.marked}


def test_names_and_captions_are_text(report):
    html = style_report(report, caption="1 < 2 <b>").to_html()
    assert "a &lt; b &amp; c" in html
    assert "<caption>1 &lt; 2 &lt;b&gt;</caption>" in html
    assert "best values are in bold" in style_report(report).to_html()


def test_of_a_real_report():
    X, y = load_breast_cancer(return_X_y=True)
    models = {"n": AdversarialLogisticRegression(epsilon=0, alpha=0.01), "s": LogisticRegression()}
    models = {name: make_pipeline(StandardScaler(), m).fit(X, y) for name, m in models.items()}
    report = conciseness_report(models, X, y, methods=("ig", "shap"))
    before = report.copy()
    table = Table(style_report(report).to_html())
    assert len(table.rows) == 1 + 4
    assert table.rows[3].count("–") == 1  # noqa: RUF001
    pd.testing.assert_frame_equal(report, before)


def test_of_another_score(report):
    renamed = {"accuracy": "roc_auc", "accuracy_drop": "roc_auc_drop"}
    html = style_report(report.rename(columns=renamed)).to_html()
    head, *rows = Table(html).rows
    assert head[2:4] == ["Roc auc", "Roc auc drop"]
    assert rows[1][2:4] == ["0.940", "0.010"]
    assert "Roc auc drop: loss against the reference" in html


def test_another_table(report):
    with pytest.raises(ValueError, match="report has no column gini, gini_gain_low: pass what"):
        style_report(report.drop(columns=["gini", "gini_gain_low"]))


def test_a_table_without_the_models_in_its_index(report):
    with pytest.raises(ValueError, match=r"first column of report is 'model', .* not reset_index"):
        style_report(report.reset_index())
    both = pd.concat([report, report.rename(index={"ig": "shap"})])
    with pytest.raises(ValueError, match=r"rows of the same name: .*xs\('ig', level='method'\)"):
        style_report(both.droplevel("method"))
