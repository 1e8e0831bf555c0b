"""The order of work: which nodes must run step by step together, and which can run far ahead."""

from __future__ import annotations

import numpy as np

from snn.program.tables import NEVER


def stages_of(nodes: int, ends: list[tuple[int, int, int]]) -> tuple[list[list[int]], np.ndarray]:
    """Group nodes into stages.

    Nodes on a common cycle of projections form a stage, whose window is the smallest delay within it; every other
    node is a stage of its own, which can run through all steps once the nodes before it have.

    Parameters
    ----------
    nodes : int
        Number of nodes.
    ends : list of (int, int, int)
        Source node, target node and smallest delay in steps of every projection.

    Returns
    -------
    stages : list of list of int
        The nodes of each stage, in an order in which each needs only earlier ones.
    windows : ndarray of int64 (stages,)
        In steps.
    """
    from scipy import sparse
    from scipy.sparse import csgraph

    graph = sparse.coo_array(
        (np.ones(len(ends)), ([source for source, _, _ in ends], [target for _, target, _ in ends])),
        shape=(nodes, nodes),
    )
    _, component = csgraph.connected_components(graph.tocsr(), directed=True, connection="strong")
    needs = {int(c): set() for c in component}
    windows = dict.fromkeys(needs, NEVER)
    for source, target, delay in ends:
        if component[source] == component[target]:
            windows[int(component[target])] = min(windows[int(component[target])], delay)
        else:
            needs[int(component[target])].add(int(component[source]))
    order, done = [], set()
    while len(order) < len(needs):
        ready = [c for c in needs if c not in done and needs[c] <= done]
        order.extend(ready)
        done.update(ready)
    stages = [[int(i) for i in np.flatnonzero(component == c)] for c in order]
    return stages, np.array([windows[c] for c in order], np.int64)
