"""What the exact engine reads and writes on a graphics card.

Rows of neurons are those of `snn.engines.exact_cpu.memory`, sample after sample, and so is everything else that each
neuron or train has. Days are those of a calendar: a window has the day of its number modulo theirs.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from snn.engines.exact_cpu.memory import make_neurons, room_for
from snn.program.exact import ExactProgram
from snn.program.runs import Runs

# Words of `Memory.counts`; phases and codes are those of the CPU.
# Whether a day is full is no code, since threads may still be reading that when others file.
AT, PHASE, FILED, RECORDED, CODE, WHO, WHERE, FULL = range(8)
SLIP = 1 << 32  # what one more slip adds to `pending`
ARRIVALS = SLIP - 1  # the bits that count arrivals


class Tables(NamedTuple):
    """What does not change."""

    window: float
    seed: int
    runs: Runs
    trains: Any
    first: np.ndarray  # int64 (groups,): first neuron of each


class Group(NamedTuple):
    """A group of neurons."""

    parameters: Any  # numbers, arrays (neurons,) or arrays (samples, neurons)
    rows: np.ndarray  # float64 (samples x neurons, columns)
    state: Any  # zeros: only the class counts
    arrivals: Any  # likewise
    first: int  # neuron
    size: int


class Sizes(NamedTuple):
    """Numbers that places in one-dimensional arrays are computed from."""

    samples: int
    neurons: int
    trains: int
    days: int
    slips: int  # room of a day
    arrivals: int  # room of a window
    events: int  # that a window may have, of all samples, before activity counts as running away
    records: int  # room


class Goal(NamedTuple):
    """How far to go, and for which samples."""

    until: int  # window
    stop: float  # offset in it
    first_sample: int


class Memory(NamedTuple):
    """What does change."""

    # What arrives at neurons in the present window: a linked list for each, -1 at its end.
    heads: np.ndarray  # int32 (samples x neurons)
    following: np.ndarray  # int32 (arrivals)
    arrival_offsets: np.ndarray  # float64 (arrivals)
    arrival_slips: np.ndarray  # int32 (arrivals)
    # Slips, each for a run on its way, by the day on which it is due, in any order.
    pending: np.ndarray  # int64 (days): slips times 2^32, plus the arrivals they bring
    kept: np.ndarray  # int64 (days): as pending was before the events of a window were filed
    slip_offsets: np.ndarray  # float64 (days x slips)
    slip_runs: np.ndarray  # int64 (days x slips): twice the run, plus 1 where its weights count negative
    slip_firsts: np.ndarray  # int64 (days x slips): number of the first arrival
    slip_samples: np.ndarray  # int32 (days x slips)
    train_windows: np.ndarray  # int64 (samples x trains)
    train_offsets: np.ndarray  # float64 (samples x trains)
    train_draws: np.ndarray  # int64 (samples x trains)
    # Events; those from counts[FILED] on are to be filed.
    record_windows: np.ndarray  # int64 (records)
    record_offsets: np.ndarray  # float64 (records)
    record_sources: np.ndarray  # int64 (records): twice the source, plus 1 if negative
    record_samples: np.ndarray  # int32 (records)
    counts: np.ndarray  # int64 (8)


RECORDS = "record_windows", "record_offsets", "record_sources", "record_samples"
SLIPS = "slip_offsets", "slip_runs", "slip_firsts", "slip_samples"
ARRIVING = "following", "arrival_offsets", "arrival_slips"


def make_groups(program: ExactProgram, parameters: list[Any], batch: int) -> list[Group]:
    """Return all groups in their initial state at time 0, for a batch of samples."""
    return [
        Group(values, np.tile(one.rows, (batch, 1)), one.state, one.arrivals, int(one.first), len(one.rows))
        for one, values in zip(make_neurons(program), parameters, strict=True)
    ]


def make_sizes(program: ExactProgram, batch: int, most: float) -> Sizes:
    """Return the sizes to begin with.

    Parameters
    ----------
    most : float
        Events that a neuron may have in a ms, on average.
    """
    days = int(program.runs.windows.max(initial=0)) + 3
    events = batch * room_for(program, program.neurons, most)
    fan = int(np.diff(program.runs.first_run, axis=1).max(initial=1))
    return Sizes(
        samples=batch,
        neurons=program.neurons,
        trains=len(program.trains.kind),
        days=days,
        slips=max(64, min(2**14 // days, 4 * fan)),
        arrivals=2**14,
        events=events,
        records=max(2**16, 2 * events),
    )


def make_memory(sizes: Sizes) -> Memory:
    """Return the memory of no events at all."""
    trains, slips = sizes.samples * sizes.trains, sizes.days * sizes.slips
    return Memory(
        heads=np.full(sizes.samples * sizes.neurons, -1, np.int32),
        following=np.zeros(sizes.arrivals, np.int32),
        arrival_offsets=np.zeros(sizes.arrivals),
        arrival_slips=np.zeros(sizes.arrivals, np.int32),
        pending=np.zeros(sizes.days, np.int64),
        kept=np.zeros(sizes.days, np.int64),
        slip_offsets=np.zeros(slips),
        slip_runs=np.zeros(slips, np.int64),
        slip_firsts=np.zeros(slips, np.int64),
        slip_samples=np.zeros(slips, np.int32),
        train_windows=np.zeros(trains, np.int64),
        train_offsets=np.zeros(trains),
        train_draws=np.zeros(trains, np.int64),
        record_windows=np.zeros(sizes.records, np.int64),
        record_offsets=np.zeros(sizes.records),
        record_sources=np.zeros(sizes.records, np.int64),
        record_samples=np.zeros(sizes.records, np.int32),
        counts=np.zeros(8, np.int64),
    )


def slips_with_room(sizes: Sizes, columns: tuple[np.ndarray, ...], slips: int) -> list[np.ndarray]:
    """Return the columns of slips with room for more of them on each day."""
    wider = ((0, 0), (0, slips - sizes.slips))
    return [np.pad(column.reshape(sizes.days, -1), wider).ravel() for column in columns]
