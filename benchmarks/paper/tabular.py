"""The paper's tabular experiments: Table 1, Figures 2, 3, J.4 and J.5 for Spambase and Mushroom.

``make paper-tabular`` runs it. Every model is trained twice: as in the paper (a network with one
layer, Adam, 30 epochs), and to the exact optimum of the same objective. Trained models are kept in
the output folder, and a second run takes them from there.
"""

import argparse
from pathlib import Path

import joblib
import matplotlib.pyplot as plt
import pandas as pd
from sklearn.base import clone
from sklearn.datasets import fetch_openml
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch import nn
from tqdm import tqdm

from sklearn_advex import AdversarialLogisticRegression, AdversarialNetClassifier
from sklearn_advex.model_selection import gini_scorer
from sklearn_advex.plotting import FeatureImpactDisplay, SparsenessGainDisplay

ENCODERS = {
    "spambase": StandardScaler(),
    "mushroom": OneHotEncoder(sparse_output=False, handle_unknown="ignore"),
}
EPSILON = 0.1
LAMBDA = 0.02
EPSILONS = (0.01, 0.02, 0.05, 0.08, 0.1, 0.15)
LAMBDAS = (0.0005, 0.001, 0.005, 0.01, 0.02, 0.03)
PROTOCOLS = ("paper's protocol", "exact solver")


def linear_module(n_features):
    return nn.Linear(n_features, 1)


def trained_as_in_the_paper(epsilon, alpha, seed):
    """Minibatch training; one step of size epsilon is the closed-form worst case (eq. 5)."""
    return AdversarialNetClassifier(
        linear_module,
        epsilon=epsilon,
        training="fgsm" if epsilon else None,
        attack_step_size=epsilon or "auto",
        random_start=False,
        clip=None,
        alpha=alpha,
        lr=0.01,
        batch_size=32,
        max_epochs=30,
        random_state=seed,
    )


def solved_exactly(epsilon, alpha, seed):
    """The optimum; a trace of a ridge lets models without lambda exist on separable data."""
    penalty = {"alpha": alpha, "l1_ratio": 1} if alpha else {"alpha": 1e-6, "l1_ratio": 0}
    return AdversarialLogisticRegression(epsilon, **penalty, max_iter=1000)


MAKERS = dict(zip(PROTOCOLS, (trained_as_in_the_paper, solved_exactly), strict=True))


def split(name, seed):
    X, y = fetch_openml(name, version=1, return_X_y=True, as_frame=True, parser="pandas")
    return train_test_split(X, y, test_size=0.3, random_state=seed)


def fitted(folder, name, protocol, epsilon, alpha, seed):
    """A trained pipeline, from the folder where it is there already."""
    words = [name, protocol.split()[0].strip("'s"), f"e{epsilon:g}", f"l{alpha:g}", f"s{seed}"]
    path = folder / "models" / ("-".join(words) + ".joblib")
    if path.exists():
        return joblib.load(path)
    X_train, _, y_train, _ = split(name, seed)
    model = make_pipeline(clone(ENCODERS[name]), MAKERS[protocol](epsilon, alpha, seed))
    model.fit(X_train, y_train)
    path.parent.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, path)
    return model


def experiments(n_splits, n_curve_splits):
    """All settings (protocol, epsilon, lambda, split): Table 1 first, then the curves."""
    table = [(0.0, 0.0), (0.0, LAMBDA), (EPSILON, 0.0)]
    curves = [(0.0, alpha) for alpha in LAMBDAS] + [(epsilon, 0.0) for epsilon in EPSILONS]
    for protocol in PROTOCOLS:
        for setting, n in [(s, n_splits) for s in table] + [(s, n_curve_splits) for s in curves]:
            yield from ((protocol, *setting, seed) for seed in range(n))


def measure(folder, name, n_splits, n_curve_splits):
    """A frame with one row per model: its accuracy and mean Gini on the test rows."""
    rows = []
    todo = dict.fromkeys(experiments(n_splits, n_curve_splits))
    for protocol, epsilon, alpha, seed in tqdm(todo, desc=name):
        model = fitted(folder, name, protocol, epsilon, alpha, seed)
        _, X_test, _, y_test = split(name, seed)
        rows.append(
            {
                "data": name,
                "protocol": protocol,
                "epsilon": epsilon,
                "lambda": alpha,
                "split": seed,
                "accuracy": model.score(X_test, y_test),
                "gini": gini_scorer(model, X_test),
            }
        )
    return pd.DataFrame(rows)


def kind(row):
    return "a" if row["epsilon"] else "l" if row["lambda"] else "n"


