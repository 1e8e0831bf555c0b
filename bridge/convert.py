"""Conversion: from a trained PyTorch module to a spiking network that answers in the module's own terms."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

import snn
from bridge.emit import Emitted, Layer, emit
from bridge.errors import ConversionError, ValidationError, positive_integer
from bridge.graph import Graph
from bridge.nodes import Leaky, ReLU
from bridge.passes import fold_batchnorm, merge_pooling
from bridge.thresholds import least_squares, quantise
from bridge.trace import trace
from snn.recording import SpikeRecord

if TYPE_CHECKING:
    from torch import nn

_BATCH = 50  # samples simulated together: their spikes and sums stay within tens of MiB
_CALIBRATION = 1000  # samples that thresholds are chosen on, at most


@dataclass(frozen=True, eq=False)
class Inference:
    """What a spiking network said of some samples.

    Attributes
    ----------
    scores : ndarray of float64 (samples, outputs)
        The output in the module's own units and order, images flattened; for a network that spiked already, the
        spike counts of its last layer.
    course : ndarray of float64 (samples, steps, outputs)
        The scores so far, step by step, from the first step in which the last layer receives input or may fire.
    spikes : ndarray of int64 (samples, layers)
        Spikes of each layer, without a readout.
    counts : dict of str to ndarray of int64 (neurons,)
        Spikes of each neuron, summed over the samples.
    synaptic_events : ndarray of int64 (samples,)
        Synapses reached by spikes.
    seconds : float
        Wall-clock time of the simulation, its input included.
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
        """Return for each sample the step of `course` from which on the decision is the final one; int64, from 1.

        As long as all outputs are 0 nothing is decided; a sample without any output has the last step.
        """
        decided = np.where(self.course.any(axis=2), self.course.argmax(axis=2), -1)
        differs = decided != self.classes[:, None]
        after_last = differs.shape[1] - differs[:, ::-1].argmax(axis=1) + 1
        return np.where(differs.any(axis=1), np.minimum(after_last, differs.shape[1]), 1)


@dataclass(frozen=True, eq=False)
class Converted:
    """A spiking network made from a trained module.

    Attributes
    ----------
    graph : Graph
        The module as traced, batch normalisation folded and average pooling merged into the layers after it.
    macs : dict of str to int
        Multiply-accumulates of the module's linear layers for one sample, before pooling was merged.
    emitted : Emitted
        The spiking network and what its parts stand for.
    thresholds : dict of str to ndarray (channels,)
        For each ReLU the activation that T spikes stand for; empty for a network that spiked already.
    """

    graph: Graph
    macs: dict[str, int]
    emitted: Emitted
    thresholds: dict[str, np.ndarray]

    @property
    def network(self) -> snn.Network:
        """The spiking network, one like any other."""
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
        """Give a simulation samples (batch, *shape) in the module's own layout, as constant currents."""
        simulation.set(self.emitted.source, amplitude=np.moveaxis(np.asarray(samples, np.float64), 1, -1))

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
            If the samples have another shape or are not finite, or `batch` is not a positive integer.
        """
        samples = _check_samples(samples, self.graph.shapes()[self.graph.input])
        batch = min(positive_integer("batch", batch), len(samples))
        simulation = self.simulation(batch, threads)
        parts = []
        for start in range(0, len(samples), batch):
            chosen = samples[start : start + batch]
            filled = np.concatenate([chosen, np.repeat(chosen[:1], batch - len(chosen), axis=0)])
            begun = time.perf_counter()
            simulation.reset()
            self.encode(simulation, filled)
            recording = simulation.run(float(self.duration))
            parts.append(self._read(recording, len(chosen), time.perf_counter() - begun))
            if report is not None:
                report(start + len(chosen))
        return _joined(parts)

    def _read(self, recording: snn.Recording, samples: int, seconds: float) -> Inference:
        """Return what came of the first samples of a batch."""
        course = self._course(recording)[:samples]
        firing = [layer.name for layer in self.layers if layer.kind != "readout"]
        counts = {name: recording.spikes[name].counts()[:samples] for name in firing}
        return Inference(
            scores=course[:, -1],
            course=course,
            spikes=np.array([count.sum(axis=1) for count in counts.values()], np.int64).reshape(-1, samples).T,
            counts={name: count.sum(axis=0) for name, count in counts.items()},
            synaptic_events=recording.synaptic_events()[:samples],
            seconds=seconds,
        )

    def _course(self, recording: snn.Recording) -> np.ndarray:
        """Return the output so far in the module's units and order, (samples, steps, outputs)."""
        last = self.layers[-1]
        if last.kind == "readout":
            values = recording.trace(last.name).values[:, last.first - 1 :]
        else:
            values = _spikes_so_far(recording.spikes[last.name], last.first, last.last)
        channels_last = values.reshape(*values.shape[:2], *last.shape) * self.emitted.unit
        return np.moveaxis(channels_last, -1, 2).reshape(values.shape)


