"""Linear models as ONNX graphs, which run without Python.

Networks have a method of their own for this, ``to_onnx``.
"""

import numpy as np

from sklearn_advex._utils._optional import needs
from sklearn_advex.linear_model import (
    AdversarialLinearClassifier,
    AdversarialLogisticRegression,
    AdversarialLogisticRegressionCV,
    MaxColumnsClassifier,
)

__all__ = ["register_converters"]

_LINEAR = (
    AdversarialLinearClassifier,
    AdversarialLogisticRegression,
    AdversarialLogisticRegressionCV,
)


def register_converters():
    """Teach skl2onnx the linear models, alone and in pipelines.

    After a call ``skl2onnx.to_onnx`` converts pipelines that end in an
    :class:`~sklearn_advex.AdversarialLogisticRegression`,
    :class:`~sklearn_advex.AdversarialLinearClassifier` or
    :class:`~sklearn_advex.AdversarialLogisticRegressionCV`, and a
    :class:`~sklearn_advex.MaxColumnsClassifier`. Calling it again changes nothing.

    The graph returns labels and probabilities, as classifiers of scikit-learn do. Under a `loss`
    other than "log_loss", or with the option ``raw_scores=True``, the second output are scores, one
    column per class: those of the decision function, which for two classes are (-s, s).

    Do not register scikit-learn's converter of LogisticRegression for these models: it takes their
    scores for those of a softmax, and gives other probabilities without an error.

    Raises
    ------
    ImportError
        If skl2onnx is not installed, which ``pip install 'sklearn-advex[onnx]'`` does.

    See Also
    --------
    sklearn_advex.AdversarialMLPClassifier : Networks, which have a method `to_onnx`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_advex import AdversarialLogisticRegression
    >>> from sklearn_advex.onnx import register_converters
    >>> X, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), AdversarialLogisticRegression()).fit(X, y)
    >>> register_converters()  # doctest: +SKIP
    >>> from skl2onnx import to_onnx  # doctest: +SKIP
    >>> graph = to_onnx(model, X[:1].astype("float32"), options={"zipmap": False})  # doctest: +SKIP
    """
    with needs("register_converters", ("skl2onnx", "onnx"), "pip install 'sklearn-advex[onnx]'"):
        from skl2onnx import update_registered_converter
    switches = ("nocl", "output_class_labels", "raw_scores")
    options = {"zipmap": [True, False, "columns"], **{name: [True, False] for name in switches}}
    for model in _LINEAR:
        update_registered_converter(
            model, f"SklearnAdvex{model.__name__}", _set_shapes, _convert_linear, options=options
        )
    update_registered_converter(
        MaxColumnsClassifier,
        "SklearnAdvexMaxColumnsClassifier",
        _set_shapes,
        _is_converted_by_its_parts,
        parser=_parse_max_columns,
        options=options,
    )


def _set_shapes(operator):
    """Tell skl2onnx types and shapes of a classifier's labels and scores."""
    from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes

    calculate_linear_classifier_output_shapes(operator)


def _convert_linear(scope, operator, container):
    """Add the nodes of a fitted linear classifier to a graph."""
    from skl2onnx.common.data_types import guess_proto_type, guess_tensor_type
    from skl2onnx.common.utils_classifier import get_label_classes

    model = operator.raw_operator
    label, scores_or_probabilities = (output.full_name for output in operator.outputs)
    raw = container.get_options(model, {"raw_scores": False})["raw_scores"]
    has_probabilities = hasattr(model, "predict_proba") and not raw
    coef, intercept = model.coef_, model.intercept_
    if len(coef) == 1:
        coef, intercept = np.vstack([-coef, coef]), np.hstack([-intercept, intercept])

    nodes = _Nodes(scope, container)
    features = operator.inputs[0]
    number = guess_proto_type(guess_tensor_type(features.type))
    weights = nodes.constant(number, coef.T)
    products = nodes.add("MatMul", nodes.add("Cast", features.full_name, to=number), weights)
    scores = nodes.add("Add", products, nodes.constant(number, intercept))
    nodes.labels(scores, get_label_classes(scope, model), label)
    if has_probabilities:
        logarithms = nodes.log_sigmoid(number, scores)
        # divided by their sum, as the softmax of logarithms is
        nodes.add("Softmax", logarithms, output=scores_or_probabilities, axis=1)
    else:
        nodes.add("Identity", scores, output=scores_or_probabilities)


class _Nodes:
    """Adds nodes to a graph, each by the names of its inputs.

    Parameters
    ----------
    scope, container : as of skl2onnx
    """

    def __init__(self, scope, container):
        self.scope = scope
        self.container = container

    def add(self, kind, *inputs, output=None, **attributes):
        """Add a node, and return the name of its output."""
        output = output or self.scope.get_unique_variable_name(kind.lower())
        name = self.scope.get_unique_operator_name(kind)
        self.container.add_node(kind, list(inputs), [output], name=name, **attributes)
        return output

    def constant(self, proto_type, values):
        """Add numbers or texts, and return their name."""
        name = self.scope.get_unique_variable_name("constant")
        values = np.asarray(values)
        self.container.add_initializer(name, proto_type, values.shape, values.ravel().tolist())
        return name

    def log_sigmoid(self, proto_type, scores):
        """Add log(sigmoid(s)) = min(s, 0) - log(1 + exp(-|s|)), which cannot overflow."""
        decay = self.add("Exp", self.add("Neg", self.add("Abs", scores)))
        correction = self.add("Log", self.add("Add", decay, self.constant(proto_type, [1.0])))
        return self.add(
            "Sub", self.add("Min", scores, self.constant(proto_type, [0.0])), correction
        )

    def labels(self, scores, classes, output):
        """Add the choice of the class with the highest score."""
        from skl2onnx.proto import onnx_proto

        kinds = onnx_proto.TensorProto
        is_text = classes.dtype.kind in "OUS"
        kind, values = (kinds.STRING, classes) if is_text else (kinds.INT64, classes.astype(int))
        position = self.add("ArgMax", scores, axis=1, keepdims=0)
        self.add("Gather", self.constant(kind, values), position, output=output)


def _parse_max_columns(scope, model, inputs, custom_parsers=None):
    """Let skl2onnx convert the pipeline that was fitted."""
    from skl2onnx._parse import parse_sklearn

    options = scope.get_options(model)
    if options:
        scope.add_options(id(model.best_estimator_), options)
    return parse_sklearn(scope, model.best_estimator_, inputs, custom_parsers=custom_parsers)


def _is_converted_by_its_parts(scope, operator, container):
    raise AssertionError("skl2onnx asks the parser of MaxColumnsClassifier for its parts")
