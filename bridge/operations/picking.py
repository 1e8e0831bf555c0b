"""Rules of what takes values by constant numbers: parts, diagonals, triangles, windows, shuffles."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from bridge.nodes import Gather, Scale
from bridge.operations.values import REMEDY, RefusedError, Value, constant, emit, tuple_of


def picked(input: Value, axis: int, chosen: np.ndarray) -> Value:
    """Take parts of one of the node's axes."""
    return emit(Gather, input, positions=np.take(_positions(input), chosen, axis))


def numbers(index: Any) -> np.ndarray:
    """Give a list of numbers, or a mask, as numbers; refused where it is something else."""
    if isinstance(index, Value):
        raise RefusedError("takes parts that the input chooses", "Choose them by constants")
    given = index.numpy() if isinstance(index, torch.Tensor) else np.asarray(index)
    given = np.flatnonzero(given) if given.dtype == bool else given
    if given.ndim != 1 or given.dtype.kind not in "iu":
        raise RefusedError("takes parts by something else than a list of numbers", "Use numbers, slices or lists")
    return given


def index_select(input: Value, dim, index):
    """Take parts of an axis by their numbers."""
    return picked(input, input.axis(dim), numbers(index))


def repeat_interleave(input: Value, repeats, dim=None):
    """Repeat every value of an axis."""
    if not isinstance(repeats, int) or dim is None:
        raise RefusedError("repeats a flattened tensor, or each value by its own number", "Give a number and an axis")
    axis = input.axis(dim)
    return picked(input, axis, np.repeat(np.arange(input.shape[axis]), repeats))


def gather(input: Value, dim, index):
    """Take values of an axis by constant numbers, others for each place."""
    axis, chosen = input.axis(dim), _whole(input, index)
    shape = tuple(n if i == axis else chosen.shape[i] for i, n in enumerate(input.shape))
    positions = _positions(input)[tuple(slice(n) for n in shape)]
    return emit(Gather, input, positions=np.take_along_axis(positions, chosen, axis))


def take_along_dim(input: Value, indices, dim=None):
    """Take values of an axis by constant numbers, others for each place, repeated along axes of size 1."""
    if dim is None:
        raise RefusedError("takes values of all samples together", "Give it dim")
    axis, chosen = input.axis(dim), _whole(input, indices)
    shapes = ((*a.shape[:axis], 1, *a.shape[axis + 1 :]) for a in (input, chosen))
    shape = np.broadcast_shapes(*shapes)
    positions, chosen = (
        np.broadcast_to(a, (*shape[:axis], a.shape[axis], *shape[axis + 1 :])) for a in (_positions(input), chosen)
    )
    return emit(Gather, input, positions=np.take_along_axis(positions, chosen, axis))


def _positions(input: Value) -> np.ndarray:
    return np.arange(prod(input.shape)).reshape(input.shape)


def _whole(input: Value, index: Any) -> np.ndarray:
    if not isinstance(index, torch.Tensor):
        raise RefusedError("takes parts that the input chooses", "Choose them by constants")
    given = constant(input, index)
    return (given if given.ndim else np.full((1,) * len(input.shape), given)).astype(np.int64)


def diagonal(input: Value, offset=0, dim1=0, dim2=1):
    """Take the diagonal of two axes, which becomes the last."""
    first, second = input.axes((dim1, dim2))
    if input.batch or input.merged:
        raise RefusedError("reads a tensor whose samples are not alone in front", REMEDY)
    return emit(Gather, input, positions=np.diagonal(_positions(input), offset, first, second))


def rot90(input: Value, k=1, dims=(0, 1)):
    """Turn the plane of two axes."""
    first, second = input.axes(dims)
    return emit(Gather, input, positions=np.rot90(_positions(input), k, (first, second)))


def sliding(input: Value, dimension, size, step):
    """Make windows of an axis, which become the last."""
    axis = input.axis(dimension)
    windows = np.lib.stride_tricks.sliding_window_view(_positions(input), size, axis)
    return emit(Gather, input, positions=np.take(windows, range(0, windows.shape[axis], step), axis))


def _triangle(part) -> Any:
    def rule(input: Value, diagonal=0):
        input.axes((-1, -2))
        kept = part(np.ones(input.shape[-2:]), diagonal)
        return emit(Scale, input, factor=kept)

    return rule


def pixel_shuffle(input: Value, upscale_factor):
    """Move channels to places."""
    return _shuffled(input, lambda x: F.pixel_shuffle(x, upscale_factor))


def pixel_unshuffle(input: Value, downscale_factor):
    """Move places to channels."""
    return _shuffled(input, lambda x: F.pixel_unshuffle(x, downscale_factor))


def channel_shuffle(input: Value, groups):
    """Take channels of all groups in turn."""
    return _shuffled(input, lambda x: F.channel_shuffle(x, groups))


def unfold(input: Value, kernel_size, dilation=1, padding=0, stride=1):
    """Make columns of the windows of an image."""
    # Counted from 1, so that the padding differs from the first place.
    return _shuffled(input, lambda x: F.unfold(x + 1, kernel_size, dilation, padding, stride) - 1)


def _shuffled(input: Value, shuffle) -> Value:
    if input.batch or input.merged:
        raise RefusedError("reads a tensor whose samples are not alone in front", REMEDY)
    positions = torch.from_numpy(_positions(input)).double()[None]
    return emit(Gather, input, positions=shuffle(positions)[0].long().numpy())


FUNCTIONS = {
    "repeat_interleave": repeat_interleave,
    "index_select": index_select,
    "gather": gather,
    "take_along_dim": take_along_dim,
    "diagonal": diagonal,
    "rot90": rot90,
    "sliding": sliding,
    "tril": _triangle(np.tril),
    "triu": _triangle(np.triu),
    "pixel_shuffle": pixel_shuffle,
    "pixel_unshuffle": pixel_unshuffle,
    "channel_shuffle": channel_shuffle,
    "native_channel_shuffle": channel_shuffle,
    "unfold": unfold,
}


def fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Add columns up to the windows of an image: a transposed convolution whose kernels have a single one."""
    height, width = tuple_of(kernel_size, 2)
    options = [tuple_of(option, 2) for option in (output_size, kernel_size, dilation, padding, stride)]
    counts = [(n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, d, p, s in zip(*options, strict=True)]
    over = [(n + 2 * p - d * (k - 1) - 1) % s for n, k, d, p, s in zip(*options, strict=True)]
    channels = input.shape[1] // (height * width)
    single = torch.eye(height * width, dtype=torch.float64).reshape(-1, 1, height, width).repeat(channels, 1, 1, 1)
    image = input.unflatten(2, counts)
    return F.conv_transpose2d(image, single, None, options[4], options[3], over, channels, options[2])


COMPOSITES = {"fold": fold}
