"""Processor time and values of paths over numbers of features, against abess where it takes part.

Run it with ``python -m benchmarks.best_subset.speed``; it needs abess, of the extra `bench`.
"""

import argparse
import warnings
from time import process_time

import numpy as np
from threadpoolctl import threadpool_limits

from sklearn_advex.linear_model._best_subset import best_subsets

from . import problems
from .problems import make_objective, make_solver, optimum

AGAINST_ABESS = ("breast_cancer", "spambase", "mushroom")
LARGE = (("mnist_3_or_8", 30), ("wide", 20))


def timed(function, *arguments, **options):
    start = process_time()
    result = function(*arguments, **options)
    return result, process_time() - start


def abess_supports(X, y, n_levels):
    from abess import LogisticRegression

    models = [LogisticRegression(support_size=k, thread=1) for k in range(1, n_levels + 1)]
    return [np.flatnonzero(model.fit(X, (y > 0).astype(int)).coef_) for model in models]


def report_against_abess(name, n_trials, repetitions):
    X, y = getattr(problems, name)()
    objective = make_objective(X, y, 0.0)
    ours, theirs = [], []
    for _ in range(repetitions):
        path, seconds = timed(best_subsets, objective, make_solver(), 20, n_trials=n_trials)
        ours.append(seconds)
        supports, seconds = timed(abess_supports, X, y, 20)
        theirs.append(seconds)
    values = np.array([subset.value for subset in path])
    excess = np.array([optimum(objective, features) for features in supports]) / values - 1
    print(
        f"{name}: {np.median(ours):.2f} s, abess {np.median(theirs):.2f} s;"
        f" abess better by more than 1e-6 at {np.count_nonzero(excess < -1e-6)} of 20 k;"
        f" its objective above ours, median {np.median(excess):.1%}, most {excess.max():.1%}"
    )


def report_large(name, n_levels, n_trials):
    X, y = getattr(problems, name)()
    for epsilon in (0.0, 0.05):
        objective = make_objective(X, y, epsilon)
        path, seconds = timed(best_subsets, objective, make_solver(), n_levels, n_trials=n_trials)
        values = " ".join(f"{path[k - 1].value:.4f}" for k in (1, 5, 10, n_levels))
        print(f"{name}, epsilon {epsilon}, {n_levels} features: {seconds:.1f} s; {values}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=6, help="n_trials of the search")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--problems", nargs="*", default=[*AGAINST_ABESS, *dict(LARGE)])
    arguments = parser.parse_args()
    for name in arguments.problems:
        if name in AGAINST_ABESS:
            report_against_abess(name, arguments.trials, arguments.repetitions)
        else:
            report_large(name, dict(LARGE)[name], arguments.trials)


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of abess
    with threadpool_limits(1):
        main()