def summarize(results):
    """Table 1: mean and standard deviation over splits, gains and drops against the n-model."""
    results = results.assign(model=results.apply(kind, axis=1))
    at_table = (results["epsilon"].isin([0, EPSILON])) & (results["lambda"].isin([0, LAMBDA]))
    table = results[at_table]
    keys = ["data", "protocol", "split"]
    natural = table[table["model"] == "n"].set_index(keys)[["accuracy", "gini"]]
    table = table.join(natural.add_suffix("_n"), on=keys)
    table["dG"] = table["gini"] - table["gini_n"]
    table["AcDrop"] = table["accuracy_n"] - table["accuracy"]
    columns = ["accuracy", "gini", "dG", "AcDrop"]
    order = pd.Categorical(table["model"], ["n", "l", "a"])
    groups = table.groupby(["data", "protocol", order], observed=True, sort=True)[columns]
    return groups.agg(["mean", "std"])


def as_markdown(summary):
    lines = [
        "| data | trained by | model | accuracy | Gini | dG | AcDrop |",
        "|---|---|---|---|---|---|---|",
    ]
    for (data, protocol, model), row in summary.iterrows():
        cells = [
            f"{row[c, 'mean']:.3f} ± {row[c, 'std']:.3f}"
            for c in ("accuracy", "gini", "dG", "AcDrop")
        ]
        if model == "n":
            cells[2:] = ["", ""]
        lines.append(f"| {data} | {protocol} | {model} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def draw_curves(results, n_splits, folder):
    """Figure 3: Gini against accuracy along epsilon and along lambda."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    results = results[results["split"] < n_splits]
    for ax, (name, of_data) in zip(axes, results.groupby("data", sort=False), strict=True):
        means = of_data.groupby(["protocol", "epsilon", "lambda"])[["accuracy", "gini"]].mean()
        for protocol, style in zip(PROTOCOLS, ("--", "-"), strict=True):
            points = means.loc[protocol]
            curves = {
                "epsilon": (points.xs(0.0, level="lambda"), "tab:red"),
                "lambda": (points.xs(0.0, level="epsilon"), "tab:blue"),
            }
            for along, (curve, color) in curves.items():
                label = f"along {along}, {protocol}"
                ax.plot(*curve.T.to_numpy(), style, marker="o", ms=4, color=color, label=label)
        ax.set(title=name.capitalize(), xlabel="accuracy", ylabel="mean Gini index of IG")
        ax.grid(alpha=0.3)
    axes[0].legend(fontsize=8)
    figure.savefig(folder / "figure3-tabular.png", dpi=120)


def draw_gains(folder):
    """Figure 2: the gain of each test row."""
    figure, axes = plt.subplots(1, 2, figsize=(8, 4), sharey=True, layout="constrained")
    for ax, name in zip(axes, ENCODERS, strict=True):
        _, X_test, _, _ = split(name, 0)
        SparsenessGainDisplay.from_estimators(models_of_split(folder, name), X_test, ax=ax)
        ax.set_title(name.capitalize())
    figure.savefig(folder / "figure2-tabular.png", dpi=120)


def draw_impacts(folder):
    """Figures J.4 and J.5: mean feature impact of the natural and the adversarial model."""
    for figure_name, name in (("figureJ4-mushroom", "mushroom"), ("figureJ5-spambase", "spambase")):
        models = models_of_split(folder, name)
        _, X_test, _, _ = split(name, 0)
        display = FeatureImpactDisplay.from_estimators(
            {"natural": models["n"], f"adversarial, epsilon = {EPSILON}": models["a"]}, X_test
        )
        display.figure_.savefig(folder / f"{figure_name}.png", dpi=120)


def models_of_split(folder, name):
    settings = {"n": (0.0, 0.0), "l": (0.0, LAMBDA), "a": (EPSILON, 0.0)}
    return {
        model: fitted(folder, name, PROTOCOLS[0], *setting, 0)
        for model, setting in settings.items()
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/paper/output"))
    parser.add_argument("--splits", type=int, default=10, help="random 70/30 splits of Table 1")
    parser.add_argument("--curve-splits", type=int, default=3, help="splits of Figure 3")
    arguments = parser.parse_args()
    folder = arguments.output
    folder.mkdir(parents=True, exist_ok=True)
    results = pd.concat(
        [measure(folder, name, arguments.splits, arguments.curve_splits) for name in ENCODERS]
    )
    results.to_csv(folder / "tabular.csv", index=False, float_format="%.6f")
    table = as_markdown(summarize(results))
    (folder / "tabular.md").write_text(table + "\n", encoding="utf-8")
    draw_curves(results, arguments.curve_splits, folder)
    draw_gains(folder)
    draw_impacts(folder)
    print(table)


if __name__ == "__main__":
    main()
