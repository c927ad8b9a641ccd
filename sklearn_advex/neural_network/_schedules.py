"""Learning rates over a training run, as factors of `lr`."""

import math


def _cosine(progress):
    return (1.0 + math.cos(math.pi * progress)) / 2.0


def _linear(progress):
    return 1.0 - progress


def _one_cycle(progress):
    return min(progress / 0.4, (1.0 - progress) / 0.6)


#: From the share of the training steps done to the factor.
LR_SCHEDULES = {"cosine": _cosine, "linear": _linear, "one_cycle": _one_cycle}
