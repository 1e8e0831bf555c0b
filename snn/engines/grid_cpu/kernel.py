"""The time loop: stages in their order, each for as many steps as its window allows.

The unit of work is a block of one sample. Within a window no block needs what another computes, since every delay
between them is at least a window long; so units are shared out among threads, which meet once a window, and since
sums are integers and random numbers are functions of their place, the sharing shows nowhere.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snn.engines.grid_cpu.alone import STEPS, run_alone, switch_currents
from snn.engines.grid_cpu.amplifying import Digits, amplify
from snn.engines.grid_cpu.calendar import Calendar, deliver_due, file_spikes
from snn.engines.grid_cpu.delivery import deliver
from snn.engines.grid_cpu.gathering import Sorted, StepSpikes, gather, gather_product
from snn.engines.grid_cpu.multiplying import Products, forget, multiply
from snn.engines.grid_cpu.noise import poisson_noise, varying_noise
from snn.engines.grid_cpu.plastic import PlasticMemory, arrive_by_plastic_list
from snn.engines.grid_cpu.trains import gamma_trains, varying_trains
from snn.engines.grid_cpu.update import record, update
from snn.engines.grid_cpu.varying import noise_currents, vary_currents
from snn.engines.threads import meet
from snn.jit import internal, merged, uncounted
from snn.lanes import LANES
from snn.memory import aligned
from snn.program.tables import GAMMA_TRAINS, POISSON_TRAINS, SPIKE_TRAINS, VARYING_TRAINS
from snn.random import STRIP, strip_words
from snn.structs import by_reference


class Tables(NamedTuple):
    """The Program's tables, as the time loop reads them."""

    nodes: tuple
    slices: tuple
    blocks: tuple
    banks: tuple
    bundles: tuple
    stages: tuple
    projections: tuple
    synapses: tuple
    plastic: tuple | None  # none, if nothing is: then what deals with it is not compiled
    incoming: np.ndarray
    noise: tuple
    currents: tuple
    varying: tuple | None  # likewise
    probes: tuple
    quanta: np.ndarray
    gathers: tuple | None  # likewise
    multiplied: tuple | None  # likewise
    alone: np.ndarray  # uint8: for each block whether its slices are, see `snn.engines.grid_cpu.alone`


class Driven(NamedTuple):
    """The tables that say what currents bring, as `drive` reads them."""

    projections: tuple
    synapses: tuple
    currents: tuple
    gathers: tuple | None  # none, if nothing is
    amplified: tuple | None  # likewise


class Memory(NamedTuple):
    """What the time loop writes; the first axis of every array is the sample."""

    sums: np.ndarray  # int64 (samples, slots)
    flows: np.ndarray  # int64 (samples, neurons): the current into each neuron
    calendar: Calendar
    plastic: PlasticMemory
    counters: np.ndarray  # int64 (samples, sources of max-pooling)
    bests: np.ndarray  # int64 (samples, targets of max-pooling)
    ids: np.ndarray  # int32 (samples, places): numbers of the neurons that spiked, slice by slice
    ends: np.ndarray  # int64 (samples, slices, steps + 1): where each step's spikes begin
    drives: np.ndarray  # int64 (samples, targets of currents, then of noise currents)
    rates: np.ndarray  # uint64 (samples or 1, trains): a train spikes where a random word is below
    traces: np.ndarray  # float64 (samples, rows, recorded variables)
    first_place: np.ndarray  # int64 (slices): not by sample
    first_rate: np.ndarray  # int64 (nodes): not by sample
    next_steps: np.ndarray  # int64 (samples, gamma trains): when each spikes next, once one is drawn
    next_times: np.ndarray  # float64 (samples, gamma trains): the same, not yet on the grid, in steps
    draws: np.ndarray  # int64 (samples, gamma trains): intervals drawn
    shifts: np.ndarray  # int64 (currents): 2^shift of the integers that a varying one is made of are 1 pA
    numbers: np.ndarray  # int32: 0, 1, 2 ... as many as a varying current has elements
    going: np.ndarray  # int64: the samples that go on


