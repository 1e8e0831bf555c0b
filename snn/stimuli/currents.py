"""Currents, in pA."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from snn import checks
from snn.errors import ValidationError
from snn.random import Distribution


def _flow(stimulus: Any) -> None:
    """Check when a current flows."""
    owner = type(stimulus).__name__
    start = checks.number(owner, "start", stimulus.start, minimum=0.0, unit="ms")
    stop = checks.end(owner, "stop", stimulus.stop, start)
    if stop == start:
        raise ValidationError(owner, "stop", stimulus.stop, f"a time after start = {start:g} ms")
    object.__setattr__(stimulus, "start", start)
    object.__setattr__(stimulus, "stop", stop)


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
        _flow(self)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the source."""
        return self.amplitude.shape


@dataclass(frozen=True, eq=False)
class SampledCurrent:
    """Currents given bin by bin: row b flows from start + b bin to start + (b + 1) bin, the last one until `stop`.

    Parameters
    ----------
    amplitude : array (bins, ...)
        In pA; what follows the first axis is the source's shape.
    bin : float
        In ms, a multiple of dt.
    start, stop : float
        In ms, multiples of dt.
    """

    amplitude: np.ndarray
    bin: float
    start: float = 0.0
    stop: float = math.inf

    def __post_init__(self):
        _flow(self)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the source."""
        return self.amplitude.shape[1:]


@dataclass(frozen=True, eq=False)
class SineCurrent:
    """Sinusoidal currents: ``offset + amplitude sin(2 pi frequency t + phase)`` from `start` to `stop`.

    During a step the current is constant: its value in the middle of the step, with t counted from the simulation's
    start.

    Parameters
    ----------
    amplitude, offset : float or array
        In pA. Arrays have an element an element of the source; there is one element if all are numbers.
    frequency : float or array
        In Hz, not negative.
    phase : float or array
        In radians.
    start, stop : float
        In ms, multiples of dt.
    """

    amplitude: np.ndarray
    frequency: np.ndarray
    phase: np.ndarray
    offset: np.ndarray
    start: float = 0.0
    stop: float = math.inf

    def __post_init__(self):
        given = {}
        for field, unit in zip(fields(self)[:4], ("pA", "Hz", "1", "pA"), strict=True):
            given[field.name] = checks.array("SineCurrent", field.name, getattr(self, field.name), unit=unit)
        shape = max((array.shape for array in given.values()), key=len) or (1,)
        for name, array in given.items():
            if array.shape not in ((), shape) or array.size == 0:
                raise ValidationError(
                    "SineCurrent", name, f"array of shape {array.shape}", f"a number or shape {shape}"
                )
            object.__setattr__(self, name, np.ascontiguousarray(np.broadcast_to(array, shape)))
        if (self.frequency < 0).any():
            raise ValidationError("SineCurrent", "frequency", float(self.frequency.min()), "numbers >= 0")
        _flow(self)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the source."""
        return self.amplitude.shape


@dataclass(frozen=True, eq=False)
class NoiseCurrent:
    """Gaussian white noise, held constant for `interval`, another for every target.

    In every interval a target receives ``mean + std z`` with z from the standard normal distribution. It is the noise
    of NEST's ``noise_generator``: filtered by a membrane with time constant tau_m and capacitance c_m its variance is
    ``(std tau_m / c_m)^2 (1 - a) / (1 + a)`` with ``a = exp(-interval / tau_m)`` at the ends of intervals.

    Parameters
    ----------
    mean, std : float or ndarray
        In pA; an array has an element a target.
    interval : float
        In ms, a multiple of dt.
    start, stop : float
        In ms, multiples of dt.
    """

    mean: float | np.ndarray
    std: float | np.ndarray
    interval: float = 1.0
    start: float = 0.0
    stop: float = math.inf

    shape = None

    def __post_init__(self):
        for name, least in (("mean", -math.inf), ("std", 0.0)):
            value = getattr(self, name)
            if isinstance(value, Distribution):
                raise ValidationError("NoiseCurrent", name, value, "a number or an array")
            object.__setattr__(self, name, checks.parameter("NoiseCurrent", name, value, minimum=least, unit="pA"))
        interval = checks.number("NoiseCurrent", "interval", self.interval, minimum=0.0, exclusive=True, unit="ms")
        object.__setattr__(self, "interval", interval)
        _flow(self)
