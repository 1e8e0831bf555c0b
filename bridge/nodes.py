"""The operations of a network as the bridge describes it: nodes with NumPy weights, and what they compute in float64.

Shapes have no batch axis and follow PyTorch: (features,) or (channels, height, width). Arrays that flow through a
graph carry the batch axis in front. Weights are copied and read-only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from bridge.errors import ValidationError

Shape = tuple[int, ...]
Pair = tuple[int, int]

_WINDOW_VALUES = 2**22  # float64 values of unrolled windows a convolution holds at once: 32 MiB


@dataclass(frozen=True, eq=False)
class Node:
    """One operation, reading the nodes named in `inputs`.

    A new kind of node is a subclass with its fields, its equation as docstring, `_shape` and `_value` where they are
    not those of an element-wise node, and `_macs` where it multiplies. `arrays` names the fields that are weights,
    with their number of axes (None: any).
    """

    inputs: tuple[str, ...]
    arity: ClassVar[int] = 1
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
        if len(shapes) != self.arity:
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
    arity: ClassVar[int] = 0

    def _shape(self, *shapes):
        if not self.shape or any(size < 1 for size in self.shape):
            raise ValidationError(f"shape must hold positive sizes, not {self.shape}")
        return self.shape


@dataclass(frozen=True, eq=False)
class Dense(Node):
    """Fully connected: y = W x + b, with W (out, in) and b (out,)."""

    weight: np.ndarray
    bias: np.ndarray
    arrays: ClassVar = {"weight": 2, "bias": 1}

    def _shape(self, *shapes):
        out, size = self.weight.shape
        _require_bias(self.bias, out)
        if shapes[0] != (size,):
            raise ValidationError(f"weight {self.weight.shape} needs an input of shape ({size},), got {shapes[0]}")
        return (out,)

    def _value(self, *values):
        return values[0] @ self.weight.T + self.bias

    def _macs(self, *shapes):
        return self.weight.size


@dataclass(frozen=True, eq=False)
class Conv2d(Node):
    """Cross-correlation: y[o, i, j] = b[o] + sum_{c, m, n} W[o, c, m, n] x[g(o) + c, s i + d m - p, s j + d n - p].

    W is (out, in / groups, height, width), b (out,); s is `stride`, d `dilation`, p `padding` (with zeros), all
    (vertical, horizontal); g(o) is the first input channel of the group that output channel o belongs to.
    """

    weight: np.ndarray
    bias: np.ndarray
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1
    arrays: ClassVar = {"weight": 4, "bias": 1}

    def _shape(self, *shapes):
        out, per_group, *kernel = self.weight.shape
        _require_bias(self.bias, out)
        if self.groups < 1 or out % self.groups:
            raise ValidationError(f"groups {self.groups} must divide the {out} output channels")
        channels, *size = _require_image(shapes[0])
        if channels != per_group * self.groups:
            raise ValidationError(f"weight {self.weight.shape} with groups {self.groups} got {channels} input channels")
        return (out, *_positions(size, kernel, self.stride, self.padding, self.dilation))

    def _value(self, *values):
        (x,) = values
        out, height, width = self._shape(x.shape[1:])
        per_group = self.weight.shape[1]
        y = np.empty((len(x), out, height, width))
        chunk = max(1, _WINDOW_VALUES // (x.shape[1] * prod(self.weight.shape[2:]) * height * width))
        outputs = out // self.groups
        for start in range(0, len(x), chunk):
            part = slice(start, start + chunk)
            windows = _windows(x[part], self.weight.shape[2:], self.stride, self.padding, self.dilation, 0.0)
            for group in range(self.groups):
                o = slice(group * outputs, (group + 1) * outputs)
                c = slice(group * per_group, (group + 1) * per_group)
                product = np.tensordot(windows[:, c], self.weight[o], axes=((1, 4, 5), (1, 2, 3)))
                y[part, o] = np.moveaxis(product, -1, 1)
        return y + self.bias[:, None, None]

    def _macs(self, *shapes):
        return self.weight.size * prod(self._shape(*shapes)[1:])


@dataclass(frozen=True, eq=False)
class BatchNorm(Node):
    """Batch normalisation at inference: y[c] = scale[c] x[c] + shift[c], one of each a channel (first axis)."""

    scale: np.ndarray
    shift: np.ndarray
    arrays: ClassVar = {"scale": 1, "shift": 1}

    def _shape(self, *shapes):
        if self.scale.shape != shapes[0][:1] or self.shift.shape != shapes[0][:1]:
            raise ValidationError(f"scale {self.scale.shape}, shift {self.shift.shape} do not fit input {shapes[0]}")
        return shapes[0]

    def _value(self, *values):
        axes = (-1,) + (1,) * (values[0].ndim - 2)
        return values[0] * self.scale.reshape(axes) + self.shift.reshape(axes)


@dataclass(frozen=True, eq=False)
class _Pool2d(Node):
    size: Pair
    stride: Pair
    padding: Pair = (0, 0)

    def _shape(self, *shapes):
        channels, *image = _require_image(shapes[0])
        if any(2 * pad > size for pad, size in zip(self.padding, self.size, strict=True)):
            raise ValidationError(f"padding {self.padding} must be at most half of size {self.size}")
        return (channels, *_positions(image, self.size, self.stride, self.padding, (1, 1)))


@dataclass(frozen=True, eq=False)
class AveragePool2d(_Pool2d):
    """Mean of windows: y[c, i, j] = sum_{m, n} x[c, s i + m - p, s j + n - p] / (height * width of the window).

    Padding counts as zeros (`count_include_pad`); `size`, `stride` s and `padding` p are (vertical, horizontal).
    """

    def _value(self, *values):
        return _windows(values[0], self.size, self.stride, self.padding, (1, 1), 0.0).mean(axis=(-2, -1))


@dataclass(frozen=True, eq=False)
class MaxPool2d(_Pool2d):
    """Maximum of windows: y[c, i, j] = max_{m, n} x[c, s i + m - p, s j + n - p], padded with -infinity.

    `size`, `stride` s and `padding` p are (vertical, horizontal).
    """

    def _value(self, *values):
        return _windows(values[0], self.size, self.stride, self.padding, (1, 1), -np.inf).max(axis=(-2, -1))


@dataclass(frozen=True, eq=False)
class Flatten(Node):
    """All axes in one, the last running fastest: y[(c, i, j)] = x[c, i, j]."""

    def _shape(self, *shapes):
        return (prod(shapes[0]),)

    def _value(self, *values):
        return values[0].reshape(len(values[0]), prod(values[0].shape[1:]))


@dataclass(frozen=True, eq=False)
class ReLU(Node):
    """Rectifier: y = max(x, 0)."""

    def _value(self, *values):
        return np.maximum(values[0], 0.0)


@dataclass(frozen=True, eq=False)
class Leaky(Node):
    """A clocked leaky integrate-and-fire neuron, as snnTorch's `Leaky` (Eshraghian et al., Proc. IEEE 2023).

    r = [v > threshold]
    u = beta v + x - r threshold ("subtract") or beta (1 - r) v + x ("zero")
    y = [u > threshold]
    v <- u with `reset_delay`, else u - (y - r) threshold ("subtract") or u - (y - r) u ("zero")

    So a neuron that "subtract" leaves above its threshold is tested against twice the threshold. The pure soft reset,
    "soft", which is never delayed, is without that rule: r = 0, and v <- u - y threshold.

    `beta` in [0, 1] and `threshold` >= 0 broadcast against the input's shape. The neuron has a state, v, so only a
    spiking engine evaluates it.
    """

    beta: np.ndarray
    threshold: np.ndarray
    reset: str
    reset_delay: bool
    arrays: ClassVar = {"beta": None, "threshold": None}

    def _shape(self, *shapes):
        if self.reset not in ("subtract", "zero", "soft"):
            raise ValidationError(f"reset must be 'subtract', 'zero' or 'soft', not {self.reset!r}")
        if self.reset == "soft" and self.reset_delay:
            raise ValidationError("reset_delay must be False with reset 'soft'")
        if not np.all((self.beta >= 0.0) & (self.beta <= 1.0)):
            raise ValidationError("beta must lie in [0, 1]")
        if np.any(self.threshold < 0.0):
            raise ValidationError("threshold must be at least 0")
        for name in self.arrays:
            # Aligned at the last axis, as PyTorch does, and never enlarging the population.
            own = getattr(self, name).shape
            tail = shapes[0][len(shapes[0]) - len(own) :]
            if len(own) > len(shapes[0]) or any(a not in (1, b) for a, b in zip(own, tail, strict=True)):
                raise ValidationError(f"{name} of shape {own} does not broadcast to the input {shapes[0]}")
        return shapes[0]


def _require_bias(bias: np.ndarray, out: int) -> None:
    if bias.shape != (out,):
        raise ValidationError(f"bias must have shape ({out},), not {bias.shape}")


def _require_image(shape: Shape) -> Shape:
    if len(shape) != 3:
        raise ValidationError(f"needs an input of shape (channels, height, width), got {shape}")
    return shape


def _positions(image, size, stride, padding, dilation) -> Pair:
    if min(*size, *stride, *dilation) < 1 or min(padding) < 0:
        given = f"size {tuple(size)}, stride {stride}, dilation {dilation} and padding {padding}"
        raise ValidationError(f"{given} must be positive, the padding at least zero")
    height, width = (
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(image, size, stride, padding, dilation, strict=True)
    )
    if height < 1 or width < 1:
        raise ValidationError(f"window {tuple(size)} is larger than the padded input {tuple(image)}")
    return height, width


def _windows(x, size, stride, padding, dilation, fill) -> np.ndarray:
    """View all windows of x (batch, channels, height, width): (batch, channels, rows, columns, *size)."""
    padded = np.pad(x, ((0, 0), (0, 0), *((p, p) for p in padding)), constant_values=fill)
    span = tuple(d * (k - 1) + 1 for k, d in zip(size, dilation, strict=True))
    windows = sliding_window_view(sliding_window_view(padded, span[0], axis=2), span[1], axis=3)
    return windows[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]
