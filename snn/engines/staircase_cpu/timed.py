"""The two schedules in time: events arrive by their delays, added up or one by one."""

from __future__ import annotations

import numpy as np

from snn.engines.staircase_cpu.heap import move_on, pop, release, send
from snn.engines.staircase_cpu.memory import (
    FREE,
    LOG_FULL,
    NO_ROOM,
    PAUSED,
    RESTED,
    RUN_EVENTS,
    RUN_LENGTH,
    RUN_TARGET,
    RUN_WEIGHT,
    TOO_MANY,
)
from snn.engines.staircase_cpu.reach import reach
from snn.engines.staircase_cpu.speaking import carry, look, read, say, touch_all
from snn.jit import internal
from snn.neurons.staircase import PRODUCT, level_of
from snn.program.staircase import INPUT, LISTED
from snn.program.tables import MAX_POOL2D


@internal
def _lacking(nodes, counters, log, plan, node, neurons):
    """Say what is missing if so many neurons of a node were to speak."""
    needed = neurons * (nodes.first_fan[node + 1] - nodes.first_fan[node])
    if counters.parcels[0] < needed:
        counters.needed[0] = needed
        return NO_ROOM
    if plan.logs and len(log.time) - counters.logged[0] < neurons:
        counters.needed[0] = neurons
        return LOG_FULL
    return RESTED


@internal
def _speak(tables, memory, sample, s, scratch, flight, counters, log, plan):
    """Look at all cells that have been touched, and send what their neurons say."""
    nodes, time = tables.nodes, flight.speaks[0]
    for node in range(len(nodes.kind)):
        if not scratch.count[node]:
            continue
        status = _lacking(nodes, counters, log, plan, node, nodes.size[node])
        if status != RESTED:
            return status
        counters.touched[0] -= scratch.count[node]
        speakers = look(tables, node, sample, scratch)
        say(tables, node, speakers, time, memory, sample, s, scratch, counters, log, plan.logs)
        send(tables, flight, counters, scratch, node, speakers, time, plan.schedule)
    return RESTED


@internal
def _give(tables, memory, sample, s, scratch, flight, counters, log, plan):
    """Let the next window of the input come."""
    nodes, window = tables.nodes, counters.window[0]
    time = plan.times[window]
    for node in range(len(nodes.kind)):
        if nodes.kind[node] != INPUT:
            continue
        status = _lacking(nodes, counters, log, plan, node, nodes.size[node])
        if status != RESTED:
            return status
        speakers = read(tables, plan, node, window, sample, s, scratch)
        say(tables, node, speakers, time, memory, sample, s, scratch, counters, log, plan.logs)
        send(tables, flight, counters, scratch, node, speakers, time, plan.schedule)
    counters.window[0] += 1
    return RESTED


@internal
def _synapses(tables, flight, parcel):
    """Return which listed synapses a parcel is at: begin, end, and the end of its row."""
    wires, j, place = tables.wires, flight.fan[parcel], flight.place[parcel]
    if tables.fans.kind[j] != LISTED:
        return 0, 0, 0
    row = tables.fans.first_row[j] + flight.source[parcel] - tables.nodes.first[tables.fans.source[j]]
    end = wires.rows[row + 1]
    if place < 0:
        return wires.rows[row], end, end
    upto = place + 1
    while upto < end and wires.delays[upto] == wires.delays[place]:
        upto += 1
    return place, upto, end


@internal
def _arrive_together(tables, sample, scratch, flight, counters, window):
    """Add what the parcels of the next list bring."""
    parcel = pop(flight, counters)
    time, j = flight.time[parcel], flight.fan[parcel]
    origin, found = tables.nodes.first[tables.fans.source[j]], 0
    while parcel >= 0:
        listed = 0
        while parcel >= 0 and listed < len(scratch.neuron):
            begin, end, last = _synapses(tables, flight, parcel)
            scratch.neuron[listed], scratch.change[listed] = flight.source[parcel] - origin, flight.events[parcel]
            scratch.begin[listed], scratch.end[listed] = begin, end
            listed += 1
            following = flight.next[parcel]
            if flight.place[parcel] < 0:
                release(flight, counters, parcel)
            else:
                move_on(tables, flight, counters, parcel, end, last)
            parcel = following
        found += carry(tables, j, listed, sample, scratch)
    if counters.touched[0] == 0:
        flight.speaks[0] = max(time, np.ceil(time / window) * window) if window > 0.0 else time
    counters.touched[0] += found


