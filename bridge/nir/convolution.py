"""Convolutions with groups or dilation, which the engine stores as lists of synapses, found again for NIR."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bridge.graph import Graph
from bridge.nir.linear import Shape
from bridge.nodes import Conv2d

if TYPE_CHECKING:
    from scipy.sparse import csr_array


def as_convolution(matrix: csr_array, source: Shape, target: Shape, graph: Graph) -> Conv2d | None:
    """Return the convolution without bias that a matrix between two images is, or None.

    A weight of a convolution stands in many synapses, and has one source and one target channel, so thresholds, which
    scale channels, leave it a convolution of the same stride, padding, dilation and groups. Those of each
    convolution of the graph are tried, and the result has exactly this matrix.

    Parameters
    ----------
    matrix : csr_array (targets, sources)
    source, target : tuple of int
        Shapes, channels first.
    graph : Graph
        What the network was made of.
    """
    listed = matrix.tocoo()
    for node in _candidates(graph, source, target):
        numbered = replace(node, weight=np.arange(1.0, node.weight.size + 1.0).reshape(node.weight.shape))
        which = np.asarray(numbered.matrix(source)[listed.row, listed.col]).ravel().astype(np.int64)
        weight = np.zeros(node.weight.size)
        weight[which[which > 0] - 1] = listed.data[which > 0]
        found = replace(node, weight=weight.reshape(node.weight.shape))
        if (which[listed.data != 0.0] > 0).all() and not abs(found.matrix(source) - matrix).max():
            return found
    return None


def _candidates(graph: Graph, source: Shape, target: Shape) -> Iterator[Conv2d]:
    """Yield the graph's convolutions between such images, without their biases."""
    shapes = graph.shapes()
    for name, node in graph.nodes.items():
        if not isinstance(node, Conv2d) or shapes[name] != target:
            continue
        made, given = replace(node, bias=np.zeros(target[0])), shapes[node.inputs[0]]
        if node.groups == 1 and source[1:] == given[1:]:  # perhaps some of its channels, before a concatenation
            yield replace(made, weight=np.zeros((target[0], source[0], *node.weight.shape[2:])))
        elif source == given:
            yield made
