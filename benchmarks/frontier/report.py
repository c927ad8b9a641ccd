"""Results of the benchmark as tables in Markdown, and as a plot."""

import platform
from importlib.metadata import PackageNotFoundError, version

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sklearn_advex.plotting import FrontierDisplay

from .families import ABESS, HERE, PATHS
from .measure import STRONG, WEAK
from .tables import TABLES

SHOWN = (1, 2, 3, 5, 8, 12, 20)  # numbers of features
DESCRIBED = 8  # number of features at which everything is reported
LIBRARIES = ("numpy", "scipy", "scikit-learn", "abess", "fastsparsegams", "skglm")
DRAWN = (HERE, ABESS, "l1, refitted", "l1", "a")
TITLES = {table.name: table.title for table in TABLES}


def save(models, path):
    """Add the models of a split to those of a table, without their coefficients."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = pd.DataFrame([vars(model) for model in models]).drop(columns="classifier")
    is_new = not path.exists()
    rows.to_csv(path, mode="a", header=is_new, index=False, float_format="%.8g")


def load(folder):
    """The models of all tables that were measured."""
    paths = [folder / f"{table.name}.csv" for table in TABLES]
    return pd.concat([pd.read_csv(path) for path in paths if path.exists()], ignore_index=True)


def write(models, folder):
    """Print and save the tables, and save the plot."""
    sections = [conditions(models)]
    for name, of_table in models.groupby("table", sort=False):
        sections += [f"### {TITLES[name]}, {of_table['split'].nunique()} splits"]
        sections += [accuracy_table(of_table), attacked_table(of_table)]
        sections.append(description_table(of_table))
    sections += ["### Against abess", difference_table(models), "### Targets", target_table(models)]
    report = "\n\n".join(sections)
    (folder / "report.md").write_text(report + "\n")
    draw(models, folder / "frontier.png")
    print(report)


def conditions(models):
    installed = []
    for library in LIBRARIES:
        try:
            installed.append(f"{library} {version(library)}")
        except PackageNotFoundError:
            installed.append(f"{library} not installed: not run")
    return f"Python {platform.python_version()}, {', '.join(installed)}."


def most_accurate(models, k):
    """The most accurate model of at most k features in each split, for each family of a table.

    Of models that are equally accurate it is the one that withstands more.
    """
    eligible = models[models["n_features"] <= k]
    eligible = eligible.sort_values(["accuracy", "attacked"], ascending=False, kind="stable")
    return eligible.groupby(["family", "split"], sort=False).head(1)


def of_epsilon(models, epsilon):
    """The models of at most k features at one epsilon, as a family of their own."""
    ours = models[(models["family"] == HERE) & (models["parameters"] == f"epsilon={epsilon:g}")]
    return ours.assign(family=f"{HERE}, epsilon = {epsilon:g}")


def epsilons(models):
    of_here = models.loc[models["family"] == HERE, "parameters"].unique()
    return [float(text.removeprefix("epsilon=")) for text in of_here]


def with_epsilons(models):
    """The families, and those of each epsilon after that of all of them."""
    parts = [of_epsilon(models, epsilon) for epsilon in epsilons(models)]
    return pd.concat([models, *parts], ignore_index=True)


def family_order(models):
    of_epsilons = [f"{HERE}, epsilon = {epsilon:g}" for epsilon in epsilons(models)]
    order = [HERE, *of_epsilons, *list(PATHS)[1:]]
    return [family for family in order if family in set(models["family"])]


def accuracy_table(models):
    """Highest accuracy, its deviation over the splits, and those models' accuracy under attack."""
    models = with_epsilons(models)
    n_splits = models["split"].nunique()
    cells = {family: {} for family in family_order(models)}
    for k in SHOWN:
        for family, chosen in most_accurate(models, k).groupby("family"):
            if len(chosen) == n_splits:
                accuracy, attacked = chosen["accuracy"], chosen["attacked"]
                spread = f" ± {decimals(accuracy.std())}" if n_splits > 1 else ""
                cells[family][k] = (
                    f"{decimals(accuracy.mean())}{spread} ({decimals(attacked.mean())})"
                )
    return markdown("accuracy", cells, SHOWN)


def attacked_table(models):
    """Highest accuracy under attack."""
    cells = {family: {} for family in family_order(models)}
    for k in SHOWN:
        for family, highest in highest_attacked(models, k).items():
            cells[family][k] = decimals(highest)
    return markdown(f"highest under attack, {STRONG:g}", cells, SHOWN)


def highest_attacked(models, k):
    """The mean over the splits of the highest accuracy under attack, of each family."""
    eligible = models[models["n_features"] <= k]
    highest = eligible.groupby(["family", "split"])["attacked"].max().unstack()
    return highest.mean(axis=1, skipna=False)


def description_table(models):
    """All scores of the most accurate models of one number of features."""
    columns = {
        "accuracy": "accuracy",
        "auc": "AUC",
        "attacked_weakly": f"attacked, {WEAK:g}",
        "attacked": f"attacked, {STRONG:g}",
        "gini": "Gini",
        "stability": "stability",
    }
    cells = {family: {} for family in family_order(models) if family in PATHS}
    for family, chosen in most_accurate(models, DESCRIBED).groupby("family"):
        means = chosen[list(columns)].mean()
        cells[family] = {title: decimals(means[name]) for name, title in columns.items()}
        cells[family]["path, s"] = seconds_per_path(models[models["family"] == family])
    return markdown(f"at most {DESCRIBED}", cells, [*columns.values(), "path, s"])


