import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from sklearn_advex import AdversarialLogisticRegression, explain
from sklearn_advex.metrics import gini_index
from sklearn_advex.plotting import SaliencyDisplay


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(n_class=3, return_X_y=True)
    return X, np.array(["zero", "one", "two"])[y]


@pytest.fixture(scope="module")
def models(digits):
    return {
        "n": LogisticRegression(C=0.1).fit(*digits),
        "a": AdversarialLogisticRegression(epsilon=1.0, alpha=1e-3).fit(*digits),
    }


@pytest.fixture
def display(models, digits):
    X, y = digits
    return SaliencyDisplay.from_estimators(models, X[:3], y[:3])


def test_draws_images_and_maps(display, models, digits):
    X, _ = digits
    assert display.axes_.shape == (3, 3)
    for row in range(3):
        np.testing.assert_array_equal(display.images_[row].get_array(), X[row].reshape(8, 8))
        for name, model in models.items():
            A = explain(model, X[: row + 1])[row]
            np.testing.assert_allclose(display.maps_[name][row].get_array(), A.reshape(8, 8))
            title = display.axes_[row, 1 + list(models).index(name)].get_title()
            assert f"{name}\npredicts {model.predict(X[[row]])[0]}" in title
            assert f"Gini {gini_index(A):.3f}" in title
    assert display.axes_[1, 0].get_title() == "class one"


def test_all_maps_share_a_scale_with_zero_in_the_middle(display):
    limits = {picture.get_clim() for maps in display.maps_.values() for picture in maps}
    ((low, high),) = limits
    assert low == -high
    strongest = max(np.abs(maps).max() for maps in display.attributions.values())
    assert 0 < high <= strongest


def test_one_pixel_does_not_decide_the_scale():
    maps = np.full((1, 20, 20), 0.1)
    maps[0, 3, 3] = 100.0
    display = SaliencyDisplay(maps, {"n": maps}, gini={"n": [0.5]}).plot()
    assert display.maps_["n"][0].get_clim() == pytest.approx((-0.1, 0.1))
    zeros = SaliencyDisplay(maps, {"n": 0 * maps}, gini={"n": [0.0]}).plot()
    assert zeros.maps_["n"][0].get_clim() == (-1, 1)


def test_colors_are_drawn_and_their_attributions_summed(digits):
    rng = np.random.default_rng(0)
    X = rng.random((30, 3 * 4 * 5))
    model = LogisticRegression().fit(X, np.arange(30) % 2)
    A = explain(model, X[:2]).reshape(2, 3, 4, 5)
    display = SaliencyDisplay.from_estimators({"n": model}, X[:2], image_shape=(3, 4, 5))
    np.testing.assert_allclose(display.maps_["n"][1].get_array(), A[1].sum(axis=0))
    assert display.images_[0].get_array().shape == (4, 5, 3)
    assert display.gini["n"] == pytest.approx(gini_index(A.reshape(2, -1)))
    last = SaliencyDisplay(
        X[:2].reshape(2, 4, 5, 3), {"n": A.sum(axis=1)}, gini={"n": [0, 0]}
    ).plot()
    assert last.axes_[0, 0].get_title() == ""


@pytest.mark.parametrize("shape", [(2, 6, 5), (6, 5, 2), (4, 5, 6), (5, 6, 4), (1, 6, 5)], ids=str)
def test_images_of_any_number_of_channels(shape):
    X = np.random.default_rng(0).random((30, *shape))
    model = LogisticRegression().fit(X.reshape(30, -1), np.arange(30) % 2)
    display = SaliencyDisplay.from_estimators({"n": model}, X[:2].reshape(2, -1), image_shape=shape)
    channels = np.argmin(shape)
    A = explain(model, X[:2].reshape(2, -1)).reshape(2, *shape)
    np.testing.assert_allclose(display.maps_["n"][1].get_array(), A[1].sum(axis=channels))
    np.testing.assert_allclose(display.images_[1].get_array(), X[1].mean(axis=channels))


def test_draws_on_given_axes(display, pyplot):
    _, axes = pyplot.subplots(3, 3)
    assert display.plot(axes) is display
    assert display.axes_[2, 2] is axes[2, 2]
    with pytest.raises(ValueError, match=r"axes must have shape \(3, 3\)"):
        display.plot(axes[:2])


def test_nothing_is_cut_off(models, digits):
    name = "a name with quite a few words that no column holds"
    display = SaliencyDisplay.from_estimators({name: models["n"]}, digits[0][:2])
    display.figure_.draw_without_rendering()
    width, height = display.figure_.bbox.size
    for ax in display.figure_.axes:
        drawn = ax.get_tightbbox()
        assert drawn.x0 >= -1 and drawn.x1 <= width + 1
        assert drawn.y0 >= -1 and drawn.y1 <= height + 1


def test_errors(models, digits, display, monkeypatch):
    X, _ = digits
    with pytest.raises(ValueError, match="models is empty"):
        SaliencyDisplay.from_estimators({}, X[:2])
    with pytest.raises(ValueError, match=r"no image of shape \(7, 8\)"):
        SaliencyDisplay.from_estimators(models, X[:2], image_shape=(7, 8))
    with pytest.raises(ValueError, match="no image of shape"):
        SaliencyDisplay.from_estimators(models, X[:2, :60])
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match="SaliencyDisplay needs matplotlib"):
        display.plot()
    with pytest.raises(ImportError, match="SaliencyDisplay needs matplotlib"):
        SaliencyDisplay.from_estimators(None, None)
