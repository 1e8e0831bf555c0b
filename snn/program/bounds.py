"""How large sums and levels of staircase neurons can become, so that none overflows."""

from __future__ import annotations

import math

import numpy as np

from snn.errors import ValidationError
from snn.neurons.staircase import LARGEST_LEVEL, LARGEST_SUM, NEAREST, PRODUCT, TABLE
from snn.program.staircase import INPUT, StaircaseProgram


class _Bounds:
    """One run of `check_bounds`: what is known of the nodes, by number."""

    def __init__(self, program: StaircaseProgram, now: list[int], limit: int):
        self.program, self.now, self.limit = program, now, limit
        self.levels: dict[int, int] = {}

    def sums(self, node: int) -> list[int]:
        """Return the largest size of the sums of each port."""
        program, nodes = self.program, self.program.nodes
        found = []
        for port in range(program.ports[node]):
            slot, size = int(nodes.slot[node]) + port * int(nodes.size[node]), int(nodes.size[node])
            total = int(np.abs(program.sums[slot : slot + size]).max())
            for j in np.flatnonzero(program.fans.slot == slot):
                if program.fans.target[j] == node:
                    total += int(program.reach[j]) * self.levels[int(program.fans.source[j])]
            found.append(total)
        return found

    def level(self, node: int, sums: list[int] | None) -> int:
        """Return the largest size of a node's levels; without `sums`, those are not known."""
        nodes, kind = self.program.nodes, self.program.nodes.kind[node]
        rows, width = int(nodes.rows[node]), int(nodes.width[node])
        first = int(nodes.parameters[node])
        parameters = self.program.parameters[first : first + rows * width].reshape(rows, width)
        if kind == TABLE:
            return max(self.now[node], int(np.abs(parameters[:, (width - 1) // 2 :]).max()))
        if kind == NEAREST:
            step, below, low, high = parameters.min(axis=0).tolist()
            ends = (-low, high)
            if sums is None:
                reached = (self.now[node] + self.limit,) * 2
            else:
                reached = tuple((2 * sums[0] + one) // (2 * one) for one in (below, step))
            return max(self.now[node], *(min(abs(e), r) for e, r in zip(ends, reached, strict=True)))
        return max(self.now[node], math.prod(sums or [0]))

    def waits_for(self, node: int) -> set[int]:
        """Return the nodes that must be known first."""
        fans = self.program.fans
        return {int(source) for source in fans.source[fans.target == node]} - set(self.levels)


def check_bounds(program: StaircaseProgram, now: list[int], limit: int) -> list[int]:
    """Refuse an input with which a sum or a level could become too large.

    Parameters
    ----------
    program : StaircaseProgram
    now : list of int
        For each node the largest size of a level now; for inputs also of those to come.
    limit : int
        Events that the populations of a sample may emit.

    Returns
    -------
    list of int
        For each node the largest size that a level may have.

    Raises
    ------
    ValidationError
        If sums of 2^59 quanta or levels of 2^40 could be exceeded.
    """
    bounds, kinds = _Bounds(program, now, limit), program.nodes.kind
    for node in range(len(kinds)):
        if kinds[node] == INPUT:
            bounds.levels[node] = now[node]
        elif node in program.cyclic and kinds[node] != PRODUCT:
            bounds.levels[node] = bounds.level(node, None)
    waiting = [node for node in program.order if node not in bounds.levels]
    while waiting:
        ready = next((node for node in waiting if not bounds.waits_for(node)), None)
        if ready is None:
            expected = "a Quantizer or Staircase between products that depend on themselves"
            raise ValidationError("settle", "network", f"population {program.names[waiting[0]]!r}", expected)
        waiting.remove(ready)
        bounds.levels[ready] = bounds.level(ready, bounds.sums(ready))
    for node, level in bounds.levels.items():
        sums = max(bounds.sums(node), default=0)
        if sums >= LARGEST_SUM or level >= LARGEST_LEVEL:
            what = f"sums of up to {sums:.2e} quanta, levels of up to {level:.2e}"
            expected = (
                f"sums < {LARGEST_SUM:.2e}, levels < {LARGEST_LEVEL:.2e}: smaller counts or max_events, bounds low and "
                "high of unbounded Quantizers before it, or weight_bits=16"
            )
            raise ValidationError(f"population {program.names[node]!r}", "input", what, expected)
    return [bounds.levels[node] for node in range(len(kinds))]