class Scratch(NamedTuple):
    """A thread's own space for a strip of neurons."""

    flags: np.ndarray  # uint8: which spiked
    marks: np.ndarray  # uint64 (steps, words): the same of a slice that is alone, a bit each
    currents: np.ndarray  # float64: that flow into it
    words: np.ndarray  # uint32: random words
    halves: np.ndarray  # uint16: random bits
    counts: np.ndarray  # uint16: what they say
    zeros: np.ndarray  # int64
    sorted: Sorted
    spare: np.ndarray  # int64: a vector of sums
    products: Products
    digits: Digits


def make_scratch(space: tuple[Sorted, Products, Digits], words: int) -> Scratch:
    """Return such space, with that for sorted spikes, products and digits, and for so many words of marks in a step."""
    return Scratch(
        np.empty(STRIP, np.uint8),
        np.empty((STEPS, words), np.uint64),
        np.empty(STRIP, np.float64),
        np.empty(STRIP, np.uint32),
        np.empty(STRIP, np.uint16),
        np.empty(STRIP, np.uint16),
        np.zeros(STRIP, np.int64),
        Sorted(*map(aligned, space[0])),
        np.empty(LANES, np.int64),
        Products(*map(aligned, space[1])),
        Digits(*map(aligned, space[2])),
    )


class Span(NamedTuple):
    """The steps of one call: first + 1 .. first + steps, of samples from first_sample on."""

    first: int
    steps: int
    history: int  # steps before them whose spikes are kept
    seed: int
    first_sample: int


@internal
def _arrive_by_list(tables, memory, span, sample, block, k):
    """File the spikes that have rows at the banks of a block, and deliver what is due in step `k`."""
    nodes, bundles, calendar = tables.nodes, tables.bundles, memory.calendar
    for bank in range(tables.blocks.first_bank[block], tables.blocks.first_bank[block + 1]):
        for b in range(tables.banks.first_bundle[bank], tables.banks.first_bundle[bank + 1]):
            source, row = bundles.source[b], k - bundles.lead[b] - span.first - 1 + span.history
            if row < 0:
                continue
            for other in range(nodes.first_slice[source], nodes.first_slice[source + 1]):
                begin, end = memory.ends[sample, other, row], memory.ends[sample, other, row + 1]
                if begin < end:
                    ids, first_row = memory.ids[sample], bundles.first_row[b]
                    file_spikes(calendar, tables.synapses, first_row, ids, begin, end, sample, bank, k)
        deliver_due(calendar, tables.synapses.words, memory.sums[sample], tables.banks.slot[bank], sample, bank, k)


@internal
def _arrive_by_pattern(tables, memory, span, sample, s, k, last, scratch):
    """Add what arrives at slice `s` in step `k`, of those to `last`, through projections that follow a pattern."""
    nodes, slices, projections = tables.nodes, tables.slices, tables.projections
    node, start, stop = slices.node[s], slices.start[s], slices.stop[s]
    sums, counters, bests = memory.sums[sample], memory.counters[sample], memory.bests[sample]
    for c in range(nodes.first_incoming[node], nodes.first_incoming[node + 1]):
        j = tables.incoming[c]
        source, row = projections.source[j], k - projections.delay[j] - span.first - 1 + span.history
        if row < 0:
            continue
        slot = slices.slot[s] + projections.port[j] * (stop - start) - start
        first_slice, end_slice = nodes.first_slice[source], nodes.first_slice[source + 1]
        spikes = StepSpikes(memory.ids[sample], memory.ends[sample], row, first_slice, end_slice)
        if multiply(tables, j, spikes, k, last, sample, s, sums, slot, scratch):
            continue
        if gather(tables, j, spikes, sums, slot, start, stop, scratch):
            continue
        for other in range(first_slice, end_slice):
            begin, end = memory.ends[sample, other, row], memory.ends[sample, other, row + 1]
            if begin < end:
                deliver(
                    projections,
                    tables.synapses.pattern_weights,
                    j,
                    memory.ids[sample],
                    begin,
                    end,
                    1,
                    sums,
                    slot,
                    counters,
                    bests,
                    start,
                    stop,
                )


@internal
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


