"""Lowering of networks of staircase neurons."""

from __future__ import annotations

from typing import Any

import numpy as np

from snn.connectivity import Conv2d, Dense, MaxPool2d, OneToOne
from snn.errors import ValidationError
from snn.network import Network, Population, Projection
from snn.neurons.staircase import Levels, StaircaseModel
from snn.program import synapses
from snn.program.lists import Listed, weight_notes
from snn.program.patterns import Patterns
from snn.program.stages import stages_of
from snn.program.staircase import INPUT, LISTED, Fans, StaircaseProgram, StairNodes, Wires
from snn.program.streams import INITIAL, projection_streams, streams_of
from snn.program.tables import NEVER
from snn.random import Distribution
from snn.stimuli import Counts, Source

_DELAY = 1.0  # ms, where none is given


def is_staircase(network: Network) -> bool:
    """Return whether a network is one of staircase neurons, or refuse one in which others are, too."""
    kinds = {name: isinstance(p.model, StaircaseModel) for name, p in network.populations.items()}
    kinds |= {name: isinstance(source.stimulus, Counts) for name, source in network.sources.items()}
    if any(kinds.values()) and not all(kinds.values()):
        others = [name for name, stairs in kinds.items() if not stairs]
        expected = f"staircase neurons and counts only, as {next(name for name in kinds if kinds[name])!r} is"
        raise ValidationError("Simulation", "network", others[0], expected)
    return any(kinds.values())


