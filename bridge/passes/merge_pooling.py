"""Average pooling into the weights of the layer after it."""

from dataclasses import replace

import numpy as np

from bridge.graph import Graph
from bridge.nodes import AveragePool2d, Conv2d, Dense, Flatten, Pair, Shape


def merge_pooling(graph: Graph) -> Graph:
    """Merge average pooling into the convolution, or flattening and dense layer, that alone reads it.

    Pooling by k with stride s followed by a kernel W of size K, dilation d, stride t and padding p is one convolution
    with stride s t, padding s p more than the pool's own, and the kernel of size s d (K - 1) + k

        V[s d m + a, s d n + b] += W[m, n] / k^2,   0 <= a, b < k

    and a dense layer on the pooled image is one on the image itself, with every weight spread likewise over its window
    and zero where no window reaches. A spiking network so needs no neurons between pool and layer.

    The merged layer keeps its name; a flattening that now reads the larger image gets a new one.

    Parameters
    ----------
    graph : Graph
        Left as it is.

    Returns
    -------
    Graph
        Pools stay where merging would not be exact: where others read the pool, or where the convolution pads the
        pooled image and the pool overlaps, is padded, or leaves rows or columns over.
    """
    nodes = dict(graph.nodes)
    for name, node in graph.nodes.items():
        if not isinstance(node, (Conv2d, Dense)):
            continue
        chain = _exclusive_chain(Graph(nodes, graph.output), name)
        if isinstance(node, Conv2d) and chain:
            nodes = _merge_conv(nodes, chain[0], name, graph.shapes())
        elif isinstance(node, Dense) and len(chain) == 2:
            nodes = _merge_dense(nodes, chain[1], chain[0], name, graph.shapes())
    merged = Graph(nodes, graph.output)
    # A pool that another pool alone read may now be read by a layer.
    return merged if len(nodes) == len(graph.nodes) else merge_pooling(merged)


def _exclusive_chain(graph: Graph, name: str) -> list[str]:
    """Follow the inputs back from a node to an average pool, through a flattening; [] where there is none alone."""
    chain = []
    while True:
        (name,) = graph.nodes[name].inputs
        if graph.output == name or len(graph.consumers(name)) != 1:
            return []
        chain.append(name)
        if isinstance(graph.nodes[name], AveragePool2d):
            return chain
        if not isinstance(graph.nodes[name], Flatten):
            return []


def _merge_conv(nodes: dict, pool_name: str, name: str, shapes: dict[str, Shape]) -> dict:
    pool: AveragePool2d = nodes[pool_name]
    conv: Conv2d = nodes[name]
    (source,) = pool.inputs
    tiles = pool.size == pool.stride and pool.padding == (0, 0)
    covers = all(n % k == 0 for n, k in zip(shapes[source][1:], pool.size, strict=True))
    if conv.padding != (0, 0) and not (tiles and covers):
        return nodes
    merged = replace(
        conv,
        inputs=pool.inputs,
        weight=_spread(_dilated(conv.weight, conv.dilation), pool.size, pool.stride),
        stride=tuple(s * t for s, t in zip(pool.stride, conv.stride, strict=True)),
        padding=tuple(own + s * p for own, s, p in zip(pool.padding, pool.stride, conv.padding, strict=True)),
        dilation=(1, 1),
    )
    return {other: merged if other == name else node for other, node in nodes.items() if other != pool_name}


def _merge_dense(nodes: dict, pool_name: str, flatten_name: str, name: str, shapes: dict[str, Shape]) -> dict:
    pool: AveragePool2d = nodes[pool_name]
    dense: Dense = nodes[name]
    channels, height, width = shapes[pool.inputs[0]]
    spread = _spread(dense.weight.reshape(-1, *shapes[pool_name]), pool.size, pool.stride)
    top, left = pool.padding
    padded = np.zeros((len(dense.weight), channels, height + 2 * top, width + 2 * left))
    padded[:, :, : spread.shape[2], : spread.shape[3]] = spread
    weight = padded[:, :, top : top + height, left : left + width].reshape(len(dense.weight), -1)
    fresh = f"{flatten_name}_unpooled"
    while fresh in nodes:
        fresh += "_"
    new = {
        flatten_name: (fresh, Flatten(pool.inputs)),
        name: (name, replace(dense, inputs=(fresh,), weight=weight)),
    }
    return dict(new.get(other, (other, node)) for other, node in nodes.items() if other != pool_name)


def _dilated(weight: np.ndarray, dilation: Pair) -> np.ndarray:
    """Put the zeros between a kernel's taps that its dilation skips."""
    *channels, height, width = weight.shape
    full = np.zeros((*channels, dilation[0] * (height - 1) + 1, dilation[1] * (width - 1) + 1))
    full[:, :, :: dilation[0], :: dilation[1]] = weight
    return full


def _spread(weight: np.ndarray, size: Pair, stride: Pair) -> np.ndarray:
    """Share every tap (out, in, m, n) equally over the window that was averaged for it."""
    *channels, height, width = weight.shape
    spread = np.zeros((*channels, stride[0] * (height - 1) + size[0], stride[1] * (width - 1) + size[1]))
    for a, b in np.ndindex(*size):
        rows = slice(a, a + stride[0] * (height - 1) + 1, stride[0])
        columns = slice(b, b + stride[1] * (width - 1) + 1, stride[1])
        spread[:, :, rows, columns] += weight / (size[0] * size[1])
    return spread
