"""How often the search finds the best subset, told by enumerating all of them.

Run it with ``python -m benchmarks.best_subset.quality``; it takes three minutes.
"""

import argparse
from itertools import combinations

import numpy as np
from threadpoolctl import threadpool_limits

from sklearn_advex.linear_model._best_subset import best_subsets

from .problems import breast_cancer, make_objective, make_solver, optimum, random_problem

FOUND = 1e-6  # relative excess of the objective up to which a subset counts as the best one


def enumerate_subsets(objective, k, groups=None):
    """The value and features of the best model of k groups."""
    labels = np.arange(objective.n_features) if groups is None else groups
    best, best_features = np.inf, None
    for chosen in combinations(range(labels.max() + 1), min(k, labels.max() + 1)):
        features = np.flatnonzero(np.isin(labels, chosen))
        value = optimum(objective, features)
        if value < best:
            best, best_features = value, features
    return best, best_features


def excess_of_random_problem(seed, n_trials):
    X, y, epsilon, groups, k = random_problem(seed)
    objective = make_objective(X, y, epsilon)
    lowest, _ = enumerate_subsets(objective, k, groups)
    found = best_subsets(objective, make_solver(), k, groups, n_trials=n_trials)[-1]
    return found.value / lowest - 1


def report_random(n_problems, n_trials):
    excess = np.array([excess_of_random_problem(seed, n_trials) for seed in range(n_problems)])
    for name, part in (("single features", excess[::2]), ("groups", excess[1::2])):
        share = np.mean(part <= FOUND)
        print(f"{name}: optimum in {share:.1%} of {part.size}, worst excess {part.max():.2%}")


def report_breast_cancer(n_trials):
    for epsilon in (0.0, 0.1):
        objective = make_objective(*breast_cancer(), epsilon)
        path = best_subsets(objective, make_solver(), 3, n_trials=n_trials)
        for k in (2, 3):
            lowest, features = enumerate_subsets(objective, k)
            found = path[k - 1]
            print(
                f"breast cancer, epsilon {epsilon}, {k} features: found {found.support.tolist()},"
                f" best {features.tolist()}, excess {found.value / lowest - 1:.1e}"
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=int, default=300, help="number of random problems")
    parser.add_argument("--trials", type=int, default=6, help="n_trials of the search")
    arguments = parser.parse_args()
    report_random(arguments.problems, arguments.trials)
    report_breast_cancer(arguments.trials)


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
