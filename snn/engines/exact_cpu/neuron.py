"""What happens to a neuron in a window: events arrive, it fires, it is refractory; the equations are its model's."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba.core import types
from numba.extending import overload

from snn.arithmetic import fma
from snn.engines.exact_cpu.memory import CODE, FREE, RUNAWAY, SPIKES, STATE, WHO, functions
from snn.engines.exact_cpu.wakes import put_in, wake_window
from snn.jit import inlined, internal, prefetch_near
from snn.neurons.flow import above, advance, crossing, earliest, fire, hold, receive, receive_held, update
from snn.program.exact import UPDATE
from snn.program.runs import PORT_BITS
from snn.structs import fetch, load, only, read_row, write_row

_int, _float = types.intp, types.float64
_AHEAD = 12  # synapses between asking for a neuron's row and using it


class Clock(NamedTuple):
    """What the engine knows of a neuron; see `snn.engines.exact_cpu.memory`."""

    window: float
    offset: float
    wake: float
    release: float


CLOCK = Clock(0.0, 0.0, 0.0, 0.0)


def turn(p, state):
    """Return the state of a binary unit after an update, and whether it changed; others have none."""
    return update(p, state) if type(p) in update.answers else (state, False)


def active(p, state):
    """Return whether a binary unit is active."""
    return type(p) in update.answers and state.n > 0.0


@overload(turn)
def _turn_compiled(p, state):
    if p.instance_class in update.answers:
        return lambda p, state: update(p, state)
    return lambda p, state: (state, False)


@overload(active)
def _active_compiled(p, state):
    if p.instance_class in update.answers:
        return lambda p, state: state.n > 0.0
    return lambda p, state: False


@internal
def emit(memory, block, now, source, negative, offset):
    """Note an event of a source in window `now`; returns whether there was room."""
    counts = memory.counts[block]
    count = counts[SPIKES]
    if count == memory.spike_offsets.shape[2]:
        counts[CODE], counts[WHO] = RUNAWAY, source
        return False
    memory.spike_offsets[now & 1, block, count] = offset
    memory.spike_sources[now & 1, block, count] = 2 * source + negative
    counts[SPIKES] = count + 1
    return True


@inlined
def next_spike(p, state, clock, here, length, s):
    """Take a neuron to its next spike up to offset `s` of window `here`, a float, or to the end of its refractoriness.

    Returns the state and the clock there, and the spike's offset, inf if there is none. The state is left where
    something last happened to it, so that looking at it changes nothing.
    """
    window, offset, wake, release = clock
    since = fma(here - window, length, -offset)  # from the state's own time to the window's beginning
    if release != FREE:
        # What arrives at the very end is still dropped; at the window's end all that end in it are over.
        if wake > here or (release >= s and s < length):
            return state, clock, math.inf
        state = hold(p, state, max(since + release, 0.0))
        window, offset, release = here, release, FREE
        since = fma(here - window, length, -offset)
    clock = Clock(window, offset, wake, release)
    if since + s <= 0.0:  # more may arrive at this very time
        return state, clock, math.inf
    t = 0.0
    if not above(p, state):
        if earliest(p, state) > since + s:
            return state, clock, math.inf
        t = crossing(p, state, since + length)  # up to the window's end, so that the root depends on no `s`
    at = max(t - since, 0.0)
    if at > s or at >= length:
        return state, clock, math.inf
    if p.t_ref > 0.0:
        whole = math.floor((at + p.t_ref) / length)
        wake, release = here + whole, max(fma(-whole, length, at + p.t_ref), 0.0)
    return fire(p, advance(p, state, t)), Clock(here, at, wake, release), at


@internal
def settle(group, tables, memory, block, n, now, s):
    """Let neuron `n`, of a group, fire and be refractory up to offset `s` of window `now`, if it does."""
    rows, i = group.rows, n - group.first
    p = load(fetch(group.parameters), 0, i)
    state, clock = read_row(fetch(group.state), rows, i, STATE), read_row(CLOCK, rows, i, 0)
    while True:
        state, clock, at = next_spike(p, state, clock, float(now), tables.window, s)
        if at == math.inf or not emit(memory, block, now, n, 0, at):
            break
    write_row(rows, i, 0, clock)
    write_row(rows, i, STATE, state)


settle_one = functions.of(types.none, "tables", "memory", _int, _int, _int, _float)(settle)


@functions.of(types.none, "tables", "memory", _int, _int, _float, _int, _int, _float)
@internal
def arrive(group, tables, memory, block, now, s, first, end, sign):
    """Let the events of synapses `first` .. `end - 1` arrive at offset `s` of window `now`."""
    rows, parameters, here = group.rows, fetch(group.parameters), float(now)
    zero, nothing = fetch(group.state), fetch(group.arrivals)
    addresses, weights, length = tables.runs.addresses, tables.runs.weights, tables.window
    width = rows.shape[1]
    for j in range(np.uint64(first), np.uint64(end)):  # unsigned, so that no index is tested for being negative
        prefetch_near(rows, width * (addresses[min(j + np.uint64(_AHEAD), np.uint64(end - 1))] >> PORT_BITS))
        i, port = np.int64(addresses[j] >> PORT_BITS), addresses[j] & (2**PORT_BITS - 1)
        clock = read_row(CLOCK, rows, i, 0)
        if clock.wake <= here:
            settle(group, tables, memory, block, group.first + i, now, s)
            clock = read_row(CLOCK, rows, i, 0)
        p = load(parameters, 0, i)
        state = read_row(zero, rows, i, STATE)
        t = max(fma(here - clock.window, length, s - clock.offset), 0.0)
        if port == UPDATE:
            state, changed = turn(p, advance(p, state, t))
            write_row(rows, i, STATE, state)
            write_row(rows, i, 0, Clock(here, s, clock.wake, clock.release))
            if changed:
                emit(memory, block, now, group.first + i, int(not active(p, state)), s)
            continue
        x = only(nothing, port, sign * weights[j])
        if clock.release != FREE:
            write_row(rows, i, STATE, receive_held(p, hold(p, state, t), x))
            write_row(rows, i, 0, Clock(here, s, clock.wake, clock.release))
            continue
        state = receive(p, advance(p, state, t), x)
        wake = wake_window(length, p, state, here, s, here)
        write_row(rows, i, STATE, state)
        write_row(rows, i, 0, Clock(here, s, wake, FREE))
        if wake < math.inf:
            put_in(memory, block, group.first + i, int(min(wake, 2.0**53)), now)
