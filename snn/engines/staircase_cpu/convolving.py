"""What all neurons of an image that speak at once bring through a convolution, a row of targets at a time.

Where many speak, a window's part of a row of the image is gathered into registers, target by target. Where few do, as
in the pixels of a digit, looking for them takes longer than what they bring: each is then added to all targets of the
row that it reaches, whose sums stay in the first-level cache.
"""

from __future__ import annotations

import numpy as np

from snn.jit import internal
from snn.lanes import (
    LANES,
    STRIP,
    add_lanes,
    add_real_product,
    load_lanes,
    put,
    real_strip,
    real_zeros,
    store_lanes,
)

BAND = 64  # targets of a row of weights, whose sums are in the first-level cache together
_FEW = 4  # that speak in a row of a window, on average


@internal
def _sort(gathers, j, speakers, scratch):
    """Put who speaks in the order of places."""
    columns, amounts, starts = scratch.space.columns, scratch.space.amounts, scratch.space.starts
    where = scratch.space.places
    places, first_source = gathers.places[j], gathers.first_source[j]
    for place in range(places + 1):
        starts[place] = 0
    for k in range(speakers):
        source = np.uint64(first_source + scratch.neuron[k])
        columns[k], amounts[k] = gathers.columns[source], np.float64(scratch.change[k])
        where[k] = gathers.place[source]
        starts[np.uint64(gathers.place[source] + 1)] = k + 1
    for place in range(places):  # where nobody speaks, those before it end
        starts[place + 1] = max(starts[place], starts[place + 1])


@internal
def _gather(tables, j, sums, space):
    """Add up what comes to each tile of targets, band after band of rows, whose sums stay in the first-level cache."""
    gathers, shape, slot = tables.gathers, tables.fans.geometry[j], tables.fans.slot[j]
    columns, amounts, starts, partial, wide = space.columns, space.amounts, space.starts, space.partial, gathers.wide[j]
    channels, out_height, out_width, targets, height, width = shape[2], shape[3], shape[4], shape[5], shape[6], shape[7]
    down, right = shape[8], shape[9]
    band = max(1, BAND // out_width)
    for low in range(0, targets, LANES):
        first = gathers.first_weight[j] + low // LANES * gathers.tile[j]
        for top in range(0, out_height, band):
            bottom = min(top + band, out_height)
            for i in range((bottom - top) * out_width):
                store_lanes(partial, LANES * i, real_zeros())
            for row in range(height):  # so that its weights, too, stay in the cache for all rows of the band
                for y in range(top, bottom):
                    line, into = (y * down + row) * wide, (y - top) * out_width
                    for x in range(out_width):
                        place = line + x * right
                        at = first + (row * width - x * right) * channels * LANES
                        begin, end = np.uint64(starts[np.uint64(place)]), np.uint64(starts[np.uint64(place + width)])
                        # Two sums, since each product waits for the one before it in its own.
                        lanes, others = load_lanes(real_zeros(), partial, LANES * (into + x)), real_zeros()
                        pairs = (end - begin) // np.uint64(2)
                        for pair in range(pairs):
                            e = begin + np.uint64(2) * pair
                            lanes = add_real_product(lanes, gathers.weights, at + np.int64(columns[e]), amounts[e])
                            e += np.uint64(1)
                            others = add_real_product(others, gathers.weights, at + np.int64(columns[e]), amounts[e])
                        e = begin + np.uint64(2) * pairs
                        if e < end:
                            lanes = add_real_product(lanes, gathers.weights, at + np.int64(columns[e]), amounts[e])
                        store_lanes(partial, LANES * (into + x), add_lanes(lanes, others))
            for i in range((bottom - top) * out_width):
                lanes, place = load_lanes(real_zeros(), partial, LANES * i), slot + (top * out_width + i) * targets
                put(lanes, LANES, sums, place + low, place + targets, space.spare)


@internal
def _pass_on(tables, j, speakers, sums, space):
    """Add what each neuron brings to the targets that it reaches, a row of them at a time."""
    gathers, shape, slot, partial, amounts = (
        tables.gathers,
        tables.fans.geometry[j],
        tables.fans.slot[j],
        space.partial,
        space.amounts,
    )
    channels, out_height, targets, height, width, down = shape[2], shape[3], shape[5], shape[6], shape[7], shape[8]
    wide, row_of_targets = gathers.wide[j], shape[4] * targets
    for e in range(speakers):
        x = space.places[e] % np.uint32(wide)
        channel, column = space.columns[e] // LANES - x * channels, gathers.first_column[j] + x
        space.target[e], space.length[e] = gathers.run_target[column] * targets, gathers.run_length[column] * targets
        space.weight[e] = gathers.first_run[j] + (channel * height * width + gathers.run_column[column]) * targets
    for y in range(out_height):
        for i in range(0, row_of_targets, STRIP):
            store_lanes(partial, i, real_strip())
        for row in range(height):
            line = (y * down + row) * wide
            for e in range(np.uint64(space.starts[line]), np.uint64(space.starts[line + wide])):
                target, at, length = space.target[e], space.weight[e] + row * width * targets, space.length[e]
                whole = length // STRIP * STRIP
                for i in range(0, whole, STRIP):
                    strip = load_lanes(real_strip(), partial, target + i)
                    store_lanes(partial, target + i, add_real_product(strip, gathers.runs, at + i, amounts[e]))
                for i in range(whole, length):
                    partial[target + i] += gathers.runs[at + i] * amounts[e]
        place = slot + y * row_of_targets
        for i in range(0, row_of_targets, STRIP):
            put(load_lanes(real_strip(), partial, i), STRIP, sums, place + i, place + row_of_targets, space.spare)


@internal
def convolve(tables, j, speakers, sums, scratch):
    """Add what the neurons listed bring through fan `j`, a convolution whose sums are exact."""
    gathers = tables.gathers
    _sort(gathers, j, speakers, scratch)
    if speakers * tables.fans.geometry[j, 7] < _FEW * gathers.places[j]:
        _pass_on(tables, j, speakers, sums, scratch.space)
    else:
        _gather(tables, j, sums, scratch.space)
