"""What NIR's linear nodes compute: y = M x + b, arrays flattened as NIR counts them, channels first.

An AvgPool2d divides by the size of its window, padding included, as PyTorch does by default; NIR does not say.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from bridge import nodes
from bridge.errors import ConversionError, ValidationError
from bridge.nir.reading import Node

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Shape = tuple[int, ...]

_KEPT = ("Identity", "Flatten", "Delay")  # values stay as they are
LINEAR = (*_KEPT, "Affine", "Linear", "Scale", "Conv1d", "Conv2d", "SumPool2d", "AvgPool2d")


def shape_after(node: Node, shape: Shape) -> Shape:
    """Return the shape that a linear node makes of its input's, or refuse it by name."""
    if node.type == "Flatten":
        first, last = (int(node[field]) for field in ("start_dim", "end_dim"))
        first, last = (at + len(shape) if at < 0 else at for at in (first, last))
        if not 0 <= first <= last < len(shape):
            reason = f"flattens axes {first} to {last} of an input of shape {shape}"
            raise ConversionError(str(node), reason, "Axes count from 0, without a batch")
        return (*shape[:first], prod(shape[first : last + 1]), *shape[last + 1 :])
    if node.type == "Delay" and node["delay"].shape not in ((), (1,), shape):
        reason = f"receives shape {shape}, with delays of shape {node['delay'].shape}"
        raise ConversionError(str(node), reason, "Give one delay, or one an element")
    if node.type in _KEPT:
        return shape
    try:
        return _as_graph_node(node, shape).output_shape(shape)
    except ValidationError as error:
        remedy = "Correct its fields or its edges"
        raise ConversionError(str(node), f"receives shape {shape}: {error}", remedy) from None


def matrix(node: Node, shape: Shape) -> csr_array:
    """Return M, float64 (outputs, inputs), for an input of this shape."""
    from scipy.sparse import csr_array, eye_array

    return csr_array(eye_array(prod(shape))) if node.type in _KEPT else _as_graph_node(node, shape).matrix(shape)


def offset(node: Node, shape: Shape) -> np.ndarray | None:
    """Return b, float64 (outputs,), or None where there is none."""
    return _as_graph_node(node, shape).offset(shape) if "bias" in node.values else None


def padding(node: Node) -> Shape:
    """Return the rows and columns of nothing on either side of a convolution's or pooling's input."""
    dimensions = 1 if node.type == "Conv1d" else 2
    if not isinstance(node["padding"], str):
        return integers(node, "padding")
    if node["padding"] == "valid":
        return (0,) * dimensions
    total = [d * (size - 1) for d, size in zip(integers(node, "dilation"), node["weight"].shape[2:], strict=True)]
    if set(integers(node, "stride")) != {1} or any(one % 2 for one in total):
        reason = 'has padding "same" with a stride, or with a window that has no middle'
        raise ConversionError(str(node), reason, "Give the padding as numbers")
    return tuple(one // 2 for one in total)


def integers(node: Node, field: str) -> Shape:
    """Return a field of a convolution or pooling as an integer for each dimension."""
    value, dimensions = node[field], 1 if node.type == "Conv1d" else 2
    if value.size not in (1, dimensions) or (value != np.round(value)).any():
        remedy = f"It must be an integer, or {dimensions} of them"
        raise ConversionError(str(node), f"has {field} = {value.tolist()}", remedy)
    return tuple(int(one) for one in np.broadcast_to(value.ravel(), dimensions))


def _as_graph_node(node: Node, shape: Shape) -> nodes.Dense | nodes.Scale | nodes.Conv1d | nodes.Conv2d:
    """Return the bridge's own node for a linear one of NIR."""
    if node.type in ("Affine", "Linear"):
        weight = node["weight"]
        if weight.ndim != 2 or len(shape) != 1:
            reason = f"has a weight of shape {weight.shape} for an input of shape {shape}"
            raise ConversionError(str(node), reason, "Its input must be flat, its weight (outputs, inputs)")
        return nodes.Dense((), weight, node.values.get("bias", np.zeros(len(weight))))
    if node.type == "Scale":
        return nodes.Scale((), node["scale"])
    if len(shape) != (2 if node.type == "Conv1d" else 3):
        takes = "(channels, length)" if node.type == "Conv1d" else "(channels, height, width)"
        raise ConversionError(str(node), f"receives shape {shape}", f"It takes {takes}")
    stride, around = integers(node, "stride"), padding(node)
    if node.type in ("SumPool2d", "AvgPool2d"):  # every channel by itself
        size = integers(node, "kernel_size")
        weight = np.full((shape[0], 1, *size), 1.0 / prod(size) if node.type == "AvgPool2d" else 1.0)
        return nodes.Conv2d(
            (), weight, np.zeros(shape[0]), (stride[0], stride[1]), (around[0], around[1]), (1, 1), shape[0]
        )
    made = nodes.Conv1d if node.type == "Conv1d" else nodes.Conv2d
    dilation, groups = integers(node, "dilation"), int(node["groups"])
    return made((), node["weight"], node["bias"], stride, around, dilation, groups)  # pyright: ignore[reportArgumentType]
