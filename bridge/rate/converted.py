"""A rate-coded spiking network made from a trained module, and how it is run."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

import snn
from bridge.conversion_report import ConversionReport
from bridge.ending import ended
from bridge.errors import ValidationError, positive_integer
from bridge.graph import Graph
from bridge.inference import Inference, Observation, check_samples, joined
from bridge.measurement import measure
from bridge.nodes import Leaky, Node
from bridge.plan import encoded
from bridge.rate.emitted import Emitted, Layer
from bridge.rate.options import RateOptions
from bridge.rate.readout import Readout, beside, counts_by_layer, counts_in_windows, counts_until, held, spikes_so_far
from bridge.rate.thresholds import clip, quantise
from bridge.rate.verdicts import verdicts
from snn.stimuli import Current, Source

_LOOKS = 8  # how often an early exit looks which samples are decided, at most
_WHOLE = Readout()
_BATCH = 50  # samples simulated together: their spikes and sums stay within tens of MiB


@dataclass(frozen=True, eq=False)
class Converted:
    """A spiking network made from a trained module.

    Attributes
    ----------
    traced : Graph
        The module as traced.
    graph : Graph
        What was converted: the same with batch normalisation folded, average pooling merged into the layers after it,
        recurrent layers unrolled, and without a softmax at the end.
    after : tuple of Node
        The softmax (or its logarithm) that the module ends with: applied to what is read, outside of the network.
    emitted : Emitted
        The spiking network and what its parts stand for.
    thresholds : dict of str to ndarray (channels,)
        For each layer that says a value in counts what T spikes stand for; empty for a network that spiked already.
    options : RateOptions
    notes : tuple of str
        What is to be known of the conversion, such as channels that are silent on the samples.
    """

    traced: Graph
    graph: Graph
    after: tuple[Node, ...]
    emitted: Emitted
    thresholds: dict[str, np.ndarray]
    options: RateOptions
    notes: tuple[str, ...]
    _kept: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    @property
    def macs(self) -> dict[str, int]:
        """Multiply-accumulates of the module's linear layers for one sample."""
        return self.traced.macs()

    @property
    def network(self) -> snn.Network:
        """The spiking network, one like any other."""
        return self.emitted.network

    @property
    def steps(self) -> int:
        """T, the steps in which a layer may fire."""
        return self.emitted.steps

    @property
    def steps_to_read(self) -> int:
        """Steps in which the output is summed: T, or those of a whole sequence of which a mean is read."""
        last = self.layers[-1]
        return (last.last - last.first + 1) // last.windows

    @property
    def duration(self) -> int:
        """Steps of an inference, all layers included."""
        return self.emitted.duration

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The populations in order."""
        return self.emitted.layers

    def simulation(self, batch: int = 1, threads: int = 1, device: str = "cpu") -> snn.Simulation:
        """Return a simulation of the network for so many samples at once; see `encode` for their input."""
        return self._simulation(batch, threads, device, "listed")

    def _simulation(
        self, batch: int, threads: int, device: str, spikes: Literal["listed", "counted"]
    ) -> snn.Simulation:
        return snn.Simulation(
            self.network,
            dt=1.0,
            batch=batch,
            threads=threads,
            device=device,
            weight_bits=self.options.weight_bits,
            spikes=spikes,
        )

    def _kept_simulation(self, batch: int, threads: int, device: str, listed: bool) -> snn.Simulation:
        """Return the simulation of the last run, if it fits, since to lower a network takes longer than to run it."""
        # They may be the output, or random input that is told of, or say one thing after the other.
        listed = listed or self.layers[-1].kind != "readout" or self.options.input == "poisson"
        listed = listed or any(layer.population != layer.name or layer.windows > 1 for layer in self.layers)
        spikes = "listed" if listed else "counted"
        if self._kept.get("arguments") != (batch, threads, device, spikes):
            self._kept["simulation"] = self._simulation(batch, threads, device, spikes)
            self._kept["arguments"] = batch, threads, device, spikes
        return self._kept["simulation"]

    def encode(self, simulation: snn.Simulation, samples: np.ndarray) -> None:
        """Give a simulation samples (batch, *shape) in the module's own layout, as currents or as rates of trains.

        Raises
        ------
        ValidationError
            If they are sequences, whose elements come one after the other; see `simulate`.
        """
        if any(len(elements) > 1 for elements in self.emitted.elements):
            raise ValidationError("samples become input that changes from step to step, as simulate gives it")
        self._give(simulation, self._courses(samples)[0])

    def _courses(self, samples: np.ndarray) -> dict[int, list[tuple[Source, np.ndarray]]]:
        """Return, by the step after which it is given, what each input is given of samples."""
        flat, courses = encoded(self.emitted.input, samples), defaultdict(list)
        for source, windows in zip(self.emitted.inputs, self.emitted.elements, strict=True):
            begin = int(source.stimulus.start) if isinstance(source.stimulus, Current) else 0
            for window, elements in enumerate(windows):
                courses[begin + window * self.steps if window else 0].append((source, flat[:, elements]))
            if self.options.input == "poisson":
                courses[len(windows) * self.steps].append((source, np.zeros(source.size)))
        return courses

    def _give(self, simulation: snn.Simulation, values: list[tuple[Source, np.ndarray]]) -> None:
        for source, value in values:
            if self.options.input == "poisson":
                simulation.set(source, rate=1000.0 * value)  # Hz: a step is 1 ms
            else:
                simulation.set(source, amplitude=value)

    def run(
        self,
        samples: np.ndarray,
        *,
        threads: int = 1,
        batch: int = _BATCH,
        device: str = "cpu",
        report: Callable[[int], None] | None = None,
        read_from: int = 1,
        margin: float | None = None,
    ) -> Inference:
        """Run samples through the spiking network.

        The last two arguments are for converted networks; see `bridge.rate.readout`.

        Parameters
        ----------
        samples : ndarray (samples, *shape)
            In the module's own layout, for images (samples, channels, height, width).
        threads : int
            On how many threads; it never changes a result.
        batch : int
            Samples simulated together; nor does this.
        device : str
            ``"cuda"`` for a graphics card, which some hundred samples at once fill; see `snn.Simulation`.
        report : callable, optional
            Called with the number of samples done, now and then.
        read_from : int
            Delayed read-out: the step from which on the output is read, 1 to T.
        margin : float, optional
            Early exit: a sample is read no further than the first step after which its largest score exceeds the second
            largest by so much, and simulated not much further. Spikes and synaptic events are counted up to that step,
            and `course` stays as it was then.

        Raises
        ------
        ValidationError
            If the samples have another shape or are not finite, or another argument is refused.
        """
        readout = Readout(first=read_from, margin=margin)
        readout.check(self.steps_to_read, self.layers[-1].layout.size)
        if margin is not None and self.layers[-1].windows > 1:
            raise ValidationError(
                "margin is for networks with one answer; this one has one for each step of a sequence"
            )
        if readout != _WHOLE and any(isinstance(node, Leaky) for node in self.graph.nodes.values()):
            raise ValidationError("read_from and margin are for converted networks; this one spiked before")
        if margin is not None and device != "cpu":
            raise ValidationError(f"margin: on device={device!r} no sample leaves early; choose device='cpu'")
        parts, done = [], 0
        for recording, count, seconds in self._recordings(samples, threads, batch, device, readout):
            parts.append(self._read(recording, count, seconds, readout))
            done += count
            if report is not None:
                report(done)
        return joined(parts)

    def observe(self, samples: np.ndarray, *, threads: int = 1, batch: int = _BATCH) -> Iterator[Observation]:
        """Run samples and tell, for one batch after the other, what every layer said; arguments as those of `run`.

        Raises
        ------
        ValidationError
            As `run`.
        """
        for recording, count, seconds in self._recordings(samples, threads, batch, "cpu", _WHOLE):
            inference = self._read(recording, count, seconds, _WHOLE)
            activations, operations = {}, {}
            if self.options.input == "poisson":
                activations[self.graph.input] = self._coded(recording)[:count]
            said = counts_by_layer(recording, self.layers, self.steps)
            for layer in self.layers:
                if layer.kind == "readout":
                    continue
                spikes = said[layer.name][:count]
                operations[layer.name] = layer.by_neuron(spikes) @ recording.fan_out[layer.population]
                if layer.name in self.thresholds:
                    activations[layer.name] = layer.said(spikes)
            output = self._course(recording)[:count, -1].reshape(count, *self.layers[-1].layout.shape)
            activations[self.graph.output] = activations[self.layers[-1].name] = output
            yield Observation(inference, activations, operations)

    def _coded(self, recording: snn.Recording) -> np.ndarray:
        """Return what Poisson trains said of the samples, (batch, *shape)."""
        (trains,), (windows,), layout = self.emitted.inputs, self.emitted.elements, self.emitted.input.layout
        counts = counts_in_windows(recording.spikes[trains.name], 1, len(windows), self.steps)
        coded = np.zeros((len(counts), layout.size))
        for window, elements in enumerate(windows):
            coded[:, elements] = counts[:, window] / self.steps
        return coded.reshape(-1, *layout.shape)

    @property
    def report(self) -> ConversionReport:
        """What became of every node of the module; see `measure` for how well."""
        nodes = verdicts(self.traced, self.graph, self.steps, self.options, self.emitted.unrolled)
        settings = {"T": self.steps, "weight_bits": int(self.options.weight_bits)}
        return ConversionReport("rate", settings, nodes, self.notes)

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
        ConversionError
            If the network spiked before it was converted: there are no activations to compare with.
        """
        return replace(self.report, measurement=measure(self, samples, labels, threads=threads))

    @property
    def scales(self) -> dict[str, np.ndarray]:
        """By node what T spikes stand for, in a shape that broadcasts against (samples, *shape)."""
        return {
            layer.name: np.moveaxis(
                self.thresholds[layer.name].reshape((-1,) + (1,) * (len(layer.layout.shape) - 1)), 0, layer.layout.axis
            )
            for layer in self.layers
            if layer.name in self.thresholds
        }

    def clip(self, name: str, a: np.ndarray) -> np.ndarray:
        """Return the activations (samples, *shape) of a node, none above what T spikes stand for."""
        return self._by_channel(name, a, clip)

    def quantise(self, name: str, a: np.ndarray) -> np.ndarray:
        """Return the activations (samples, *shape) of a node as T spikes can say them."""
        return self._by_channel(name, a, lambda values, theta: quantise(values, theta, self.steps))

    def _by_channel(
        self, name: str, a: np.ndarray, change: Callable[[np.ndarray, np.ndarray], np.ndarray]
    ) -> np.ndarray:
        """Change activations of a layer that counts, with its thresholds, whichever axis has the channels."""
        if name not in self.thresholds:
            return a
        layout = next(layer.layout for layer in self.layers if layer.name == name)
        axis = layout.axis % len(layout.shape) + 1
        return np.moveaxis(change(np.moveaxis(a, axis, 1), self.thresholds[name]), 1, axis)

    def _recordings(
        self, samples: np.ndarray, threads: int, batch: int, device: str, readout: Readout
    ) -> Iterator[tuple[snn.Recording, int, float]]:
        """Simulate samples; yields recordings, how many samples of each count, and seconds."""
        samples = self._checked(samples)
        batch = min(positive_integer("batch", batch), len(samples))
        simulation = self._kept_simulation(batch, threads, device, readout != _WHOLE)
        for start in range(0, len(samples), batch):
            chosen = samples[start : start + batch]
            filled = np.concatenate([chosen, np.repeat(chosen[:1], batch - len(chosen), axis=0)])
            begun = time.perf_counter()
            simulation.reset(first_sample=start)
            whole = readout.margin is None
            recording = self.simulate(simulation, filled) if whole else self._left(simulation, filled, readout)
            yield recording, len(chosen), time.perf_counter() - begun

    def _checked(self, samples: np.ndarray) -> np.ndarray:
        """Return samples (samples, *shape), or refuse them."""
        samples = check_samples(samples, self.graph.nodes[self.graph.input].output_shape())
        if self.options.input == "poisson":
            check_probabilities(samples)
        return samples

    def simulate(self, simulation: snn.Simulation, samples: np.ndarray) -> snn.Recording:
        """Give a simulation samples (batch, *shape), run an inference, and return all that was recorded."""
        return self._left(simulation, samples, _WHOLE)

    def _left(self, simulation: snn.Simulation, samples: np.ndarray, readout: Readout) -> snn.Recording:
        """Do the same, but samples that are decided leave the simulation, where the read-out has a margin."""
        courses = self._courses(samples)
        self._give(simulation, courses[0])
        looks: set[int] = set()
        if readout.margin is not None:
            earliest = self.layers[-1].first - 1 + readout.first
            looks = set(range(earliest, self.duration, math.ceil((self.duration - earliest + 1) / _LOOKS)))
        done = 0
        for step in sorted({*looks, *(step for step in courses if 0 < step < self.duration), self.duration}):
            simulation.run(float(step - done))
            done = step
            self._give(simulation, courses.get(done, []))
            if done in looks:
                course = self._course(simulation.recording)[:, : done - self.layers[-1].first + 1]
                decided = readout.decided(course, self.steps_to_read)
                if decided.all():
                    break
                simulation.retire(np.flatnonzero(decided))
        return simulation.recording

    def _read(self, recording: snn.Recording, samples: int, seconds: float, readout: Readout) -> Inference:
        """Return what came of the first samples of a batch."""
        course = self._course(recording)[:samples]
        scores, steps_read = course[:, -1], None
        if readout != _WHOLE:
            course = held(course, self.steps_to_read, np.isfinite(course[..., 0]).sum(axis=1))
            scores, steps_read = readout.read(course)
            course = held(course, self.steps_to_read, steps_read)
        scores, course = self._ended(scores), self._ended(course)
        names = [layer.name for layer in self.layers if layer.kind != "readout"]
        if steps_read is None:
            said = counts_by_layer(recording, self.layers, self.steps)
            events = recording.synaptic_events()[:samples]
        else:
            until = self.layers[-1].first - 1 + steps_read
            counts = {name: counts_until(record, until) for name, record in recording.spikes.items()}
            operations = [count @ recording.fan_out[name] for name, count in counts.items()]
            events = np.array(operations, np.int64).sum(axis=0)
            said = counts_by_layer(recording, self.layers, self.steps, until)
        firing = {name: said[name][:samples] for name in names}
        return Inference(
            scores=scores,
            course=course,
            spikes=np.array([count.sum(axis=1) for count in firing.values()], np.int64).reshape(-1, samples).T,
            counts={name: count.sum(axis=0) for name, count in firing.items()},
            synaptic_events=events,
            seconds=seconds,
            steps_read=steps_read,
        )

    def _ended(self, scores: np.ndarray) -> np.ndarray:
        """Apply what the module does after the network to scores (..., outputs)."""
        return ended(self.after, scores.reshape(-1, *self.layers[-1].layout.shape)).reshape(scores.shape)

    def _course(self, recording: snn.Recording) -> np.ndarray:
        """Return the output so far in the module's units and order, (samples, steps, outputs)."""
        last = self.layers[-1]
        if last.kind == "readout":
            periodic = isinstance(self.network.populations[last.population].model, snn.PeriodicIF)
            values = recording.trace(last.population, "u" if periodic else "v").values[:, last.first - 1 :]
            if last.windows > 1:
                values = beside(values.reshape(len(values), last.windows, self.steps, -1))
        else:
            values = beside(spikes_so_far(recording.spikes[last.population], last.first, last.windows, self.steps))
        return last.said(values).reshape(values.shape)


def check_probabilities(samples: np.ndarray) -> None:
    """Refuse samples that are no probabilities of a spike in a step."""
    if samples.min() < 0.0 or samples.max() > 1.0:
        found = f"{samples.min():g} to {samples.max():g}"
        raise ValidationError(f'samples must lie in 0 ... 1 for input="poisson", not {found}; "constant" takes any')


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
        If the samples have another shape or are not finite, or `converted` is not by rate.
    """
    if not isinstance(converted, Converted):
        remedy = "a network by event has converted.twin(samples)"
        raise ValidationError(
            f"converted must be what bridge.convert makes by rate, not {type(converted).__name__}; {remedy}"
        )
    graph = converted.graph
    samples = check_samples(samples, graph.shapes()[graph.input])
    batches = (samples[i : i + _BATCH] for i in range(0, len(samples), _BATCH))
    parts = [graph.evaluate(batch, converted.quantise)[graph.output] for batch in batches]
    return converted._ended(np.concatenate(parts).reshape(len(samples), -1))
