"""Activations before the maxima that they read."""

from dataclasses import replace

from bridge.graph import Graph
from bridge.nodes import Activation, AdaptiveMaxPool, Maximum, MaxPool1d, MaxPool2d


def activate_first(graph: Graph) -> Graph:
    """Put an activation that never falls before the pooling by maximum that it alone reads.

    f(max x) = max f(x)

    A spiking network then pools what neurons say, which an activation of a pool would not be. The pooling takes the
    activation's name, whose value it has; the activation gets a new one, and moves on while it reads another one.

    Parameters
    ----------
    graph : Graph
        Left as it is.

    Returns
    -------
    Graph
        Activations with a parameter for each channel stay where they are, if the maximum is over channels.
    """
    moved = _move_one(graph)
    while moved is not None:
        graph, moved = moved, _move_one(moved)
    return graph


def _move_one(graph: Graph) -> Graph | None:
    """Move the first activation that reads a pooling by one pooling forward; None where there is none."""
    for name, node in graph.nodes.items():
        if not isinstance(node, Activation) or not node.monotone:
            continue
        (pool,) = node.inputs
        maximum = graph.nodes[pool]
        if not isinstance(maximum, Maximum) or graph.consumers(pool) != [name] or pool == graph.output:
            continue
        if node.arrays and not isinstance(maximum, MaxPool1d | MaxPool2d | AdaptiveMaxPool):
            continue
        fresh = f"{name}_first"
        while fresh in graph.nodes:
            fresh += "_"
        new = {pool: (fresh, replace(node, inputs=maximum.inputs)), name: (name, replace(maximum, inputs=(fresh,)))}
        return Graph(dict(new.get(other, (other, found)) for other, found in graph.nodes.items()), graph.output)
    return None
