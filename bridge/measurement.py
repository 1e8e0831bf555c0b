"""How far a converted network is from the network it was made of, layer by layer, and from what the difference comes.

Of every layer that stands for an activation, and of the output, five numbers split the difference between what the
spikes say, s, and the network's own activation, a. On the way from one to the other lie

    clip(a)   a, none above what the most spikes stand for
    Q(a)      a as so many spikes can say it
    t         the layer's value in the quantised twin, the network with every activation quantised
    t'        the same, given what the input's code says in place of the sample

and the parts are the steps between them, which sum to s - a:

    clipping       clip(a) - a       made in this layer
    quantisation   Q(a) - clip(a)    made in this layer
    inherited      t - Q(a)          clipping and quantisation of the layers before
    input coding   t' - t            Poisson or quantised input; 0 for a constant current
    unevenness     s - t'            spikes that came too early or too late, in this layer and those before

Each number is the root mean square of its part over samples and neurons, relative to that of a.

Errors that are made early grow, or shrink, on their way through the network. So its own gain is measured, too: by how
much more the output changes than the input if that changes a little at random, both relative to their size.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod, sqrt
from typing import Any, Protocol

import numpy as np

from bridge.ending import ended
from bridge.errors import ValidationError
from bridge.graph import Graph
from bridge.inference import Observation, check_samples
from bridge.nodes import Embedding, Node

PARTS = ("clipping", "quantisation", "inherited", "input coding", "unevenness")
_LITTLE = 1e-6  # of the root mean square of the input: the change that the gain is measured with
_POINTS = 1500  # pairs of activations that a layer keeps for its plot, about


class Observable(Protocol):
    """What is asked of a converted network: see `bridge.rate.Converted`."""

    @property
    def graph(self) -> Graph: ...  # noqa: D102
    @property
    def after(self) -> tuple[Node, ...]: ...  # noqa: D102
    @property
    def scales(self) -> dict[str, np.ndarray]: ...  # noqa: D102
    def observe(self, samples: np.ndarray, *, threads: int = 1) -> Iterator[Observation]: ...  # noqa: D102
    def clip(self, name: str, a: np.ndarray) -> np.ndarray: ...  # noqa: D102
    def quantise(self, name: str, a: np.ndarray) -> np.ndarray: ...  # noqa: D102


@dataclass(frozen=True, eq=False)
class LayerError:
    """How far one layer is from the network's activation.

    Attributes
    ----------
    name : str
        Name of the node.
    neurons : int
    rms : float
        Root mean square of the network's activation a.
    parts : dict of str to float
        By name of `PARTS`, relative to `rms`; infinite where that is 0 and the part is not.
    total : float
        Of s - a, likewise.
    influence : float
        How far the output is from the network's if only this layer is clipped and quantised, all others exact,
        relative to the output.
    clipped : float
        Share of the activations that are above what the most spikes stand for.
    dead : int
        Neurons that are 0 for every sample in the network itself.
    silent : int
        Neurons that are not, but say 0 for every sample.
    points : ndarray (pairs, 2)
        Some pairs (a, s) of which one at least is not 0, for a plot; of an activation in units of what the most
        spikes stand for, of the output in its own.
    """

    name: str
    neurons: int
    rms: float
    parts: dict[str, float]
    total: float
    influence: float
    clipped: float
    dead: int
    silent: int
    points: np.ndarray


@dataclass(frozen=True, eq=False)
class Measurement:
    """How far a converted network is from its original, on some samples.

    Attributes
    ----------
    samples : int
    layers : tuple of LayerError
        In the order of the graph, the output last.
    spikes, operations : dict of str to float
        By firing layer: spikes, and synapses reached by them, per inference.
    agreement, twin_agreement : float
        Shares of the samples in which the spiking network, and the quantised twin, give the network's class.
    accuracy : dict of str to float
        Shares of right answers of "network", "twin" and "spiking"; empty without labels.
    gain : float
        Relative change of the network's output by that of its input, for small random changes; infinite where the
        output is 0, not a number where the input is, or is indices.
    """

    samples: int
    layers: tuple[LayerError, ...]
    spikes: dict[str, float]
    operations: dict[str, float]
    agreement: float
    twin_agreement: float
    accuracy: dict[str, float]
    gain: float

    def to_json(self) -> dict[str, Any]:
        """Return the figures, without points, ready for JSON; None stands for what is no finite number."""
        layers = []
        for layer in self.layers:
            relative = {**layer.parts, "total": layer.total, "influence": layer.influence}
            counts = {key: getattr(layer, key) for key in ("name", "neurons", "rms", "clipped", "dead", "silent")}
            finite = {key.replace(" ", "_"): v if np.isfinite(v) else None for key, v in relative.items()}
            layers.append(counts | finite)
        kept = ("samples", "spikes", "operations", "agreement", "twin_agreement", "accuracy")
        gain = self.gain if np.isfinite(self.gain) else None
        return {key: getattr(self, key) for key in kept} | {"gain": gain, "layers": layers}


def measure(
    converted: Observable, samples: np.ndarray, labels: np.ndarray | None = None, *, threads: int = 1
) -> Measurement:
    """Run samples through a converted network, its quantised twin and the network itself, and compare all layers.

    Parameters
    ----------
    converted : Converted
    samples : ndarray (samples, *shape)
        In the module's own layout.
    labels : ndarray of int (samples,), optional
        Their classes.
    threads : int
        Of the simulation.

    Raises
    ------
    ValidationError
        If samples or labels are refused.
    ConversionError
        If the network spiked before it was converted: there are no activations to compare with.
    """
    graph = converted.graph
    samples = check_samples(samples, graph.shapes()[graph.input])
    if labels is not None:
        labels = np.asarray(labels)
        if labels.shape != (len(samples),) or labels.dtype.kind not in "iu":
            raise ValidationError(
                f"labels must be {len(samples)} integers, one a sample, not {labels.dtype} of shape {labels.shape}"
            )
        outputs = prod(graph.shapes()[graph.output])
        if labels.min() < 0 or labels.max() >= outputs:
            found = f"{labels.min()} to {labels.max()}"
            raise ValidationError(f"labels must lie in 0 ... {outputs - 1}, as the network's outputs, not {found}")
    graph.evaluate(samples[:1])  # refuses spiking neurons before anything is simulated
    tally, done = _Tally(converted), 0
    for observation in converted.observe(samples, threads=threads):
        count = len(observation.inference.scores)
        tally.add(samples[done : done + count], observation)
        done += count
    return tally.result(labels)


class _Tally:
    """Sums over batches."""

    def __init__(self, converted: Observable):
        self.converted = converted
        self.squares: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))  # by layer and quantity
        self.said: dict[str, np.ndarray] = {}  # by layer: neurons that ever spoke, and those active in the network
        self.active: dict[str, np.ndarray] = {}
        self.points: dict[str, list[np.ndarray]] = defaultdict(list)
        self.spikes: dict[str, int] = defaultdict(int)
        self.operations: dict[str, int] = defaultdict(int)
        self.classes: dict[str, list[np.ndarray]] = defaultdict(list)
        self.changes: dict[str, float] = defaultdict(float)  # squares of the input, its change, that of the output
        self.samples = 0
        self.random = np.random.default_rng(0)

    def add(self, x: np.ndarray, observation: Observation) -> None:
        graph, said = self.converted.graph, observation.activations
        own = graph.evaluate(x)
        twin = graph.evaluate(x, self.converted.quantise)
        coded = graph.evaluate(said[graph.input], self.converted.quantise) if graph.input in said else twin
        for name in (name for name in graph.nodes if name in said and name != graph.input):
            self._compare(name, own[name], twin[name], coded[name], said[name].reshape(own[name].shape))
        self._influences(x, own[graph.output])
        self._change(x, own[graph.output])
        for who, output in (("network", own), ("twin", twin), ("spiking", said)):
            scores = ended(self.converted.after, output[graph.output])
            self.classes[who].append(scores.reshape(len(x), -1).argmax(axis=1))
        for name, operations in observation.operations.items():
            self.operations[name] += int(operations.sum())
        for name, spikes in zip(observation.operations, observation.inference.spikes.T, strict=True):
            self.spikes[name] += int(spikes.sum())
        self.samples += len(x)

    def _compare(self, name: str, a: np.ndarray, twin: np.ndarray, coded: np.ndarray, s: np.ndarray) -> None:
        clipped, quantised = self.converted.clip(name, a), self.converted.quantise(name, a)
        steps = (clipped - a, quantised - clipped, twin - quantised, coded - twin, s - coded)
        sums = self.squares[name]
        for part, step in zip((*PARTS, "total", "own"), (*steps, s - a, a), strict=True):
            sums[part] += float((step**2).sum())
        sums["above"] += int((clipped < a).sum())
        sums["values"] += a.size
        for kept, values in ((self.active, a), (self.said, s)):
            kept[name] = np.logical_or(values.any(axis=0), kept.get(name, False))
        scale = self.converted.scales.get(name, np.ones(1))
        pairs = np.stack([(a / scale).ravel(), (s / scale).ravel()], axis=1)
        pairs = pairs[pairs.any(axis=1)]
        self.points[name].append(self.random.choice(pairs, min(len(pairs), _POINTS), replace=False))

    def _influences(self, x: np.ndarray, output: np.ndarray) -> None:
        for chosen in self.squares:

            def only(name: str, value: np.ndarray, chosen: str = chosen) -> np.ndarray:
                return self.converted.quantise(name, value) if name == chosen else value

            off = self.converted.graph.evaluate(x, only)[self.converted.graph.output] - output
            self.squares[chosen]["influence"] += float((off**2).sum())

    def _change(self, x: np.ndarray, output: np.ndarray) -> None:
        graph = self.converted.graph
        if any(isinstance(node, Embedding) and graph.input in node.inputs for node in graph.nodes.values()):
            return
        change = _LITTLE * np.sqrt((x**2).mean()) * self.random.standard_normal(x.shape)
        off = graph.evaluate(x + change)[graph.output] - output
        for name, values in (("input", x), ("change", change), ("output", off)):
            self.changes[name] += float((values**2).sum())

    def result(self, labels: np.ndarray | None) -> Measurement:
        classes = {who: np.concatenate(parts) for who, parts in self.classes.items()}
        return Measurement(
            samples=self.samples,
            layers=tuple(self._layer(name) for name in self.squares),
            spikes={name: count / self.samples for name, count in self.spikes.items()},
            operations={name: count / self.samples for name, count in self.operations.items()},
            agreement=float((classes["spiking"] == classes["network"]).mean()),
            twin_agreement=float((classes["twin"] == classes["network"]).mean()),
            accuracy={} if labels is None else {who: float((c == labels).mean()) for who, c in classes.items()},
            gain=self._gain(),
        )

    def _gain(self) -> float:
        if not self.changes["change"]:
            return float("nan")
        own = self.squares[self.converted.graph.output]["own"]
        return _relative(self.changes["output"], own) * sqrt(self.changes["input"] / self.changes["change"])

    def _layer(self, name: str) -> LayerError:
        sums, active = self.squares[name], self.active[name]
        points = np.concatenate(self.points[name])
        return LayerError(
            name=name,
            neurons=prod(active.shape),
            rms=sqrt(sums["own"] / sums["values"]),
            parts={part: _relative(sums[part], sums["own"]) for part in PARTS},
            total=_relative(sums["total"], sums["own"]),
            influence=_relative(sums["influence"], self.squares[self.converted.graph.output]["own"]),
            clipped=sums["above"] / sums["values"],
            dead=int((~active).sum()),
            silent=int((active & ~self.said[name]).sum()),
            points=self.random.choice(points, min(len(points), _POINTS), replace=False),
        )


def _relative(squares: float, of: float) -> float:
    """Return the ratio of two root mean squares, given sums of squares over the same values."""
    if of:
        return sqrt(squares / of)
    return float("inf") if squares else 0.0
