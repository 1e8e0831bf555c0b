"""From a Graph to a spiking network on the `snn` engine, rate-coded and clocked, all neurons all-or-none.

One step is 1 ms, potentials are in units of a neuron's threshold. A spike acts one step after it, so the layers run
one behind the other: a layer whose input arrives in steps a + 1 ... a + T fires in steps a + w + 1 ... a + w + T, and
the next layer's a is a + w + 1. A converted layer whose input comes in spikes waits w = 1 step before it may fire: it
has then seen two steps of input, which removes most of the error of uneven arrival and costs no spikes. Biases flow
while the layer's input arrives.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Literal

import numpy as np

import snn
from bridge.errors import ConversionError
from bridge.graph import Graph
from bridge.nodes import Conv2d, Dense, Flatten, Input, Leaky, MaxPool2d, Node, ReLU, Shape
from snn.network import Population, Source

_RESETS: dict[str, Literal["hard", "soft", "retested"]] = {"zero": "hard", "soft": "soft", "subtract": "retested"}


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
    shape: Shape
    kind: Literal["neurons", "relay", "readout"]
    first: int
    last: int


@dataclass(frozen=True, eq=False)
class Emitted:
    """A spiking network and what its parts stand for.

    Attributes
    ----------
    network : snn.Network
    source : snn.network.Source
        The network's input, a constant current for every element of the sample, channels last.
    layers : tuple of Layer
        In the order of the graph; the last gives the output.
    unit : ndarray (channels,)
        What a spike of the last layer says, or 1 of a readout's v, in units of the output.
    steps : int
        T, the steps in which a layer may fire.
    """

    network: snn.Network
    source: Source
    layers: tuple[Layer, ...]
    unit: np.ndarray
    steps: int

    @property
    def duration(self) -> int:
        """Steps of an inference, all layers included."""
        return self.layers[-1].last


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
    _require_chain(graph)
    return _Emitter(graph, steps, thresholds).run()


class _Emitter:
    """The network as it grows along the graph."""

    def __init__(self, graph: Graph, steps: int, thresholds: dict[str, np.ndarray]):
        self.graph, self.steps, self.thresholds = graph, steps, thresholds
        self.shapes = graph.shapes()
        self.network = snn.Network()
        self.layers: list[Layer] = []
        # What the next layer reads, its shape (channels first) and what a spike of each channel stands for, a step.
        self.shape = self.shapes[graph.input]
        self.source = self.network.current(graph.input, np.zeros(_channels_last(self.shape)), stop=float(steps))
        self.end: Source | Population = self.source
        self.unit = np.ones(self.shape[0])
        self.arrival = 0  # input to the next layer arrives in steps arrival + 1 .. arrival + T
        self.linear: tuple[str, Dense | Conv2d] | None = None  # read, but without a population yet

    def run(self) -> Emitted:
        for name, node in self.graph.nodes.items():
            self._add(name, node)
        if self.linear is not None:
            self._readout(self.linear)
        if not self.layers:
            raise ConversionError(self.graph.output, "is the output of a network without layers", "Add a Linear layer")
        # T spikes of a converted neuron say its threshold, v after T steps T times the output; a count is a count.
        unit = self.unit / self.steps if self.thresholds or self.layers[-1].kind == "readout" else self.unit
        return Emitted(self.network, self.source, tuple(self.layers), unit, self.steps)

    def _add(self, name: str, node: Node) -> None:
        if isinstance(node, Dense | Conv2d):
            self._keep_linear(name, node)
        elif isinstance(node, ReLU):
            self._relu(name, node)
        elif isinstance(node, Leaky):
            self._leaky(name, node)
        elif isinstance(node, MaxPool2d):
            self._max_pool(name, node)
        # Flattening moves nothing: a dense layer reads the image's neurons where they are.
        elif not isinstance(node, Input | Flatten):
            known = "Dense, Conv2d, ReLU, Leaky, MaxPool2d, Flatten, and average pooling that a layer after it takes in"
            raise ConversionError(_title(name, node), "has no counterpart in the spiking network", f"Use {known}")

    def _keep_linear(self, name: str, node: Dense | Conv2d) -> None:
        if self.linear is not None:
            remedy = "Put an activation between, or merge the two into one layer"
            raise ConversionError(_title(name, node), f"follows {self.linear[0]} without an activation", remedy)
        if isinstance(node, Conv2d) and (node.groups != 1 or node.dilation != (1, 1)):
            remedy = "Use groups=1 and dilation=1"
            raise ConversionError(_title(name, node), f"has groups {node.groups}, dilation {node.dilation}", remedy)
        self.linear = name, node

    def _relu(self, name: str, node: ReLU) -> None:
        if name not in self.thresholds:
            remedy = "Use spiking neurons throughout, or ReLU throughout and bridge.convert"
            raise ConversionError(_title(name, node), "is an activation among spiking neurons", remedy)
        model = snn.IF(v_threshold=1.0, v_reset=0.0, reset="soft")
        self._neurons(name, node, model, self.thresholds[name], wait=1 if self.layers else 0, initial={"v": 0.5})

    def _leaky(self, name: str, node: Leaky) -> None:
        if node.reset_delay:
            remedy = "Train it with reset_delay=False"
            raise ConversionError(_title(name, node), "resets one step after its spike", remedy)
        shape = self.shapes[name]
        beta, threshold = (_per_neuron(value, shape) for value in (node.beta, node.threshold))
        # snnTorch fires above the threshold, this engine at it: the next number up is the first that is above.
        above = np.nextafter(threshold, np.inf)
        # A soft reset subtracts v_threshold - v_reset, which is then exactly the threshold.
        v_reset = 0.0 if node.reset == "zero" else above - threshold
        model = snn.DiscreteLIF(beta=beta, v_threshold=above, v_reset=v_reset, reset=_RESETS[node.reset])
        self._neurons(name, node, model, np.ones(shape[0]), wait=0)

    def _neurons(
        self,
        name: str,
        node: ReLU | Leaky,
        model: snn.IF | snn.DiscreteLIF,
        unit: np.ndarray,
        wait: int,
        initial: dict | None = None,
    ) -> None:
        """Add a population for the linear layer at hand; a spike of it stands for `unit` a step."""
        if self.linear is None:
            reason, remedy = "is an activation without a linear layer before it", "Put a Linear or Conv2d before it"
            raise ConversionError(_title(name, node), reason, remedy)
        if self.shapes[name] != self.shapes[self.linear[0]]:
            remedy = "Put the activation before the flattening: the result is the same"
            raise ConversionError(_title(name, node), f"reads {self.linear[0]} flattened", remedy)
        population = self._firing(name, "neurons", model, self.arrival + wait, initial)
        self._connect(self.linear, population, unit)
        self._continue_from(population, self.shapes[name], unit)

    def _max_pool(self, name: str, node: MaxPool2d) -> None:
        if self.linear is not None or not self.layers:
            remedy = "Put the activation before the pooling: with ReLU the result is the same"
            raise ConversionError(_title(name, node), "pools values that are not spikes", remedy)
        window = node.size, node.stride, node.padding
        if self.thresholds:  # rates: of the window's neurons the one that has fired most
            rule, model = snn.MaxPool2d(*window), snn.IF()
        else:  # spikes, step by step: one if any neuron of the window fires
            rule, model = snn.SumPool2d(*window), snn.IF(reset="hard")
        population = self._firing(name, "relay", model, self.arrival)
        self.network.connect(self.end, population, rule, weight=1.0, delay=1.0)
        self._continue_from(population, self.shapes[name], self.unit)

    def _readout(self, linear: tuple[str, Dense | Conv2d]) -> None:
        """Add integrators that never fire: v at the end is T times the output."""
        name = linear[0]
        shape = _channels_last(self.shapes[name])
        population = self.network.population(name, shape, snn.IF(), active=(0.0, 0.0))
        unit = np.ones(shape[-1])
        self._connect(linear, population, unit)
        self.unit = unit
        self.network.record(population, "v", every=1.0)
        self.layers.append(Layer(name, shape, "readout", self.arrival + 1, self.arrival + self.steps))

    def _firing(
        self,
        name: str,
        kind: Literal["neurons", "relay"],
        model: snn.IF | snn.DiscreteLIF,
        start: int,
        initial: dict | None = None,
    ) -> Population:
        """Add a population that may fire in the T steps after `start`."""
        shape, stop = _channels_last(self.shapes[name]), start + self.steps
        self.layers.append(Layer(name, shape, kind, start + 1, stop))
        return self.network.population(name, shape, model, initial=initial, active=(float(start), float(stop)))

    def _connect(self, linear: tuple[str, Dense | Conv2d], population: Population, unit: np.ndarray) -> None:
        """Give a population its input, in units of what a spike of each of its channels stands for."""
        name, node = linear
        rule = self._convolution(node, unit) if isinstance(node, Conv2d) else self._dense(node, unit)
        delay = None if isinstance(self.end, Source) else 1.0
        self.network.connect(self.end, population, rule, delay=delay)
        if node.bias.any():
            bias, start = np.broadcast_to(node.bias / unit, population.shape), float(self.arrival)
            current = self.network.current(f"{name} bias", bias, start=start, stop=start + self.steps)
            self.network.connect(current, population, snn.OneToOne(), weight=1.0)

    def _convolution(self, node: Conv2d, unit: np.ndarray) -> snn.Conv2d:
        weight = node.weight * self.unit[:, None, None] / unit[:, None, None, None]
        return snn.Conv2d(weight.transpose(2, 3, 1, 0), node.stride, node.padding)

    def _dense(self, node: Dense, unit: np.ndarray) -> snn.Dense:
        # The graph counts an image's elements channels first, a population channels last.
        weight = node.weight.reshape(-1, self.shape[0], prod(self.shape[1:]))
        weight = weight * self.unit[:, None] / unit[:, None, None]
        return snn.Dense(weight.transpose(0, 2, 1).reshape(node.weight.shape))

    def _continue_from(self, population: Population, shape: Shape, unit: np.ndarray) -> None:
        self.end, self.shape, self.unit, self.linear = population, shape, unit, None
        self.arrival = self.layers[-1].first  # one step after the first step of firing, the first spikes arrive


def _require_chain(graph: Graph) -> None:
    previous = graph.input
    for name, node in graph.nodes.items():
        if name != graph.input and node.inputs != (previous,):
            reads = ", ".join(node.inputs)
            remedy = "Only chains of layers are emitted; branches must be merged before"
            raise ConversionError(_title(name, node), f"reads {reads}, not the node before it, {previous}", remedy)
        previous = name
    if previous != graph.output:
        raise ConversionError(graph.output, "is the output but not the last node", "Remove what follows it")


def _title(name: str, node: Node) -> str:
    return f"{name} ({type(node).__name__})"


def _channels_last(shape: Shape) -> Shape:
    return (*shape[1:], shape[0])


def _per_neuron(value: np.ndarray, shape: Shape) -> float | np.ndarray:
    """Return a parameter that broadcasts against (channels, ...) as a number, or as one a neuron, channels last."""
    if value.size == 1:
        return value.item()
    return np.moveaxis(np.broadcast_to(value, shape), 0, -1).ravel()
