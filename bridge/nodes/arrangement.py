"""Rearrangements: other shapes and orders, parts, repetitions, zeros. Axes count from 0, without the batch axis."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np

from bridge.errors import ValidationError
from bridge.nodes.base import Rearrange, Shape, require_axis


@dataclass(frozen=True, eq=False)
class Flatten(Rearrange):
    """All axes in one, the last running fastest: y[(c, i, j)] = x[c, i, j]."""

    def _shape(self, *shapes):
        return (prod(shapes[0]),)

    def _value(self, *values):
        return values[0].reshape(len(values[0]), prod(values[0].shape[1:]))


@dataclass(frozen=True, eq=False)
class Reshape(Rearrange):
    """The same values in the same order, in another shape."""

    shape: Shape

    def _shape(self, *shapes):
        if prod(self.shape) != prod(shapes[0]) or any(size < 1 for size in self.shape):
            raise ValidationError(f"shape {self.shape} does not hold the values of an input of shape {shapes[0]}")
        return self.shape

    def _value(self, *values):
        return values[0].reshape(len(values[0]), *self.shape)


@dataclass(frozen=True, eq=False)
class Permute(Rearrange):
    """Axes in another order: axis k of y is axis axes[k] of x."""

    axes: tuple[int, ...]

    def _shape(self, *shapes):
        if sorted(self.axes) != list(range(len(shapes[0]))):
            raise ValidationError(f"axes {self.axes} are not those of an input of shape {shapes[0]} in some order")
        return tuple(shapes[0][axis] for axis in self.axes)

    def _value(self, *values):
        return values[0].transpose(0, *(axis + 1 for axis in self.axes))


@dataclass(frozen=True, eq=False)
class Slice(Rearrange):
    """A part along an axis: y[..., i, ...] = x[..., start + i step, ...], as long as it is below `stop`."""

    axis: int
    start: int
    stop: int
    step: int = 1

    def _shape(self, *shapes):
        require_axis(self.axis, shapes[0])
        if not 0 <= self.start < self.stop <= shapes[0][self.axis] or self.step < 1:
            part = f"start {self.start}, stop {self.stop}, step {self.step}"
            raise ValidationError(f"{part} is no part of axis {self.axis} of an input of shape {shapes[0]}")
        size = len(range(self.start, self.stop, self.step))
        return (*shapes[0][: self.axis], size, *shapes[0][self.axis + 1 :])

    def _value(self, *values):
        before = (slice(None),) * (self.axis + 1)
        return values[0][(*before, slice(self.start, self.stop, self.step))]


@dataclass(frozen=True, eq=False)
class Flip(Rearrange):
    """An axis backwards: y[..., i, ...] = x[..., n - 1 - i, ...]."""

    axis: int

    def _shape(self, *shapes):
        require_axis(self.axis, shapes[0])
        return shapes[0]

    def _value(self, *values):
        return np.flip(values[0], self.axis + 1)


@dataclass(frozen=True, eq=False)
class Roll(Rearrange):
    """Axes turned round: y[..., i, ...] = x[..., (i - shift) mod n, ...], a shift for each of the axes."""

    shifts: tuple[int, ...]
    axes: tuple[int, ...]

    def _shape(self, *shapes):
        if not self.axes or len(self.shifts) != len(self.axes):
            raise ValidationError(f"shifts {self.shifts} must be one for each of at least one axes, {self.axes}")
        for axis in self.axes:
            require_axis(axis, shapes[0])
        return shapes[0]

    def _value(self, *values):
        return np.roll(values[0], self.shifts, tuple(axis + 1 for axis in self.axes))


@dataclass(frozen=True, eq=False)
class Pad(Rearrange):
    """Zeros around: `widths` are (before, after) for every axis; a negative one takes away."""

    widths: tuple[tuple[int, int], ...]

    def _shape(self, *shapes):
        if len(self.widths) != len(shapes[0]):
            raise ValidationError(f"widths {self.widths} must be a pair for every axis of an input {shapes[0]}")
        sizes = tuple(n + before + after for n, (before, after) in zip(shapes[0], self.widths, strict=True))
        # Where more is taken away on one side than there is, what the other side adds would have to go too.
        least = (n + min(before, 0) + min(after, 0) for n, (before, after) in zip(shapes[0], self.widths, strict=True))
        if min(least) < 1:
            raise ValidationError(f"widths {self.widths} leave nothing of an input of shape {shapes[0]}")
        return sizes

    def _value(self, *values):
        inside = (slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(values[0].shape[1:], self.widths, strict=True))
        wider = ((max(a, 0), max(b, 0)) for a, b in self.widths)
        return np.pad(values[0][(slice(None), *inside)], ((0, 0), *wider))


@dataclass(frozen=True, eq=False)
class Concat(Rearrange):
    """Inputs one behind the other along an axis."""

    axis: int
    arity: ClassVar[int | None] = None

    def _shape(self, *shapes):
        require_axis(self.axis, shapes[0])
        rest = {(*shape[: self.axis], *shape[self.axis + 1 :]) for shape in shapes}
        if len(rest) != 1 or len({len(shape) for shape in shapes}) != 1:
            raise ValidationError(f"inputs of shapes {list(shapes)} differ in other axes than {self.axis}")
        size = sum(shape[self.axis] for shape in shapes)
        return (*shapes[0][: self.axis], size, *shapes[0][self.axis + 1 :])

    def _value(self, *values):
        return np.concatenate(values, axis=self.axis + 1)


@dataclass(frozen=True, eq=False)
class Expand(Rearrange):
    """Axes of size 1 repeated to a shape with as many axes."""

    shape: Shape

    def _shape(self, *shapes):
        fits = len(self.shape) == len(shapes[0])
        if not fits or any(a not in (1, b) for a, b in zip(shapes[0], self.shape, strict=True)):
            raise ValidationError(f"an input of shape {shapes[0]} does not expand to {self.shape}")
        return self.shape

    def _value(self, *values):
        return np.broadcast_to(values[0], (len(values[0]), *self.shape))


@dataclass(frozen=True, eq=False)
class Gather(Rearrange):
    """Values from anywhere: y[k] = x[positions[k]] with x flattened, 0 where the position is -1.

    What no other rearrangement says: nearest upsampling, reflecting or circular padding, channels shuffled.
    `positions` is an integer array of the output's shape.
    """

    positions: np.ndarray

    def __post_init__(self):
        positions = np.array(self.positions, order="C")
        if positions.dtype.kind not in "iu":
            raise ValidationError(f"positions must be integers, not {positions.dtype}")
        positions = positions.astype(np.int64)
        positions.flags.writeable = False
        object.__setattr__(self, "positions", positions)

    def _shape(self, *shapes):
        size = prod(shapes[0])
        if not self.positions.size or self.positions.min() < -1 or self.positions.max() >= size:
            raise ValidationError(f"positions must be some, from -1 to {size - 1} for an input of shape {shapes[0]}")
        return self.positions.shape

    def _value(self, *values):
        (x,) = values
        flat = np.concatenate([x.reshape(len(x), -1), np.zeros((len(x), 1), x.dtype)], axis=1)
        return flat[:, self.positions]
