"""Lowering of projections that follow a pattern: a row each in `Projections`, and their weights."""

from __future__ import annotations

import numpy as np

from snn.connectivity import MaxPool2d
from snn.network import Projection
from snn.program import synapses
from snn.program.tables import KINDS, Projections


class Patterns:
    """The table `Projections` and the weights it points to, as they grow."""

    def __init__(self):
        self.rows: list[dict] = []
        self.targets: list[int] = []
        self.weights: list[np.ndarray] = []
        self.weight_count = self.counters = self.bests = 0

    def add(self, projection: Projection, source: int, target: int, port: int, weights: np.ndarray, delay: int) -> int:
        """Add what goes from a projection to one port, integer weights; returns the number of the row."""
        rule = projection.rule
        mine = synapses.pattern_weights(rule, weights)
        row = {
            "kind": KINDS[rule.kind],  # pyright: ignore[reportOptionalMemberAccess]
            "source": source,
            "port": port,
            "delay": delay,
            "first_weight": self.weight_count,
            "geometry": synapses.geometry(rule, projection.source.shape or (), projection.target.shape),
            "first_counter": self.counters,
            "first_best": self.bests,
        }
        if isinstance(rule, MaxPool2d):
            self.counters += projection.source.size
            self.bests += projection.target.size
        self.rows.append(row)
        self.targets.append(target)
        self.weights.append(mine)
        self.weight_count += len(mine)
        return len(self.rows) - 1

    def table(self) -> Projections:
        """Return the rows as a table."""
        columns = {name: np.array([row[name] for row in self.rows], np.int64) for name in Projections._fields}
        columns["geometry"] = columns["geometry"].reshape(len(self.rows), 12)
        return Projections(**columns)

    def all_weights(self) -> np.ndarray:
        """Return the weights, int32."""
        return np.concatenate([*self.weights, np.zeros(0, np.int32)]).astype(np.int32, copy=False)
