"""Lowering of random counts: Poisson input at constant rates, and what models draw for themselves."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from snn.errors import ValidationError
from snn.network import Population, Source
from snn.neurons.model import Lowered
from snn.poisson import PoissonTables, poisson_tables
from snn.program.lists import Listed, first_of_nodes
from snn.program.tables import Noise

_MOST = 500.0  # spikes a step, on average


class RandomCounts(NamedTuple):
    """Random counts that some neurons of a node receive in every step: a row of `Noise`.

    Attributes
    ----------
    node, port : int
    start, stop : int
        The neurons are `start` .. `stop - 1`.
    weight : int
        Of one count, in multiples of the port's quantum.
    stream : int
    means : ndarray of float64 (neurons,)
    """

    node: int
    port: int
    start: int
    stop: int
    weight: int
    stream: int
    means: np.ndarray


def poisson_counts(listed: Listed, seed: int, dt: float) -> RandomCounts:
    """Return the counts of a projection from Poisson input."""
    p = listed.projection
    source: Any = p.source
    (weight,), (port,) = listed.weights(seed, 0, 1)
    means = np.broadcast_to(means_of(source, source.stimulus.rate, dt), p.target_size)
    stop = p.target_start + p.target_size
    return RandomCounts(listed.target, int(port), p.target_start, stop, int(weight), listed.stream, means)


def own_counts(population: Population, lowered: Lowered, node: int, stream: int) -> list[RandomCounts]:
    """Return the counts that a model draws for one of its ports, if it does."""
    if not lowered.counted:
        return []
    name, mean = lowered.counted
    means = np.broadcast_to(mean, population.size)
    return [RandomCounts(node, lowered.arrivals._fields.index(name), 0, population.size, 1, stream, means)]


def means_of(source: Source, rate: ArrayLike, dt: float) -> np.ndarray:
    """Return mean numbers of spikes a step from rates in Hz, or refuse more than can be drawn."""
    rate = np.asarray(rate, np.float64)
    means = rate * dt / 1000.0
    if means.max() > _MOST:
        expected = f"at most {_MOST:g} spikes a step, {1000.0 * _MOST / dt:g} Hz"
        raise ValidationError(f"poisson {source.name!r}", "rate", float(rate.max()), expected)
    return means


def tables_of(means: np.ndarray) -> tuple[np.ndarray, PoissonTables]:
    """Return the row, int32, of each of these means, (n,), in the tables that counts are drawn by, and the tables."""
    different, rows = np.unique(means, return_inverse=True)
    return rows.ravel().astype(np.int32), poisson_tables(different)


def noise_table(counts: list[RandomCounts], nodes: int) -> tuple[Noise, np.ndarray]:
    """Return the table, by node, and where each node's rows begin."""
    counts = sorted(counts, key=lambda one: one.node)
    means = [one.means for one in counts]
    columns = np.array([one[1:-1] for one in counts], np.int64).reshape(-1, 5)
    port, start, stop, weight, stream = np.ascontiguousarray(columns.T)
    uniform = np.array([int((mean == mean[0]).all()) for mean in means], np.int64)
    first = np.cumsum([0, *map(len, means)])[:-1].astype(np.int64)
    table = Noise(port, start, stop, weight, stream, uniform, first, *tables_of(np.concatenate([[], *means])))
    return table, first_of_nodes([one.node for one in counts], nodes)
