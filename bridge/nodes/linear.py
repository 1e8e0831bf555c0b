"""Linear nodes without windows: dense layers, scales and shifts, means, resampling."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np

from bridge.errors import ValidationError
from bridge.nodes.base import Linear, Shape, channelwise, require_axis


@dataclass(frozen=True, eq=False)
class Dense(Linear):
    """Fully connected on the last axis: y[..., o] = sum_i W[o, i] x[..., i] + b[o], with W (out, in) and b (out,)."""

    weight: np.ndarray
    bias: np.ndarray
    arrays: ClassVar = {"weight": 2, "bias": 1}

    def _shape(self, *shapes):
        out, size = self.weight.shape
        require_bias(self.bias, out)
        if shapes[0][-1:] != (size,):
            wanted = f"(..., {size})" if len(shapes[0]) > 1 else f"({size},)"
            raise ValidationError(f"weight {self.weight.shape} needs an input of shape {wanted}, got {shapes[0]}")
        return (*shapes[0][:-1], out)

    def _value(self, *values):
        return values[0] @ self.weight.T + self.bias

    def _macs(self, *shapes):
        return self.weight.size * prod(shapes[0][:-1])

    def _matrix(self, *shapes):
        from scipy.sparse import csr_array, eye_array, kron

        return kron(eye_array(prod(shapes[0][:-1])), csr_array(self.weight))


class _Diagonal(Linear):
    """Base of what scales and shifts every value by itself; `_factor` is the scale, broadcast to the input."""

    def _factor(self, shape: Shape) -> np.ndarray:
        raise NotImplementedError

    def _matrix(self, *shapes):
        from scipy.sparse import diags_array

        return diags_array(np.broadcast_to(self._factor(shapes[0]), shapes[0]).reshape(-1))


@dataclass(frozen=True, eq=False)
class BatchNorm(_Diagonal):
    """Batch normalisation at inference: y[c] = scale[c] x[c] + shift[c], one of each a channel (first axis)."""

    scale: np.ndarray
    shift: np.ndarray
    arrays: ClassVar = {"scale": 1, "shift": 1}

    def _shape(self, *shapes):
        if self.scale.shape != shapes[0][:1] or self.shift.shape != shapes[0][:1]:
            raise ValidationError(f"scale {self.scale.shape}, shift {self.shift.shape} do not fit input {shapes[0]}")
        return shapes[0]

    def _value(self, *values):
        ndim = values[0].ndim
        return values[0] * channelwise(self.scale, ndim) + channelwise(self.shift, ndim)

    def _factor(self, shape):
        return channelwise(self.scale, len(shape) + 1)


@dataclass(frozen=True, eq=False)
class Scale(_Diagonal):
    """Multiplication with constants: y = factor x, `factor` broadcast to the shape of x, aligned at the last axis."""

    factor: np.ndarray
    arrays: ClassVar = {"factor": None}

    def _shape(self, *shapes):
        require_broadcast("factor", self.factor, shapes[0])
        return shapes[0]

    def _value(self, *values):
        return values[0] * self.factor

    def _factor(self, shape):
        return self.factor


@dataclass(frozen=True, eq=False)
class Shift(_Diagonal):
    """Addition of constants: y = x + term, `term` broadcast to the shape of x, aligned at the last axis."""

    term: np.ndarray
    arrays: ClassVar = {"term": None}

    def _shape(self, *shapes):
        require_broadcast("term", self.term, shapes[0])
        return shapes[0]

    def _value(self, *values):
        return values[0] + self.term

    def _factor(self, shape):
        return np.ones(())


@dataclass(frozen=True, eq=False)
class Mean(Linear):
    """Mean over axes, which go, or stay with size 1 where `keep`: y = sum x / (number of values in them).

    Axes count from 0, without the batch axis.
    """

    axes: tuple[int, ...]
    keep: bool = False

    def _shape(self, *shapes):
        return reduced_shape(self.axes, self.keep, shapes[0])

    def _value(self, *values):
        return values[0].mean(axis=tuple(axis + 1 for axis in self.axes), keepdims=self.keep)

    def _matrix(self, *shapes):
        from scipy.sparse import csr_array

        reduced = reduced_shape(self.axes, True, shapes[0])
        rows = np.broadcast_to(np.arange(prod(reduced)).reshape(reduced), shapes[0]).reshape(-1)
        share = prod(reduced) / prod(shapes[0])
        columns = np.arange(prod(shapes[0]))
        return csr_array((np.full(len(rows), share), (rows, columns)), shape=(prod(reduced), prod(shapes[0])))


@dataclass(frozen=True, eq=False)
class Resample(Linear):
    """Matrices on the last axes, one each: y[..., i, j] = sum_{k, l} A[i, k] B[j, l] x[..., k, l].

    Upsampling by interpolation and adaptive average pooling are of this form. `matrices` are (out, in).
    """

    matrices: tuple[np.ndarray, ...]

    def __post_init__(self):
        matrices = tuple(np.array(matrix, dtype=np.float64, order="C") for matrix in self.matrices)
        for matrix in matrices:
            matrix.flags.writeable = False
        object.__setattr__(self, "matrices", matrices)

    def _shape(self, *shapes):
        if not self.matrices or any(matrix.ndim != 2 for matrix in self.matrices):
            raise ValidationError("matrices must be at least one, each with 2 axes")
        if not all(np.isfinite(matrix).all() for matrix in self.matrices):
            raise ValidationError("matrices must be finite, they hold NaN or infinity")
        kept = len(shapes[0]) - len(self.matrices)
        sizes = tuple(matrix.shape[1] for matrix in self.matrices)
        if shapes[0][max(kept, 0) :] != sizes:
            raise ValidationError(f"matrices take last axes of sizes {sizes}, got an input of shape {shapes[0]}")
        return (*shapes[0][:kept], *(len(matrix) for matrix in self.matrices))

    def _value(self, *values):
        (x,) = values
        for axis, matrix in zip(range(-len(self.matrices), 0), self.matrices, strict=True):
            x = np.moveaxis(np.moveaxis(x, axis, -1) @ matrix.T, -1, axis)
        return x

    def _macs(self, *shapes):
        macs, sizes = 0, list(shapes[0])
        for axis, matrix in zip(range(-len(self.matrices), 0), self.matrices, strict=True):
            sizes[axis] = len(matrix)
            macs += prod(sizes) * matrix.shape[1]
        return macs

    def _matrix(self, *shapes):
        from scipy.sparse import csr_array, eye_array, kron

        product = eye_array(prod(shapes[0][: len(shapes[0]) - len(self.matrices)]))
        for matrix in self.matrices:
            product = kron(product, csr_array(matrix))
        return product


def reduced_shape(axes: tuple[int, ...], keep: bool, shape: Shape) -> Shape:
    """Give what is left of a shape when these axes are reduced."""
    for axis in axes:
        require_axis(axis, shape)
    if not axes or len(set(axes)) < len(axes):
        raise ValidationError(f"axes must be at least one, each once, not {axes}")
    sizes = (1 if axis in axes else size for axis, size in enumerate(shape))
    return tuple(size for axis, size in enumerate(sizes) if keep or axis not in axes)


def require_bias(bias: np.ndarray, out: int) -> None:
    """Refuse a bias that is not one number an output."""
    if bias.shape != (out,):
        raise ValidationError(f"bias must have shape ({out},), not {bias.shape}")


def require_broadcast(name: str, array: np.ndarray, shape: Shape) -> None:
    """Refuse an array that does not broadcast to a shape, or would enlarge it."""
    tail = shape[len(shape) - array.ndim :]
    if array.ndim > len(shape) or any(a not in (1, b) for a, b in zip(array.shape, tail, strict=True)):
        raise ValidationError(f"{name} of shape {array.shape} does not broadcast to the input {shape}")
