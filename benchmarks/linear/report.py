"""Results of the benchmark as tables in Markdown, as a plot, and as a CSV file."""

import platform
from dataclasses import dataclass
from importlib.metadata import version

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.stats import gmean

L1_RIVALS = [("l1", "liblinear"), ("l1", "skglm"), ("l1", "saga")]
LIBRARIES = ("numpy", "scipy", "scikit-learn", "skglm", "cvxpy", "clarabel")


@dataclass
class Result:
    """What it took a solver to come within a suboptimality of the optimum of a problem."""

    family: str
    shape: str
    rows: int
    columns: int
    entries: int
    wanted: int  # features
    kind: str
    solver: str
    target: float
    limit: float  # seconds per fit
    reached: bool
    # Of the fit that reached the target, else of the last that ended in time, if any did.
    accuracy: float = np.nan
    suboptimality: float = np.nan
    features: float = np.nan
    memory: float = np.nan  # MB
    seconds: float = np.nan
    fastest: float = np.nan
    slowest: float = np.nan

    def record(self, fit, times):
        self.accuracy, self.suboptimality = fit.accuracy, fit.suboptimality
        self.features, self.memory = fit.features, fit.memory
        self.fastest, self.seconds, self.slowest = np.quantile(times, [0, 0.5, 1])

    @property
    def size(self):
        """What grows in a family."""
        return {"rows": self.rows, "columns": self.columns}.get(self.family, self.entries)


def save(results, folder):
    folder.mkdir(exist_ok=True)
    pd.DataFrame(results).to_csv(folder / "results.csv", index=False)


def load(folder):
    rows = pd.read_csv(folder / "results.csv").to_dict("records")
    return [Result(**row) for row in rows]


def write(results, folder):
    """Print and save the tables, and save the plot."""
    shapes = by_case([result for result in results if result.family == "shapes"])
    growing = [result for result in results if result.family != "shapes" and result.reached]
    sections = {}
    if shapes:
        sections["Against l1 solvers, at like support"] = l1_table(shapes)
        sections["Against solvers of the same problem"] = same_problem_table(shapes)
        sections["Peak memory"] = memory_table(shapes)
    if growing:
        sections["Growth"] = growth_table(growing)
        plot_growth(growing, folder / "growth.png")
    report = "\n\n".join(
        [conditions(results), *(f"### {title}\n\n{table}" for title, table in sections.items())]
    )
    (folder / "report.md").write_text(report + "\n")
    print(report)


def by_case(results):
    """Results by case, then by kind of problem and solver: a list of them, one per target."""
    cases = {}
    for result in results:
        case = (f"{result.shape}, {result.rows} x {result.columns}", result.wanted)
        cases.setdefault(case, {}).setdefault((result.kind, result.solver), []).append(result)
    return cases


def conditions(results):
    """Format machine, versions, and the check that no solver is below the reference minimum."""
    with open("/proc/cpuinfo") as file:
        names = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    with open("/proc/meminfo") as file:
        gibibytes = int(file.readline().split()[1]) / 2**20
    libraries = ", ".join(f"{library} {version(library)}" for library in LIBRARIES)
    lowest = min(result.suboptimality for result in results if result.reached)
    return (
        f"{len(names)} x {names[0]}, {gibibytes:.0f} GiB, Python {platform.python_version()},"
        f" {libraries}. One thread; at most {results[0].limit:g} s a fit. Lowest suboptimality of"
        f" all: {lowest:.0e}."
    )


def l1_table(shapes):
    """Seconds here and of the l1 solvers, and the ratio to the fastest of them, per target."""
    header = ["shape", "features", "here", "here, l1", "liblinear", "skglm", "saga"]
    rows, ratios = [], []
    for (shape, _), solvers in shapes.items():
        ours, lasso = solvers["robust", "here"], solvers["l1", "here"]
        features = f"{ours[-1].features:.0f} and {lasso[-1].features:.0f}"
        contestants = [("robust", "here"), ("l1", "here"), *L1_RIVALS]
        ratios.append([ratio_to_fastest(solvers, i) for i in range(len(ours))])
        rows.append([shape, features, *(cell(solvers[name]) for name in contestants)])
        rows[-1] += [number(ratio) for ratio in ratios[-1]]
    header += [f"here / fastest, {result.target:.0e}" for result in ours]
    blank = [""] * 6
    rows.append(["geometric mean", *blank, *map(number, gmean(ratios))])
    rows.append(["largest", *blank, *map(number, np.max(ratios, axis=0))])
    return table(header, rows)


