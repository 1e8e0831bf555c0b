"""From the description of a network to arrays: `lower` makes the `Program` that engines run."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from snn import checks
from snn.connectivity import Conv2d, MaxPool2d, SumPool2d
from snn.errors import ValidationError
from snn.network import Network, Population, Projection, Source
from snn.neurons.model import Lowered, Values
from snn.program import neurons, synapses
from snn.program.pools import Pools
from snn.program.program import Program
from snn.program.stages import stages_of
from snn.program.stimuli import stimulus_input
from snn.program.tables import (
    KINDS,
    NEURONS,
    NEVER,
    POISSON_TRAINS,
    SPIKE_TRAINS,
    Currents,
    Nodes,
    Noise,
    Probes,
    Slices,
)
from snn.random import STRIP, poisson_thresholds
from snn.stimuli import Current, SpikeTrains

_SLICE = 8192  # neurons a slice, at most about: their sums and state stay in a core's second-level cache
_STREAMS = 64  # streams of random numbers set aside for each thing in a network


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

    def __init__(self, network: Network, dt: float):
        self.network, self.dt, self.seed = network, dt, network.seed
        self.populations = list(network.populations.values())
        self.trains = [s for s in network.sources.values() if s.shape and not isinstance(s.stimulus, Current)]
        self.order: list[Population | Source] = [*self.populations, *self.trains]
        self.node = {item.name: i for i, item in enumerate(self.order)}
        self.notes: list[str] = []
        # Streams are numbered by kind and order, so that adding a part leaves what the others draw.
        self.stream = {name: _STREAMS * (3 * i + 1) for i, name in enumerate(network.populations)}
        self.stream |= {name: _STREAMS * (3 * i + 2) for i, name in enumerate(network.sources)}
        self.projection_stream = [_STREAMS * (3 * i + 3) for i in range(len(network.projections))]
        self.fan_out = {item.name: np.zeros(item.size, np.int64) for item in self.order}
        self.edges = [
            synapses.edges_of(p, self.seed, s) for p, s in zip(network.projections, self.projection_stream, strict=True)
        ]
        self.weights = [
            synapses.weights_of(p, self._synapses(p, e), self.seed, s + 1)
            for p, e, s in zip(network.projections, self.edges, self.projection_stream, strict=True)
        ]

    @staticmethod
    def _synapses(projection: Projection, edges) -> int:
        return len(edges[0]) if edges is not None else projection.target.size

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
                neurons.initial_state(p, low, self.seed, self.stream[p.name] + _STREAMS // 2)
                for p, low in zip(group, lowered, strict=True)
            ]
            self.groups.append(neurons.group(lowered, states, [p.size for p in group]))

    def lower_nodes(self) -> None:
        """Give nodes, slots, ports and slices their numbers."""
        columns = {name: np.zeros(len(self.order), np.int64) for name in Nodes._fields}
        bounds, slot, quantum = [], 0, 0
        whole = {p.target.name for p in self.network.projections if isinstance(p.rule, Conv2d | SumPool2d | MaxPool2d)}
        for i, item in enumerate(self.order):
            columns["size"][i], columns["slot"][i], columns["quantum"][i] = item.size, slot, quantum
            columns["stream"][i] = self.stream[item.name]
            if isinstance(item, Population):
                ports = len(self.lowered[item.name].arrivals._fields)
                group = next(g for g, group in enumerate(self.members) if item in group)
                columns["kind"][i], columns["ports"][i], columns["group"][i] = NEURONS, ports - 1, group
                before = self.members[group][: self.members[group].index(item)]
                columns["offset"][i] = sum(p.size for p in before)
                columns["active_from"][i] = self._step(item, item.active[0])
                columns["active_until"][i] = self._step(item, item.active[1])
                slot, quantum = slot + ports * item.size, quantum + ports
            else:
                trains = isinstance(item.stimulus, SpikeTrains)
                columns["kind"][i] = SPIKE_TRAINS if trains else POISSON_TRAINS
            parts = 1 if item.name in whole or not isinstance(item, Population) else math.ceil(item.size / _SLICE)
            cuts = (
                np.round(np.linspace(0, item.size, parts + 1) / STRIP) * STRIP
                if parts > 1
                else np.array([0, item.size])
            )
            cuts[-1] = item.size
            bounds.append(cuts.astype(np.int64))
        self.columns, self.bounds, self.ports = columns, bounds, quantum
        columns["first_slice"] = np.cumsum([0, *(len(b) - 1 for b in bounds)])
        self.slices = Slices(
            node=np.repeat(np.arange(len(bounds)), [len(b) - 1 for b in bounds]),
            start=np.concatenate([b[:-1] for b in bounds]) if bounds else np.zeros(0, np.int64),
            stop=np.concatenate([b[1:] for b in bounds]) if bounds else np.zeros(0, np.int64),
        )

    def _step(self, population: Population, time: float) -> int:
        if math.isinf(time):
            return NEVER
        return int(checks.steps(f"population {population.name!r}", "active", time, self.dt))

    # ---- weights and projections

    def port(self, target: Population, weight_is_negative: bool) -> int:
        """Return the number of the port, within the target's, that a weight of this sign goes to."""
        return self.lowered[target.name].arrivals._fields.index(target.model.port(weight_is_negative))

    def lower_quanta(self) -> None:
        """Choose each port's quantum by the largest weight that arrives there."""
        largest = np.zeros(self.ports)
        for projection, weights in zip(self.network.projections, self.weights, strict=True):
            first = self.columns["quantum"][self.node[projection.target.name]]
            for port, part in self._by_port(projection, weights):
                if np.size(part):
                    largest[first + port] = max(largest[first + port], float(np.abs(part).max()))
        self.quanta = np.array([synapses.quantum_of(w) for w in largest])

    def _by_port(self, projection: Projection, weights: np.ndarray):
        """Yield (port, weights of the projection that go there, the others zero), leaving out ports without any."""
        target = projection.target
        if _is_current(projection):
            yield self.lowered[target.name].arrivals._fields.index("current"), weights
            return
        ports = [self.port(target, False), self.port(target, True)]
        if ports[0] == ports[1]:
            yield ports[0], weights
            return
        for port, part in zip(ports, (np.maximum(weights, 0.0), np.minimum(weights, 0.0)), strict=True):
            if np.any(part):
                yield port, part

    def integers(self, projection: Projection, weights: np.ndarray, port: int) -> np.ndarray:
        """Return weights as multiples of the port's quantum, noting what rounding cost."""
        quantum = float(self.quanta[self.columns["quantum"][self.node[projection.target.name]] + port])
        rounded = synapses.to_integers(weights, quantum)
        given = np.asarray(weights)[np.asarray(weights) != 0]
        if given.size:
            loss = float(np.abs(np.rint(given / quantum) * quantum / given - 1.0).max())
            if loss > 1e-6:
                self.notes.append(f"{projection.name}: rounding changes a weight by {loss:.1e} of itself")
        return rounded

    def lower_projections(self) -> None:
        """Lower every projection, sort them by target, and find the order of work."""
        pools = Pools()
        rows, targets, ends, noise, currents = [], [], [], [], []
        for i, (projection, weights, edges) in enumerate(
            zip(self.network.projections, self.weights, self.edges, strict=True)
        ):
            source, target = projection.source, projection.target
            node, stream = self.node[target.name], self.projection_stream[i]
            first_slot, size = int(self.columns["slot"][node]), target.size
            if projection.rule is None:
                noise.append((node, *self._noise(projection, first_slot, stream)))
                continue
            if not _is_current(projection):
                self.fan_out[source.name] += synapses.fan_out(projection, edges)
            delays = synapses.delays_of(projection, self._synapses(projection, edges), self.dt, self.seed, stream + 2)
            if edges is not None:
                row = self._list(projection, weights, edges, delays, first_slot, pools)
                made = [row]
            else:
                made = [
                    self._pattern(
                        projection, self.integers(projection, part, port), delays, first_slot + port * size, pools
                    )
                    for port, part in self._by_port(projection, weights)
                ]
            if _is_current(projection):
                currents.append((node, len(rows), projection))
                made[0]["source"] = -1
                target_node = -1
            else:
                target_node = node
                ends.append((self.node[source.name], node, int(delays.min()) if delays.size else 1))
            rows.extend(made)
            targets.extend([target_node] * len(made))
        self.projections = pools.table(rows)
        self.synapses = pools.synapses()
        self.counters, self.bests = pools.counters, pools.bests
        self.incoming, self.columns["first_incoming"] = _by_node(targets, len(self.order))
        self.noise = self._noise_table(noise)
        self._current_table(currents)
        slices_of = [
            list(range(a, b))
            for a, b in zip(self.columns["first_slice"], self.columns["first_slice"][1:], strict=False)
        ]
        self.stages = stages_of(len(self.order), ends, slices_of)

    def _list(self, projection, weights, edges, delays, first_slot, pools) -> dict:
        target = projection.target
        node, size = self.node[target.name], target.size
        if _is_current(projection):
            ports = np.array([self.lowered[target.name].arrivals._fields.index("current")])
            integers = self.integers(projection, weights, int(ports[0]))
        elif self.port(target, False) == self.port(target, True):
            ports = np.array([self.port(target, False)])
            integers = self.integers(projection, weights, int(ports[0]))
        else:
            positive, negative = self.port(target, False), self.port(target, True)
            inhibits = weights < 0
            ports = np.where(inhibits, negative, positive)
            integers = self.integers(projection, np.where(inhibits, 0.0, weights), positive)
            integers = integers + self.integers(projection, np.where(inhibits, weights, 0.0), negative)
        sources, targets = edges
        parts = synapses.rows_of(
            sources, targets, integers, delays, ports * size, self.bounds[node], projection.source.size
        )
        return pools.add_list(self.node.get(projection.source.name, -1), first_slot, *parts)

    def _pattern(self, projection, integers, delays, slot, pools) -> dict:
        rule = projection.rule
        shape = synapses.geometry(rule, projection.source.shape, projection.target.shape)
        integers = synapses.pattern_weights(rule, integers)
        row = pools.add_pattern(
            self.node.get(projection.source.name, -1), KINDS[rule.kind], slot, integers, int(delays), shape
        )
        if isinstance(rule, MaxPool2d):
            row["first_counter"], row["first_best"] = pools.counters, pools.bests
            pools.counters += projection.source.size
            pools.bests += projection.target.size
        return row

    def _noise(self, projection: Projection, first_slot: int, stream: int):
        """Return slot, weight, stream and rates of a projection from Poisson input."""
        target, weight = projection.target, np.asarray(projection.weight)
        port = self.port(target, bool(weight < 0))
        integer = int(self.integers(projection, weight, port))
        stimulus: Any = projection.source.stimulus  # pyright: ignore[reportAttributeAccessIssue]
        rate = np.zeros(target.size)
        rate[projection.target_start : projection.target_start + projection.target_size] = stimulus.rate
        mean = rate * self.dt / 1000.0
        if mean.max() > 500:
            owner = f"poisson {projection.source.name!r}"
            raise ValidationError(owner, "rate", float(rate.max()), f"at most 500 spikes a step, {5e5 / self.dt:g} Hz")
        return first_slot + port * target.size, integer, stream, mean

    def _noise_table(self, noise: list) -> Noise:
        noise.sort(key=lambda entry: entry[0])
        means = [entry[4] for entry in noise]
        different, row = np.unique(np.concatenate(means) if means else np.zeros(0), return_inverse=True)
        tables = [poisson_thresholds(mean) for mean in different]
        counts = np.array([len(table) for table in tables], np.int64)
        thresholds = np.zeros((len(tables), int(counts.max(initial=0))), np.uint32)
        for i, table in enumerate(tables):
            thresholds[i, : len(table)] = table
        uniform = np.array([len(np.unique(mean)) == 1 for mean in means], np.int64)
        _, self.columns["first_noise"] = _by_node([entry[0] for entry in noise], len(self.order))
        slots, weights, streams = (np.array([entry[i] for entry in noise], np.int64) for i in (1, 2, 3))
        first = np.cumsum([0, *map(len, means)])[:-1].astype(np.int64)
        rates = row.ravel().astype(np.int32)
        return Noise(slots, weights, streams, uniform, first, rates, thresholds, counts)

    def _current_table(self, currents: list) -> None:
        currents.sort(key=lambda entry: entry[0])
        table, first = [], 0
        for node, row, projection in currents:
            owner, stimulus = f"current {projection.source.name!r}", projection.source.stimulus
            start = int(checks.steps(owner, "start", stimulus.start, self.dt))
            stop = NEVER if math.isinf(stimulus.stop) else int(checks.steps(owner, "stop", stimulus.stop, self.dt))
            size = projection.target.size
            ports = len(self.lowered[projection.target.name].arrivals._fields)
            slot = int(self.columns["slot"][node]) + (ports - 1) * size
            table.append((slot, size, start, stop, first, row))
            first += size
        _, self.columns["first_current"] = _by_node([entry[0] for entry in currents], len(self.order))
        array = np.array(table, np.int64).reshape(-1, 6)
        self.currents = Currents(*(np.ascontiguousarray(array[:, i]) for i in range(6)))
        self.current_sources = tuple(projection.source.name for _, _, projection in currents)

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
    return isinstance(projection.source, Source) and isinstance(projection.source.stimulus, Current)


