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


@internal
def _rows(memory, s, scratch, plan):
    """Return where the state of a sample is: what is not kept has one place, which stays in the cache."""
    up, down, counters = memory.up[s], memory.down[s], memory.counters[s]
    if plan.whole:
        return Sample(memory.sums[s], memory.levels[s], up, down, counters, memory.bests[s])
    return Sample(scratch.sums, scratch.levels, up, down, counters, scratch.bests)


@internal
def _keep(memory, sample, s, keep):
    """Put by what is kept of a sample."""
    level = total = 0
    for k in range(len(keep)):
        first, size, slot, sums = keep[k, 0], keep[k, 1], keep[k, 2], keep[k, 3]
        for i in range(size):
            memory.levels[s, level + i] = sample.levels[first + i]
        for i in range(sums):
            memory.sums[s, total + i] = sample.sums[slot + i]
        level, total = level + size, total + sums


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
        sample = _rows(memory, s, scratch, plan)
        if memory.fresh[s] and not counters.begun[0]:
            _initialise(tables, sample)
        if plan.schedule == PHASED:
            status = settle_phased(tables, memory, sample, s, scratch, counters, log, plan)
        else:
            status = settle_timed(tables, memory, sample, s, scratch, flight, counters, log, plan, _MOVES)
        if status != RESTED:
            return status
        if not plan.whole:
            _keep(memory, sample, s, plan.keep)
        counters.sample[0] += 1
        counters.begun[0] = 0
        said += memory.emitted[s]
        if said > _MOVES:
            return PAUSED
    return RESTED
