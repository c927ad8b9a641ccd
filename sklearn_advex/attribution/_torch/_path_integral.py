"""Integrated Gradients of networks: a quadrature with its nodes where the gradient jumps."""

import torch

_NODES_PER_CELL = 2
#: Share of evenly spaced nodes. If larger, the nodes adapt less to jumps; if 0, jumps between
#: points of the grid are missed.
_EVEN_SHARE = 0.2
#: Second differences up to so many units in the last place are rounding errors. If larger, small
#: jumps are ignored.
_ROUNDINGS = 8


def integrate_gradients(outputs_of, x, baseline, n_steps, batch_size):
    r"""Integrate the gradient of an output along the straight path from a baseline to each row.

    A network of piecewise linear layers has a gradient that jumps, and probabilities jump with it,
    where a quadrature that is fixed beforehand loses its accuracy. Hence two passes: outputs on an
    even grid of the path, without gradients, show where the slope changes; the cells of a composite
    Gauss rule are then laid so that each has the same share of these changes. A cell of width h
    with a jump J in it contributes an error of the order of :math:`h J`, so the density of the
    cells is in proportion to :math:`\sqrt J`.

    Parameters
    ----------
    outputs_of : callable
        From inputs and the number of points per row of `x`, row after row, to the explained output
        of each.
    x : Tensor of shape (n_samples, ...)
    baseline : Tensor of shape (1, ...)
    n_steps : int
        Gradients per row, an even number of them: one less than an odd `n_steps`, and at least 2.
        There are as many forward passes without gradients, and one more.
    batch_size : int
        Points computed with at a time, at least one per row.

    Returns
    -------
    Tensor of shape (n_samples, ...)
    """
    change = x - baseline

    def points(positions):
        shape = (*positions.shape, *[1] * (x.ndim - 1))
        return (baseline + positions.reshape(shape) * change[:, None]).flatten(0, 1)

    columns = max(1, batch_size // len(x))
    grid = torch.linspace(0, 1, n_steps + 1, dtype=x.dtype, device=x.device)
    with torch.no_grad():
        outputs = torch.cat(
            [
                outputs_of(points(part.expand(len(x), -1)), len(part)).reshape(len(x), -1)
                for part in grid.split(columns)
            ],
            dim=1,
        )
    nodes, weights = _nodes(outputs, max(1, n_steps // _NODES_PER_CELL))
    total = torch.zeros_like(x)
    for some_nodes, some_weights in zip(
        nodes.split(columns, dim=1), weights.split(columns, dim=1), strict=True
    ):
        probe = points(some_nodes).requires_grad_()
        gradient = torch.autograd.grad(outputs_of(probe, some_nodes.shape[1]).sum(), probe)[0]
        gradient = gradient.unflatten(0, some_nodes.shape)
        total += torch.einsum("nk,nk...->n...", some_weights, gradient)
    return change * total


def _nodes(outputs, n_cells):
    """Compute the nodes and weights of a composite Gauss rule on [0, 1] for each row.

    Parameters
    ----------
    outputs : Tensor of shape (n_samples, n_grid)
        The integral's value along an even grid, up to a constant.
    n_cells : int

    Returns
    -------
    nodes, weights : Tensor of shape (n_samples, n_cells * _NODES_PER_CELL)
    """
    edges = _cells(outputs, n_cells)
    widths = edges.diff(dim=1)[..., None]
    half = 1 / 3**0.5
    places = edges.new_tensor([(1 - half) / 2, (1 + half) / 2])
    nodes = (edges[:, :-1, None] + widths * places).flatten(1)
    weights = (widths / _NODES_PER_CELL).expand(-1, -1, _NODES_PER_CELL).flatten(1)
    return nodes, weights


def _cells(outputs, n_cells):
    """Compute the edges of the cells on [0, 1], of shape (n_samples, n_cells + 1)."""
    number = torch.finfo(outputs.dtype)
    rounding = _ROUNDINGS * number.eps * outputs.abs().amax(dim=1, keepdim=True)
    jumps = (outputs.diff(dim=1).diff(dim=1).abs() - rounding).clamp(min=0)
    jumps = torch.nn.functional.pad(jumps, (1, 1))
    density = (jumps[:, :-1] + jumps[:, 1:]).sqrt()
    density = density / density.sum(dim=1, keepdim=True).clamp(min=number.tiny)
    n_intervals = density.shape[1]
    density = (1 - _EVEN_SHARE) * density + _EVEN_SHARE / n_intervals
    reached = torch.nn.functional.pad(density.cumsum(dim=1), (1, 0))
    reached = reached / reached[:, -1:]
    shares = torch.linspace(0, 1, n_cells + 1, dtype=density.dtype, device=density.device)
    shares = shares.expand(len(density), -1).contiguous()
    interval = (torch.searchsorted(reached, shares, right=True) - 1).clamp(0, n_intervals - 1)
    start, stop = reached.gather(1, interval), reached.gather(1, interval + 1)
    return (interval + (shares - start) / (stop - start)) / n_intervals