@internal
def _record(tables, groups, memory, span, sample, s, k):
    """Copy the recorded variables of slice `s` after step `k`."""
    nodes, slices, probes = tables.nodes, tables.slices, tables.probes
    node = slices.node[s]
    for p in range(len(probes.node)):
        every = probes.every[p]
        if probes.node[p] == node and k % every == 0:
            row = k // every - span.first // every - 1
            start, stop = max(probes.start[p], slices.start[s]), min(probes.stop[p], slices.stop[s])
            record(
                groups, nodes.group[node], probes.variable[p], sample, nodes.offset[node] + start,
                memory.traces, row, probes.first[p] + start - probes.start[p], stop - start,
            )  # fmt: skip


@internal
def _any(first, node):
    """Whether a node has rows in a table that is sorted by node; what passes all tables on is called only then."""
    return first[node] < first[node + 1]


@merged
def _run_slice(tables, groups, memory, span, sample, s, k, last, scratch):
    """Run slice `s` of one sample through step `k`, when what its listed synapses bring has arrived."""
    nodes, slices = tables.nodes, tables.slices
    node = slices.node[s]
    row = k - span.first - 1 + span.history
    place = memory.ends[sample, s, row]
    if nodes.kind[node] == POISSON_TRAINS:
        place = _trains(tables, memory, span, sample, s, k, scratch.words, place)
    elif nodes.kind[node] == VARYING_TRAINS:
        place = varying_trains(tables, memory, span, sample, s, k, scratch.words, place)
    elif nodes.kind[node] == GAMMA_TRAINS:
        place = gamma_trains(tables, memory, span, sample, s, k, place)
    else:
        if _any(nodes.first_incoming, node):
            _arrive_by_pattern(tables, memory, span, sample, s, k, last, scratch)
        if _any(nodes.first_noise, node):
            poisson_noise(tables, span, memory.sums[sample], sample, s, k, scratch.halves, scratch.counts)
        varying_noise(tables, span, memory.sums[sample], sample, s, k, scratch.halves)
        if _any(nodes.first_current, node):
            switch_currents(tables, memory, sample, s, k)
            vary_currents(tables, memory, sample, s, k)
        noise_currents(tables, memory, span, sample, s, k, scratch.words)
        # Where no current ever flows, the same few zeros are read again and again, from the first-level cache.
        flows, flow, pace = scratch.zeros, 0, 0
        if nodes.flowing[node]:
            flows, flow, pace = memory.flows[sample], nodes.flow[node] + slices.start[s], STRIP
        place = update(
            groups,
            nodes.group[node],
            sample,
            nodes.offset[node],
            slices.start[s],
            slices.stop[s],
            memory.sums[sample],
            slices.slot[s],
            flows,
            flow,
            pace,
            tables.quanta,
            nodes.quantum[node],
            nodes.active_from[node] < k <= nodes.active_until[node],
            scratch.flags,
            memory.ids[sample],
            place,
        )
        if len(tables.probes.node):
            _record(tables, groups, memory, span, sample, s, k)
    memory.ends[sample, s, row + 1] = place


@merged
def _run_block(tables, groups, memory, span, sample, block, first, last, scratch):
    """Run a block of one sample through steps `first` .. `last`."""
    first_slice, end_slice = tables.blocks.first_slice[block], tables.blocks.first_slice[block + 1]
    if (
        first_slice == end_slice
        or tables.nodes.kind[tables.slices.node[tables.blocks.slices[first_slice]]] == SPIKE_TRAINS
    ):
        return
    if run_alone(tables, groups, memory, span, sample, block, first, last, scratch):
        return
    for k in range(first, last + 1):
        _arrive_by_list(tables, memory, span, sample, block, k)
        arrive_by_plastic_list(tables, memory, span, sample, block, k)
        for i in range(first_slice, end_slice):
            _run_slice(tables, groups, memory, span, sample, tables.blocks.slices[i], k, last, scratch)


