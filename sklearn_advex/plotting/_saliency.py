"""Draw images beside the saliency maps of several models."""

from math import isqrt

import numpy as np

from sklearn_advex._utils._models import check_models
from sklearn_advex.attribution import explain
from sklearn_advex.metrics import gini_index
from sklearn_advex.plotting._style import require_matplotlib, wrapped

# Share of the pixels beyond the ends of the color scale. If larger, more of the strongest pixels
# look alike; with 0 a single pixel can make all others faint.
_SATURATED_SHARE = 0.005

# Width and height of an image in inches, and the height of its title.
_CELL, _TITLE = 1.7, 0.6


class SaliencyDisplay:
    """Images, each followed by a saliency map per model with its Gini index.

    Figures 1 and J.6 to J.9 of [1]_. Each line is an image; each further column shows what its
    pixels contribute to the prediction of one model: blue for, red against it. All maps share one
    scale, which a few of the strongest pixels exceed. Create it with :meth:`from_estimators`.

    Parameters
    ----------
    images : array-like of shape (n_samples, height, width) or (n_samples, height, width, channels)
        What was explained. Three channels are drawn as red, green and blue, any other number by
        their mean.
    attributions : dict of str to array-like of shape (n_samples, height, width)
        Saliency maps by the name of the model.
    gini : dict of str to array-like of shape (n_samples,)
        Gini index of each map before channels were summed, by the name of the model.
    predictions : dict of str to array-like of shape (n_samples,), default=None
        Predicted classes by the name of the model, shown above the maps.
    y : array-like of shape (n_samples,), default=None
        True classes, shown above the images.

    Attributes
    ----------
    axes_ : ndarray of matplotlib.axes.Axes of shape (n_samples, 1 + n_models)
        Axes that the pictures are drawn on.
    figure_ : matplotlib.figure.Figure
        Figure that holds them.
    images_ : list of matplotlib.image.AxesImage
        The images, from top to bottom.
    maps_ : dict of str to list of matplotlib.image.AxesImage
        The saliency maps of each model, from top to bottom.
    colorbar_ : matplotlib.colorbar.Colorbar
        The scale of all maps.

    See Also
    --------
    AttributionDisplay : One prediction from named features.
    SparsenessGainDisplay : The Gini indices of many predictions.

    References
    ----------
    .. [1] P. Chalasani, J. Chen, A. R. Chowdhury, S. Jha, X. Wu. "Concise Explanations of Neural
       Networks using Adversarial Training". ICML 2020. https://arxiv.org/abs/1810.06583

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_advex import AdversarialLogisticRegression
    >>> from sklearn_advex.plotting import SaliencyDisplay
    >>> X, y = load_digits(n_class=4, return_X_y=True)
    >>> models = {
    ...     "n": AdversarialLogisticRegression(epsilon=0, alpha=1e-3).fit(X, y),
    ...     "a": AdversarialLogisticRegression(epsilon=1, alpha=1e-3).fit(X, y),
    ... }
    >>> display = SaliencyDisplay.from_estimators(models, X[:3], y[:3])
    """

    def __init__(self, images, attributions, *, gini, predictions=None, y=None):
        self.images = images
        self.attributions = attributions
        self.gini = gini
        self.predictions = predictions
        self.y = y

    @classmethod
    def from_estimators(cls, models, X, y=None, *, image_shape=None, **explain_options):
        """Explain images to several models, and draw the maps side by side.

        Parameters
        ----------
        models : dict of str to estimator
            Fitted classifiers by the names above the maps.
        X : array-like of shape (n_samples, n_pixels), (n_samples, height, width) or with channels
            The images, a few of them, as the models predict on them.
        y : array-like of shape (n_samples,), default=None
            Their true classes, shown above the images; needed for ``target="true"``.
        image_shape : tuple of int, default=None
            Shape of an image that a row of `X` holds flat. None takes the shape of the rows, and
            the square for flat ones. Channels, any number of them, are the shorter one of the first
            and the last axis; attributions are summed over them.
        **explain_options : dict
            Further keywords of :func:`sklearn_advex.explain`, such as `method`, `output`, `target`
            or `baseline`.

        Returns
        -------
        display : SaliencyDisplay
            With the picture drawn.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `models` is not a dict.
        ValueError
            If `models` is empty, or the rows of `X` are no images of `image_shape`.
        NotFittedError
            If one of the models is not fitted; the message names it.
        """
        require_matplotlib(cls.__name__)
        check_models(models)
        images = np.asarray(X, dtype=float)
        shape = _image_shape(images.shape[1:], image_shape)
        maps, gini = {}, {}
        for name, model in models.items():
            attributions = np.asarray(explain(model, X, y, **explain_options), dtype=float)
            gini[name] = gini_index(attributions.reshape(len(images), -1))
            attributions = _channels_last(attributions.reshape(len(images), *shape))
            maps[name] = attributions.sum(axis=3) if attributions.ndim == 4 else attributions
        display = cls(
            _channels_last(images.reshape(len(images), *shape)),
            maps,
            gini=gini,
            predictions={name: model.predict(X) for name, model in models.items()},
            y=y,
        )
        return display.plot()

    def plot(self, axes=None, *, cmap="RdBu", image_cmap="gray"):
        """Draw the images and their maps.

        Parameters
        ----------
        axes : ndarray of matplotlib.axes.Axes of shape (n_samples, 1 + n_models), default=None
            Axes to draw on; None makes a figure.
        cmap : str or matplotlib.colors.Colormap, default="RdBu"
            Colors of the maps, with zero in the middle.
        image_cmap : str or matplotlib.colors.Colormap, default="gray"
            Colors of images that do not have three channels.

        Returns
        -------
        self : SaliencyDisplay
            With the attributes that end in an underscore set.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If `axes` has another shape.
        """
        require_matplotlib(type(self).__name__)
        shape = (len(self.images), 1 + len(self.attributions))
        self.axes_ = _new_grid(shape) if axes is None else np.asarray(axes, dtype=object)
        if self.axes_.shape != shape:
            raise ValueError(
                f"axes must have shape {shape}, a line per image and a column per model after the"
                f" one of the images; got {self.axes_.shape}."
            )
        self.figure_ = self.axes_[0, 0].figure
        for ax in self.axes_.flat:
            ax.set_xticks([])
            ax.set_yticks([])
        self._draw_images(image_cmap)
        self._draw_maps(cmap)
        self.colorbar_ = self.figure_.colorbar(
            self.maps_[next(iter(self.maps_))][0],
            ax=list(self.axes_.flat),
            extend="both",
            shrink=min(1.0, 2 / shape[0]),
            label="attribution",
        )
        return self

    def _draw_images(self, cmap):
        """Draw the first column."""
        images = np.asarray(self.images, dtype=float)
        if images.ndim == 4 and images.shape[3] != 3:
            images = images.mean(axis=3)
        low, high = images.min(), images.max()
        if images.ndim == 4:  # matplotlib takes colors between 0 and 1
            images, low, high = (images - low) / ((high - low) or 1.0), 0.0, 1.0
        self.images_ = [
            ax.imshow(image, cmap=cmap, vmin=low, vmax=high)
            for ax, image in zip(self.axes_[:, 0], images, strict=True)
        ]
        if self.y is not None:
            for ax, label in zip(self.axes_[:, 0], self.y, strict=True):
                ax.set_title(f"class {wrapped(label, width=14)}", fontsize="small")

    def _draw_maps(self, cmap):
        """Draw the other columns."""
        limit = _shared_limit(self.attributions.values())
        self.maps_ = {}
        for column, (name, maps) in enumerate(self.attributions.items(), start=1):
            self.maps_[name] = [
                ax.imshow(saliency, cmap=cmap, vmin=-limit, vmax=limit)
                for ax, saliency in zip(self.axes_[:, column], maps, strict=True)
            ]
            for row, ax in enumerate(self.axes_[:, column]):
                ax.set_title(self._title(name, row), fontsize="small")

    def _title(self, name, row):
        title = f"{wrapped(name, width=20)}\n"
        if self.predictions is not None:
            title += f"predicts {wrapped(self.predictions[name][row], width=14, lines=1)}\n"
        return f"{title}Gini {self.gini[name][row]:.3f}"


