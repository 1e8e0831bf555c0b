"""Recurrent layers as one population each, connected with itself, that says a sequence step after step.

Each element of the sequence has a window of T steps. The neurons of a recurrent layer, and of what reads it, are
`snn.PeriodicIF`: they integrate in one window what they fire in the next, so that what all of them say of an element
has been heard, by them as by others, before they say anything of the next one. They say exactly what the quantised
network does. What reads an earlier element has the delay with which that arrives when it is due.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

import snn
from bridge import plan as plans
from bridge.graph import Graph
from bridge.nodes import RNN
from bridge.plan import Full, Layout, Listed, Operator, Plan
from bridge.rate.emit import Emitter, rule_of
from bridge.rate.emitted import Emitted, Layer
from bridge.rate.options import RateOptions
from bridge.rate.support import title
from snn.network import Population, Source

Chains = Mapping[str, tuple[str, ...]]


class Unrolled(Exception):
    """Why one population cannot say all steps of a recurrent layer."""


def chains_of(graph: Graph, unrolled: Graph, plan: Plan) -> dict[str, tuple[str, ...]]:
    """Return by recurrent layer of rectifiers those of a plan that are its steps, as far as they are needed.

    Parameters
    ----------
    graph, unrolled : Graph
        With recurrent layers, and after `bridge.passes.unroll`.
    plan : Plan
        Of the latter.
    """
    chains = {}
    for name, node in graph.nodes.items():
        if isinstance(node, RNN):
            rows = (unrolled.nodes[row] for row in unrolled.nodes[name].inputs)
            steps = tuple(row.inputs[0] for row in rows if row.inputs[0] in plan.layers)
            while name in plan.layers:
                name += "_"
            if len(steps) > 1:
                chains[name] = steps
    return chains


def emit_recurrent(
    plan: Plan,
    chains: Chains,
    steps: int,
    thresholds: Mapping[str, np.ndarray],
    options: RateOptions,
    corrections: Mapping[str, np.ndarray] | None = None,
) -> Emitted:
    """Make a spiking network with one population for each recurrent layer.

    Parameters
    ----------
    plan, steps, thresholds, options, corrections
        As for `bridge.rate.emit`; thresholds and corrections of all steps of a recurrent layer are the same.
    chains : dict of str to tuple of str
        Of `chains_of`.

    Raises
    ------
    Unrolled
        If one population cannot say all steps of a layer; it says why.
    """
    return _RecurrentEmitter(plan, chains, steps, thresholds, options, corrections or {}).run()


@dataclass(frozen=True, eq=False)
class _Part:
    """A part of what arrives in a window: an operator on what a layer says in one of its windows."""

    source: str
    window: int
    operator: Operator


@dataclass(frozen=True, eq=False)
class _Target:
    """A population whose input comes in windows from step `arrival` on; parts and bias of each, in `layout`'s order."""

    name: str
    population: Population
    layout: Layout
    unit: np.ndarray
    arrival: int
    parts: list[list[_Part]] = field(default_factory=list)
    biases: list[np.ndarray] = field(default_factory=list)


