"""The phased schedule: population after population, each neuron speaks once, when all its input has come."""

from __future__ import annotations

from snn.engines.staircase_cpu.gathering import gather
from snn.engines.staircase_cpu.memory import LOG_FULL, RESTED, TOO_MANY
from snn.engines.staircase_cpu.rounding import round_all
from snn.engines.staircase_cpu.speaking import carry, enter
from snn.jit import internal, prefer_wide_vectors
from snn.lanes import list_flagged
from snn.neurons.staircase import NEAREST, PRODUCT, level_of
from snn.program.staircase import INPUT, LISTED
from snn.program.tables import MAX_POOL2D


@internal
def _look(tables, plan, node, sample, s, levels):
    """Compute the levels of all neurons of a node."""
    nodes, parameters = tables.nodes, tables.parameters
    kind, size, rows, width = nodes.kind[node], nodes.size[node], nodes.rows[node], nodes.width[node]
    first, slot, at = nodes.first[node], nodes.slot[node], nodes.parameters[node]
    if kind == INPUT:
        counts = plan.counts[len(plan.times) - 1, s, first : first + size]
        for i in range(size):
            levels[i] = counts[i]
        return
    sums = sample.sums[slot : slot + size]
    if kind == NEAREST:
        round_all(tables.rounding, node, sums, levels)
        return
    others = sample.sums[slot + size : slot + 2 * size] if kind == PRODUCT else sums
    for base in range(0, size, rows):
        for i in range(base, base + rows):
            levels[i] = level_of(kind, parameters, at + (i - base) * width, width, sums[i], others[i])


@internal
def _say(tables, node, changes, sample, scratch):
    """Let all neurons of a node reach the levels in `changes`, which are replaced by what they say: events, operations.

    In `scratch.spoke` those are marked who say anything.
    """
    prefer_wide_vectors()
    nodes = tables.nodes
    first, end = nodes.first[node], nodes.first[node] + nodes.size[node]
    levels, totals, fan_out = sample.levels[first:end], scratch.totals[first:end], tables.fan_out[first:end]
    graded, spoke, said, operations = nodes.kind[node] == PRODUCT, scratch.spoke, 0, 0
    for i in range(nodes.size[node]):
        change = changes[i] - levels[i]
        events = min(abs(change), 1) if graded else abs(change)
        levels[i] += change
        totals[i] += events
        said += events
        operations += events * fan_out[i]
        changes[i], spoke[i] = change, change != 0
    return said, operations


@internal
def _list(size, changes, scratch):
    """List who says anything, in ascending order; returns how many."""
    speakers = list_flagged(scratch.ids, 0, 0, scratch.spoke, size)
    for k in range(speakers):
        i = scratch.ids[k]
        scratch.neuron[k], scratch.change[k] = i, changes[i]
    return speakers


@internal
def _forget(nodes, node, scratch):
    """Have no neuron of a node noted to be looked at: all have been."""
    first = nodes.first_cell[node]
    for k in range(scratch.count[node]):
        scratch.flags[first + scratch.touched[first + k]] = False
    scratch.count[node] = 0


@internal
def settle_phased(tables, memory, sample, s, scratch, counters, log, plan):
    """Settle one sample; returns a status."""
    nodes, fans, rows, changes = tables.nodes, tables.fans, tables.wires.rows, scratch.wanted
    if plan.logs and len(log.time) - counters.logged[0] < len(sample.levels):
        counters.needed[0] = len(sample.levels)
        return LOG_FULL
    memory.fresh[s] = False
    for node in tables.order:
        _look(tables, plan, node, sample, s, changes)
        said, operations = _say(tables, node, changes, sample, scratch)
        _forget(nodes, node, scratch)
        memory.operations[s] += operations
        memory.spoken[s, node] += said
        if said:
            memory.last[s] = max(memory.last[s], plan.said[node])
        if nodes.kind[node] != INPUT:
            memory.emitted[s] += said
            if memory.emitted[s] > plan.limit:
                return TOO_MANY
        speakers = -1  # not listed yet: max-pooling looks at all levels
        if plan.logs:
            speakers = _list(nodes.size[node], changes, scratch)
            enter(nodes.first[node], speakers, plan.said[node], s, scratch, counters, log)
        for j in range(nodes.first_fan[node], nodes.first_fan[node + 1]):
            if speakers < 0 and fans.kind[j] != MAX_POOL2D:
                speakers = _list(nodes.size[node], changes, scratch)
            if gather(tables, plan, j, speakers, sample, scratch):
                continue
            if fans.kind[j] == LISTED:
                for k in range(speakers):
                    row = fans.first_row[j] + scratch.neuron[k]
                    scratch.begin[k], scratch.end[k] = rows[row], rows[row + 1]
            carry(tables, j, speakers, sample, scratch)
    return RESTED
