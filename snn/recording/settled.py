"""What a network of staircase neurons has come to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

Arrays = Mapping[str, np.ndarray]


class ByName(Mapping[str, np.ndarray]):
    """Arrays by name, each made when it is first asked for.

    Parameters
    ----------
    names : sequence of str
    make : callable
        Returns the array of a name.
    """

    def __init__(self, names: Sequence[str], make: Callable[[str], np.ndarray]):
        self._names, self._make, self._made = names, make, {}

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._made:
            if name not in self._names:
                raise KeyError(name)
            self._made[name] = self._make(name)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


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
    levels : mapping of str to ndarray of int64 (batch, *shape)
        What every neuron has said since the beginning: its events +1 less those -1; inputs are there, too.
    sums : mapping of str to ndarray of float64 (batch, *shape)
        Sum of each neuron's input, in the unit of the weights: the output of a network whose last neurons are silent.
        (batch, *shape, 2) for `snn.Product`, its ports `a` and `b`.
    positive, negative, events : mapping of str to ndarray of int64 (batch, *shape)
        Number of events +1 and -1, and of both, in this settling.
    totals : mapping of str to ndarray of int64 (*shape)
        Number of events of each neuron in all samples together.
    emitted : mapping of str to ndarray of int64 (batch,)
        Number of events of all neurons of each sample.
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
    events: Arrays
    totals: Arrays
    emitted: Arrays
    operations: np.ndarray
    duration: np.ndarray
    changes: dict[str, Changes] | None
