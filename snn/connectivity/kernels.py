"""Kernels: how likely two neurons are connected, by their distance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from snn import checks
from snn.arithmetic import exp
from snn.errors import ValidationError
from snn.jit import compiled

_GAUSSIAN, _EXPONENTIAL, _DISC = 0, 1, 2
_LEAST = 2.0**-53  # a uniform number of 53 bits is as good as never below a smaller one
_SLACK = 1.0 + 1e-9  # distances on a grid are rounded: what should lie at the cutoff is within it


class Constants(NamedTuple):
    """A kernel as compiled functions see it; `width` is its length scale, `reach` the last distance that counts."""

    form: int
    p_max: float
    width: float
    reach: float


@compiled
def probability_at(kernel, distance):
    """Return the probability of a connection over one distance; it never grows with the distance."""
    if distance > kernel.reach:
        return 0.0
    x = distance / kernel.width
    if kernel.form == _GAUSSIAN:
        return kernel.p_max * exp(-0.5 * x * x)
    if kernel.form == _EXPONENTIAL:
        return kernel.p_max * exp(-x)
    return kernel.p_max


@compiled
def _probabilities_at(kernel, distances):
    out = np.empty(len(distances), np.float64)
    for i in range(len(distances)):
        out[i] = probability_at(kernel, distances[i])
    return out


class _Kernel:
    """What all kernels can do."""

    @property
    def constants(self) -> Constants:
        """The kernel as compiled functions see it."""
        raise NotImplementedError

    def probability(self, distance: ArrayLike) -> np.ndarray:
        """Return the probability of a connection over each distance, float64, of the shape of `distance`."""
        given = np.asarray(distance, np.float64)
        return _probabilities_at(self.constants, given.ravel()).reshape(given.shape)

    def _check(self, **lengths: float) -> None:
        owner = type(self).__name__
        p_max = checks.number(owner, "p_max", self.p_max, minimum=0.0)  # pyright: ignore[reportAttributeAccessIssue]
        if p_max > 1.0:
            raise ValidationError(owner, "p_max", p_max, "a number from 0 to 1")
        for name, value in lengths.items():
            if value != math.inf or name != "cutoff":
                checks.number(owner, name, value, minimum=0.0, exclusive=True)


@dataclass(frozen=True)
class GaussianKernel(_Kernel):
    r"""A probability that falls with the distance as a Gaussian.

    .. math::

        p(d) = p_{max} \exp(-d^2 / (2 \sigma^2)) \quad (d \le cutoff), \qquad 0 \quad (d > cutoff)

    Parameters
    ----------
    p_max : float
        From 0 to 1.
    sigma : float
        In the unit of the positions.
    cutoff : float
        Likewise; a distance that exceeds it by less than a billionth of it counts as within. None by default;
        probabilities below 2^-53 then count as 0.

    Raises
    ------
    ValidationError
        If a number is out of its range.
    """

    p_max: float
    sigma: float
    cutoff: float = math.inf

    def __post_init__(self):
        self._check(sigma=self.sigma, cutoff=self.cutoff)

    @property
    def constants(self) -> Constants:
        """The kernel as compiled functions see it."""
        own = self.sigma * math.sqrt(2.0 * math.log(max(self.p_max / _LEAST, 1.0)))
        return Constants(_GAUSSIAN, float(self.p_max), float(self.sigma), float(min(self.cutoff * _SLACK, own)))


@dataclass(frozen=True)
class ExponentialKernel(_Kernel):
    r"""A probability that falls exponentially with the distance.

    .. math::

        p(d) = p_{max} \exp(-d / \lambda) \quad (d \le cutoff), \qquad 0 \quad (d > cutoff)

    Parameters
    ----------
    p_max : float
        From 0 to 1.
    decay_length : float
        lambda, in the unit of the positions.
    cutoff : float
        Likewise; a distance that exceeds it by less than a billionth of it counts as within. None by default;
        probabilities below 2^-53 then count as 0.

    Raises
    ------
    ValidationError
        If a number is out of its range.
    """

    p_max: float
    decay_length: float
    cutoff: float = math.inf

    def __post_init__(self):
        self._check(decay_length=self.decay_length, cutoff=self.cutoff)

    @property
    def constants(self) -> Constants:
        """The kernel as compiled functions see it."""
        own = self.decay_length * math.log(max(self.p_max / _LEAST, 1.0))
        reach = float(min(self.cutoff * _SLACK, own))
        return Constants(_EXPONENTIAL, float(self.p_max), float(self.decay_length), reach)


@dataclass(frozen=True)
class DiscKernel(_Kernel):
    r"""The same probability everywhere within a radius, which a distance may exceed by a billionth.

    .. math::

        p(d) = p_{max} \quad (d \le radius), \qquad 0 \quad (d > radius)

    Parameters
    ----------
    p_max : float
        From 0 to 1.
    radius : float
        In the unit of the positions.

    Raises
    ------
    ValidationError
        If a number is out of its range.
    """

    p_max: float
    radius: float

    def __post_init__(self):
        self._check(radius=self.radius)

    @property
    def constants(self) -> Constants:
        """The kernel as compiled functions see it."""
        return Constants(_DISC, float(self.p_max), float(self.radius), float(self.radius * _SLACK))


Kernel = GaussianKernel | ExponentialKernel | DiscKernel
