"""Arrival through dense and convolutional patterns: every target gathers what the step's spikes bring it.

Spread spike by spike, a weight costs a load and a store of the sum that it is added to. Gathered target by target the
sums stay in registers (see `snn.lanes`), and a weight costs one addition. Weights stand in tiles of as many targets as
there are lanes, filled up with zeros.

The spikes that an output of a convolution sees lie, in each row of its window, side by side, once they are sorted by
their place in the image. What only the window's rows and columns tell apart, such as the elements that a pooling adds
up, shares a place: a convolution whose weights are the same over blocks of `f` by `f` elements, and whose stride is a
multiple of `f`, is one of a smaller image. That is what average pooling leaves, merged into the convolution after it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snn.jit import internal, only_with
from snn.lanes import (
    LANES,
    PRODUCT_LANES,
    add_product,
    add_weights,
    load_lanes,
    narrow_zeros,
    product_zeros,
    put,
    store_lanes,
    wide_zeros,
)
from snn.memory import aligned
from snn.program import Program
from snn.program.tables import CONV2D, DENSE

_NARROW_SUM = np.iinfo(np.int32).max


class Gathers(NamedTuple):
    """How to gather; a row a row of Projections, all int64 but the last three, which are int32."""

    gathered: np.ndarray  # 1 for those that are
    narrow: np.ndarray  # 1 where no sum of weights needs more than 32 bits
    first_weight: np.ndarray  # into `weights`
    tile: np.ndarray  # weights of a tile
    targets: np.ndarray  # dense: their number; convolution: channels of the target
    window: np.ndarray  # convolution (projections, 9): see `_fold`
    block: np.ndarray  # convolution: rows of the source that share a place
    first_source: np.ndarray  # convolution: into `cells` and `columns`
    weights: np.ndarray
    cells: np.ndarray  # for every source, its row and its place's column in the image; without blocks, its place
    columns: np.ndarray  # and where its weights begin among those of a window's row, for a window at the left edge


class Sorted(NamedTuple):
    """A thread's own space for the spikes of a step, sorted by their places, and for the sums of an image."""

    given: np.ndarray  # int32: columns of the spikes, in the order of their neurons
    ends: np.ndarray  # int64: where those of each cell end
    columns: np.ndarray  # int32: the same place by place
    starts: np.ndarray  # int64: where the spikes of each place begin
    image: np.ndarray  # int64: amounts of the sources of a current
    narrow: np.ndarray  # int32: a vector for each element of the output
    wide: np.ndarray  # int64: the same


class StepSpikes(NamedTuple):
    """The spikes of one node of one sample in one step: those of slice s from ids[ends[s, row]] on."""

    ids: np.ndarray
    ends: np.ndarray
    row: int
    first_slice: int
    end_slice: int


