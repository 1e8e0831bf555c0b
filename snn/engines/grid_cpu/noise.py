"""Poisson input that is drawn for each target by itself: its rate constant, or changing in bins."""

from __future__ import annotations

import numpy as np

from snn.jit import internal, only_with, prefer_wide_vectors
from snn.poisson import poisson_count, poisson_strip
from snn.random import STRIP, strip_halves


@internal
def poisson_noise(tables, span, sums, sample, s, k, halves, counts):
    """Add the Poisson input of slice `s` in step `k`."""
    prefer_wide_vectors()
    nodes, slices, noise, number = tables.nodes, tables.slices, tables.noise, span.first_sample + sample
    node, width = slices.node[s], slices.stop[s] - slices.start[s]
    for c in range(nodes.first_noise[node], nodes.first_noise[node + 1]):
        slot = slices.slot[s] + noise.port[c] * width - slices.start[s]
        weight, first = np.int64(np.int32(noise.weight[c])), noise.first_rate[c] - noise.start[c]
        begin, stop = max(noise.start[c], slices.start[s]), min(noise.stop[c], slices.stop[s])
        for base in range(begin // STRIP * STRIP, stop, STRIP):
            strip_halves(span.seed, noise.stream[c], base // STRIP, k, number, halves)
            low, high = max(base, begin), min(base + STRIP, stop)
            if noise.uniform[c]:
                place = span.seed, noise.stream[c], base, k, number
                poisson_strip(noise.counts, noise.rates[first + low], halves, *place, counts)
            else:
                for i in range(low, high):
                    place = span.seed, noise.stream[c], i, k, number
                    counts[i - base] = poisson_count(noise.counts, noise.rates[first + i], halves[i - base], *place)
            into, drawn = sums[slot + low : slot + high], counts[low - base : high - base]
            for i in range(len(into)):  # of arrays that begin at 0, which the compiler can vectorise
                into[i] += weight * np.int64(np.int32(drawn[i]))


@only_with("varying")
def varying_noise(tables, span, sums, sample, s, k, halves):
    """Add the Poisson input of slice `s` in step `k` whose rate changes."""
    slices, noise, number = tables.slices, tables.varying.noise, span.first_sample + sample
    node, width = slices.node[s], slices.stop[s] - slices.start[s]
    for c in range(noise.first[node], noise.first[node + 1]):
        slot = slices.slot[s] + noise.port[c] * width - slices.start[s]
        row = min((k - 1) // noise.bin[c], noise.bins[c] - 1)
        first, each = noise.first_rate[c] + row * noise.width[c], int(noise.width[c] > 1)
        begin, stop = max(noise.start[c], slices.start[s]), min(noise.stop[c], slices.stop[s])
        for base in range(begin // STRIP * STRIP, stop, STRIP):
            strip_halves(span.seed, noise.stream[c], base // STRIP, k, number, halves)
            for i in range(max(base, begin), min(base + STRIP, stop)):
                rate = noise.rates[first + each * (i - noise.start[c])]
                count = poisson_count(noise.counts, rate, halves[i - base], span.seed, noise.stream[c], i, k, number)
                sums[slot + i] += noise.weight[c] * count
