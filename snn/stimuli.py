"""What enters a network from outside."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from snn import checks
from snn.errors import ValidationError


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
        checks.parameter("Poisson", "rate", self.rate, minimum=0.0)


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
        checked = []
        for i, train in enumerate(self.trains):
            times = checks.array("SpikeTrains", f"trains[{i}]", train)
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
        object.__setattr__(self, "amplitude", checks.array("Current", "amplitude", self.amplitude))
        checks.number("Current", "start", self.start, minimum=0.0)
        if not self.stop > self.start:
            raise ValidationError("Current", "stop", self.stop, f"a time after start = {self.start:g} ms")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the source."""
        return self.amplitude.shape


Stimulus = Poisson | SpikeTrains | Current
