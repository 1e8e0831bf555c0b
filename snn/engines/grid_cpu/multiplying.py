"""Arrival through dense and convolutional patterns of many steps at once, in the processor's matrix unit.

Between layers all spikes of a window are known before the first of its steps is taken by the layer that they reach. So
spikes of up to 32 steps become as many images of small numbers, which `snn.tiles` multiplies with the weights; each
step then takes its row of sums. The unit does not care how many spike: where few do, `gathering` costs less.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snn import tiles
from snn.engines.grid_cpu.gathering import Gathers, pattern_weights
from snn.jit import internal, only_with, prefer_wide_vectors
from snn.memory import aligned
from snn.program import Program
from snn.program.tables import CONV2D, DENSE, SPIKE_TRAINS
from snn.tiles import DEPTH, PIECE, PLANES, SIDE, SUMS, WIDTH, configure, copy_some, products, put_together, release

STEPS = 2 * SIDE
_ROOM = 4 * 2**20  # bytes of sums and images: they had better stay in the second-level cache
_CYCLES = 128 * PLANES  # of the unit, its loads counted, for 32 rows of 64 numbers and 32 targets
_GATHERED = {DENSE: 5, CONV2D: 2}  # cycles of gathering for a spike and 32 targets: dense weights are in slower caches


class Multiplied(NamedTuple):
    """How to multiply; a row a row of Projections, all int64 but the last three."""

    used: np.ndarray  # 1 for those that may be
    least: np.ndarray  # spikes in 32 steps for which it is worth it
    size: np.ndarray  # bytes of an image
    shape: np.ndarray  # (projections, 4): outputs down and across; steps down, in an image, and across, in a strip
    chunks: np.ndarray  # 64 elements each, of all that one output looks at
    strip: np.ndarray  # (projections, 3): convolution: rows of a window, columns of an image, and its channels
    targets: np.ndarray  # dense: all; convolution: channels
    row: np.ndarray  # sums of a step
    first_sum: np.ndarray
    first_element: np.ndarray  # into `elements`
    first_weight: np.ndarray  # into `weights`
    elements: np.ndarray  # int32: for every source, its place in an image
    weights: np.ndarray  # uint8
    configuration: np.ndarray  # uint8


class Products(NamedTuple):
    """A thread's room for images and sums."""

    images: np.ndarray  # int8
    strips: np.ndarray  # int8: of each step what a row of outputs looks at, column by column
    parts: np.ndarray  # int32: what one call of the unit gives
    spare: np.ndarray  # int32: sums of a tile's targets
    sums: np.ndarray  # int32, projection by projection, step by step
    known: np.ndarray  # int64 (projections, 4): whose they are: slice, sample, first step, one past the last


def _splittable(program: Program) -> np.ndarray:
    """Return for each node whether its slices are blocks of their own, cut where tiles are."""
    slices, blocks = program.slices, program.blocks
    alone = np.ones(len(program.nodes.kind), np.bool_)
    for first, end in zip(blocks.first_slice[:-1], blocks.first_slice[1:], strict=True):
        if end - first > 1:
            alone[slices.node[blocks.slices[first:end]]] = False
    alone[slices.node[slices.start % WIDTH != 0]] = False
    return alone


def _no_room() -> Products:
    small, numbers = np.empty(0, np.int8), np.empty(0, np.int32)
    return Products(small, small, numbers, numbers, numbers, np.empty((0, 4), np.int64))


