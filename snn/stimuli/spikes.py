"""Spikes: random trains and given ones."""

from __future__ import annotations

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
class InhomogeneousPoisson:
    """Random spikes at a rate that changes from bin to bin; the rate of the last bin holds ever after.

    As `Poisson`, without a shape a train of its own for every target, with a shape a population of trains.

    Parameters
    ----------
    rate : ndarray (bins,), (bins, targets) or (bins, *shape)
        In Hz: row b from b bin to (b + 1) bin. All trains follow one course if there is one.
    bin : float
        In ms, a multiple of dt.
    shape : tuple of int or None
        Shape of the population of trains.
    """

    rate: np.ndarray
    bin: float
    shape: tuple[int, ...] | None = None

    def __post_init__(self):
        negative = self.rate < 0
        if negative.any():
            where = [int(i) for i in np.argwhere(negative)[0]]
            raise ValidationError(
                "InhomogeneousPoisson", f"rate{where}", float(self.rate[tuple(where)]), "numbers >= 0"
            )
        own = self.rate.shape[1:]
        if (own != () and own != self.shape and self.shape is not None) or (self.shape is None and len(own) > 1):
            expected = f"shape (bins,) or (bins, {'targets' if self.shape is None else str(self.shape)[1:-1]})"
            raise ValidationError("InhomogeneousPoisson", "rate", f"array of shape {self.rate.shape}", expected)
        object.__setattr__(self, "rate", np.ascontiguousarray(self.rate.reshape(len(self.rate), -1)))


@dataclass(frozen=True, eq=False)
class GammaTrains:
    """A population of stationary renewal trains with gamma-distributed intervals.

    The intervals have mean ``1 / rate`` and coefficient of variation ``1 / sqrt(order)``: order 1 is Poisson, larger
    ones are more regular, smaller ones burst. The trains are in equilibrium from the start: the first spike comes after
    a uniform fraction of an interval from the length-biased distribution, which is the gamma distribution of the next
    order (Cox, "Renewal theory", 1962). A spike is put on the next point of the grid, and one whose step is taken on
    the step after, so that a train has at most one spike a step and none is lost.

    Parameters
    ----------
    rate : float or ndarray
        In Hz, at most a spike a step; an array has an element a train.
    order : float or ndarray
        Shape parameter of the gamma distribution, above 0; likewise.
    shape : tuple of int
        Shape of the population of trains.
    """

    rate: float | np.ndarray
    order: float | np.ndarray
    shape: tuple[int, ...]

    def __post_init__(self):
        for name, unit in (("rate", "Hz"), ("order", "1")):
            value = getattr(self, name)
            if isinstance(value, Distribution):
                raise ValidationError("GammaTrains", name, value, "a number or an array")
            exclusive = name == "order"
            value = checks.parameter("GammaTrains", name, value, minimum=0.0, exclusive=exclusive, unit=unit)
            object.__setattr__(self, name, value)


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
