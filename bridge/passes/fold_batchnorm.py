"""Batch normalisation into the weights of the layer before it."""

from dataclasses import replace

import numpy as np

from bridge.errors import ConversionError
from bridge.graph import Graph
from bridge.nodes import BatchNorm, Conv1d, Conv2d, Conv3d, Dense, Node, Shape


def fold_batchnorm(graph: Graph) -> Graph:
    """Fold every batch normalisation into the dense or convolutional layer that it reads.

    scale (W x + b) + shift = (scale W) x + (scale b + shift)

    The folded layer takes the name of the normalisation, whose value it has. The layer before it goes, unless others
    read it too. A normalisation of anything else becomes a linear layer of its own: a 1x1 convolution with a group
    for every channel of an image or a sequence, a diagonal dense layer for a vector.

    Parameters
    ----------
    graph : Graph
        Left as it is.

    Returns
    -------
    Graph
        Without `BatchNorm` nodes.

    Raises
    ------
    ConversionError
        Where a normalised input is no volume, image, sequence or vector.
    """
    nodes = dict(graph.nodes)
    shapes = graph.shapes()
    for name, node in graph.nodes.items():
        if not isinstance(node, BatchNorm):
            continue
        (source,) = node.inputs
        before = nodes[source]
        # A dense layer on a sequence has its outputs on the last axis, not where the channels are.
        if isinstance(before, (Conv1d, Conv2d, Conv3d)) or (isinstance(before, Dense) and len(shapes[source]) == 1):
            nodes[name] = _scaled(before, node)
            if source != graph.output and not any(source in other.inputs for other in nodes.values()):
                del nodes[source]
        else:
            nodes[name] = _alone(name, node, shapes[source])
    return Graph(nodes, graph.output)


def _scaled(layer: Dense | Conv1d | Conv2d | Conv3d, norm: BatchNorm) -> Node:
    scale = norm.scale.reshape((-1,) + (1,) * (layer.weight.ndim - 1))
    return replace(layer, weight=scale * layer.weight, bias=norm.scale * layer.bias + norm.shift)


def _alone(name: str, norm: BatchNorm, shape: Shape) -> Node:
    if kind := {2: Conv1d, 3: Conv2d, 4: Conv3d}.get(len(shape)):
        weight = norm.scale.reshape(-1, *(1,) * len(shape))
        return kind(norm.inputs, weight, norm.shift, groups=shape[0])
    if len(shape) == 1:
        return Dense(norm.inputs, np.diag(norm.scale), norm.shift)
    raise ConversionError(
        name,
        f"is a BatchNorm of shape {shape}, which no layer before it can take in",
        "Put it after a Linear or convolutional layer, or normalise a vector, a sequence, an image or a volume",
    )
