"""Pools: means and maxima of windows."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from bridge.errors import ValidationError
from bridge.nodes.base import Linear, Node, Shape
from bridge.nodes.convolution import Pair, Triple
from bridge.nodes.linear import reduced_shape
from bridge.nodes.windows import adaptive_bounds, positions, require_image, window_positions, windows


class Maximum(Node):
    """Base of what takes the largest of some values: y = max x over a window."""

    def windows(self, *shapes: Shape) -> np.ndarray:
        """Say which values each output is the largest of.

        Returns
        -------
        int64 array, shape (output size, largest window)
            Positions in the flattened input, -1 for none.
        """
        return self._windows(*shapes)

    def _windows(self, *shapes: Shape) -> np.ndarray:
        raise NotImplementedError


class _Pool(Node):
    size: Shape
    stride: Shape
    padding: Shape

    def _shape(self, *shapes):
        channels, *image = require_image(shapes[0], len(self.size))
        reach = tuple(d * (k - 1) + 1 for d, k in zip(self._taken, self.size, strict=True))
        if any(2 * pad > size for pad, size in zip(self.padding, reach, strict=True)):
            raise ValidationError(f"padding {self.padding} must be at most half of size {reach}")
        return (channels, *positions(tuple(image), self.size, self.stride, self.padding, self._taken))

    @property
    def _taken(self) -> Shape:
        """Every how many-th value along each axis a window takes."""
        return (1,) * len(self.size)

    @property
    def _taps(self) -> Shape:
        return tuple(range(-len(self.size), 0))

    def _sources(self, shape: Shape) -> np.ndarray:
        sources = window_positions(shape, self.size, self.stride, self.padding, self._taken)
        return sources.reshape(-1, prod(self.size))


class _AveragePool(_Pool, Linear):
    def _value(self, *values):
        return windows(values[0], self.size, self.stride, self.padding, self._taken, 0.0).mean(axis=self._taps)

    def _matrix(self, *shapes):
        from scipy.sparse import csr_array

        sources = self._sources(shapes[0])
        row, tap = np.nonzero(sources >= 0)
        entries = (np.full(len(row), 1.0 / sources.shape[1]), (row, sources[row, tap]))
        return csr_array(entries, shape=(len(sources), prod(shapes[0])))


@dataclass(frozen=True, eq=False)
class AveragePool1d(_AveragePool):
    """Mean of windows: y[c, i] = sum_m x[c, s i + m - p] / size; as `AveragePool2d`, with tuples of one number."""

    size: Shape
    stride: Shape
    padding: Shape = (0,)


@dataclass(frozen=True, eq=False)
class AveragePool2d(_AveragePool):
    """Mean of windows: y[c, i, j] = sum_{m, n} x[c, s i + m - p, s j + n - p] / (height * width of the window).

    Padding counts as zeros (`count_include_pad`); `size`, `stride` s and `padding` p are (vertical, horizontal).
    """

    size: Pair
    stride: Pair
    padding: Pair = (0, 0)


@dataclass(frozen=True, eq=False)
class AveragePool3d(_AveragePool):
    """Mean of windows of volumes, as `AveragePool2d` with the depth in front of height and width.

    y[c, h, i, j] = sum_{l, m, n} x[c, s h + l - p, s i + m - p, s j + n - p] / (volume of the window)
    """

    size: Triple
    stride: Triple
    padding: Triple = (0, 0, 0)


class _MaxPool(_Pool, Maximum):
    dilation: Shape

    @property
    def _taken(self):
        return self.dilation

    def _value(self, *values):
        return windows(values[0], self.size, self.stride, self.padding, self._taken, -np.inf).max(axis=self._taps)

    def _windows(self, *shapes):
        return self._sources(shapes[0])


@dataclass(frozen=True, eq=False)
class MaxPool1d(_MaxPool):
    """Maximum of windows: y[c, i] = max_m x[c, s i + d m - p]; as `MaxPool2d`, with tuples of one number."""

    size: Shape
    stride: Shape
    padding: Shape = (0,)
    dilation: Shape = (1,)


@dataclass(frozen=True, eq=False)
class MaxPool2d(_MaxPool):
    """Maximum of windows: y[c, i, j] = max_{m, n} x[c, s i + d m - p, s j + d n - p], padded with -infinity.

    `size`, `stride` s, `padding` p and `dilation` d are (vertical, horizontal).
    """

    size: Pair
    stride: Pair
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)


@dataclass(frozen=True, eq=False)
class MaxPool3d(_MaxPool):
    """Maximum of windows of volumes, as `MaxPool2d` with the depth in front of height and width.

    y[c, h, i, j] = max_{l, m, n} x[c, s h + d l - p, s i + d m - p, s j + d n - p]
    """

    size: Triple
    stride: Triple
    padding: Triple = (0, 0, 0)
    dilation: Triple = (1, 1, 1)


@dataclass(frozen=True, eq=False)
class AdaptiveMaxPool(Maximum):
    """Maximum of windows that split the axes after the channels into `size` parts.

    Part i of k along an axis of n is [floor(i n / k), ceil((i + 1) n / k)), as in PyTorch.
    """

    size: Shape

    def _shape(self, *shapes):
        if not self.size or min(self.size) < 1:
            raise ValidationError(f"size must hold positive sizes, not {self.size}")
        return (*require_image(shapes[0], len(self.size))[:1], *self.size)

    def _value(self, *values):
        (x,) = values
        for axis, wanted in zip(range(2, x.ndim), self.size, strict=True):
            bounds = adaptive_bounds(x.shape[axis], wanted)
            parts = [np.take(x, range(*bound), axis).max(axis=axis, keepdims=True) for bound in bounds]
            x = np.concatenate(parts, axis)
        return x

    def _windows(self, *shapes):
        channels, *image = shapes[0]
        inside = np.arange(prod(shapes[0]), dtype=np.int64).reshape(shapes[0])
        bounds = [adaptive_bounds(n, wanted) for n, wanted in zip(image, self.size, strict=True)]
        parts = []
        for channel in range(channels):
            for index in np.ndindex(*self.size):
                cut = (slice(*axis[i]) for axis, i in zip(bounds, index, strict=True))
                parts.append(inside[(channel, *cut)].reshape(-1))
        full = np.full((len(parts), max(map(len, parts))), -1, dtype=np.int64)
        for row, part in zip(full, parts, strict=True):
            row[: len(part)] = part
        return full


@dataclass(frozen=True, eq=False)
class MaxOver(Maximum):
    """Maximum over axes, which go, or stay with size 1 where `keep`: y = max x.

    Axes count from 0, without the batch axis.
    """

    axes: tuple[int, ...]
    keep: bool = False

    def _shape(self, *shapes):
        return reduced_shape(self.axes, self.keep, shapes[0])

    def _value(self, *values):
        return values[0].max(axis=tuple(axis + 1 for axis in self.axes), keepdims=self.keep)

    def _windows(self, *shapes):
        inside = np.arange(prod(shapes[0]), dtype=np.int64).reshape(shapes[0])
        last = tuple(range(-len(self.axes), 0))
        moved = np.moveaxis(inside, self.axes, last)
        return moved.reshape(-1, prod(shapes[0][axis] for axis in self.axes))
