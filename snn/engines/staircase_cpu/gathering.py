"""What all neurons of a node that speak at once bring to their targets, gathered target by target.

Passed on one by one, an event loads and stores every sum that it adds to. Gathered, the sums of a row of targets stay
in registers and the first-level cache (see `snn.lanes`). Weights and counts are real numbers, whose products and sums
are exact as long as they stay below 2^53; where that is not sure, events are passed on one by one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snn.engines.staircase_cpu.convolving import BAND, convolve
from snn.engines.staircase_cpu.pooling import max_pool2d
from snn.jit import internal
from snn.lanes import LANES, STRIP, add_lanes, add_real_product, put, real_zeros
from snn.memory import aligned
from snn.program.lower_staircase import columns_in_runs
from snn.program.staircase import StaircaseProgram
from snn.program.tables import CONV2D, DENSE, MAX_POOL2D


class Gathers(NamedTuple):
    """How to gather; the first seven have a row a row of Fans, int64."""

    first_weight: np.ndarray  # into `weights`
    tile: np.ndarray  # weights of a tile of LANES targets
    wide: np.ndarray  # convolution: width of the image with its padding
    places: np.ndarray  # convolution: elements of the image
    first_source: np.ndarray  # convolution: into `place` and `columns`
    first_run: np.ndarray  # convolution: into `runs`
    first_column: np.ndarray  # convolution: into `run_target` and so on
    weights: np.ndarray  # float64
    place: np.ndarray  # int32: for every source, its element of the image
    columns: np.ndarray  # int32: and where its weights begin among those of a window's row at the left edge
    runs: np.ndarray  # float64: weights of convolutions in the order of `columns_in_runs`
    run_target: np.ndarray  # int64: for every column of an image, the first target of a row that it reaches,
    run_length: np.ndarray  # ... how many it reaches
    run_column: np.ndarray  # ... and where in `columns_in_runs` the column is that the first of them has it in


class Space(NamedTuple):
    """Room for what speaks, in the order of places, and for sums."""

    columns: np.ndarray  # int32
    amounts: np.ndarray  # float64: changes of levels
    starts: np.ndarray  # int64: where those of each place begin
    places: np.ndarray  # uint32: where each is,
    target: np.ndarray  # int64: ... the first target of a row that it reaches,
    length: np.ndarray  # int64: ... how many it reaches,
    weight: np.ndarray  # int64: ... and where their weights begin
    partial: np.ndarray  # float64: sums of a row of targets, or of one tile of a band of rows
    spare: np.ndarray  # int64: a vector of sums
    largest: np.ndarray  # int64: max-pooling: largest level of each column of a row of windows


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
    rows: dict[str, np.ndarray] = {name: np.zeros(count, np.int64) for name in Gathers._fields[:7]}
    lists: dict[str, list[np.ndarray]] = {name: [np.zeros(0, np.int64)] for name in Gathers._fields[7:]}
    for j, kind in enumerate(fans.kind):
        if kind not in (DENSE, CONV2D):
            continue
        mine, shape = _weights(program, j), fans.geometry[j]
        rows["first_weight"][j], rows["tile"][j] = sum(map(len, lists["weights"])), len(mine) * LANES
        lists["weights"].append(_tiles(mine))
        if kind == DENSE:
            continue
        height, width, channels, out_height, out_width = (int(n) for n in shape[:5])
        y, x = np.arange(height)[:, None, None] + shape[10], np.arange(width)[:, None] + shape[11]
        wide = max(width + int(shape[11]), int((out_width - 1) * shape[9] + shape[7]))
        high = max(height + int(shape[10]), int((out_height - 1) * shape[8] + shape[6]))
        rows["wide"][j], rows["places"][j] = wide, high * wide
        for row, name in (("first_source", "place"), ("first_run", "runs"), ("first_column", "run_target")):
            rows[row][j] = sum(map(len, lists[name]))
        image = height, width, channels
        lists["place"].append(np.broadcast_to(y * wide + x, image).ravel())
        lists["columns"].append(np.broadcast_to((x * channels + np.arange(channels)) * LANES, image).ravel())
        lists["runs"].append(program.wires.weights[fans.first_weight[j] :][: mine.size])
        for name, column in zip(("run_target", "run_length", "run_column"), _runs(shape, wide), strict=True):
            lists[name].append(column)
    made = {name: np.concatenate(parts) for name, parts in lists.items()}
    made |= {name: made[name].astype(np.int32) for name in ("place", "columns")}
    return Gathers(**rows, **made | {name: aligned(made[name].astype(np.float64)) for name in ("weights", "runs")})


def _runs(shape: np.ndarray, wide: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return for every column of an image what `Gathers` says of it: `run_target`, `run_length` and `run_column`."""
    out_width, width, right = int(shape[4]), int(shape[7]), int(shape[9])
    x, order = np.arange(wide), np.array(columns_in_runs(width, right))
    first = np.maximum(0, -((width - 1 - x) // right))
    length = np.maximum(0, np.minimum(out_width - 1, x // right) - first + 1)
    return first, length, np.argsort(order)[np.where(length, x - first * right, 0)]


def make_space(program: StaircaseProgram, gathers: Gathers) -> Space:
    """Return room for one share of the work."""
    shapes = program.fans.geometry[program.fans.kind == CONV2D]
    most, row, tile = int(program.nodes.size.max()), shapes[:, 4] * shapes[:, 5], LANES * np.maximum(shapes[:, 4], BAND)
    return Space(
        np.empty(most, np.int32),
        np.empty(most),
        np.empty(int(gathers.places.max(initial=0)) + 1, np.int64),
        np.empty(most, np.uint32),
        np.empty(most, np.int64),
        np.empty(most, np.int64),
        np.empty(most, np.int64),
        aligned(np.empty(int(np.maximum(row + STRIP, tile).max(initial=0)))),
        np.empty(LANES, np.int64),
        np.empty(most, np.int64),
    )


@internal
def _dense(tables, j, speakers, sums, scratch):
    gathers, targets, slot = tables.gathers, tables.fans.geometry[j, 0], tables.fans.slot[j]
    for low in range(0, targets, LANES):
        first = gathers.first_weight[j] + low // LANES * gathers.tile[j]
        lanes, others = real_zeros(), real_zeros()  # two, since each product waits for the one before it in its own
        for k in range(0, speakers - 1, 2):
            place, another = first + LANES * scratch.neuron[k], first + LANES * scratch.neuron[k + 1]
            lanes = add_real_product(lanes, gathers.weights, place, np.float64(scratch.change[k]))
            others = add_real_product(others, gathers.weights, another, np.float64(scratch.change[k + 1]))
        if speakers % 2:
            place, change = first + LANES * scratch.neuron[speakers - 1], scratch.change[speakers - 1]
            lanes = add_real_product(lanes, gathers.weights, place, np.float64(change))
        lanes = add_lanes(lanes, others)
        put(lanes, LANES, sums, slot + low, slot + targets, scratch.space.spare)


@internal
def gather(tables, plan, j, speakers, sample, scratch):
    """Add what the neurons listed in `scratch`, in ascending order, bring through fan `j` to the sums they reach.

    Returns
    -------
    int
        1, or 0 where they must or had better be passed on one by one.
    """
    kind = tables.fans.kind[j]
    if kind == MAX_POOL2D:
        max_pool2d(tables, j, sample, scratch)
        return 1
    if not plan.exact[j] or kind not in (DENSE, CONV2D):
        return 0
    if kind == DENSE:
        _dense(tables, j, speakers, sample.sums, scratch)
        return 1
    convolve(tables, j, speakers, sample.sums, scratch)
    return 1
