"""Accuracy and accuracy under attack against the number of features, for families of models.

Run it with ``make bench-frontier``; ``ARGS=--quick`` tries it on small tables. Results, tables and
plot go to benchmarks/frontier/output; a run that was killed goes on after its last split.
"""

import argparse
import sys
import warnings
from pathlib import Path
from time import perf_counter

from threadpoolctl import threadpool_limits

from .families import available, compile_skglm
from .measure import measure
from .report import SHOWN, load, save, write
from .tables import TABLES

OUTPUT = Path(__file__).parent / "output"
QUICK = ("breast_cancer", "wine", "digits", "spambase")
MOST = SHOWN[-1]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="small tables, two splits, 8 features")
    parser.add_argument("--splits", type=int, help="5, or 2 if quick")
    parser.add_argument("--limit", type=float, help="most seconds for a path; 60, or 5 if quick")
    parser.add_argument("--tables", nargs="*", help="only these, by name")
    parser.add_argument("--report", action="store_true", help="only write the tables again")
    arguments = parser.parse_args()
    folder = OUTPUT / "quick" if arguments.quick else OUTPUT
    if not arguments.report:
        run(arguments, folder)
    write(load(folder), folder)


def run(arguments, folder):
    names = arguments.tables or (QUICK if arguments.quick else [table.name for table in TABLES])
    n_splits = arguments.splits or (2 if arguments.quick else 5)
    limit = arguments.limit or (5 if arguments.quick else 60)
    most = 8 if arguments.quick else MOST
    start, families = perf_counter(), available()
    if "skglm, MCP" in families:
        compile_skglm()
    for table in (table for table in TABLES if table.name in names):
        path = folder / f"{table.name}.csv"
        done = load(folder).query("table == @table.name") if path.exists() else None
        for seed in range(n_splits):
            if done is not None and seed in set(done["split"]):
                continue
            models = [
                model
                for family in families
                for model in measure(table, seed, family, most, SHOWN, limit)
            ]
            save(models, path)
            seconds = perf_counter() - start
            print(f"{seconds:6.0f} s  {table.title}, split {seed + 1}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of the rivals
    with threadpool_limits(1):
        main()
