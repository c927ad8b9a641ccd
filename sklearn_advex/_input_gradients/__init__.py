"""Networks made fast where their gradients with respect to the input are what is wanted."""

from sklearn_advex._input_gradients._network import input_gradient_network

__all__ = ["input_gradient_network"]
