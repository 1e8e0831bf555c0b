"""What `snn.Simulation` asks of an engine.

An engine is made of a lowered network and has

- ``time``: ms simulated;
- ``goal(duration)``: the time so much later, as the engine counts it, or a refusal;
- ``advance(goal)``: go a stretch towards it, and return whether it is reached;
- ``take_spikes()``, ``take_traces()``: what happened since they were last asked;
- ``variable(name, variable)``: the state now;
- ``set_parameters(group, parameters)`` and, on a grid, ``set_input(name, values)``: changes from now on;
- ``reset(first_sample)``: back to time 0.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Spikes(NamedTuple):
    """Spikes of one population, sorted by sample, time and neuron.

    Attributes
    ----------
    samples : ndarray of int32
    steps : ndarray of int64
        Counted from the simulation's start; windows, on the exact engine.
    neurons : ndarray of int32
    offsets : ndarray of float64, optional
        Time since the window's beginning in ms; None on a grid.
    """

    samples: np.ndarray
    steps: np.ndarray
    neurons: np.ndarray
    offsets: np.ndarray | None = None
