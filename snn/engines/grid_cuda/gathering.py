"""Arrival through dense and convolutional patterns where a batch is large: each target gathers what spikes bring it.

Spread, a synapse costs an atomic sum, and finding which it is, some divisions. Gathered, it costs a weight that is read
and added by the thread of its target. Which sources have spiked in a step stands in bits, 64 to a word, channels of one
place side by side: those in a row of a window follow each other, and so do, in their order, the weights they meet. The
threads of a place's channels find the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from snn.cuda import atomic_or, device_part, lowest, on_device
from snn.engines.grid_cuda.tables import (
    BITS,
    FIRST_GATHER,
    GATHER_BITS,
    GATHER_DELAY,
    GATHER_PORT,
    GATHER_WEIGHT,
    GATHER_WINDOW,
    SLOT,
    STRIDE,
)
from snn.program.tables import CONV2D, DENSE

_ALL = np.uint64(2**64 - 1)
ENOUGH = 2**14  # targets in all samples; fewer would leave most of a card to wait for them


def is_gathered(kind: int, targets: int) -> bool:
    """Say whether a pattern of some kind is gathered, with so many targets in all samples."""
    return kind in (DENSE, CONV2D) and targets >= ENOUGH


def window_of(kind: int, geometry: Sequence[int], sources: int) -> list[int]:
    """Return the geometry of a convolution, as `snn.program.synapses.geometry` does; a dense pattern has one window."""
    if kind == CONV2D:
        return list(geometry)
    return [1, 1, sources, 1, 1, geometry[0], 1, 1, 1, 1, 0, 0]


def by_window(weights: np.ndarray, window: Sequence[int]) -> np.ndarray:
    """Return weights in the order in which windows meet them: row, column, channel of source, channel of target."""
    _, _, channels, _, _, targets, height, width = window[:8]
    return weights.reshape(channels, height, width, targets).transpose(1, 2, 0, 3).ravel()


@on_device
def _sum(words, first, begin, end, weights, place, stride):
    """Return the sum of the weights of those of bits `begin` .. `end` - 1 that are set; bit 0 has that at `place`."""
    total = np.int64(0)
    for number in range(begin >> 6, (end + 63) >> 6):
        word, low = words[first + number], number << 6
        if low < begin:
            word &= _ALL << np.uint64(begin - low)
        if low + 64 > end:
            word &= ~(_ALL << np.uint64(end - low))
        while word:
            total += weights[np.uint64(place + (low + lowest(word)) * stride)]
            word &= word - np.uint64(1)
    return total


@device_part("gathers")
def gather(tables, memory, sizes, sample, node, i, base, unit, k):
    """Add what reaches neuron `i` of a node in step `k` through all that is gathered."""
    gathers, words = tables.gathers, memory.bits
    for g in range(tables.nodes[node, FIRST_GATHER], tables.nodes[node + 1, FIRST_GATHER]):
        window = gathers[g, GATHER_WINDOW:]
        width, channels, targets, columns = window[1], window[2], window[5], window[7]
        place, channel = i // targets, i % targets
        y = place // window[4] * window[8] - window[10]
        x = place % window[4] * window[9] - window[11]
        left, right = max(x, 0), min(x + columns, width)
        day = (k - gathers[g, GATHER_DELAY]) % sizes.bit_days
        first, total = (day * sizes.samples + sample) * sizes.words + gathers[g, GATHER_BITS], np.int64(0)
        for row in range(max(-y, 0), min(window[6], window[0] - y)):
            begin, end = ((y + row) * width + left) * channels, ((y + row) * width + right) * channels
            weight = gathers[g, GATHER_WEIGHT] + (row * columns + left - x) * channels * targets + channel
            total += _sum(words, first, begin, end, tables.weights, weight - begin * targets, targets)
        slot = tables.units[unit, SLOT] + gathers[g, GATHER_PORT] * tables.units[unit, STRIDE]
        memory.sums[base + slot] += total


@device_part("gathers")
def set_bit(tables, memory, sizes, node, i, sample, k):
    """Set the bit of a source that spikes in step `k`, if anyone gathers it."""
    first = tables.nodes[node, BITS]
    if first >= 0:
        place = (k % sizes.bit_days * sizes.samples + sample) * sizes.words + first + (i >> 6)
        atomic_or(memory.bits, place, np.uint64(1) << np.uint64(i & 63))


@device_part("gathers")
def clear_bits(tables, memory, sizes, k, thread, threads):
    """Clear the bits of step `k`, which nobody has set so far; those that stand there have been gathered."""
    day = k % sizes.bit_days * sizes.samples * sizes.words
    for word in range(thread, sizes.samples * sizes.words, threads):
        memory.bits[day + word] = 0
