"""What scikit-learn's callbacks hear of a fit, and that they change nothing."""

import importlib.util
import pickle
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV

from sklearn_advex import AdversarialLogisticRegression, AdversarialLogisticRegressionCV
from sklearn_advex._utils import _sklearn_compat

callback = pytest.importorskip("sklearn.callback", reason="scikit-learn 1.8 has no callbacks")

X, Y = load_iris(return_X_y=True)


class Recorder:
    """Writes down each task as the names of it and its ancestors, when it begins and ends."""

    max_propagation_depth = None

    def __init__(self):
        self.begun, self.ended, self.estimators = [], [], set()

    def setup(self, estimator, context):
        self.open = True

    def teardown(self, estimator, context):
        self.open = False

    def on_fit_task_begin(self, estimator, context):
        assert self.open
        self.begun.append(self.path(context))
        self.estimators.add(estimator)

    def on_fit_task_end(self, estimator, context):
        assert self.path(context) in self.begun
        self.ended.append(self.path(context))

    def path(self, context):
        here = (context.task_name, context.task_id)
        return here if context.parent is None else (*self.path(context.parent), *here)


ROOT = ("fit", 0)


@pytest.mark.parametrize(("y", "n_problems"), [(Y > 1, 1), (Y, 3)])
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_fit_has_a_task_for_each_binary_problem(y, n_problems, n_jobs):
    recorder = Recorder()
    model = AdversarialLogisticRegression(n_jobs=n_jobs).set_callbacks(recorder)
    plain = AdversarialLogisticRegression().fit(X, y)
    np.testing.assert_array_equal(model.fit(X, y).coef_, plain.coef_)
    problems = [(*ROOT, "binary problem", k) for k in range(n_problems)]
    assert recorder.begun[0] == recorder.ended[-1] == ROOT
    assert sorted(recorder.begun[1:]) == sorted(recorder.ended[:-1]) == problems
    assert recorder.estimators == {model}
    assert not recorder.open


def test_a_cross_validated_fit_has_a_task_for_each_path_and_epsilon():
    recorder = Recorder()
    model = AdversarialLogisticRegressionCV([0.1, 0.3], [1e-3, 1e-2], cv=3)
    model.set_callbacks(recorder).fit(X, Y)
    paths = [(*ROOT, "path", i) for i in range(2 * 3 + 2)]
    epsilons = [(*path, "epsilon", i) for path in paths for i in range(2)]
    assert sorted(recorder.begun) == sorted(recorder.ended) == sorted([ROOT, *paths, *epsilons])
    assert recorder.estimators == {model}


def test_a_search_holds_the_tasks_of_its_fits():
    recorder = Recorder()
    search = GridSearchCV(AdversarialLogisticRegression(), {"epsilon": [0.1, 0.3]}, cv=3)
    search.set_callbacks(recorder).fit(X, Y > 1)
    problems = [path for path in recorder.ended if path[-2] == "binary problem"]
    assert len(problems) == 2 * 3 + 1
    assert all(path[:2] == ROOT and len(path) >= 6 for path in problems)


def test_a_progress_bar_nests_in_a_search(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    search = GridSearchCV(AdversarialLogisticRegression(), {"epsilon": [0.1, 0.3]}, cv=3)
    search.set_callbacks(callback.ProgressBar()).fit(X, Y)
    shown = capsys.readouterr().out
    assert "GridSearchCV - fit" in shown
    assert shown.count("AdversarialLogisticRegression - fit") == 2 * 3 + 1
    assert "100%" in shown


def test_a_progress_bar_of_a_cross_validated_fit_in_processes(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    model = AdversarialLogisticRegressionCV([0.1, 0.3], cv=3, n_jobs=2)
    model.set_callbacks(callback.ProgressBar()).fit(X, Y > 1)
    shown = capsys.readouterr().out
    assert shown.count("AdversarialLogisticRegressionCV - path") == 3 + 1


def test_a_monitor_can_score_the_fitted_model():
    weights = np.linspace(1, 2, len(Y))
    monitor = callback.ScoringMonitor(scoring="accuracy")
    model = AdversarialLogisticRegression().set_callbacks(monitor).fit(X, Y, weights)
    (log,) = monitor.get_logs(select="all")
    assert [entry["accuracy"] for entry in log.data] == [model.score(X, Y, weights)]


@pytest.mark.parametrize("cls", [AdversarialLogisticRegression, AdversarialLogisticRegressionCV])
def test_callbacks_survive_clone_and_pickle(cls):
    model = cls().set_callbacks(callback.ProgressBar())
    for copy in (clone(model), pickle.loads(pickle.dumps(model))):
        assert isinstance(copy._skl_callbacks[0], callback.ProgressBar)


def test_a_failed_fit_tears_its_callbacks_down():
    recorder = Recorder()
    model = AdversarialLogisticRegression().set_callbacks(recorder)
    with pytest.raises(ValueError, match="squares overflow"):
        model.fit(X * 1e200, Y)
    assert ROOT in recorder.begun
    assert recorder.ended == []
    assert not recorder.open


def test_versions_of_scikit_learn_without_callbacks(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.callback", None)
    spec = importlib.util.spec_from_file_location("older", _sklearn_compat.__file__)
    older = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(older)
    assert not hasattr(older.CallbackSupportMixin, "set_callbacks")
    assert not older.has_callbacks(older.CallbackSupportMixin())
