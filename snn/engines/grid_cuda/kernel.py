"""The time loop: one kernel for a whole span, whose threads meet at a barrier of the grid after each phase.

A step has two phases. What has been listed arrives, every synapse by itself; then every neuron is updated, and trains
of the next step are drawn. Sums are integers and random numbers functions of their place, so the order in which threads
come to their work shows nowhere.

In the simulator, which has no such barrier, each phase is a launch of its own.
"""

from __future__ import annotations

from typing import Any

from snn.cuda import SIMULATED, Device, cuda, kernel, ticks
from snn.engines.grid_cuda.delivery import arrive
from snn.engines.grid_cuda.tables import REACHED, SPIKES, TICKS, Memory, Sizes, Span, Tables
from snn.engines.grid_cuda.trains import draw_trains
from snn.engines.grid_cuda.update import update


@kernel
def advance(tables, groups, memory, sizes, span):
    """Run steps span.first + 1 .. span.last, or as many of them as there is room for the spikes of."""
    grid, thread, threads = cuda.cg.this_grid(), cuda.grid(1), cuda.gridsize(1)
    k, going = span.first, True
    draw_trains(tables, memory, sizes, span, k + 1, thread, threads)
    grid.sync()
    while going:
        k += 1
        going = k < span.last and memory.marks[SPIKES] + 2 * sizes.samples * sizes.units <= sizes.room
        begun = ticks()
        arrive(tables, memory, sizes, k, thread, threads)
        arrived = ticks()
        grid.sync()
        met = ticks()
        update(tables, groups, memory, sizes, span, k, thread, threads)
        if going:
            draw_trains(tables, memory, sizes, span, k + 1, thread, threads)
        updated = ticks()
        grid.sync()
        if thread == 0:
            memory.marks[TICKS] += arrived - begun
            memory.marks[TICKS + 1] += met - arrived
            memory.marks[TICKS + 2] += updated - met
            memory.marks[TICKS + 3] += ticks() - updated
    if thread == 0:
        memory.marks[REACHED] = k


@kernel
def _draw_trains(tables, memory, sizes, span, k):
    draw_trains(tables, memory, sizes, span, k, cuda.grid(1), cuda.gridsize(1))


@kernel
def _arrive(tables, memory, sizes, k):
    arrive(tables, memory, sizes, k, cuda.grid(1), cuda.gridsize(1))


@kernel
def _update(tables, groups, memory, sizes, span, k):
    update(tables, groups, memory, sizes, span, k, cuda.grid(1), cuda.gridsize(1))


def run(device: Device, tables: Tables, groups: Any, memory: Memory, sizes: Sizes, span: Span, work: int) -> None:
    """Run a span on a device; `work` is how many threads have something to do."""
    if not SIMULATED:
        device.launch(advance, work, tables, groups, memory, sizes, span)
        return
    going, k = True, span.first
    device.launch(_draw_trains, work, tables, memory, sizes, span, k + 1)
    while going:
        k += 1
        going = k < span.last and memory.marks[SPIKES] + 2 * sizes.samples * sizes.units <= sizes.room
        device.launch(_arrive, work, tables, memory, sizes, k)
        device.launch(_update, work, tables, groups, memory, sizes, span, k)
        if going:
            device.launch(_draw_trains, work, tables, memory, sizes, span, k + 1)
    memory.marks[REACHED] = k
