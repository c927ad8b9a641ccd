"""Time and memory of the linear solver against its rivals, over shapes of data.

Run it with ``make bench-linear``; ``ARGS=--quick`` tries everything on small data. Results, tables
and plot go to benchmarks/linear/output.
"""

import argparse
import sys
import warnings
from itertools import chain
from pathlib import Path
from time import perf_counter

from threadpoolctl import threadpool_limits

from .measure import climb, take_turns
from .problems import growing, shapes
from .report import Result, load, save, write
from .solvers import HERE, L1_SOLVERS, L2_SOLVERS, ROBUST_SOLVERS, compile_skglm

TARGETS = (1e-4, 1e-6)  # suboptimalities
OUTPUT = Path(__file__).parent / "output"


def contestants(case):
    """Who solves what: pairs of a kind of problem and a solver."""
    yield "robust", HERE
    yield from (("l1", solver) for solver in L1_SOLVERS)
    if case.family == "shapes":
        yield "l1", HERE
    if case.against_all:
        yield from (("robust", solver) for solver in ROBUST_SOLVERS if solver.suits(case.X))
        yield from (("l2", solver) for solver in (HERE, *L2_SOLVERS))


def measure(case, repetitions, limit):
    """What it took each contestant to reach each target."""
    ladders, tasks = {}, {}
    for kind, solver in contestants(case):
        problem = getattr(case, kind)
        fits = ladders[kind, solver.name] = climb(solver, problem, TARGETS[-1], limit)
        for fit in filter(None, (first_within(fits, target) for target in TARGETS)):
            tasks[kind, solver.name, fit.accuracy] = solver, problem, fit
    seconds = take_turns(tasks, repetitions)
    return [
        result_of(case, kind, solver, target, limit, fits, seconds)
        for (kind, solver), fits in ladders.items()
        for target in TARGETS
    ]


def first_within(fits, target):
    return next((fit for fit in fits if fit.suboptimality <= target), None)


def result_of(case, kind, solver, target, limit, fits, seconds):
    fit = first_within(fits, target)
    described = (case.family, case.name, *case.X.shape, case.entries, case.target)
    result = Result(*described, kind, solver, target, limit, fit is not None)
    if fit:
        result.record(fit, seconds[kind, solver, fit.accuracy])
    elif fits:
        result.record(fits[-1], [fits[-1].seconds])
    return result


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="small data, in two minutes")
    parser.add_argument("--repetitions", type=int, help="rounds; 5, or 2 if quick")
    parser.add_argument("--limit", type=int, help="most seconds for a fit; 20, or 1 if quick")
    parser.add_argument("--shapes", nargs="*", help="only these, by name")
    parser.add_argument("--report", action="store_true", help="only write the tables again")
    arguments = parser.parse_args()
    if not arguments.report:
        run(arguments)
    write(load(OUTPUT), OUTPUT)


def run(arguments):
    repetitions = arguments.repetitions or (2 if arguments.quick else 5)
    limit = arguments.limit or (1 if arguments.quick else 20)
    results, start = [], perf_counter()
    compile_skglm()
    for case in chain(shapes(arguments.quick), growing(arguments.quick)):
        if not arguments.shapes or case.name in arguments.shapes:
            results += measure(case, repetitions, limit)
            save(results, OUTPUT)
            print(f"{perf_counter() - start:6.0f} s  {case}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of the rivals, and of models without features
    with threadpool_limits(1):
        main()
