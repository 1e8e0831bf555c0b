"""Lowering of currents that elements send through synapses, as spikes are sent."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from snn import checks
from snn.network import Source
from snn.program.lists import Listed, first_of_nodes
from snn.program.tables import NEVER, Currents
from snn.stimuli import Current


def flow_of(source: Source, dt: float) -> tuple[int, int]:
    """Return start and stop of a current in steps."""
    stimulus: Any = source.stimulus
    owner = f"current {source.name!r}"
    start = int(checks.steps(owner, "start", stimulus.start, dt))
    return start, NEVER if math.isinf(stimulus.stop) else int(checks.steps(owner, "stop", stimulus.stop, dt))


def current_table(currents: list[tuple[Listed, int]], nodes: int, seed: int, dt: float) -> tuple[Currents, np.ndarray]:
    """Lower projections from currents.

    Parameters
    ----------
    currents : list of (Listed, int)
        By target: each projection and its row of `Projections`, or -1 where its synapses are listed.
    nodes : int
        How many there are.
    seed : int
        Of synapses.
    dt : float
        In ms.

    Returns
    -------
    Currents
    ndarray of int64 (nodes + 1,)
        Where each node's rows begin.
    """
    rows, lists, drives = [], [np.zeros((3, 0), np.int32)], 0
    for listed, row in currents:
        source: Any = listed.projection.source
        start, stop = flow_of(source, dt) if isinstance(source.stimulus, Current) else (-1, -1)
        rows.append((start, stop, listed.projection.target.size, drives, row))
        drives += listed.projection.target.size
        lists.append(_synapses(listed, seed) if row < 0 else lists[0])
    starts, stops, sizes, first_drives, projections = np.ascontiguousarray(np.array(rows, np.int64).reshape(-1, 5).T)
    first_synapse = np.cumsum([part.shape[1] for part in lists])
    sources, targets, weights = np.concatenate(lists, axis=1)
    table = Currents(starts, stops, sizes, first_drives, projections, first_synapse, sources, targets, weights)
    return table, first_of_nodes([listed.target for listed, _ in currents], nodes)


def _synapses(listed: Listed, seed: int) -> np.ndarray:
    """Return sources, targets and integer weights of the synapses by target, int32 (3, synapses)."""
    portions = [listed.edges(seed, k) for k in range(listed.portions)]
    sources, targets = (np.concatenate([part[side] for part in portions]) for side in (0, 1))
    weights = np.broadcast_to(listed.weights(seed, 0, len(sources))[0], len(sources))
    return np.array([sources, targets, weights], np.int32)[:, np.lexsort((sources, targets))]
