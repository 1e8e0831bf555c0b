"""The time loop: stages in their order, each for as many steps as its window allows.

The unit of work is a slice of one sample. Within a window no slice needs what another computes, since every delay
between them is at least a window long; so units are shared out among threads, which meet once a window, and since
sums are integers and random numbers are functions of their place, the sharing shows nowhere.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snn.engines.grid_cpu.delivery import deliver
from snn.engines.grid_cpu.threads import meet
from snn.engines.grid_cpu.update import read_state, update_group
from snn.jit import compiled
from snn.program.tables import NEURONS, POISSON_TRAINS
from snn.random import STRIP, strip_words


class Tables(NamedTuple):
    """The Program's tables, as the time loop reads them."""

    nodes: tuple
    slices: tuple
    stages: tuple
    projections: tuple
    synapses: tuple
    incoming: np.ndarray
    noise: tuple
    currents: tuple
    probes: tuple
    quanta: np.ndarray


class Memory(NamedTuple):
    """What the time loop writes; the first axis of every array is the sample."""

    sums: np.ndarray  # int64 (samples, slots)
    counters: np.ndarray  # int64 (samples, sources of max-pooling)
    bests: np.ndarray  # int64 (samples, targets of max-pooling)
    ids: np.ndarray  # int32 (samples, places): numbers of the neurons that spiked, slice by slice
    ends: np.ndarray  # int64 (samples, slices, steps + 1): where each step's spikes begin
    drives: np.ndarray  # int64 (samples, targets of currents)
    rates: np.ndarray  # uint64 (samples or 1, trains): a train spikes where a random word is below
    traces: np.ndarray  # float64 (samples, rows, recorded variables)
    first_place: np.ndarray  # int64 (slices): not by sample
    first_rate: np.ndarray  # int64 (nodes): not by sample


class Span(NamedTuple):
    """The steps of one call: first + 1 .. first + steps, of samples from first_sample on."""

    first: int
    steps: int
    history: int  # steps before them whose spikes are kept
    seed: int
    first_sample: int


@compiled
def _arrive(tables, memory, span, sample, s, k):
    """Add everything that arrives at slice `s` in step `k`."""
    nodes, slices, projections = tables.nodes, tables.slices, tables.projections
    node = slices.node[s]
    part, start, stop = s - nodes.first_slice[node], slices.start[s], slices.stop[s]
    sums, counters, bests = memory.sums[sample], memory.counters[sample], memory.bests[sample]
    for c in range(nodes.first_incoming[node], nodes.first_incoming[node + 1]):
        j = tables.incoming[c]
        source = projections.source[j]
        for d in range(projections.delays[j]):
            row = k - tables.synapses.delays[projections.first_delay[j] + d] - span.first - 1 + span.history
            if row < 0:
                continue
            for other in range(nodes.first_slice[source], nodes.first_slice[source + 1]):
                begin, end = memory.ends[sample, other, row], memory.ends[sample, other, row + 1]
                if begin < end:
                    deliver(
                        projections,
                        tables.synapses,
                        j,
                        part,
                        d,
                        nodes.size[source],
                        memory.ids[sample],
                        begin,
                        end,
                        1,
                        sums,
                        counters,
                        bests,
                        start,
                        stop,
                    )


@compiled
def _count(words, thresholds, kinds, counts):
    """Turn words into counts: how many thresholds are not above each."""
    for i in range(STRIP):
        counts[i] = 0
    for j in range(kinds):
        threshold = thresholds[j]
        for i in range(STRIP):
            counts[i] += np.uint32(words[i] >= threshold)


