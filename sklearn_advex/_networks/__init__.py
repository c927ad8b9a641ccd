"""What training, attacks and explanations of torch modules have in common."""

from sklearn_advex._networks._arranged import input_gradient_network

__all__ = ["input_gradient_network"]