class _RecurrentEmitter(Emitter):
    """The network as it grows; populations whose input comes in windows are connected in the end."""

    def __init__(self, plan: Plan, chains: Chains, steps: int, thresholds, options, corrections):
        super().__init__(plan, steps, thresholds, options, corrections)
        self.chains = chains
        self.chain = {layer: (name, i) for name, chain in chains.items() for i, layer in enumerate(chain)}
        self.targets: dict[str, _Target] = {}
        self.begins: dict[str, tuple[int, int]] = {}  # of each population: its first step of firing, and its windows
        self.sums: list[str] = []
        self.courses: dict[tuple, tuple[Source, tuple[np.ndarray, ...]]] = {}

    def _emitted(self) -> Emitted:
        for target in self.targets.values():
            self._join(target)
        emitted = super()._emitted()
        inputs = (*emitted.inputs, *(source for source, _ in self.courses.values()))
        elements = (*emitted.elements, *(elements for _, elements in self.courses.values()))
        if self.options.input == "poisson" and len(inputs) > 1:
            raise Unrolled("Poisson trains are read by several layers")
        return Emitted(emitted.network, inputs, elements, self.input, emitted.layers, self.steps, tuple(self.sums))

    # ---- layers

    def _layer(self, layer: plans.Layer) -> None:
        if layer.name in self.chain:
            self._step(layer)
        elif any(term.source in self.chain or self._windows(term.source) > 1 for term in layer.terms):
            self._reader(layer)
        else:
            super()._layer(layer)
            if layer.name in self.layers:
                self.begins[layer.name] = self.layers[layer.name].first, 1

    def _step(self, layer: plans.Layer) -> None:
        """Let a recurrent layer's population say one more step of the sequence."""
        (name, window), parts = self.chain[layer.name], list(self._parts(layer))
        unit, arrival = self.thresholds[layer.name][layer.layout.channel], self._due(parts)
        if not window:
            self._populate(name, "neurons", layer.layout, unit, arrival, len(self.chains[name]))
        target = self.targets[name]
        if arrival != target.arrival + window * self.steps:
            raise Unrolled(f"{name} reads what is not there step after step")
        first, last = arrival + self.steps, arrival + 2 * self.steps - 1
        self.layers[layer.name] = Layer(
            layer.name, "neurons", layer.layout, unit / self.steps, first, last, target.population.name
        )
        self.units[layer.name] = unit
        target.parts.append(parts)
        target.biases.append(self._bias(layer))

    def _reader(self, layer: plans.Layer) -> None:
        """Add what reads a recurrent layer: one step of it; or all, each position of what is read in its turn."""
        kinds: dict[str, Literal["neurons", "relay", "readout"]]
        kinds = {"activation": "neurons", "readout": "readout", "relay": "relay"}
        kind = kinds.get(layer.kind) if layer.kind == "readout" or layer.name in self.thresholds else None
        if kind is None:
            raise Unrolled(f"{title(layer)} reads it")
        unit = np.ones(layer.layout.size)
        if kind != "readout":
            unit = self.thresholds[layer.name][layer.layout.channel]
        together = self._together(layer)
        if together:
            self._summed(layer, kind, unit, together)
            return
        if kind == "relay":
            raise Unrolled(f"{title(layer)} reads it")
        windows, parts = self._in_turn(layer)
        chosen = layer.layout.order.reshape(windows, -1) if windows > 1 else np.arange(layer.layout.size)[None]
        layout, arrival = Layout((chosen.shape[1],)) if windows > 1 else layer.layout, self._due(parts[0])
        target = self._populate(layer.name, kind, layout, unit[chosen[0]], arrival, windows)
        target.parts.extend(parts)
        target.biases.extend(self._bias(layer)[elements] for elements in chosen)
        first = arrival + 1 if kind == "readout" else arrival + self.steps
        last = first + windows * self.steps - 1
        self.units[layer.name] = unit
        self.layers[layer.name] = Layer(
            layer.name, kind, layer.layout, unit / self.steps, first, last, layer.name, windows
        )

    def _together(self, layer: plans.Layer) -> list[_Part]:
        """Return what a layer reads, if it is all steps of a recurrent layer alike, as for a mean; else []."""
        parts = list(self._parts(layer))
        said: dict[str, list[_Part]] = defaultdict(list)
        for part in parts:
            if part.source != self.input.name:
                said[self._said_by(part)].append(part)
        for population, found in said.items():
            begin, windows = self.begins[population]
            times = sorted(self._first_of(part) for part in found)
            alike = all(_same(found[0].operator, other.operator) for other in found[1:])
            if not alike or times != [begin + window * self.steps for window in range(windows)]:
                return []
        return parts if any(len(found) > 1 for found in said.values()) else []

    def _summed(
        self, layer: plans.Layer, kind: Literal["neurons", "relay", "readout"], unit: np.ndarray, parts: list[_Part]
    ) -> None:
        """Add what sums all that it hears of a sequence, and is read, or fires when it has heard all."""
        self.sums.append(layer.name)
        given = [part for part in parts if part.source == self.input.name]
        begin = min(self._first_of(part) for part in parts if part not in given)
        end = self._due(parts) + self.steps
        active, initial = (0.0, 0.0), None
        if kind != "readout":
            active, initial = (float(end - 1), float(end - 1 + self.steps)), {"v": self.options.initial_charge}
        population = self.network.population(layer.name, layer.layout.image, snn.IF(), initial=initial, active=active)
        first, last = (begin + 1, end) if kind == "readout" else (end, end + self.steps - 1)
        if kind == "readout":
            self.network.record(population, "v", every=1.0)
        self.begins[layer.name], self.units[layer.name] = (first, 1), unit
        self.layers[layer.name] = Layer(layer.name, kind, layer.layout, unit / self.steps, first, last, layer.name)
        ways = {self._said_by(part): part for part in parts if part not in given}  # one for all steps
        for source, part in ways.items():
            self._connect_part(population, part, layer.layout, unit, self.network.populations[source], 1.0)
        for part in given:
            self._connect_part(population, part, layer.layout, unit, *self._end(part.source, begin))
        bias = (self._bias(layer) / unit)[layer.layout.order].reshape(layer.layout.image)
        if bias.any():
            amplitude = bias * self.steps / (end - begin)
            current = self.network.current(f"{layer.name} bias", amplitude, start=float(begin), stop=float(end))
            self.network.connect(current, population, snn.OneToOne(), weight=1.0)

    def _in_turn(self, layer: plans.Layer) -> tuple[int, list[list[_Part]]]:
        """Return in how many windows a layer's input comes, and what comes in each."""
        image = layer.layout.image
        if len(image) == 3 and image[1] == 1 < image[0]:
            parts = [list(self._parts(layer, rows)) for rows in layer.layout.order.reshape(image[0], -1)]
            due = [self._due(one) for one in parts]
            if due == [due[0] + window * self.steps for window in range(image[0])]:
                return image[0], parts
        parts = list(self._parts(layer))
        steps = {(self._said_by(part), self._first_of(part)) for part in parts if part.source != self.input.name}
        if len(steps) > len({name for name, _ in steps}):
            raise Unrolled(f"{title(layer)} reads several steps of it together")
        return 1, [parts]

    def _populate(
        self,
        name: str,
        kind: Literal["neurons", "readout"],
        layout: Layout,
        unit: np.ndarray,
        arrival: int,
        windows: int,
    ) -> _Target:
        readout, begin = kind == "readout", arrival + self.steps - 1
        model = snn.PeriodicIF(period=self.steps, v_start=0.0 if readout else self.options.initial_charge)
        active = (0.0, 0.0) if readout else (float(begin), float(begin + windows * self.steps))
        initial = {"phase": -arrival % self.steps}
        population = self.network.population(name, layout.image, model, initial=initial, active=active)
        if readout:
            self.network.record(population, "u", every=1.0)
        self.begins[name] = begin + 1, windows
        self.targets[name] = _Target(name, population, layout, unit, arrival)
        return self.targets[name]

    # ---- what arrives

    def _parts(self, layer: plans.Layer, rows: np.ndarray | None = None) -> Iterator[_Part]:
        """Tell what a layer reads, or some elements of it, window by window of its sources."""
        from scipy.sparse import csr_array

        for term in layer.terms:
            operator = term.operator if rows is None else term.operator.rows(rows)
            windows, layout = self._windows(term.source), self.plan.layers[term.source].layout
            if windows == 1:
                if rows is None or operator.matrix().nnz:
                    yield _Part(term.source, 0, operator)
                continue
            matrix, each = operator.matrix(), layout.size // windows
            for window in np.unique(layout.neuron[np.unique(matrix.indices)] // each):
                elements = layout.order[window * each : (window + 1) * each]
                yield _Part(term.source, int(window), Listed(csr_array(matrix[:, elements])))

    def _windows(self, source: str) -> int:
        return self.layers[source].windows if source in self.layers else 1

    def _first_of(self, part: _Part) -> int:
        return self._first(part.source) + part.window * self.steps

    def _due(self, parts: list[_Part]) -> int:
        """Return the step after which parts arrive."""
        return max(map(self._first_of, parts), default=0)

    def _said_by(self, part: _Part) -> str:
        return self.layers[part.source].population

    def _bias(self, layer: plans.Layer) -> np.ndarray:
        return layer.bias + self.corrections.get(layer.name, 0.0)

    def _join(self, target: _Target) -> None:
        """Connect a population with all that it reads, if it reads the same in every window."""
        ways: list[dict[tuple[str, int], _Part]] = []
        given: list[_Part | None] = []
        for window, parts in enumerate(target.parts):
            arrival, found, own = target.arrival + window * self.steps, {}, None
            for part in parts:
                if part.source == self.input.name:
                    own = _added(own, part)
                else:
                    key = self._said_by(part), 1 + arrival - self._first_of(part)
                    found[key] = _added(found.get(key), part)
            ways.append(found)
            given.append(own)
        for key in dict.fromkeys(key for found in ways for key in found):
            self._connect_way(target, *key, [found.get(key) for found in ways])
        self._connect_input(target, given)
        if any((bias != target.biases[0]).any() for bias in target.biases):
            raise Unrolled(f"{target.name} has other biases in other steps")
        bias = (target.biases[0] / target.unit)[target.layout.order].reshape(target.layout.image)
        if bias.any():
            start = float(target.arrival)
            stop = start + len(target.parts) * self.steps
            current = self.network.current(f"{target.name} bias", bias, start=start, stop=stop)
            self.network.connect(current, target.population, snn.OneToOne(), weight=1.0)

    def _connect_way(self, target: _Target, source: str, delay: int, parts: list[_Part | None]) -> None:
        first, windows = self.begins[source]
        for window, part in enumerate(parts):
            said, off = divmod(target.arrival + window * self.steps + 1 - delay - first, self.steps)
            arrives = not off and 0 <= said < windows
            if arrives != (part is not None):
                raise Unrolled(f"{target.name} reads {source} in some steps only")
        (one, *others) = (part for part in parts if part is not None)
        if not all(_same(one.operator, other.operator) for other in others):
            raise Unrolled(f"{target.name} has other weights in other steps")
        end = self.network.populations[source]
        self._connect_part(target.population, one, target.layout, target.unit, end, float(delay))

    def _connect_part(
        self,
        population: Population,
        part: _Part,
        target: Layout,
        target_unit: np.ndarray,
        end: Source | Population,
        delay: float | None,
    ) -> None:
        """Connect what says a part, at one end, with a population of a layout, in units of the target's spikes."""
        layout, unit = self.plan.layers[part.source].layout, self.units[part.source]
        if self._windows(part.source) > 1:
            each = layout.size // self._windows(part.source)
            layout, unit = Layout((each,)), unit[layout.order[:each]]
        rule = rule_of(part.operator, layout, target, unit, 1.0 / target_unit)
        if rule is not None:
            self.network.connect(end, population, rule, delay=delay)

    def _connect_input(self, target: _Target, parts: list[_Part | None]) -> None:
        if all(part is None for part in parts):
            return
        if len(parts) == 1:
            (part,) = parts
            assert part is not None
            (source, delay), layout, operator = self._end(part.source, target.arrival), self.input.layout, part.operator
        else:
            cut, chunks, operator = self._chunks(target, parts)
            layout = Layout((len(chunks[0]),))
            source, delay = self._course(cut, chunks, target.arrival)
        rule = rule_of(operator, layout, target.layout, np.ones(layout.size), 1.0 / target.unit)
        if rule is not None:
            self.network.connect(source, target.population, rule, delay=delay)

    def _chunks(self, target: _Target, parts: list[_Part | None]) -> tuple[int, tuple[np.ndarray, ...], Operator]:
        """Return how the input is cut into the elements of a sequence, the part that each window reads, and how.

        It is cut along one of its axes or, as a vector that is reshaped, into as many parts as there are windows.
        """
        from scipy.sparse import csr_array

        shape, size = self.input.layout.shape, self.input.layout.size
        cuts = [np.moveaxis(np.arange(size).reshape(shape), axis, 0).reshape(n, -1) for axis, n in enumerate(shape)]
        cuts += [np.arange(size).reshape(len(parts), -1)] if size % len(parts) == 0 else []
        matrices = [None if part is None else part.operator.matrix() for part in parts]
        for number, elements in enumerate(cuts):
            length = len(elements)
            place = np.empty(elements.size, np.int64)
            place[elements] = np.arange(length)[:, None]
            read = [None if matrix is None else np.unique(place[np.unique(matrix.indices)]) for matrix in matrices]
            if length < 2 or any(one is None or len(one) != 1 for one in read):
                continue
            chunks = tuple(elements[int(one[0])] for one in read if one is not None)
            pairs = zip(matrices, chunks, strict=True)
            cut = [Listed(csr_array(matrix[:, chunk])) for matrix, chunk in pairs if matrix is not None]
            if all(_same(cut[0], other) for other in cut[1:]):
                return number, chunks, cut[0]
        raise Unrolled(f"{target.name} does not read the input one element of a sequence after the other")

    def _course(self, cut: int, chunks: tuple[np.ndarray, ...], arrival: int) -> tuple[Source, float | None]:
        """Return the source that gives parts of the input one after the other, and its delay."""
        poisson = self.options.input == "poisson"
        key = (cut, *(int(chunk[0]) for chunk in chunks), 0 if poisson else arrival)
        if key not in self.courses:
            taken = len(self.inputs) + len(self.courses)
            name, size = f"{self.input.name} {taken}" if taken else self.input.name, len(chunks[0])
            if poisson:
                source = self.network.poisson(name, 0.0, size)
            else:
                start, stop = float(arrival), float(arrival + len(chunks) * self.steps)
                source = self.network.current(name, np.zeros(size), start=start, stop=stop)
            self.courses[key] = source, chunks
        return self.courses[key][0], float(arrival) if poisson and arrival else None


def _added(one: _Part | None, other: _Part) -> _Part:
    if one is None:
        return other
    from scipy.sparse import csr_array

    return _Part(one.source, one.window, Listed(csr_array(one.operator.matrix() + other.operator.matrix())))


def _same(one: Operator, other: Operator) -> bool:
    if isinstance(one, Full) and isinstance(other, Full):
        return np.array_equal(one.weight, other.weight)
    a, b = one.matrix(), other.matrix()
    return a.shape == b.shape and not (a - b).count_nonzero()
