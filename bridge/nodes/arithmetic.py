"""Sums and products of two tensors of the network."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np

from bridge.errors import ValidationError
from bridge.nodes.base import Node, Shape


class _Elementwise(Node):
    def _shape(self, *shapes):
        return broadcast_shape(*shapes)


@dataclass(frozen=True, eq=False)
class Add(_Elementwise):
    """Sum: y = a + b; axes of size 1 are repeated."""

    arity: ClassVar[int | None] = 2

    def _value(self, *values):
        return values[0] + values[1]


@dataclass(frozen=True, eq=False)
class Multiply(_Elementwise):
    """Product of each value with its counterpart: y = a b; axes of size 1 are repeated."""

    arity: ClassVar[int | None] = 2

    def _value(self, *values):
        return values[0] * values[1]

    def _macs(self, *shapes):
        return prod(broadcast_shape(*shapes))


@dataclass(frozen=True, eq=False)
class MatMul(Node):
    """Matrix product: y[..., i, j] = sum_k a[..., i, k] b[..., k, j]; leading axes of size 1 are repeated."""

    arity: ClassVar[int | None] = 2

    def _shape(self, *shapes):
        a, b = shapes
        if min(len(a), len(b)) < 2 or a[-1] != b[-2]:
            raise ValidationError(f"inputs of shapes {a} and {b} are not (..., n, k) and (..., k, m)")
        return (*broadcast_shape(a[:-2], b[:-2]), a[-2], b[-1])

    def _value(self, *values):
        return values[0] @ values[1]

    def _macs(self, *shapes):
        return prod(self._shape(*shapes)) * shapes[0][-1]


def broadcast_shape(a: Shape, b: Shape) -> Shape:
    """Give the common shape of two with as many axes; the batch axis before them forbids any other."""
    if len(a) != len(b) or any(m != n and 1 not in (m, n) for m, n in zip(a, b, strict=True)):
        raise ValidationError(f"inputs of shapes {a} and {b} do not go together")
    return tuple(np.maximum(a, b).tolist())
