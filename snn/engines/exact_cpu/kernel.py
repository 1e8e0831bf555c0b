"""The windows: what is due in one is delivered, its events are published, and filed under the windows they reach.

A window is no longer than any delay between neurons, so no neuron needs to know within one what another does: each
thread takes its block of neurons through it, and all meet at its end.
"""

from __future__ import annotations

from numba.core import types

from snn.arithmetic import fma
from snn.engines.exact_cpu.memory import (
    AT,
    BEGIN,
    CODE,
    DRAIN,
    DUE,
    FILE,
    FINE,
    FREE,
    GROW,
    HIDDEN,
    NEEDED,
    NEXT,
    OFFSET,
    PHASE,
    RECORDED,
    RELEASE,
    RING,
    RUNAWAY,
    SPIKES,
    STATE,
    TOLD,
    UNUSED,
    WINDOW,
    WITHIN,
    functions,
)
from snn.engines.exact_cpu.neuron import arrive, settle_one
from snn.engines.exact_cpu.slips import count_runs, file_events, gather, sort
from snn.engines.exact_cpu.trains import begin_trains, run_trains
from snn.engines.exact_cpu.wakes import look, take_out
from snn.engines.threads import meet
from snn.jit import internal, prefetch_near, uncounted
from snn.neurons.flow import advance, hold
from snn.structs import by_reference, fetch, load, read_row, write_row

_AHEAD = 4  # slips between asking for a run's place in memory, for its synapses, and delivering it
_LINE, _LINES = 8, 6  # weights in a cache line, and lines that are asked for; the hardware guesses the rest
_int, _float = types.intp, types.float64


