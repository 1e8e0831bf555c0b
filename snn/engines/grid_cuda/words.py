"""The random bits of one element, as `snn.random.strip_words` and `strip_halves` make those of a whole strip."""

from __future__ import annotations

import numpy as np

from snn.jit import compiled
from snn.random import STRIP, philox

_WORDS, _HALVES = STRIP // 4, STRIP // 8  # counters that the elements of a strip share


@compiled
def _chosen(seed, stream, counter, step, sample, word):
    a, b, c, d = philox(seed, stream, counter, step, sample, 0)
    return a if word == 0 else b if word == 1 else c if word == 2 else d


@compiled
def word_of(seed, stream, element, step, sample):
    """Return the 32 random bits of an element in a step."""
    strip, i = element // STRIP, element % STRIP
    return _chosen(seed, stream, _WORDS * strip + i % _WORDS, step, sample, i // _WORDS)


@compiled
def half_of(seed, stream, element, step, sample):
    """Return the 16 random bits of an element in a step."""
    strip, i = element // STRIP, element % STRIP
    half = i // _HALVES
    word = _chosen(seed, stream, _HALVES * strip + i % _HALVES, step, sample, half % 4)
    return (word >> np.uint64(16 if half >= 4 else 0)) & np.uint64(0xFFFF)
