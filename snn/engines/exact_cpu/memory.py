"""What the exact engine reads and writes, as its compiled functions see it.

Each thread has a *block* of neurons and writes only to its own row of an array whose first axis is the block. A
neuron's state stands in one row of its group's array, behind what the engine knows about it, so that an event touches
one place in memory:

    window, offset   when the state was as it stands here
    wake             the first window in which the neuron might fire, or may fire again; inf if not by itself
    release          offset in that window until when the neuron is refractory, or -1

Windows there are floats, which hold integers exactly up to 2^53.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from snn.groups import GroupFunctions
from snn.program.exact import GIVEN, ExactProgram

WINDOW, OFFSET, WAKE, RELEASE, STATE = range(5)  # columns of a neuron's row; the state from STATE on
FREE = -1.0  # what RELEASE is of a neuron that is not refractory
RING = 256  # windows that neurons and trains can be filed under; those farther away are filed again
_LINE = 8  # numbers in a cache line, so that no two threads write to the same one

# Words of a row of `Memory.counts`, one a block:
SPIKES, TOLD, HIDDEN, RECORDED, PHASE, AT, DUE, NEXT, SLIP, USED, UNUSED, NEEDED, CODE, WHO = range(14)
# Phases of a window, and codes by which a thread says why it stops:
BEGIN, WITHIN, FILE = range(3)
FINE, GROW, DRAIN, RUNAWAY = range(4)


class Tables(NamedTuple):
    """What does not change while the engine runs."""

    window: float
    neurons: int
    seed: int
    runs: Any
    trains: Any
    shares: np.ndarray
    blocks: np.ndarray  # int64 (neurons,): the block of each
    groups: np.ndarray  # int64 (neurons,): its group


class Memory(NamedTuple):
    """What does, for one sample."""

    # Neurons that might fire by themselves, filed under the window to look at them: rings of doubly linked lists.
    heads: np.ndarray  # int32 (blocks, RING)
    following: np.ndarray  # int32 (neurons,)
    before: np.ndarray  # int32 (neurons,)
    filed: np.ndarray  # int64 (neurons,): the window each is filed under, or -1
    # Trains, filed likewise under the window of their next event.
    train_heads: np.ndarray  # int32 (blocks, RING)
    train_following: np.ndarray  # int32 (trains,)
    train_windows: np.ndarray  # int64 (trains,)
    train_offsets: np.ndarray  # float64 (trains,)
    train_draws: np.ndarray  # int64 (trains,)
    # Slips, each for a run on its way: rings of linked lists, and a list of those given back.
    first_slip: np.ndarray  # int32 (blocks, days)
    last_slip: np.ndarray  # int32 (blocks, days)
    slip_offsets: np.ndarray  # float64 (blocks, slips)
    slip_runs: np.ndarray  # int64 (blocks, slips): twice the run, plus 1 where its weights count negative
    slip_following: np.ndarray  # int32 (blocks, slips)
    # The slips of the present window in their order, and room for sorting them.
    due_offsets: np.ndarray  # float64 (blocks, slips)
    due_runs: np.ndarray  # int64 (blocks, slips)
    buckets: np.ndarray  # int32 (blocks, slips + 1)
    # Events of a window, by neurons and by trains, of the last two windows; twice the source, plus 1 if negative.
    spike_offsets: np.ndarray  # float64 (2, blocks, room)
    spike_sources: np.ndarray  # int64 (2, blocks, room)
    # Events not yet handed out.
    record_windows: np.ndarray  # int64 (blocks, records)
    record_offsets: np.ndarray  # float64 (blocks, records)
    record_sources: np.ndarray  # int64 (blocks, records)
    counts: np.ndarray  # int64 (blocks, 16)
    published: np.ndarray  # int64 (2, blocks, 8): events of neurons, and of neurons and trains
    draws: np.ndarray  # int64 (1,): number of the sample, on which random trains depend


class Neurons(NamedTuple):
    """A group of neurons."""

    parameters: Any
    rows: np.ndarray  # float64 (neurons, columns)
    state: Any  # zeros: only the class counts
    arrivals: Any  # likewise
    first: int  # first neuron among all sources


functions = GroupFunctions()


def make_neurons(program: ExactProgram) -> tuple[Neurons, ...]:
    """Return all groups in their initial state at time 0."""
    made = []
    for group in program.groups:
        width = STATE + len(group.state)
        size = len(group.state[0])
        memory = np.zeros(size * -(-width // _LINE) * _LINE + _LINE)
        begin = (-memory.ctypes.data % 64) // 8  # rows begin with a cache line
        rows = memory[begin : begin + size * -(-width // _LINE) * _LINE].reshape(size, -1)
        rows[:, RELEASE] = FREE
        for i, column in enumerate(group.state):
            rows[:, STATE + i] = column
        zeros = type(group.state)(*([0.0] * len(group.state)))
        made.append(Neurons(group.parameters, rows, zeros, group.arrivals, group.first))
    return tuple(made)


def make_memory(program: ExactProgram, threads: int, sample: int, most: float) -> Memory:
    """Return the memory of no events at all.

    Parameters
    ----------
    most : float
        Events that a neuron may have in a ms, on average.
    """
    neurons, trains = program.neurons, len(program.trains.kind)
    days = int(program.runs.windows.max(initial=0)) + 3
    fan = int(np.diff(program.runs.first_run, axis=1).max(initial=1))
    slips = max(4096, 4 * fan)
    room = room_for(program, -(-neurons // threads) + 1, most)
    records = max(2**16, 4 * room)
    fine = np.int32
    return Memory(
        heads=np.full((threads, RING), -1, fine),
        following=np.full(neurons, -1, fine),
        before=np.full(neurons, -1, fine),
        filed=np.full(neurons, -1, np.int64),
        train_heads=np.full((threads, RING), -1, fine),
        train_following=np.full(trains, -1, fine),
        train_windows=np.zeros(trains, np.int64),
        train_offsets=np.zeros(trains),
        train_draws=np.zeros(trains, np.int64),
        first_slip=np.full((threads, days), -1, fine),
        last_slip=np.full((threads, days), -1, fine),
        slip_offsets=np.empty((threads, slips)),
        slip_runs=np.empty((threads, slips), np.int64),
        slip_following=np.empty((threads, slips), fine),
        due_offsets=np.empty((threads, slips)),
        due_runs=np.empty((threads, slips), np.int64),
        buckets=np.empty((threads, slips + 1), fine),
        spike_offsets=np.empty((2, threads, room)),
        spike_sources=np.empty((2, threads, room), np.int64),
        record_windows=np.empty((threads, records), np.int64),
        record_offsets=np.empty((threads, records)),
        record_sources=np.empty((threads, records), np.int64),
        counts=_counts(threads, slips),
        published=np.zeros((2, threads, _LINE), np.int64),
        draws=np.array([sample], np.int64),
    )


def room_for(program: ExactProgram, neurons: int, most: float) -> int:
    """Return how many events a window has room for.

    Those of so many neurons with `most` a ms each, all given ones of trains, and far more random ones than likely.
    """
    trains, window = program.trains, program.window
    random = trains.scale[trains.kind != GIVEN] * trains.order[trains.kind != GIVEN]
    mean = window * float((1.0 / random).sum()) if len(random) else 0.0
    of_trains = int(2 * mean + 20 * np.sqrt(mean)) + len(trains.given_windows) + 100
    return int(neurons * np.ceil(window * most)) + 1024 + of_trains


def _counts(threads: int, slips: int) -> np.ndarray:
    counts = np.zeros((threads, 16), np.int64)
    counts[:, AT], counts[:, PHASE] = -1, FILE  # before the first window there is only input to file
    counts[:, SLIP], counts[:, UNUSED] = -1, slips
    return counts


def with_room(memory: Memory) -> Memory:
    """Return the memory with twice the room for slips."""
    grown = {}
    for name in ("slip_offsets", "slip_runs", "slip_following", "due_offsets", "due_runs", "buckets"):
        old = getattr(memory, name)
        extra = old.shape[1] - (name == "buckets")
        grown[name] = np.concatenate([old, np.empty((len(old), extra), old.dtype)], axis=1)
    memory.counts[:, UNUSED] += memory.slip_offsets.shape[1]
    return memory._replace(**grown)
