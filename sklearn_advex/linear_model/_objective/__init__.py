"""The robust objective: what is summed over rows, what depends on features, what proves optimality.

`TERMS` is the table of what can be summed over rows, by the name that users pass as `loss`.
"""

from functools import partial

from sklearn_advex._losses import HingeLoss, LogisticLoss, SoftplusHingeLoss
from sklearn_advex.linear_model._objective._hinge_term import HingeTerm
from sklearn_advex.linear_model._objective._margin_term import MarginTerm

TERMS = {
    "log_loss": partial(MarginTerm, LogisticLoss()),
    "hinge": partial(HingeTerm, HingeLoss()),
    "softplus_hinge": partial(MarginTerm, SoftplusHingeLoss()),
}
