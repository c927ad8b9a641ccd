"""Attributions of torch networks by captum, loaded no sooner than a network is explained."""

from sklearn_advex.attribution._torch._attribute import attribute_network

__all__ = ["attribute_network"]
