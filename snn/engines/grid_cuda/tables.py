"""A Program's tables as the device's time loop reads them, and what it writes.

A *unit* is a neuron or a train, counted node after node, populations first. An *outlet* is a way for spikes out of a
node: a bundle of listed or plastic synapses, or one projection that follows a pattern. When a unit spikes an *entry*
for each of its outlets is put on the list of what the next step delivers, and each of its *pieces* on another.

A step is short, and most of it is waiting: for a number that says where the next one is, and for the addresses of
arrays. So tables are few, with a row a thing, and are `ABSENT` where a network has no use for what reads them, which is
then not compiled.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from snn.cuda import ABSENT
from snn.engines.grid_cpu.driving import Driving
from snn.poisson import PoissonTables
from snn.program import Program
from snn.program.tables import MAX_POOL2D, NEURONS, ONE_TO_ONE, POISSON_TRAINS, Probes
from snn.program.varying import Varying

LISTED, PLASTIC = 5, 6  # kinds of outlets, beside those of patterns
PIECE = 128  # synapses of an entry that one team of threads takes on


# Columns of `nodes`, int64; see `snn.program.tables.Nodes` for those of the same names.
KIND, ACTIVE_FROM, ACTIVE_UNTIL, FIRST_NOISE, FIRST_CURRENT, STREAM = range(6)
FIRST_OUTLET = 6  # outlets from here up to that of the next row are the node's; likewise:
FIRST_POOL = 7  # into `pools`
FIRST_RATE = 8  # of Poisson trains, into `rates`

# Columns of `units`, int32.
NODE = 0
NUMBER = 1  # in its node
GROUP = 2
COLUMN = 3  # in its group
SLOT = 4  # of its first port
STRIDE = 5  # from one port's slot to the next one's
QUANTUM = 6  # place of its first port in `quanta`

# Columns of `outlets`, int64.
OUTLET_KIND = 0
LATE = 1  # 1 for neurons, whose spikes of one step are delivered in the next; 0 for trains
FIRST_ROW = 2  # listed synapses: into Rows.first
OUTLET_SLOT = 3  # of their bank
PROJECTION = 4  # of `Plastic`
FIRST_STATE = 5  # plastic synapses: into `last`, `u` and `x`

# Columns of `noise`, int64; see `snn.program.tables.Noise`.
NOISE_PORT, NOISE_START, NOISE_STOP, NOISE_WEIGHT, NOISE_STREAM, NOISE_RATE = range(6)

# Columns of `entries`, int64: two numbers of 32 bits each, the first in the lower half.
PIECE_AND_COUNT = 0  # the first of its pieces, and how many synapses it has
FIRST_SYNAPSE = 1  # one number: of those that are listed
OUTLET_AND_SAMPLE = 2
SOURCE_AND_SHARE = 3

# Places in `marks`, int64, each with a cache line of its own.
PENDING = 0, 16  # entries of even and odd steps, times 2^32, plus their pieces
SPIKES = 32  # how many there are in the span
REACHED = 48  # the last step done
TICKS = 64  # of a clock, spent by one thread in arrivals, at the barrier, in updates, and there


class Rows(NamedTuple):
    """Listed and plastic synapses: keys first[row] .. first[row + 1] - 1 are those of a source in a bank."""

    keys: np.ndarray  # uint64: see `snn.program.tables`
    first: np.ndarray  # int64 (rows + 1)


class Patterns(NamedTuple):
    """A row an outlet, int64: what those of patterns have beside that; see `snn.program.tables.Projections`."""

    target: np.ndarray  # first unit of the target
    port: np.ndarray
    delay: np.ndarray
    first_weight: np.ndarray
    geometry: np.ndarray
    first_counter: np.ndarray
    first_best: np.ndarray


class Shares(NamedTuple):
    """Parameters of plastic synapses: see `snn.program.tables.Plastic`."""

    alternating: np.ndarray
    first: np.ndarray
    use: np.ndarray
    rate_rec: np.ndarray
    rate_fac: np.ndarray


class Currents(NamedTuple):
    """A row a current; see `snn.program.tables.Currents` for those of the same names."""

    start: np.ndarray
    stop: np.ndarray
    first_drive: np.ndarray
    projection: np.ndarray  # 0 or more for one-to-one, whose weights are those of a pattern; else -1
    first_weight: np.ndarray
    first_synapse: np.ndarray  # of currents that vary; others come to the device as what each neuron receives
    sources: np.ndarray
    targets: np.ndarray
    weights: np.ndarray


class RandomCounts(NamedTuple):
    """Poisson input whose rate is constant."""

    noise: np.ndarray  # int64: see above
    rates: np.ndarray  # int32
    counts: PoissonTables


class Tables(NamedTuple):
    """All of them; see above, and `snn.program`."""

    nodes: np.ndarray
    units: np.ndarray
    outlets: np.ndarray
    rows: Rows
    weights: np.ndarray  # int32: of patterns
    patterns: Patterns | tuple[()]
    plastic: Shares | tuple[()]
    pools: np.ndarray | tuple[()]  # int64: outlets that pool by maximum, by target
    trains: np.ndarray | tuple[()]  # int64: the nodes that are populations of trains
    noise: RandomCounts | tuple[()]
    currents: Currents | tuple[()]
    varying: Varying | tuple[()]
    probes: Probes | tuple[()]
    quanta: np.ndarray


class Sizes(NamedTuple):
    """Numbers that places in one-dimensional arrays are computed from."""

    samples: int
    neurons: int
    units: int
    slots: int
    flows: int
    days: int  # steps whose sums are kept
    rows: int  # steps of a span, at most
    entries: int  # room for them
    pieces: int  # room for them
    counters: int
    room: int  # for spikes


class Memory(NamedTuple):
    """What the time loop writes."""

    going: np.ndarray  # int64: the samples that are simulated
    sums: np.ndarray  # int64 (days x samples x slots)
    flows: np.ndarray  # int64 (samples x neurons)
    marks: np.ndarray  # int64: see above
    piece_entry: np.ndarray  # int32 (2 x pieces): the entry of each piece
    entries: np.ndarray  # int64 (2 x entries, 4): see above
    last: np.ndarray  # as in grid_cpu.plastic, (samples, plastic rows)
    u: np.ndarray
    x: np.ndarray
    counters: np.ndarray  # int64 (samples x sources of max-pooling)
    counted: np.ndarray  # int64 (days x samples x such sources): what is to be added to `counters` in each step
    bests: np.ndarray  # int64 (samples, targets of max-pooling)
    spikes: np.ndarray | tuple[()]  # int64: (sample x rows + row) x units + unit; absent where spikes are counted
    tally: np.ndarray | tuple[()]  # int64 (samples x units): how often each has spiked in the span; or absent
    drives: np.ndarray  # int64 (targets of currents, then of noise currents; samples)
    rates: np.ndarray  # uint64 (samples or 1, trains)
    traces: np.ndarray  # float64 (samples, rows, recorded variables)
    next_steps: np.ndarray  # as in grid_cpu.kernel
    next_times: np.ndarray
    draws: np.ndarray
    shifts: np.ndarray
    given: np.ndarray  # int64: given spikes of a span, sample x units + unit, by step
    given_first: np.ndarray  # int64 (rows + 1)


class Span(NamedTuple):
    """The steps of one call: from first + 1 to `last`, of samples from first_sample on."""

    first: int
    last: int
    seed: int
    first_sample: int


class Layout(NamedTuple):
    """What `lay_out` returns: tables, and sizes that a batch multiplies."""

    tables: Tables
    days: int
    entries: int
    pieces: int  # of one sample's entries, at most
    states: int  # of sources of plastic synapses


def _table(columns: Iterable, dtype: Any = np.int64) -> np.ndarray:
    """Return columns side by side, as many as a power of two."""
    columns = list(columns)
    width = 1 << (len(columns) - 1).bit_length()
    table = np.zeros((max(map(len, columns)), width), dtype)
    for position, column in enumerate(columns):
        table[: len(column), position] = column
    return table


def _units(program: Program) -> np.ndarray:
    nodes, slices = program.nodes, program.slices
    node = np.repeat(np.arange(len(nodes.size)), nodes.size)
    first_unit = np.cumsum([0, *nodes.size])
    slot, stride = np.zeros(len(node), np.int64), np.zeros(len(node), np.int64)
    for s, i in enumerate(slices.node):
        mine = slice(first_unit[i] + slices.start[s], first_unit[i] + slices.stop[s])
        stride[mine] = slices.stop[s] - slices.start[s]
        slot[mine] = slices.slot[s] + np.arange(stride[mine].size)
    number = np.arange(len(node)) - first_unit[node]
    columns = node, number, nodes.group[node], nodes.offset[node] + number, slot, stride, nodes.quantum[node]
    return _table(columns, np.int32)


_OUTLETS = "kind", "late", "first_row", "slot", "projection", "first_state"
_NOISE = "port", "start", "stop", "weight", "stream", "first_rate"


def _most(outlet: dict) -> int:
    """Return how many synapses a spike can have through a pattern, at most."""
    if outlet["kind"] in (MAX_POOL2D,):
        return 1
    shape = outlet["geometry"]
    windows = np.prod([-(-size // stride) for size, stride in zip(shape[6:8], shape[8:10], strict=True) if stride])
    return max(1, int(shape[0]), int(windows * shape[5]))


def _currents(program: Program, driving: Driving) -> Currents:
    """Return the currents, with lists in place of all patterns but one-to-one."""
    currents, projections = program.currents, program.projections
    kinds, firsts = np.append(projections.kind, -1), np.append(projections.first_weight, 0)  # -1: a list
    alike = kinds[currents.projection] == ONE_TO_ONE
    parts = []
    for c in range(len(currents.start)):
        part = np.zeros((3, 0), np.int64)
        if program.varying.courses.bin[c] and not alike[c]:
            weights = driving.weights(c)
            targets, sources = np.nonzero(weights.T)
            part = np.stack([sources, targets, weights[sources, targets]])
        parts.append(part)
    sources, targets, weights = np.concatenate([np.zeros((3, 0), np.int64), *parts], axis=1).astype(np.int32)
    return Currents(
        start=currents.start,
        stop=currents.stop,
        first_drive=currents.first_drive,
        projection=np.where(alike, currents.projection, -1),
        first_weight=firsts[currents.projection],
        first_synapse=np.cumsum([0, *(part.shape[1] for part in parts)]).astype(np.int64),
        sources=np.ascontiguousarray(sources),
        targets=np.ascontiguousarray(targets),
        weights=np.ascontiguousarray(weights),
    )


def _lists(program: Program) -> tuple[Rows, list[dict]]:
    """Return all rows of keys, and an outlet for each bundle of them."""
    static, plastic, outlets = program.synapses, program.plastic, []
    rows = Rows(static.words, static.rows)
    if len(plastic.source):
        keys = np.concatenate([static.words[: static.rows[-1]], plastic.words])
        rows = Rows(keys, np.concatenate([static.rows[:-1], static.rows[-1] + plastic.rows]))
    parts = [(LISTED, program.bundles, program.banks, np.arange(len(program.names)), 0)]
    parts += [(PLASTIC, plastic.bundles, plastic.banks, plastic.source, len(static.rows) - 1)]
    for kind, bundles, banks, node_of, before in parts:
        for b, (number, row) in enumerate(zip(bundles.source.tolist(), bundles.first_row.tolist(), strict=True)):
            slot = int(banks.slot[np.searchsorted(banks.first_bundle, b, side="right") - 1])
            outlets.append(
                {"kind": kind, "source": int(node_of[number]), "first_row": before + row, "slot": slot}
                | {"projection": number, "first_state": row}
            )
    return rows, outlets


def lay_out(program: Program, driving: Driving) -> Layout:
    """Turn a Program's tables into the device's, on the host."""
    nodes, projections, plastic = program.nodes, program.projections, program.plastic
    first_unit = np.cumsum([0, *nodes.size])
    names = *_OUTLETS, *Patterns._fields
    nothing = dict.fromkeys(names, 0) | {"geometry": np.zeros(12, np.int64)}
    rows, lists = _lists(program)
    outlets = [nothing | outlet for outlet in lists]
    pieces = int((-(-np.diff(rows.first) // PIECE)).sum())
    pools = []
    for node in range(len(nodes.size)):
        for j in program.incoming[nodes.first_incoming[node] : nodes.first_incoming[node + 1]]:
            taken = "kind", "source", "port", "delay", "first_weight", "first_counter", "first_best", "geometry"
            outlet = {name: getattr(projections, name)[j] for name in taken}
            outlets.append(nothing | outlet | {"target": first_unit[node]})
            pieces += int(nodes.size[outlet["source"]]) * -(-_most(outlet) // PIECE)
            pools += [(node, len(outlets) - 1)] if outlet["kind"] == MAX_POOL2D else []
    unsorted = np.array([outlet["source"] for outlet in outlets], np.int64)
    order = np.argsort(unsorted, kind="stable")
    sources = unsorted[order]
    number = np.empty(len(order), np.int64)
    number[order] = np.arange(len(order))
    columns = {name: np.array([outlets[o][name] for o in order], np.int64) for name in names}
    columns["geometry"] = columns["geometry"].reshape(len(order), 12)
    columns["late"] = nodes.kind[sources] == NEURONS
    patterned = len(outlets) > len(lists)
    varying = program.varying if program.varying.anything else ABSENT
    currents = _currents(program, driving) if varying or len(program.currents.start) else ABSENT
    counted = np.arange(len(nodes.size) + 1)
    trains = np.where(nodes.kind == POISSON_TRAINS, nodes.size, 0)
    before = np.cumsum([0, *trains])[:-1]
    firsts = [np.searchsorted(sources, counted), np.searchsorted([node for node, _ in pools], counted), before]
    taken = nodes.kind, nodes.active_from, nodes.active_until, nodes.first_noise, nodes.first_current, nodes.stream
    noise = program.noise
    tables = Tables(
        nodes=_table([*taken, *firsts]),
        units=_units(program),
        outlets=_table(columns[name] for name in _OUTLETS),
        rows=rows,
        weights=program.synapses.pattern_weights,
        patterns=Patterns(*(columns[name] for name in Patterns._fields)) if patterned else ABSENT,
        plastic=Shares(*(getattr(plastic, name) for name in Shares._fields)) if len(plastic.source) else ABSENT,
        pools=np.array([number[o] for _, o in pools], np.int64) if pools else ABSENT,
        trains=np.flatnonzero(nodes.kind != NEURONS) if (nodes.kind != NEURONS).any() else ABSENT,
        noise=RandomCounts(_table(getattr(noise, name) for name in _NOISE), noise.rates, noise.counts)
        if len(noise.start)
        else ABSENT,
        currents=currents,
        varying=varying,
        probes=program.probes if len(program.probes.node) else ABSENT,
        quanta=program.quanta,
    )
    reaches = program.bundles.reach, plastic.bundles.reach, projections.delay
    days = 1 + int(max(reach.max(initial=0) for reach in reaches))
    return Layout(tables, days, int(nodes.size[sources].sum()), pieces, max(len(plastic.rows) - 1, 0))
