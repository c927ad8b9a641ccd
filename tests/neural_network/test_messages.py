"""What users are told who run into what networks cannot do."""

import os

import numpy as np
import pytest
import torch
from skorch.callbacks import LRScheduler
from torch import nn
from torch.nn import functional

from sklearn_advex import AdversarialCNNClassifier, AdversarialNetClassifier


@pytest.fixture(scope="module")
def table():
    X = np.random.default_rng(0).normal(size=(60, 6))
    return X, (X[:, 0] > 0).astype(int)


def net(module, **params):
    defaults = {"epsilon": 0.1, "clip": None, "max_epochs": 1, "random_state": 0}
    return AdversarialNetClassifier(module, **(defaults | params))


class AlwaysDropped(nn.Linear):
    def forward(self, x):
        return functional.dropout(super().forward(x), 0.5)


def with_batch_norm(**options):
    return lambda: nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4, **options), nn.Linear(4, 2))


def test_random_predictions_are_told(table):
    with pytest.warns(UserWarning, match=r"module=AlwaysDropped returns other logits in a second"):
        model = net(AlwaysDropped(6, 2)).fit(*table)
    with pytest.raises(ValueError, match=r"other logits in a second pass .*=self\.training"):
        model.explain(table[0][:5])


def test_predictions_that_depend_on_other_rows_are_told(table):
    with pytest.warns(UserWarning, match=r"for a row in another batch, .*track_running_stats"):
        net(with_batch_norm(track_running_stats=False)).fit(*table)


def test_a_batch_of_one_row_has_no_statistics(table):
    X, y = table
    with pytest.raises(ValueError, match=r"batch of 1 row.*: raise batch_size=1,"):
        net(with_batch_norm(), batch_size=1).fit(X, y)
    with pytest.raises(ValueError, match="give partial_fit more rows"):
        net(with_batch_norm()).partial_fit(X[:1], y[:1], classes=[0, 1])


@pytest.mark.parametrize(
    ("module", "params", "message"),
    [
        (
            nn.Sequential(nn.Linear(6, 1), nn.Flatten(0)),
            {},
            r"or \(n_samples, 1\); for 8 rows .*\(8,",
        ),
        (nn.Linear(6, 2).double(), {}, r"weights of float64, .* by \.float\(\)"),
        (
            nn.Linear(6, 2),
            {"lr_schedule": "linear", "callbacks": [LRScheduler(policy="StepLR", step_size=2)]},
            r"lr_schedule='linear' and skorch's LRScheduler .* pass lr_schedule=None",
        ),
    ],
)
def test_the_cause_is_named(module, params, message, table):
    with pytest.raises(ValueError, match=message):
        net(module, **params).fit(*table)


def test_the_default_network_in_a_default_of_float64(table):
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with pytest.raises(ValueError, match=r"module=ConvNet .* torch\.set_default_dtype"):
            AdversarialCNNClassifier(clip=None, max_epochs=1).fit(table[0][:, :4], table[1])
    finally:
        torch.set_default_dtype(before)


def test_a_class_of_one_row_cannot_be_watched(table):
    y = table[1].copy()
    y[0] = 2
    with pytest.raises(ValueError, match=r"validation_fraction=0\.5 needs two rows of each class"):
        net(nn.Linear(6, 3), validation_fraction=0.5).fit(table[0], y)


def test_complex_weights_are_trained(table):
    class Complex(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(6, 4, dtype=torch.cfloat))
            self.last = nn.Linear(4, 2)

        def forward(self, x):
            return self.last((x.to(torch.cfloat) @ self.weight).abs())

    assert net(Complex).fit(*table).n_iter_ == 1


def test_files_stay_where_and_what_they_are(table, tmp_path):
    model = net(nn.Linear(6, 2)).fit(*table)
    with pytest.raises(FileNotFoundError, match=r"folder of the model .*no/m does not exist"):
        model.save(tmp_path / "no" / "m")
    with pytest.raises(IsADirectoryError, match="is a folder: give the path of a file in it"):
        model.save(tmp_path)
    real, link = tmp_path / "real", tmp_path / "link"
    model.save(real)
    link.symlink_to(real)
    real.chmod(0o660)
    before = real.read_bytes()
    model.partial_fit(*table).save(link)
    assert link.is_symlink()
    assert real.read_bytes() != before
    assert os.stat(real).st_mode & 0o777 == 0o660
    assert not [path for path in tmp_path.iterdir() if path not in (real, link)]


@pytest.mark.filterwarnings("ignore:Guards may run slower on Python 3.13.0")  # advice of torch
def test_a_compiled_module_is_loaded_uncompiled_and_back(table, tmp_path):
    def compiled():
        return nn.Sequential(torch.compile(nn.Linear(6, 2), backend="eager"), nn.Identity())

    def plain():
        return nn.Sequential(nn.Linear(6, 2), nn.Identity())

    for saved_as, loaded_as in ((compiled, plain), (plain, compiled)):
        model = net(saved_as, training=None).fit(*table)
        model.save(tmp_path / "m")
        loaded = AdversarialNetClassifier.load(tmp_path / "m", module=loaded_as)
        np.testing.assert_allclose(loaded.predict_proba(table[0]), model.predict_proba(table[0]))


def test_a_thousand_classes_are_not_all_listed():
    X = np.random.default_rng(0).normal(size=(2000, 6))
    y = np.arange(2000) % 1000
    model = net(nn.Linear(6, 1000), training=None).fit(X, y)
    with pytest.raises(ValueError, match="does not know") as caught:
        model.perturb(X, y + 1)
    assert len(str(caught.value)) < 400
