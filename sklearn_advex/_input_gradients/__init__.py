"""Networks rearranged so that gradients with respect to their input are computed faster."""

from sklearn_advex._input_gradients._network import input_gradient_network

__all__ = ["input_gradient_network"]
