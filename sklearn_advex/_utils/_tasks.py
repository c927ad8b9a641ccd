"""Report the tasks of a fit to scikit-learn's callbacks."""

from sklearn_advex._utils._sklearn_compat import has_callbacks


class Task:
    """Context manager that reports the begin and the end of a part of a fit to callbacks.

    Parameters
    ----------
    estimator : estimator, default=None
        The estimator that is fitted.
    context : sklearn.callback.CallbackContext, default=None
        The task's position among all tasks; None if there are no callbacks.
    **data : dict
        Passed on to callbacks: `X`, `y`, `metadata`.
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
            # Only the task of the whole fit has data, and at its end the estimator can predict.
            fitted = {"reconstruction_attributes": {}} if self.data else {}
            self.context.call_on_fit_task_end(estimator=self.estimator, **self.data, **fitted)

    def subtasks(self, name, n_subtasks, n_below=0):
        """Create the subtasks of this task; they may run in any order.

        Parameters
        ----------
        name : str
        n_subtasks : int
        n_below : int, default=0
            Number of subtasks that each of them has in turn.

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
    """Create the root task of a fit for the callbacks of an estimator."""
    if not has_callbacks(estimator):
        return Task()
    context = estimator._init_callback_context(max_subtasks=n_subtasks, sequential_subtasks=False)
    metadata = None if sample_weight is None else {"sample_weight": sample_weight}
    return Task(estimator, context, X=X, y=y, metadata=metadata)
