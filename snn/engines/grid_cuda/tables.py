"""A Program's tables as the device's time loop reads them, and what it writes.

A *unit* is a neuron or a train, counted node after node, populations first. An *outlet* is a way for spikes out of a
node: its listed synapses, those of one plastic projection, or one projection that follows a pattern. When a unit spikes
an *entry* for each of its outlets is put on the list of what the next step delivers.

There are no blocks of work and no calendar here, unlike on the CPU: a spike's synapses are all delivered at once, each
to the sums of the step in which it arrives, of which as many steps are kept as the longest delay has.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from snn.engines.grid_cpu.driving import Driving
from snn.engines.grid_cuda.listing import Rows, flatten
from snn.program import Program
from snn.program.tables import MAX_POOL2D, NEURONS, ONE_TO_ONE, POISSON_TRAINS, Banks, Noise, Probes
from snn.program.varying import Varying

LISTED, PLASTIC = 5, 6  # kinds of outlets, beside those of patterns
PIECE = 128  # synapses of an entry that one team of threads takes on


class Nodes(NamedTuple):
    """A row a node, int64; see `snn.program.tables.Nodes` for those of the same names."""

    kind: np.ndarray
    size: np.ndarray
    group: np.ndarray
    offset: np.ndarray
    flow: np.ndarray
    quantum: np.ndarray
    active_from: np.ndarray
    active_until: np.ndarray
    first_noise: np.ndarray
    first_current: np.ndarray
    stream: np.ndarray
    first_unit: np.ndarray
    first_outlet: np.ndarray  # outlets first_outlet[i] .. first_outlet[i + 1] - 1 are node i's
    first_pool: np.ndarray  # likewise into `pools`
    first_rate: np.ndarray  # of Poisson trains, into `rates`


class Units(NamedTuple):
    """A row a unit."""

    node: np.ndarray  # int32
    slot: np.ndarray  # int64: of its first port
    stride: np.ndarray  # int64: from one port's slot to the next one's


class Outlets(NamedTuple):
    """A row an outlet, int64."""

    kind: np.ndarray
    late: np.ndarray  # 1 for neurons, whose spikes of one step are delivered in the next; 0 for trains
    first_row: np.ndarray  # listed synapses: into Rows.first
    projection: np.ndarray  # of `Plastic`, or of `Projections`
    first_state: np.ndarray  # plastic synapses: into `last`, `u` and `x`
    target: np.ndarray  # patterns: first unit of the target
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


class Tables(NamedTuple):
    """All of them; see `snn.program` for those that are not here."""

    nodes: Nodes
    units: Units
    outlets: Outlets
    rows: Rows
    weights: np.ndarray  # int32: of patterns
    plastic: Shares
    pools: np.ndarray  # int64: outlets that pool by maximum, by target
    noise: Noise
    currents: Currents
    varying: Varying
    probes: Probes
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
    counters: int
    room: int  # for spikes


class Memory(NamedTuple):
    """What the time loop writes."""

    sums: np.ndarray  # int64 (days x samples x slots)
    flows: np.ndarray  # int64 (samples x neurons)
    pending: np.ndarray  # int64 (2): entries of even and odd steps, times 2^32, plus their pieces
    entry_piece: np.ndarray  # int64 (2 x entries): the first of each entry's pieces
    entry_outlet: np.ndarray  # int32 (2 x entries)
    entry_unit: np.ndarray  # int32 (2 x entries): number in its node
    entry_sample: np.ndarray  # int32 (2 x entries)
    entry_share: np.ndarray  # int32 (2 x entries)
    last: np.ndarray  # as in grid_cpu.plastic, (samples, plastic rows)
    u: np.ndarray
    x: np.ndarray
    counters: np.ndarray  # int64 (samples x sources of max-pooling)
    counted: np.ndarray  # int64 (days x samples x such sources): what is to be added to `counters` in each step
    bests: np.ndarray  # int64 (samples, targets of max-pooling)
    spikes: np.ndarray  # int64: (sample x rows + row) x units + unit
    spike_count: np.ndarray  # int64 (1)
    reached: np.ndarray  # int64 (1): the last step done
    ticks: np.ndarray  # int64 (4): of a clock, spent by one thread in arrivals, at the barrier, in updates, and there
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


def _places(program: Program) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return node, first slot and stride of every unit."""
    nodes, slices = program.nodes, program.slices
    node = np.repeat(np.arange(len(nodes.size)), nodes.size)
    first_unit = np.cumsum([0, *nodes.size])
    slot, stride = np.zeros(len(node), np.int64), np.zeros(len(node), np.int64)
    for s, i in enumerate(slices.node):
        mine = slice(first_unit[i] + slices.start[s], first_unit[i] + slices.stop[s])
        stride[mine] = slices.stop[s] - slices.start[s]
        slot[mine] = slices.slot[s] + np.arange(stride[mine].size)
    return node.astype(np.int32), slot, stride


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


