"""Projections whose weights follow a pattern, so that no list of synapses is ever made.

A population that is an image has the shape (height, width, channels), channels last.
"""

from __future__ import annotations

import numpy as np

from snn import checks
from snn.errors import ValidationError

Shape = tuple[int, ...]


def _pair(owner: str, name: str, value: object, minimum: int) -> tuple[int, int]:
    if isinstance(value, tuple | list):
        if len(value) != 2:
            raise ValidationError(owner, name, value, "an integer or a pair of integers")
        return checks.integer(owner, name, value[0], minimum=minimum), checks.integer(
            owner, name, value[1], minimum=minimum
        )
    single = checks.integer(owner, name, value, minimum=minimum)
    return single, single


class Dense:
    """Every source to every target, each pair with a weight of its own.

    Parameters
    ----------
    weights : array (targets, sources)
        In the unit of the target's port.
    """

    kind = "dense"

    def __init__(self, weights: object):
        self.weights, self.unit = checks.weights("Dense", "weights", weights)
        if self.weights.ndim != 2:
            raise ValidationError(
                "Dense", "weights", f"array of shape {self.weights.shape}", "shape (targets, sources)"
            )

    def target_shape(self, source: Shape) -> Shape:
        """Return the shape that the target must have, or refuse the source's shape."""
        if int(np.prod(source)) != self.weights.shape[1]:
            raise ValidationError(
                "Dense", "weights", f"{self.weights.shape[1]} columns", f"{int(np.prod(source))} sources"
            )
        return (self.weights.shape[0],)

    def portions(self, sources: int, targets: int, same: bool = False) -> int:
        """Return the number of portions of a list of the synapses: one."""
        return 1

    def count(self, sources: int, targets: int, same: bool = False) -> int:
        """Return the number of synapses."""
        return sources * targets

    def edges(
        self, sources: int, targets: int, seed: int, stream: int, same: bool, portion: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return source and target of every synapse in the order of the weights, integers."""
        return np.tile(np.arange(sources), targets), np.repeat(np.arange(targets), sources)

    def fan_out(self, source: Shape) -> np.ndarray:
        """Return the number of synapses of each source, int64 (sources,)."""
        return np.full(self.weights.shape[1], self.weights.shape[0], np.int64)


class _Window:
    """What convolution and pooling share: a window that moves over an image."""

    def __init__(self, size: object, stride: object, padding: object):
        owner = type(self).__name__
        self.size = _pair(owner, "size", size, 1)
        self.stride = self.size if stride is None else _pair(owner, "stride", stride, 1)
        self.padding = _pair(owner, "padding", padding, 0)

    def image(self, source: Shape) -> tuple[int, int, int]:
        """Return the source's shape as (height, width, channels), or refuse it."""
        if len(source) != 3:
            raise ValidationError(type(self).__name__, "source", source, "a shape (height, width, channels)")
        height, width, channels = source
        if height + 2 * self.padding[0] < self.size[0] or width + 2 * self.padding[1] < self.size[1]:
            raise ValidationError(type(self).__name__, "size", self.size, f"at most the padded source, {source[:2]}")
        return height, width, channels

    def output(self, source: Shape) -> tuple[int, int]:
        """Return height and width of the target: floor((n + 2 padding - size) / stride) + 1 each."""
        height, width, _ = self.image(source)
        return (
            (height + 2 * self.padding[0] - self.size[0]) // self.stride[0] + 1,
            (width + 2 * self.padding[1] - self.size[1]) // self.stride[1] + 1,
        )

    def windows(self, source: Shape) -> np.ndarray:
        """Return how many windows each position of the source lies in, int64 (height, width)."""
        counts = []
        for axis, length in enumerate(self.output(source)):
            first = np.arange(length) * self.stride[axis] - self.padding[axis]
            inside = np.zeros(source[axis], np.int64)
            for offset in range(self.size[axis]):
                at = first + offset
                inside[at[(at >= 0) & (at < source[axis])]] += 1
            counts.append(inside)
        return np.outer(counts[0], counts[1])


class Conv2d(_Window):
    """Two-dimensional convolution: one kernel, shared by all positions.

    Parameters
    ----------
    kernel : array (height, width, source channels, target channels)
        Weights, in the unit of the target's port; as in deep learning, not flipped.
    stride, padding : int or (int, int)
        Step of the window, and rows and columns of nothing around the source.
    """

    kind = "conv2d"

    def __init__(self, kernel: object, stride: object = 1, padding: object = 0):
        self.weights, self.unit = checks.weights("Conv2d", "kernel", kernel)
        if self.weights.ndim != 4:
            raise ValidationError(
                "Conv2d", "kernel", f"array of shape {self.weights.shape}", "shape (height, width, sources, targets)"
            )
        super().__init__(self.weights.shape[:2], stride, padding)

    def target_shape(self, source: Shape) -> Shape:
        """Return the shape that the target must have, or refuse the source's shape."""
        channels = self.image(source)[2]
        if channels != self.weights.shape[2]:
            raise ValidationError("Conv2d", "kernel", f"{self.weights.shape[2]} source channels", f"{channels}")
        return (*self.output(source), self.weights.shape[3])

    def fan_out(self, source: Shape) -> np.ndarray:
        """Return the number of synapses of each source, int64 (sources,)."""
        return np.repeat(self.windows(source).ravel(), source[2]) * self.weights.shape[3]


class _Pool2d(_Window):
    def __init__(self, size: object, stride: object = None, padding: object = 0):
        super().__init__(size, stride, padding)

    def target_shape(self, source: Shape) -> Shape:
        """Return the shape that the target must have, or refuse the source's shape."""
        return (*self.output(source), source[2])

    def fan_out(self, source: Shape) -> np.ndarray:
        """Return the number of synapses of each source, int64 (sources,)."""
        return np.repeat(self.windows(source).ravel(), source[2])


class SumPool2d(_Pool2d):
    """Every target receives all spikes of its window in its own channel; the weight 1 / size^2 makes it a mean.

    Parameters
    ----------
    size : int or (int, int)
        Height and width of the window.
    stride : int, (int, int) or None
        Step of the window; its size by default.
    padding : int or (int, int)
        Rows and columns of nothing around the source.
    """

    kind = "sum_pool2d"


class MaxPool2d(_Pool2d):
    """Every target receives the spikes of its window's most active neuron.

    Each source's spikes are counted, and a target receives an event whenever the largest count of its window grows:
    after any time it has received exactly as many as the most active source has fired.

    Parameters
    ----------
    size : int or (int, int)
        Height and width of the window.
    stride : int, (int, int) or None
        Step of the window; its size by default.
    padding : int or (int, int)
        Rows and columns of nothing around the source.
    """

    kind = "max_pool2d"
