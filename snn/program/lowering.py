"""From the description of a network to arrays: `lower` makes the `Program` that engines run."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from snn import checks
from snn.connectivity import Conv2d, MaxPool2d, OneToOne, SumPool2d
from snn.errors import ValidationError
from snn.network import Network, Population, Projection, Source
from snn.neurons.model import Lowered, Values
from snn.program import neurons, synapses
from snn.program.blocks import lay_out
from snn.program.building import Rows, build_rows
from snn.program.lists import Listed, notes_of
from snn.program.patterns import Patterns
from snn.program.plastic import lower_plastic
from snn.program.program import Program
from snn.program.stages import stages_of
from snn.program.stimuli import stimulus_input
from snn.program.tables import (
    GAMMA_TRAINS,
    NEURONS,
    NEVER,
    POISSON_TRAINS,
    SPIKE_TRAINS,
    VARYING_TRAINS,
    Banks,
    Currents,
    Nodes,
    Noise,
    Probes,
    Stages,
    Synapses,
)
from snn.program.varying import flow_of, lower_varying
from snn.random import Distribution, poisson_thresholds
from snn.stimuli import Counts, Current, GammaTrains, InhomogeneousPoisson, Poisson, SpikeTrains

_TRAINS = {
    Poisson: POISSON_TRAINS,
    SpikeTrains: SPIKE_TRAINS,
    InhomogeneousPoisson: VARYING_TRAINS,
    GammaTrains: GAMMA_TRAINS,
}
STREAMS = 64  # streams of random numbers set aside for each thing in a network


def lower_model(population: Population, values: Values, dt: float) -> Lowered:
    """Lower a population's model, naming the population where a value is refused."""
    owner = f"population {population.name!r}"
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            lowered = population.model.lower(values, dt)
    except ValidationError as error:
        raise ValidationError(f"{owner}, {error.owner}", error.attribute, error.value, error.expected) from None
    for name, value in lowered.parameters._asdict().items():
        if not np.isfinite(value).all():
            raise ValidationError(owner, f"{name} of the model", value, "parameters that keep it finite")
    return lowered


