"""Projections whose synapses are listed: drawn portion by portion, as source, target, integer weight and delay."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from snn.network import Projection
from snn.program import synapses
from snn.random import Distribution

_LOSS = 1e-6  # a weight that rounding changes by more of itself is worth a note


class Listed(NamedTuple):
    """A projection whose synapses are listed, and what lowering knows about it.

    Attributes
    ----------
    source, target : int
        Nodes; the source is -1 for a current.
    stream : int
        First stream of random numbers of the projection.
    ports : (int, int)
        Where positive and where negative weights go.
    quanta : ndarray of float64 (ports of the target,)
    """

    projection: Projection
    source: int
    target: int
    stream: int
    ports: tuple[int, int]
    quanta: np.ndarray

    @property
    def portions(self) -> int:
        """In how many portions the synapses are drawn."""
        p = self.projection
        rule: Any = p.rule
        return rule.portions(p.source_size, p.target_size, p.same)

    @property
    def expected(self) -> float:
        """How many synapses there will be, about."""
        p = self.projection
        rule: Any = p.rule
        count = rule.count(p.source_size, p.target_size, p.same)
        return rule.expected(p.source_size, p.target_size, p.same) if count is None else count

    def edges(self, seed: int, portion: int) -> tuple[np.ndarray, np.ndarray]:
        """Return source and target of every synapse of a portion, among all neurons of the two ends."""
        p = self.projection
        rule: Any = p.rule
        sources, targets = rule.edges(p.source_size, p.target_size, seed, self.stream, p.same, portion)
        if p.source_start:
            sources = sources + p.source_start
        if p.target_start:
            targets = targets + p.target_start
        return sources, targets

    def weights(self, seed: int, first: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return integer weight and port of synapses `first` .. `first + count - 1`: arrays of them, or of one."""
        given, ports = self.given(seed, first, count)
        return synapses.to_integers(given, self.quanta[ports]), ports

    def given(self, seed: int, first: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return weight and port of synapses `first` .. `first + count - 1`: arrays of them, or of one."""
        given = synapses.given_weights(self.projection)
        if isinstance(given, Distribution):
            given = given.sample(count, seed, self.stream + 1, first)
        elif np.ndim(given):
            given = np.ravel(given)[first : first + count]
        given = np.atleast_1d(given)
        ports = np.array([self.ports[0]])
        if self.ports[0] != self.ports[1]:
            ports = np.where(given < 0, self.ports[1], self.ports[0])
        return given, ports

    def loss(self) -> float:
        """Return by how much of itself rounding changes a weight at most; not for weights that are drawn."""
        given = synapses.given_weights(self.projection)
        if isinstance(given, Distribution):
            return 0.0
        given = np.unique(np.ravel(given))
        given = given[given != 0]
        units = self.quanta[np.where(given < 0, self.ports[1], self.ports[0])]
        return float(np.abs(np.rint(given / units) * units / given - 1.0).max(initial=0.0))


def first_of_nodes(nodes: list[int], count: int) -> np.ndarray:
    """Return where the rows of each of `count` nodes begin in a table whose rows are by node, int64 (count + 1,)."""
    return np.searchsorted(nodes, np.arange(count + 1)).astype(np.int64)


def weight_notes(lists: list[Listed]) -> Iterator[str]:
    """Yield what rounding changed of weights."""
    for one in lists:
        loss = one.loss()
        if loss > _LOSS:
            yield f"{one.projection.name}: rounding changes a weight by {loss:.1e} of itself"


def notes_of(lists: list[Listed], dt: float) -> Iterator[str]:
    """Yield what rounding changed."""
    for one in lists:
        yield from weight_notes([one])
        if isinstance(one.projection.delay, Distribution):
            yield f"{one.projection.name}: delays drawn are rounded to multiples of {dt:g} ms"
