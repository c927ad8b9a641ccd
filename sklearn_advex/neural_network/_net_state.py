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
    return {"module": net.module_.state_dict(), "history": lines}


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
    net.module_.load_state_dict(state["module"])
    net.module_.eval()
    net.history = History(line | {"batches": []} for line in state["history"])
    for _, callback in net.callbacks_:
        if isinstance(callback, PassthroughScoring):
            _restore_best(callback, state["history"])


def _restore_best(scoring, lines):
    best = min if scoring.lower_is_better else max
    scores = [line[scoring.name] for line in lines if scoring.name in line]
    scoring.best_score_ = best(scores, default=scoring.best_score_)