class _Lowering:
    """One run of `lower`: the network, and the tables as they grow."""

    def __init__(self, network: Network, dt: float, threads: int, weight_bits: int):
        self.network, self.dt, self.threads, self.seed = network, dt, threads, network.seed
        self.weight_bits = weight_bits
        self.populations = list(network.populations.values())
        self.trains = [s for s in network.sources.values() if s.shape and not s.flows]
        self.order: list[Population | Source] = [*self.populations, *self.trains]
        self.node = {item.name: i for i, item in enumerate(self.order)}
        # Streams are numbered by kind and order, so that adding a part leaves what the others draw.
        self.stream = {name: STREAMS * (3 * i + 1) for i, name in enumerate(network.populations)}
        self.stream |= {name: STREAMS * (3 * i + 2) for i, name in enumerate(network.sources)}
        self.projection_stream = [STREAMS * (3 * i + 3) for i in range(len(network.projections))]

    # ---- neurons

    def lower_neurons(self) -> None:
        """Draw parameters, lower every model, and group the populations by the class of the result."""
        self.values = {p.name: neurons.draw(p, self.seed, self.stream[p.name]) for p in self.populations}
        self.lowered = {p.name: lower_model(p, self.values[p.name], self.dt) for p in self.populations}
        members: dict[type, list[Population]] = {}
        for p in self.populations:
            members.setdefault(type(self.lowered[p.name].parameters), []).append(p)
        self.members = list(members.values())
        self.groups = []
        for group in self.members:
            lowered = [self.lowered[p.name] for p in group]
            states = [
                neurons.initial_state(p, low, self.seed, self.stream[p.name] + STREAMS // 2)
                for p, low in zip(group, lowered, strict=True)
            ]
            self.groups.append(neurons.group(lowered, states, [p.size for p in group]))

    def lower_nodes(self) -> None:
        """Give nodes, ports and currents their numbers, and lay out the work."""
        columns = {name: np.zeros(len(self.order), np.int64) for name in Nodes._fields}
        quantum = flow = 0
        for i, item in enumerate(self.order):
            columns["size"][i], columns["quantum"][i], columns["flow"][i] = item.size, quantum, flow
            columns["stream"][i] = self.stream[item.name]
            if not isinstance(item, Population):
                columns["kind"][i] = _TRAINS[type(item.stimulus)]
                continue
            ports = len(self.lowered[item.name].arrivals._fields)
            group = next(g for g, group in enumerate(self.members) if item in group)
            columns["kind"][i], columns["ports"][i], columns["group"][i] = NEURONS, ports - 1, group
            before = self.members[group][: self.members[group].index(item)]
            columns["offset"][i] = sum(p.size for p in before)
            columns["active_from"][i] = self._step(item, item.active[0])
            columns["active_until"][i] = self._step(item, item.active[1])
            quantum, flow = quantum + ports, flow + item.size
        windows = {
            p.target.name for p in self.network.projections if isinstance(p.rule, Conv2d | SumPool2d | MaxPool2d)
        }
        whole = {i for i, item in enumerate(self.order) if item.name in windows or not isinstance(item, Population)}
        ends = [
            (self.node[p.source.name], self.node[p.target.name], synapses.delay_bounds(p, self.dt)[0])
            for p in self.network.projections
            if p.rule is not None and not _is_current(p)
        ]
        stages, window = stages_of(len(self.order), ends)
        self.layout = lay_out(stages, window, columns["size"], columns["ports"], whole, self.threads)
        columns["first_slice"] = self.layout.first_slice
        self.stages = Stages(self.layout.first_block, window)
        self.columns, self.ports, self.flows = columns, quantum, flow

    def _step(self, population: Population, time: float) -> int:
        if math.isinf(time):
            return NEVER
        return int(checks.steps(f"population {population.name!r}", "active", time, self.dt))

    # ---- weights and projections

    def ports_of(self, projection: Projection) -> tuple[int, int]:
        """Return the ports, within the target's, that positive and negative weights go to."""
        fields = self.lowered[projection.target.name].arrivals._fields
        if _is_current(projection):
            return (fields.index("current"),) * 2
        model = projection.target.model
        return fields.index(model.port(False)), fields.index(model.port(True))

    def quanta_of(self, population: Population) -> np.ndarray:
        """Return the quanta of a population's ports."""
        first, ports = self.columns["quantum"][self.node[population.name]], self.lowered[population.name].arrivals
        return self.quanta[first : first + len(ports._fields)]

    def lower_quanta(self) -> None:
        """Choose each port's quantum by the largest weight that arrives there."""
        largest = np.zeros(self.ports)
        for projection in self.network.projections:
            first = self.columns["quantum"][self.node[projection.target.name]]
            low, high = synapses.weight_bounds(projection)
            for port, size in zip(self.ports_of(projection), (max(high, 0.0), max(-low, 0.0)), strict=True):
                largest[first + port] = max(largest[first + port], size)
        self.quanta = np.array([synapses.quantum_of(w, self.weight_bits) for w in largest])

    def lower_projections(self) -> None:
        """Lower every projection, each by its kind."""
        patterns, lists, plastic, noise, own, currents, everything = Patterns(), [], [], [], [], [], []
        self.fan_out = {item.name: np.zeros(item.size, np.int64) for item in self.order}
        for projection, stream in zip(self.network.projections, self.projection_stream, strict=True):
            target = self.node[projection.target.name]
            listed = Listed(
                projection,
                self.node.get(projection.source.name, -1),
                target,
                stream,
                self.ports_of(projection),
                self.quanta_of(projection.target),
            )
            everything.append(listed)
            if projection.rule is None:
                constant = isinstance(projection.source.stimulus, Poisson)  # pyright: ignore
                if constant:
                    noise.append((target, *self._noise(listed)))
                else:
                    own.append(listed)
            elif _is_current(projection):
                has_list = synapses.has_list(projection)
                currents.append((listed, -1 if has_list else self._pattern(listed, patterns)[0]))
            elif synapses.has_list(projection):
                (plastic if synapses.has_shares(projection) else lists).append(listed)
            else:
                self.fan_out[projection.source.name] += synapses.pattern_fan_out(projection)
                self._pattern(listed, patterns)
        noise.extend(self._counted())
        self.notes = [*notes_of(everything, self.dt)]
        built = self._rows(lists, np.arange(len(self.order)))
        self.plastic = lower_plastic(
            plastic, self._rows, self.layout.bank_slots, self.columns["size"], self.dt, self.seed
        )
        self.projections, self.counters, self.bests = patterns.table(), patterns.counters, patterns.bests
        self.synapses = Synapses(patterns.all_weights(), built.words, built.rows)
        self.bundles, self.banks = built.bundles, Banks(self.layout.bank_slots, built.first_bundle)
        self.incoming, self.columns["first_incoming"] = _by_node(patterns.targets, len(self.order))
        self.noise = self._noise_table(noise)
        self._current_table(currents)
        for one in [*own, *(listed for listed, _ in currents)]:
            self.columns["flowing"][one.target] |= _is_current(one.projection)
        self.varying = lower_varying(self.order, own, [one for one, _ in currents], self.seed, self.dt)

    def _rows(self, lists: list[Listed], nodes: np.ndarray) -> Rows:
        """Build rows; source i of the lists is ``nodes[i]``."""
        targets = {one.target for one in lists}
        slots = {node: self.layout.slots_of(node, int(self.columns["ports"][node])) for node in targets}
        sizes = self.columns["size"][nodes]
        built = build_rows(lists, slots, self.layout.bank_slots, sizes, self.dt, self.seed, self.threads)
        for source, fan_out in built.fan_out.items():
            self.fan_out[self.order[nodes[source]].name] += fan_out
        return built

    def _pattern(self, listed: Listed, patterns: Patterns) -> list[int]:
        """Lower a projection without a list: a row for every port that weights go to."""
        projection = listed.projection
        weights = synapses.given_weights(projection)
        if isinstance(weights, Distribution):
            weights = weights.sample(projection.target.size, self.seed, listed.stream + 1)
        elif isinstance(projection.rule, OneToOne):
            weights = np.broadcast_to(weights, projection.target.size)
        weights = np.asarray(weights, np.float64)
        positive, negative = listed.ports
        parts = {positive: weights}
        if positive != negative:
            parts = {positive: np.maximum(weights, 0.0), negative: np.minimum(weights, 0.0)}
        delay = synapses.delay_bounds(projection, self.dt)[0]
        return [
            patterns.add(
                projection,
                listed.source,
                -1 if listed.source < 0 else listed.target,
                port,
                synapses.to_integers(part, listed.quanta[port]),
                delay,
            )
            for port, part in parts.items()
            if np.any(part) or len(parts) == 1
        ]

    def _noise(self, listed: Listed):
        """Return port, targets, weight, stream and mean counts of a projection from Poisson input."""
        projection = listed.projection
        (integer,), (port,) = listed.weights(self.seed, 0, 1)
        stimulus: Any = projection.source.stimulus  # pyright: ignore[reportAttributeAccessIssue]
        rate = np.broadcast_to(np.asarray(stimulus.rate, np.float64), projection.target_size)
        mean = rate * self.dt / 1000.0
        if mean.max() > 500:
            owner = f"poisson {projection.source.name!r}"
            raise ValidationError(owner, "rate", float(rate.max()), f"at most 500 spikes a step, {5e5 / self.dt:g} Hz")
        start = projection.target_start
        return int(port), start, start + projection.target_size, int(integer), listed.stream, mean

    def _counted(self) -> Iterator[tuple]:
        """Yield what `_noise_table` needs of the populations with a port that receives random numbers."""
        for p in self.populations:
            low = self.lowered[p.name]
            if low.counted:
                port, mean = low.arrivals._fields.index(low.counted[0]), np.broadcast_to(low.counted[1], p.size)
                yield self.node[p.name], port, 0, p.size, 1, self.stream[p.name] + STREAMS - 1, mean

    def _noise_table(self, noise: list) -> Noise:
        noise.sort(key=lambda entry: entry[0])
        means = [entry[-1] for entry in noise]
        different, row = np.unique(np.concatenate(means) if means else np.zeros(0), return_inverse=True)
        tables = [poisson_thresholds(mean) for mean in different]
        counts = np.array([len(table) for table in tables], np.int64)
        thresholds = np.zeros((len(tables), int(counts.max(initial=1))), np.uint32)
        for i, table in enumerate(tables):
            thresholds[i, : len(table)] = table
        uniform = np.array([int((mean == mean[0]).all()) for mean in means], np.int64)
        _, self.columns["first_noise"] = _by_node([entry[0] for entry in noise], len(self.order))
        columns = np.array([entry[1:-1] for entry in noise], np.int64).reshape(-1, 5)
        first = np.cumsum([0, *map(len, means)])[:-1].astype(np.int64)
        rates = row.ravel().astype(np.int32)
        port, start, stop, weight, stream = np.ascontiguousarray(columns.T)
        return Noise(port, start, stop, weight, stream, uniform, first, rates, thresholds, counts)

    def _current_table(self, currents: list[tuple[Listed, int]]) -> None:
        currents.sort(key=lambda entry: entry[0].target)
        table, synapse_table, first = [], [], 0
        for listed, row in currents:
            projection = listed.projection
            source: Any = projection.source
            constant = isinstance(source.stimulus, Current)
            start, stop = flow_of(source, self.dt) if constant else (-1, -1)
            table.append((start, stop, projection.target.size, first, row))
            first += projection.target.size
            edges = [listed.edges(self.seed, k) for k in range(listed.portions)] if row < 0 else []
            ends = [np.concatenate([e[side] for e in edges]) if edges else np.zeros(0) for side in (0, 1)]
            weights = np.broadcast_to(listed.weights(self.seed, 0, len(ends[0]))[0], len(ends[0]))
            columns = np.array([*ends, weights], np.int32)
            synapse_table.append(columns[:, np.lexsort(columns[:2])])  # by target
        _, self.columns["first_current"] = _by_node([one.target for one, _ in currents], len(self.order))
        array = np.array(table, np.int64).reshape(-1, 5)
        joined = np.concatenate([*synapse_table, np.zeros((3, 0), np.int32)], axis=1)
        starts, stops, sizes, drives, rows = np.ascontiguousarray(array.T)
        first_synapse = np.cumsum([0, *(s.shape[1] for s in synapse_table)])
        self.currents = Currents(starts, stops, sizes, drives, rows, first_synapse, *joined)
        self.current_sources = tuple(one.projection.source.name for one, _ in currents)

    # ---- the rest

    def probes(self) -> Probes:
        """Lower what is to be recorded."""
        table, first = [], 0
        for probe in self.network.probes:
            population = probe.view.population
            owner, names = f"record {population.name!r}", self.lowered[population.name].state._fields
            if probe.variable not in names:
                raise ValidationError(owner, "variable", probe.variable, f"one of {', '.join(names)}")
            every = int(checks.steps(owner, "every", probe.every, self.dt, minimum=1))
            row = (
                self.node[population.name],
                names.index(probe.variable),
                probe.view.start,
                probe.view.stop,
                every,
                first,
            )
            table.append(row)
            first += probe.view.stop - probe.view.start
        array = np.array(table, np.int64).reshape(-1, 6)
        return Probes(*(np.ascontiguousarray(array[:, i]) for i in range(6)))

    def inputs(self) -> dict[str, np.ndarray]:
        """Return what the stimuli bring, by name."""
        return {name: stimulus_input(source, self.dt) for name, source in self.network.sources.items() if source.shape}


def _is_current(projection: Projection) -> bool:
    return isinstance(projection.source, Source) and projection.source.flows


def _by_node(nodes: list[int], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the entries in the order of their node (those of node -1 left out), and where each node's begin."""
    array = np.array(nodes, np.int64)
    order = np.argsort(array, kind="stable")
    first = np.searchsorted(array[order], np.arange(count + 1)).astype(np.int64)
    return order.astype(np.int64)[first[0] :], first - first[0]


def lower(network: Network, dt: float, threads: int = 1, weight_bits: int = 32) -> Program:
    """Lower a network for one step length.

    Parameters
    ----------
    network : Network
    dt : float
        Step in ms.
    threads : int
        How many build, and among how many the work is to be shared.
    weight_bits : {32, 16}
        To how many bits weights are rounded.

    Raises
    ------
    ValidationError
        If a delay, refractory period or time is not a multiple of dt, or a variable to record does not exist.
    ResourceError
        If the synapses do not fit into memory.
    """
    dt = checks.number("lower", "dt", dt, minimum=0.0, exclusive=True, unit="ms")
    if weight_bits not in (32, 16):
        raise ValidationError("lower", "weight_bits", weight_bits, "32 or 16")
    if not network.populations:
        raise ValidationError("lower", "network", "no populations", "a network with at least one population")
    for source in network.sources.values():
        if isinstance(source.stimulus, Counts):
            raise ValidationError(f"{source.name!r}", "engine", "grid", 'engine="exact": counts have no steps')
    work = _Lowering(network, dt, threads, weight_bits)
    work.lower_neurons()
    work.lower_nodes()
    work.lower_quanta()
    probes = work.probes()
    work.lower_projections()
    return Program(
        dt=dt,
        seed=network.seed,
        names=tuple(item.name for item in work.order),
        nodes=Nodes(**work.columns),
        slices=work.layout.slices,
        blocks=work.layout.blocks,
        banks=work.banks,
        bundles=work.bundles,
        stages=work.stages,
        projections=work.projections,
        synapses=work.synapses,
        plastic=work.plastic,
        incoming=work.incoming,
        noise=work.noise,
        currents=work.currents,
        current_sources=work.current_sources,
        varying=work.varying,
        probes=probes,
        groups=tuple(work.groups),
        quanta=work.quanta,
        fan_out=work.fan_out,
        inputs=work.inputs(),
        streams=work.stream,
        sizes={"counters": work.counters, "bests": work.bests},
        notes=tuple(work.notes),
    )
