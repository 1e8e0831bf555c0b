"""Trains of random and of given spikes."""

from __future__ import annotations

import numpy as np

from snn.cuda import in_kernels, on_device
from snn.engines.grid_cpu import trains
from snn.engines.grid_cuda.delivery import speak
from snn.engines.grid_cuda.words import word_of
from snn.program.tables import GAMMA_TRAINS, POISSON_TRAINS, SPIKE_TRAINS, VARYING_TRAINS

_go_on = in_kernels(trains.go_on)


@on_device
def _below(tables, memory, sizes, sample, node, i, k):
    """Return the number that a random word must be below for a Poisson train to spike."""
    if tables.nodes.kind[node] == POISSON_TRAINS:
        return memory.rates[sample if memory.rates.shape[0] > 1 else 0, tables.nodes.first_rate[node] + i]
    varying = tables.varying.trains
    row, width = min((k - 1) // varying.bin[node], varying.bins[node] - 1), varying.width[node]
    return varying.thresholds[varying.first[node] + row * width + (i if width > 1 else 0)]


@on_device
def _gamma(tables, memory, span, sample, node, i, k):
    """Say whether a gamma train spikes in step `k`, and find its next spike."""
    at = tables.varying.renewals.first[node] + i
    if memory.next_steps[sample, at] > k:
        return False
    if memory.draws[sample, at] == 0:
        _go_on(tables, memory, span, sample, node, i)
        if memory.next_steps[sample, at] > k:
            return False
    _go_on(tables, memory, span, sample, node, i)
    return True


@on_device
def draw_trains(tables, memory, sizes, span, k, thread, threads):
    """Let all trains speak that spike in step `k`."""
    for item in range(thread, sizes.samples * (sizes.units - sizes.neurons), threads):
        sample, unit = item // (sizes.units - sizes.neurons), sizes.neurons + item % (sizes.units - sizes.neurons)
        node = tables.units.node[unit]
        kind, i = tables.nodes.kind[node], unit - tables.nodes.first_unit[node]
        spiked = False
        if kind in (POISSON_TRAINS, VARYING_TRAINS):
            word = word_of(span.seed, tables.nodes.stream[node], i, k, span.first_sample + sample)
            spiked = np.uint64(word) < _below(tables, memory, sizes, sample, node, i, k)
        elif kind == GAMMA_TRAINS:
            spiked = _gamma(tables, memory, span, sample, node, i, k)
        if spiked and kind != SPIKE_TRAINS:
            speak(tables, memory, sizes, span, sample, unit, k)
    row = k - span.first - 1
    for e in range(memory.given_first[row] + thread, memory.given_first[row + 1], threads):
        speak(tables, memory, sizes, span, memory.given[e] // sizes.units, memory.given[e] % sizes.units, k)