def ratio_to_fastest(solvers, target):
    rivals = [solvers[rival][target] for rival in L1_RIVALS]
    fastest = min(rival.seconds for rival in rivals if rival.reached)
    return solvers["robust", "here"][target].seconds / fastest


def same_problem_table(shapes):
    """Seconds of solvers that minimize exactly what we minimize, robust or l2-penalized."""
    contestants = [
        *(("robust", "here"), ("robust", "cvxpy"), ("robust", "ART")),
        *(("l2", "here"), ("l2", "lbfgs")),
    ]
    rows = [
        [shape, *(cell(solvers.get(name)) for name in contestants)]
        for (shape, _), solvers in shapes.items()
        if ("l2", "here") in solvers
    ]
    return table(["shape", *(f"{kind}: {solver}" for kind, solver in contestants)], rows)


def memory_table(shapes):
    """Peak memory above that of the data, at the most accurate target."""
    contestants = [("robust", "here"), *L1_RIVALS, ("l2", "lbfgs"), ("robust", "cvxpy")]
    rows = [
        [shape, f"{wanted}", *(megabytes(solvers.get(name)) for name in contestants)]
        for (shape, wanted), solvers in shapes.items()
    ]
    return table(["MB above X", "features", *(solver for _, solver in contestants)], rows)


def megabytes(ladder):
    return number(ladder[-1].memory) if ladder and ladder[-1].reached else ""


def growth_table(growing):
    """Exponents with which time grows, fitted to the logarithms by least squares."""
    families = dict.fromkeys(result.family for result in growing)
    solvers = [("robust", "here"), *L1_RIVALS]
    rows = []
    for family in families:
        curves = [curve(growing, family, *name) for name in solvers]
        sizes = curves[0][0]
        exponents = [exponent(*points) for points in curves]
        rows.append([family, f"{sizes[0]:.0e} to {sizes[-1]:.0e}", *exponents])
    return table(["exponent of", "sizes", *(solver for _, solver in solvers)], rows)


def curve(growing, family, kind, solver):
    """Sizes and seconds of one solver, at the most accurate target."""
    target = min(result.target for result in growing)
    points = [
        (result.size, result.seconds)
        for result in growing
        if (result.family, result.kind, result.solver, result.target)
        == (family, kind, solver, target)
    ]
    return np.array(points).reshape(-1, 2).T


def exponent(sizes, seconds):
    if len(sizes) < 3:
        return ""
    return f"{np.polyfit(np.log(sizes), np.log(seconds), 1)[0]:.2f}"


def plot_growth(growing, path):
    families = {result.family: result.shape for result in growing}
    figure, axes = plt.subplots(
        1, len(families), figsize=(11, 3.8), layout="constrained", sharey=True, squeeze=False
    )
    for axis, (family, shape) in zip(axes[0], families.items(), strict=True):
        for kind, solver in [("robust", "here"), *L1_RIVALS]:
            sizes, seconds = curve(growing, family, kind, solver)
            axis.loglog(sizes, seconds, marker="o", label=solver)
        axis.set(title=shape, xlabel=family)
        axis.grid(which="major", alpha=0.3)
        axis.xaxis.set_minor_formatter("")
    axes[0, 0].set_ylabel("seconds to a suboptimality of 1e-6")
    axes[0, 0].legend()
    figure.savefig(path, dpi=120)


def cell(ladder):
    """Seconds to each target, or how far the solver came."""
    if ladder is None:
        return ""
    times = [number(result.seconds) for result in ladder if result.reached]
    last = ladder[-1]
    if last.reached and len(set(times)) == 1:
        return times[0]
    if not last.reached:
        came = f" ({last.suboptimality:.0e} in {number(last.seconds)})"
        times.append(f"> {last.limit:g}" + ("" if times or np.isnan(last.seconds) else came))
    return " / ".join(times)


def number(value):
    return f"{value:.2g}" if value < 10 else f"{value:.0f}"


def table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
