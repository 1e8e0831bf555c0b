"""Rules of what gives tensors other shapes and orders, takes parts of them, or joins them."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from bridge.nodes import Concat, Expand, Flatten, Flip, Gather, Pad, Permute, Reshape, Roll, Shape, Shift, Slice
from bridge.operations.picking import numbers, picked
from bridge.operations.values import REMEDY, RefusedError, Value, constant, emit, number


def reshape(input: Value, *shape):
    """Keep the samples where they are, perhaps with the axes behind them merged into theirs, or split off."""
    sizes = _sizes(input, _listed(shape))
    here = input.batch
    if len(sizes) <= here or sizes[:here] != input.full[:here] or sizes[here] % input.samples:
        raise RefusedError(f"reshapes {input.full} to {sizes}, which tears samples apart", REMEDY)
    inner = sizes[here] // input.samples
    new = (*sizes[:here], *((inner,) if inner > 1 else ()), *sizes[here + 1 :])
    merged = int(inner > 1)
    if new == input.shape:
        return replace(input, merged=merged)
    if new == (prod(input.shape),):
        return emit(Flatten, input, merged=merged)
    return emit(Reshape, input, shape=new, merged=merged)


def _sizes(input: Value, sizes: list[int]) -> Shape:
    if sizes.count(-1) == 1:
        known = prod(size for size in sizes if size != -1)
        sizes = [prod(input.full) // known if size == -1 else size for size in sizes]
    if prod(sizes) != prod(input.full):
        raise RefusedError(f"reshapes {input.full} to {tuple(sizes)}, of another size", REMEDY)
    return tuple(sizes)


def flatten(input: Value, start_dim=0, end_dim=-1):
    """Merge several axes."""
    first, last = start_dim % input.ndim, end_dim % input.ndim
    shape = input.full
    return reshape(input, *shape[:first], prod(shape[first : last + 1]), *shape[last + 1 :])


def unflatten(input: Value, dim, sizes):
    """Split one axis into several."""
    dim %= input.ndim
    sizes = list(map(int, sizes))
    if -1 in sizes:
        sizes[sizes.index(-1)] = -input.full[dim] // prod(sizes)
    return reshape(input, *input.full[:dim], *sizes, *input.full[dim + 1 :])


def permute(input: Value, *dims):
    """Put axes into another order, the samples' among them."""
    order = [dim % input.ndim for dim in _listed(dims)]
    if sorted(order) != list(range(input.ndim)):
        raise RefusedError(f"permutes {input.ndim} axes by {tuple(order)}", "Name every axis once")
    inner = range(input.batch, input.batch + input.merged)
    axes: list[int] = []
    for dim in order:
        axes += inner if dim == input.batch else [input.axis(dim)]
    batch = order.index(input.batch)
    return _permuted(input, tuple(axes), batch)


def _permuted(input: Value, axes: tuple[int, ...], batch: int) -> Value:
    if axes == tuple(range(len(axes))):
        return replace(input, batch=batch)
    return emit(Permute, input, axes=axes, batch=batch)


def transpose(input: Value, dim0, dim1):
    """Exchange two axes."""
    order = list(range(input.ndim))
    order[dim0], order[dim1] = order[dim1], order[dim0]
    return permute(input, *order)


def movedim(input: Value, source, destination):
    """Move axes, the others in their order."""
    sizes = np.empty(range(1, input.ndim + 1))  # all different, so that they tell the axes
    return permute(input, *(size - 1 for size in np.moveaxis(sizes, source, destination).shape))


def turned(input: Value):
    """Turn all axes round, as x.T and x.t() do."""
    return permute(input, *reversed(range(input.ndim)))


def unsqueeze(input: Value, dim):
    """Insert an axis of size 1."""
    dim %= input.ndim + 1
    batch = input.batch + (dim <= input.batch)
    axis = dim if dim <= input.batch else dim - 1 + input.merged
    return emit(Reshape, input, shape=(*input.shape[:axis], 1, *input.shape[axis:]), batch=batch)


