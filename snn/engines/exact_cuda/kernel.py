"""The windows: one kernel for many of them, whose threads meet at a barrier of the grid after each phase.

A window has three phases: what is due in it is put on the lists of its targets; neurons are walked through it, and
trains through the next one; and the events that came of it are filed under the windows they reach.

In the simulator, whose barrier holds the threads of one block, it is run by one block.
"""

from __future__ import annotations

from typing import Any

from snn.cuda import SIMULATED, Device, cuda, kernel
from snn.engines.exact_cpu.memory import BEGIN, DRAIN, FILE, FINE, GROW, RUNAWAY, WITHIN
from snn.engines.exact_cuda.delivery import deliver, file
from snn.engines.exact_cuda.memory import ARRIVALS, AT, CODE, FILED, FULL, PHASE, RECORDED, Goal, Memory, Sizes, Tables
from snn.engines.exact_cuda.walk import run_trains, walk

_THREADS = 4  # in the simulator


@kernel
def advance(tables, groups, memory, sizes, goal):
    """Run to the goal, or until room must be made first: a code in `Memory.counts` says so."""
    grid, thread, threads = cuda.cg.this_grid(), cuda.grid(1), cuda.gridsize(1)
    counts, code = memory.counts, FINE
    now, phase, filed = counts[AT], counts[PHASE], counts[FILED]
    while True:
        if phase == FILE:
            end = counts[RECORDED]
            file(tables, memory, sizes, filed, end, now, thread, threads)
            grid.sync()
            arriving = memory.pending[(now + 1) % sizes.days] & ARRIVALS
            if counts[FULL] or arriving > sizes.arrivals:
                code = GROW
                break
            filed, now, phase = end, now + 1, BEGIN
            if sizes.records - filed < sizes.events:
                code = DRAIN
                break
        if phase == BEGIN:
            deliver(tables, memory, sizes, now, thread, threads)
            grid.sync()
            phase = WITHIN
        cut, limit = now == goal.until, filed + sizes.events
        walk(groups, tables, memory, sizes, now, goal.stop if cut else tables.window, limit, thread, threads)
        if not cut:
            run_trains(tables, memory, sizes, goal, now + 1, limit, thread, threads)
        for day in range(thread, sizes.days, threads):
            memory.kept[day] = memory.pending[day]
        grid.sync()
        if cut or counts[CODE] == RUNAWAY:
            break
        phase = FILE
    if thread == 0:
        counts[AT], counts[PHASE], counts[FILED] = now, phase, filed
        if code != FINE:
            counts[CODE] = code


def run(device: Device, tables: Tables, groups: Any, memory: Memory, sizes: Sizes, goal: Goal) -> None:
    """Run to a goal on a device, or as far as there is room."""
    arguments = tables, groups, memory, sizes, goal
    if SIMULATED:
        advance[1, _THREADS](*arguments)
    else:
        device.launch(advance, sizes.samples * (sizes.neurons + sizes.trains), *arguments)