@internal
def _deliver(tables, groups, memory, block, now, stop):
    """Deliver the slips of window `now` that are due up to offset `stop`."""
    counts, runs = memory.counts[block], tables.runs
    offsets, due = memory.due_offsets[block], memory.due_runs[block]
    last = counts[DUE] - 1
    while counts[NEXT] <= last and offsets[counts[NEXT]] <= stop:
        far, near = due[min(counts[NEXT] + 2 * _AHEAD, last)] >> 1, due[min(counts[NEXT] + _AHEAD, last)] >> 1
        prefetch_near(runs.synapse, far)
        prefetch_near(runs.group, far)
        place = runs.synapse[near]
        for line in range(min((runs.synapse[near + 1] - place) // _LINE + 1, _LINES)):
            prefetch_near(runs.addresses, place + 2 * _LINE * line)
            prefetch_near(runs.weights, place + _LINE * line)
        run, sign = due[counts[NEXT]] >> 1, 1.0 - 2.0 * (due[counts[NEXT]] & 1)
        first, end = runs.synapse[run], runs.synapse[run + 1]
        at = offsets[counts[NEXT]]
        arrive(groups, runs.group[run], tables, memory, block, now, at, first, end, sign)
        counts[NEXT] += 1


@internal
def _look_at_all(tables, groups, memory, block, now):
    """Find out for all neurons of a block in which window to look at them."""
    for n in range(tables.neurons):
        if tables.blocks[n] == block:
            look(groups, tables.groups[n], tables, memory, block, n, now)


@internal
def _look_within(tables, groups, memory, block, now, stop):
    """Let neurons fire that do so by themselves up to offset `stop` of a window that goes on after it."""
    n = memory.heads[block, now % RING]
    while n >= 0:
        settle_one(groups, tables.groups[n], tables, memory, block, n, now, stop)
        n = memory.following[n]


@internal
def _close(tables, groups, memory, block, now):
    """Let neurons fire that do so by themselves up to the window's end, and file them again."""
    while memory.heads[block, now % RING] >= 0:
        n = memory.heads[block, now % RING]
        take_out(memory, block, n)
        settle_one(groups, tables.groups[n], tables, memory, block, n, now, tables.window)
        look(groups, tables.groups[n], tables, memory, block, n, now + 1)


@internal
def _tell(memory, block, now, first, end, window):
    """Record events `first` .. `end - 1` of those noted in window `now`, as of window `window`."""
    counts = memory.counts[block]
    for e in range(first, end):
        place = counts[RECORDED]
        memory.record_windows[block, place] = window
        memory.record_offsets[block, place] = memory.spike_offsets[now & 1, block, e]
        memory.record_sources[block, place] = memory.spike_sources[now & 1, block, e]
        counts[RECORDED] = place + 1


@internal
def _publish(tables, memory, block, now):
    """Record and sort a block's events of window `now`, add those of its trains in the next, and show all of them."""
    counts = memory.counts[block]
    spikes = counts[SPIKES]
    # Told in their order, they need not be sorted again; those told at a cut were before it, and stay first.
    sort(memory.spike_offsets[now & 1, block], memory.spike_sources[now & 1, block], spikes)
    _tell(memory, block, now, counts[TOLD], spikes, now)
    run_trains(tables, memory, block, now + 1)
    _tell(memory, block, now, spikes, counts[HIDDEN], now + 1)
    memory.published[now & 1, block, 0], memory.published[now & 1, block, 1] = spikes, counts[HIDDEN]
    counts[SPIKES] = counts[TOLD] = 0
    counts[PHASE] = FILE


@internal
def _said(memory, blocks):
    """Return why any of the blocks must stop, if one must: the largest code."""
    code = FINE
    for block in range(blocks):
        code = max(code, memory.counts[block, CODE])
    return code


@internal
def _file(tables, memory, block, blocks, counter, meeting):
    """File what all blocks have published under the windows it is due in; returns whether there was room."""
    counts, now = memory.counts[block], memory.counts[block, AT]
    meet(counter, blocks, meeting)
    if counts[CODE] != RUNAWAY:
        count_runs(tables, memory, block, blocks, now)
        room = memory.record_windows.shape[1] - counts[RECORDED] >= 2 * memory.spike_offsets.shape[2]
        counts[CODE] = GROW if counts[NEEDED] > counts[UNUSED] else FINE if room else DRAIN
    meet(counter, blocks, meeting + 1)
    if _said(memory, blocks) != FINE:
        return False
    file_events(tables, memory, block, blocks, now)
    counts[AT], counts[PHASE] = now + 1, BEGIN
    return True


@uncounted
def begin(tables, groups, memory):
    """Prepare the first window: file all neurons and trains."""
    tables, groups, memory = by_reference(tables), by_reference(groups), by_reference(memory)
    for block in range(memory.heads.shape[0]):
        begin_trains(tables, memory, block)
        _look_at_all(tables, groups, memory, block, 0)
        _publish(tables, memory, block, -1)


@uncounted
def run(tables, groups, memory, counter, block, blocks, until, stop):
    """Run a block up to offset `stop` of window `until`; all threads call this together.

    It ends early, with a code in `Memory.counts`, if room must be made first, and may then be called again.
    """
    tables, groups, memory = by_reference(tables), by_reference(groups), by_reference(memory)
    counts, meeting = memory.counts[block], 1
    while True:
        if counts[PHASE] == FILE:
            if not _file(tables, memory, block, blocks, counter, meeting):
                return
            meeting += 2
        now = counts[AT]
        if counts[PHASE] == BEGIN:
            gather(tables, memory, block, now)
            counts[PHASE] = WITHIN
        if now == until:
            _deliver(tables, groups, memory, block, now, stop)
            _look_within(tables, groups, memory, block, now, stop)
            sort(memory.spike_offsets[now & 1, block], memory.spike_sources[now & 1, block], counts[SPIKES])
            _tell(memory, block, now, counts[TOLD], counts[SPIKES], now)
            counts[TOLD] = counts[SPIKES]
            return
        _deliver(tables, groups, memory, block, now, tables.window)
        _close(tables, groups, memory, block, now)
        _publish(tables, memory, block, now)


@internal
def _state_at(length, group, i, now, s):
    """Return a neuron's parameters and its state at offset `s` of window `now`, if nothing else happens till then."""
    rows = group.rows
    p, state = load(fetch(group.parameters), 0, i), read_row(fetch(group.state), rows, i, STATE)
    t = max(fma(float(now) - rows[i, WINDOW], length, s - rows[i, OFFSET]), 0.0)
    return p, hold(p, state, t) if rows[i, RELEASE] != FREE else advance(p, state, t)


@functions.of(types.none, _float, _int, _int, _float)
@internal
def bring_one(group, length, n, now, s):
    """Bring neuron `n`, of a group, to offset `s` of window `now`; windows are so long."""
    i = n - group.first
    _, state = _state_at(length, group, i, now, s)
    write_row(group.rows, i, STATE, state)
    group.rows[i, WINDOW], group.rows[i, OFFSET] = float(now), s


@uncounted
def bring(tables, groups, now, s):
    """Bring all neurons to offset `s` of window `now`, before their parameters change."""
    tables, groups = by_reference(tables), by_reference(groups)
    for n in range(tables.neurons):
        bring_one(groups, tables.groups[n], tables.window, n, now, s)


@uncounted
def look_again(tables, groups, memory, now):
    """Find out for all neurons in which window to look at them, after their parameters have changed."""
    tables, groups, memory = by_reference(tables), by_reference(groups), by_reference(memory)
    for block in range(memory.heads.shape[0]):
        _look_at_all(tables, groups, memory, block, now)


@functions.of(types.none, _float, _int, _int, _float, types.Array(types.float64, 2, "C"), _int)
@internal
def read_one(group, length, n, now, s, out, place):
    """Write the state of neuron `n`, of a group, at offset `s` of window `now` to a row of `out`."""
    i = n - group.first
    _, state = _state_at(length, group, i, now, s)
    write_row(out, place, 0, state)


@uncounted
def read(tables, groups, first, end, now, s, out):
    """Write the states of neurons `first` .. `end - 1` at offset `s` of window `now` to the rows of `out`."""
    tables, groups = by_reference(tables), by_reference(groups)
    for n in range(first, end):
        read_one(groups, tables.groups[n], tables.window, n, now, s, out, n - first)
