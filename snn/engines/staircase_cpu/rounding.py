"""Neurons that round, all of a node at once: their parameters in columns, so that the loop vectorises."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snn.jit import internal, prefer_wide_vectors
from snn.neurons.staircase import NEAREST, nearest
from snn.program.staircase import StaircaseProgram

_STRIP = 256  # neurons at least, that a loop has columns for, where there are as many


class Rounding(NamedTuple):
    """Parameters of neurons that round, in columns; a node has one entry or more for each of its rows, repeated."""

    first: np.ndarray  # int64 (nodes,): where its entries begin
    length: np.ndarray  # int64 (nodes,): how many there are; neuron i has the one of i modulo this
    above: np.ndarray  # int64: step where u >= 0
    below: np.ndarray  # int64: step where u < 0
    per_above: np.ndarray  # float64: 1 / above
    per_below: np.ndarray  # float64: 1 / below
    low: np.ndarray  # int64
    high: np.ndarray  # int64


def make_rounding(program: StaircaseProgram) -> Rounding:
    """Return the columns of all nodes whose neurons round."""
    nodes, lengths, parts = program.nodes, [], [np.zeros((0, 4), np.int64)]
    for kind, at, rows, size in zip(nodes.kind, nodes.parameters, nodes.rows, nodes.size, strict=True):
        lengths.append(0)
        if kind == NEAREST:
            repeats = min(-(-_STRIP // rows), size // rows)
            lengths[-1] = repeats * rows
            parts.append(np.tile(program.parameters[at : at + 4 * rows].reshape(rows, 4), (repeats, 1)))
    above, below, low, high = np.concatenate(parts).T.copy()
    length = np.array(lengths, np.int64)
    return Rounding(np.cumsum(length) - length, length, above, below, 1.0 / above, 1.0 / below, low, high)


@internal
def round_all(rounding, node, sums, levels):
    """Compute the levels of a node's neurons from their sums."""
    prefer_wide_vectors()
    first, length = rounding.first[node], rounding.length[node]
    above, below = rounding.above[first : first + length], rounding.below[first : first + length]
    per_above, per_below = rounding.per_above[first : first + length], rounding.per_below[first : first + length]
    low, high = rounding.low[first : first + length], rounding.high[first : first + length]
    for base in range(0, len(sums), length):
        mine, into = sums[base : base + length], levels[base : base + length]
        for i in range(len(mine)):
            u = mine[i]
            step = above[i] if u >= 0 else below[i]
            per_step = per_above[i] if u >= 0 else per_below[i]
            into[i] = nearest(u, step, per_step, low[i], high[i])