@uncounted
def run(tables, groups, memory, span, scratch, counter, share, shares):
    """Run one thread's share of the work through the steps of a span; all threads call this together."""
    tables, groups, memory = by_reference(tables), by_reference(groups), by_reference(memory)
    span, scratch = by_reference(span), by_reference(scratch)
    meeting = 0
    forget(tables, scratch)
    for stage in range(len(tables.stages.window)):
        first, begin = span.first + 1, tables.stages.first_block[stage]
        blocks = tables.stages.first_block[stage + 1] - begin
        samples = len(memory.going)
        units = samples * blocks
        while first <= span.first + span.steps:
            last = first - 1 + min(tables.stages.window[stage], span.first + span.steps - first + 1)
            for unit in range(units * share // shares, units * (share + 1) // shares):
                # What a block reads serves all samples.
                block, sample = begin + unit // samples, memory.going[unit % samples]
                _run_block(tables, groups, memory, span, sample, block, first, last, scratch)
            first = last + 1
            meeting += 1
            meet(counter, shares, meeting)


@uncounted
def drive(tables, c, amplitudes, shift, drives, first, ids, scratch, share, shares):
    """Compute what each target of current `c` receives, in quanta of its port; all threads call this together.

    Parameters
    ----------
    amplitudes : ndarray of int64 (samples, sources)
        Amplitudes as integers: 2^shift of them is 1 pA.
    shift : ndarray of int64 (samples,)
    drives : ndarray of int64 (samples, ...)
        Takes them, from column `first` on.
    ids : ndarray of int32 (sources,)
        0, 1, 2 ...
    """
    tables, scratch = by_reference(tables), by_reference(scratch)
    currents = tables.currents
    j, size, none = currents.projection[c], currents.size[c], scratch.zeros  # currents have no max-pooling
    begin, end = len(amplitudes) * share // shares, len(amplitudes) * (share + 1) // shares
    for sample in range(begin, end):
        for i in range(size):
            drives[sample, first + i] = 0
        for i in range(currents.first_synapse[c], currents.first_synapse[c + 1]):
            drives[sample, first + currents.targets[i]] += currents.weights[i] * amplitudes[sample, currents.sources[i]]
    done = j < 0 or amplify(tables, j, amplitudes, begin, end, drives, first, size, scratch)
    if not done and not gather_product(tables, j, amplitudes, begin, end, drives, first, size, scratch):
        for sample in range(begin, end):
            for source in range(amplitudes.shape[1]):
                amount = amplitudes[sample, source]
                if amount:
                    deliver(
                        tables.projections, tables.synapses.pattern_weights, j, ids, source, source + 1, amount,
                        drives[sample], first, none, none, 0, size,
                    )  # fmt: skip
    for sample in range(begin, end):
        half = np.int64(1) << (shift[sample] - 1) if shift[sample] > 0 else np.int64(0)
        down = max(shift[sample], 0)
        for i in range(size):
            total = drives[sample, first + i]
            drives[sample, first + i] = (total + half) >> down if shift[sample] >= 0 else total << -shift[sample]


@uncounted
def carry(ids, ends, first_place, steps, history):
    """Move the spikes of the last `history` steps to the front, as those before the next span."""
    for sample in range(ends.shape[0]):
        for s in range(ends.shape[1]):
            rows = ends[sample, s]
            begin, first = rows[steps], first_place[s]
            for e in range(begin, rows[steps + history]):
                ids[sample, first + e - begin] = ids[sample, e]
            for row in range(history + 1):
                rows[row] = first + rows[steps + row] - begin


@uncounted
def tally(ids, ends, slices, history, steps, fan_out, counts, events, share, shares):
    """Count the spikes of some slices of one node, and the synapses they reach; all threads call this together.

    Parameters
    ----------
    fan_out : ndarray of int64 (neurons,)
    counts, events : ndarray of int64 (samples, neurons), ndarray of int64 (samples,)
        Are added to.
    """
    samples = ends.shape[0]
    for sample in range(samples * share // shares, samples * (share + 1) // shares):
        mine, reached = counts[sample], 0
        for s in slices:
            for e in range(np.uint64(ends[sample, s, history]), np.uint64(ends[sample, s, history + steps])):
                neuron = np.uint64(ids[sample, e])
                mine[neuron] += 1
                reached += fan_out[neuron]
        events[sample] += reached


@uncounted
def collect(ids, ends, slices, history, steps, out_sample, out_step, out_neuron):
    """List the spikes of some slices of one node, by sample, step and neuron."""
    found = 0
    for sample in range(ends.shape[0]):
        for row in range(history, history + steps):
            for s in slices:
                for e in range(ends[sample, s, row], ends[sample, s, row + 1]):
                    out_sample[found] = sample
                    out_step[found] = row - history
                    out_neuron[found] = ids[sample, e]
                    found += 1