class _Lowering:
    """One run of `lower_staircase`: the network, and the tables as they grow."""

    def __init__(self, network: Network, weight_bits: int):
        self.network, self.seed, self.weight_bits = network, network.seed, weight_bits
        self.items: list[Source | Population] = [*network.sources.values(), *network.populations.values()]
        self.node = {item.name: i for i, item in enumerate(self.items)}
        self.ports = [len(_ports(item)) for item in self.items]

    def lower_quanta(self) -> None:
        """Choose the quantum of each port by the largest weight that arrives there."""
        largest = [np.zeros(max(1, ports)) for ports in self.ports]
        for projection in self.network.projections:
            node, port = self.end(projection)
            bounds = synapses.weight_bounds(projection)
            largest[node][port] = max(largest[node][port], *map(abs, bounds))
        for sizes, item in zip(largest, self.items, strict=True):
            if isinstance(item, Population) and not sizes.any():  # nothing arrives: what is there from the start counts
                sizes[0] = max((_largest(value) for value in item.initial.values()), default=0.0) or 1.0
        self.quanta = [
            np.ones(len(sizes)) if ports > 1 else np.array([synapses.quantum_of(w, self.weight_bits) for w in sizes])
            for ports, sizes in zip(self.ports, largest, strict=True)
        ]

    def end(self, projection: Projection) -> tuple[int, int]:
        """Return node and port that a projection leads to."""
        node = self.node[projection.target.name]
        return node, 0 if projection.port is None else _ports(projection.target).index(projection.port)

    def lower_nodes(self) -> None:
        """Give the neurons their numbers, and lower every model."""
        sizes = np.array([item.size for item in self.items], np.int64)
        slots = sizes * self.ports
        lowered = [
            Levels(INPUT, np.zeros((1, 0), np.int64))
            if isinstance(item, Source)
            else item.model.levels_for(f"population {item.name!r}", float(quanta[0]))  # pyright: ignore
            for item, quanta in zip(self.items, self.quanta, strict=True)
        ]
        shift = np.array([self._shift(item) for item in self.items], np.int64)
        self.columns = {
            "kind": np.array([levels.kind for levels in lowered], np.int64),
            "size": sizes,
            "first": _starts(sizes)[:-1],
            "slot": _starts(slots)[:-1],
            "shift": shift,
            "first_cell": _starts((sizes + (1 << shift) - 1) >> shift),
            "parameters": _starts(np.array([levels.parameters.size for levels in lowered]))[:-1],
            "rows": np.array([len(levels.parameters) for levels in lowered], np.int64),
            "width": np.array([levels.parameters.shape[1] for levels in lowered], np.int64),
        }
        self.parameters = np.concatenate([levels.parameters.ravel() for levels in lowered])
        self.sums = np.concatenate([self._initial(i) for i in range(len(self.items))])

    def _shift(self, item: Source | Population) -> int:
        """Choose cells about as large as what one event reaches at a stretch."""
        rules = [p.rule for p in self.network.projections if p.target is item]
        whole = rules and all(isinstance(rule, Dense) for rule in rules)
        shape = item.shape or ()
        return (item.size if whole else shape[-1] if len(shape) == 3 else 1).bit_length() - 1

    def _initial(self, node: int) -> np.ndarray:
        """Return the sums that a population begins with, by port, then neuron."""
        item: Any = self.items[node]
        sums = np.zeros((self.ports[node], item.size))
        if isinstance(item, Source):
            return sums.astype(np.int64).ravel()
        owner, names = f"population {item.name!r}", _ports(item)
        for name, value in item.initial.items():
            if name not in names:
                raise ValidationError(owner, "initial", name, f"one of {', '.join(names)}")
            if isinstance(value, Distribution):
                stream = streams_of(self.network)[item.name] + INITIAL
                value = value.sample(item.size, self.seed, stream)
            port = names.index(name)
            sums[port] = np.asarray(value) / self.quanta[node][port]
            if np.abs(sums[port]).max() >= 2.0**62:
                raise ValidationError(owner, f"initial[{name!r}]", value, "values nearer to the weights in size")
            if len(names) > 1 and (sums != np.rint(sums)).any():
                raise ValidationError(owner, f"initial[{name!r}]", value, "integers: the port counts")
        return np.rint(sums).astype(np.int64).ravel()

    def lower_projections(self) -> None:
        """Lower every projection, by its kind."""
        patterns, rows, lists = Patterns(), [], []
        self.fan_out = np.zeros(int(self.columns["size"].sum()), np.int64)
        everything = []
        for projection, stream in zip(self.network.projections, projection_streams(self.network), strict=True):
            node, port = self.end(projection)
            source = self.node[projection.source.name]
            one = Listed(projection, source, node, stream, (port, port), self.quanta[node])
            everything.append(one)
            if self.ports[node] > 1:
                self._check_counts(one)
            outgoing = self.fan_out[self.columns["first"][source] :][: projection.source.size]
            slot = self.columns["slot"][node] + port * self.columns["size"][node]
            row = {"source": source, "target": node, "slot": slot, "delay": _delay(projection)}
            row["longest"] = row["delay"]
            if synapses.has_list(projection):
                lists.append(self._list(one))
                outgoing += np.diff(lists[-1][0])
                longest = float(lists[-1][3].max(initial=0.0))
                row |= {"longest": longest, "reach": lists[-1][-1], "list": len(lists) - 1}
            else:
                row |= self._pattern(one, patterns)
                outgoing += synapses.pattern_fan_out(projection)
            rows.append(row)
        self._tables(rows, lists, patterns)
        self.sizes = {"counters": patterns.counters, "bests": patterns.bests}
        self.notes = tuple(weight_notes(everything))
        ends = [(row["source"], row["target"], 1) for row in rows]
        stages, windows = stages_of(len(self.items), ends)
        self.order = tuple(node for stage in stages for node in stage)
        self.cyclic = tuple(
            node for stage, window in zip(stages, windows, strict=True) if window != NEVER for node in stage
        )

    def _check_counts(self, one: Listed) -> None:
        """Refuse weights to a port that counts, if they are not integers."""
        given = synapses.given_weights(one.projection)
        if isinstance(given, Distribution) or (np.asarray(given) != np.rint(given)).any():
            raise ValidationError(f"connect {one.projection.name}", "weight", given, "integers: the port counts")
        if np.abs(given).max(initial=0) > 2**30:
            raise ValidationError(f"connect {one.projection.name}", "weight", given, "integers up to 2^30 in size")

    def _pattern(self, one: Listed, patterns: Patterns) -> dict[str, Any]:
        projection = one.projection
        weights: Any = synapses.given_weights(projection)
        if isinstance(weights, Distribution):
            weights = weights.sample(projection.target.size, self.seed, one.stream + 1)
        elif isinstance(projection.rule, OneToOne):
            weights = np.broadcast_to(weights, projection.target.size)
        integers = synapses.to_integers(weights, one.quanta[one.ports[0]])
        rule: Any = projection.rule
        if isinstance(rule, Conv2d):
            integers = integers[:, columns_in_runs(rule.size[1], rule.stride[1])]
        number = patterns.add(one, one.ports[0], integers, 0)
        sizes = np.abs(integers.astype(np.int64))
        if isinstance(rule, Dense):
            reach = sizes.sum(axis=1).max(initial=0)
        elif isinstance(rule, OneToOne | MaxPool2d):
            reach = sizes.max(initial=0)
        else:
            reach = sizes.sum(axis=(0, 1, 2)).max() if sizes.ndim else sizes * rule.size[0] * rule.size[1]
        return {"pattern": number, "reach": int(reach)}

    def _list(self, one: Listed) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int]:
        """Return row starts, targets, weights and delays of a list, by source, then delay, and its reach."""
        projection = one.projection
        drawn = [one.edges(self.seed, portion) for portion in range(one.portions)]
        sources, targets = (np.concatenate([ends[side] for ends in drawn]).astype(np.int64) for side in (0, 1))
        weights = np.broadcast_to(one.weights(self.seed, 0, len(sources))[0], len(sources))
        delay: Any = projection.delay
        if isinstance(delay, Distribution):
            delay = np.maximum(delay.sample(len(sources), self.seed, one.stream + 2), 0.0)
        delays = np.broadcast_to(_delay(projection) if np.ndim(delay) == 0 else delay, len(sources))
        order = np.lexsort((delays, sources))
        starts = np.searchsorted(sources[order], np.arange(projection.source.size + 1))
        loads = np.zeros(projection.target.size, np.int64)
        np.add.at(loads, targets, np.abs(weights.astype(np.int64)))
        return starts, targets[order], weights[order], delays[order], int(loads.max(initial=0))

    def _tables(self, rows: list[dict], lists: list, patterns: Patterns) -> None:
        """Put the projections in the order of their sources."""
        order = sorted(range(len(rows)), key=lambda i: rows[i]["source"])
        table, own = patterns.table(), patterns.all_weights()
        synapse_starts = _starts(np.array([len(one[1]) for one in lists], np.int64))
        row_starts = _starts(np.array([len(one[0]) for one in lists], np.int64))
        columns: dict[str, np.ndarray] = {name: np.zeros(len(rows), np.int64) for name in Fans._fields}
        columns["delay"], columns["geometry"] = np.zeros(len(rows)), np.zeros((len(rows), 12), np.int64)
        for place, i in enumerate(order):
            row = rows[i]
            for name in ("source", "target", "slot", "delay"):
                columns[name][place] = row[name]
            if "list" in row:
                columns["kind"][place] = LISTED
                columns["first_weight"][place] = len(own)
                columns["first_row"][place] = row_starts[row["list"]]
                continue
            for name in ("kind", "first_weight", "geometry", "first_counter", "first_best"):
                columns[name][place] = getattr(table, name)[row["pattern"]]
        self.fans = Fans(**columns)
        self.reach = np.array([rows[i]["reach"] for i in order], np.int64)
        self.longest = np.array([rows[i]["longest"] for i in order])
        joined = [np.concatenate([np.zeros(0), *(one[k] for one in lists)]) for k in (1, 2, 3)]
        starts = [one[0] + start for one, start in zip(lists, synapse_starts[:-1], strict=True)]
        self.wires = Wires(
            np.concatenate([own, joined[1].astype(np.int32)]),
            joined[0].astype(np.int32),
            joined[2],
            np.concatenate([np.zeros(0, np.int64), *starts]).astype(np.int64),
        )
        self.columns["first_fan"] = np.searchsorted(self.fans.source, np.arange(len(self.items) + 1)).astype(np.int64)


