"""A captured attack is the attack: held against a recorder that repeats kernels like a graph."""

from contextlib import contextmanager, nullcontext

import pytest
import torch
from torch import nn
from torch.utils import _pytree
from torch.utils._python_dispatch import TorchDispatchMode

from sklearn_advex.neural_network import ConvNet
from sklearn_advex.neural_network import _cuda_graph as cuda_graph
from sklearn_advex.neural_network._attack import ProjectedGradientDescent, frozen

ATTACK = ProjectedGradientDescent(
    torch.tensor(0.3), torch.tensor(0.1), 4, True, (torch.tensor(0.0), torch.tensor(1.0))
)


class RecordedKernels(TorchDispatchMode):
    """Repeats what was computed, on the same memory, without any Python between: like a graph."""

    def __init__(self):
        super().__init__()
        self.kernels = []

    def __torch_dispatch__(self, kernel, types, args=(), kwargs=None):
        if kernel is torch.ops.aten._local_scalar_dense.default:
            raise RuntimeError("operation not permitted when stream is capturing")
        outputs = kernel(*args, **(kwargs or {}))
        self.kernels.append((kernel, args, kwargs or {}, outputs))
        return outputs

    @torch.no_grad()
    def replay(self):
        """Run all kernels again."""
        for kernel, args, kwargs, outputs in self.kernels:
            again = kernel(*args, **kwargs)
            pairs = zip(*map(_pytree.tree_leaves, (outputs, again)), strict=True)
            for output, new in pairs:
                if isinstance(output, torch.Tensor):
                    output.detach().copy_(new.detach())


@pytest.fixture
def recorder(monkeypatch):
    """Stand-ins for the parts of torch.cuda that a capture needs."""

    class Stream:
        def __init__(self, device=None):
            pass

        def wait_stream(self, stream):
            pass

    @contextmanager
    def capture(recorded):
        with recorded:
            yield

    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "current_stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
    monkeypatch.setattr(torch.cuda, "CUDAGraph", RecordedKernels)
    monkeypatch.setattr(torch.cuda, "graph", capture)


def batch(seed):
    generator = torch.Generator().manual_seed(seed)
    X = torch.rand(5, 1, 8, 8, generator=generator)
    return X, torch.randint(3, (5,), generator=generator)


def assert_repeats(perturb, attack, module):
    """Other inputs, other weights and another scale than those of the capture."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.sin(torch.arange(parameter.numel()).view_as(parameter)))
    results = []
    for seed, scale in ((1, 1.0), (2, 0.5)):
        X, y = batch(seed)
        torch.manual_seed(seed)
        ours = perturb(X, y, scale)
        torch.manual_seed(seed)
        torch.testing.assert_close(ours, attack.perturb(module, X, y, scale))
        results.append((ours, ours.clone()))
    for result, as_it_was in results:
        torch.testing.assert_close(result, as_it_was)


@pytest.mark.usefixtures("recorder")
def test_it_holds_for_other_batches_weights_and_scales():
    torch.manual_seed(0)
    with frozen(ConvNet((1, 8, 8), 3)) as module:
        perturb = cuda_graph.captured_attack(ATTACK, module, *batch(0))
        assert isinstance(perturb, cuda_graph._CapturedAttack)
        assert_repeats(perturb, ATTACK, module)


@pytest.mark.usefixtures("recorder")
def test_a_module_that_looks_at_its_numbers_is_attacked_all_the_same():
    class Looks(nn.Linear):
        def forward(self, X):
            return super().forward(X.flatten(1)) * (2.0 if X.sum().item() > 0 else 1.0)

    with frozen(Looks(64, 3)) as module:
        perturb = cuda_graph.captured_attack(ATTACK, module, *batch(0))
        assert not isinstance(perturb, cuda_graph._CapturedAttack)
        assert_repeats(perturb, ATTACK, module)
