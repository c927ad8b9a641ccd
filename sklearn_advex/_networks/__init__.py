"""What training, attacks and explanations of torch modules have in common."""

from sklearn_advex._networks._arranged import arrange, input_gradient_network
from sklearn_advex._networks._copies import copy_module
from sklearn_advex._networks._dtypes import at_least_float32
from sklearn_advex._networks._gradients import NO_GRADIENT, input_gradient
from sklearn_advex._networks._layers import is_as_its_class, is_sequence, layers_of
from sklearn_advex._networks._trial import BFLOAT16_ROUNDING, N_TRIED, ROUNDING, Trial

__all__ = [
    "BFLOAT16_ROUNDING",
    "NO_GRADIENT",
    "N_TRIED",
    "ROUNDING",
    "Trial",
    "arrange",
    "at_least_float32",
    "copy_module",
    "input_gradient",
    "input_gradient_network",
    "is_as_its_class",
    "is_sequence",
    "layers_of",
]