@compiled
def _poisson_noise(tables, span, sums, sample, s, k, words, counts):
    """Add the Poisson input of slice `s` in step `k`."""
    nodes, slices, noise = tables.nodes, tables.slices, tables.noise
    node, stop = slices.node[s], slices.stop[s]
    for c in range(nodes.first_noise[node], nodes.first_noise[node + 1]):
        slot, weight, first = noise.slot[c], noise.weight[c], noise.first_rate[c]
        for low in range(slices.start[s], stop, STRIP):
            strip_words(span.seed, noise.stream[c], low // STRIP, k, span.first_sample + sample, words)
            high = min(low + STRIP, stop)
            if noise.uniform[c]:
                rate = noise.rates[first]
                _count(words, noise.thresholds[rate], noise.counts[rate], counts)
            else:
                for i in range(low, high):
                    rate, count = noise.rates[first + i], 0
                    while count < noise.counts[rate] and words[i - low] >= noise.thresholds[rate, count]:
                        count += 1
                    counts[i - low] = count
            for i in range(low, high):
                sums[slot + i] += weight * np.int64(counts[i - low])


@compiled
def _switch_currents(tables, memory, sample, s, k):
    """Turn currents of slice `s` on and off that begin or end with step `k`."""
    nodes, slices, currents = tables.nodes, tables.slices, tables.currents
    node = slices.node[s]
    for c in range(nodes.first_current[node], nodes.first_current[node + 1]):
        sign = int(k == currents.start[c] + 1) - int(k - 1 == currents.stop[c])
        if sign:
            for i in range(slices.start[s], slices.stop[s]):
                memory.sums[sample, currents.slot[c] + i] += sign * memory.drives[sample, currents.first_drive[c] + i]


@compiled
def _trains(tables, memory, span, sample, s, k, words, place):
    """List the Poisson trains of slice `s` that spike in step `k`."""
    node = tables.slices.node[s]
    rates = memory.rates[sample if len(memory.rates) > 1 else 0]
    first = memory.first_rate[node]
    size = tables.nodes.size[node]
    for low in range(0, size, STRIP):
        strip_words(span.seed, tables.nodes.stream[node], low // STRIP, k, span.first_sample + sample, words)
        for i in range(low, min(low + STRIP, size)):
            if np.uint64(words[i - low]) < rates[first + i]:
                memory.ids[sample, place] = i
                place += 1
    return place


@compiled
def _record(tables, groups, memory, span, sample, s, k):
    """Copy the recorded variables of slice `s` after step `k`."""
    nodes, slices, probes = tables.nodes, tables.slices, tables.probes
    node = slices.node[s]
    for p in range(len(probes.node)):
        every = probes.every[p]
        if probes.node[p] == node and k % every == 0:
            row = k // every - span.first // every - 1
            for i in range(max(probes.start[p], slices.start[s]), min(probes.stop[p], slices.stop[s])):
                value = read_state(groups, nodes.group[node], probes.variable[p], sample, nodes.offset[node] + i)
                memory.traces[sample, row, probes.first[p] + i - probes.start[p]] = value


@compiled
def _run_unit(tables, groups, memory, span, sample, s, first, last):
    """Run slice `s` of one sample through steps `first` .. `last`."""
    nodes, slices = tables.nodes, tables.slices
    node, start, stop = slices.node[s], slices.start[s], slices.stop[s]
    kind = nodes.kind[node]
    if kind != NEURONS and kind != POISSON_TRAINS:
        return
    sums, ids = memory.sums[sample], memory.ids[sample]
    flags, words, counts = np.empty(STRIP, np.uint8), np.empty(STRIP, np.uint32), np.empty(STRIP, np.uint32)
    for k in range(first, last + 1):
        row = k - span.first - 1 + span.history
        place = memory.ends[sample, s, row]
        if kind == POISSON_TRAINS:
            place = _trains(tables, memory, span, sample, s, k, words, place)
        else:
            _arrive(tables, memory, span, sample, s, k)
            _poisson_noise(tables, span, sums, sample, s, k, words, counts)
            _switch_currents(tables, memory, sample, s, k)
            armed = nodes.active_from[node] < k <= nodes.active_until[node]
            place = update_group(
                groups,
                nodes.group[node],
                sample,
                nodes.offset[node],
                start,
                stop,
                sums,
                nodes.slot[node],
                nodes.size[node],
                nodes.ports[node],
                tables.quanta,
                nodes.quantum[node],
                armed,
                flags,
                ids,
                place,
            )
            _record(tables, groups, memory, span, sample, s, k)
        memory.ends[sample, s, row + 1] = place


@compiled
def _run_share(tables, groups, memory, span, stage, first, last, share, shares):
    """Run one share of the units of a stage through a window."""
    begin = tables.stages.first_slice[stage]
    slices = tables.stages.first_slice[stage + 1] - begin
    units = memory.sums.shape[0] * slices
    for unit in range(units * share // shares, units * (share + 1) // shares):
        s = tables.stages.slices[begin + unit % slices]
        _run_unit(tables, groups, memory, span, unit // slices, s, first, last)


@compiled
def run(tables, groups, memory, span, counter, share, shares):
    """Run one thread's share of the work through the steps of a span; all threads call this together."""
    meeting = 0
    for stage in range(len(tables.stages.window)):
        first = span.first + 1
        while first <= span.first + span.steps:
            last = first - 1 + min(tables.stages.window[stage], span.first + span.steps - first + 1)
            _run_share(tables, groups, memory, span, stage, first, last, share, shares)
            first = last + 1
            meeting += 1
            meet(counter, shares, meeting)


@compiled
def drive(tables, memory, c, amplitudes, shift):
    """Compute what each target of current `c` receives, in quanta of its port.

    Parameters
    ----------
    amplitudes : ndarray of int64 (samples, sources)
        Amplitudes as integers: 2^shift of them is 1 pA.
    shift : ndarray of int64 (samples,)
    """
    projections, currents = tables.projections, tables.currents
    j, size, first = currents.projection[c], currents.size[c], currents.first_drive[c]
    sources = amplitudes.shape[1]
    sums = np.zeros(memory.sums.shape[1], np.int64)
    counters = bests = np.zeros(0, np.int64)
    slot = currents.slot[c]
    node = 0
    while tables.nodes.first_current[node + 1] <= c:
        node += 1
    parts = tables.nodes.first_slice[node + 1] - tables.nodes.first_slice[node]
    ids = np.arange(sources).astype(np.int32)
    for sample in range(len(amplitudes)):
        sums[slot : slot + size] = 0
        for source in range(sources):
            amount = amplitudes[sample, source]
            if amount == 0:
                continue
            for part in range(parts):
                s = tables.nodes.first_slice[node] + part
                start, stop = tables.slices.start[s], tables.slices.stop[s]
                deliver(
                    projections,
                    tables.synapses,
                    j,
                    part,
                    0,
                    sources,
                    ids,
                    source,
                    source + 1,
                    amount,
                    sums,
                    counters,
                    bests,
                    start,
                    stop,
                )
        half = np.int64(1) << (shift[sample] - 1) if shift[sample] > 0 else np.int64(0)
        for i in range(size):
            total = sums[slot + i]
            down = max(shift[sample], 0)
            memory.drives[sample, first + i] = (total + half) >> down if shift[sample] >= 0 else total << -shift[sample]


@compiled
def carry(memory, steps, history):
    """Move the spikes of the last `history` steps to the front, as those before the next span."""
    for sample in range(memory.ends.shape[0]):
        for s in range(memory.ends.shape[1]):
            ends = memory.ends[sample, s]
            begin, first = ends[steps], memory.first_place[s]
            for e in range(begin, ends[steps + history]):
                memory.ids[sample, first + e - begin] = memory.ids[sample, e]
            for row in range(history + 1):
                ends[row] = first + ends[steps + row] - begin


@compiled
def collect(memory, slices, history, steps, out_sample, out_step, out_neuron):
    """List the spikes of some slices of one node, by sample, step and neuron; returns how many (counts if no room)."""
    found = 0
    for sample in range(memory.ends.shape[0]):
        for row in range(history, history + steps):
            for s in slices:
                for e in range(memory.ends[sample, s, row], memory.ends[sample, s, row + 1]):
                    if found < len(out_step):
                        out_sample[found] = sample
                        out_step[found] = row - history
                        out_neuron[found] = memory.ids[sample, e]
                    found += 1
    return found