def _tiles(weights: np.ndarray, lanes: int) -> np.ndarray:
    """Return weights (rows, targets) tile by tile, (tiles, rows, lanes), flattened."""
    rows, targets = weights.shape
    tiles = -(-targets // lanes)
    padded = np.zeros((rows, tiles * lanes), np.int32)
    padded[:, :targets] = weights
    return padded.reshape(rows, tiles, lanes).transpose(1, 0, 2).ravel()


def _blocks(weights: np.ndarray, stride: tuple[int, int]) -> int:
    """Return the largest f that divides size and stride, and over whose blocks weights (height, width, ...) are one."""
    height, width = weights.shape[:2]
    for f in range(min(stride), 1, -1):
        if all(n % f == 0 for n in (height, width, *stride)):
            blocks = weights.reshape(height // f, f, width // f, f, -1)
            if (blocks == blocks[:, :1, :, :1]).all():
                return f
    return 1


def _fold(shape: np.ndarray, f: int) -> tuple[list[int], np.ndarray, np.ndarray]:
    """Return a convolution's window, and cells and columns of its sources, with blocks of f by f as one element.

    The window: height, width, its steps down and to the right, height and width of the output, width of the image with
    its padding, places of the image, and channels of the source.
    """
    height, width, channels, out_height, out_width = (int(n) for n in shape[:5])
    size, stride, padding = shape[6:8] // f, shape[8:10] // f, shape[10:12]
    y, x = np.arange(height) + padding[0], (np.arange(width) + padding[1]) // f
    rows = max(int(y[-1]) // f + 1, int((out_height - 1) * stride[0] + size[0]))
    wide = max(int(x[-1]) + 1, int((out_width - 1) * stride[1] + size[1]))
    cells = np.broadcast_to(y[:, None, None] * wide + x[:, None], (height, width, channels))
    columns = np.broadcast_to((x[:, None] * channels + np.arange(channels)) * LANES, (height, width, channels))
    window = [*size, *stride, out_height, out_width, wide, rows * wide, channels]
    return window, cells.ravel().astype(np.int32), columns.ravel().astype(np.int32)


def _dense_sources(program: Program, j: int) -> int:
    """Return the number of sources of a dense pattern: its weights end where those of another begin."""
    projections = program.projections
    ends = np.sort(np.append(projections.first_weight, len(program.synapses.pattern_weights)))
    first = projections.first_weight[j]
    return int(ends[np.searchsorted(ends, first, side="right")] - first) // int(projections.geometry[j, 0])


def pattern_weights(program: Program, j: int) -> np.ndarray:
    """Return the weights of a dense pattern, (sources, targets), or of a convolution, (height, width, ...)."""
    shape, first = program.projections.geometry[j], program.projections.first_weight[j]
    mine = program.synapses.pattern_weights[first:]
    if program.projections.kind[j] == DENSE:
        sources, targets = _dense_sources(program, j), int(shape[0])
        return mine[: sources * targets].reshape(sources, targets)
    channels, targets, size = int(shape[2]), int(shape[5]), shape[6:8]
    return mine[: channels * size.prod() * targets].reshape(channels, *size, targets).transpose(1, 2, 0, 3)


def make_gathers(program: Program) -> tuple[Gathers | None, Sorted]:
    """Return how to gather, or None where nothing is, and the space a thread needs."""
    projections, count = program.projections, len(program.projections.kind)
    rows: dict[str, np.ndarray] = {name: np.zeros(count, np.int64) for name in Gathers._fields[:8]}
    rows["window"] = np.zeros((count, 9), np.int64)
    weights, cells, columns = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
    flowing = program.currents.projection
    for j in [*program.incoming, *flowing[flowing >= 0]]:
        kind, shape = projections.kind[j], projections.geometry[j]
        if kind not in (DENSE, CONV2D):
            continue
        mine = pattern_weights(program, j)
        targets = mine.shape[-1]
        reach = np.abs(mine.astype(np.int64)).reshape(-1, targets).sum(axis=0)
        if kind == CONV2D:
            # Amounts of a current, unlike spikes, are not added up where weights are equal: they need all their bits.
            f = 1 if j in flowing else _blocks(mine, (int(shape[8]), int(shape[9])))
            rows["window"][j], cell, column = _fold(shape, f)
            rows["block"][j], rows["first_source"][j] = f, sum(map(len, cells))
            cells.append(cell)
            columns.append(column)
            mine = mine[::f, ::f].reshape(-1, targets)
        lanes = PRODUCT_LANES if j in flowing else LANES
        rows["gathered"][j], rows["narrow"][j] = 1, int(reach.max(initial=0) <= _NARROW_SUM)
        rows["first_weight"][j], rows["tile"][j] = sum(map(len, weights)), len(mine) * lanes
        rows["targets"][j] = targets
        weights.append(_tiles(mine, lanes))
    most, window = max(map(len, cells)) + LANES, rows["window"]
    places = window[:, 7]
    sizes = {
        "given": most,
        "ends": int((places * rows["block"]).max(initial=0)) + 1,
        "columns": most,
        "starts": int(places.max(initial=0)) + 1,
        "image": int((places * window[:, 8]).max(initial=0)),
        "narrow": LANES * int((window[:, 4] * window[:, 5]).max(initial=0)),
    }
    sizes["wide"] = sizes["narrow"]
    small = ("given", "columns", "narrow")
    space = Sorted(*(np.empty(sizes[name], np.int32 if name in small else np.int64) for name in Sorted._fields))
    if not rows["gathered"].any():
        return None, space
    found = {
        "weights": aligned(np.concatenate(weights)),
        "cells": np.concatenate(cells),
        "columns": np.concatenate(columns),
    }
    return Gathers(**rows, **found), space


@internal
def _dense(zeros, gathers, j, spikes, sums, slot, start, stop, spare):
    weights, tile = gathers.weights, gathers.tile[j]
    ids, ends, row = spikes.ids, spikes.ends, spikes.row
    for low in range(start, stop, LANES):
        first = gathers.first_weight[j] + low // LANES * tile
        lanes = zeros
        for s in range(spikes.first_slice, spikes.end_slice):
            for e in range(np.uint64(ends[s, row]), np.uint64(ends[s, row + 1])):
                lanes = add_weights(lanes, weights, first + LANES * np.int64(ids[e]))
        put(lanes, LANES, sums, slot + low, slot + stop, spare)


@internal
def _dense_product(gathers, j, amounts, first_sample, end_sample, sums, slot, size, spare):
    weights, tile, sources = gathers.weights, gathers.tile[j], amounts.shape[1]
    for low in range(0, size, PRODUCT_LANES):
        first = gathers.first_weight[j] + low // PRODUCT_LANES * tile
        for sample in range(first_sample, end_sample):  # the same weights for all
            lanes = product_zeros()
            for i in range(sources):
                amount = amounts[sample, np.uint64(i)]
                if amount:
                    lanes = add_product(lanes, weights, first + PRODUCT_LANES * i, amount)
            put(lanes, PRODUCT_LANES, sums[sample], slot + low, slot + size, spare)


@internal
def _conv2d_product(gathers, j, amounts, first_sample, end_sample, image, sums, slot, spare):
    """As `_conv2d`, of the amounts in an image with its padding."""
    window, weights, targets = gathers.window[j], gathers.weights, gathers.targets[j]
    height, width, down, right, out_height, out_width = window[0], window[1], window[2], window[3], window[4], window[5]
    wide, channels = window[6], window[8]
    for sample in range(first_sample, end_sample):
        for i in range(window[7] * channels):
            image[i] = 0
        for i in range(amounts.shape[1]):
            source = gathers.first_source[j] + i
            channel = gathers.columns[source] // LANES % channels
            image[gathers.cells[source] * channels + channel] += amounts[sample, i]
        for low in range(0, targets, PRODUCT_LANES):
            first = gathers.first_weight[j] + low // PRODUCT_LANES * gathers.tile[j]
            for y in range(out_height):
                for x in range(out_width):
                    lanes = product_zeros()
                    for row in range(height):
                        place = ((y * down + row) * wide + x * right) * channels
                        at = first + row * width * channels * PRODUCT_LANES
                        for i in range(width * channels):
                            amount = image[np.uint64(place + i)]
                            if amount:
                                lanes = add_product(lanes, weights, at + PRODUCT_LANES * i, amount)
                    place = slot + (y * out_width + x) * targets
                    put(lanes, PRODUCT_LANES, sums[sample], place + low, place + targets, spare)


@only_with("gathers")
def gather_product(tables, j, amounts, first_sample, end_sample, sums, slot, size, scratch):
    """Add what amounts (samples, sources) bring through projection `j` to the sums of some samples, if it is gathered.

    Returns
    -------
    int
        1, or 0 where it is not.
    """
    gathers = tables.gathers
    if not gathers.gathered[j]:
        return 0
    if tables.projections.kind[j] == DENSE:
        _dense_product(gathers, j, amounts, first_sample, end_sample, sums, slot, size, scratch.spare)
    else:
        image = scratch.sorted.image
        _conv2d_product(gathers, j, amounts, first_sample, end_sample, image, sums, slot, scratch.spare)
    return 1


@internal
def _sort(gathers, j, spikes, space):
    """Sort spikes by their places. Those of a cell stand side by side as they come, since neurons do."""
    first, block, wide, places = gathers.first_source[j], gathers.block[j], gathers.window[j, 6], gathers.window[j, 7]
    cells, columns, ids, given, ends = gathers.cells, gathers.columns, spikes.ids, space.given, space.ends
    starts = space.starts
    for cell in range(places * block + 1):
        ends[cell] = 0
    found = 0
    for s in range(spikes.first_slice, spikes.end_slice):
        for e in range(np.uint64(spikes.ends[s, spikes.row]), np.uint64(spikes.ends[s, spikes.row + 1])):
            source = np.uint64(first + ids[e])
            given[np.uint64(found)] = columns[source]
            found += 1
            ends[np.uint64(cells[source] + 1)] = found
    for cell in range(places * block):  # where there are none, those before it end
        ends[cell + 1] = max(ends[cell], ends[cell + 1])
    count, last = 0, places * block - wide  # the last row
    for row in range(0, last + 1, block * wide):
        for place in range(wide):
            starts[np.uint64(row // block + place)] = count
            for cell in range(row + place, row + place + block * wide, wide):
                begin, end = ends[np.uint64(cell)], ends[np.uint64(cell + 1)]
                store_lanes(space.columns, count, load_lanes(narrow_zeros(), given, begin))
                for more in range(begin + LANES, end, LANES):
                    store_lanes(space.columns, count + more - begin, load_lanes(narrow_zeros(), given, more))
                count += end - begin
    starts[places] = count


@internal
def _conv2d(zeros, partial, gathers, j, space, sums, slot, spare):
    window, weights, targets, columns = gathers.window[j], gathers.weights, gathers.targets[j], space.columns
    height, width, down, right, out_height, out_width = window[0], window[1], window[2], window[3], window[4], window[5]
    wide, channels = window[6], window[8]
    for low in range(0, targets, LANES):
        first = gathers.first_weight[j] + low // LANES * gathers.tile[j]
        for i in range(out_height * out_width):
            store_lanes(partial, LANES * i, zeros)
        for row in range(height):  # outermost: the weights of one row stay in the first-level cache
            for y in range(out_height):
                for x in range(out_width):
                    place = (y * down + row) * wide + x * right
                    at = first + (row * width - x * right) * channels * LANES
                    mine = LANES * (y * out_width + x)
                    lanes = load_lanes(zeros, partial, mine)
                    for e in range(
                        np.uint64(space.starts[np.uint64(place)]), np.uint64(space.starts[np.uint64(place + width)])
                    ):
                        lanes = add_weights(lanes, weights, at + np.int64(columns[e]))
                    store_lanes(partial, mine, lanes)
        for i in range(out_height * out_width):
            place = slot + i * targets
            put(load_lanes(zeros, partial, LANES * i), LANES, sums, place + low, place + targets, spare)


@only_with("gathers")
def gather(tables, j, spikes, sums, slot, start, stop, scratch):
    """Add what a step's spikes bring through projection `j` to one slice of its target, if that is how it is done.

    Parameters
    ----------
    tables : Tables
    j : int
    spikes : StepSpikes
    sums, slot, start, stop : ndarray of int64, int, int, int
        As those of `deliver`.
    scratch : Scratch

    Returns
    -------
    int
        1, or 0 where spreading them one by one costs less.
    """
    gathers = tables.gathers
    if not gathers.gathered[j]:
        return 0
    if tables.projections.kind[j] == DENSE:
        if gathers.narrow[j]:
            _dense(narrow_zeros(), gathers, j, spikes, sums, slot, start, stop, scratch.spare)
        else:
            _dense(wide_zeros(), gathers, j, spikes, sums, slot, start, stop, scratch.spare)
        return 1
    window, count = gathers.window[j], 0
    for s in range(spikes.first_slice, spikes.end_slice):
        count += spikes.ends[s, spikes.row + 1] - spikes.ends[s, spikes.row]
    if count * window[0] * window[1] < window[4] * window[5]:  # most outputs would look in vain
        return 0
    _sort(gathers, j, spikes, scratch.sorted)
    if gathers.narrow[j]:
        _conv2d(narrow_zeros(), scratch.sorted.narrow, gathers, j, scratch.sorted, sums, slot, scratch.spare)
    else:
        _conv2d(wide_zeros(), scratch.sorted.wide, gathers, j, scratch.sorted, sums, slot, scratch.spare)
    return 1
