"""What all nodes of a graph are, and the three families that most of them belong to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bridge.errors import ValidationError

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Node:
    """One operation, reading the nodes named in `inputs`.

    A new kind of node is a subclass with its fields, its equation as docstring, `_shape` and `_value` where they are
    not those of an element-wise node, and `_macs` where it multiplies. `arrays` names the fields that are weights,
    with their number of axes (None: any). `arity` is the number of inputs (None: any, at least one).
    """

    inputs: tuple[str, ...]
    arity: ClassVar[int | None] = 1
    arrays: ClassVar[Mapping[str, int | None]] = {}

    def __post_init__(self):
        for name, ndim in self.arrays.items():
            array = np.array(getattr(self, name), dtype=np.float64, order="C")
            if ndim is not None and array.ndim != ndim:
                raise ValidationError(f"{name} must have {ndim} axes, not shape {array.shape}")
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    def output_shape(self, *shapes: Shape) -> Shape:
        """Give the shape of the output for inputs of these shapes.

        Raises
        ------
        ValidationError
            Where the shapes do not fit the node, or a weight is not finite.
        """
        if self.arity is None and not shapes:
            raise ValidationError("needs an input")
        if self.arity is not None and len(shapes) != self.arity:
            raise ValidationError(f"needs {self.arity} inputs, not {len(shapes)}")
        for name in self.arrays:
            if not np.isfinite(getattr(self, name)).all():
                raise ValidationError(f"{name} must be finite, it holds NaN or infinity")
        return self._shape(*shapes)

    def macs(self, *shapes: Shape) -> int:
        """Count the multiply-accumulates of one inference for inputs of these shapes."""
        return self._macs(*shapes)

    def __call__(self, *values: np.ndarray) -> np.ndarray:
        """Compute the output (batch, ...) from the inputs (batch, ...)."""
        return self._value(*values)

    def _shape(self, *shapes: Shape) -> Shape:
        return shapes[0]

    def _macs(self, *shapes: Shape) -> int:
        return 0

    def _value(self, *values: np.ndarray) -> np.ndarray:
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Input(Node):
    """The sample, y = x, of the given shape without batch axis."""

    shape: Shape
    arity: ClassVar[int | None] = 0

    def _shape(self, *shapes):
        if not self.shape or any(size < 1 for size in self.shape):
            raise ValidationError(f"shape must hold positive sizes, not {self.shape}")
        return self.shape


class Linear(Node):
    """Base of what is linear up to an offset, of one input: y = M x + b, with x and y flattened, the last axis fastest.

    A subclass gives `_matrix` beside `_value`.
    """

    def matrix(self, *shapes: Shape) -> csr_array:
        """Give M as a sparse matrix, (output size, input size), for an input of this shape; no zeros are stored."""
        from scipy.sparse import csr_array

        matrix = csr_array(self._matrix(*shapes))
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        return matrix

    def offset(self, *shapes: Shape) -> np.ndarray:
        """Give b, (output size,), for an input of this shape: the output where the input is zero."""
        return self(*(np.zeros((1, *shape)) for shape in shapes)).reshape(-1)

    def _matrix(self, *shapes: Shape):
        raise NotImplementedError


class Rearrange(Node):
    """Base of what only puts its inputs into another order, drops or repeats parts, or fills with zeros."""

    def indices(self, *shapes: Shape) -> np.ndarray:
        """Say where each value of the output comes from.

        Returns
        -------
        int64 array, of the output's shape
            Positions in the inputs, flattened and one behind the other; -1 where the output is zero.
        """
        # Applied to the positions themselves, counted from 1, so that a filled-in zero differs from the first.
        starts = np.cumsum([1, *map(prod, shapes)])
        positions = [
            np.arange(start, start + prod(shape), dtype=np.int64).reshape(1, *shape)
            for start, shape in zip(starts[:-1], shapes, strict=True)
        ]
        return np.ascontiguousarray(self(*positions)[0] - 1)


class Activation(Node):
    """Base of functions of each value by itself, y = f(x)."""

    @property
    def monotone(self) -> bool:
        """Whether f never falls as x rises."""
        return True


def channelwise(parameter: np.ndarray, ndim: int) -> np.ndarray:
    """Shape a parameter per channel (first axis) to go with values (batch, channels, ...) of `ndim` axes."""
    return parameter.reshape(-1, *(1,) * (ndim - 2))


def require_axis(axis: int, shape: Shape) -> None:
    """Refuse an axis that a shape does not have; axes count from 0, without the batch axis."""
    if not 0 <= axis < len(shape):
        raise ValidationError(f"axis {axis} is not one of an input of shape {shape}")