def squeeze(input: Value, dim=None):
    """Remove axes of size 1."""
    dims = range(input.ndim) if dim is None else (dim,) if isinstance(dim, int) else dim
    gone = {d % input.ndim for d in dims} - {input.batch}
    axes = {input.axis(d) for d in gone if input.shape[input.axis(d)] == 1}
    if not axes:
        return replace(input)
    batch = input.batch - sum(axis < input.batch for axis in axes)
    return emit(Reshape, input, shape=tuple(n for a, n in enumerate(input.shape) if a not in axes), batch=batch)


def expand(input: Value, *sizes):
    """Repeat along axes of size 1; new ones in front are refused."""
    wanted = _listed(sizes)
    if len(wanted) != input.ndim:
        raise RefusedError(f"expands {input.full} to {tuple(wanted)}: new axes before the samples", REMEDY)
    return _expanded(input, [n if m == -1 else m for n, m in zip(input.full, wanted, strict=True)])


def expand_as(input: Value, other):
    """Repeat along axes of size 1, as another tensor has them."""
    return expand(input, *(other.full if isinstance(other, Value) else other.shape))


def _expanded(input: Value, wanted: list[int]) -> Value:
    if wanted[input.batch] != input.full[input.batch]:
        raise RefusedError(f"expands {input.full} to {tuple(wanted)}: repeats samples", REMEDY)
    inner = input.shape[input.batch : input.batch + input.merged]
    shape = (*wanted[: input.batch], *inner, *wanted[input.batch + 1 :])
    return replace(input) if shape == input.shape else emit(Expand, input, shape=shape)


def repeat(input: Value, *sizes):
    """Repeat whole axes: a concatenation with itself."""
    times = _listed(sizes)
    if len(times) != input.ndim or times[input.batch] != 1:
        raise RefusedError(f"repeats {input.full} {tuple(times)} times: samples, or new axes before them", REMEDY)
    for dim, count in enumerate(times):
        if count > 1:
            input = emit(Concat, *[input] * count, axis=input.axis(dim))
    return replace(input)


def cat(tensors, dim=0, axis=None):
    """Join tensors; constant ones are added to zeros in their place."""
    parts = list(tensors)
    known = [part for part in parts if isinstance(part, Value)]
    first = known[0]
    if any((part.batch, part.merged, part.ndim) != (first.batch, first.merged, first.ndim) for part in known):
        raise RefusedError("joins tensors that have their samples on different axes", REMEDY)
    own = first.axis(dim if axis is None else axis)
    sizes, terms = [], {}
    for part in parts:
        if isinstance(part, Value):
            sizes.append(part.shape[own])
            continue
        given = constant(first, part)
        wanted = (*first.shape[:own], part.shape[dim], *first.shape[own + 1 :])
        terms[sum(sizes)] = np.broadcast_to(given, wanted)
        sizes.append(part.shape[dim])
    if not terms:
        return emit(Concat, *known, axis=own) if len(known) > 1 else replace(first)
    joined = _padded_together(parts, sizes, own)
    term = np.zeros(joined.shape)
    for start, given in terms.items():
        term[(slice(None),) * own + (slice(start, start + given.shape[own]),)] = given
    return emit(Shift, joined, term=term)


def _padded_together(parts: list, sizes: list[int], axis: int) -> Value:
    """Join the tensors of the network among the parts, with zeros where the constants will be."""
    pieces: list[Value] = []
    before = 0
    for part, size in zip(parts, sizes, strict=True):
        if not isinstance(part, Value):
            before += size
            continue
        pieces.append(_zeros(part, axis, before, 0))
        before = 0
    pieces[-1] = _zeros(pieces[-1], axis, 0, before)
    return emit(Concat, *pieces, axis=axis) if len(pieces) > 1 else pieces[0]