@internal
def _utter(tables, node, target, change, time, memory, sample, s, scratch, flight, counters, log, plan):
    """Let one neuron speak."""
    scratch.neuron[0], scratch.change[0] = target, change
    say(tables, node, 1, time, memory, sample, s, scratch, counters, log, plan.logs)
    send(tables, flight, counters, scratch, node, 1, time, plan.schedule)


@internal
def _arrive_alone(tables, memory, sample, s, scratch, flight, counters, log, plan):
    """Let one event arrive at its targets, one after the other, each of which speaks at once."""
    nodes, fans, weights, parameters = tables.nodes, tables.fans, tables.wires.weights, tables.parameters
    parcel, sums, levels, runs = flight.heap[0], sample.sums, sample.levels, scratch.runs
    j, time = flight.fan[parcel], flight.time[parcel]
    node, origin = fans.target[j], fans.source[j]
    status = _lacking(nodes, counters, log, plan, node, tables.spread[j])
    if status != RESTED:
        return status
    left = flight.left[parcel]
    one = left if nodes.kind[origin] == PRODUCT else np.int64(1) if left > 0 else np.int64(-1)
    begin, end, last = _synapses(tables, flight, parcel)
    source = flight.source[parcel] - nodes.first[origin]
    flight.left[parcel] -= one
    if flight.left[parcel] == 0:  # what is sent from here on arrives later
        pop(flight, counters)
        if flight.place[parcel] < 0:
            release(flight, counters, parcel)
        else:
            move_on(tables, flight, counters, parcel, end, last)
    kind, slot, size, first = nodes.kind[node], nodes.slot[node], nodes.size[node], nodes.first[node]
    at, rows, width, other = nodes.parameters[node], nodes.rows[node], nodes.width[node], slot
    other += size if kind == PRODUCT else 0
    for r in range(reach(fans, tables.wires.targets, j, source, one, begin, end, runs, sample.counters, sample.bests)):
        for c in range(runs[r, RUN_LENGTH]):
            target = runs[r, RUN_TARGET] + c
            sums[fans.slot[j] + target] += weights[runs[r, RUN_WEIGHT] + c] * runs[r, RUN_EVENTS]
            row = at if rows == 1 else at + target % rows * width
            level = level_of(kind, parameters, row, width, sums[slot + target], sums[other + target])
            change = level - levels[first + target]
            if change != 0:
                _utter(tables, node, target, change, time, memory, sample, s, scratch, flight, counters, log, plan)
    return RESTED


@internal
def _count(tables, sample):
    """Bring the counters of max-pooling up to date: all that was said has arrived."""
    nodes, fans = tables.nodes, tables.fans
    for j in range(len(fans.kind)):
        if fans.kind[j] == MAX_POOL2D:
            first, counter = nodes.first[fans.source[j]], fans.first_counter[j]
            for i in range(nodes.size[fans.source[j]]):
                sample.counters[counter + i] = sample.levels[first + i]


@internal
def settle_timed(tables, memory, sample, s, scratch, flight, counters, log, plan, moves):
    """Settle one sample, or go on with it; returns a status. After so many `moves` it is PAUSED."""
    if not counters.begun[0]:
        counters.begun[0], counters.window[0], flight.speaks[0] = 1, 0, 0.0
        _count(tables, sample)
        if memory.fresh[s]:
            counters.touched[0] = touch_all(tables.nodes, scratch)
            memory.fresh[s] = False
    for _ in range(moves):
        arrival = flight.time[flight.heap[0]] if counters.heap[0] else np.inf
        window = plan.times[counters.window[0]] if counters.window[0] < len(plan.times) else np.inf
        status = RESTED
        if counters.touched[0] and (plan.schedule == FREE or flight.speaks[0] < min(arrival, window)):
            status = _speak(tables, memory, sample, s, scratch, flight, counters, log, plan)
        elif window <= arrival and window < np.inf:
            status = _give(tables, memory, sample, s, scratch, flight, counters, log, plan)
        elif counters.heap[0] == 0:
            return RESTED
        elif plan.schedule == FREE:
            status = _arrive_alone(tables, memory, sample, s, scratch, flight, counters, log, plan)
        else:
            _arrive_together(tables, sample, scratch, flight, counters, plan.window)
        if status != RESTED:
            return status
        if memory.emitted[s] > plan.limit:
            return TOO_MANY
    return PAUSED
