"""When populations run: one behind the other along a graph, side by side within a cycle."""

from __future__ import annotations

import numpy as np

from bridge.errors import ConversionError

Links = list[tuple[str, str, int]]  # source, target, steps of delay that the file asks for


def offsets(names: list[str], links: Links) -> tuple[dict[str, int], dict[str, int]]:
    """Return by how many steps each population runs behind the input, and the number of the cycle it is in.

    A spike takes a step at least, NIR's edges take no time. So each population runs a step behind those it reads, and a
    way that leaves out populations waits as long; only within a cycle, where this cannot be, every edge takes a step.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    index = {name: i for i, name in enumerate(names)}
    ends = np.array([(index[source], index[target]) for source, target, _ in links], np.int64).reshape(-1, 2)
    edges = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(len(names), len(names)))
    count, cycle = connected_components(edges, directed=True, connection="strong")
    behind = np.zeros(count, np.int64)
    between = {(int(cycle[i]), int(cycle[j])) for i, j in ends if cycle[i] != cycle[j]}
    for _ in range(count):  # the longest way, which has at most so many edges
        for i, j in between:
            behind[j] = max(behind[j], behind[i] + 1)
    return {name: int(behind[cycle[i]]) for name, i in index.items()}, {n: int(cycle[i]) for n, i in index.items()}


def in_steps(delay: float, dt: float, owner: str) -> int:
    """Return a delay in steps, or refuse it by its owner's name if it is not a number of them."""
    steps = round(delay / dt)
    if abs(delay / dt - steps) > 1e-5 * max(1, steps):
        remedy = f"Use a dt that divides it, or a delay such as {steps * dt:g}"
        raise ConversionError(owner, f"waits {delay:g}, which is {delay / dt:g} steps of dt = {dt:g}", remedy)
    return steps
