"""Trains: given events, Poisson and other renewal processes, in real time.

A train is filed under the window of its next event and runs a window ahead of the neurons, so that its events may
arrive at once. Event n of a train is a function of (seed, stream, index, n, sample) and of the event before.
"""

from __future__ import annotations

import math

import numpy as np

from snn.arithmetic import fma, log
from snn.engines.exact_cpu.memory import CODE, HIDDEN, RING, RUNAWAY, SPIKES, WHO
from snn.jit import internal
from snn.program.exact import GIVEN, POISSON
from snn.random import gamma, philox

NEVER = np.iinfo(np.int64).max


@internal
def _interval(tables, memory, train, number):
    """Return the time in ms before event `number` of a random train."""
    trains, sample = tables.trains, memory.draws[0]
    stream, index, scale, order = trains.stream[train], trains.index[train], trains.scale[train], trains.order[train]
    if trains.kind[train] == POISSON:
        a, b, _, _ = philox(tables.seed, stream, index, number, sample, 0)
        uniform = (np.float64((a << np.uint64(21)) ^ (b >> np.uint64(11))) + 0.5) * 2.0**-53
        return -scale * log(uniform)
    # The first interval is a fraction of one that is longer the more of the time it takes up.
    own = order + 1.0 if number == 0 else order
    value, uniform = gamma(own, tables.seed, stream, index, number, sample)
    return scale * (value * uniform if number == 0 else value)


@internal
def _go_on(tables, memory, train):
    """Find the next event of a train."""
    trains, number = tables.trains, memory.train_draws[train]
    memory.train_draws[train] = number + 1
    if trains.kind[train] == GIVEN:
        place = trains.first_given[train] + number
        there = place < trains.first_given[train + 1]
        memory.train_windows[train] = trains.given_windows[place] if there else NEVER
        memory.train_offsets[train] = trains.given_offsets[place] if there else 0.0
        return
    at = memory.train_offsets[train] + _interval(tables, memory, train, number)
    whole = math.floor(at / tables.window)
    # Not a number is what a vanishing interval of a train without events is.
    if not whole < 2.0**52:
        memory.train_windows[train] = NEVER
        return
    memory.train_windows[train] += np.int64(whole)
    memory.train_offsets[train] = max(fma(-whole, tables.window, at), 0.0)


@internal
def _file(memory, block, train, now):
    """File a train under the window of its next event, or under the last that can be filed under."""
    if memory.train_windows[train] < NEVER:
        bucket = min(memory.train_windows[train], now + RING - 1) % RING
        memory.train_following[train] = memory.train_heads[block, bucket]
        memory.train_heads[block, bucket] = train


@internal
def begin_trains(tables, memory, block):
    """File all trains of a block before the first window."""
    for train in range(tables.shares[block], tables.shares[block + 1]):
        _go_on(tables, memory, train)
        _file(memory, block, train, 0)


@internal
def run_trains(tables, memory, block, now):
    """Note the events of a block's trains in window `now`, behind those of neurons in the window before."""
    counts, parity = memory.counts[block], (now - 1) & 1
    train = memory.train_heads[block, now % RING]
    memory.train_heads[block, now % RING] = -1
    place = counts[SPIKES]
    while train >= 0:
        following = memory.train_following[train]
        while memory.train_windows[train] == now:
            if place == memory.spike_offsets.shape[2]:
                counts[CODE], counts[WHO] = RUNAWAY, tables.neurons + train
                return
            memory.spike_offsets[parity, block, place] = memory.train_offsets[train]
            memory.spike_sources[parity, block, place] = 2 * (tables.neurons + train)
            place += 1
            _go_on(tables, memory, train)
        _file(memory, block, train, now)
        train = following
    counts[HIDDEN] = place
