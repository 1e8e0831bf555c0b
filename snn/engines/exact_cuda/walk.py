"""A thread walks a neuron through a window: what arrives, in its order, and the spikes before, between and after."""

from __future__ import annotations

import math

import numpy as np
from numba.extending import overload

from snn.arithmetic import fma
from snn.cuda import atomic_add, in_kernels, on_device
from snn.engines.exact_cpu import trains
from snn.engines.exact_cpu.memory import FREE, RUNAWAY, STATE, WAKE
from snn.engines.exact_cpu.neuron import CLOCK, Clock, active, next_spike, turn
from snn.engines.exact_cpu.wakes import wake_from, wake_window
from snn.engines.exact_cuda.delivery import sorted_list
from snn.engines.exact_cuda.memory import CODE, RECORDED, WHERE, WHO
from snn.neurons.flow import advance, hold, receive, receive_held
from snn.program.exact import UPDATE
from snn.program.runs import PORT_BITS
from snn.structs import load, only, read_row, write_row

_load, _only, _read_row, _write_row = in_kernels(load), in_kernels(only), in_kernels(read_row), in_kernels(write_row)
_go_on = in_kernels(trains.go_on)


@on_device
def _emit(memory, sizes, window, source, negative, offset, sample, limit):
    """Record an event of a source; returns whether there was room, which ends at `limit`."""
    place = atomic_add(memory.counts, RECORDED, 1)
    if place >= limit:
        if place == limit:  # one thread only, so that source and sample belong together
            memory.counts[CODE], memory.counts[WHO], memory.counts[WHERE] = RUNAWAY, source, sample
        return False
    memory.record_windows[place], memory.record_offsets[place] = window, offset
    memory.record_sources[place], memory.record_samples[place] = 2 * source + negative, sample
    return True


@on_device
def _walk(group, tables, memory, sizes, sample, i, now, s, limit):
    """Take neuron `i` of a group to offset `s` of window `now`."""
    rows, row, n = group.rows, sample * group.size + i, group.first + i
    runs, here, length, place = tables.runs, float(now), tables.window, sample * sizes.neurons + n
    p, state, clock = (
        _load(group.parameters, sample, i),
        _read_row(group.state, rows, row, STATE),
        _read_row(CLOCK, rows, row, 0),
    )
    arrival = sorted_list(memory, np.int64(memory.heads[place]))
    while True:
        there = arrival >= 0 and memory.arrival_offsets[arrival] <= s
        at = memory.arrival_offsets[arrival] if there else s
        while clock.wake <= here:
            state, clock, spike = next_spike(p, state, clock, here, length, at)
            if spike == math.inf or not _emit(memory, sizes, now, n, 0, spike, sample, limit):
                break
        if not there:
            break
        slip = np.int64(memory.arrival_slips[arrival])
        run = memory.slip_runs[slip] >> 1
        synapse = runs.synapse[run] + arrival - memory.slip_firsts[slip]
        port = np.int64(runs.addresses[synapse]) & (2**PORT_BITS - 1)
        t = max(fma(here - clock.window, length, at - clock.offset), 0.0)
        if port == UPDATE:
            state, changed = turn(p, advance(p, state, t))
            clock = Clock(here, at, clock.wake, clock.release)
            if changed:
                _emit(memory, sizes, now, n, int(not active(p, state)), at, sample, limit)
        else:
            x = _only(group.arrivals, port, (1.0 - 2.0 * (memory.slip_runs[slip] & 1)) * runs.weights[synapse])
            if clock.release != FREE:
                state = receive_held(p, hold(p, state, t), x)
                clock = Clock(here, at, clock.wake, clock.release)
            else:
                state = receive(p, advance(p, state, t), x)
                clock = Clock(here, at, wake_window(length, p, state, here, at, here), FREE)
        arrival = np.int64(memory.following[arrival])
    memory.heads[place] = arrival
    wake = clock.wake
    if s >= length and clock.release == FREE and wake <= here:
        wake = wake_from(length, p, state, clock.window, clock.offset, here + 1.0)
    _write_row(rows, row, 0, Clock(clock.window, clock.offset, wake, clock.release))
    _write_row(rows, row, STATE, state)


@on_device
def _walk_group(group, tables, memory, sizes, now, s, limit, thread, threads):
    """Walk the neurons of a group at which something arrives, or that might fire by themselves."""
    for row in range(thread, sizes.samples * group.size, threads):
        sample, i = row // group.size, row % group.size
        if memory.heads[sample * sizes.neurons + group.first + i] >= 0 or group.rows[row, WAKE] <= now:
            _walk(group, tables, memory, sizes, sample, i, now, s, limit)


def walk(groups, *arguments):
    """Call `_walk_group` on all groups; they are of different types, so compiled code takes them one by one."""
    for group in groups:
        _walk_group(group, *arguments)


@overload(walk)
def _walk_compiled(groups, *arguments):
    if len(groups) == 1:
        return lambda groups, *arguments: _walk_group(groups[0], *arguments)

    def go_on(groups, *arguments):
        _walk_group(groups[0], *arguments)
        walk(groups[1:], *arguments)

    return go_on


@on_device
def run_trains(tables, memory, sizes, goal, window, limit, thread, threads):
    """Record the events of all trains in a window, which is the next one, so that they may arrive in it at once."""
    for place in range(thread, sizes.samples * sizes.trains, threads):
        sample, train = place // sizes.trains, place % sizes.trains
        if memory.train_draws[place] == 0:
            _go_on(tables, memory, train, place, goal.first_sample + sample)
        while memory.train_windows[place] == window:
            at = memory.train_offsets[place]
            if not _emit(memory, sizes, window, sizes.neurons + train, 0, at, sample, limit):
                break
            _go_on(tables, memory, train, place, goal.first_sample + sample)
