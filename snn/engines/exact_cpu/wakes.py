"""Neurons that might fire by themselves, filed under the window in which to look at them.

A bound says from which window on, never too late. A neuron is filed once at most, and not after that window; filed too
early it is looked at, and filed again.
"""

from __future__ import annotations

import math

from numba.core import types

from snn.arithmetic import fma
from snn.engines.exact_cpu.memory import FREE, OFFSET, RELEASE, RING, STATE, WAKE, WINDOW, functions
from snn.jit import internal, shared
from snn.neurons.flow import above, advance, earliest
from snn.structs import fetch, load, read_row

_EARLY = 1.0 - 2.0**-40  # keeps a bound on its side, however it is rounded


@internal
def take_out(memory, block, n):
    """Take neuron `n`, which is filed, out of its list."""
    before, following = memory.before[n], memory.following[n]
    if before >= 0:
        memory.following[before] = following
    else:
        memory.heads[block, memory.filed[n] % RING] = following
    if following >= 0:
        memory.before[following] = before
    memory.filed[n] = -1


@internal
def put_in(memory, block, n, window, now):
    """File neuron `n` under a window, or under the last that can be filed under in window `now`.

    Not even that one shares its list with window `now - 1`, which may be being closed.
    """
    window = min(window, now + RING - 2)
    if memory.filed[n] >= 0:
        if memory.filed[n] <= window:
            return
        take_out(memory, block, n)
    head = memory.heads[block, window % RING]
    memory.following[n], memory.before[n], memory.filed[n] = head, -1, window
    if head >= 0:
        memory.before[head] = n
    memory.heads[block, window % RING] = n


@shared
def wake_window(length, p, state, window, offset, least):
    """Return the window, `least` or later, from which on a neuron might fire if nothing arrives; inf if it cannot."""
    if above(p, state):
        return least
    wait = earliest(p, state)
    if wait == math.inf:
        return wait
    return max(window + math.floor((offset + wait * _EARLY) / length), least)


@shared
def wake_from(length, p, state, window, offset, here):
    """As `wake_window`, from window `here` on, for a state as it was at an offset of a window before."""
    wake = wake_window(length, p, state, window, offset, here)
    if wake <= here:  # a bound from where it is now is better than one from where something last happened to it
        since = fma(here - window, length, -offset)
        wake = wake_window(length, p, advance(p, state, max(since, 0.0)), here, 0.0, here)
    return wake


@functions.of(types.none, "tables", "memory", types.intp, types.intp, types.intp)
@internal
def look(group, tables, memory, block, n, now):
    """Find out from which window on, `now` or later, neuron `n`, of a group, might fire, and file it there."""
    rows, i = group.rows, n - group.first
    if rows[i, RELEASE] == FREE:
        p = load(fetch(group.parameters), 0, i)
        state = read_row(fetch(group.state), rows, i, STATE)
        rows[i, WAKE] = wake_from(tables.window, p, state, rows[i, WINDOW], rows[i, OFFSET], float(now))
    if rows[i, WAKE] < math.inf:
        put_in(memory, block, n, int(min(rows[i, WAKE], 2.0**53)), now)
