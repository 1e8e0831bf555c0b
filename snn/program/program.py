"""The Program: a network as plain arrays, for one step length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from snn.errors import ValidationError
from snn.program.neurons import Group
from snn.program.rows import read_keys, read_rows
from snn.program.tables import (
    NEURONS,
    Banks,
    Blocks,
    Bundles,
    Currents,
    Nodes,
    Noise,
    Plastic,
    Probes,
    Projections,
    Slices,
    Stages,
    Synapses,
)
from snn.program.varying import Varying


class ListedSynapses(NamedTuple):
    """Synapses one by one: source and target neuron (int64), weight (in the unit of its port), delay in ms."""

    sources: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    delays: np.ndarray


def _read(lists: Synapses | Plastic, first: int, sources: int, lead: int) -> np.ndarray:
    """Return source, place in the bank, weight and delay of the synapses of a bundle, int64 (4, synapses)."""
    if lists.words.dtype == np.uint64:
        return np.stack(read_keys(lists.words, lists.rows[first : first + sources + 1]))
    rows, none = lists.rows[first : first + sources], np.zeros((4, 0), np.int64)
    read = np.zeros((4, read_rows(lists.words, rows, lead, *none)), np.int64)
    read_rows(lists.words, rows, lead, *read)
    return read


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
    nodes, slices, blocks, banks, bundles, stages, projections, synapses, noise, currents, probes : NamedTuple
        See `snn.program.tables`.
    varying : Varying
        Stimuli that vary; see `snn.program.varying`.
    plastic : Plastic
        Synapses with short-term plasticity or to binary units; see there.
    incoming : ndarray of int64
        The projections of each node, by target.
    groups : tuple of Group
        Parameters and initial state of the neurons, by model.
    quanta : ndarray of float64
        For each port the number that one unit of its integer sums stands for.
    fan_out : dict of str to ndarray
        Number of synapses of every neuron of a node.
    inputs : dict of str to ndarray
        What stimuli bring; see `snn.program.stimuli`.
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
    blocks: Blocks
    banks: Banks
    bundles: Bundles
    stages: Stages
    projections: Projections
    synapses: Synapses
    plastic: Plastic
    incoming: np.ndarray
    noise: Noise
    currents: Currents
    current_sources: tuple[str, ...]
    varying: Varying
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
        return int((self.nodes.ports * self.nodes.size).sum())

    @property
    def flows(self) -> int:
        """Number of neurons, each of which a current may flow into."""
        return int(self.nodes.size[self.nodes.kind == NEURONS].sum())

    def listed_synapses(self, source: str, target: str) -> ListedSynapses:
        """Return the synapses between two nodes that are listed one by one, by source, then target.

        Projections that follow a pattern, such as `Dense` and `Conv2d`, have no list. The weight of a plastic synapse
        is its largest.

        Parameters
        ----------
        source, target : str
            Names of nodes.
        """
        ends = []
        for attribute, name in (("source", source), ("target", target)):
            if name not in self.names:
                raise ValidationError("listed_synapses", attribute, name, f"one of {', '.join(self.names)}")
            ends.append(self.names.index(name))
        nodes, found = self.nodes, [np.zeros((4, 0))]
        slots = np.full(self.slots, -1)
        units = np.ones(self.slots)
        for s in range(nodes.first_slice[ends[1]], nodes.first_slice[ends[1] + 1]):
            start, stop, slot = (int(getattr(self.slices, name)[s]) for name in ("start", "stop", "slot"))
            for port in range(nodes.ports[ends[1]]):
                mine = slice(slot + port * (stop - start), slot + (port + 1) * (stop - start))
                slots[mine] = np.arange(start, stop)
                units[mine] = self.quanta[nodes.quantum[ends[1]] + port]
        static, plastic = (
            (self.synapses, self.bundles, self.banks),
            (self.plastic, self.plastic.bundles, self.plastic.banks),
        )
        for (lists, bundles, banks), node_of in ((static, np.arange(len(self.names))), (plastic, self.plastic.source)):
            lists = lists._replace(words=np.asarray(lists.words))  # which may be on a device
            for b in np.flatnonzero(node_of[bundles.source] == ends[0]):
                read = _read(lists, int(bundles.first_row[b]), int(nodes.size[ends[0]]), int(bundles.lead[b]))
                bank = np.searchsorted(banks.first_bundle, b, side="right") - 1
                at = banks.slot[bank] + read[1]
                mine = slots[at] >= 0
                found.append(np.stack([read[0], slots[at], read[2] * units[at], read[3] * self.dt])[:, mine])
        columns = np.concatenate(found, axis=1)
        sources, targets, weights, delays = columns[:, np.lexsort((columns[1], columns[0]))]
        return ListedSynapses(sources.astype(np.int64), targets.astype(np.int64), weights, delays)

    def __str__(self) -> str:
        patterns = len(self.projections.kind)
        lines = [
            f"Program: dt {self.dt:g} ms, {len(self.names)} nodes, {patterns} projections by a pattern, such as Dense"
        ]
        for i, name in enumerate(self.names):
            out = self.fan_out[name]
            lines.append(f"  {name}: {self.nodes.size[i]:,} neurons, {int(out.sum()):,} synapses from them")
        return "\n".join([*lines, *(f"  note: {note}" for note in self.notes)])
