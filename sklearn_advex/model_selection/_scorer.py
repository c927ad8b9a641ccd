"""The base class of scorers that need the fitted model itself."""

import copy
from dataclasses import fields
from functools import partial

import numpy as np
import sklearn
from sklearn.utils import indexable
from sklearn.utils.metadata_routing import MetadataRequest

from sklearn_advex._utils._class_targets import check_row_weights
from sklearn_advex._utils._containers import n_rows_of
from sklearn_advex._utils._dask import is_dask
from sklearn_advex._utils._sampling import evenly_spaced
from sklearn_advex._utils._sklearn_compat import safe_indexing


class Scorer:
    """Base class of the scorers of this subpackage, which are dataclasses of their options.

    It makes them what scikit-learn expects of its own scorers: they accept `sample_weight`, can
    request it by ``set_score_request(sample_weight=True)`` where metadata routing is enabled, and
    have a name. Their representation is the call that makes them.

    Attributes
    ----------
    maker : str
        Name of the function that makes the scorer.
    is_mean_over_rows : bool
        Whether the score is the weighted mean of a number per row: that of many rows then comes
        from those of blocks of them.
    """

    maker: str
    is_mean_over_rows = True

    # A default of None: with metadata routing, weights that were not requested raise an error.
    __metadata_request__score = {"sample_weight": None}

    def __call__(self, estimator, X, y=None, sample_weight=None):
        """Score the rows of `X`; those of a Dask collection stay where they are."""
        if not is_dask(X):
            return self._score(estimator, X, y, sample_weight)
        if getattr(self, "max_samples", None) is not None:
            raise ValueError(
                f"max_samples={self.max_samples} is not available for Dask collections: set"
                " max_samples=None, or pass a sample of the rows in memory."
            )
        return self._score_blocks(estimator, X, y, sample_weight)

    def _score(self, estimator, X, y, sample_weight):
        """Score rows in memory."""
        raise NotImplementedError

    def _score_blocks(self, estimator, X, y, sample_weight):
        """Score the rows of a Dask collection."""
        from sklearn_advex._utils._dask_blocks import mean_of_scores  # imports dask

        return mean_of_scores(partial(self._score, estimator), X, y, sample_weight)

    @property
    def __name__(self):
        """Name of the score, which the displays of scikit-learn show."""
        return self.maker.removeprefix("make_").removesuffix("_scorer")

    def __repr__(self):
        values = ", ".join(f"{field.name}={getattr(self, field.name)!r}" for field in fields(self))
        return f"{self.maker}({values})"

    def set_score_request(self, *, sample_weight):
        """Set whether `sample_weight` is passed to the scorer by metadata routing.

        Parameters
        ----------
        sample_weight : bool, str or None
            True passes the weights, False ignores them, a string passes the metadata of that name,
            and None (the default of a scorer) raises an error if there are weights.

        Returns
        -------
        self : Scorer
            The updated scorer.

        Raises
        ------
        RuntimeError
            If metadata routing is not enabled.
        """
        if not sklearn.get_config()["enable_metadata_routing"]:
            raise RuntimeError(
                "set_score_request is only available when metadata routing is enabled. Enable it by"
                " sklearn.set_config(enable_metadata_routing=True)."
            )
        self._metadata_request = self._request(sample_weight)
        return self

    def get_metadata_routing(self):
        """Get the metadata that the scorer requests.

        Returns
        -------
        routing : MetadataRequest
            The request, for scikit-learn's metadata routing.
        """
        return copy.deepcopy(getattr(self, "_metadata_request", self._request(None)))

    def _request(self, sample_weight):
        """Create a metadata request of the method `score`, as scikit-learn calls scorers."""
        request = MetadataRequest(owner=self)
        request.score.add_request(param="sample_weight", alias=sample_weight)
        return request

    def _accept_sample_weight(self):
        """Return whether scikit-learn may pass `sample_weight` without metadata routing."""
        return True


def select_rows(X, y, sample_weight, max_samples):
    """Select evenly spaced rows, their labels and their weights.

    Parameters
    ----------
    X : array-like, sparse matrix or DataFrame of shape (n_samples, ...)
    y, sample_weight : array-like of shape (n_samples,) or None
    max_samples : int or None
        Largest number of rows; None selects all.

    Returns
    -------
    X, y, sample_weight
        In the containers that they came in.
    """
    if max_samples is None:
        return X, y, sample_weight
    X, y, sample_weight = indexable(X, y, sample_weight)
    rows = evenly_spaced(n_rows_of(X), max_samples)
    return tuple(
        None if values is None else safe_indexing(values, rows) for values in (X, y, sample_weight)
    )


def weighted_mean(values, sample_weight):
    """Return the mean of per-row values as a float.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
    sample_weight : array-like of shape (n_samples,) or None

    Returns
    -------
    float
    """
    if sample_weight is None:
        return float(np.mean(values))
    return float(np.average(values, weights=check_row_weights(sample_weight, values)))
