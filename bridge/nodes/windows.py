"""Windows over images and sequences, which convolutions and pools share.

Sizes, strides, paddings and dilations are tuples with a number for every axis after the channels.
"""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from bridge.errors import ValidationError
from bridge.nodes.base import Shape


def require_image(shape: Shape, ndim: int) -> Shape:
    """Refuse a shape that is not channels and `ndim` axes more."""
    if len(shape) != ndim + 1:
        axes = {1: "length", 2: "height, width", 3: "depth, height, width"}[ndim]
        raise ValidationError(f"needs an input of shape (channels, {axes}), got {shape}")
    return shape


def positions(image: Shape, size: Shape, stride: Shape, padding: Shape, dilation: Shape) -> Shape:
    """Count the windows along every axis: floor((n + 2 p - d (k - 1) - 1) / s) + 1."""
    if min(*size, *stride, *dilation) < 1 or min(padding) < 0:
        given = f"size {tuple(size)}, stride {stride}, dilation {dilation} and padding {padding}"
        raise ValidationError(f"{given} must be positive, the padding at least zero")
    counts = tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(image, size, stride, padding, dilation, strict=True)
    )
    if min(counts) < 1:
        raise ValidationError(f"window {tuple(size)} is larger than the padded input {tuple(image)}")
    return counts


def windows(x: np.ndarray, size: Shape, stride: Shape, padding: Shape, dilation: Shape, fill: float) -> np.ndarray:
    """View all windows of x (batch, channels, *image): (batch, channels, *positions, *size)."""
    padded = np.pad(x, ((0, 0), (0, 0), *((p, p) for p in padding)), constant_values=fill)
    for axis, (k, d) in enumerate(zip(size, dilation, strict=True), start=2):
        padded = sliding_window_view(padded, d * (k - 1) + 1, axis=axis)
    steps = tuple(slice(None, None, n) for n in (*stride, *dilation))
    return padded[(slice(None), slice(None), *steps)]


def window_positions(shape: Shape, size: Shape, stride: Shape, padding: Shape, dilation: Shape) -> np.ndarray:
    """Give the flat positions that every window covers, -1 in the padding: (channels, *positions, *size)."""
    inside = np.arange(prod(shape), dtype=np.int64).reshape(1, *shape)
    return windows(inside, size, stride, padding, dilation, -1)[0]


def adaptive_bounds(n: int, wanted: int) -> list[tuple[int, int]]:
    """Give start and end of the windows that adaptive pooling splits an axis into, as PyTorch does."""
    return [(i * n // wanted, -(-(i + 1) * n // wanted)) for i in range(wanted)]
