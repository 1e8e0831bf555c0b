"""Poisson counts from random bits, by tables of thresholds."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from snn.jit import prefer_wide_vectors, uncounted
from snn.random import STRIP, philox


class PoissonTables(NamedTuple):
    """What Poisson counts are drawn by; a row a mean.

    With 16 random bits, count j is the answer in ``floor(2^16 P(j))`` of the 2^16 cases, the smallest numbers first.
    The few cases that are left over (one in some thousand) are for what was rounded off: a 32-bit word says then which
    count it is. So 16 bits mostly suffice, and counts have their probabilities to a part in 2^40 nonetheless.

    Marsaglia, Tsang and Wang, "Fast generation of discrete random variables", Journal of Statistical Software 11, 2004,
    split probabilities in this way.
    """

    firsts: np.ndarray  # uint16 (means, thresholds): the count is the number of thresholds that are not above the bits
    lengths: np.ndarray  # int64 (means): thresholds of each row
    ends: np.ndarray  # uint16 (means): bits from here on are the cases left over
    seconds: np.ndarray  # uint32 (means, thresholds): likewise, for the word of a case that is left over
    second_lengths: np.ndarray  # int64 (means)


@uncounted
def second_count(tables, row, seed, stream, index, step, sample):
    """Return the count of element `index` where its 16 bits say nothing: the word is the first of draw 1."""
    word, count = np.uint32(philox(seed, stream, index, step, sample, 1)[0]), 0
    while count < tables.second_lengths[row] and word >= tables.seconds[row, count]:
        count += 1
    return count


@uncounted
def poisson_count(tables, row, bits, seed, stream, index, step, sample):
    """Return the count of element `index`, whose 16 random bits are `bits`, with the mean of a row of the tables."""
    if bits >= tables.ends[row]:
        return second_count(tables, row, seed, stream, index, step, sample)
    count = 0
    while count < tables.lengths[row] and bits >= tables.firsts[row, count]:
        count += 1
    return count


@uncounted
def poisson_strip(tables, row, bits, seed, stream, first, step, sample, counts):
    """As `poisson_count` for the 256 elements of a strip from element `first` on, which share a mean.

    Parameters
    ----------
    bits, counts : ndarray of uint16 (256,)
        The elements' random bits, and what is filled.
    """
    prefer_wide_vectors()
    firsts, length, end = tables.firsts[row], tables.lengths[row], tables.ends[row]
    one, largest = np.uint16(1), np.uint16(0)
    for i in range(STRIP):
        largest = bits[i] if bits[i] > largest else largest
        counts[i] = 0
    fours = length // 4
    for four in range(fours):  # four at a time, so that counts are loaded and stored the less often
        j = 4 * four
        a, b, c, d = firsts[j], firsts[j + 1], firsts[j + 2], firsts[j + 3]
        for i in range(STRIP):
            x, count = bits[i], counts[i]
            count = np.uint16(count + one) if x >= a else count  # cast, since sums of 16 bits would become 64 wide
            count = np.uint16(count + one) if x >= b else count
            count = np.uint16(count + one) if x >= c else count
            counts[i] = np.uint16(count + one) if x >= d else count
    for j in range(4 * fours, length):
        threshold = firsts[j]
        for i in range(STRIP):
            counts[i] = np.uint16(counts[i] + one) if bits[i] >= threshold else counts[i]
    if largest >= end:
        for i in range(STRIP):
            if bits[i] >= end:
                counts[i] = second_count(tables, row, seed, stream, first + i, step, sample)


def _poisson_row(mean: float) -> tuple[list[int], int, list[int]]:
    """Return the thresholds of a mean, where the cases left over begin, and the thresholds for those."""
    probabilities, j = [math.exp(-mean)], 0
    while j <= mean or probabilities[-1] >= 2.0**-50:
        j += 1
        probabilities.append(probabilities[-1] * mean / j)
    # One case at least is left over, so that `ends` has 16 bits.
    cases = [min(math.floor(p * 2.0**16), 2**16 - 1) for p in probabilities]
    end = sum(cases)
    largest = max(j for j, some in enumerate(cases) if some)
    firsts = np.cumsum(cases)[:largest].tolist()
    rest = np.cumsum([p * 2.0**16 - some for p, some in zip(probabilities, cases, strict=True)]) / (2.0**16 - end)
    seconds = [threshold for share in rest if (threshold := round(share * 2.0**32)) < 2**32]
    return firsts, end, seconds


def _padded(rows: list[list[int]], dtype: type) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of different lengths as one array, and their lengths."""
    lengths = np.array([len(row) for row in rows], np.int64)
    table = np.zeros((len(rows), int(lengths.max(initial=1))), dtype)
    for i, row in enumerate(rows):
        table[i, : len(row)] = row
    return table, lengths


def poisson_tables(means: np.ndarray) -> PoissonTables:
    """Return what counts with these means, (n,), at most 500 each, are drawn by."""
    rows = [_poisson_row(float(mean)) for mean in means]
    firsts, lengths = _padded([first for first, _, _ in rows], np.uint16)
    seconds, second_lengths = _padded([second for _, _, second in rows], np.uint32)
    return PoissonTables(firsts, lengths, np.array([end for _, end, _ in rows], np.uint16), seconds, second_lengths)
