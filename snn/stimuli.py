"""What enters a network from outside."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from snn import checks
from snn.errors import ValidationError
from snn.random import Distribution


@dataclass(frozen=True, eq=False)
class Poisson:
    """Random spikes at a given rate.

    Without a shape every target gets a train of its own, in which a step of the grid may hold several spikes (their
    number is Poisson with mean rate * dt). With a shape it is a population of that many trains, each heard by all its
    targets; a train has at most one spike a step, with probability rate * dt.

    Parameters
    ----------
    rate : float or ndarray
        Rate in Hz; an array has an element a target or, with a shape, a train.
    shape : tuple of int or None
        Shape of the population of trains.
    """

    rate: float | np.ndarray
    shape: tuple[int, ...] | None = None

    def __post_init__(self):
        if isinstance(self.rate, Distribution):
            raise ValidationError("Poisson", "rate", self.rate, "a number or an array")
        object.__setattr__(self, "rate", checks.parameter("Poisson", "rate", self.rate, minimum=0.0, unit="Hz"))


@dataclass(frozen=True, eq=False)
class SpikeTrains:
    """Spikes at given times.

    Parameters
    ----------
    trains : sequence of array
        For each neuron its spike times in ms, ascending, multiples of dt, the first after 0.
    """

    trains: Sequence[object]
    shape: tuple[int, ...] = field(init=False)

    def __post_init__(self):
        if not isinstance(self.trains, Sequence | np.ndarray) or isinstance(self.trains, str):
            raise ValidationError("SpikeTrains", "trains", self.trains, "a list with the spike times of each neuron")
        checked = []
        for i, train in enumerate(self.trains):
            times = checks.array("SpikeTrains", f"trains[{i}]", train, unit="ms")
            if times.ndim != 1 or (np.diff(times) <= 0).any() or (times.size and times[0] <= 0):
                raise ValidationError("SpikeTrains", f"trains[{i}]", train, "ascending times in ms, all above 0")
            checked.append(times)
        if not checked:
            raise ValidationError("SpikeTrains", "trains", self.trains, "at least one train (it may be empty)")
        object.__setattr__(self, "trains", checked)
        object.__setattr__(self, "shape", (len(checked),))


@dataclass(frozen=True, eq=False)
class Current:
    """Constant currents that flow from `start` to `stop`.

    Parameters
    ----------
    amplitude : array
        Current of each element of the source in pA; its shape is the source's.
    start, stop : float
        In ms, multiples of dt.
    """

    amplitude: np.ndarray
    start: float = 0.0
    stop: float = math.inf

    def __post_init__(self):
        object.__setattr__(self, "amplitude", checks.array("Current", "amplitude", self.amplitude, unit="pA"))
        start = checks.number("Current", "start", self.start, minimum=0.0, unit="ms")
        stop = checks.end("Current", "stop", self.stop, start)
        if stop == start:
            raise ValidationError("Current", "stop", self.stop, f"a time after start = {start:g} ms")
        object.__setattr__(self, "start", start)
        object.__setattr__(self, "stop", stop)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the source."""
        return self.amplitude.shape


Stimulus = Poisson | SpikeTrains | Current


@dataclass(frozen=True, eq=False)
class Source:
    """A stimulus in a network; made by `Network.poisson`, `Network.spike_trains` or `Network.current`."""

    name: str
    stimulus: Stimulus

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Shape of the source; None where every target has a train of its own."""
        return self.stimulus.shape

    @property
    def size(self) -> int:
        """Number of elements; 0 where every target has a train of its own."""
        return 0 if self.shape is None else math.prod(self.shape)
