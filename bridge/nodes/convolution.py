"""Convolutions of sequences and images, and their transposes."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np

from bridge.errors import ValidationError
from bridge.nodes.base import Linear, Shape, channelwise
from bridge.nodes.linear import require_bias
from bridge.nodes.windows import positions, require_image, window_positions, windows

Pair = tuple[int, int]
Triple = tuple[int, int, int]

_WINDOW_VALUES = 2**22  # float64 values of unrolled windows a convolution holds at once: 32 MiB


class _Convolution(Linear):
    weight: np.ndarray
    bias: np.ndarray
    stride: Shape
    padding: Shape
    dilation: Shape
    groups: int

    def _shape(self, *shapes):
        out, per_group, *kernel = self.weight.shape
        require_bias(self.bias, out)
        if self.groups < 1 or out % self.groups:
            raise ValidationError(f"groups {self.groups} must divide the {out} output channels")
        channels, *size = require_image(shapes[0], len(kernel))
        if channels != per_group * self.groups:
            raise ValidationError(f"weight {self.weight.shape} with groups {self.groups} got {channels} input channels")
        return (out, *positions(tuple(size), tuple(kernel), self.stride, self.padding, self.dilation))

    def _value(self, *values):
        (x,) = values
        out, *image = self._shape(x.shape[1:])
        per_group, *kernel = self.weight.shape[1:]
        axes = tuple(range(-len(kernel), 0))
        y = np.empty((len(x), out, *image))
        chunk = max(1, _WINDOW_VALUES // (x.shape[1] * prod(kernel) * prod(image)))
        outputs = out // self.groups
        for start in range(0, len(x), chunk):
            part = slice(start, start + chunk)
            views = windows(x[part], tuple(kernel), self.stride, self.padding, self.dilation, 0.0)
            if per_group == outputs == 1:
                # A depthwise convolution: one tensordot a channel would be slower than one pass over the taps.
                y[part] = sum(
                    views[(..., *tap)] * channelwise(self.weight[(slice(None), 0, *tap)], x.ndim)
                    for tap in np.ndindex(*kernel)
                )
                continue
            for group in range(self.groups):
                o = slice(group * outputs, (group + 1) * outputs)
                c = slice(group * per_group, (group + 1) * per_group)
                product = np.tensordot(views[:, c], self.weight[o], axes=((1, *axes), (1, *axes)))
                y[part, o] = np.moveaxis(product, -1, 1)
        return y + channelwise(self.bias, x.ndim)

    def _macs(self, *shapes):
        return self.weight.size * prod(self._shape(*shapes)[1:])

    def _matrix(self, *shapes):
        return _matrix(self.weight, shapes[0], self.stride, self.padding, self.dilation, self.groups)


@dataclass(frozen=True, eq=False)
class Conv1d(_Convolution):
    """Cross-correlation of sequences: y[o, i] = b[o] + sum_{c, m} W[o, c, m] x[g(o) + c, s i + d m - p].

    As `Conv2d`, on (channels, length), with W (out, in / groups, size) and tuples of one number.
    """

    weight: np.ndarray
    bias: np.ndarray
    stride: Shape = (1,)
    padding: Shape = (0,)
    dilation: Shape = (1,)
    groups: int = 1
    arrays: ClassVar = {"weight": 3, "bias": 1}


@dataclass(frozen=True, eq=False)
class Conv2d(_Convolution):
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


@dataclass(frozen=True, eq=False)
class Conv3d(_Convolution):
    """Cross-correlation of volumes, as `Conv2d` with a third axis, the depth, in front of height and width.

    y[o, h, i, j] = b[o] + sum_{c, l, m, n} W[o, c, l, m, n] x[g(o) + c, s h + d l - p, s i + d m - p, s j + d n - p]
    """

    weight: np.ndarray
    bias: np.ndarray
    stride: Triple = (1, 1, 1)
    padding: Triple = (0, 0, 0)
    dilation: Triple = (1, 1, 1)
    groups: int = 1
    arrays: ClassVar = {"weight": 5, "bias": 1}


class _Transposed(Linear):
    weight: np.ndarray
    bias: np.ndarray
    stride: Shape
    padding: Shape
    output_padding: Shape
    dilation: Shape
    groups: int

    def _shape(self, *shapes):
        into, per_group, *kernel = self.weight.shape
        channels, *image = require_image(shapes[0], len(kernel))
        if self.groups < 1 or into % self.groups or channels != into:
            raise ValidationError(f"weight {self.weight.shape} with groups {self.groups} got {channels} input channels")
        require_bias(self.bias, per_group * self.groups)
        if min(*self.stride, *self.dilation) < 1 or min(*self.padding, *self.output_padding) < 0:
            raise ValidationError("stride and dilation must be positive, the paddings at least zero")
        spans = zip(image, kernel, self.stride, self.padding, self.output_padding, self.dilation, strict=True)
        sizes = tuple((n - 1) * s - 2 * p + d * (k - 1) + o + 1 for n, k, s, p, o, d in spans)
        # Where the output is padded by less, the convolution back from it has the input's size.
        if any(o >= max(s, d) for o, s, d in zip(self.output_padding, self.stride, self.dilation, strict=True)):
            raise ValidationError(f"output_padding {self.output_padding} must be less than the stride or dilation")
        if min(sizes) < 1:
            raise ValidationError(f"padding {self.padding} leaves nothing of an input of shape {shapes[0]}")
        return (len(self.bias), *sizes)

    def _value(self, *values):
        (x,) = values
        shape = self._shape(x.shape[1:])
        y = (self.matrix(x.shape[1:]) @ x.reshape(len(x), -1).T).T.reshape(len(x), *shape)
        return y + channelwise(self.bias, x.ndim)

    def offset(self, *shapes):
        shape = self._shape(*shapes)
        return np.broadcast_to(channelwise(self.bias, len(shape) + 1), shape).reshape(-1).copy()

    def _macs(self, *shapes):
        return self.weight.size * prod(shapes[0][1:])

    def _matrix(self, *shapes):
        # The convolution that this transposes reads this one's output; positions beyond its last whole window, which
        # exist where the output is padded by a stride or more, receive nothing.
        output = self._shape(*shapes)
        matrix = _matrix(self.weight, output, self.stride, self.padding, self.dilation, self.groups, shapes[0][1:])
        return matrix.T


@dataclass(frozen=True, eq=False)
class ConvTranspose1d(_Transposed):
    """Transposed cross-correlation of sequences: y[g(c) + o, s i + d m - p] += W[c, o, m] x[c, i], y starting at b.

    As `ConvTranspose2d`, on (channels, length), with W (in, out / groups, size) and tuples of one number.
    """

    weight: np.ndarray
    bias: np.ndarray
    stride: Shape = (1,)
    padding: Shape = (0,)
    output_padding: Shape = (0,)
    dilation: Shape = (1,)
    groups: int = 1
    arrays: ClassVar = {"weight": 3, "bias": 1}


@dataclass(frozen=True, eq=False)
class ConvTranspose2d(_Transposed):
    """Transposed cross-correlation: y[g(c) + o, s i + d m - p, s j + d n - p] += W[c, o, m, n] x[c, i, j].

    y starts at the bias b (out,); W is (in, out / groups, height, width); s is `stride`, d `dilation`, p `padding`,
    all (vertical, horizontal), and `output_padding` adds rows and columns at the end; g(c) is the first output channel
    of the group that input channel c belongs to.
    """

    weight: np.ndarray
    bias: np.ndarray
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    output_padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1
    arrays: ClassVar = {"weight": 4, "bias": 1}


@dataclass(frozen=True, eq=False)
class ConvTranspose3d(_Transposed):
    """Transposed cross-correlation of volumes, as `ConvTranspose2d` with the depth in front of height and width.

    y[g(c) + o, s h + d l - p, s i + d m - p, s j + d n - p] += W[c, o, l, m, n] x[c, h, i, j], y starting at b.
    """

    weight: np.ndarray
    bias: np.ndarray
    stride: Triple = (1, 1, 1)
    padding: Triple = (0, 0, 0)
    output_padding: Triple = (0, 0, 0)
    dilation: Triple = (1, 1, 1)
    groups: int = 1
    arrays: ClassVar = {"weight": 5, "bias": 1}


def _matrix(weight, shape, stride, padding, dilation, groups, image=None):
    """Give the matrix of a convolution for inputs of a shape: every tap of every window is an entry.

    `image` is the number of windows along every axis, where it is less than all that fit.
    """
    from scipy.sparse import csr_array

    out, per_group, *kernel = weight.shape
    sources = window_positions(shape, tuple(kernel), stride, padding, dilation)
    if image is not None:
        sources = sources[(slice(None), *(slice(n) for n in image))]
    image = sources.shape[1 : 1 + len(kernel)]
    # (groups, in / groups, windows, taps), beside weights (groups, out / groups, in / groups, taps)
    sources = sources.reshape(groups, 1, per_group, prod(image), prod(kernel))
    weights = weight.reshape(groups, out // groups, per_group, 1, prod(kernel))
    rows = np.arange(out * prod(image)).reshape(groups, out // groups, 1, prod(image), 1)
    full = np.broadcast_shapes(sources.shape, weights.shape)
    kept = np.broadcast_to(sources >= 0, full) & np.broadcast_to(weights != 0.0, full)
    entries = (np.broadcast_to(array, full)[kept] for array in (weights, rows, sources))
    data, row, column = entries
    return csr_array((data, (row, column)), shape=(out * prod(image), prod(shape)))
