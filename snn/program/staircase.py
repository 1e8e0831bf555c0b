"""The Program of a network of staircase neurons, for engines that run until all is at rest.

Neurons are numbered through, those of the input first. A *sum* is kept for every neuron and port: population after
population, port after port, neuron after neuron. Neurons are looked at in *cells* of 2^shift neurons of a population.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from snn.program.tables import ONE_TO_ONE

LISTED = ONE_TO_ONE + 1  # follows the kinds of patterns
INPUT = -1  # follows none of the kinds of `snn.neurons.staircase`


class StairNodes(NamedTuple):
    """A row an input or population; all int64."""

    kind: np.ndarray  # INPUT, TABLE, NEAREST or PRODUCT
    size: np.ndarray
    first: np.ndarray  # number of the first neuron
    slot: np.ndarray  # first sum; those of the second port begin `size` further on
    shift: np.ndarray  # cells have 2^shift neurons
    first_cell: np.ndarray  # (one row more)
    parameters: np.ndarray  # where in StairProgram.parameters the first row is
    rows: np.ndarray  # neuron i has row i modulo rows ...
    width: np.ndarray  # ... of so many numbers
    first_fan: np.ndarray  # into `Fans`: those that lead from here (one row more)


class Fans(NamedTuple):
    """A row a projection, by source; all int64 but for the delay."""

    kind: np.ndarray
    source: np.ndarray  # node
    target: np.ndarray  # node
    slot: np.ndarray  # sum of the target's first neuron
    delay: np.ndarray  # ms, float64; nan where each synapse has its own
    first_weight: np.ndarray  # into `weights`; for a list, of the synapses
    geometry: np.ndarray  # (fans, 12): see `snn.program.synapses.geometry`
    first_counter: np.ndarray  # max-pooling: counts of the sources ...
    first_best: np.ndarray  # ... and the largest of each target
    first_row: np.ndarray  # list: rows[first_row + i] .. rows[first_row + i + 1] - 1 are the synapses of source i


class Wires(NamedTuple):
    """Weights, and the synapses that are listed, by source, then delay."""

    weights: np.ndarray  # int32 multiples of the quanta: of patterns, then of lists
    targets: np.ndarray  # int32: neuron of the target, for lists
    delays: np.ndarray  # float64, ms, likewise
    rows: np.ndarray  # int64


@dataclass(frozen=True, eq=False)
class StaircaseProgram:
    """A network of staircase neurons lowered to arrays.

    Attributes
    ----------
    names : tuple of str
        The nodes: inputs, then populations.
    shapes : tuple of tuple of int
    ports : tuple of int
        Number of ports of each node.
    nodes, fans, wires : NamedTuple
    parameters : ndarray of int64
        Thresholds and levels.
    sums : ndarray of int64
        What every sum begins with.
    quanta : tuple of ndarray of float64
        For each node the quantum of each port.
    order : tuple of int
        The nodes, each after those that it depends on where no cycle prevents it.
    cyclic : tuple of int
        The nodes that depend on themselves.
    reach : ndarray of int64
        For each row of `fans` the largest sum of the sizes of the weights to one target.
    longest : ndarray of float64
        For each row of `fans` the longest delay in ms.
    fan_out : ndarray of int64
        Number of synapses of every neuron.
    sizes : dict of str to int
        How many counters max-pooling needs.
    notes : tuple of str
        What lowering changed on the way, such as rounded weights.
    """

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    ports: tuple[int, ...]
    nodes: StairNodes
    fans: Fans
    wires: Wires
    parameters: np.ndarray
    sums: np.ndarray
    quanta: tuple[np.ndarray, ...]
    order: tuple[int, ...]
    cyclic: tuple[int, ...]
    reach: np.ndarray
    longest: np.ndarray
    fan_out: np.ndarray
    sizes: dict[str, int]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"StaircaseProgram: {len(self.names)} nodes, {len(self.fans.kind)} projections"]
        for i, name in enumerate(self.names):
            first, size = self.nodes.first[i], self.nodes.size[i]
            count = int(self.fan_out[first : first + size].sum())
            lines.append(f"  {name}: {size:,} neurons, {count:,} synapses from them")
        return "\n".join([*lines, *(f"  note: {note}" for note in self.notes)])