def _spikes_so_far(record: SpikeRecord, first: int, last: int) -> np.ndarray:
    """Return cumulative spike counts (samples, steps, neurons) in the steps of a layer that fires in no others."""
    counts = np.zeros((record.batch, last - first + 1, math.prod(record.shape)))
    counts[record.samples, record.steps - first, record.neurons] = 1.0
    return counts.cumsum(axis=1)


def _joined(parts: list[Inference]) -> Inference:
    return Inference(
        scores=np.concatenate([part.scores for part in parts]),
        course=np.concatenate([part.course for part in parts]),
        spikes=np.concatenate([part.spikes for part in parts]),
        counts={name: np.sum([part.counts[name] for part in parts], axis=0) for name in parts[0].counts},
        synaptic_events=np.concatenate([part.synaptic_events for part in parts]),
        seconds=sum(part.seconds for part in parts),
    )


def _check_samples(samples: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    samples = np.asarray(samples, np.float64)
    if samples.shape[1:] != shape or samples.size == 0:
        sizes = ", ".join(map(str, shape))
        raise ValidationError(f"samples must have shape (samples >= 1, {sizes}), not {samples.shape}")
    if not np.isfinite(samples).all():
        raise ValidationError(f"samples must be finite; sample {int(np.argwhere(~np.isfinite(samples))[0][0])} is not")
    return samples


def prepare(module: nn.Module, samples: np.ndarray) -> tuple[Graph, dict[str, int]]:
    """Trace a module, fold batch normalisation and merge average pooling; returns the graph and the module's MACs."""
    graph = fold_batchnorm(trace(module, np.atleast_1d(samples)[:_CALIBRATION]))
    return merge_pooling(graph), graph.macs()


def convert(module: nn.Module, samples: np.ndarray, *, steps: int = 32) -> Converted:
    """Convert a trained ReLU network into a rate-coded spiking network.

    Every ReLU becomes a population of integrate-and-fire neurons with soft reset, started at half their threshold;
    thresholds are chosen for each channel by least squares for the given T on the samples (see `bridge.thresholds`).
    With input that is constant in time a neuron's spike count N is the quantised activation exactly:
    N = clip(floor(z T / theta + 1/2), 0, T).

    The last linear layer is read as it integrates; a network that ends in ReLU answers with what its spikes say.

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
    steps = positive_integer("steps", steps)
    graph, macs = prepare(module, samples)
    spiking = [name for name, node in graph.nodes.items() if isinstance(node, Leaky)]
    if spiking:
        raise ConversionError(
            f"{spiking[0]} (Leaky)", "spikes already", "Use bridge.take_over(module, samples, steps=...)"
        )
    return convert_graph(graph, macs, samples, steps)


def convert_graph(graph: Graph, macs: dict[str, int], samples: np.ndarray, steps: int) -> Converted:
    """Convert a graph as `prepare` returns it; arguments and errors as `convert`."""
    steps = positive_integer("steps", steps)
    samples = _check_samples(samples[:_CALIBRATION], graph.shapes()[graph.input])
    values = graph.evaluate(samples)
    thresholds = {
        name: least_squares(values[name], steps) for name, node in graph.nodes.items() if isinstance(node, ReLU)
    }
    return Converted(graph, macs, emit(graph, steps, thresholds), thresholds)


def take_over(module: nn.Module, samples: np.ndarray, *, steps: int) -> Converted:
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
    steps = positive_integer("steps", steps)
    graph, macs = prepare(module, samples)
    if not isinstance(output := graph.nodes[graph.output], Leaky):
        label, remedy = f"{graph.output} ({type(output).__name__})", "End the chain with a spiking neuron"
        raise ConversionError(label, "is the output but not a spiking neuron", remedy)
    return Converted(graph, macs, emit(graph, steps, {}), {})


def quantised_twin(converted: Converted, samples: np.ndarray) -> np.ndarray:
    """Return the output of the network whose every ReLU says what T spikes can say, (samples, outputs).

    It is what the spiking network would give if all spikes of a layer came before the next began.

    Parameters
    ----------
    converted : Converted
        Made by `convert`.
    samples : ndarray (samples, *shape)
        In the module's own layout.

    Raises
    ------
    ValidationError
        If the samples have another shape or are not finite.
    """
    graph = converted.graph
    samples = _check_samples(samples, graph.shapes()[graph.input])
    parts = [_quantised(converted, samples[i : i + _BATCH]) for i in range(0, len(samples), _BATCH)]
    return np.concatenate(parts).reshape(len(samples), -1)


def _quantised(converted: Converted, samples: np.ndarray) -> np.ndarray:
    value = samples
    for name, node in list(converted.graph.nodes.items())[1:]:  # the input, then a chain
        value = node(value)
        if isinstance(node, ReLU):
            value = quantise(value, converted.thresholds[name], converted.steps)
    return value
