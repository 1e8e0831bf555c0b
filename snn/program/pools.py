"""The arrays that projections share, put together one projection after the other."""

from __future__ import annotations

import numpy as np

from snn.program.tables import KINDS, Projections, Synapses


class Pools:
    """The tables `Projections` and `Synapses`, as they grow."""

    def __init__(self):
        self.pattern_weights: list[np.ndarray] = []
        self.weights: list[np.ndarray] = []
        self.targets: list[np.ndarray] = []
        self.rows: list[np.ndarray] = []
        self.delays: list[np.ndarray] = []
        self.sizes = dict.fromkeys(("pattern_weights", "weights", "rows", "delays"), 0)
        self.counters = self.bests = 0

    def _row(self, source: int, kind: int, slot: int, delays: np.ndarray) -> dict:
        row = dict.fromkeys(Projections._fields, 0)
        row |= {
            "source": source,
            "kind": kind,
            "slot": slot,
            "delays": len(delays),
            "first_delay": self.sizes["delays"],
        }
        row |= {"first_weight": self.sizes["pattern_weights"], "first_row": self.sizes["rows"], "geometry": [0] * 12}
        self.delays.append(delays)
        self.sizes["delays"] += len(delays)
        return row

    def add_list(self, source, slot, rows, targets, weights, delays) -> dict:
        """Add a list of synapses; its rows count from the first entry of all lists."""
        row = self._row(source, KINDS["sparse"], slot, delays)
        self.rows.append(rows + self.sizes["weights"])
        self.sizes["rows"] += len(rows)
        self.weights.append(weights)
        self.targets.append(targets)
        self.sizes["weights"] += len(weights)
        return row

    def add_pattern(self, source, kind, slot, weights, delay, shape) -> dict:
        """Add a projection without a list."""
        row = self._row(source, kind, slot, np.array([delay]))
        row["geometry"] = shape
        self.pattern_weights.append(weights)
        self.sizes["pattern_weights"] += len(weights)
        return row

    def table(self, rows: list[dict]) -> Projections:
        """Return the rows as a table."""
        columns = {name: np.array([row[name] for row in rows], np.int64) for name in Projections._fields}
        columns["geometry"] = columns["geometry"].reshape(len(rows), 12)
        return Projections(**columns)

    def synapses(self) -> Synapses:
        """Return the arrays."""

        def join(parts, kind):
            return np.concatenate([*parts, np.zeros(0, kind)]).astype(kind, copy=False)

        return Synapses(
            pattern_weights=join(self.pattern_weights, np.int32),
            weights=join(self.weights, np.int32),
            targets=join(self.targets, np.int32),
            rows=join(self.rows, np.int64),
            delays=join(self.delays, np.int64),
        )