def _zeros(input: Value, axis: int, before: int, after: int) -> Value:
    if not before and not after:
        return input
    widths = [(0, 0)] * len(input.shape)
    widths[axis] = (before, after)
    return emit(Pad, input, widths=tuple(widths))


def stack(tensors, dim=0):
    """Join tensors on a new axis."""
    parts = list(tensors)
    first = next(part for part in parts if isinstance(part, Value))
    dim %= first.ndim + 1
    return cat([unsqueeze(part, dim) if isinstance(part, Value) else part.unsqueeze(dim) for part in parts], dim)


def split(input: Value, split_size_or_sections=None, dim=0, split_size=None):
    """Cut an axis, into parts of one size or of those given."""
    axis = input.axis(dim)
    given: Any = split_size if split_size_or_sections is None else split_size_or_sections
    size = input.shape[axis]
    sizes = [min(given, size - start) for start in range(0, size, given)] if isinstance(given, int) else list(given)
    ends = np.cumsum(sizes).tolist()
    return tuple(_slice(input, axis, end - size, end) for end, size in zip(ends, sizes, strict=True))


def chunk(input: Value, chunks, dim=0):
    """Cut an axis into so many parts, the last perhaps smaller."""
    return split(input, -(-input.shape[input.axis(dim)] // chunks), dim)


def unbind(input: Value, dim=0):
    """Take the parts of an axis one by one, without it."""
    axis = input.axis(dim)
    return tuple(select(input, dim, index) for index in range(input.shape[axis]))


def select(input: Value, dim, index):
    """Take one part of an axis, without it."""
    axis = input.axis(dim)
    if not -input.shape[axis] <= index < input.shape[axis]:
        raise RefusedError(f"takes part {index} of an axis of {input.shape[axis]}", "Choose one that is there")
    index %= input.shape[axis]
    part = _slice(input, axis, index, index + 1)
    shape = (*part.shape[:axis], *part.shape[axis + 1 :])
    return emit(Reshape, part, shape=shape, batch=part.batch - (axis < part.batch))


def narrow(input: Value, dim, start, length):
    """Take a part of an axis."""
    axis = input.axis(dim)
    return _slice(input, axis, start % input.shape[axis], start % input.shape[axis] + length)


def _slice(input: Value, axis: int, start: int, stop: int, step: int = 1) -> Value:
    if (start, stop, step) == (0, input.shape[axis], 1):
        return replace(input)
    return emit(Slice, input, axis=axis, start=start, stop=stop, step=step)


def getitem(input: Value, index):
    """Take parts by numbers, slices, new axes and lists of numbers, on all axes but the samples'."""
    items = list(index) if isinstance(index, tuple) else [index]
    if any(isinstance(item, Value) for item in items):
        raise RefusedError("takes parts that the input chooses", "Choose them by constants")
    used = sum(item is not None and item is not Ellipsis for item in items)
    rest = [slice(None)] * (input.ndim - used)
    place = next((i for i, item in enumerate(items) if item is Ellipsis), None)
    items = [*items, *rest] if place is None else [*items[:place], *rest, *items[place + 1 :]]
    dim = lists = 0
    for item in items:
        if item is None:
            input = unsqueeze(input, dim)
        elif isinstance(item, slice):
            if item != slice(None):
                start, stop, step = item.indices(input.shape[input.axis(dim)])
                input = _slice(input, input.axis(dim), start, stop, step)
        elif isinstance(item, int) and not isinstance(item, bool):
            input = select(input, dim, item)
            continue
        else:
            lists += 1
            if lists > 1:
                raise RefusedError("takes parts by lists of numbers on several axes", "Take them one axis at a time")
            input = picked(input, input.axis(dim), numbers(item))
        dim += 1
    return replace(input)


def tensor_split(input: Value, indices_or_sections=None, dim=0, indices=None, sections=None):
    """Cut an axis before each of some numbers, or into so many parts, the first perhaps larger."""
    axis = input.axis(dim)
    given: Any = next(x for x in (indices_or_sections, indices, sections) if x is not None)
    ends = [int(i) for i in given] if isinstance(given, (tuple, list, torch.Tensor)) else int(given)
    parts = np.array_split(np.arange(input.shape[axis]), ends)
    return tuple(_slice(input, axis, int(part[0]), int(part[-1]) + 1) for part in parts)


def pad(input: Value, pad, mode="constant", value=None):
    """Put zeros, constants, or values of the image itself around it."""
    pairs = [(pad[i], pad[i + 1]) for i in range(0, len(pad), 2)]
    widths = [(0, 0)] * len(input.shape)
    for back, pair in enumerate(pairs, start=1):
        if pair != (0, 0):
            widths[input.axis(-back)] = pair
    if all(pair == (0, 0) for pair in widths):
        return replace(input)
    if mode != "constant":
        positions = torch.arange(prod(input.shape), dtype=torch.float64).reshape(1, *input.shape)
        taken = F.pad(positions, pad, mode=mode)
        return emit(Gather, input, positions=taken[0].long().numpy())
    padded = emit(Pad, input, widths=tuple(widths))
    if not value:
        return padded
    outside = np.pad(np.zeros(input.shape), [(max(a, 0), max(b, 0)) for a, b in widths], constant_values=number(value))
    cut = tuple(slice(max(-a, 0), outside.shape[i] - max(-b, 0)) for i, (a, b) in enumerate(widths))
    return emit(Shift, padded, term=outside[cut])


def roll(input: Value, shifts, dims=None):
    """Roll axes."""
    if dims is None:
        raise RefusedError("rolls a flattened tensor", "Give it dims")
    shifts = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    return emit(Roll, input, shifts=shifts, axes=input.axes(dims))


def flip(input: Value, *dims):
    """Turn axes round."""
    for dim in _listed(dims):
        input = emit(Flip, input, axis=input.axis(dim))
    return replace(input)


def unchanged(input: Value, *args, **kwargs):
    """Keep the values, copied or laid out otherwise in memory."""
    return replace(input)


def _listed(sizes: tuple) -> list:
    given = sizes[0] if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes
    return [int(size) for size in given]


FUNCTIONS = {
    "reshape": reshape,
    "view": reshape,
    "flatten": flatten,
    "unflatten": unflatten,
    "permute": permute,
    "transpose": transpose,
    "swapaxes": transpose,
    "swapdims": transpose,
    "movedim": movedim,
    "t": turned,
    "T": turned,
    "mT": lambda input: transpose(input, -2, -1),
    "unsqueeze": unsqueeze,
    "squeeze": squeeze,
    "expand": expand,
    "expand_as": expand_as,
    "view_as": lambda input, other: reshape(input, *(other.full if isinstance(other, Value) else other.shape)),
    "reshape_as": lambda input, other: reshape(input, *(other.full if isinstance(other, Value) else other.shape)),
    "repeat": repeat,
    "tile": repeat,
    "cat": cat,
    "concat": cat,
    "concatenate": cat,
    "stack": stack,
    "split": split,
    "chunk": chunk,
    "unbind": unbind,
    "select": select,
    "narrow": narrow,
    "__getitem__": getitem,
    "tensor_split": tensor_split,
    "broadcast_to": expand,
    "pad": pad,
    "roll": roll,
    "flip": flip,
    **dict.fromkeys(("contiguous", "clone", "detach", "data", "nan_to_num"), unchanged),
}


COMPOSITES = {
    "hstack": lambda tensors: torch.cat(list(tensors), 1),
    "dstack": lambda tensors: torch.cat([x if x.dim() > 2 else x.unsqueeze(-1) for x in tensors], 2),
    "hsplit": lambda input, parts: torch.tensor_split(input, parts, 1),
    "dsplit": lambda input, parts: torch.tensor_split(input, parts, 2),
}
