"""What a network of staircase neurons has come to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

Arrays = dict[str, np.ndarray]


class Changes(NamedTuple):
    """Events of a population or input one by one, by sample, time and neuron.

    Attributes
    ----------
    samples, neurons : ndarray of int32
    times : ndarray of float64
        In ms since the settling began.
    changes : ndarray of int64
        What is added to the level: as many events, of this sign, as its size; one graded event for `snn.Product`.
    """

    samples: np.ndarray
    neurons: np.ndarray
    times: np.ndarray
    changes: np.ndarray


@dataclass(frozen=True, eq=False)
class Settled:
    """State and events of a network of staircase neurons after `snn.Simulation.settle`.

    Attributes
    ----------
    levels : dict of str to ndarray of int64 (batch, *shape)
        What every neuron has said since the beginning: its events +1 less those -1; inputs are there, too.
    sums : dict of str to ndarray of float64 (batch, *shape)
        Sum of each neuron's input, in the unit of the weights: the output of a network whose last neurons are silent.
        (batch, *shape, 2) for `snn.Product`, its ports `a` and `b`.
    positive, negative : dict of str to ndarray of int64 (batch, *shape)
        Number of events +1 and -1 in this settling.
    operations : ndarray of int64 (batch,)
        Synaptic operations: synapses reached by all events, those of the input among them.
    duration : ndarray of float64 (batch,)
        Time of the last event in ms.
    changes : dict of str to Changes, or None
        The events one by one, if asked for.
    """

    levels: Arrays
    sums: Arrays
    positive: Arrays
    negative: Arrays
    operations: np.ndarray
    duration: np.ndarray
    changes: dict[str, Changes] | None

    @property
    def events(self) -> Arrays:
        """Number of events of every neuron, by population and input, int64 (batch, *shape)."""
        return {name: count + self.negative[name] for name, count in self.positive.items()}
