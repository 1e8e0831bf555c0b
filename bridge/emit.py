"""From a Graph to a spiking network on the `snn` engine, rate-coded and clocked, all neurons all-or-none.

One step is 1 ms, potentials are in units of a neuron's threshold. A spike acts one step after it, so the layers run
one behind the other: a layer whose input arrives in steps a + 1 ... a + T fires in steps a + w + 1 ... a + w + T, and
the next layer's a is a + w + 1. A converted layer whose input comes in spikes waits w = 1 step before it may fire: it
has then seen two steps of input, which removes most of the error of uneven arrival and costs no spikes. Biases flow
while the layer's input arrives.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

import snn
from bridge.errors import ConversionError
from bridge.graph import Conv2d, Dense, Flatten, Graph, Input, Leaky, MaxPool2d, Node, ReLU

INPUT = "input"


@dataclass(frozen=True)
class Layer:
    """One population of an emitted network.

    Attributes
    ----------
    name : str
        Name of the population, that of the graph's node.
    shape : tuple of int
        Shape of the population, channels last.
    kind : {"neurons", "relay", "readout"}
        Neurons of an activation, relays that pass on what a pooling lets through, or the integrators that are read.
    first, last : int
        The first and the last step in which the layer may fire, or, for a readout, in which its input arrives.
    """

    name: str
    shape: tuple[int, ...]
    kind: Literal["neurons", "relay", "readout"]
    first: int
    last: int


@dataclass(frozen=True)
class Emitted:
    """A spiking network and what its parts stand for.

    Attributes
    ----------
    network : snn.Network
    source : the network's input, a constant current for every element of the sample
    layers : tuple of Layer
        In the order of the graph; the last gives the output.
    steps : int
        T, the steps in which a layer may fire.
    duration : int
        Steps of an inference, all layers included.
    """

    network: snn.Network
    source: object
    layers: tuple[Layer, ...]
    steps: int
    duration: int


@dataclass
class _Emitter:
    """The network as it grows along the graph."""

    graph: Graph
    steps: int
    thresholds: dict[str, np.ndarray]  # of each ReLU, per channel; empty for a network that spikes already
    network: snn.Network = field(default_factory=snn.Network)
    layers: list[Layer] = field(default_factory=list)

    def run(self) -> Emitted:
        shapes = self.graph.shapes()
        self._require_chain()
        name = self.graph.input
        self.shape = shapes[name]  # of the value as the graph has it: (channels, height, width) or (features,)
        self.source = self.end = self.network.current(INPUT, np.zeros(_channels_last(self.shape)), stop=self.steps)
        self.arrival = 0  # input to the next layer arrives in steps arrival + 1 .. arrival + T
        self.scale = np.ones(self.shape[0])  # what one spike of each channel stands for, a step
        self.linear: tuple[str, Dense | Conv2d] | None = None
        for name, node in self.graph.nodes.items():
            self._add(name, node)
        if self.linear is not None:
            self._readout(self.linear[0])
        last = self.layers[-1]
        return Emitted(self.network, self.source, tuple(self.layers), self.steps, last.last)

    def _require_chain(self) -> None:
        previous = None
        for name, node in self.graph.nodes.items():
            if previous is not None and node.inputs != (previous,):
                reads = ", ".join(node.inputs)
                remedy = "Only chains of layers are emitted; branches must be merged before"
                raise ConversionError(_title(name, node), f"reads {reads}, not the node before it, {previous}", remedy)
            previous = name
        if previous != self.graph.output:
            raise ConversionError(self.graph.output, "is the output but not the last node", "Remove what follows it")

    def _add(self, name: str, node: Node) -> None:
        if isinstance(node, Input):
            return
        if isinstance(node, Flatten):
            self._flatten()
        elif isinstance(node, Dense | Conv2d):
            self._keep_linear(name, node)
        elif isinstance(node, ReLU):
            self._relu(name)
        elif isinstance(node, Leaky):
            self._leaky(name, node)
        elif isinstance(node, MaxPool2d):
            self._max_pool(name, node)
        else:
            remedy = (
                "Convertible are Dense, Conv2d, ReLU, MaxPool2d, Flatten, and average pooling before a linear layer"
            )
            raise ConversionError(_title(name, node), "has no counterpart in the spiking network here", remedy)

    def _flatten(self) -> None:
        if len(self.shape) == 3:
            self.scale = np.repeat(self.scale, self.shape[1] * self.shape[2])
            self.flattened = self.shape
            self.shape = (int(np.prod(self.shape)),)

    def _keep_linear(self, name: str, node: Dense | Conv2d) -> None:
        if self.linear is not None:
            remedy = "Put an activation between, or merge the two into one layer"
            raise ConversionError(_title(name, node), f"follows {self.linear[0]} without an activation", remedy)
        self.linear = name, node
        self.shape = node.output_shape(self.shape)

    def _relu(self, name: str) -> None:
        theta = self.thresholds[name]
        wait = 1 if self.layers else 0
        model = snn.IF(v_threshold=1.0, v_reset=0.0, reset="soft")
        self._neurons(name, model, theta, wait, initial={"v": 0.5})

    def _leaky(self, name: str, node: Leaky) -> None:
        if node.reset_delay:
            remedy = "Train it with reset_delay=False"
            raise ConversionError(_title(name, node), "resets one step after its spike", remedy)
        size = int(np.prod(self.shape))
        beta, threshold = (_per_neuron(value, self.shape, size) for value in (node.beta, node.threshold))
        # snnTorch fires above the threshold, this engine at it: the next number up is the first that is above.
        above = np.nextafter(threshold, np.inf)
        if node.reset == "zero":
            model = snn.DiscreteLIF(beta=beta, v_threshold=above, v_reset=0.0, reset="hard")
        else:
            # A soft reset subtracts v_threshold - v_reset, which is then exactly the threshold.
            model = snn.DiscreteLIF(beta=beta, v_threshold=above, v_reset=above - threshold, reset="retested" if node.reset == "subtract" else "soft")
        self._neurons(name, model, np.ones(self.shape[0]), 0)

    def _neurons(self, name: str, model, theta: np.ndarray, wait: int, initial: dict | None = None) -> None:
        """Add a population for the linear layer at hand; a spike of it stands for theta a step."""
        if self.linear is None:
            remedy = "Put a Linear or Conv2d before it"
            raise ConversionError(name, "is an activation without a linear layer before it", remedy)
        first = self.arrival + wait
        population = self._population(name, model, "neurons", first, initial)
        self._connect(population, theta)
        self.end, self.scale, self.linear = population, theta, None
        self.arrival = first + 1

    def _readout(self, name: str) -> None:
        # Integrators that never fire: v at the end is T times the output.
        shape = _channels_last(self.shape)
        population = self.network.population(name, shape, snn.IF(), active=(0.0, 0.0))
        self._connect(population, np.ones(self.shape[0]))
        self.network.record(population, "v", every=1.0)
        self.layers.append(Layer(name, shape, "readout", self.arrival + 1, self.arrival + self.steps))

    def _max_pool(self, name: str, node: MaxPool2d) -> None:
        if self.linear is not None or not self.layers:
            remedy = "Put the activation before the pooling: with ReLU the result is the same"
            raise ConversionError(_title(name, node), "pools values that are not spikes", remedy)
        shape = node.output_shape(self.shape)
        rule: snn.MaxPool2d | snn.SumPool2d
        if self.thresholds:  # rates: of the window's neurons the one that has fired most
            rule, model = snn.MaxPool2d(node.size, node.stride, node.padding), snn.IF()
        else:  # spikes, step by step: one if any neuron of the window fires
            rule, model = snn.SumPool2d(node.size, node.stride, node.padding), snn.IF(reset="hard")
        self.shape = shape
        population = self._population(name, model, "relay", self.arrival, None)
        self.network.connect(self.end, population, rule, weight=1.0, delay=1.0)
        self.end = population
        self.arrival += 1

    def _population(self, name: str, model, kind, first: int, initial: dict | None):
        shape = _channels_last(self.shape)
        active = float(first), float(first + self.steps)
        self.layers.append(Layer(name, shape, kind, first + 1, first + self.steps))
        return self.network.population(name, shape, model, initial=initial, active=active)

    def _connect(self, population, theta: np.ndarray) -> None:
        name, node = self.linear  # pyright: ignore[reportGeneralTypeIssues]
        if isinstance(node, Conv2d):
            rule = _convolution(name, node, self.scale, theta)
        else:
            weight = node.weight * self.scale / theta[:, None]
            rule = snn.Dense(_reorder_columns(weight, getattr(self, "flattened", None)))
        delay = None if self.end is self.source else 1.0
        self.network.connect(self.end, population, rule, delay=delay)
        if node.bias.any():
            bias = np.broadcast_to(node.bias / theta, population.shape)
            start = float(self.arrival)
            current = self.network.current(f"{name} bias", bias, start=start, stop=start + self.steps)
            self.network.connect(current, population, snn.OneToOne(), weight=1.0)


def emit(graph: Graph, steps: int, thresholds: dict[str, np.ndarray]) -> Emitted:
    """Make a spiking network of a graph.

    Parameters
    ----------
    graph : Graph
        A chain of linear layers, each but the last followed by ReLU or by a spiking neuron, with poolings between.
    steps : int
        T, the steps in which a layer may fire.
    thresholds : dict of str to ndarray (channels,)
        For each ReLU the activation that T spikes stand for; a neuron adds its input divided by it and fires at 1.
        Empty for a graph of spiking neurons, which is taken over as it is.

    Raises
    ------
    ConversionError
        If a node has no counterpart, naming it.
    """
    return _Emitter(graph, steps, thresholds).run()


def _title(name: str, node: Node) -> str:
    return f"{name} ({type(node).__name__})"


def _channels_last(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (*shape[1:], shape[0])


def _per_neuron(value: np.ndarray, shape: tuple[int, ...], size: int) -> float | np.ndarray:
    """Return a parameter that broadcasts against (channels, height, width) as a number or one a neuron."""
    if value.size == 1:
        return float(value.ravel()[0])
    full = np.broadcast_to(value, shape)
    return np.moveaxis(full, 0, -1).reshape(size)


def _convolution(name: str, node: Conv2d, scale: np.ndarray, theta: np.ndarray) -> snn.Conv2d:
    if node.groups != 1 or node.dilation != (1, 1):
        remedy = "Use groups=1 and dilation=1"
        raise ConversionError(_title(name, node), f"has groups {node.groups}, dilation {node.dilation}", remedy)
    weight = node.weight * scale[:, None, None] / theta[:, None, None, None]
    return snn.Conv2d(weight.transpose(2, 3, 1, 0), node.stride, node.padding)


def _reorder_columns(weight: np.ndarray, flattened: tuple[int, ...] | None) -> np.ndarray:
    """Return a dense layer's weights for a source with channels last, if it reads a flattened image."""
    if flattened is None or int(np.prod(flattened)) != weight.shape[1]:
        return weight
    return weight.reshape(len(weight), *flattened).transpose(0, 2, 3, 1).reshape(weight.shape)
