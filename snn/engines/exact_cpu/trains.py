"""Trains: given events, Poisson and other renewal processes, in real time.

A train is filed under the window of its next event and runs a window ahead of the neurons, so that its events may
arrive at once. Event n of a train is a function of (seed, stream, index, n, sample) and of the event before.
"""

from __future__ import annotations

import math

import numpy as np

from snn.arithmetic import fma, log
from snn.engines.exact_cpu.memory import CODE, HIDDEN, RING, RUNAWAY, SPIKES, WHO
from snn.jit import internal, shared
from snn.program.exact import GIVEN, POISSON
from snn.random import gamma, philox

NEVER = np.iinfo(np.int64).max


@shared
def _interval(trains, seed, train, number, sample):
    """Return the time in ms before event `number` of a random train."""
    stream, train_number = trains.stream[train], trains.number[train]
    scale, order = trains.scale[train], trains.order[train]
    if trains.kind[train] == POISSON:
        a, b, _, _ = philox(seed, stream, train_number, number, sample, 0)
        uniform = (np.float64((a << np.uint64(21)) ^ (b >> np.uint64(11))) + 0.5) * 2.0**-53
        return -scale * log(uniform)
    # The first interval is a fraction of one that is longer the more of the time it takes up.
    own = order + 1.0 if number == 0 else order
    value, uniform = gamma(own, seed, stream, train_number, number, sample)
    return scale * (value * uniform if number == 0 else value)


@internal
def go_on(tables, memory, train, place, sample):
    """Find the next event of a train, of which `place` is that in the memory, and `sample` the number of its sample."""
    trains, number = tables.trains, memory.train_draws[place]
    memory.train_draws[place] = number + 1
    if trains.kind[train] == GIVEN:
        given = trains.first_given[train] + number
        there = given < trains.first_given[train + 1]
        memory.train_windows[place] = trains.given_windows[given] if there else NEVER
        memory.train_offsets[place] = trains.given_offsets[given] if there else 0.0
        return
    at = memory.train_offsets[place] + _interval(trains, tables.seed, train, number, sample)
    # Not a number is what a vanishing interval of a train without events is.
    if not at < 2.0**52 * tables.window:
        memory.train_windows[place] = NEVER
        return
    whole = math.floor(at / tables.window)
    memory.train_windows[place] += np.int64(whole)
    memory.train_offsets[place] = max(fma(-whole, tables.window, at), 0.0)


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
        go_on(tables, memory, train, train, memory.draws[0])
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
            go_on(tables, memory, train, train, memory.draws[0])
        _file(memory, block, train, now)
        train = following
    counts[HIDDEN] = place