def seconds_per_path(models):
    """Median over the splits of the time of a path; of that of each epsilon the range."""
    path = models["parameters"] if models["family"].iloc[0] == HERE else models["family"]
    medians = models.groupby([path, models["split"]])["seconds"].max().groupby(level=0).median()
    times = sorted({f"{seconds:.2g}" for seconds in medians}, key=float)
    return times[0] if len(times) == 1 else f"{times[0]} to {times[-1]}"


def accuracies(models, k):
    """The mean over the splits of the highest accuracy, of each family; missing if one has none."""
    highest = most_accurate(models, k).set_index(["family", "split"])["accuracy"].unstack()
    return highest.mean(axis=1, skipna=False)


def differences(models):
    """What separates us from abess at each k: accuracy, the same at one epsilon, and under attack.

    At one epsilon: the best for all splits together.
    """
    rows = {}
    ours = with_epsilons(models)
    at_epsilons = [family for family in family_order(ours) if family.startswith(f"{HERE}, ")]
    for k in range(1, models["n_features"].max() + 1):
        accuracy, attacked = accuracies(ours, k), highest_attacked(models, k)
        rows[k] = (
            accuracy[HERE] - accuracy[ABESS],
            accuracy.reindex(at_epsilons).max() - accuracy[ABESS],
            attacked[HERE] - attacked[ABESS],
        )
    return pd.DataFrame(rows, index=["accuracy", "at one epsilon", "attacked"]).T


def difference_table(models):
    """The least and the mean difference to abess over all k."""
    rows = {}
    for name, of_table in models.groupby("table", sort=False):
        if ABESS in set(of_table["family"]):
            difference = differences(of_table).dropna()
            rows[TITLES[name]] = {
                f"{column}, {what}": signed(value)
                + (f" (k = {difference[column].idxmin()})" if what == "least" else "")
                for column in difference
                for what, value in (
                    ("least", difference[column].min()),
                    ("mean", difference[column].mean()),
                )
            }
    header = list(next(iter(rows.values()))) if rows else []
    return markdown("at most k minus abess", rows, header)


def target_table(models):
    """Targets of this package, and whether they are met."""
    by_table = dict(list(models.groupby("table")))
    rows = {}
    for name, k, attacked, least in (
        ("spambase", 8, False, 0.88),
        ("spambase", 8, True, 0.8),
        ("spambase", 5, False, 0.86),
        ("mushroom", 8, False, 0.99),
        ("mushroom_columns", 1, False, 0.98),
        ("mushroom_columns", 1, True, 0.98),
        ("breast_cancer", 3, False, 0.955),
    ):
        if name not in by_table:
            continue
        of_table = by_table[name]
        scores = highest_attacked(of_table, k) if attacked else accuracies(of_table, k)
        what = f"accuracy under attack, {STRONG:g}" if attacked else "accuracy"
        title = f"{TITLES[name].rpartition(',')[0]}, at most {k}: {what} of {decimals(least)}"
        rows[title] = {"measured": decimals(scores[HERE]), "": verdict(scores[HERE] >= least)}
    return markdown("target", rows, ["measured", ""])


def verdict(is_met):
    return "met" if is_met else "**missed**"


def draw(models, path):
    """Draw the highest accuracy of each family on each table, mean over the splits."""
    names = list(models["table"].unique())
    n_rows = (len(names) + 2) // 2  # with a place for the legend
    figure, axes = plt.subplots(n_rows, 2, figsize=(11, 3.3 * n_rows), layout="constrained")
    for name, ax in zip(names, axes.flat, strict=False):
        table = next(table for table in TABLES if table.name == name)
        display = FrontierDisplay(**curves(models[models["table"] == name]), n_features_name="")
        display.plot(ax)
        display.legend_.remove()
        for points in display.points_:
            points.remove()
        counted = "columns" if "columns" in table.name else "features"
        ax.set(title=table.title, xlabel=f"{counted}, at most", xlim=(0.8, None))
        handles, labels = ax.get_legend_handles_labels()
    handles.append(plt.Line2D([], [], color="black", linestyle=(0, (4, 2))))
    labels.append(f"highest accuracy under attack, {STRONG:g}")
    places = list(axes.flat)[len(names) :]
    for ax in places:
        ax.axis("off")
    places[0].legend(handles, labels, loc="center", frameon=False, title="highest accuracy")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def curves(models):
    """What FrontierDisplay takes: one point for each family and number of features."""
    points = []
    for k in range(1, models["n_features"].max() + 1):
        accuracy, attacked = accuracies(models, k), highest_attacked(models, k)
        points += [
            (k, accuracy[family], attacked[family], family)
            for family in DRAWN
            if family in attacked.dropna()
        ]
    order = [point for family in DRAWN for point in points if point[3] == family]
    n_features, accuracy, attacked, families = zip(*order, strict=True)
    return {
        "n_features": n_features,
        "accuracy": accuracy,
        "adversarial_accuracy": attacked,
        "families": families,
    }


def decimals(value):
    """A number with three decimals, without the zero before the point."""
    return "" if np.isnan(value) else f"{value:.3f}".replace("0.", ".", 1)


def signed(value):
    return f"{value:+.3f}".replace("0.", ".", 1)


def markdown(corner, rows, columns):
    """A table of cells by the names of its rows and columns; one that is missing stays empty."""
    lines = [[corner, *map(str, columns)], ["---"] * (len(columns) + 1)]
    lines += [
        [name, *(cells.get(column, "") for column in columns)] for name, cells in rows.items()
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
