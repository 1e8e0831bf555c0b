"""Activations: functions of each value by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from bridge.errors import ValidationError
from bridge.nodes.base import Activation, channelwise


@dataclass(frozen=True, eq=False)
class ReLU(Activation):
    """Rectifier: y = max(x, 0)."""

    def _value(self, *values):
        return np.maximum(values[0], 0.0)


@dataclass(frozen=True, eq=False)
class ReLU6(Activation):
    """Rectifier with a ceiling: y = min(max(x, 0), 6)."""

    def _value(self, *values):
        return np.clip(values[0], 0.0, 6.0)


@dataclass(frozen=True, eq=False)
class QuantisedReLU(Activation):
    """Rectifier in steps: y = theta / L * clip(floor(x L / theta + 1/2), 0, L), with theta[c] a channel (first axis).

    It is what L spikes can say (Bu et al., ICLR 2022); theta is `threshold`, L `levels`.
    """

    threshold: np.ndarray
    levels: int
    arrays: ClassVar = {"threshold": 1}

    def _shape(self, *shapes):
        if self.levels < 1:
            raise ValidationError(f"levels must be at least 1, not {self.levels}")
        if self.threshold.shape != shapes[0][:1] or (self.threshold <= 0.0).any():
            raise ValidationError(f"threshold must be positive, one a channel of {shapes[0]}")
        return shapes[0]

    def _value(self, *values):
        theta = channelwise(self.threshold, values[0].ndim)
        return theta / self.levels * np.floor(np.clip(values[0] * self.levels / theta, 0.0, self.levels) + 0.5)


@dataclass(frozen=True, eq=False)
class Hardtanh(Activation):
    """Clipping: y = min(max(x, low), high); either bound may be infinite."""

    low: float = -1.0
    high: float = 1.0

    def _shape(self, *shapes):
        if not self.low <= self.high:
            raise ValidationError(f"low {self.low} must not be above high {self.high}")
        return shapes[0]

    def _value(self, *values):
        return np.clip(values[0], self.low, self.high)


@dataclass(frozen=True, eq=False)
class LeakyReLU(Activation):
    """Leaky rectifier: y = x where x > 0, else slope x."""

    slope: float = 0.01

    @property
    def monotone(self):
        """Whether f never falls: the slope is not negative."""
        return self.slope >= 0.0

    def _value(self, *values):
        return np.where(values[0] > 0.0, values[0], self.slope * values[0])


@dataclass(frozen=True, eq=False)
class PReLU(Activation):
    """Leaky rectifier with a slope a channel (first axis), or one for all: y = x where x > 0, else slope[c] x."""

    slope: np.ndarray
    arrays: ClassVar = {"slope": 1}

    @property
    def monotone(self):
        """Whether f never falls: no slope is negative."""
        return bool((self.slope >= 0.0).all())

    def _shape(self, *shapes):
        if self.slope.shape not in ((1,), shapes[0][:1]):
            raise ValidationError(f"slope {self.slope.shape} is neither one number nor one a channel of {shapes[0]}")
        return shapes[0]

    def _value(self, *values):
        return np.where(values[0] > 0.0, values[0], channelwise(self.slope, values[0].ndim) * values[0])


@dataclass(frozen=True, eq=False)
class ELU(Activation):
    """Exponential linear unit: y = scale x where x > 0, else scale alpha (exp(x / width) - 1).

    CELU has width = alpha, SELU scale = 1.0507 and alpha = 1.6733 (Klambauer et al., NeurIPS 2017).
    """

    alpha: float = 1.0
    scale: float = 1.0
    width: float = 1.0

    @property
    def monotone(self):
        """Whether f never falls: alpha / width and the scale are not negative."""
        return self.alpha / self.width >= 0.0 and self.scale >= 0.0

    def _value(self, *values):
        (x,) = values
        below = self.alpha * np.expm1(np.minimum(x, 0.0) / self.width)
        return self.scale * np.where(x > 0.0, x, below)


SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


@dataclass(frozen=True, eq=False)
class SELU(ELU):
    """Self-normalising exponential linear unit: the `ELU` with the constants of Klambauer et al. (NeurIPS 2017)."""

    alpha: float = SELU_ALPHA
    scale: float = SELU_SCALE


@dataclass(frozen=True, eq=False)
class GELU(Activation):
    """Gaussian error linear unit: y = x Phi(x), or y = x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 where `tanh`.

    Phi is the normal distribution function (Hendrycks and Gimpel, 2016).
    """

    tanh: bool = False

    @property
    def monotone(self):
        """False: the function falls below x = -0.75."""
        return False

    def _value(self, *values):
        from scipy.special import ndtr

        (x,) = values
        if self.tanh:
            return 0.5 * x * (1.0 + np.tanh(np.sqrt(2.0 / np.pi) * (x + 0.044715 * x**3)))
        return x * ndtr(x)


@dataclass(frozen=True, eq=False)
class SiLU(Activation):
    """Sigmoid linear unit, swish: y = x / (1 + exp(-x))."""

    @property
    def monotone(self):
        """False: the function falls below x = -1.28."""
        return False

    def _value(self, *values):
        return values[0] * sigmoid(values[0])


@dataclass(frozen=True, eq=False)
class Mish(Activation):
    """Mish: y = x tanh(log(1 + exp(x))) (Misra, 2019)."""

    @property
    def monotone(self):
        """False: the function falls below x = -1.19."""
        return False

    def _value(self, *values):
        return values[0] * np.tanh(np.logaddexp(0.0, values[0]))


@dataclass(frozen=True, eq=False)
class Hardswish(Activation):
    """Piecewise swish: y = x min(max(x + 3, 0), 6) / 6 (Howard et al., ICCV 2019)."""

    @property
    def monotone(self):
        """False: the function falls from x = -3 to -1.5."""
        return False

    def _value(self, *values):
        return values[0] * np.clip(values[0] + 3.0, 0.0, 6.0) / 6.0


@dataclass(frozen=True, eq=False)
class Hardsigmoid(Activation):
    """Piecewise sigmoid: y = min(max(x + 3, 0), 6) / 6."""

    def _value(self, *values):
        return np.clip(values[0] + 3.0, 0.0, 6.0) / 6.0


@dataclass(frozen=True, eq=False)
class Sigmoid(Activation):
    """Logistic function: y = 1 / (1 + exp(-x))."""

    def _value(self, *values):
        return sigmoid(values[0])


@dataclass(frozen=True, eq=False)
class LogSigmoid(Activation):
    """Logarithm of the logistic function: y = -log(1 + exp(-x))."""

    def _value(self, *values):
        return -np.logaddexp(0.0, -values[0])


@dataclass(frozen=True, eq=False)
class Tanh(Activation):
    """Hyperbolic tangent: y = tanh x."""

    def _value(self, *values):
        return np.tanh(values[0])


@dataclass(frozen=True, eq=False)
class Softplus(Activation):
    """Smooth rectifier: y = log(1 + exp(beta x)) / beta, and y = x where beta x > threshold, as PyTorch has it."""

    beta: float = 1.0
    threshold: float = 20.0

    def _shape(self, *shapes):
        if not self.beta > 0.0:
            raise ValidationError(f"beta must be positive, not {self.beta}")
        return shapes[0]

    def _value(self, *values):
        scaled = self.beta * values[0]
        return np.where(scaled > self.threshold, values[0], np.logaddexp(0.0, scaled) / self.beta)


@dataclass(frozen=True, eq=False)
class Softsign(Activation):
    """Slow sigmoid: y = x / (1 + |x|)."""

    def _value(self, *values):
        return values[0] / (1.0 + np.abs(values[0]))


@dataclass(frozen=True, eq=False)
class Absolute(Activation):
    """Magnitude: y = |x|."""

    @property
    def monotone(self):
        """False: the function falls below 0."""
        return False

    def _value(self, *values):
        return np.abs(values[0])


@dataclass(frozen=True, eq=False)
class Hardshrink(Activation):
    """Values near zero put there: y = x where |x| > edge, else 0."""

    edge: float = 0.5

    def _value(self, *values):
        return np.where(np.abs(values[0]) > self.edge, values[0], 0.0)


@dataclass(frozen=True, eq=False)
class Softshrink(Activation):
    """Values brought nearer to zero: y = sign(x) max(|x| - edge, 0)."""

    edge: float = 0.5

    def _value(self, *values):
        return values[0] - np.clip(values[0], -self.edge, self.edge)


@dataclass(frozen=True, eq=False)
class Threshold(Activation):
    """Values that are not above an edge replaced: y = x where x > edge, else other."""

    edge: float
    other: float

    @property
    def monotone(self):
        """Whether f never falls: the number that replaces is not above the edge."""
        return self.other <= self.edge

    def _value(self, *values):
        return np.where(values[0] > self.edge, values[0], self.other)


def _erf(x: np.ndarray) -> np.ndarray:
    from scipy.special import erf

    return erf(x)


# By name, with whether they never fall.
FUNCTIONS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], bool]] = {
    "atan": (np.arctan, True),
    "asinh": (np.arcsinh, True),
    "ceil": (np.ceil, True),
    "cos": (np.cos, False),
    "cosh": (np.cosh, False),
    "erf": (_erf, True),
    "expm1": (np.expm1, True),
    "floor": (np.floor, True),
    "log1p": (np.log1p, True),
    "round": (np.rint, True),
    "sign": (np.sign, True),
    "sin": (np.sin, False),
    "sinh": (np.sinh, True),
    "trunc": (np.trunc, True),
}


@dataclass(frozen=True, eq=False)
class Function(Activation):
    """One of `FUNCTIONS`, which PyTorch has by the same name: y = f(x)."""

    name: str

    @property
    def monotone(self):
        """Whether f never falls."""
        return FUNCTIONS[self.name][1]

    def _shape(self, *shapes):
        if self.name not in FUNCTIONS:
            raise ValidationError(f"name must be one of {', '.join(FUNCTIONS)}, not {self.name!r}")
        return shapes[0]

    def _value(self, *values):
        return FUNCTIONS[self.name][0](values[0])


@dataclass(frozen=True, eq=False)
class Exponential(Activation):
    """Exponential: y = exp(x)."""

    def _value(self, *values):
        return np.exp(values[0])


@dataclass(frozen=True, eq=False)
class Logarithm(Activation):
    """Natural logarithm: y = log x, for x > 0."""

    def _value(self, *values):
        return np.log(values[0])


@dataclass(frozen=True, eq=False)
class Power(Activation):
    """Power: y = x^exponent; -1 is the reciprocal, 0.5 the root, for x > 0 where the exponent is not whole."""

    exponent: float

    @property
    def monotone(self):
        """Whether f never falls for every x it is defined on: roots, and odd whole powers that are positive."""
        whole = self.exponent == int(self.exponent)
        return self.exponent >= 0.0 and (not whole or self.exponent % 2 == 1 or self.exponent == 0)

    def _value(self, *values):
        return np.power(values[0], self.exponent)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Give 1 / (1 + exp(-x)), by tanh, which does not overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * x))
