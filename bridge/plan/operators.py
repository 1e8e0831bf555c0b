"""What leads from a layer to the next: linear operators with weights in real units.

A layer's elements are counted in the graph's own order, and laid out as a population of spiking neurons with its
channels last: `Layout` knows both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from bridge.nodes import Conv2d, Pair, Shape

if TYPE_CHECKING:
    from scipy.sparse import csr_array


@dataclass(frozen=True)
class Layout:
    """The shape of a value, and which of its axes are channels.

    Attributes
    ----------
    shape : tuple of int
        As in the graph, without batch axis.
    axis : int
        0 where channels come first (images), -1 where they come last (tokens).
    """

    shape: Shape
    axis: int = 0

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @cached_property
    def image(self) -> Shape:
        """The shape of the population: (height, width, channels), or (size,) of a vector.

        Of two axes the positions are the height, the width is 1; of more than three all positions are.
        """
        channels_last = np.moveaxis(np.empty(self.shape, bool), self.axis, -1).shape
        if len(channels_last) == 1:
            return channels_last
        *positions, channels = channels_last
        return (*positions, channels) if len(positions) == 2 else (prod(positions), 1, channels)

    @cached_property
    def order(self) -> np.ndarray:
        """Which element, in the graph's order, each neuron of the population is; int64 (size,)."""
        return np.moveaxis(np.arange(self.size).reshape(self.shape), self.axis, -1).ravel()

    @cached_property
    def neuron(self) -> np.ndarray:
        """Which neuron of the population each element is; int64 (size,)."""
        inverse = np.empty(self.size, np.int64)
        inverse[self.order] = np.arange(self.size)
        return inverse

    @cached_property
    def channel(self) -> np.ndarray:
        """The channel of each element; int64 (size,)."""
        return self.neuron % self.image[-1]


@dataclass(frozen=True, eq=False)
class Pick:
    """Each target reads at most one source: y[i] = scale[i] x[index[i]], or 0 where the index is -1.

    Attributes
    ----------
    index : ndarray of int64 (targets,)
    scale : ndarray of float64 (targets,)
    sources : int
    """

    index: np.ndarray
    scale: np.ndarray
    sources: int

    @classmethod
    def identity(cls, size: int) -> Pick:
        """Return y = x."""
        return cls(np.arange(size), np.ones(size), size)

    @property
    def whole(self) -> bool:
        """Whether target i reads source i, of all there are."""
        return len(self.index) == self.sources and bool((self.index == np.arange(self.sources)).all())

    @property
    def weights(self) -> int:
        """How many weights a list of all of them holds."""
        return len(self.index)

    def matrix(self) -> csr_array:
        """Return it as a sparse matrix (targets, sources)."""
        from scipy.sparse import csr_array

        reads = np.flatnonzero(self.index >= 0)
        return csr_array((self.scale[reads], (reads, self.index[reads])), shape=(len(self.index), self.sources))

    def rows(self, chosen: np.ndarray) -> Pick:
        """Return the operator whose target i is target chosen[i] of this one, nothing where that is -1."""
        index = np.where(chosen >= 0, self.index[chosen], -1)
        return Pick(index, np.where(index >= 0, self.scale[chosen], 0.0), self.sources)

    def scaled(self, factor: np.ndarray) -> Pick:
        """Return the operator followed by a factor for every target."""
        return replace(self, scale=self.scale * factor)

    def fed(self, unit: np.ndarray) -> Pick:
        """Return the operator on sources of which each is first multiplied by its unit."""
        return replace(self, scale=np.where(self.index >= 0, self.scale * unit[self.index], 0.0))

    def mapped(self, function: Callable[[np.ndarray], np.ndarray]) -> Pick:
        """Return the operator whose weights are a function of this one's."""
        return replace(self, scale=function(self.scale))

    def largest(self) -> float:
        """Return the size of the largest weight."""
        return float(np.abs(self.scale[self.index >= 0]).max(initial=0.0))

    def apply(self, x: np.ndarray) -> np.ndarray:
        """Compute y (samples, targets) from x (samples, sources)."""
        return np.where(self.index >= 0, x[:, self.index] * self.scale, 0.0)


@dataclass(frozen=True, eq=False)
class Full:
    """Every source to every target: y = W x.

    Attributes
    ----------
    weight : ndarray of float64 (targets, sources)
    """

    weight: np.ndarray

    @property
    def sources(self) -> int:
        """Size of the layer that it reads."""
        return self.weight.shape[1]

    @property
    def weights(self) -> int:
        """How many weights a list of all of them holds."""
        return self.weight.size

    def matrix(self) -> csr_array:
        """Return it as a sparse matrix (targets, sources)."""
        from scipy.sparse import csr_array

        return csr_array(self.weight)

    def rows(self, chosen: np.ndarray) -> Full:
        """Return the operator whose target i is target chosen[i] of this one, nothing where that is -1."""
        return Full(np.where((chosen >= 0)[:, None], self.weight[chosen], 0.0))

    def scaled(self, factor: np.ndarray) -> Full:
        """Return the operator followed by a factor for every target."""
        return Full(self.weight * factor[:, None])

    def fed(self, unit: np.ndarray) -> Full:
        """Return the operator on sources of which each is first multiplied by its unit."""
        return Full(self.weight * unit)

    def mapped(self, function: Callable[[np.ndarray], np.ndarray]) -> Full:
        """Return the operator whose weights are a function of this one's."""
        return Full(function(self.weight))

    def largest(self) -> float:
        """Return the size of the largest weight."""
        return float(np.abs(self.weight).max(initial=0.0))

    def apply(self, x: np.ndarray) -> np.ndarray:
        """Compute y (samples, targets) from x (samples, sources)."""
        return x @ self.weight.T


