"""What all neurons of a node that speak at once bring to their targets, gathered target by target.

Passed on one by one, an event loads and stores every sum that it adds to. Gathered, the sums of a row of targets stay
in registers and the first-level cache (see `snn.lanes`). Weights and counts are real numbers, whose products and sums
are exact as long as they stay below 2^53; where that is not sure, events are passed on one by one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snn.jit import internal
from snn.lanes import LANES, add_real_product, load_lanes, put, real_zeros, store_lanes
from snn.memory import aligned
from snn.program.lower_staircase import columns_in_runs
from snn.program.staircase import StaircaseProgram
from snn.program.tables import CONV2D, DENSE, MAX_POOL2D

_FEW = 4  # that speak in a row of a window, on average: then to look for them takes longer than to pass them on


class Gathers(NamedTuple):
    """How to gather; a row a row of Fans, all int64 but the last three."""

    first_weight: np.ndarray  # into `weights`
    tile: np.ndarray  # weights of a tile of LANES targets
    wide: np.ndarray  # convolution: width of the image with its padding
    places: np.ndarray  # convolution: elements of the image
    first_source: np.ndarray  # convolution: into `place` and `columns`
    weights: np.ndarray  # float64
    place: np.ndarray  # int32: for every source, its element of the image
    columns: np.ndarray  # int32: and where its weights begin among those of a window's row at the left edge


class Space(NamedTuple):
    """Room for what speaks, in the order of places, and for sums."""

    columns: np.ndarray  # int32
    amounts: np.ndarray  # float64: changes of levels
    starts: np.ndarray  # int64: where those of each place begin
    partial: np.ndarray  # float64: sums of a row of targets
    spare: np.ndarray  # int64: a vector of sums


def _weights(program: StaircaseProgram, j: int) -> np.ndarray:
    """Return the weights of a dense fan or a convolution, (sources or elements of the window, targets)."""
    fans, shape = program.fans, program.fans.geometry[j]
    first = program.wires.weights[fans.first_weight[j] :]
    if fans.kind[j] == DENSE:
        sources, targets = int(program.nodes.size[fans.source[j]]), int(shape[0])
        return first[: sources * targets].reshape(sources, targets)
    channels, targets, height, width = (int(shape[i]) for i in (2, 5, 6, 7))
    stored = first[: channels * height * width * targets].reshape(channels, height, width, targets)
    found = np.empty_like(stored)
    found[:, :, columns_in_runs(width, int(shape[9]))] = stored
    return found.transpose(1, 2, 0, 3).reshape(-1, targets)


def _tiles(weights: np.ndarray) -> np.ndarray:
    """Return weights (rows, targets) tile by tile, (tiles, rows, LANES), flattened."""
    rows, targets = weights.shape
    tiles = -(-targets // LANES)
    padded = np.zeros((rows, tiles * LANES))
    padded[:, :targets] = weights
    return padded.reshape(rows, tiles, LANES).transpose(1, 0, 2).ravel()


def make_gathers(program: StaircaseProgram) -> Gathers:
    """Return how to gather what fans bring."""
    fans, count = program.fans, len(program.fans.kind)
    rows: dict[str, np.ndarray] = {name: np.zeros(count, np.int64) for name in Gathers._fields[:5]}
    weights, places, columns = [np.zeros(0)], [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
    for j, kind in enumerate(fans.kind):
        if kind not in (DENSE, CONV2D):
            continue
        mine, shape = _weights(program, j), fans.geometry[j]
        rows["first_weight"][j], rows["tile"][j] = sum(map(len, weights)), len(mine) * LANES
        weights.append(_tiles(mine))
        if kind == DENSE:
            continue
        height, width, channels, out_height, out_width = (int(n) for n in shape[:5])
        y, x = np.arange(height)[:, None, None] + shape[10], np.arange(width)[:, None] + shape[11]
        wide = max(width + int(shape[11]), int((out_width - 1) * shape[9] + shape[7]))
        high = max(height + int(shape[10]), int((out_height - 1) * shape[8] + shape[6]))
        rows["wide"][j], rows["places"][j], rows["first_source"][j] = wide, high * wide, sum(map(len, places))
        image = height, width, channels
        places.append(np.broadcast_to(y * wide + x, image).astype(np.int32).ravel())
        columns.append(np.broadcast_to((x * channels + np.arange(channels)) * LANES, image).astype(np.int32).ravel())
    first, second = np.concatenate(places), np.concatenate(columns)
    return Gathers(**rows, weights=aligned(np.concatenate(weights)), place=first, columns=second)


def make_space(program: StaircaseProgram, gathers: Gathers) -> Space:
    """Return room for one share of the work."""
    most, widest = int(program.nodes.size.max()), int(program.fans.geometry[:, 4].max(initial=0))
    return Space(
        np.empty(most, np.int32),
        np.empty(most),
        np.empty(int(gathers.places.max(initial=0)) + 1, np.int64),
        aligned(np.empty(LANES * widest)),
        np.empty(LANES, np.int64),
    )


@internal
def _conv2d(tables, j, speakers, sums, scratch):
    gathers, shape, slot, space = tables.gathers, tables.fans.geometry[j], tables.fans.slot[j], scratch.space
    columns, amounts, starts, partial = space.columns, space.amounts, space.starts, space.partial
    wide, places, first_source = gathers.wide[j], gathers.places[j], gathers.first_source[j]
    for place in range(places + 1):
        starts[place] = 0
    for k in range(speakers):
        source = np.uint64(first_source + scratch.neuron[k])
        columns[k], amounts[k] = gathers.columns[source], np.float64(scratch.change[k])
        starts[np.uint64(gathers.place[source] + 1)] = k + 1
    for place in range(places):  # where nobody speaks, those before it end
        starts[place + 1] = max(starts[place], starts[place + 1])
    channels, out_height, out_width, targets, height, width = shape[2], shape[3], shape[4], shape[5], shape[6], shape[7]
    down, right = shape[8], shape[9]
    for low in range(0, targets, LANES):
        first = gathers.first_weight[j] + low // LANES * gathers.tile[j]
        for y in range(out_height):
            for x in range(out_width):
                store_lanes(partial, LANES * x, real_zeros())
            for row in range(height):
                for x in range(out_width):
                    place = (y * down + row) * wide + x * right
                    at = first + (row * width - x * right) * channels * LANES
                    begin, end = starts[np.uint64(place)], starts[np.uint64(place + width)]
                    lanes = load_lanes(real_zeros(), partial, LANES * x)
                    for e in range(np.uint64(begin), np.uint64(end)):
                        lanes = add_real_product(lanes, gathers.weights, at + np.int64(columns[e]), amounts[e])
                    store_lanes(partial, LANES * x, lanes)
            for x in range(out_width):
                lanes, place = load_lanes(real_zeros(), partial, LANES * x), slot + (y * out_width + x) * targets
                put(lanes, LANES, sums, place + low, place + targets, space.spare)


@internal
def _dense(tables, j, speakers, sums, scratch):
    gathers, targets, slot = tables.gathers, tables.fans.geometry[j, 0], tables.fans.slot[j]
    for low in range(0, targets, LANES):
        first = gathers.first_weight[j] + low // LANES * gathers.tile[j]
        lanes = real_zeros()
        for k in range(speakers):
            place = first + LANES * scratch.neuron[k]
            lanes = add_real_product(lanes, gathers.weights, place, np.float64(scratch.change[k]))
        put(lanes, LANES, sums, slot + low, slot + targets, scratch.space.spare)


@internal
def _max_pool2d(tables, j, sample, scratch):
    """Bring the counters up to date, and say what that changes of the largest count of each window."""
    fans, shape = tables.fans, tables.fans.geometry[j]
    first_counter, first_best, weight = (
        fans.first_counter[j],
        fans.first_best[j],
        tables.wires.weights[fans.first_weight[j]],
    )
    counters, sums, largest = sample.counters, sample.sums, scratch.wanted
    first, size = tables.nodes.first[fans.source[j]], tables.nodes.size[fans.source[j]]
    said, counted = sample.levels[first : first + size], counters[first_counter : first_counter + size]
    for i in range(size):  # nothing is under way
        counted[i] = said[i]
    height, width, channels, out_height, out_width = shape[0], shape[1], shape[2], shape[3], shape[4]
    for out_y in range(out_height):
        top, left = out_y * shape[8] - shape[10], -shape[11]
        for out_x in range(out_width):
            found = False
            for y in range(max(0, top), min(height, top + shape[6])):
                for x in range(max(0, left), min(width, left + shape[7])):
                    window = counters[first_counter + (y * width + x) * channels :][:channels]
                    if found:
                        for c in range(channels):
                            largest[c] = max(largest[c], window[c])
                    else:
                        for c in range(channels):
                            largest[c] = window[c]
                    found = True
            left += shape[9]
            if found:
                target = (out_y * out_width + out_x) * channels
                bests, into = sample.bests[first_best + target :], sums[fans.slot[j] + target :]
                for c in range(channels):
                    into[c] += weight * (largest[c] - bests[c])
                    bests[c] = largest[c]


@internal
def gather(tables, plan, j, speakers, sample, scratch):
    """Add what the neurons listed in `scratch`, in ascending order, bring through fan `j` to the sums they reach.

    Returns
    -------
    int
        1, or 0 where they must or had better be passed on one by one.
    """
    kind, shape = tables.fans.kind[j], tables.fans.geometry[j]
    if kind == MAX_POOL2D:
        _max_pool2d(tables, j, sample, scratch)
        return 1
    if not plan.exact[j] or kind not in (DENSE, CONV2D):
        return 0
    if kind == DENSE:
        _dense(tables, j, speakers, sample.sums, scratch)
        return 1
    if speakers * shape[7] < _FEW * tables.gathers.places[j]:
        return 0
    _conv2d(tables, j, speakers, sample.sums, scratch)
    return 1
