"""The phased schedule: population after population, each neuron speaks once, when all its input has come."""

from __future__ import annotations

from snn.engines.staircase_cpu.gathering import gather
from snn.engines.staircase_cpu.memory import LOG_FULL, RESTED, TOO_MANY
from snn.engines.staircase_cpu.speaking import carry, look_everywhere, read, say
from snn.jit import internal
from snn.program.staircase import INPUT, LISTED


@internal
def settle_phased(tables, memory, sample, s, scratch, counters, log, plan):
    """Settle one sample; returns a status."""
    nodes, fans, rows = tables.nodes, tables.fans, tables.wires.rows
    if plan.logs and len(log.time) - counters.logged[0] < len(sample.levels):
        counters.needed[0] = len(sample.levels)
        return LOG_FULL
    memory.fresh[s] = False
    for node in tables.order:
        if nodes.kind[node] == INPUT:
            speakers = read(tables, plan, node, len(plan.times) - 1, sample, s, scratch)
        else:
            speakers = look_everywhere(tables, node, sample, scratch)
        say(tables, node, speakers, plan.said[node], memory, sample, s, scratch, counters, log, plan.logs)
        if memory.emitted[s] > plan.limit:
            return TOO_MANY
        for j in range(nodes.first_fan[node], nodes.first_fan[node + 1]):
            if gather(tables, plan, j, speakers, sample, scratch):
                continue
            if fans.kind[j] == LISTED:
                for k in range(speakers):
                    row = fans.first_row[j] + scratch.neuron[k]
                    scratch.begin[k], scratch.end[k] = rows[row], rows[row + 1]
            carry(tables, j, speakers, sample, scratch)
    return RESTED
