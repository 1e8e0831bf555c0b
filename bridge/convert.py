"""Conversion: from a trained PyTorch module to a spiking network that answers in the module's own terms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import snn
from bridge.emit import Emitted, Layer, emit
from bridge.errors import ConversionError, ValidationError
from bridge.graph import Graph, Leaky, ReLU
from bridge.passes import fold_batchnorm, merge_pooling
from bridge.thresholds import least_squares, quantise
from bridge.trace import trace

_BATCH = 50  # samples simulated together: their spikes and sums stay within tens of MiB
_CALIBRATION = 1000  # samples that thresholds are chosen on, at most


@dataclass(frozen=True, eq=False)
class Inference:
    """What a spiking network said of some samples.

    Attributes
    ----------
    scores : ndarray of float64 (samples, outputs)
        The output: in the module's units, or, of an output layer that spikes, its spike counts.
    course : ndarray of float64 (samples, steps, outputs)
        The output step by step, from the first in which the last layer receives input to the last: the sum of what
        has come in so far, or the spikes so far.
    spikes : ndarray of int64 (samples, layers)
        Spikes of each layer, without a readout.
    counts : dict of str to ndarray of int64 (neurons,)
        Spikes of each neuron, summed over the samples.
    synaptic_events : ndarray of int64 (samples,)
        Synapses reached by spikes.
    seconds : float
        Wall-clock time of the simulation.
    """

    scores: np.ndarray
    course: np.ndarray
    spikes: np.ndarray
    counts: dict[str, np.ndarray]
    synaptic_events: np.ndarray
    seconds: float

    @property
    def classes(self) -> np.ndarray:
        """The class with the highest score, the lowest of equals; int64 (samples,)."""
        return self.scores.argmax(axis=1)

    def latency(self) -> np.ndarray:
        """Return for each sample the step of `course` from which on the decision is the final one; int64, from 1."""
        decisions = self.course.argmax(axis=2)
        differs = decisions != self.classes[:, None]
        return np.where(differs.any(axis=1), differs.shape[1] - differs[:, ::-1].argmax(axis=1) + 1, 1)


@dataclass(frozen=True, eq=False)
class Converted:
    """A spiking network made from a trained module.

    Attributes
    ----------
    graph : Graph
        The module as traced, batch normalisation folded and average pooling merged into the layers after it.
    macs : dict of str to int
        Multiply-accumulates of the module's linear layers for one sample, before pooling was merged.
    steps : int
        T, the steps in which a layer may fire.
    duration : int
        Steps of an inference.
    layers : tuple of Layer
        The populations in order.
    thresholds : dict of str to ndarray (channels,)
        For each ReLU the activation that T spikes stand for; empty for a network that spiked already.
    network : snn.Network
        A network like any other.
    """

    graph: Graph
    macs: dict[str, int]
    emitted: Emitted
    thresholds: dict[str, np.ndarray]

    @property
    def network(self) -> snn.Network:
        """The spiking network."""
        return self.emitted.network

    @property
    def steps(self) -> int:
        """T, the steps in which a layer may fire."""
        return self.emitted.steps

    @property
    def duration(self) -> int:
        """Steps of an inference, all layers included."""
        return self.emitted.duration

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The populations in order."""
        return self.emitted.layers

    def simulation(self, batch: int = 1, threads: int = 1) -> snn.Simulation:
        """Return a simulation of the network for so many samples at once; see `encode` for their input."""
        return snn.Simulation(self.network, dt=1.0, batch=batch, threads=threads)

    def encode(self, simulation: snn.Simulation, samples: np.ndarray) -> None:
        """Give a simulation samples (batch, *shape), as constant currents."""
        simulation.set(self.emitted.source, amplitude=np.moveaxis(samples, 1, -1).astype(np.float64))

    def run(
        self, samples: np.ndarray, *, threads: int = 1, batch: int = _BATCH, report: Callable[[int], None] | None = None
    ) -> Inference:
        """Run samples through the spiking network.

        Parameters
        ----------
        samples : ndarray (samples, *shape)
            In the module's own layout, for images (samples, channels, height, width).
        threads : int
            On how many threads; it never changes a result.
        batch : int
            Samples simulated together; nor does this.
        report : callable, optional
            Called with the number of samples done, now and then.

        Raises
        ------
        ValidationError
            If the samples have another shape or are not finite.
        """
        import time

        samples = _check_samples(samples, self.graph.shapes()[self.graph.input])
        batch = min(batch, len(samples))
        simulation = self.simulation(batch, threads)
        parts, seconds = [], 0.0
        for start in range(0, len(samples), batch):
            chosen = samples[start : start + batch]
            filled = np.concatenate([chosen, np.repeat(chosen[:1], batch - len(chosen), axis=0)])
            simulation.reset()
            self.encode(simulation, filled)
            begun = time.perf_counter()
            recording = simulation.run(float(self.duration))
            seconds += time.perf_counter() - begun
            parts.append(self._read(recording, len(chosen)))
            if report is not None:
                report(min(start + batch, len(samples)))
        columns = [np.concatenate([part[i] for part in parts]) for i in range(4)]
        counts = {name: sum(part[4][name] for part in parts) for name in parts[0][4]}
        return Inference(*columns[:3], counts, columns[3], seconds)  # pyright: ignore[reportArgumentType]

    def _read(self, recording: snn.Recording, samples: int):
        """Return scores, course, spikes, synaptic events and counts of the first samples of a batch."""
        last, first = self.layers[-1], self.layers[-1].first - 1
        if last.kind == "readout":
            course = recording.trace(last.name).values[:samples, first:] / self.steps
        else:
            course = _spikes_so_far(recording.spikes[last.name], first, self.duration)[:samples]
        firing = [layer.name for layer in self.layers if layer.kind != "readout"]
        counts = {name: recording.spikes[name].counts()[:samples] for name in firing}
        spikes = np.stack([counts[name].sum(axis=1) for name in firing], axis=1)
        summed = {name: count.sum(axis=0) for name, count in counts.items()}
        return course[:, -1], course, spikes, recording.synaptic_events()[:samples], summed