def make_multiplied(program: Program, gathers: Gathers | None) -> tuple[Multiplied | None, Products]:
    """Return how to multiply, or None where nothing can be, and the room a thread needs."""
    projections, count = program.projections, len(program.projections.kind)
    names = [name for name in Multiplied._fields[:11] if name not in ("shape", "strip")]
    rows: dict[str, np.ndarray] = {name: np.zeros(count, np.int64) for name in names}
    rows |= {"shape": np.zeros((count, 4), np.int64), "strip": np.zeros((count, 3), np.int64)}
    weights, elements, sums = [np.zeros(0, np.uint8)], [np.zeros(0, np.int32)], 0
    alone = _splittable(program)
    if gathers is None or not tiles.available():
        return None, _no_room()
    for c, j in enumerate(program.incoming):
        kind, node = projections.kind[j], np.searchsorted(program.nodes.first_incoming, c, side="right") - 1
        if not (gathers.gathered[j] and gathers.narrow[j] and alone[node]):
            continue
        if program.nodes.kind[projections.source[j]] == SPIKE_TRAINS:  # which may have any number of spikes in a step
            continue
        mine, f = pattern_weights(program, j), int(gathers.block[j])
        if np.abs(mine).max(initial=0) >= 1 << 8 * PLANES - 1 or f * f > np.iinfo(np.int8).max:
            continue
        if kind == DENSE:
            sources, targets = mine.shape
            chunks = -(-sources // DEPTH)
            shape, strip, size, reach = (1, 1, 0, 0), (0, 0, 0), chunks * DEPTH, 1.0
            element = np.arange(sources)
        else:
            height, width, down, right, out_height, out_width, wide, places, channels = gathers.window[j]
            mine, targets = mine[::f, ::f], mine.shape[-1]
            sources = program.nodes.size[projections.source[j]]
            cells, columns = (
                array[gathers.first_source[j] :][:sources].astype(np.int64)
                for array in (gathers.cells, gathers.columns)
            )
            # Columns are those of tiles of 32 targets.
            element = cells // wide // f * wide * channels + columns // 32
            size, strip = places * channels, (height, wide, channels)
            chunks = -(-height * width * channels // DEPTH)
            shape = out_height, out_width, down * wide * channels, right * height * channels
            reach = out_height * out_width * height * width / places
            mine = mine.transpose(1, 0, 2, 3)  # column by column, as in a strip
        row = shape[0] * shape[1] * targets
        if STEPS * (4 * row + size + np.prod(strip)) > _ROOM:
            continue
        rows["used"][j], rows["size"][j], rows["chunks"][j], rows["shape"][j] = 1, size, chunks, shape
        rows["strip"][j], rows["least"][j] = (
            strip,
            chunks * shape[0] * shape[1] * _CYCLES / (reach * _GATHERED[int(kind)]),
        )
        rows["targets"][j], rows["row"][j], rows["first_sum"][j] = targets, row, sums
        rows["first_element"][j], rows["first_weight"][j] = sum(map(len, elements)), sum(map(len, weights))
        elements.append(element.astype(np.int32))
        weights.append(tiles.planes_of(mine.reshape(-1, targets)))
        sums += STEPS * row
    more: dict[str, np.ndarray] = {
        "elements": np.concatenate(elements),
        "weights": aligned(np.concatenate(weights)),
        "configuration": tiles.configuration(),
    }
    if not rows["used"].any():  # still the tables, so that what gathers is compiled once
        return Multiplied(**rows, **more), _no_room()
    # What the last tiles read beyond an image is multiplied with zeros.
    space = Products(
        np.zeros(STEPS * int(rows["size"].max()) + DEPTH, np.int8),
        np.zeros(STEPS * int(rows["strip"].prod(axis=1).max()) + DEPTH, np.int8),
        np.empty(PLANES * SUMS, np.int32),
        np.empty(SIDE, np.int32),
        np.empty(sums, np.int32),
        np.full((count, 4), -1, np.int64),
    )
    return Multiplied(**rows, **more), space


@internal
def _draw(multiplied, j, spikes, steps, images):
    """Draw the spikes of some steps into as many images."""
    size, elements, first = multiplied.size[j], multiplied.elements, multiplied.first_element[j]
    ids, ends = spikes.ids, spikes.ends
    for i in range(STEPS * size):
        images[i] = 0
    for s in range(spikes.first_slice, spikes.end_slice):
        for step in range(steps):
            begin, end = np.uint64(ends[s, spikes.row + step]), np.uint64(ends[s, spikes.row + step + 1])
            for e in range(begin, end):
                images[np.uint64(step * size + elements[np.uint64(first + ids[e])])] += 1


@internal
def _put(parts, sums, place, row, steps, width, spare):
    """Write what a tile of targets, of which there are `width`, says to ``sums[place]`` on, a row a step."""
    for step in range(steps):
        if width == SIDE:
            put_together(sums, place + step * row, parts, step * SIDE)
            continue
        put_together(spare, 0, parts, step * SIDE)
        for i in range(width):
            sums[place + step * row + i] = spare[i]


@internal
def _cut(strip, images, size, begin, strips):
    """Cut strips from the images of all steps: the rows that a row of outputs looks at, column by column.

    So what one output looks at lies side by side. What is copied too far is written over by what follows.
    """
    height, wide, channels = strip[0], strip[1], strip[2]
    place = 0
    for step in range(STEPS):
        for column in range(wide):
            for row in range(height):
                start = step * size + begin + (row * wide + column) * channels
                for i in range(0, channels, SIDE):
                    copy_some(strips, place + i, images, start + i)
                place += channels


@internal
def _multiply(multiplied, j, steps, start, stop, room):
    shape, targets, size, row = multiplied.shape[j], multiplied.targets[j], multiplied.size[j], multiplied.row[j]
    parts, sums, weights, chunks, strip = (
        room.parts,
        room.sums,
        multiplied.weights,
        multiplied.chunks[j],
        multiplied.strip[j],
    )
    left, stride, first = room.images, size, multiplied.first_sum[j]
    if strip[0]:  # a convolution, of which all is computed
        left, stride, start, stop = room.strips, strip[0] * strip[1] * strip[2], 0, targets
    configure(multiplied.configuration)
    for y in range(shape[0]):
        if strip[0]:
            _cut(strip, room.images, size, y * shape[2], room.strips)
        for low in range(start, min(stop, targets), WIDTH):
            at = multiplied.first_weight[j] + low // WIDTH * chunks * PLANES * PIECE
            for x in range(shape[1]):
                products(parts, left, x * shape[3], stride, weights, at, chunks)
                place = first + (y * shape[1] + x) * targets + low
                for side in range(0, min(WIDTH, targets - low), SIDE):
                    tile = parts[side * WIDTH :]
                    _put(tile, sums, place + side, row, steps, min(SIDE, targets - low - side), room.spare)
    release()


@internal
def _add_row(sums, slot, row, first, size):
    prefer_wide_vectors()
    into, given = sums[slot : slot + size], row[first : first + size]
    for i in range(size):
        into[i] += given[i]


@only_with("multiplied")
def multiply(tables, j, spikes, k, last, sample, s, sums, slot, scratch):
    """Add what spikes bring in step `k` through projection `j` to slice `s`, if it is worth it in the steps to `last`.

    Parameters
    ----------
    tables : Tables
    j : int
    spikes : StepSpikes
        Those of this step.
    k, last, sample, s : int
        The step, the last one of the window, the sample and the slice of the target.
    sums, slot : ndarray of int64, int
        Sums of the sample, and the slot that neuron 0 of the target has or would have.
    scratch : Scratch

    Returns
    -------
    int
        1, or 0 where gathering them costs less, or this is no such projection.
    """
    multiplied, room = tables.multiplied, scratch.products
    if not multiplied.used[j]:
        return 0
    known, start, stop = room.known[j], tables.slices.start[s], tables.slices.stop[s]
    if known[0] != s or known[1] != sample or k < known[2] or k >= known[3]:
        steps, now, count = min(STEPS, last - k + 1), 0, 0
        for other in range(spikes.first_slice, spikes.end_slice):
            begin = spikes.ends[other, spikes.row]
            now += spikes.ends[other, spikes.row + 1] - begin
            count += spikes.ends[other, spikes.row + steps] - begin
        if now == 0:  # steps begin with spikes
            return 1
        if count < multiplied.least[j]:
            return 0
        _draw(multiplied, j, spikes, steps, room.images)
        _multiply(multiplied, j, steps, start, stop, room)
        known[0], known[1], known[2], known[3] = s, sample, k, k + steps
    row = multiplied.first_sum[j] + (k - known[2]) * multiplied.row[j]
    _add_row(sums, slot + start, room.sums, row + start, stop - start)
    return 1


@only_with("multiplied")
def forget(tables, scratch):
    """Forget the sums that are known, since the same steps may come again with other spikes."""
    scratch.products.known[:] = -1
    return 0
