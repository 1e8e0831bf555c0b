"""The stimuli of a network, as its methods add them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from snn import checks
from snn.errors import ValidationError
from snn.stimuli.counts import Counts
from snn.stimuli.courses import course
from snn.stimuli.currents import Current, NoiseCurrent, SampledCurrent, SineCurrent
from snn.stimuli.source import Source
from snn.stimuli.spikes import GammaTrains, InhomogeneousPoisson, Poisson, SpikeTrains


class Inputs:
    """The part of `snn.Network` that adds stimuli."""

    def __init__(self):
        self.sources: dict[str, Source] = {}

    def poisson(
        self,
        name: str,
        rate: float | np.ndarray | Callable[[float], object],
        shape: int | tuple[int, ...] | None = None,
        *,
        bin: float | None = None,
        duration: float | None = None,
    ) -> Source:
        """Add random spikes: without a shape a train of its own for every target.

        Parameters
        ----------
        name : str
            Not used before in this network.
        rate : float, array or callable
            In Hz. A number or, with an element a target (or train), an array is a constant rate (see `Poisson`). With
            `bin` it changes in time (see `InhomogeneousPoisson`): an array has a row a bin, (bins,) or (bins, targets);
            a function takes the time in ms, and gives the rate, or an array of rates, in the middle of each bin. The
            rate of the last bin holds ever after.
        shape : int or tuple of int, optional
            Shape of the population of trains.
        bin : float, optional
            In ms, a multiple of dt.
        duration : float, optional
            In ms, a multiple of `bin`: how far a function is followed.

        Raises
        ------
        ValidationError
            If a rate is negative or not finite, or shapes do not fit.
        """
        owner = self._claim(name)
        if shape is not None:
            shape = self._shape(owner, shape)
        if bin is not None or duration is not None or callable(rate):
            rates, length = course(owner, "rate", rate, bin, duration, "Hz")
            return self._add(Source(name, InhomogeneousPoisson(rates, length, shape)))
        if shape is not None:
            checks.fits(owner, "rate", rate, math.prod(shape))
        return self._add(Source(name, Poisson(rate, shape)))

    def gamma(
        self, name: str, rate: float | np.ndarray, order: float | np.ndarray, shape: int | tuple[int, ...]
    ) -> Source:
        """Add trains with gamma-distributed intervals at `rate` Hz, in equilibrium (see `GammaTrains`)."""
        owner = self._claim(name)
        shape = self._shape(owner, shape)
        for argument, value in (("rate", rate), ("order", order)):
            checks.fits(owner, argument, value, math.prod(shape))
        return self._add(Source(name, GammaTrains(rate, order, shape)))

    def spike_trains(self, name: str, trains: object) -> Source:
        """Add spikes at given times, a train a neuron (see `SpikeTrains`)."""
        self._claim(name)
        return self._add(Source(name, SpikeTrains(trains)))  # pyright: ignore[reportArgumentType]

    def counts(self, name: str, shape: int | tuple[int, ...]) -> Source:
        """Add the input of a network of staircase neurons: an integer an element (see `Counts`)."""
        owner = self._claim(name)
        return self._add(Source(name, Counts(self._shape(owner, shape))))

    def current(
        self,
        name: str,
        amplitude: object,
        *,
        start: float = 0.0,
        stop: float = math.inf,
        bin: float | None = None,
        duration: float | None = None,
    ) -> Source:
        """Add currents that flow from `start` to `stop`.

        Parameters
        ----------
        name : str
            Not used before in this network.
        amplitude : array or callable
            In pA. An array with an element an element of the source is constant (see `Current`). With `bin` it changes
            in time (see `SampledCurrent`): an array has a row a bin, (bins,) or (bins, ...); a function takes the time
            since `start` in ms, and gives the current, or an array, in the middle of each bin. The last bin's holds
            until `stop`.
        start, stop : float
            In ms, multiples of dt.
        bin : float, optional
            In ms, a multiple of dt.
        duration : float, optional
            In ms, a multiple of `bin`: how far a function is followed.

        Raises
        ------
        ValidationError
            If an amplitude is not finite, or there is none.
        """
        owner = self._claim(name)
        if bin is not None or duration is not None or callable(amplitude):
            rows, length = course(owner, "amplitude", amplitude, bin, duration, "pA")
            rows = rows[:, None] if rows.ndim == 1 else rows
            return self._add(Source(name, SampledCurrent(rows, length, start, stop)))
        array = np.atleast_1d(checks.array(owner, "amplitude", amplitude, unit="pA"))
        source = Source(name, Current(array, start, stop))
        if source.size == 0:
            raise ValidationError(owner, "amplitude", amplitude, "at least one number")
        return self._add(source)

    def sine_current(
        self,
        name: str,
        amplitude: float | np.ndarray,
        frequency: float | np.ndarray,
        *,
        phase: float | np.ndarray = 0.0,
        offset: float | np.ndarray = 0.0,
        start: float = 0.0,
        stop: float = math.inf,
    ) -> Source:
        """Add currents ``offset + amplitude sin(2 pi frequency t + phase)``: pA, Hz, radians (see `SineCurrent`)."""
        self._claim(name)
        values: list[Any] = [amplitude, frequency, phase, offset]
        return self._add(Source(name, SineCurrent(*values, start=start, stop=stop)))

    def noise_current(
        self,
        name: str,
        mean: float | np.ndarray,
        std: float | np.ndarray,
        *,
        interval: float = 1.0,
        start: float = 0.0,
        stop: float = math.inf,
    ) -> Source:
        """Add Gaussian white noise in pA, held for `interval` ms, another for every target (see `NoiseCurrent`)."""
        self._claim(name)
        return self._add(Source(name, NoiseCurrent(mean, std, interval, start, stop)))

    def _claim(self, name: str) -> str:
        """Return the owner to name in errors, or refuse a name that is taken."""
        raise NotImplementedError

    @staticmethod
    def _shape(owner: str, shape: object) -> tuple[int, ...]:
        sizes = shape if isinstance(shape, tuple) else (shape,)
        if not sizes:
            raise ValidationError(owner, "shape", shape, "an integer or a tuple of integers, all >= 1")
        return tuple(checks.integer(owner, "shape", size, minimum=1) for size in sizes)

    def _add(self, source: Source) -> Source:
        self.sources[source.name] = source
        return source
