"""Trains of random and of given spikes."""

from __future__ import annotations

import numpy as np

from snn.cuda import device_part, in_kernels, on_device
from snn.engines.grid_cpu import trains
from snn.engines.grid_cuda.delivery import speak
from snn.engines.grid_cuda.tables import FIRST_RATE, KIND, NODE, NUMBER, STREAM
from snn.engines.grid_cuda.words import word_of
from snn.program.tables import GAMMA_TRAINS, POISSON_TRAINS, SPIKE_TRAINS, VARYING_TRAINS

_go_on = in_kernels(trains.go_on)


@device_part("varying", np.uint64(0))
def _below_now(tables, node, i, k):
    """As `_below`, where the rate changes."""
    varying = tables.varying.trains
    row, width = min((k - 1) // varying.bin[node], varying.bins[node] - 1), varying.width[node]
    return varying.thresholds[varying.first[node] + row * width + (i if width > 1 else 0)]


@on_device
def _below(tables, memory, sizes, sample, node, i, k):
    """Return the number that a random word must be below for a Poisson train to spike."""
    if tables.nodes[node, KIND] == POISSON_TRAINS:
        return memory.rates[sample if memory.rates.shape[0] > 1 else 0, tables.nodes[node, FIRST_RATE] + i]
    return _below_now(tables, node, i, k)


@device_part("varying", False)
def _gamma(tables, memory, span, sample, node, i, k):
    """Say whether a gamma train spikes in step `k`, and find its next spike."""
    at = tables.varying.renewals.first[node] + i
    if memory.next_steps[sample, at] > k:
        return False
    if memory.draws[sample, at] == 0:
        _go_on(tables, memory, span, tables.nodes[node, STREAM], sample, node, i)
        if memory.next_steps[sample, at] > k:
            return False
    _go_on(tables, memory, span, tables.nodes[node, STREAM], sample, node, i)
    return True


@device_part("trains")
def draw_trains(tables, memory, sizes, span, k, thread, threads):
    """Let all trains speak that spike in step `k`."""
    trains = sizes.units - sizes.neurons
    for item in range(thread, len(memory.going) * trains, threads):
        sample, unit = memory.going[item // trains], sizes.neurons + item % trains
        node, i = tables.units[unit, NODE], np.int64(tables.units[unit, NUMBER])
        kind = tables.nodes[node, KIND]
        spiked = False
        if kind == POISSON_TRAINS or kind == VARYING_TRAINS:
            word = word_of(span.seed, tables.nodes[node, STREAM], i, k, span.first_sample + sample)
            spiked = np.uint64(word) < _below(tables, memory, sizes, sample, node, i, k)
        elif kind == GAMMA_TRAINS:
            spiked = _gamma(tables, memory, span, sample, node, i, k)
        if spiked and kind != SPIKE_TRAINS:
            speak(tables, memory, sizes, span, sample, unit, k)
    row = k - span.first - 1
    for e in range(memory.given_first[row] + thread, memory.given_first[row + 1], threads):
        speak(tables, memory, sizes, span, memory.given[e] // sizes.units, memory.given[e] % sizes.units, k)
