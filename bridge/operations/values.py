"""What rules work with: tensors of the network as nodes of the graph, whose values are known for the samples.

A tensor of PyTorch has a batch axis, a node none. A `Value` knows where the batch axis is, and which of the node's
axes have been merged into it, as where windows of an image are attended to one by one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from bridge.nodes import Dense, Expand, Node, Permute, Reshape, Shape

if TYPE_CHECKING:
    from bridge.operations.tracing import Tracing


class RefusedError(Exception):
    """What a rule cannot express: (reason, remedy); the tracing adds the node."""


REMEDY = "Keep the samples in front, as in x.reshape(x.shape[0], ...)"
CHOOSES = (
    "chooses by values of the network, so that what is computed depends on the data",
    "Choose by a constant mask, the same for all samples, or use activations (relu, clamp, maximum, ...)",
)


@dataclass(frozen=True, eq=False)
class Value:
    """A tensor of the network: the node that computes it and what it computes for the samples.

    Torch's axis `batch` holds the samples, and within each of them the `merged` node axes that stand there.
    """

    name: str
    array: np.ndarray  # (samples, *shape)
    tracing: Tracing
    batch: int = 0
    merged: int = 0

    @property
    def shape(self) -> Shape:
        """The node's shape, without batch axis."""
        return self.array.shape[1:]

    @property
    def samples(self) -> int:
        """Number of samples."""
        return len(self.array)

    @property
    def full(self) -> Shape:
        """The shape of the tensor in PyTorch."""
        first, last = self.batch, self.batch + self.merged
        return (*self.shape[:first], self.samples * prod(self.shape[first:last]), *self.shape[last:])

    @property
    def ndim(self) -> int:
        """Number of axes in PyTorch."""
        return len(self.shape) + 1 - self.merged

    def axis(self, dim: int) -> int:
        """Give the node's axis for PyTorch's; refused where it is that of the samples."""
        if not -self.ndim <= dim < self.ndim:
            raise RefusedError(f"has no axis {dim}, its input is of shape {self.shape}", "Choose one that is there")
        dim %= self.ndim
        if dim == self.batch:
            raise RefusedError("works along the axis of the samples", "Let every sample stand alone")
        return dim if dim < self.batch else dim - 1 + self.merged

    def axes(self, dims: Any) -> tuple[int, ...]:
        """Give the node's axes for PyTorch's, one or several."""
        return tuple(self.axis(dim) for dim in ((dims,) if isinstance(dims, int) else dims))

    def on_host(self, tensor: torch.Tensor) -> np.ndarray:
        """Give values of the tensor in PyTorch in the node's order, (samples, *shape)."""
        first = tensor.shape[: self.batch]
        split = tensor.reshape(*first, self.samples, *self.shape[self.batch :])
        return split.movedim(self.batch, 0).numpy()


def emit(kind: type[Node], *values: Value, batch: int | None = None, merged: int | None = None, **fields: Any) -> Value:
    """Add a node to the graph that reads these values; the batch axis stays where the first has it, unless given."""
    first = values[0]
    node = kind(tuple(value.name for value in values), **fields)
    name, array = first.tracing.add(node, *values)
    batch = first.batch if batch is None else batch
    return Value(name, array, first.tracing, batch, first.merged if merged is None else merged)


def standing(value: Value, *ndims: int) -> Value:
    """Return a value that has its samples alone in front, and so many axes more; refuse others."""
    if value.batch or value.merged:
        raise RefusedError(
            "reads a tensor whose samples are not alone in front", "Bring it to the shape (batch, ...) before"
        )
    if ndims and len(value.shape) not in ndims:
        wanted = " or ".join(map(str, ndims))
        raise RefusedError(f"does not take inputs of shape {value.shape}", f"Give it {wanted} axes besides the batch")
    return value


def array(tensor: Any, default: np.ndarray | None = None) -> np.ndarray:
    """Give weights as a float64 array; refused where they are computed from the input."""
    if tensor is None and default is not None:
        return default
    if not isinstance(tensor, torch.Tensor):
        raise RefusedError("has weights that are computed from the input, or none", "Give the module its own weights")
    return tensor.detach().double().numpy()


def number(value: Any) -> float:
    """Give a number as it is; refused where it is a tensor of the network or depends on the number of samples."""
    if isinstance(value, Samples):
        refuse_count()
    if isinstance(value, torch.Tensor) and value.numel() == 1:
        return float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise RefusedError(f"takes {type(value).__name__} where a number is needed", "Give it a number")
    return float(value)


