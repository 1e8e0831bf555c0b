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
from snn.arithmetic import exp, fma, log, product
from snn.errors import ValidationError
from snn.jit import compiled, inlined, prefer_wide_vectors, uncounted
from snn.quantiles import normal, normal_values

_MASK = 0xFFFFFFFF


STRIP = 256  # elements whose random words of one step are made together
_LANES = STRIP // 4
_HALF_LANES = STRIP // 8


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


@inlined
def _lane(seed, stream, index, step, sample):
    """As `philox` with draw 0, but upper halves of the words are not cleared; to be taken into loops over lanes."""
    mask = np.uint64(0xFFFFFFFF)
    c0, c1, c2, c3 = index & mask, np.uint64(step) & mask, np.uint64(sample) & mask, np.uint64(0)
    k0, k1 = np.uint64(seed) & mask, np.uint64(stream) & mask
    for _ in range(10):
        c0, c1, c2, c3 = _round(c0, c1, c2, c3, k0, k1)
        k0 = (k0 + np.uint64(0x9E3779B9)) & mask
        k1 = (k1 + np.uint64(0xBB67AE85)) & mask
    return c0, c1, c2, c3


@uncounted
def strip_words(seed, stream, strip, step, sample, words):
    """Fill `words` with the random word of each element of a strip, in one step.

    Element i of strip s (of 256) gets word i // 64 of counter (64 s + i % 64, step, sample, 0): in this order the
    words of a strip are made and stored by straight loops, which compilers vectorise.

    Parameters
    ----------
    words : ndarray of uint32 (256,)
    """
    prefer_wide_vectors()
    mask = np.uint64(0xFFFFFFFF)
    first = np.uint64(strip) * np.uint64(_LANES)
    for lane in range(_LANES):
        c0, c1, c2, c3 = _lane(seed, stream, first + np.uint64(lane), step, sample)
        words[lane] = np.uint32(c0 & mask)
        words[lane + _LANES] = np.uint32(c1 & mask)
        words[lane + 2 * _LANES] = np.uint32(c2 & mask)
        words[lane + 3 * _LANES] = np.uint32(c3 & mask)


@uncounted
def strip_halves(seed, stream, strip, step, sample, halves):
    """Fill `halves` with 16 random bits for each element of a strip, in one step: half the work of `strip_words`.

    Element i of strip s (of 256) gets half i // 32 of counter (32 s + i % 32, step, sample, 0), where halves 0 to 3
    are the lower ones of the four words, 4 to 7 the upper ones.

    Parameters
    ----------
    halves : ndarray of uint16 (256,)
    """
    prefer_wide_vectors()
    mask, shift = np.uint64(0xFFFF), np.uint64(16)
    first = np.uint64(strip) * np.uint64(_HALF_LANES)
    for lane in range(_HALF_LANES):
        c0, c1, c2, c3 = _lane(seed, stream, first + np.uint64(lane), step, sample)
        halves[lane] = np.uint16(c0 & mask)
        halves[lane + _HALF_LANES] = np.uint16(c1 & mask)
        halves[lane + 2 * _HALF_LANES] = np.uint16(c2 & mask)
        halves[lane + 3 * _HALF_LANES] = np.uint16(c3 & mask)
        halves[lane + 4 * _HALF_LANES] = np.uint16((c0 >> shift) & mask)
        halves[lane + 5 * _HALF_LANES] = np.uint16((c1 >> shift) & mask)
        halves[lane + 6 * _HALF_LANES] = np.uint16((c2 >> shift) & mask)
        halves[lane + 7 * _HALF_LANES] = np.uint16((c3 >> shift) & mask)


@compiled
def uniforms(seed, stream, count, draw):
    """Return `count` numbers in [0, 1), each with 53 random bits, the i-th from counter (i, 0, 0, draw)."""
    out = np.empty(count, np.float64)
    for i in range(count):
        a, b, _, _ = philox(seed, stream, i, 0, 0, draw)
        out[i] = np.float64((a << np.uint64(21)) ^ (b >> np.uint64(11))) * 2.0**-53
    return out


