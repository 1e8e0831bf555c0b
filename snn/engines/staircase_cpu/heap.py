"""The heap of what is under way, by time."""

from __future__ import annotations

from snn.engines.staircase_cpu.memory import FREE
from snn.jit import internal
from snn.program.staircase import LISTED


@internal
def _before(flight, a, b):
    """Whether parcel `a` comes before `b`: by time, source, fan and number."""
    if flight.time[a] != flight.time[b]:
        return flight.time[a] < flight.time[b]
    if flight.source[a] != flight.source[b]:
        return flight.source[a] < flight.source[b]
    if flight.fan[a] != flight.fan[b]:
        return flight.fan[a] < flight.fan[b]
    return flight.number[a] < flight.number[b]


@internal
def push(flight, counters, parcel):
    """Put a parcel, and those linked to it, into the heap."""
    heap, place = flight.heap, counters.heap[0]
    counters.heap[0] += 1
    while place > 0:
        parent = (place - 1) >> 1
        if not _before(flight, parcel, heap[parent]):
            break
        heap[place] = heap[parent]
        place = parent
    heap[place] = parcel


@internal
def pop(flight, counters):
    """Take the first parcel out of the heap; it is nobody's to join any more."""
    heap, first = flight.heap, flight.heap[0]
    counters.heap[0] -= 1
    count = counters.heap[0]
    last, place = heap[count], 0
    while True:
        child = 2 * place + 1
        if child >= count:
            break
        if child + 1 < count and _before(flight, heap[child + 1], heap[child]):
            child += 1
        if not _before(flight, heap[child], last):
            break
        heap[place] = heap[child]
        place = child
    heap[place] = last
    j = flight.fan[first]
    if flight.open_parcel[j] == first:
        flight.open_time[j] = -1.0
    return first


@internal
def send(tables, flight, counters, scratch, node, speakers, time, schedule):
    """Send what the neurons listed say through all fans that lead from them; there must be parcels enough."""
    fans, wires, first = tables.fans, tables.wires, tables.nodes.first[node]
    for j in range(tables.nodes.first_fan[node], tables.nodes.first_fan[node + 1]):
        listed, delay = fans.kind[j] == LISTED, fans.delay[j]
        alone = delay != delay  # nan: each synapse has its own
        for k in range(speakers):
            neuron, place = scratch.neuron[k], -1
            if listed:
                row = wires.rows[fans.first_row[j] + neuron]
                if row == wires.rows[fans.first_row[j] + neuron + 1]:
                    continue
                if alone:
                    place, delay = row, wires.delays[row]
            parcel = counters.free[0]
            counters.free[0] = flight.next[parcel]
            counters.parcels[0] -= 1
            counters.serial[0] += 1
            flight.time[parcel], flight.sent[parcel] = time + delay, time
            flight.source[parcel], flight.fan[parcel] = first + neuron, j
            flight.events[parcel] = flight.left[parcel] = scratch.change[k]
            flight.place[parcel], flight.number[parcel], flight.next[parcel] = place, counters.serial[0], -1
            if schedule != FREE and not alone:
                if flight.open_time[j] == time + delay:
                    head = flight.open_parcel[j]
                    flight.next[parcel] = flight.next[head]
                    flight.next[head] = parcel
                    continue
                flight.open_time[j], flight.open_parcel[j] = time + delay, parcel
            push(flight, counters, parcel)


@internal
def release(flight, counters, parcel):
    """Give back a parcel that has arrived."""
    flight.next[parcel] = counters.free[0]
    counters.free[0] = parcel
    counters.parcels[0] += 1


@internal
def move_on(tables, flight, counters, parcel, place, end):
    """Send a parcel to the next of its synapses, at `place`, or give it back if it has been at all of them."""
    if place == end:
        release(flight, counters, parcel)
        return
    flight.place[parcel], flight.left[parcel] = place, flight.events[parcel]
    flight.time[parcel] = flight.sent[parcel] + tables.wires.delays[place]
    push(flight, counters, parcel)
