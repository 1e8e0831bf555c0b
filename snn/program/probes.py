"""Lowering of what is to be recorded."""

from __future__ import annotations

import numpy as np

from snn import checks
from snn.errors import ValidationError
from snn.network import Network
from snn.neurons.model import Lowered
from snn.program.tables import Probes


def lower_probes(network: Network, node: dict[str, int], lowered: dict[str, Lowered], dt: float) -> Probes:
    """Return the table of a network's probes.

    Parameters
    ----------
    network : Network
    node : dict of str to int
        Number of each node.
    lowered : dict of str to Lowered
        Each population's model.
    dt : float
        In ms.

    Raises
    ------
    ValidationError
        If a variable does not exist, or an interval is not a multiple of dt.
    """
    rows, first = [], 0
    for probe in network.probes:
        name, view = probe.view.population.name, probe.view
        owner, variables = f"record {name!r}", lowered[name].state._fields
        if probe.variable not in variables:
            raise ValidationError(owner, "variable", probe.variable, f"one of {', '.join(variables)}")
        every = int(checks.steps(owner, "every", probe.every, dt, minimum=1))
        rows.append((node[name], variables.index(probe.variable), view.start, view.stop, every, first))
        first += view.stop - view.start
    return Probes(*np.ascontiguousarray(np.array(rows, np.int64).reshape(-1, len(Probes._fields)).T))
