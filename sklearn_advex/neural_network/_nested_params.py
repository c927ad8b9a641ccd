"""Constructor arguments with a prefix, which are meant for a part of the estimator."""

_PREFIXES = ("module__", "optimizer__")


class NestedParamsMixin:
    """Mixin for parameters ``module__...`` and ``optimizer__...``.

    A constructor hands them to :meth:`_set_nested`; they are attributes like other parameters.
    """

    def get_params(self, deep=True):
        """Get the parameters, those of module and optimizer included.

        Parameters
        ----------
        deep : bool, default=True
            Not used: no parameter is an estimator.

        Returns
        -------
        dict
            From names to values.
        """
        return super().get_params(deep=False) | self._nested_params("")

    def set_params(self, **params):
        """Set parameters.

        Parameters
        ----------
        **params : dict
            From names to values; ``module__...`` and ``optimizer__...`` are arguments for these.

        Returns
        -------
        self : AdversarialNetClassifier
            The estimator.
        """
        nested = {name: params.pop(name) for name in [*params] if name.startswith(_PREFIXES)}
        super().set_params(**params)
        self._set_nested(nested)
        return self

    def _set_nested(self, params):
        for name, value in params.items():
            if not name.startswith(_PREFIXES):
                raise TypeError(
                    f"{type(self).__name__} has no parameter {name!r}. Arguments for the module are"
                    " passed as module__..., those for the optimizer as optimizer__..."
                )
            setattr(self, name, value)

    def _nested_params(self, prefix):
        """Arguments for the module or the optimizer, with their prefix cut off."""
        return {
            name.removeprefix(prefix): value
            for name, value in vars(self).items()
            if name.startswith(prefix or _PREFIXES)
        }
