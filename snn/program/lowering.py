"""From the description of a network to arrays: `lower` makes the `Program` that engines run."""

from __future__ import annotations

import math

import numpy as np

from snn import checks
from snn.connectivity import Conv2d, Dense, MaxPool2d, SumPool2d
from snn.errors import ValidationError
from snn.network import Network, Population, Projection, Source
from snn.program import neurons, synapses
from snn.program.blocks import NEAR, NEAR_WEIGHTS, lay_out
from snn.program.building import Builder, Rows, build_rows
from snn.program.currents import current_table
from snn.program.lists import Listed, notes_of
from snn.program.noise import RandomCounts, noise_table, own_counts, poisson_counts
from snn.program.patterns import Patterns
from snn.program.plastic import lower_plastic
from snn.program.probes import lower_probes
from snn.program.program import Program
from snn.program.stages import stages_of
from snn.program.stimuli import stimulus_input
from snn.program.streams import INITIAL, UPDATES, projection_streams, streams_of
from snn.program.tables import (
    GAMMA_TRAINS,
    NEURONS,
    NEVER,
    POISSON_TRAINS,
    SPIKE_TRAINS,
    VARYING_TRAINS,
    Banks,
    Nodes,
    Stages,
    Synapses,
)
from snn.program.varying import lower_varying
from snn.random import STRIP
from snn.stimuli import Counts, GammaTrains, InhomogeneousPoisson, Poisson, SpikeTrains

_TRAINS = {
    Poisson: POISSON_TRAINS,
    SpikeTrains: SPIKE_TRAINS,
    InhomogeneousPoisson: VARYING_TRAINS,
    GammaTrains: GAMMA_TRAINS,
}


