"""The tasks of a fit, announced to scikit-learn's callbacks."""

from sklearn_advex._utils._sklearn_compat import has_callbacks


class Task:
    """A part of a fit whose begin and end callbacks hear of; used as a context.

    Parameters
    ----------
    estimator : estimator, default=None
        Whose fit it is.
    context : sklearn.callback.CallbackContext, default=None
        Its place among the tasks; None for a task that nobody hears of.
    **data : dict
        What callbacks may ask for: `X`, `y`, `metadata`.
    """

    def __init__(self, estimator=None, context=None, **data):
        self.estimator = estimator
        self.context = context
        self.data = data

    def __enter__(self):
        if self.context is not None:
            self.context.call_on_fit_task_begin(estimator=self.estimator, **self.data)
        return self

    def __exit__(self, error, *_):
        if self.context is not None and error is None:
            # Data come with the fit as a whole, at whose end the estimator itself can predict.
            fitted = {"reconstruction_attributes": {}} if self.data else {}
            self.context.call_on_fit_task_end(estimator=self.estimator, **self.data, **fitted)

    def subtasks(self, name, n_subtasks, n_below=0):
        """Announce all the tasks that make up this one; they may run in any order.

        Parameters
        ----------
        name : str
        n_subtasks : int
        n_below : int, default=0
            Of how many subtasks each of them consists.

        Returns
        -------
        list of Task
        """
        if self.context is None:
            return [self] * n_subtasks
        return [
            Task(
                self.estimator,
                self.context.subcontext(
                    task_name=name, task_id=i, max_subtasks=n_below, sequential_subtasks=False
                ),
            )
            for i in range(n_subtasks)
        ]


def fit_task(estimator, X, y, sample_weight, n_subtasks):
    """The task that the fit of an estimator is, for the callbacks that it has."""
    if not has_callbacks(estimator):
        return Task()
    context = estimator._init_callback_context(max_subtasks=n_subtasks, sequential_subtasks=False)
    metadata = None if sample_weight is None else {"sample_weight": sample_weight}
    return Task(estimator, context, X=X, y=y, metadata=metadata)
