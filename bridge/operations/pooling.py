"""Rules of pools and upsampling."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from bridge.nodes import (
    AdaptiveMaxPool,
    AveragePool1d,
    AveragePool2d,
    AveragePool3d,
    Gather,
    MaxPool1d,
    MaxPool2d,
    MaxPool3d,
    Resample,
    Scale,
)
from bridge.nodes.windows import adaptive_bounds
from bridge.operations.values import RefusedError, Value, emit, standing, tuple_of


def _average(count: int, kind: type) -> Any:
    def rule(
        input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None
    ):
        input = standing(input, count + 1)
        size, padding = tuple_of(kernel_size, count), tuple_of(padding, count)
        stride = tuple_of(stride or size, count)
        overhang = _overhang(input, size, stride, padding, (1,) * count) if ceil_mode else (0,) * count
        if any(overhang) or (any(padding) and not count_include_pad):
            return _separately(input, size, stride, padding, overhang, count_include_pad, divisor_override)
        pooled = emit(kind, input, size=size, stride=stride, padding=padding)
        if divisor_override in (None, prod(size)):
            return pooled
        return emit(Scale, pooled, factor=prod(size) / divisor_override)

    return rule


def _separately(input, size, stride, padding, overhang, include, divisor) -> Value:
    """Average by a matrix for every axis: windows may count different numbers of values."""
    if divisor is not None:
        raise RefusedError(
            "has divisor_override and windows that reach beyond the image", "Remove the one or the other"
        )
    matrices = []
    for n, k, s, p, over in zip(input.shape[1:], size, stride, padding, overhang, strict=True):
        rows = []
        for start in range(-p, n + p + over - k + 1, s):
            inside = [i for i in range(start, start + k) if 0 <= i < n]
            # What ceil_mode adds beyond the padding never counts.
            counted = min(start + k, n + p) - start if include else len(inside)
            rows.append(np.isin(np.arange(n), inside) / counted)
        matrices.append(np.array(rows))
    return emit(Resample, input, matrices=tuple(matrices))


def _maximum(count: int, kind: type) -> Any:
    def rule(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
        input = standing(input, count + 1)
        size, padding = tuple_of(kernel_size, count), tuple_of(padding, count)
        stride, dilation = tuple_of(stride or size, count), tuple_of(dilation, count)
        if return_indices:
            raise RefusedError("returns the indices of the maxima", "Use return_indices=False")
        overhang = _overhang(input, size, stride, padding, dilation) if ceil_mode else (0,) * count
        if any(overhang):
            # What every window that reaches there also holds, repeated, changes no maximum: the value as many steps
            # before as it takes its values from, which lies in the image.
            positions = np.arange(prod(input.shape)).reshape(input.shape)
            for axis, (over, d) in enumerate(zip(overhang, dilation, strict=True), start=1):
                n = positions.shape[axis]
                positions = np.take(positions, [*range(n), *(n - d + i % d for i in range(over))], axis)
            input = emit(Gather, input, positions=positions)
        return emit(kind, input, size=size, stride=stride, padding=padding, dilation=dilation)

    return rule


def _overhang(input: Value, size, stride, padding, dilation) -> tuple[int, ...]:
    """Count by how much the last window that ceil_mode adds reaches beyond the padded image."""
    over = []
    for n, k, s, p, d in zip(input.shape[1:], size, stride, padding, dilation, strict=True):
        free = n + 2 * p - d * (k - 1) - 1
        steps = -(-free // s)
        # A window must start in the image or the padding before it.
        steps -= steps * s >= n + p
        over.append(max(0, steps * s - free))
    return tuple(over)


def _adaptive_average(count: int, kind: type) -> Any:
    def rule(input, output_size):
        input = standing(input, count + 1)
        wanted = _wanted(input, output_size, count)
        if size := _dividing(input, wanted):
            return emit(kind, input, size=size, stride=size)
        means = zip(input.shape[1:], wanted, strict=True)
        return emit(Resample, input, matrices=tuple(_means(n, m) for n, m in means))

    return rule


def _adaptive_maximum(count: int, kind: type) -> Any:
    def rule(input, output_size, return_indices=False):
        input = standing(input, count + 1)
        wanted = _wanted(input, output_size, count)
        if return_indices:
            raise RefusedError("returns the indices of the maxima", "Use return_indices=False")
        if size := _dividing(input, wanted):
            return emit(kind, input, size=size, stride=size)
        return emit(AdaptiveMaxPool, input, size=wanted)

    return rule


def _wanted(input: Value, output_size: Any, count: int) -> tuple[int, ...]:
    sizes = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * count
    return tuple(n if m is None else m for n, m in zip(input.shape[1:], sizes, strict=True))


def _dividing(input: Value, wanted: tuple[int, ...]) -> tuple[int, ...]:
    """Give the size of windows that are all alike, or () where they are not."""
    sizes = list(zip(input.shape[1:], wanted, strict=True))
    return tuple(n // m for n, m in sizes) if all(m > 0 and n % m == 0 for n, m in sizes) else ()


def _means(n: int, wanted: int) -> np.ndarray:
    rows = [np.isin(np.arange(n), range(*bounds)) for bounds in adaptive_bounds(n, wanted)]
    return np.array([row / row.sum() for row in rows])


def interpolate(
    input,
    size=None,
    scale_factor=None,
    mode="nearest",
    align_corners=None,
    recompute_scale_factor=None,
    antialias=False,
):
    """Resize: a gathering where it takes the nearest, else a matrix for every axis."""
    input = standing(input, 2, 3, 4)
    options = {
        "mode": mode,
        "align_corners": align_corners,
        "recompute_scale_factor": recompute_scale_factor,
        "antialias": antialias,
    }
    if mode.startswith("nearest"):
        positions = torch.arange(prod(input.shape), dtype=torch.float64).reshape(1, *input.shape)
        taken = F.interpolate(positions, size, scale_factor, **options)
        return emit(Gather, input, positions=taken[0].long().numpy())
    count = len(input.shape) - 1
    sizes: Any
    factors: Any
    sizes, factors = (
        tuple(given) if isinstance(given, (tuple, list)) else (given,) * count for given in (size, scale_factor)
    )
    options["mode"] = {"linear": "bilinear", "trilinear": "bilinear"}.get(mode, mode)
    matrices = []
    for n, m, factor in zip(input.shape[1:], sizes, factors, strict=True):
        # The response to every unit vector, as columns, on an image of one column.
        units = torch.eye(n, dtype=torch.float64).reshape(1, n, n, 1)
        own = {"size": (m, 1)} if m is not None else {"scale_factor": (float(factor), 1.0)}
        matrices.append(F.interpolate(units, **own, **options)[0, :, :, 0].T.numpy())
    return emit(Resample, input, matrices=tuple(matrices))


FUNCTIONS = {
    "avg_pool1d": _average(1, AveragePool1d),
    "avg_pool2d": _average(2, AveragePool2d),
    "avg_pool3d": _average(3, AveragePool3d),
    "max_pool1d": _maximum(1, MaxPool1d),
    "max_pool2d": _maximum(2, MaxPool2d),
    "max_pool3d": _maximum(3, MaxPool3d),
    "adaptive_avg_pool1d": _adaptive_average(1, AveragePool1d),
    "adaptive_avg_pool2d": _adaptive_average(2, AveragePool2d),
    "adaptive_avg_pool3d": _adaptive_average(3, AveragePool3d),
    "adaptive_max_pool1d": _adaptive_maximum(1, MaxPool1d),
    "adaptive_max_pool2d": _adaptive_maximum(2, MaxPool2d),
    "adaptive_max_pool3d": _adaptive_maximum(3, MaxPool3d),
    "interpolate": interpolate,
}
# With return_indices=True PyTorch goes by these names.
FUNCTIONS |= {f"{name}_with_indices": rule for name, rule in FUNCTIONS.items() if "max" in name}


def _length(average: Any) -> Any:
    def rule(input, norm_type, kernel_size, stride=None, ceil_mode=False):
        if norm_type % 2:
            raise RefusedError(f"is a pooling by the norm of order {norm_type}", "Use an even order")
        count = prod(tuple_of(kernel_size, 2 if average is F.avg_pool2d else 1))
        return (average(input**norm_type, kernel_size, stride, 0, ceil_mode) * count) ** (1.0 / norm_type)

    return rule


COMPOSITES = {"lp_pool1d": _length(F.avg_pool1d), "lp_pool2d": _length(F.avg_pool2d)}
