"""The kernel: one share of the samples, each until it is at rest."""

from __future__ import annotations

from snn.engines.staircase_cpu.memory import PAUSED, PHASED, RESTED, Sample
from snn.engines.staircase_cpu.phased import settle_phased
from snn.engines.staircase_cpu.timed import settle_timed
from snn.jit import internal, uncounted

_MOVES = 2**20  # so many arrivals at most, some 100 ms, before an interrupt is heeded


@internal
def _initialise(tables, sample):
    """Put the state of a sample at its beginning: where it is needed next, and by all threads."""
    for i in range(len(sample.sums)):
        sample.sums[i] = tables.sums[i]
    for array in (sample.levels, sample.bests):
        for i in range(len(array)):
            array[i] = 0


@uncounted
def run(tables, memory, scratch, flight, counters, log, plan, last):
    """Settle the samples from the one that `counters` says to the one before `last`, or go on with them.

    Returns
    -------
    int
        RESTED when all are at rest; else why not: NO_ROOM for parcels, LOG_FULL, TOO_MANY events, or PAUSED.
    """
    said = 0
    while counters.sample[0] < last:
        s = counters.sample[0]
        sample = Sample(
            memory.sums[s], memory.levels[s], memory.up[s], memory.down[s], memory.counters[s], memory.bests[s]
        )
        if memory.fresh[s] and not counters.begun[0]:
            _initialise(tables, sample)
        if plan.schedule == PHASED:
            status = settle_phased(tables, memory, sample, s, scratch, counters, log, plan)
        else:
            status = settle_timed(tables, memory, sample, s, scratch, flight, counters, log, plan, _MOVES)
        if status != RESTED:
            return status
        counters.sample[0] += 1
        counters.begun[0] = 0
        said += memory.emitted[s]
        if said > _MOVES:
            return PAUSED
    return RESTED
