"""Lowering of projections that follow a pattern: a row each in `Projections`, and their weights."""

from __future__ import annotations

import numpy as np

from snn.connectivity import MaxPool2d, OneToOne
from snn.program import synapses
from snn.program.lists import Listed, first_of_nodes
from snn.program.tables import KINDS, Projections
from snn.random import Distribution


class Patterns:
    """The table `Projections` and the weights it points to, as they grow."""

    def __init__(self):
        self.rows: list[dict] = []
        self.targets: list[int] = []
        self.weights: list[np.ndarray] = []
        self.weight_count = self.counters = self.bests = 0

    def lower(self, listed: Listed, seed: int, dt: float) -> int:
        """Add a projection, a row for every port that weights go to; returns the number of the first."""
        projection, first = listed.projection, len(self.rows)
        weights = synapses.given_weights(projection)
        if isinstance(weights, Distribution):
            weights = weights.sample(projection.target.size, seed, listed.stream + 1)
        elif isinstance(projection.rule, OneToOne):
            weights = np.broadcast_to(weights, projection.target.size)
        weights = np.asarray(weights, np.float64)
        positive, negative = listed.ports
        parts = {positive: weights}
        if positive != negative:
            parts = {positive: np.maximum(weights, 0.0), negative: np.minimum(weights, 0.0)}
        delay = synapses.delay_bounds(projection, dt)[0]
        for port, part in parts.items():
            if np.any(part) or len(parts) == 1:
                self.add(listed, port, synapses.to_integers(part, listed.quanta[port]), delay)
        return first

    def add(self, listed: Listed, port: int, weights: np.ndarray, delay: int) -> int:
        """Add what goes from a projection to one port, integer weights; returns the row's number."""
        projection, rule = listed.projection, listed.projection.rule
        mine = synapses.pattern_weights(rule, weights)
        row = {
            "kind": KINDS[rule.kind],  # pyright: ignore[reportOptionalMemberAccess]
            "source": listed.source,
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
        self.targets.append(-1 if listed.source < 0 else listed.target)
        self.weights.append(mine)
        self.weight_count += len(mine)
        return len(self.rows) - 1

    def table(self) -> Projections:
        """Return the rows as a table."""
        columns = {name: np.array([row[name] for row in self.rows], np.int64) for name in Projections._fields}
        columns["geometry"] = columns["geometry"].reshape(len(self.rows), 12)
        return Projections(**columns)

    def incoming(self, nodes: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows by target, without those of currents, and where those of each node begin, int64."""
        targets = np.array(self.targets, np.int64)
        order = np.argsort(targets, kind="stable")
        first = first_of_nodes(targets[order].tolist(), nodes)
        return order.astype(np.int64)[first[0] :], first - first[0]

    def all_weights(self) -> np.ndarray:
        """Return the weights, int32."""
        return np.concatenate([*self.weights, np.zeros(0, np.int32)]).astype(np.int32, copy=False)
