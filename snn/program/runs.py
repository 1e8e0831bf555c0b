"""Listed synapses become runs: those of one source, one delay and one group, as the exact engine delivers them.

A run is due at one time, so what waits in the engine's calendar is a run, not a synapse: with one delay a spike waits
once, with a delay a synapse as often as there are synapses, and the same code serves both.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from snn.errors import ValidationError
from snn.jit import compiled
from snn.memory import require
from snn.network import Projection
from snn.program.lists import Listed
from snn.random import Distribution

_BYTES = 64  # that a synapse takes while it is sorted, at most
PORT_BITS = 2


class Synapses(NamedTuple):
    """Synapses of one projection; arrays have an element a synapse."""

    sources: np.ndarray  # int: among all sources
    targets: np.ndarray  # int: in their group
    ports: np.ndarray  # int
    weights: np.ndarray  # float64
    delays: np.ndarray  # float64: ms
    between: bool  # whether the sources are neurons
    group: int  # of the targets


class Runs(NamedTuple):
    """All synapses, in the order of block, source, group, delay and where they were listed.

    Attributes
    ----------
    first_run : ndarray of int64 (blocks, sources + 1)
        Runs first_run[b, i] .. first_run[b, i + 1] - 1 lead from source i to targets of block b.
    synapse : ndarray of int64 (runs + 1,)
        First synapse of each.
    windows, offset : ndarray of int64, ndarray of float64 (runs,)
        Its delay: whole windows, and ms.
    group : ndarray of int64 (runs,)
    addresses : ndarray of int32 (synapses,)
        Four times the target's place in its group, plus the port.
    weights : ndarray of float64 (synapses,)
    """

    first_run: np.ndarray
    synapse: np.ndarray
    windows: np.ndarray
    offset: np.ndarray
    group: np.ndarray
    addresses: np.ndarray
    weights: np.ndarray


def listed_synapses(listed: Listed, seed: int, least: float | None, ends: Any = None) -> Synapses:
    """Draw all synapses of a projection.

    Parameters
    ----------
    listed : Listed
    seed : int
    least : float or None
        Delays in ms must be above this; None for stimuli, where they are 0 unless given.
    ends : (ndarray, ndarray), optional
        Sources and targets, where no rule draws them.
    """
    projection = listed.projection
    if ends is None:
        require(_BYTES * listed.expected, f"{listed.expected:,.0f} synapses, while they are sorted,")
        parts = [listed.edges(seed, k) for k in range(listed.portions)]
        ends = tuple(np.concatenate([part[side] for part in parts]) for side in (0, 1))
    count = len(ends[0])
    weights, ports = listed.given(seed, 0, count)
    delays = _delays(projection, listed.stream + 2, seed, count, least)
    columns = (np.broadcast_to(column, count) for column in (ports, weights, delays))
    return Synapses(*ends, *columns, between=least is not None, group=0)


def _delays(projection: Projection, stream: int, seed: int, count: int, least: float | None) -> np.ndarray:
    given = projection.delay
    if given is None:
        return np.zeros(1)
    drawn = given.sample(count, seed, stream) if isinstance(given, Distribution) else np.atleast_1d(given)
    if least is not None and drawn.size and drawn.min() <= least:
        expected = f"delays above {least:g} ms, also where drawn"
        raise ValidationError(f"connect {projection.name}", "delay", float(drawn.min()), expected)
    return drawn


@compiled
def _sorted_by_key(keys, order, count):
    """Return `order`, stably sorted by ``keys[order[i]]``, which are below `count`, and where each key begins."""
    first = np.zeros(count + 1, np.int64)
    for key in keys:
        first[key + 1] += 1
    for key in range(count):
        first[key + 1] += first[key]
    cursor, out = first[:-1].copy(), np.empty(len(order), np.int64)
    for i in order:
        out[cursor[keys[i]]] = i
        cursor[keys[i]] += 1
    return out, first


def build_runs(
    lists: list[Synapses], sources: int, first_of_group: list[int], blocks: np.ndarray, window: float
) -> Runs:
    """Sort synapses into runs.

    Parameters
    ----------
    lists : list of Synapses
    sources : int
        How many there are.
    first_of_group : list of int
        First neuron of each group.
    blocks : ndarray of int64 (neurons,)
        The block of each.
    window : float
        In ms.
    """
    count = int(blocks.max()) + 1
    columns = [np.concatenate([getattr(one, name) for one in lists] or [np.zeros(0)]) for name in Synapses._fields[:5]]
    source, target, port, weight, delay = columns
    group = np.repeat([one.group for one in lists], [len(one.sources) for one in lists]).astype(np.int64)
    keys = blocks[np.array(first_of_group)[group] + target.astype(np.int64)] * sources + source.astype(np.int64)
    order = np.arange(len(keys))
    if len({(one.group, float(d)) for one in lists for d in _extremes(one.delays)}) > 1:
        order = np.lexsort((delay, group))
    order, first = _sorted_by_key(keys, order, count * sources)
    keys, group, delay = keys[order], group[order], delay[order]
    begins = np.ones(len(keys), bool)
    begins[1:] = (np.diff(keys) != 0) | (np.diff(group) != 0) | (np.diff(delay) != 0)
    synapse = np.append(np.flatnonzero(begins), len(keys)).astype(np.int64)
    number = np.concatenate([[0], np.cumsum(begins)])  # how many runs begin before each synapse
    place = np.arange(count)[:, None] * sources + np.arange(sources + 1)
    each = delay[synapse[:-1]]
    offset = np.fmod(each, window)
    return Runs(
        first_run=number[first[place]].astype(np.int64),
        synapse=synapse,
        windows=np.rint((each - offset) / window).astype(np.int64),
        offset=offset,
        group=group[synapse[:-1]],
        addresses=(target[order].astype(np.int64) << PORT_BITS | port[order].astype(np.int64)).astype(np.int32),
        weights=weight[order].astype(np.float64),
    )


def _extremes(values: np.ndarray) -> tuple:
    return (values.min(), values.max()) if len(values) else ()
