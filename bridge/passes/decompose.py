"""Normalisations by the sample's own values and the softmax into sums, products and functions of single values."""

from __future__ import annotations

import numpy as np

from bridge.graph import Graph
from bridge.nodes import (
    Add,
    BatchNorm,
    Exponential,
    GroupNorm,
    LayerNorm,
    Logarithm,
    LogSoftmax,
    MaxOver,
    Mean,
    Multiply,
    Node,
    Power,
    Reshape,
    RMSNorm,
    Scale,
    Shape,
    Shift,
    Softmax,
)
from bridge.passes.growing import Growing


def decompose(graph: Graph) -> Graph:
    """Replace layer, group and root-mean-square normalisation, softmax and its logarithm by primitive nodes.

    With c = x - mean(x), layer normalisation is scale c r + shift, r = (mean(c c) + eps)^(-1/2): a product, a function
    of one value, another product. Softmax is e / sum(e), e = exp(x - max(x)). New nodes are named after the one that
    they replace; its name stays with its value.

    Parameters
    ----------
    graph : Graph
        Left as it is.

    Returns
    -------
    Graph
        Without `LayerNorm`, `GroupNorm`, `RMSNorm`, `Softmax` and `LogSoftmax`.
    """
    growing = Growing(graph)
    shapes = graph.shapes()
    for name, node in graph.nodes.items():
        _Parts(growing, name).replace(node, shapes[name])
    return growing.graph()


class _Parts:
    """The nodes that stand for one."""

    def __init__(self, growing: Growing, name: str):
        self.growing, self.name = growing, name

    def replace(self, node: Node, shape: Shape) -> None:
        if isinstance(node, LayerNorm):
            axes = tuple(range(len(shape) - node.scale.ndim, len(shape)))
            y = self.normalised(self.centred(node.inputs[0], axes), axes, node.eps)
            self.last(Shift((self.add("scaled", Scale((y,), node.scale)),), node.shift))
        elif isinstance(node, RMSNorm):
            axes = tuple(range(len(shape) - node.scale.ndim, len(shape)))
            self.last(Scale((self.normalised(node.inputs[0], axes, node.eps),), node.scale))
        elif isinstance(node, GroupNorm):
            groups = self.add("groups", Reshape(node.inputs, (node.groups, int(np.prod(shape)) // node.groups)))
            y = self.normalised(self.centred(groups, (1,)), (1,), node.eps)
            self.last(BatchNorm((self.add("image", Reshape((y,), shape)),), node.scale, node.shift))
        elif isinstance(node, Softmax):
            _, e, total = self.exponentials(node.inputs[0], node.axis, shape)
            self.last(Multiply((e, self.add("inverse", Power((total,), -1.0)))))
        elif isinstance(node, LogSoftmax):
            shifted, _, total = self.exponentials(node.inputs[0], node.axis, shape)
            self.last(self.less(shifted, self.add("log", Logarithm((total,)))))
        else:
            self.last(node)

    def add(self, ending: str, node: Node) -> str:
        return self.growing.add(self.growing.free(f"{self.name}_{ending}"), node)

    def last(self, node: Node) -> None:
        self.growing.add(self.name, node)

    def less(self, a: str, b: str) -> Node:
        """Return a - b, to be added."""
        return Add((a, self.add("less", Scale((b,), np.array(-1.0)))))

    def centred(self, x: str, axes: tuple[int, ...]) -> str:
        return self.add("centred", self.less(x, self.add("mean", Mean((x,), axes, keep=True))))

    def normalised(self, x: str, axes: tuple[int, ...], eps: float) -> str:
        """Add x (mean(x x) + eps)^(-1/2)."""
        variance = self.add("variance", Mean((self.add("squares", Multiply((x, x))),), axes, keep=True))
        inverse = Power((self.add("above", Shift((variance,), np.array(eps))),), -0.5)
        return self.add("normalised", Multiply((x, self.add("inverse", inverse))))

    def exponentials(self, x: str, axis: int, shape: Shape) -> tuple[str, str, str]:
        """Add x - max(x), its exponential, and the sum of that along an axis."""
        shifted = self.add("shifted", self.less(x, self.add("largest", MaxOver((x,), (axis,), keep=True))))
        e = self.add("exponentials", Exponential((shifted,)))
        mean = self.add("mean", Mean((e,), (axis,), keep=True))
        return shifted, e, self.add("total", Scale((mean,), np.array(float(shape[axis]))))