def columns_in_runs(size: int, stride: int) -> list[int]:
    """Return the columns of a kernel in the order in which one row of targets needs them.

    From one target to the next the column falls by `stride`: those that are equal modulo stride stand together, the
    largest first.
    """
    return [column for rest in range(stride) for column in range(size)[rest::stride][::-1]]


def _ports(item: Source | Population) -> tuple[str, ...]:
    return () if isinstance(item, Source) else item.model.open_ports or ("u",)


def _largest(value: Any) -> float:
    """Return the largest size of a number, an array, or what a distribution draws."""
    return float(np.abs(value.bounds if isinstance(value, Distribution) else value).max())


def _delay(projection: Projection) -> float:
    """Return the delay that all synapses of a projection share, nan if they do not."""
    if projection.delay is None:
        return 0.0 if isinstance(projection.source, Source) else _DELAY
    return float(projection.delay) if isinstance(projection.delay, float) else float("nan")


def _starts(counts: np.ndarray) -> np.ndarray:
    """Return where each of several parts begins, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def lower_staircase(network: Network, weight_bits: int = 32) -> StaircaseProgram:
    """Lower a network of staircase neurons.

    Parameters
    ----------
    network : Network
    weight_bits : {32, 24, 16}
        To how many bits weights are rounded.

    Raises
    ------
    ValidationError
        If what the network says does not go with staircase neurons, such as traces or times of activity.
    """
    if weight_bits not in (32, 24, 16):
        raise ValidationError("lower", "weight_bits", weight_bits, "32, 24 or 16")
    for p in network.populations.values():
        if p.active != (0.0, float("inf")):
            raise ValidationError(f"population {p.name!r}", "active", p.active, "nothing: staircase neurons always are")
    for probe in network.probes:
        expected = "nothing: of staircase neurons, the state at rest is returned"
        raise ValidationError(f"record {probe.view.population.name!r}", "variable", probe.variable, expected)
    work = _Lowering(network, weight_bits)
    work.lower_quanta()
    work.lower_nodes()
    work.lower_projections()
    return StaircaseProgram(
        names=tuple(work.node),
        shapes=tuple(item.shape or () for item in work.items),
        ports=tuple(work.ports),
        nodes=StairNodes(**work.columns),
        fans=work.fans,
        wires=work.wires,
        parameters=work.parameters,
        sums=work.sums,
        quanta=tuple(work.quanta),
        order=work.order,
        cyclic=work.cyclic,
        reach=work.reach,
        longest=work.longest,
        fan_out=work.fan_out,
        sizes=work.sizes,
        notes=work.notes,
    )
