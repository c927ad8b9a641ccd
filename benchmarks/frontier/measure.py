"""Paths of models with the processor time that they took, and what the models are worth."""

import signal
import warnings
from dataclasses import dataclass, field
from itertools import chain
from time import process_time

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from benchmarks.linear.measure import in_child
from sklearn_advex.attribution import adversarial_accuracy
from sklearn_advex.model_selection import make_gini_scorer, make_stability_scorer

from .families import PATHS, count

WEAK, STRONG = 0.05, 0.1  # adversaries
_gini = make_gini_scorer(max_samples=1000)
_stability = make_stability_scorer(epsilon=STRONG, max_samples=1000)


@dataclass
class Model:
    """What a model of a path is worth on the rows left out."""

    table: str
    split: int
    family: str
    parameters: str
    seconds: float  # of the path, up to this model
    n_features: int
    accuracy: float
    auc: float
    attacked_weakly: float
    attacked: float
    # Of those models alone that the tables show.
    gini: float = np.nan
    stability: float = np.nan
    classifier: LogisticRegression = field(default=None, repr=False)

    def explain(self, X, y):
        """Add the scores that need explanations."""
        if np.isnan(self.gini):
            self.gini = _gini(self.classifier, X, y)
            self.stability = _stability(self.classifier, X, y)


def measure(table, seed, family, most, shown, limit):
    """Score the models of a family on a split of a table.

    Parameters
    ----------
    table : Table
    seed : int
        Of the split.
    family : str
    most : int
        Models of more features are left out.
    shown : sequence of int
        The numbers of features in the tables.
    limit : float
        Most seconds of processor time for a path; the models that came until then count.

    Returns
    -------
    list of Model
    """
    X, y, X_test, y_test = table.split(seed)
    groups = table.data[2]
    models = []
    paths = (in_child(_timed, path, X, y, groups, most, limit) for path in PATHS[family])
    for parameters, coef, intercept, seconds in chain.from_iterable(paths):
        n_features = count(coef, groups)
        if n_features <= most and np.isfinite(coef).all():
            described = " ".join(f"{name}={value:.4g}" for name, value in parameters.items())
            known = (table.name, seed, family, described, seconds, n_features)
            models.append(_scored(known, coef, intercept, X_test, y_test))
    for k in shown:
        if any(model.n_features <= k for model in models):
            most_accurate(models, k).explain(X_test, y_test)
    return models


def most_accurate(models, k):
    """The most accurate model of at most k features; of equals the one that withstands more."""
    return max(
        (model for model in models if model.n_features <= k),
        key=lambda model: (model.accuracy, model.attacked),
    )


def _timed(path, X, y, groups, most, limit):
    warnings.simplefilter("ignore")  # of the rivals, and of models that separate the rows
    signal.setitimer(signal.ITIMER_PROF, limit)  # ends the process, in compiled code too
    start = process_time()
    for parameters, coef, intercept in path(X, y, groups, most):
        yield parameters, coef, intercept, process_time() - start


def _scored(known, coef, intercept, X, y):
    model = LogisticRegression()  # only to be scored like any linear classifier
    model.classes_, model.n_features_in_ = np.array([-1.0, 1.0]), coef.size
    model.coef_, model.intercept_ = coef[np.newaxis], np.array([intercept])
    return Model(
        *known,
        accuracy=model.score(X, y),
        auc=roc_auc_score(y, model.decision_function(X)),
        attacked_weakly=adversarial_accuracy(model, X, y, epsilon=WEAK),
        attacked=adversarial_accuracy(model, X, y, epsilon=STRONG),
        classifier=model,
    )
