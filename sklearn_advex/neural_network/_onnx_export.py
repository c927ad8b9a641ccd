"""Saving a fitted network as an ONNX graph, which runs without Python."""

import copy
import json
import warnings
from pathlib import Path

import torch
from sklearn.utils.validation import check_is_fitted
from torch import nn

from sklearn_advex._utils._optional import needs
from sklearn_advex.neural_network._modules import class_logits

_PACKAGES = ("onnx", "onnxscript")
_EXAMPLE_ROWS = 2  # an axis of length 1 would be taken for one of fixed length


class OnnxExportMixin:
    """Mixin for networks that can be saved as ONNX graphs."""

    def to_onnx(self, path):
        """Save the probabilities as an ONNX graph, by the exporter of torch.

        The graph takes an input "rows" of shape (n_samples, ...), float32, with rows as the
        training data had them and any number of them, and returns an output "probabilities" of
        shape (n_samples, n_classes), as :meth:`predict_proba` does: the arrangement of the rows and
        the softmax are part of it. The class labels are the entry "classes" of its metadata, as
        JSON.

        Parameters
        ----------
        path : str or path-like
            A file that exists is replaced.

        Raises
        ------
        NotFittedError
            If the model has not been fitted.
        ImportError
            If onnx or onnxscript are not installed, which ``pip install 'sklearn-advex[onnx]'``
            does.
        torch.onnx.OnnxExporterError
            If the module does something that torch cannot export.
        """
        check_is_fitted(self)
        with needs("to_onnx", _PACKAGES, "pip install 'sklearn-advex[onnx]'"):
            import onnx
            import onnxscript  # noqa: F401
        graph = _export(_Probabilities(self.module_, self._layout), self._layout.given)
        classes = json.dumps(self.classes_.tolist())
        onnx.helper.set_model_props(graph, {"classes": classes})
        Path(path).write_bytes(graph.SerializeToString())


class _Probabilities(nn.Module):
    """From rows as the user has them to probabilities.

    Parameters
    ----------
    module : torch.nn.Module
        Copied to the CPU.
    layout : RowLayout
    """

    def __init__(self, module, layout):
        super().__init__()
        self.module = copy.deepcopy(module).cpu()
        self.layout = layout

    def forward(self, rows):
        """Compute the probabilities of all classes."""
        logits = class_logits(self.module(self.layout.arrange(rows)))
        return torch.softmax(logits, dim=1)


def _export(module, row_shape):
    """Return the graph of a module whose batches may have any number of rows."""
    example = torch.zeros(_EXAMPLE_ROWS, *row_shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the exporter says of itself
        program = torch.onnx.export(
            module.eval(),
            (example,),
            input_names=["rows"],
            output_names=["probabilities"],
            dynamic_shapes=({0: torch.export.Dim("n_samples")},),
            dynamo=True,
            verbose=False,
        )
    return program.model_proto
