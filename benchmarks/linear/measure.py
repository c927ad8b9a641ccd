"""Time and memory that it takes a solver to come close to the optimum of its problem."""

import contextlib
import ctypes
import signal
from dataclasses import dataclass
from multiprocessing import get_context
from time import perf_counter

import numpy as np

SHORTEST = 0.05  # seconds below which fits are repeated, to be longer than what disturbs them
LONGEST = 3.0  # seconds above which fits are not repeated
STARTING = 60  # seconds for imports and what else comes before a first fit
MOST_ACCURATE = 1e-12


@dataclass
class Fit:
    """One fit, in a process of its own."""

    accuracy: float
    seconds: float
    suboptimality: float
    features: int
    memory: float  # peak above what the process held before, in MB


def climb(solver, problem, target, limit):
    """Fits of ever higher accuracy, by a factor of 10 each, until the target is reached.

    Returns
    -------
    fits : list of Fit
        Those that ended; no more than `limit` seconds are given to a fit.
    """
    problem.optimum  # noqa: B018 - here, as what a child finds out is lost
    return list(in_child(_climb, solver, problem, target, limit))


def _climb(solver, problem, target, limit):
    signal.alarm(STARTING)  # ends the process, in compiled code too
    solver.solve(problem.head(20), solver.loosest)
    accuracy, suboptimality = solver.loosest, np.inf
    while suboptimality > target and accuracy > MOST_ACCURATE:
        before = _forget_peak()
        signal.alarm(limit)
        start = perf_counter()
        coef = solver.solve(problem, accuracy)
        seconds = perf_counter() - start
        signal.alarm(0)
        memory = (_process_status("VmHWM") - before) / 1e3
        suboptimality = problem.suboptimality(coef)
        yield Fit(accuracy, seconds, suboptimality, np.count_nonzero(coef), memory)
        accuracy /= 10


def in_child(generator, *arguments):
    """What a generator yields in a forked process, as far as it comes.

    Nothing but this package and skglm, which takes long to compile, may run before the fork: the
    threads that other solvers start would be missing in the child.
    """
    context = get_context("fork")
    receiver, sender = context.Pipe(duplex=False)

    def run():
        for value in generator(*arguments):
            sender.send(value)

    child = context.Process(target=run)
    child.start()
    sender.close()
    with contextlib.suppress(EOFError):
        while True:
            yield receiver.recv()
    child.join()


def _forget_peak():
    """Start the peak of memory anew (Linux), and return what the process holds, in kB."""
    ctypes.CDLL(None).malloc_trim(0)  # or the fit would use what was freed before, unseen
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    return _process_status("VmRSS")


def _process_status(field):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(field))


def take_turns(tasks, repetitions):
    """Seconds per fit of several ways to solve a problem, one after the other in each round.

    Parameters
    ----------
    tasks : dict from key to (solver, problem, fit)
        The fit says what accuracy to ask for and how long it will take.

    Returns
    -------
    dict from key to list of float
    """
    return next(in_child(_take_turns, tasks, repetitions))


def _take_turns(tasks, repetitions):
    seconds = {key: [] for key in tasks}
    for solver, problem, _ in tasks.values():
        solver.solve(problem.head(20), solver.loosest)
    for _ in range(repetitions):
        for key, (solver, problem, fit) in tasks.items():
            if fit.seconds < LONGEST:
                seconds[key].append(_seconds(solver, problem, fit))
    yield {key: times or [tasks[key][2].seconds] for key, times in seconds.items()}


def _seconds(solver, problem, fit):
    n_fits = int(np.ceil(SHORTEST / fit.seconds))
    start = perf_counter()
    for _ in range(n_fits):
        solver.solve(problem, fit.accuracy)
    return (perf_counter() - start) / n_fits
