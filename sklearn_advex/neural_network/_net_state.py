"""What a net has learned, as nested data, and back."""

from skorch.callbacks import PassthroughScoring
from skorch.history import History


def net_state(net):
    """Weights and history of a net.

    Parameters
    ----------
    net : AdversarialNet

    Returns
    -------
    dict
        With the lines of the history, but without what they record of single batches.
    """
    lines = [{key: line[key] for key in line if key != "batches"} for line in net.history]
    weights = {_plain(name): part for name, part in net.module_.state_dict().items()}
    return {"module": weights, "history": lines}


def restore_net(net, state):
    """Put a new net into the state of another one, ready for prediction and for more epochs.

    Parameters
    ----------
    net : AdversarialNet
    state : dict
        From :func:`net_state`.

    Raises
    ------
    RuntimeError
        If the weights do not fit the module.
    """
    names = {_plain(name): name for name in net.module_.state_dict()}
    weights = {names.get(_plain(name), name): part for name, part in state["module"].items()}
    net.module_.load_state_dict(weights)
    net.module_.eval()
    net.history = History(line | {"batches": []} for line in state["history"])
    for _, callback in net.callbacks_:
        if isinstance(callback, PassthroughScoring):
            _restore_best(callback, state["history"])


def _plain(name):
    """Name a weight as before its module was compiled."""
    return name.replace("_orig_mod.", "")


def _restore_best(scoring, lines):
    best = min if scoring.lower_is_better else max
    scores = [line[scoring.name] for line in lines if scoring.name in line]
    scoring.best_score_ = best(scores, default=scoring.best_score_)
