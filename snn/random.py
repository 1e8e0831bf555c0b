"""Random numbers as a pure function of what they are for.

Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) turns a 128-bit counter and a
64-bit key into 128 random bits. The key is (seed, stream); the counter says which neuron, step, sample and draw the
bits belong to. So a draw never depends on who makes it, or on what was drawn before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from snn.errors import ValidationError
from snn.jit import compiled

_MASK = 0xFFFFFFFF


@compiled
def philox(seed, stream, index, step, sample, draw):
    """Return four random 32-bit words (in uint64) for one counter; every argument is taken modulo 2^32."""
    mask = np.uint64(0xFFFFFFFF)
    shift = np.uint64(32)
    c0, c1, c2, c3 = np.uint64(index) & mask, np.uint64(step) & mask, np.uint64(sample) & mask, np.uint64(draw) & mask
    k0, k1 = np.uint64(seed) & mask, np.uint64(stream) & mask
    for _ in range(10):
        p0 = c0 * np.uint64(0xD2511F53)
        p1 = c2 * np.uint64(0xCD9E8D57)
        c0, c1, c2, c3 = (p1 >> shift) ^ c1 ^ k0, p1 & mask, (p0 >> shift) ^ c3 ^ k1, p0 & mask
        k0 = (k0 + np.uint64(0x9E3779B9)) & mask
        k1 = (k1 + np.uint64(0xBB67AE85)) & mask
    return c0, c1, c2, c3


@compiled
def uniforms(seed, stream, count, draw):
    """Return `count` numbers in [0, 1), each with 53 random bits, the i-th from counter (i, 0, 0, draw)."""
    out = np.empty(count, np.float64)
    for i in range(count):
        a, b, _, _ = philox(seed, stream, i, 0, 0, draw)
        out[i] = np.float64((a << np.uint64(21)) ^ (b >> np.uint64(11))) * 2.0**-53
    return out


@dataclass(frozen=True)
class Uniform:
    """A value drawn evenly from [low, high) for every neuron.

    Parameters
    ----------
    low, high : float
        Bounds, in the unit of what is drawn.
    """

    low: float
    high: float

    def __post_init__(self):
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low <= self.high):
            raise ValidationError("Uniform", "(low, high)", (self.low, self.high), "finite numbers, low <= high")

    def sample(self, count: int, seed: int, stream: int) -> np.ndarray:
        """Draw `count` values, the i-th a function of (seed, stream, i) only."""
        return self.low + (self.high - self.low) * uniforms(seed, stream, count, 0)


@dataclass(frozen=True)
class Normal:
    """A value drawn from the normal distribution for every neuron.

    Parameters
    ----------
    mean, std : float
        Mean and standard deviation, in the unit of what is drawn.
    """

    mean: float
    std: float

    def __post_init__(self):
        if not (math.isfinite(self.mean) and math.isfinite(self.std) and self.std >= 0):
            raise ValidationError("Normal", "(mean, std)", (self.mean, self.std), "finite numbers, std >= 0")

    def sample(self, count: int, seed: int, stream: int) -> np.ndarray:
        """Draw `count` values, the i-th a function of (seed, stream, i) only (Box and Muller, 1958)."""
        radius = np.sqrt(-2.0 * np.log1p(-uniforms(seed, stream, count, 0)))
        return self.mean + self.std * radius * np.cos(2.0 * np.pi * uniforms(seed, stream, count, 1))


Distribution = Uniform | Normal


def poisson_thresholds(mean: float) -> np.ndarray:
    """Return the uint64 thresholds that turn a uniform 32-bit word into a Poisson count.

    The count is the number of thresholds that are not above the word: threshold j is ``round(2^32 P(count <= j))``.

    Parameters
    ----------
    mean : float
        Expected count, at most 500.
    """
    probability = math.exp(-mean)
    cumulative, thresholds, j = probability, [], 0
    while True:
        threshold = round(cumulative * 2.0**32)
        if threshold > _MASK or (j > mean and probability < 2.0**-34):
            break
        thresholds.append(threshold)
        j += 1
        probability *= mean / j
        cumulative += probability
    return np.array(thresholds, np.uint64)
