"""Trains of random spikes that are more than a Poisson process of constant rate."""

from __future__ import annotations

import math

import numpy as np

from snn.arithmetic import fma
from snn.jit import internal, only_with
from snn.program.tables import NEVER
from snn.random import STRIP, gamma, strip_words


@only_with("varying")
def varying_trains(tables, memory, span, sample, s, k, words, place):
    """List the Poisson trains of slice `s`, whose rate changes, that spike in step `k`."""
    node, varying = tables.slices.node[s], tables.varying.trains
    size, width = tables.nodes.size[node], varying.width[node]
    row = min((k - 1) // varying.bin[node], varying.bins[node] - 1)
    first, each = varying.first[node] + row * width, int(width > 1)
    for low in range(0, size, STRIP):
        strip_words(span.seed, tables.nodes.stream[node], low // STRIP, k, span.first_sample + sample, words)
        for i in range(low, min(low + STRIP, size)):
            if np.uint64(words[i - low]) < varying.thresholds[first + each * i]:
                memory.ids[sample, place] = i
                place += 1
    return place


@internal
def go_on(tables, memory, span, stream, sample, node, train):
    """Find the next spike of a train, whose node has this stream of random numbers."""
    renewals, at = tables.varying.renewals, tables.varying.renewals.first[node] + train
    order, number = renewals.order[at], memory.draws[sample, at]
    # The first interval is a fraction of one that is longer the more of the time it takes up.
    own = order + 1.0 if number == 0 else order
    value, uniform = gamma(own, span.seed, stream, train, number, span.first_sample + sample)
    value = value * uniform if number == 0 else value
    time, before = fma(value, renewals.scale[at], memory.next_times[sample, at]), memory.next_steps[sample, at]
    memory.draws[sample, at] = number + 1
    memory.next_times[sample, at] = time
    # Not a number is what a vanishing interval of a train without spikes is.
    # Made an integer first: on a graphics card `ceil` returns a float, and so would the whole of this be.
    memory.next_steps[sample, at] = max(np.int64(math.ceil(time)), before + 1) if time < 2.0**62 else NEVER


@only_with("varying")
def gamma_trains(tables, memory, span, sample, s, k, place):
    """List the gamma trains of slice `s` that spike in step `k`."""
    node = tables.slices.node[s]
    first = tables.varying.renewals.first[node]
    for i in range(tables.nodes.size[node]):
        if memory.next_steps[sample, first + i] > k:
            continue
        if memory.draws[sample, first + i] == 0:
            go_on(tables, memory, span, tables.nodes.stream[node], sample, node, i)
            if memory.next_steps[sample, first + i] > k:
                continue
        memory.ids[sample, place] = i
        place += 1
        go_on(tables, memory, span, tables.nodes.stream[node], sample, node, i)
    return place