def _spikes_so_far(record, first: int, last: int) -> np.ndarray:
    """Return cumulative spike counts (samples, steps, neurons) in steps first + 1 .. last."""
    size = int(np.prod(record.shape))
    counts = np.zeros((record.batch, last - first, size))
    inside = record.steps > first
    np.add.at(counts, (record.samples[inside], record.steps[inside] - first - 1, record.neurons[inside]), 1.0)
    return counts.cumsum(axis=1)


def _check_samples(samples: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    samples = np.asarray(samples, np.float64)
    if samples.shape[1:] != shape or len(samples) == 0:
        raise ValidationError(f"samples must have shape (samples >= 1, {', '.join(map(str, shape))}), not {samples.shape}")
    if not np.isfinite(samples).all():
        raise ValidationError(f"samples must be finite; sample {int(np.argwhere(~np.isfinite(samples))[0][0])} is not")
    return samples


def prepare(module: object, samples: np.ndarray) -> tuple[Graph, dict[str, int]]:
    """Trace a module, fold batch normalisation and merge average pooling; returns the graph and the module's MACs."""
    graph = fold_batchnorm(trace(module, samples[:2]))  # pyright: ignore[reportArgumentType]
    return merge_pooling(graph), graph.macs()


def convert(module: object, samples: np.ndarray, *, steps: int = 32) -> Converted:
    """Convert a trained ReLU network into a rate-coded spiking network.

    Every ReLU becomes a population of integrate-and-fire neurons with soft reset, started at half their threshold;
    thresholds are chosen for each channel by least squares for the given T on the samples (see `bridge.thresholds`).
    With input that is constant in time a neuron's spike count N is the quantised activation exactly:
    N = clip(floor(z T / theta + 1/2), 0, T).

    Parameters
    ----------
    module : torch.nn.Module
        A chain of Linear, Conv2d, batch normalisation, ReLU and pooling; in evaluation mode or not, it is left as it
        is.
    samples : ndarray (samples, *shape)
        Calibration data, such as some training images; at most 1,000 are used.
    steps : int
        T, the steps in which a layer may fire.

    Raises
    ------
    ValidationError
        If samples or steps are refused.
    ConversionError
        If a part of the module has no counterpart; it names the node and what would do.

    Examples
    --------
    >>> import ann, bridge
    >>> data = ann.load("digits")
    >>> model = ann.build("mlp", data.shape, data.n_classes)
    >>> converted = bridge.convert(model, data.x_train, steps=8)
    >>> converted.run(data.x_test[:3]).scores.shape
    (3, 10)
    """
    graph, macs = prepare(module, samples)
    spiking = [name for name, node in graph.nodes.items() if isinstance(node, Leaky)]
    if spiking:
        raise ConversionError(spiking[0], "spikes already", "Use bridge.take_over(module, samples, steps=...)")
    return convert_graph(graph, macs, samples, steps)


def convert_graph(graph: Graph, macs: dict[str, int], samples: np.ndarray, steps: int) -> Converted:
    """Convert a graph as `prepare` returns it; arguments and errors as `convert`."""
    samples = _check_samples(samples[:_CALIBRATION], graph.shapes()[graph.input])
    values = graph.evaluate(samples)
    thresholds = {
        name: least_squares(values[name], steps) for name, node in graph.nodes.items() if isinstance(node, ReLU)
    }
    return Converted(graph, macs, emit(graph, steps, thresholds), thresholds)


def take_over(module: object, samples: np.ndarray, *, steps: int) -> Converted:
    """Take a spiking network trained with snnTorch over, spike for spike.

    A layer's spikes come as many steps later as it has layers before it, since a spike acts one step after it.

    Parameters
    ----------
    module : torch.nn.Module
        A chain of layers that ends in a spiking neuron, called once a step; its neurons reset without delay.
    samples : ndarray (samples, *shape)
        One or more samples, for their shape; they are the input current of every step.
    steps : int
        T, the steps of an inference.

    Raises
    ------
    ValidationError
        If samples or steps are refused.
    ConversionError
        If a part of the module has no counterpart; it names the node and what would do.
    """
    graph, macs = prepare(module, samples)
    if not isinstance(graph.nodes[graph.output], Leaky):
        raise ConversionError(graph.output, "is the output but not a spiking neuron", "End the chain with one")
    if isinstance(steps, bool) or not isinstance(steps, int | np.integer) or steps < 1:
        raise ValidationError(f"steps must be a positive integer, not {steps!r}")
    return Converted(graph, macs, emit(graph, int(steps), {}), {})


def quantised_twin(converted: Converted, samples: np.ndarray) -> np.ndarray:
    """Return the output of the network whose every ReLU says what T spikes can say, (samples, outputs).

    It is what the spiking network would give if all spikes of a layer came before the next began.
    """
    values: dict[str, np.ndarray] = {}
    for name, node in converted.graph.nodes.items():
        value = node(*(values[i] for i in node.inputs)) if node.inputs else np.asarray(samples, np.float64)
        if isinstance(node, ReLU):
            value = quantise(value, converted.thresholds[name], converted.steps)
        values[name] = value
    return values[converted.graph.output]
