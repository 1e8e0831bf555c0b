"""Random numbers as a pure function of what they are for.

Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) turns a 128-bit counter and a
64-bit key into 128 random bits. The key is (seed, stream); the counter says which neuron, step, sample and draw the
bits belong to. So a draw never depends on who makes it, or on what was drawn before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from snn import units
from snn.errors import ValidationError
from snn.jit import compiled

_MASK = 0xFFFFFFFF


STRIP = 256  # elements whose random words of one step are made together
_LANES = STRIP // 4


@compiled
def _round(c0, c1, c2, c3, k0, k1):
    """One round; upper halves of the results are not cleared, since multiplication reads the lower ones only."""
    mask, shift = np.uint64(0xFFFFFFFF), np.uint64(32)
    p0 = (c0 & mask) * np.uint64(0xD2511F53)
    p1 = (c2 & mask) * np.uint64(0xCD9E8D57)
    return (p1 >> shift) ^ c1 ^ k0, p1, (p0 >> shift) ^ c3 ^ k1, p0


@compiled
def philox(seed, stream, index, step, sample, draw):
    """Return four random 32-bit words (in uint64) for one counter; every argument is taken modulo 2^32."""
    mask = np.uint64(0xFFFFFFFF)
    c0, c1, c2, c3 = np.uint64(index) & mask, np.uint64(step) & mask, np.uint64(sample) & mask, np.uint64(draw) & mask
    k0, k1 = np.uint64(seed) & mask, np.uint64(stream) & mask
    for _ in range(10):
        c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
        k0 = (k0 + np.uint64(0x9E3779B9)) & mask
        k1 = (k1 + np.uint64(0xBB67AE85)) & mask
    return c0 & mask, c1 & mask, c2 & mask, c3 & mask


@compiled
def strip_words(seed, stream, strip, step, sample, words):
    """Fill `words` with the random word of each element of a strip, in one step.

    Element i of strip s (of 256) gets word i // 64 of counter (64 s + i % 64, step, sample, 0): in this order the
    words of a strip are made and stored by straight loops, which compilers vectorise.

    Parameters
    ----------
    words : ndarray of uint32 (256,)
    """
    mask = np.uint64(0xFFFFFFFF)
    first = np.uint64(strip) * np.uint64(_LANES)
    for lane in range(_LANES):
        # The loop of `philox` again, as compilers do not vectorise across the call.
        c0, c1, c2, c3 = (
            (first + np.uint64(lane)) & mask,
            np.uint64(step) & mask,
            np.uint64(sample) & mask,
            np.uint64(0),
        )
        k0, k1 = np.uint64(seed) & mask, np.uint64(stream) & mask
        for _ in range(10):
            c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
            k0 = (k0 + np.uint64(0x9E3779B9)) & mask
            k1 = (k1 + np.uint64(0xBB67AE85)) & mask
        words[lane] = np.uint32(c0 & mask)
        words[lane + _LANES] = np.uint32(c1 & mask)
        words[lane + 2 * _LANES] = np.uint32(c2 & mask)
        words[lane + 3 * _LANES] = np.uint32(c3 & mask)


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
        Bounds, in the unit of what is drawn; or quantities, both.
    """

    low: float
    high: float

    def __post_init__(self):
        low, high = units.bare("Uniform", "(low, high)", (self.low, self.high))
        if low > high:
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
        Mean and standard deviation, in the unit of what is drawn; or quantities, both.
    """

    mean: float
    std: float

    def __post_init__(self):
        _, std = units.bare("Normal", "(mean, std)", (self.mean, self.std))
        if std < 0:
            raise ValidationError("Normal", "(mean, std)", (self.mean, self.std), "finite numbers, std >= 0")

    def sample(self, count: int, seed: int, stream: int) -> np.ndarray:
        """Draw `count` values, the i-th a function of (seed, stream, i) only (Box and Muller, 1958)."""
        radius = np.sqrt(-2.0 * np.log1p(-uniforms(seed, stream, count, 0)))
        return self.mean + self.std * radius * np.cos(2.0 * np.pi * uniforms(seed, stream, count, 1))


Distribution = Uniform | Normal


def poisson_thresholds(mean: float) -> np.ndarray:
    """Return the uint32 thresholds that turn a uniform 32-bit word into a Poisson count.

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
    return np.array(thresholds, np.uint32)