def _new_grid(shape):
    """Create the axes of a new figure."""
    import matplotlib.pyplot as plt

    size = (_CELL * shape[1] + 1.0, (_CELL + _TITLE) * shape[0])
    return plt.subplots(*shape, figsize=size, squeeze=False, layout="constrained")[1]


def _shared_limit(maps):
    """Return the absolute attribution at the ends of the color scale."""
    magnitudes = np.abs(np.concatenate([np.ravel(saliency) for saliency in maps]))
    return np.quantile(magnitudes, 1.0 - _SATURATED_SHARE) or magnitudes.max() or 1.0


def _image_shape(shape, image_shape):
    """Return the shape of an image in a row of `shape`."""
    side = isqrt(int(np.prod(shape)))
    if image_shape is None:
        image_shape = (side, side) if len(shape) == 1 else shape
    if np.prod(image_shape) != np.prod(shape) or len(image_shape) not in (2, 3):
        raise ValueError(
            f"The rows of X have shape {shape}, which holds no image of shape {image_shape}. Pass"
            " image_shape=(height, width), with a third number where there are channels."
        )
    return tuple(image_shape)


def _channels_last(images):
    """Move channels behind the pixels."""
    comes_first = images.ndim == 4 and images.shape[1] < images.shape[3]
    return np.moveaxis(images, 1, 3) if comes_first else images
