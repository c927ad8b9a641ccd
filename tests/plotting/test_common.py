"""What all displays have in common, held against one table of them."""

import sys

import pytest
from matplotlib.artist import Artist

from sklearn_advex.plotting import (
    AttributionDisplay,
    FeatureImpactDisplay,
    FrontierDisplay,
    PathDisplay,
    SparsenessGainDisplay,
    TradeoffDisplay,
    to_shap_explanation,
)

# How each display is made: the constructor, and which fixtures its positional arguments are.
MAKERS = {
    "attribution": (AttributionDisplay.from_estimator, ("model", "row")),
    "impact": (FeatureImpactDisplay.from_estimator, ("model", "X")),
    "impacts": (FeatureImpactDisplay.from_estimators, ("models", "X")),
    "gains": (SparsenessGainDisplay.from_estimators, ("models", "X")),
    "tradeoff": (TradeoffDisplay.from_search, ("search",)),
    "frontier": (FrontierDisplay.from_search, ("path_model_alone",)),
    "frontiers": (FrontierDisplay.from_paths, ("paths", "X", "y")),
    "path": (PathDisplay.from_estimator, ("path_model",)),
}
EXPLAINING = ["attribution", "impact", "impacts", "gains"]
COMPARING = ["impacts", "gains"]


@pytest.fixture
def arguments(models, table, search, path_model):
    X, y = table
    return {
        "model": models["n"],
        "path_model_alone": path_model[-1],
        "paths": {"several": list(models.values()), "one": [models["n"]]},
        "y": y,
        "models": models,
        "X": X,
        "row": X.iloc[[0]],
        "search": search,
        "path_model": path_model,
    }


@pytest.fixture
def make(request, arguments):
    maker, names = MAKERS[request.param]

    def make(*, replace=None, **options):
        values = arguments | (replace or {})
        return maker(*(values[name] for name in names), **options)

    make.owner = maker.__self__
    return make


def artists_of(display):
    found = []
    for name, value in vars(display).items():
        if name.endswith("_") and name not in {"ax_", "figure_"} and value is not None:
            for item in value if isinstance(value, list) else [value]:
                found += list(item) if isinstance(item, tuple) else [item]
    return found


@pytest.mark.parametrize("make", MAKERS, indirect=True)
def test_draws_on_a_figure_of_its_own(make, pyplot):
    pyplot.figure()
    display = make()
    assert isinstance(display, make.owner)
    assert display.figure_ is display.ax_.figure
    assert len(pyplot.get_fignums()) == 2
    assert display.figure_.axes == [display.ax_]


@pytest.mark.parametrize("make", MAKERS, indirect=True)
def test_draws_on_the_axes_that_it_is_given(make, pyplot):
    figure, (left, right) = pyplot.subplots(1, 2)
    display = make(ax=right)
    assert display.ax_ is right
    assert display.figure_ is figure
    assert right.has_data()
    assert not left.has_data()
    assert len(pyplot.get_fignums()) == 1
    assert display.plot(ax=left) is display
    assert display.ax_ is left
    assert left.has_data()


@pytest.mark.parametrize("make", MAKERS, indirect=True)
def test_keeps_its_artists(make):
    display = make()
    artists = artists_of(display)
    assert len(artists) >= 2
    assert all(isinstance(artist, Artist) for artist in artists)
    assert all(artist.axes is display.ax_ for artist in artists)


@pytest.mark.parametrize("make", MAKERS, indirect=True)
def test_plot_repeats_the_picture(make):
    display = make()
    first = display.ax_
    display.plot()
    assert display.ax_ is not first
    assert display.ax_.get_xlim() == first.get_xlim()
    assert display.ax_.get_ylim() == first.get_ylim()


@pytest.mark.parametrize("make", MAKERS, indirect=True)
def test_nothing_is_cut_off(make, models):
    names = {"a name with quite a few words that no line of a figure holds": models["n"]}
    display = make(replace={"models": models | names})
    display.figure_.draw_without_rendering()
    width, height = display.figure_.bbox.size
    drawn = display.ax_.get_tightbbox()
    assert drawn.x0 >= -1 and drawn.x1 <= width + 1
    assert drawn.y0 >= -1 and drawn.y1 <= height + 1


@pytest.mark.parametrize("make", MAKERS, indirect=True)
def test_without_matplotlib(make, arguments, monkeypatch):
    display = make()
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    message = rf"{make.owner.__name__} needs matplotlib.*sklearn-advex\[plot\]"
    with pytest.raises(ImportError, match=message):
        display.plot()
    # Before the work is done, not after it.
    with pytest.raises(ImportError, match=message):
        make(replace=dict.fromkeys(arguments))


@pytest.mark.parametrize("make", EXPLAINING, indirect=True)
def test_options_of_explain(make):
    with pytest.raises(ValueError, match="method='guess' is unknown"):
        make(method="guess")
    with pytest.raises(TypeError, match="unexpected keyword argument 'color'"):
        make(color="red")


@pytest.mark.parametrize("make", COMPARING, indirect=True)
def test_models_to_compare(make, models):
    with pytest.raises(ValueError, match="models is empty"):
        make(replace={"models": {}})
    with pytest.raises(TypeError, match="got list"):
        make(replace={"models": list(models.values())})


def test_without_shap(models, table, monkeypatch):
    monkeypatch.setitem(sys.modules, "shap", None)
    with pytest.raises(ImportError, match=r"needs shap.*sklearn-advex\[shap\]"):
        to_shap_explanation(models["n"], table[0])
