"""What the engine's kernels read and write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from snn.engines.staircase_cpu.gathering import Gathers, Space, make_gathers, make_space
from snn.engines.staircase_cpu.rounding import Rounding, make_rounding
from snn.lanes import MARKS, TO_SPARE
from snn.program.staircase import LISTED, Fans, StaircaseProgram, StairNodes, Wires
from snn.program.tables import CONV2D, DENSE, ONE_TO_ONE

PHASED, COALESCING, FREE = range(3)
RESTED, NO_ROOM, LOG_FULL, TOO_MANY, PAUSED = range(5)
RUN_TARGET, RUN_WEIGHT, RUN_LENGTH, RUN_EVENTS = range(4)  # first target, its weight, number of targets, events to each


class Tables(NamedTuple):
    """A Program, as the kernels see it."""

    nodes: StairNodes
    fans: Fans
    wires: Wires
    parameters: np.ndarray
    order: np.ndarray  # int64
    fan_out: np.ndarray  # int64 (neurons,)
    spread: np.ndarray  # int64 (fans,): targets that an event reaches at most
    sums: np.ndarray  # int64: what every sum begins with
    gathers: Gathers
    rounding: Rounding


class Memory(NamedTuple):
    """The state of all samples; what has a neuron's number in its second dimension counts inputs, too.

    If a plan keeps some nodes only, sums and levels are those of these nodes, one after the other.
    """

    sums: np.ndarray  # int64 (samples, sums)
    levels: np.ndarray  # int64 (samples, neurons): what has been said so far
    up: np.ndarray  # int64 (samples, neurons): events +1 since the last settling began; if phased, there are no neurons
    down: np.ndarray  # likewise -1
    counters: np.ndarray  # int64 (samples, counters): max-pooling
    bests: np.ndarray  # int64
    fresh: np.ndarray  # bool (samples,): no neuron has been looked at yet, and nothing written to the arrays above
    last: np.ndarray  # float64 (samples,): time of the last event in ms
    emitted: np.ndarray  # int64 (samples,): events of the populations
    spoken: np.ndarray  # int64 (samples, nodes): events of each node
    operations: np.ndarray  # int64 (samples,): synapses that events lead to


class Sample(NamedTuple):
    """One sample's rows of `Memory`, or those that a share of the work has for what is not kept."""

    sums: np.ndarray
    levels: np.ndarray
    up: np.ndarray
    down: np.ndarray
    counters: np.ndarray
    bests: np.ndarray


class Scratch(NamedTuple):
    """What a share of the work needs besides.

    Neurons that speak are listed before their events are passed on. A *run* is a stretch of targets of one event.
    """

    neuron: np.ndarray  # int64: neurons that speak, by their number in their node, ...
    change: np.ndarray  # ... by how much their level changes,
    begin: np.ndarray  # ... and of listed synapses, the first one
    end: np.ndarray  # ... and the one after the last
    runs: np.ndarray  # int64 (runs, 4): see RUN_TARGET and so on
    wanted: np.ndarray  # int64: levels of the neurons of a cell or a node; phased: then what they say
    spoke: np.ndarray  # uint8: phased, whether they say anything,
    ids: np.ndarray  # int32: ... and the numbers of those who do
    flags: np.ndarray  # bool (cells,): to be looked at
    touched: np.ndarray  # int64 (cells,): those of node i from first_cell[i] on ...
    count: np.ndarray  # ... so many
    totals: np.ndarray  # int64 (neurons,): events of all samples of the share in this settling
    sums: np.ndarray  # int64 (sums,): of a sample that is not kept,
    levels: np.ndarray  # int64 (neurons,): ... likewise,
    bests: np.ndarray  # int64 (bests,): ... likewise
    space: Space


class Flight(NamedTuple):
    """What is under way in one share of the work: a heap of times, and lists of parcels that arrive then.

    A parcel is a number of events of one neuron on its way through one fan. With the schedule "free" each has a place
    of its own in the heap, in the order (time, source, fan, number); else parcels that arrive at one time through one
    fan are linked to a list, since their order does not matter.
    """

    heap: np.ndarray  # int64: the first parcel of a list each
    time: np.ndarray  # float64, by parcel: when it arrives, in ms
    sent: np.ndarray  # float64: when it was sent
    source: np.ndarray  # int64: neuron
    fan: np.ndarray  # int64
    events: np.ndarray  # int64: how many, with their sign
    left: np.ndarray  # int64: how many of them have not arrived
    place: np.ndarray  # int64: where in the list of synapses the parcel is; -1 where it goes to all at once
    number: np.ndarray  # int64: a serial number
    next: np.ndarray  # int64: the next parcel of the list, or the next free one; -1 for none
    open_time: np.ndarray  # float64 (fans,): the list that parcels still join: when it arrives
    open_parcel: np.ndarray  # int64 (fans,): its first parcel
    speaks: np.ndarray  # float64 (1,): when neurons that have been touched speak


class Counters(NamedTuple):
    """Single numbers of a share, int64 (1,) each."""

    sample: np.ndarray  # which is being settled
    begun: np.ndarray  # 1 if it has been begun
    window: np.ndarray  # input: windows that have come
    heap: np.ndarray  # places of the heap that are taken
    free: np.ndarray  # first free parcel
    parcels: np.ndarray  # number of free parcels
    serial: np.ndarray  # parcels made so far
    touched: np.ndarray  # cells to be looked at
    logged: np.ndarray  # events in the log
    needed: np.ndarray  # parcels that are needed to go on


class Log(NamedTuple):
    """Events of a share of the work that have not been taken out yet; no room where they are not wanted."""

    sample: np.ndarray  # int32
    neuron: np.ndarray  # int32
    time: np.ndarray  # float64
    change: np.ndarray  # int64: of the level


