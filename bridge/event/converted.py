"""A network of staircase neurons made from a trained module, and how it is run."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

import snn
from bridge.conversion_report import ConversionReport
from bridge.ending import ended, without_end
from bridge.errors import positive_integer
from bridge.event.emit import emit
from bridge.event.quantised import Quantised, quantised
from bridge.event.twin import twin
from bridge.event.verdicts import refuse_graded, verdicts
from bridge.graph import Graph
from bridge.inference import Inference, Observation, check_samples, joined
from bridge.measurement import measure
from bridge.nodes import Node
from bridge.passes import absorb_masks, decompose, unroll
from bridge.plan import Plan, Verdict, encoded, plan
from snn.program.lower_staircase import lower_staircase
from snn.recording import Settled

Schedule = Literal["phased", "coalescing", "free"]

_BATCH = 50  # samples settled together


@dataclass(frozen=True, eq=False)
class EventConverted:
    """An asynchronous spiking network made from a trained module.

    Attributes
    ----------
    traced : Graph
        The module as traced.
    graph : Graph
        The same as the layers were planned from: batch normalisation folded, average pooling merged, recurrent layers
        unrolled, normalisations decomposed, without a softmax at the end.
    after : tuple of Node
        The softmax (or its logarithm) that the module ends with: applied to what is read, outside of the network.
    plan : Plan
        The layers.
    quantised : Quantised
        The same in integers: steps, rounded weights and thresholds.
    levels : int
        K, what an activation may say at most.
    verdicts : tuple of Verdict
        What became of each node of the graph as traced.
    """

    traced: Graph
    graph: Graph
    after: tuple[Node, ...]
    plan: Plan
    quantised: Quantised
    levels: int
    verdicts: tuple[Verdict, ...]
    _kept: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    @property
    def macs(self) -> dict[str, int]:
        """Multiply-accumulates of the module's layers for one sample."""
        return self.traced.macs()

    @cached_property
    def network(self) -> snn.Network:
        """The spiking network, one like any other."""
        return emit(self.quantised)

    @property
    def input(self) -> str:
        """Name of the network's input."""
        return self.graph.input

    def encode(self, samples: np.ndarray) -> np.ndarray:
        """Return the counts that stand for samples (samples, *shape), int64 (samples, *shape of the network's input).

        A count is the sample's element divided by the step of its channel and rounded, which is the error of input
        coding; the index that an embedding reads becomes one event of the neuron of its row.

        Raises
        ------
        ValidationError
            If the samples have another shape or are not finite.
        """
        return self._encoded(check_samples(samples, self.graph.nodes[self.input].output_shape()))

    def run(
        self,
        samples: np.ndarray,
        *,
        threads: int = 1,
        batch: int = _BATCH,
        report: Callable[[int], None] | None = None,
        schedule: Schedule = "phased",
    ) -> Inference:
        """Run samples through the spiking network until it is at rest.

        Parameters
        ----------
        samples : ndarray (samples, *shape)
            In the module's own layout, for images (samples, channels, height, width).
        threads : int
            On how many threads; it never changes a result.
        batch : int
            Samples settled together; nor does this.
        report : callable, optional
            Called with the number of samples done, now and then.
        schedule : {"phased", "coalescing", "free"}
            In which order events are said; it changes how many there are, not what is said in the end. See
            `snn.Simulation.settle`.

        Returns
        -------
        Inference
            Its `course` has the output at rest only.

        Raises
        ------
        ValidationError
            If the samples have another shape or are not finite, or `batch` is not a positive integer.
        """
        parts = []
        for settled, count, seconds in self._settled(samples, threads, batch, schedule, whole=False):
            parts.append(self._read(settled, count, seconds))
            if report is not None:
                report(sum(len(part.scores) for part in parts))
        return joined(parts)

    def observe(self, samples: np.ndarray, *, threads: int = 1, batch: int = _BATCH) -> Iterator[Observation]:
        """Run samples and tell, for one batch after the other, what every layer said; arguments as those of `run`.

        Raises
        ------
        ValidationError
            As `run`.
        """
        fan_out = self._fan_out()
        for settled, count, seconds in self._settled(samples, threads, batch, "phased"):
            inference = self._read(settled, count, seconds)
            activations, operations, events = {}, {}, settled.events
            for name, neurons in self.quantised.neurons.items():
                layout = neurons.layer.layout
                if neurons.layer.kind == "readout":
                    continue
                levels = settled.levels[name][:count].reshape(count, -1)[:, layout.neuron]
                if neurons.layer.kind != "input":
                    operations[name] = events[name][:count].reshape(count, -1) @ fan_out[name]
                if name in self.graph.nodes and layout.shape == self.graph.shapes()[name]:
                    activations[name] = (levels * neurons.unit).reshape(count, *layout.shape)
            output = self.graph.shapes()[self.graph.output]
            activations[self.graph.output] = self._output(settled)[:count].reshape(count, *output)
            yield Observation(inference, activations, operations)

    @property
    def report(self) -> ConversionReport:
        """What became of every node of the module; see `measure` for how well."""
        return ConversionReport("event", {"K": self.levels}, self.verdicts, self.notes)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be known of the conversion, such as channels that are silent on the samples."""
        return self.quantised.notes

    def measure(self, samples: np.ndarray, labels: np.ndarray | None = None, *, threads: int = 1) -> ConversionReport:
        """Return the report with the error of every layer, measured on samples; see `bridge.measurement`.

        Parameters
        ----------
        samples : ndarray (samples, *shape)
            In the module's own layout; a hundred will do.
        labels : ndarray of int (samples,), optional
            Their classes, for accuracies.
        threads : int
            Of the simulation.

        Raises
        ------
        ValidationError
            If samples or labels are refused.
        """
        return replace(self.report, measurement=measure(self, samples, labels, threads=threads))

    @property
    def scales(self) -> dict[str, np.ndarray]:
        """By node what the most events stand for, in a shape that broadcasts against (samples, *shape)."""
        said = {name: self._said(name) for name in self.graph.nodes}
        return {name: one[0] * max(-one[1], one[2]) for name, one in said.items() if one}

    def clip(self, name: str, a: np.ndarray) -> np.ndarray:
        """Return the values (samples, *shape) of a node, none beyond what the most events stand for."""
        said = self._said(name)
        return np.clip(a, said[0] * said[1], said[0] * said[2]) if said else a

    def quantise(self, name: str, a: np.ndarray) -> np.ndarray:
        """Return the values (samples, *shape) of a node as events can say them."""
        said = self._said(name)
        return said[0] * np.clip(np.floor(a / said[0] + 0.5), said[1], said[2]) if said else a

    def _said(self, name: str) -> tuple[np.ndarray, int, int] | None:
        """Return what an event of a node's own neurons stands for, and the lowest and highest level; None of others."""
        neurons = self.quantised.neurons.get(name)
        if neurons is None or neurons.says is None:
            return None
        low, high = neurons.says.bounds
        return neurons.unit.reshape(neurons.layer.layout.shape), low, high

    def twin(self, samples: np.ndarray) -> np.ndarray:
        """Return what the quantised network computes in integers, without any spike; as `run(samples).scores`.

        Raises
        ------
        ValidationError
            If the samples have another shape or are not finite.
        """
        samples = check_samples(samples, self.graph.shapes()[self.input])
        parts = []
        for start in range(0, len(samples), _BATCH):
            levels, sums = twin(self.quantised, self._counts(samples[start : start + _BATCH]))
            neurons = self.quantised.neurons[self.quantised.output]
            read = neurons.layer.kind == "readout"
            parts.append(sums * neurons.quantum if read else levels[neurons.layer.name] * neurons.unit)
        return self._after(np.concatenate(parts))

    def _fan_out(self) -> dict[str, np.ndarray]:
        """Return the number of synapses of every neuron, by population."""
        program = lower_staircase(self.network)
        ends = zip(program.names, program.nodes.first, program.nodes.size, strict=True)
        return {name: program.fan_out[first : first + size] for name, first, size in ends}

    def _encoded(self, samples: np.ndarray) -> np.ndarray:
        """Return the counts of samples as the network's input takes them."""
        layout, counts = self.quantised.neurons[self.input].layer.layout, self._counts(samples)
        axis = layout.axis + 1 if layout.axis >= 0 else layout.axis
        placed = np.moveaxis(counts.reshape(len(samples), *layout.shape), axis, -1)  # as `layout.order`
        return placed.reshape(len(samples), *layout.image)

    def _counts(self, samples: np.ndarray) -> np.ndarray:
        """Return the counts of samples in the graph's order, int64 (samples, size)."""
        neurons = self.quantised.neurons[self.input]
        counts = encoded(neurons.layer, samples) / neurons.unit
        counts += 0.5
        return np.floor(counts, out=counts).astype(np.int64)

    def _settled(
        self, samples: np.ndarray, threads: int, batch: int, schedule: Schedule, whole: bool = True
    ) -> Iterator[tuple[Settled, int, float]]:
        """Settle samples; yields what came of each batch, how many samples of it count, and the seconds it took.

        Unless what came of the `whole` network is wanted, only the output is sure to be there.
        """
        samples = check_samples(samples, self.graph.nodes[self.input].output_shape())
        batch = min(positive_integer("batch", batch), len(samples))
        if self._kept.get("arguments") != (batch, threads):  # to lower a network takes longer than to run it once
            self._kept["simulation"] = snn.Simulation(self.network, engine="exact", batch=batch, threads=threads)
            self._kept["arguments"] = batch, threads
        simulation = self._kept["simulation"]
        for start in range(0, len(samples), batch):
            chosen = self._encoded(samples[start : start + batch])
            filled = np.concatenate([chosen, np.repeat(chosen[:1], batch - len(chosen), axis=0)])
            begun = time.perf_counter()
            simulation.reset()
            everything = whole or len(chosen) < batch or schedule != "phased"
            keep = None if everything else [self.quantised.neurons[self.quantised.output].layer.name]
            settled = simulation.settle({self.input: filled}, schedule=schedule, keep=keep)
            yield settled, len(chosen), time.perf_counter() - begun

    def _read(self, settled: Settled, count: int, seconds: float) -> Inference:
        scores = self._after(self._output(settled)[:count])
        layers = [n.layer.name for n in self.quantised.neurons.values() if n.layer.kind not in ("input", "readout")]
        counts, filled = {}, len(settled.operations) - count  # samples at the end that repeat the first
        for name in layers:
            again = filled * settled.events[name][0] if filled else 0
            counts[name] = (settled.totals[name] - again).ravel()
        return Inference(
            scores=scores,
            course=scores[:, None],
            spikes=np.array([settled.emitted[name][:count] for name in layers], np.int64).reshape(-1, count).T,
            counts=counts,
            synaptic_events=settled.operations[:count],
            seconds=seconds,
        )

    def _output(self, settled: Settled) -> np.ndarray:
        """Return the output in the module's own units and order, (batch, size)."""
        neurons = self.quantised.neurons[self.quantised.output]
        layer = neurons.layer
        values = settled.sums[layer.name] if layer.kind == "readout" else settled.levels[layer.name]
        values = values.reshape(len(values), -1)[:, layer.layout.neuron]
        return values if layer.kind == "readout" else values * neurons.unit

    def _after(self, scores: np.ndarray) -> np.ndarray:
        values = scores.reshape(len(scores), *self.graph.shapes()[self.graph.output])
        return ended(self.after, values).reshape(len(scores), -1)


def convert_graph(
    traced: Graph, graph: Graph, samples: np.ndarray, levels: int, allow: Collection[str]
) -> EventConverted:
    """Convert graphs as `bridge.convert.prepare` returns them; arguments and errors as `bridge.convert`."""
    levels = positive_integer("levels", levels)
    graph, after = without_end(graph)
    refuse_graded(graph, allow)
    primitive = decompose(unroll(absorb_masks(graph)))
    layers = plan(primitive)
    made = quantised(layers, check_samples(samples, graph.shapes()[graph.input]), levels)
    return EventConverted(traced, primitive, after, layers, made, levels, verdicts(traced, graph, layers, made))
