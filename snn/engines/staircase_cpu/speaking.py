"""Neurons that are looked at, what they say, and how it is passed on: the steps that schedules are made of."""

from __future__ import annotations

from snn.engines.staircase_cpu.memory import RUN_EVENTS, RUN_LENGTH, RUN_TARGET, RUN_WEIGHT
from snn.engines.staircase_cpu.reach import add, reach
from snn.jit import inlined, internal
from snn.neurons.staircase import PRODUCT, level_of
from snn.program.staircase import INPUT


@inlined
def touch(first, shift, target, length, flags, touched, count, node):
    """Note that neurons of a node are to be looked at; returns how many cells are new."""
    found = 0
    for cell in range(target >> shift, ((target + length - 1) >> shift) + 1):
        if not flags[first + cell]:
            flags[first + cell] = True
            touched[first + count[node]] = cell
            count[node] += 1
            found += 1
    return found


@internal
def touch_all(nodes, scratch):
    """Note that every neuron is to be looked at; returns how many cells there are."""
    found = 0
    for node in range(len(nodes.kind)):
        if nodes.kind[node] != INPUT:
            first, shift, size = nodes.first_cell[node], nodes.shift[node], nodes.size[node]
            found += touch(first, shift, 0, size, scratch.flags, scratch.touched, scratch.count, node)
    return found


@internal
def look(tables, node, sample, scratch):
    """Look at the cells of a node that have been touched; lists who speaks, and returns how many."""
    nodes, parameters, sums, levels, wanted = (
        tables.nodes,
        tables.parameters,
        sample.sums,
        sample.levels,
        scratch.wanted,
    )
    kind, size, shift, rows, width = (
        nodes.kind[node],
        nodes.size[node],
        nodes.shift[node],
        nodes.rows[node],
        nodes.width[node],
    )
    slot, first, at, cells = nodes.slot[node], nodes.first[node], nodes.parameters[node], nodes.first_cell[node]
    other = slot + (size if kind == PRODUCT else 0)
    found = 0
    for k in range(scratch.count[node]):
        cell = scratch.touched[cells + k]
        scratch.flags[cells + cell] = False
        begin, end = cell << shift, min((cell + 1) << shift, size)
        if rows == 1:
            for i in range(begin, end):
                wanted[i - begin] = level_of(kind, parameters, at, width, sums[slot + i], sums[other + i])
        else:
            for i in range(begin, end):
                row = at + i % rows * width
                wanted[i - begin] = level_of(kind, parameters, row, width, sums[slot + i], sums[other + i])
        for i in range(begin, end):
            change = wanted[i - begin] - levels[first + i]
            if change != 0:
                scratch.neuron[found], scratch.change[found] = i, change
                found += 1
    scratch.count[node] = 0
    return found


@internal
def read(tables, plan, node, window, sample, s, scratch):
    """List the neurons of an input whose count is another from a window on; returns how many."""
    first, found = tables.nodes.first[node], 0
    for i in range(tables.nodes.size[node]):
        change = plan.counts[window, s, first + i] - sample.levels[first + i]
        scratch.neuron[found], scratch.change[found] = i, change
        found += change != 0
    return found


@internal
def enter(first, speakers, time, s, scratch, counters, log):
    """Enter what the neurons listed say in the log."""
    for k in range(speakers):
        number, change, place = first + scratch.neuron[k], scratch.change[k], counters.logged[0]
        log.sample[place], log.neuron[place], log.time[place], log.change[place] = s, number, time, change
        counters.logged[0] = place + 1


@internal
def say(tables, node, speakers, time, memory, sample, s, scratch, counters, log, logs):
    """Note what the neurons listed say: events of sign +1 or -1 until their level is reached, or a graded one."""
    nodes, graded, said, operations = tables.nodes, tables.nodes.kind[node] == PRODUCT, 0, 0
    for k in range(speakers):
        number, change = nodes.first[node] + scratch.neuron[k], scratch.change[k]
        events = 1 if graded else abs(change)
        sample.levels[number] += change
        scratch.totals[number] += events
        said += events
        operations += events * tables.fan_out[number]
    memory.operations[s] += operations
    memory.spoken[s, node] += said
    if nodes.kind[node] != INPUT:
        memory.emitted[s] += said
    if len(sample.up):
        for k in range(speakers):
            number, change = nodes.first[node] + scratch.neuron[k], scratch.change[k]
            events = 1 if graded else abs(change)
            if change > 0:
                sample.up[number] += events
            else:
                sample.down[number] += events
    if logs:
        enter(nodes.first[node], speakers, time, s, scratch, counters, log)
    if speakers:
        memory.last[s] = max(memory.last[s], time)


@internal
def carry(tables, j, speakers, sample, scratch):
    """Add the events of the neurons listed to the sums that they reach by one fan; returns how many cells are new."""
    nodes, fans, wires = tables.nodes, tables.fans, tables.wires
    node, slot, found = fans.target[j], fans.slot[j], 0
    first, shift, runs, sums = nodes.first_cell[node], nodes.shift[node], scratch.runs, sample.sums
    counters, bests = sample.counters, sample.bests
    for k in range(speakers):
        source, change, begin, end = scratch.neuron[k], scratch.change[k], scratch.begin[k], scratch.end[k]
        for r in range(reach(fans, wires.targets, j, source, change, begin, end, runs, counters, bests)):
            target, length = runs[r, RUN_TARGET], runs[r, RUN_LENGTH]
            add(wires.weights, runs[r, RUN_WEIGHT], length, runs[r, RUN_EVENTS], sums, slot + target)
            found += touch(first, shift, target, length, scratch.flags, scratch.touched, scratch.count, node)
    return found