def constant(value: Value, given: Any) -> np.ndarray:
    """Align a constant tensor or number with a value: its array has the axes of the node, of size 1 where it has none.

    A constant may be given once a sample, but the same for all.
    """
    if isinstance(given, Samples):
        refuse_count()
    if not isinstance(given, torch.Tensor):
        return np.asarray(number(given))
    given = given.detach().double()
    if given.numel() == 1 and given.ndim <= value.ndim:
        return np.asarray(given.item())
    if given.ndim > value.ndim:
        raise RefusedError(
            f"meets a constant of shape {tuple(given.shape)}, of more axes", "Leave the batch axis alone"
        )
    given = given.reshape(*(1,) * (value.ndim - given.ndim), *given.shape)
    first, here, last = given.shape[: value.batch], given.shape[value.batch], given.shape[value.batch + 1 :]
    inner = value.shape[value.batch : value.batch + value.merged]
    if here == 1:
        return given.reshape(*first, *(1,) * value.merged, *last).numpy()
    if here != value.samples * prod(inner):
        raise RefusedError(
            f"meets a constant of shape {tuple(given.shape)}, one for a sample", "Use one for all samples"
        )
    split = given.reshape(*first, value.samples, *inner, *last).movedim(value.batch, 0)
    if not torch.equal(split, split[:1].expand_as(split)):
        raise RefusedError(
            "meets numbers that differ from sample to sample, unseen in tracing", "Compute them in PyTorch"
        )
    return split[0].numpy()


def widened(value: Value, shape: Shape) -> Value:
    """Repeat a value along axes of size 1, so that it broadcasts with an array of a shape."""
    wanted = tuple(np.broadcast_shapes(value.shape, shape))
    return value if wanted == value.shape else emit(Expand, value, shape=wanted)


def aligned(a: Value, b: Value) -> tuple[Value, Value]:
    """Give two values as many axes, as broadcasting does; refused where samples would mix."""
    if a.ndim < b.ndim:
        b, a = aligned(b, a)
        return a, b
    if missing := a.ndim - b.ndim:
        b = emit(Reshape, b, batch=b.batch + missing, shape=(1,) * missing + b.shape)
    merged = (v.shape[v.batch : v.batch + v.merged] for v in (a, b))
    if a.batch != b.batch or len(set(merged)) > 1:
        raise RefusedError(
            f"mixes the samples of inputs of shapes {a.full} and {b.full}", "Let every sample stand alone"
        )
    return a, b


def dense(value: Value, weight: np.ndarray, bias: np.ndarray | None = None) -> Value:
    """Put a dense layer on the last axis."""
    value.axis(-1)
    return emit(Dense, value, weight=weight, bias=np.zeros(len(weight)) if bias is None else bias)


def swapped(value: Value, one: int, other: int) -> Value:
    """Exchange two of the node's axes."""
    axes = list(range(len(value.shape)))
    axes[one], axes[other] = axes[other], axes[one]
    return emit(Permute, value, axes=tuple(axes))


def reshaped(value: Value, shape: Shape) -> Value:
    """Give the node another shape, the batch axis staying in front."""
    return replace(value) if shape == value.shape else emit(Reshape, value, shape=shape)


def tuple_of(size: Any, count: int) -> tuple[int, ...]:
    """Give an option of a layer as a tuple, one number an axis."""
    sizes = (size,) if isinstance(size, int) else tuple(size)
    return sizes * count if len(sizes) == 1 else sizes


def refuse_count() -> Any:
    """Refuse what depends on the number of samples."""
    raise RefusedError("computes with the number of samples", "Let every sample stand alone")


class Samples(int):
    """The number of samples, perhaps times other sizes: it may shape tensors, but nothing may depend on it."""

    def __mul__(self, other):
        return Samples(int(self) * other) if isinstance(other, int) else refuse_count()

    def __floordiv__(self, other):
        return Samples(int(self) // other) if isinstance(other, int) else refuse_count()

    def __eq__(self, other):
        return int(self) == int(other) if isinstance(other, Samples) else refuse_count()

    def __ne__(self, other):
        return not self == other

    def _refuse(self, *_):
        return refuse_count()

    __rmul__ = __mul__
    __hash__ = int.__hash__
    __add__ = __radd__ = __sub__ = __rsub__ = __mod__ = __rmod__ = __rfloordiv__ = __pow__ = __rpow__ = _refuse
    __truediv__ = __rtruediv__ = __lt__ = __le__ = __gt__ = __ge__ = __bool__ = __float__ = _refuse