def _by_node(nodes: list[int], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the entries in the order of their node (those of node -1 left out), and where each node's begin."""
    array = np.array(nodes, np.int64)
    order = np.argsort(array, kind="stable")
    first = np.searchsorted(array[order], np.arange(count + 1)).astype(np.int64)
    return order.astype(np.int64)[first[0] :], first - first[0]


def lower(network: Network, dt: float) -> Program:
    """Lower a network for one step length.

    Parameters
    ----------
    network : Network
    dt : float
        Step in ms.

    Raises
    ------
    ValidationError
        If a delay, refractory period or time is not a multiple of dt, or a variable to record does not exist.
    """
    dt = checks.number("lower", "dt", dt, minimum=0.0, exclusive=True, unit="ms")
    if not network.populations:
        raise ValidationError("lower", "network", "no populations", "a network with at least one population")
    work = _Lowering(network, dt)
    work.lower_neurons()
    work.lower_nodes()
    work.lower_quanta()
    work.lower_projections()
    return Program(
        dt=dt,
        seed=network.seed,
        names=tuple(item.name for item in work.order),
        nodes=Nodes(**work.columns),
        slices=work.slices,
        stages=work.stages,
        projections=work.projections,
        synapses=work.synapses,
        incoming=work.incoming,
        noise=work.noise,
        currents=work.currents,
        current_sources=work.current_sources,
        probes=work.probes(),
        groups=tuple(work.groups),
        quanta=work.quanta,
        fan_out=work.fan_out,
        inputs=work.inputs(),
        streams=work.stream,
        sizes={"counters": work.counters, "bests": work.bests},
        notes=tuple(work.notes),
    )
