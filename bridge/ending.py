"""The end of a network that is applied to what is read of it."""

from __future__ import annotations

import numpy as np

from bridge.graph import Graph
from bridge.nodes import LogSoftmax, Mask, Node, Scale, Shift, Softmax
from bridge.passes.absorb_masks import FAR


def without_end(graph: Graph) -> tuple[Graph, tuple[Node, ...]]:
    """Cut softmaxes and masks at the very end off: neurons need not say what can be computed of the answers.

    Parameters
    ----------
    graph : Graph
        Left as it is.

    Returns
    -------
    graph : Graph
    after : tuple of Node
        What was cut off, in the order in which it is applied.
    """
    after: tuple[Node, ...] = ()
    while end := _end(graph):
        after = (*(graph.nodes[name] for name in reversed(end)), *after)
        (output,) = graph.nodes[end[-1]].inputs
        graph = Graph({name: node for name, node in graph.nodes.items() if name not in end}, output)
    return graph, after


def ended(after: tuple[Node, ...], values: np.ndarray) -> np.ndarray:
    """Apply what was cut off to what is read, (samples, *shape)."""
    for node in after:
        values = node(values)
    return values


def _end(graph: Graph) -> list[str]:
    """Return a softmax or mask at the end, with what scales and shifts its values after it; [] for none."""
    names, name = [], graph.output
    while True:
        names.append(name)
        node = graph.nodes[name]
        if _is_end(node):
            return names
        if not isinstance(node, Scale | Shift) or len(graph.consumers(name)) > 1:
            return []
        (name,) = node.inputs


def _is_end(node: Node) -> bool:
    masks = isinstance(node, Mask) or (isinstance(node, Shift) and bool((node.term <= FAR).any()))
    return masks or isinstance(node, Softmax | LogSoftmax)