class Plan(NamedTuple):
    """What to settle, and how.

    Attributes
    ----------
    counts : ndarray of int64 (windows, samples, inputs)
        What each input neuron counts from the time of a window on.
    times : ndarray of float64 (windows,)
        In ms, ascending.
    schedule : int
    window : float
        Coalescing: neurons speak at multiples of it (ms); 0 for at any time.
    limit : int
        Events that the populations of a sample may emit.
    said : ndarray of float64 (nodes,)
        Phased: when each node speaks.
    logs : bool
        Whether to list the events.
    exact : ndarray of uint8 (fans,)
        Phased: 1 where all that comes through a fan at once stays below 2^53 in size.
    whole : bool
        Whether all of a sample's state is kept, to go on from. If not, the schedule is phased.
    keep : ndarray of int64 (nodes, 4)
        Of which nodes else: first neuron, neurons, first sum, sums.
    """

    counts: np.ndarray
    times: np.ndarray
    schedule: int
    window: float
    limit: int
    said: np.ndarray
    logs: bool
    exact: np.ndarray
    whole: bool
    keep: np.ndarray


def fresh_counts(batch: int, neurons: int, nodes: int) -> dict[str, np.ndarray]:
    """Return what counts in one settling, events of so many neurons, by its name in `Memory`."""
    counts = {name: np.zeros((batch, neurons), np.int64) for name in ("up", "down")}
    counts |= {name: np.zeros(batch, np.int64) for name in ("emitted", "operations")}
    return {**counts, "spoken": np.zeros((batch, nodes), np.int64), "last": np.zeros(batch)}


def tables_of(program: StaircaseProgram) -> Tables:
    """Return a Program as the kernels see it."""
    order = np.array(program.order, np.int64)
    return Tables(
        program.nodes,
        program.fans,
        program.wires,
        program.parameters,
        order,
        program.fan_out,
        _spread(program),
        program.sums,
        make_gathers(program),
        make_rounding(program),
    )


def _spread(program: StaircaseProgram) -> np.ndarray:
    """Return how many targets an event reaches at most through each fan."""
    fans, found = program.fans, []
    for j, kind in enumerate(fans.kind):
        shape = fans.geometry[j]
        windows = int(np.ceil(shape[6:8] / np.maximum(shape[8:10], 1)).prod())
        rows = program.wires.rows[fans.first_row[j] :][: program.nodes.size[fans.source[j]] + 1]
        most = {DENSE: shape[0], CONV2D: windows * shape[5], ONE_TO_ONE: 1, LISTED: np.diff(rows).max(initial=0)}
        found.append(most.get(int(kind), windows))
    return np.array(found, np.int64)


def make_scratch(program: StaircaseProgram, gathers: Gathers) -> Scratch:
    """Return room for one share."""
    nodes, most = program.nodes, int(program.nodes.size.max())
    cells, runs = int(nodes.first_cell[-1]), 1 + int(_spread(program).max(initial=0))
    return Scratch(
        neuron=np.zeros(most, np.int64),
        change=np.zeros(most, np.int64),
        begin=np.zeros(most, np.int64),
        end=np.zeros(most, np.int64),
        runs=np.zeros((runs, 4), np.int64),
        wanted=np.zeros(most, np.int64),
        spoke=np.zeros(most + MARKS, np.uint8),
        ids=np.zeros(most + TO_SPARE, np.int32),
        flags=np.zeros(cells, np.bool_),
        touched=np.zeros(cells, np.int64),
        count=np.zeros(len(nodes.kind), np.int64),
        totals=np.zeros(len(program.fan_out), np.int64),
        sums=np.zeros(len(program.sums), np.int64),
        levels=np.zeros(len(program.fan_out), np.int64),
        bests=np.zeros(program.sizes["bests"], np.int64),
        space=make_space(program, gathers),
    )


def parts_of(program: StaircaseProgram, keep: Sequence[int]) -> np.ndarray:
    """Return what is kept of some nodes; see `Plan.keep`."""
    nodes = program.nodes
    rows = [
        (nodes.first[node], nodes.size[node], nodes.slot[node], program.ports[node] * nodes.size[node]) for node in keep
    ]
    return np.array(rows, np.int64).reshape(len(rows), 4)


def make_flight(parcels: int, fans: int) -> tuple[Flight, Counters]:
    """Return room for a number of parcels, all of them free."""
    columns = {name: np.zeros(parcels, np.int64) for name in Flight._fields}
    columns |= {"time": np.zeros(parcels), "sent": np.zeros(parcels), "speaks": np.zeros(1)}
    columns |= {"open_time": np.full(fans, -1.0), "open_parcel": np.zeros(fans, np.int64)}
    columns["next"] = np.arange(1, parcels + 1)
    columns["next"][-1] = -1
    flight = Flight(**columns)
    counters = Counters(*(np.zeros(1, np.int64) for _ in Counters._fields))
    counters.parcels[0] = parcels
    return flight, counters


def make_log(events: int) -> Log:
    """Return room for a number of events."""
    numbers = np.zeros(events, np.int32), np.zeros(events, np.int32)
    return Log(*numbers, np.zeros(events), np.zeros(events, np.int64))


def grow(flight: Flight, counters: Counters, parcels: int) -> Flight:
    """Return the same flight with room for more parcels."""
    old = len(flight.heap)
    larger, _ = make_flight(parcels, len(flight.open_time))
    for new, known in zip(larger, flight, strict=True):
        new[: len(known)] = known
    larger.next[parcels - 1] = counters.free[0]  # the new ones, then those that were free
    counters.free[0] = old
    counters.parcels[0] += parcels - old
    return larger