@compiled
def random_words(seed, stream, step, first, count):
    """Return the random words of elements `first` .. `first + count - 1` in a step, uint32 (see `strip_words`)."""
    out, words = np.empty(count, np.uint32), np.empty(STRIP, np.uint32)
    for strip in range(first // STRIP, (first + count + STRIP - 1) // STRIP):
        strip_words(seed, stream, strip, step, 0, words)
        low, high = max(first, strip * STRIP), min(first + count, (strip + 1) * STRIP)
        out[low - first : high - first] = words[low - strip * STRIP : high - strip * STRIP]
    return out


@uncounted
def gamma(order, seed, stream, train, number, sample):
    """Draw from the gamma distribution of this order and scale 1; for orders of at least 1 also a uniform number.

    Notes
    -----
    Marsaglia and Tsang, "A simple method for generating gamma variables", ACM Transactions on Mathematical Software
    26, 2000. Attempt a of draw n of a train takes its words from counter (train, n, sample, a): one for the normal
    number, one for the test, and two for the uniform number, which orders below 1 need themselves.
    """
    d = (order if order >= 1.0 else order + 1.0) - 1.0 / 3.0
    c, attempt = 1.0 / (3.0 * math.sqrt(d)), 0
    while True:
        words = philox(seed, stream, train, number, sample, attempt)
        attempt += 1
        z = normal(words[0])
        root = fma(c, z, 1.0)
        if root > 0.0:
            v = root * root * root
            if log((np.float64(words[1]) + 0.5) * 2.0**-32) < fma(d, log(v) + (1.0 - v), 0.5 * z * z):
                break
    uniform = (np.float64((words[2] << np.uint64(21)) ^ (words[3] >> np.uint64(11))) + 0.5) * 2.0**-53
    if order < 1.0:
        return d * v * exp(log(uniform) / order), uniform
    return d * v, uniform


def _cumulative(z: float) -> float:
    """Return the standard normal distribution function, with its digits in the lower tail, too."""
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


@inlined
def uniform_value(word, low, width):
    """Return the number from `low` up to `low + width` that a 32-bit word stands for."""
    return low + product(width, (np.float64(word) + 0.5) * 2.0**-32)


@dataclass(frozen=True)
class Uniform:
    """A value drawn evenly from [low, high) for every neuron or synapse.

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

    @property
    def bounds(self) -> tuple[float, float]:
        """No value drawn is outside these two."""
        return self.low, self.high

    def of(self, words: np.ndarray) -> np.ndarray:
        """Return the value that each 32-bit word stands for; it never falls as the word rises."""
        return self.low + (self.high - self.low) * ((words + 0.5) * 2.0**-32)

    def sample(self, count: int, seed: int, stream: int, first: int = 0) -> np.ndarray:
        """Draw values `first` .. `first + count - 1`, the i-th a function of (seed, stream, i) only."""
        return self.of(random_words(seed, stream, 0, first, count))


@dataclass(frozen=True)
class Normal:
    """A value drawn from the normal distribution for every neuron or synapse.

    With bounds, values outside are drawn again, so to speak: what is left is scaled up to a distribution.

    Parameters
    ----------
    mean, std : float
        Mean and standard deviation (without bounds), in the unit of what is drawn; or quantities.
    low, high : float
        Bounds, likewise; none by default.
    """

    mean: float
    std: float
    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self):
        ends = [end for end in (self.low, self.high) if units.has_unit(end) or abs(end) != math.inf]
        mean, std, *finite = units.bare("Normal", "(mean, std)", (self.mean, self.std, *ends))
        if std < 0:
            raise ValidationError("Normal", "(mean, std)", (self.mean, self.std), "finite numbers, std >= 0")
        low, high = (finite.pop(0) if end in ends else end for end in (self.low, self.high))
        below, above = self._probabilities(mean, std, low, high)
        if not low < high or above - below < 1e-6:
            expected = "low < high, with at least a millionth of the values between"
            raise ValidationError("Normal", "(low, high)", (self.low, self.high), expected)

    @property
    def ends(self) -> tuple[float, float]:
        """The probabilities of values below the two bounds, without them."""
        return self._probabilities(self.mean, self.std, self.low, self.high)

    @staticmethod
    def _probabilities(mean: float, std: float, low: float, high: float) -> tuple[float, float]:
        """Return the probabilities of values below the two bounds."""
        if std == 0:
            return float(low > mean), float(high >= mean)
        return _cumulative((low - mean) / std), _cumulative((high - mean) / std)

    @property
    def bounds(self) -> tuple[float, float]:
        """No value drawn is outside these two: an end of `low` and `high`, or 6.4 standard deviations."""
        return max(self.low, self.mean - 6.4 * self.std), min(self.high, self.mean + 6.4 * self.std)

    def of(self, words: np.ndarray) -> np.ndarray:
        """Return the value that each 32-bit word stands for; it never falls as the word rises."""
        return normal_values(words, *self.ends, self.mean, self.std, *self.bounds)

    def sample(self, count: int, seed: int, stream: int, first: int = 0) -> np.ndarray:
        """Draw values `first` .. `first + count - 1`, the i-th a function of (seed, stream, i) only."""
        return self.of(random_words(seed, stream, 0, first, count))


Distribution = Uniform | Normal
