"""A rate-coded spiking network made from a trained module, and how it is run."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import snn
from bridge.errors import positive_integer
from bridge.graph import Graph
from bridge.inference import Inference, check_samples
from bridge.nodes import ReLU
from bridge.rate.emit import Emitted, Layer
from bridge.rate.thresholds import quantise
from snn.recording import SpikeRecord

_BATCH = 50  # samples simulated together: their spikes and sums stay within tens of MiB


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
        samples = check_samples(samples, self.graph.shapes()[self.graph.input])
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
    samples = check_samples(samples, graph.shapes()[graph.input])
    parts = [_quantised(converted, samples[i : i + _BATCH]) for i in range(0, len(samples), _BATCH)]
    return np.concatenate(parts).reshape(len(samples), -1)


def _quantised(converted: Converted, samples: np.ndarray) -> np.ndarray:
    value = samples
    for name, node in list(converted.graph.nodes.items())[1:]:  # the input, then a chain
        value = node(value)
        if isinstance(node, ReLU):
            value = quantise(value, converted.thresholds[name], converted.steps)
    return value
