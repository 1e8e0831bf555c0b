"""Amplitudes of currents times dense weights, for many samples at once, in the processor's matrix unit.

An amplitude, an integer of 30 bits, is written as four digits to the base 256 from -128 to 127, each of which is a
number as `snn.tiles` multiplies them. The products are those of integers, in whatever order.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snn import tiles
from snn.engines.grid_cpu.gathering import pattern_weights
from snn.jit import internal, only_with, prefer_wide_vectors
from snn.memory import aligned
from snn.program import Program
from snn.program.tables import DENSE
from snn.tiles import DEPTH, PIECE, PLANES, SIDE, SUMS, WIDTH, configure, products, release

_ROWS = 2 * SIDE  # samples at a time
_DIGITS = 4
_FEWEST = 4  # samples for which it pays


class Amplified(NamedTuple):
    """How to multiply; a row a row of Projections, all int64 but the last two."""

    used: np.ndarray  # 1 for those that may be
    chunks: np.ndarray  # 64 sources each
    first_weight: np.ndarray  # into `weights`
    weights: np.ndarray  # uint8
    configuration: np.ndarray  # uint8


class Digits(NamedTuple):
    """A thread's room."""

    digits: np.ndarray  # int8: of some samples, digit by digit
    parts: np.ndarray  # int32: what one call of the unit gives


def make_amplified(program: Program) -> tuple[Amplified | None, Digits]:
    """Return how to multiply, or None where nothing is, and the room a thread needs."""
    projections, flowing = program.projections, program.currents.projection
    rows = {name: np.zeros(len(projections.kind), np.int64) for name in Amplified._fields[:3]}
    weights = [np.zeros(0, np.uint8)]
    for j in flowing[flowing >= 0]:
        if projections.kind[j] != DENSE or not tiles.available():
            continue
        mine = pattern_weights(program, j)
        # Sums of one plane and one digit are below 2^15 for each source.
        if np.abs(mine).max(initial=0) >= 1 << 8 * PLANES - 1 or len(mine) >= 1 << 16:
            continue
        rows["used"][j], rows["chunks"][j] = 1, -(-len(mine) // DEPTH)
        rows["first_weight"][j] = sum(map(len, weights))
        weights.append(tiles.planes_of(mine))
    if not rows["used"].any():
        return None, Digits(np.empty(0, np.int8), np.empty(0, np.int32))
    most = int(rows["chunks"].max()) * DEPTH
    room = Digits(np.zeros(_DIGITS * _ROWS * most, np.int8), np.empty(PLANES * SUMS, np.int32))
    return Amplified(**rows, weights=aligned(np.concatenate(weights)), configuration=tiles.configuration()), room


@internal
def _write_digits(amplitudes, first, count, stride, digits):
    """Write the amplitudes of some samples as digits; samples and sources that there are not have zeros."""
    for i in range(_DIGITS * _ROWS * stride):
        digits[i] = 0
    for row in range(count):
        for source in range(amplitudes.shape[1]):
            rest = amplitudes[first + row, source]
            for digit in range(_DIGITS):
                low = ((rest + 128) & 255) - 128
                digits[(digit * _ROWS + row) * stride + source] = low
                rest = (rest - low) >> 8


@internal
def _add(parts, shift, sums, place, width):
    """Add what one digit of a sample brings to a tile of targets, of which there are `width`."""
    prefer_wide_vectors()
    low, middle, high = parts[:SIDE], parts[SUMS : SUMS + SIDE], parts[2 * SUMS : 2 * SUMS + SIDE]
    into = sums[place : place + width]
    for i in range(width):
        into[i] += (low[i] + (np.int64(middle[i]) << 8) + (np.int64(high[i]) << 16)) << shift


@only_with("amplified")
def amplify(tables, j, amplitudes, first, end, sums, slot, size, scratch):
    """Add what amplitudes (samples, sources) bring through projection `j` to the sums of some samples.

    Arguments as those of `snn.engines.grid_cpu.gathering.gather_product`.

    Returns
    -------
    int
        1, or 0 where that costs less.
    """
    amplified, room = tables.amplified, scratch.digits
    if not amplified.used[j] or end - first < _FEWEST:
        return 0
    chunks = amplified.chunks[j]
    stride = chunks * DEPTH
    configure(amplified.configuration)
    for begin in range(first, end, _ROWS):
        count = min(_ROWS, end - begin)
        _write_digits(amplitudes, begin, count, stride, room.digits)
        for low in range(0, size, WIDTH):
            at = amplified.first_weight[j] + low // WIDTH * chunks * PLANES * PIECE
            for digit in range(_DIGITS):
                products(room.parts, room.digits, digit * _ROWS * stride, stride, amplified.weights, at, chunks)
                for side in range(0, min(WIDTH, size - low), SIDE):
                    for row in range(count):
                        tile = room.parts[side * WIDTH + row * SIDE :]
                        place, width = slot + low + side, min(SIDE, size - low - side)
                        _add(tile, 8 * digit, sums[begin + row], place, width)
    release()
    return 1