class _Lowering:
    """One run of `lower`: the network, and the tables as they grow."""

    def __init__(self, network: Network, dt: float, threads: int, weight_bits: int, build: Builder):
        self.network, self.dt, self.threads, self.seed = network, dt, threads, network.seed
        self.weight_bits, self.build = weight_bits, build
        self.populations = list(network.populations.values())
        self.trains = [s for s in network.sources.values() if s.shape and not s.flows]
        self.order: list[Population | Source] = [*self.populations, *self.trains]
        self.node = {item.name: i for i, item in enumerate(self.order)}
        self.stream, self.projection_stream = streams_of(network), projection_streams(network)

    # ---- neurons

    def lower_neurons(self) -> None:
        """Draw parameters, lower every model, and group the populations by the class of the result."""
        self.values = {p.name: neurons.draw(p, self.seed, self.stream[p.name]) for p in self.populations}
        self.lowered = {p.name: neurons.lower_model(p, self.values[p.name], self.dt) for p in self.populations}
        members: dict[type, list[Population]] = {}
        for p in self.populations:
            members.setdefault(type(self.lowered[p.name].parameters), []).append(p)
        self.members = list(members.values())
        self.groups = []
        for group in self.members:
            lowered = [self.lowered[p.name] for p in group]
            states = [
                neurons.initial_state(p, low, self.seed, self.stream[p.name] + INITIAL)
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
        arriving = [p for p in self.network.projections if not p.flows]
        windows = {p.target.name for p in arriving if isinstance(p.rule, Conv2d | SumPool2d | MaxPool2d)}
        whole = {i for i, item in enumerate(self.order) if item.name in windows or not isinstance(item, Population)}
        ends = [
            (self.node[p.source.name], self.node[p.target.name], synapses.delay_bounds(p, self.dt)[0])
            for p in arriving
            if p.rule is not None
        ]
        near = np.full(len(self.order), NEAR)
        for p in arriving:
            i = self.node[p.target.name]
            if p.rule is None or synapses.has_list(p):
                near[i] = NEVER
            elif isinstance(p.rule, Dense):
                near[i] = max(STRIP, min(near[i], NEAR_WEIGHTS // p.source_size))
        stages, window = stages_of(len(self.order), ends)
        self.layout = lay_out(stages, window, columns["size"], columns["ports"], near, whole, self.threads)
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
        if projection.flows:
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
        patterns, lists, plastic, counts, own, currents, everything = Patterns(), [], [], [], [], [], []
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
                    counts.append(poisson_counts(listed, self.seed, self.dt))
                else:
                    own.append(listed)
            elif projection.flows:
                has_list = synapses.has_list(projection)
                currents.append((listed, -1 if has_list else patterns.lower(listed, self.seed, self.dt)))
            elif synapses.has_list(projection):
                (plastic if synapses.has_shares(projection) else lists).append(listed)
            else:
                self.fan_out[projection.source.name] += synapses.pattern_fan_out(projection)
                patterns.lower(listed, self.seed, self.dt)
        self.notes = [*notes_of(everything, self.dt)]
        self._synapses(patterns, lists, plastic)
        self._inputs(counts, currents, own)

    def _synapses(self, patterns: Patterns, lists: list[Listed], plastic: list[Listed]) -> None:
        built = self._rows(lists, np.arange(len(self.order)))
        self.plastic = lower_plastic(
            plastic, self._rows, self.layout.bank_slots, self.columns["size"], self.dt, self.seed
        )
        self.projections, self.counters, self.bests = patterns.table(), patterns.counters, patterns.bests
        self.synapses = Synapses(patterns.all_weights(), built.words, built.rows)
        self.bundles, self.banks = built.bundles, Banks(self.layout.bank_slots, built.first_bundle)
        self.incoming, self.columns["first_incoming"] = patterns.incoming(len(self.order))

    def _inputs(self, counts: list[RandomCounts], currents: list[tuple[Listed, int]], own: list[Listed]) -> None:
        nodes, columns = len(self.order), self.columns
        for p in self.populations:
            last_stream = self.stream[p.name] + UPDATES
            counts += own_counts(p, self.lowered[p.name], self.node[p.name], last_stream)
        self.noise, columns["first_noise"] = noise_table(counts, nodes)
        currents = sorted(currents, key=lambda entry: entry[0].target)
        self.currents, columns["first_current"] = current_table(currents, nodes, self.seed, self.dt)
        flowing = [one for one, _ in currents]
        self.current_sources = tuple(one.projection.source.name for one in flowing)
        for one in [*own, *flowing]:
            columns["flowing"][one.target] |= one.projection.flows
        self.varying = lower_varying(self.order, own, flowing, self.seed, self.dt)

    def _rows(self, lists: list[Listed], nodes: np.ndarray) -> Rows:
        """Build rows; source i of the lists is ``nodes[i]``."""
        targets = {one.target for one in lists}
        slots = {node: self.layout.slots_of(node, int(self.columns["ports"][node])) for node in targets}
        sizes = self.columns["size"][nodes]
        built = self.build(lists, slots, self.layout.bank_slots, sizes, self.dt, self.seed, self.threads)
        for source, fan_out in built.fan_out.items():
            self.fan_out[self.order[nodes[source]].name] += fan_out
        return built


def lower(network: Network, dt: float, threads: int = 1, weight_bits: int = 32, build: Builder = build_rows) -> Program:
    """Lower a network for one step length.

    Parameters
    ----------
    network : Network
    dt : float
        Step in ms.
    threads : int
        How many build, and among how many the work is to be shared.
    weight_bits : {32, 24, 16}
        To how many bits weights are rounded.
    build : callable
        What makes rows of listed synapses, as `snn.program.building.build_rows` does.

    Raises
    ------
    ValidationError
        If a delay, refractory period or time is not a multiple of dt, or a variable to record does not exist.
    ResourceError
        If the neurons or synapses do not fit into memory.
    """
    dt = checks.number("lower", "dt", dt, minimum=0.0, exclusive=True, unit="ms")
    if weight_bits not in (32, 24, 16):
        raise ValidationError("lower", "weight_bits", weight_bits, "32, 24 or 16")
    if not network.populations:
        raise ValidationError("lower", "network", "no populations", "a network with at least one population")
    for source in network.sources.values():
        if isinstance(source.stimulus, Counts):
            raise ValidationError(f"{source.name!r}", "engine", "grid", 'engine="exact": counts have no steps')
    neurons.require_room(network)
    work = _Lowering(network, dt, threads, weight_bits, build)
    work.lower_neurons()
    work.lower_nodes()
    work.lower_quanta()
    probes = lower_probes(network, work.node, work.lowered, dt)
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
        inputs={source.name: stimulus_input(source, dt) for source in network.sources.values() if source.shape},
        streams=work.stream,
        sizes={"counters": work.counters, "bests": work.bests},
        notes=tuple(work.notes),
    )