def lay_out(program: Program, driving: Driving, threads: int) -> Layout:
    """Turn a Program's tables into the device's, on the host.

    Raises
    ------
    ResourceError
        If the synapses, listed one by one, do not fit into the host's memory.
    """
    nodes, projections, plastic = program.nodes, program.projections, program.plastic
    late, first_unit = (nodes.kind == NEURONS).astype(np.int64), np.cumsum([0, *nodes.size])
    lists: list[tuple[Any, Any, Banks, int]] = []
    outlets = []
    nothing = dict.fromkeys(Outlets._fields, 0) | {"geometry": np.zeros(12, np.int64)}
    parts = [(LISTED, program.synapses, program.bundles, program.banks, np.arange(len(nodes.size)))]
    parts += [(PLASTIC, plastic, plastic.bundles, plastic.banks, plastic.source)]
    for kind, synapses, bundles, banks, node_of in parts:
        for number in np.unique(bundles.source).tolist():
            outlets.append(nothing | {"kind": kind, "source": int(node_of[number]), "projection": number})
            lists.append((synapses, bundles, banks, number))
    sizes = [int(nodes.size[outlet["source"]]) for outlet in outlets]
    rows, states = flatten(lists, sizes, threads), 0
    for outlet, size, first in zip(outlets, sizes, np.cumsum([0, *sizes]).tolist(), strict=False):
        outlet["first_row"], outlet["first_state"] = first, states
        states += size if outlet["kind"] == PLASTIC else 0
    pieces = int((-(-np.diff(rows.first) // PIECE)).sum())
    pools = []
    for node in range(len(nodes.size)):
        for j in program.incoming[nodes.first_incoming[node] : nodes.first_incoming[node + 1]]:
            names = "kind", "source", "port", "delay", "first_weight", "first_counter", "first_best", "geometry"
            outlet = {name: getattr(projections, name)[j] for name in names}
            outlets.append(nothing | outlet | {"projection": j, "target": first_unit[node]})
            pieces += int(nodes.size[outlet["source"]]) * -(-_most(outlet) // PIECE)
            pools += [(node, len(outlets) - 1)] if outlet["kind"] == MAX_POOL2D else []
    order = np.argsort([outlet["source"] for outlet in outlets], kind="stable")
    sources = np.array([outlets[o]["source"] for o in order], np.int64)
    number = np.empty(len(order), np.int64)
    number[order] = np.arange(len(order))
    columns = {
        name: np.array([outlets[o][name] for o in order], np.int64) for name in Outlets._fields if name != "late"
    }
    columns["geometry"] = columns["geometry"].reshape(len(order), 12)
    counted = np.arange(len(nodes.size) + 1)
    trains = np.where(nodes.kind == POISSON_TRAINS, nodes.size, 0)
    kept = {name: getattr(nodes, name) for name in Nodes._fields if hasattr(nodes, name)}
    tables = Tables(
        nodes=Nodes(
            **kept,
            first_unit=first_unit[:-1].astype(np.int64),
            first_outlet=np.searchsorted(sources, counted).astype(np.int64),
            first_pool=np.searchsorted([node for node, _ in pools], counted).astype(np.int64),
            first_rate=np.cumsum([0, *trains])[:-1].astype(np.int64),
        ),
        units=Units(*_places(program)),
        outlets=Outlets(**columns, late=late[sources]),
        rows=rows,
        weights=program.synapses.pattern_weights,
        plastic=Shares(*(getattr(plastic, name) for name in Shares._fields)),
        pools=np.array([number[o] for _, o in pools], np.int64),
        noise=program.noise,
        currents=_currents(program, driving),
        varying=program.varying,
        probes=program.probes,
        quanta=program.quanta,
    )
    reaches = program.bundles.reach, plastic.bundles.reach, projections.delay
    days = 1 + int(max(reach.max(initial=0) for reach in reaches))
    return Layout(tables, days, int(nodes.size[sources].sum()), pieces, states)
