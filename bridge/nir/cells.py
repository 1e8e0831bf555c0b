"""Populations-to-be, and the network that they make."""

from __future__ import annotations

import math
from dataclasses import dataclass
from math import prod

import numpy as np

import snn
from bridge.nir.linear import Shape, integers, padding
from bridge.nir.neurons import laid_out
from bridge.nir.reading import Node
from bridge.nir.wiring import Term
from snn.connectivity import Layer, Rule
from snn.network import Population, Source
from snn.neurons import Model

_DENSE = 0.5  # share of weights that are not 0, from which on a matrix is stored in full


@dataclass(frozen=True, eq=False)
class Arrival:
    """What comes from one signal.

    Attributes
    ----------
    source : str
        Name of an input or a cell.
    rule : Rule or Layer
    weight : float or None
        None where the rule brings its weights.
    delay : int
        In steps; of an input, the steps that it is late.
    """

    source: str
    rule: Rule | Layer
    weight: float | None
    delay: int


@dataclass(frozen=True, eq=False)
class Bias:
    """A constant current, an element a neuron, and the steps that it flows in: start + 1 ... stop."""

    name: str
    values: np.ndarray
    start: float
    stop: float


@dataclass(frozen=True, eq=False)
class Cell:
    """A population-to-be.

    Attributes
    ----------
    name : str
    shape : tuple of int
        Channels first.
    model : Model
    initial : dict
    active : (float, float)
        As for `snn.Network.population`; (0, 0) if it never fires, and its v is recorded.
    offset : int
        Steps before its first.
    arrivals : list of Arrival
    bias : Bias or None
    rest : ndarray (neurons,)
        What v counts from.
    """

    name: str
    shape: Shape
    model: Model
    initial: dict[str, float | np.ndarray]
    active: tuple[float, float]
    offset: int
    arrivals: list[Arrival]
    bias: Bias | None
    rest: np.ndarray

    @property
    def fires(self) -> bool:
        """Whether it has spikes to say."""
        return self.active != (0.0, 0.0)


def channels_last(shape: Shape) -> Shape:
    """Return the shape of a population for a shape of NIR."""
    return (*shape[1:], shape[0])


def channels_first(shape: Shape) -> Shape:
    """Return the shape of NIR for that of a population."""
    return (shape[-1], *shape[:-1])


def order(shape: Shape) -> np.ndarray:
    """Return which element of a shape of NIR each neuron of its population is, int64 (neurons,)."""
    return laid_out(np.arange(prod(shape)).reshape(shape), shape).astype(np.int64)


def build(
    cells: list[Cell], inputs: dict[str, Shape], steps: float = math.inf
) -> tuple[snn.Network, dict[tuple[str, int], Source]]:
    """Make the network of cells.

    Parameters
    ----------
    cells : list of Cell
    inputs : dict of str to tuple of int
        Shapes of the inputs by name, channels first.
    steps : float
        For how many steps inputs flow.

    Returns
    -------
    network : snn.Network
    sources : dict of (str, int) to Source
        The currents, by the input's name and the steps that they are late.
    """
    network, sources = snn.Network(), {}
    made: dict[str, Population] = {}
    for cell in cells:
        population = network.population(
            cell.name, channels_last(cell.shape), cell.model, initial=cell.initial, active=cell.active
        )
        made[cell.name] = population
        if not cell.fires:
            network.record(population, "v", every=1.0)
    for cell in cells:
        for arrival in cell.arrivals:
            if arrival.source in inputs:
                key = arrival.source, arrival.delay
                if key not in sources:
                    name = arrival.source + (f" after {arrival.delay} steps" if arrival.delay else "")
                    shape = channels_last(inputs[arrival.source])
                    start = float(arrival.delay)
                    sources[key] = network.current(name, np.zeros(shape), start=start, stop=start + steps)
                network.connect(sources[key], made[cell.name], arrival.rule, weight=arrival.weight)
            else:
                network.connect(
                    made[arrival.source],
                    made[cell.name],
                    arrival.rule,
                    weight=arrival.weight,
                    delay=float(arrival.delay),
                )
        if cell.bias is not None:
            values = cell.bias.values.reshape(made[cell.name].shape)
            current = network.current(cell.bias.name, values, start=cell.bias.start, stop=cell.bias.stop)
            network.connect(current, made[cell.name], snn.OneToOne(), weight=1.0)
    return network, sources


def rule_of(term: Term, source: Shape, target: Shape, gain: np.ndarray) -> tuple[Rule | Layer, float | None]:
    """Return the rule and weight of a way, its effect multiplied by a gain.

    Parameters
    ----------
    term : Term
    source, target : tuple of int
        Shapes of the ends, channels first.
    gain : ndarray
        Broadcasts to the target's shape.
    """
    path = [node for node, _ in term.path if node.type != "Identity" and (node.type != "Delay" or term.chosen)]
    gain = np.broadcast_to(gain, target)
    if len(path) == 1:
        by_channel = gain.reshape(len(gain), -1)
        if _shares_a_kernel(path[0]) and (by_channel == by_channel[:, :1]).all():
            node = path[0]
            weight = node["weight"] * by_channel[:, 0, None, None, None]
            return snn.Conv2d(weight.transpose(2, 3, 1, 0), integers(node, "stride"), padding(node)), None
        if path[0].type in ("SumPool2d", "AvgPool2d") and (gain == gain.flat[0]).all():
            node, value = path[0], float(gain.flat[0])
            size = integers(node, "kernel_size")
            weight = value / prod(size) if node.type == "AvgPool2d" else value
            return snn.SumPool2d(size, integers(node, "stride"), padding(node)), weight
    matrix = term.matrix(source)
    matrix = (matrix * gain.reshape(-1, 1)).tocsr()[order(target)][:, order(source)]
    full = matrix.nnz > _DENSE * prod(matrix.shape)
    return (snn.Dense(matrix.toarray()) if full else snn.Sparse(matrix)), None


def _shares_a_kernel(node: Node) -> bool:
    return node.type == "Conv2d" and int(node["groups"]) == 1 and set(integers(node, "dilation")) == {1}