@dataclass(frozen=True, eq=False)
class Kernel:
    """A convolution with one kernel for all positions, between images as populations have them.

    y[i, j, o] = sum_{c, m, n} W[o, c, m, n] x[s i + m - p, s j + n - p, c]

    Attributes
    ----------
    weight : ndarray of float64 (target channels, source channels, height, width)
    stride, padding : (int, int)
    source, target : Layout
    """

    weight: np.ndarray
    stride: Pair
    padding: Pair
    source: Layout
    target: Layout

    @property
    def sources(self) -> int:
        """Size of the layer that it reads."""
        return self.source.size

    @property
    def weights(self) -> int:
        """How many weights a list of all of them holds."""
        return self.weight.size * prod(self.target.image[:2])

    def matrix(self) -> csr_array:
        """Return it as a sparse matrix (targets, sources)."""
        from scipy.sparse import csr_array

        (height, width, channels), (rows, columns, _) = self.source.image, self.target.image
        o, c, m, n = np.nonzero(self.weight)
        i, j = (axis.reshape(-1, 1) for axis in np.indices((rows, columns)))
        y, x = i * self.stride[0] + m - self.padding[0], j * self.stride[1] + n - self.padding[1]
        inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        to = np.broadcast_to((i * columns + j) * self.target.image[2] + o, inside.shape)[inside]
        of = ((y * width + x) * channels + c)[inside]
        values = np.broadcast_to(self.weight[o, c, m, n], inside.shape)[inside]
        ends = self.target.order[to], self.source.order[of]
        return csr_array((values, ends), shape=(self.target.size, self.source.size))

    def rows(self, chosen: np.ndarray) -> Listed:
        """Return the operator whose target i is target chosen[i] of this one, nothing where that is -1."""
        return Listed(self.matrix()).rows(chosen)

    def scaled(self, factor: np.ndarray) -> Kernel | Listed:
        """Return the operator followed by a factor for every target."""
        by_channel = factor[self.target.order].reshape(-1, len(self.weight))
        if (by_channel == by_channel[0]).all():
            return replace(self, weight=self.weight * by_channel[0][:, None, None, None])
        return Listed(self.matrix()).scaled(factor)

    def fed(self, unit: np.ndarray) -> Kernel | Listed:
        """Return the operator on sources of which each is first multiplied by its unit."""
        by_channel = unit[self.source.order].reshape(-1, self.weight.shape[1])
        if (by_channel == by_channel[0]).all():
            return replace(self, weight=self.weight * by_channel[0][:, None, None])
        return Listed(self.matrix()).fed(unit)

    def mapped(self, function: Callable[[np.ndarray], np.ndarray]) -> Kernel:
        """Return the operator whose weights are a function of this one's."""
        return replace(self, weight=function(self.weight))

    def largest(self) -> float:
        """Return the size of the largest weight."""
        return float(np.abs(self.weight).max(initial=0.0))

    def apply(self, x: np.ndarray) -> np.ndarray:
        """Compute y (samples, targets) from x (samples, sources)."""
        image = np.moveaxis(x[:, self.source.order].reshape(-1, *self.source.image), -1, 1)
        y = Conv2d((), self.weight, np.zeros(len(self.weight)), self.stride, self.padding)(image)
        return np.moveaxis(y, 1, -1).reshape(len(x), -1)[:, self.target.neuron]


@dataclass(frozen=True, eq=False)
class Listed:
    """A list of weights: y = W x.

    Attributes
    ----------
    values : scipy.sparse.csr_array (targets, sources)
    """

    values: csr_array

    @property
    def sources(self) -> int:
        """Size of the layer that it reads."""
        return matrix_shape(self.values)[1]

    @property
    def weights(self) -> int:
        """How many weights a list of all of them holds."""
        return self.values.nnz

    def matrix(self) -> csr_array:
        """Return it as a sparse matrix (targets, sources)."""
        return self.values

    def rows(self, chosen: np.ndarray) -> Listed:
        """Return the operator whose target i is target chosen[i] of this one, nothing where that is -1."""
        from scipy.sparse import csr_array

        reads = np.flatnonzero(chosen >= 0)
        pick = csr_array(
            (np.ones(len(reads)), (reads, chosen[reads])), shape=(len(chosen), matrix_shape(self.values)[0])
        )
        return Listed(csr_array(pick @ self.values))

    def scaled(self, factor: np.ndarray) -> Listed:
        """Return the operator followed by a factor for every target."""
        from scipy.sparse import csr_array, diags_array

        return Listed(csr_array(diags_array(factor) @ self.values))

    def fed(self, unit: np.ndarray) -> Listed:
        """Return the operator on sources of which each is first multiplied by its unit."""
        from scipy.sparse import csr_array, diags_array

        return Listed(csr_array(self.values @ diags_array(unit)))

    def mapped(self, function: Callable[[np.ndarray], np.ndarray]) -> Listed:
        """Return the operator whose weights are a function of this one's."""
        from scipy.sparse import csr_array

        ends = (self.values.indices, self.values.indptr)
        return Listed(csr_array((function(self.values.data), *ends), shape=self.values.shape))

    def largest(self) -> float:
        """Return the size of the largest weight."""
        return float(np.abs(self.values.data).max(initial=0.0))

    def apply(self, x: np.ndarray) -> np.ndarray:
        """Compute y (samples, targets) from x (samples, sources)."""
        return (self.values @ x.T).T


def matrix_shape(matrix: csr_array) -> tuple[int, int]:
    """Return the number of rows and of columns of a sparse matrix."""
    rows, columns = matrix.shape  # pyright: ignore[reportGeneralTypeIssues]
    return rows, columns


Operator = Pick | Full | Kernel | Listed
