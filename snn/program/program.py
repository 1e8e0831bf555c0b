"""The Program: a network as plain arrays, for one step length."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snn.program.neurons import Group
from snn.program.tables import NEURONS, Currents, Nodes, Noise, Probes, Projections, Slices, Stages, Synapses


@dataclass(frozen=True, eq=False)
class Program:
    """A network lowered to arrays for one step length; what an engine runs, and all it sees.

    Attributes
    ----------
    dt : float
        Step in ms.
    seed : int
        Seed of what was drawn in lowering.
    names : tuple of str
        The nodes: populations, then stimuli that are populations of trains.
    nodes, slices, stages, projections, synapses, noise, currents, probes : NamedTuple
        See `snn.program.tables`.
    incoming : ndarray of int64
        The projections of each node, by target.
    groups : tuple of Group
        Parameters and initial state of the neurons, by model.
    quanta : ndarray of float64
        For each port the number that one unit of its integer sums stands for.
    fan_out : dict of str to ndarray
        Number of synapses of every neuron of a node.
    inputs : dict of str to ndarray
        What stimuli bring: rates in Hz, amplitudes in pA, or (step, neuron) of given spikes.
    streams : dict of str to int
        First stream of random numbers of each population and stimulus.
    sizes : dict of str to int
        How many counters max-pooling needs.
    notes : tuple of str
        What lowering changed on the way, such as rounded weights and delays.
    """

    dt: float
    seed: int
    names: tuple[str, ...]
    nodes: Nodes
    slices: Slices
    stages: Stages
    projections: Projections
    synapses: Synapses
    incoming: np.ndarray
    noise: Noise
    currents: Currents
    current_sources: tuple[str, ...]
    probes: Probes
    groups: tuple[Group, ...]
    quanta: np.ndarray
    fan_out: dict[str, np.ndarray]
    inputs: dict[str, np.ndarray]
    streams: dict[str, int]
    sizes: dict[str, int]
    notes: tuple[str, ...]

    @property
    def slots(self) -> int:
        """Number of places where arriving weights are summed."""
        return int(((self.nodes.ports + 1) * self.nodes.size)[self.nodes.kind == NEURONS].sum())

    def __str__(self) -> str:
        lines = [f"Program: dt {self.dt:g} ms, {len(self.names)} nodes, {len(self.projections.kind)} projections"]
        for i, name in enumerate(self.names):
            out = self.fan_out[name]
            lines.append(f"  {name}: {self.nodes.size[i]:,} neurons, {int(out.sum()):,} synapses from them")
        return "\n".join([*lines, *(f"  note: {note}" for note in self.notes)])
