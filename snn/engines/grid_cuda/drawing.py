"""Listed synapses drawn on the device: the very ones of the host, since each is a function of its number.

A list of synapses is drawn twice, first to count how many each row has, then to put them there as keys, in any order.
Threads share out what can be drawn by itself: four partners of a neuron, a synapse, or all sources of a target. Where
that leaves open what number a synapse has (pairwise Bernoulli), the list is drawn once more before, to find out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from snn.arithmetic import rint
from snn.connectivity.drawn import below, gap
from snn.cuda import atomic_add, cuda, kernel, on_device
from snn.engines.grid_cuda.words import word_of
from snn.program.delays import SHIFT
from snn.quantiles import normal_value
from snn.random import philox, uniform_value

DEGREES, COUNTS, KEYS = range(3)  # what a launch finds
DEGREE, DISTINCT, NUMBER, PAIRWISE, ALL = range(5)  # kinds of rules
GIVEN, UNIFORM, NORMAL = range(3)  # kinds of weights
_LOWER = 2**32 - 1  # the lower half of a number


class Rule(NamedTuple):
    """A rule: every one of `own` neurons draws partners from among `choices`; with NUMBER, there are `own` targets."""

    kind: int
    own: int
    choices: int
    degree: int  # synapses of each own neuron, or of the whole list
    inward: int  # 1 where the own neurons are the targets
    skipping: int  # 1 where a neuron is not among its own choices
    table: int  # places in the table of a thread that draws distinct partners, a power of 2 above twice the degree
    log_failure: float
    stream: int


class Weights(NamedTuple):
    """Weights in quanta, and at which of two ports they arrive."""

    kind: int
    given: np.ndarray  # int64, one or one a synapse: twice the weight, plus the port
    first_quantum: float
    second_quantum: float  # of negative weights
    low: float  # uniform: lowest value; normal: see `normal_value`
    step: float  # uniform: width
    mean: float
    std: float
    least: float
    most: float


class Delays(NamedTuple):
    """Delays in steps: given, one or one a synapse; or none, and those of `snn.program.delays`."""

    given: np.ndarray  # int64
    shortest: int
    first_words: np.ndarray
    cells: np.ndarray


class Rows(NamedTuple):
    """Where synapses go."""

    places: np.ndarray  # int64 (2 ports, targets): the row of source 0, times 2^16, plus the place in the bank
    apart: int  # 1 where the row depends on the port
    degrees: np.ndarray  # int64 (targets): the number of each one's first synapse; of PAIRWISE
    cursors: np.ndarray  # int64 (rows): synapses of each row, or where its next key goes
    keys: np.ndarray  # uint64: see `snn.program.rows`


@on_device
def _weight(weights, seed, stream, number):
    """Return a synapse's weight in quanta, and its port: 0, or 1 for negative ones."""
    if weights.kind == GIVEN:
        given = weights.given[number if len(weights.given) > 1 else 0]
        return given >> 1, given & 1
    word = word_of(seed, stream, number, 0, 0)
    if weights.kind == UNIFORM:
        weight = uniform_value(word, weights.low, weights.step)
    else:
        weight = normal_value(word, weights.low, weights.step, weights.mean, weights.std, weights.least, weights.most)
    if weight < 0.0:
        return np.int64(rint(weight / weights.second_quantum)), np.int64(1)
    return np.int64(rint(weight / weights.first_quantum)), np.int64(0)


@on_device
def _delay(delays, seed, stream, number):
    """Return a synapse's delay in steps."""
    if len(delays.given):
        return delays.given[number if len(delays.given) > 1 else 0]
    word = np.uint64(word_of(seed, stream, number, 0, 0))
    delay = np.int64(delays.cells[word >> np.uint64(SHIFT)])
    if delay >= 0:
        return delay
    low, high = np.int64(0), np.int64(len(delays.first_words))
    while low < high:  # for the first one above the word
        middle = (low + high) // 2
        if delays.first_words[middle] <= word:
            low = middle + 1
        else:
            high = middle
    return delays.shortest + low


@on_device
def _put(mode, seed, rule, weights, delays, rows, number, own, drawn):
    """Count a synapse, or put it to its row."""
    drawn += rule.skipping & np.int64(drawn >= own)
    source, target = (drawn, own) if rule.inward else (own, drawn)
    weight, port = np.int64(0), np.int64(0)
    if mode == KEYS or rows.apart:
        weight, port = _weight(weights, seed, rule.stream + 1, number)
    place = rows.places[port, target]
    at = atomic_add(rows.cursors, (place >> 16) + source, 1)
    if mode == KEYS:
        delay = _delay(delays, seed, rule.stream + 2, number)
        key = np.uint64(delay) << np.uint64(48) | np.uint64(place & 0xFFFF) << np.uint64(32)
        rows.keys[at] = key | np.uint64(weight & _LOWER)


@on_device
def _one_of(words, k):
    return words[0] if k == 0 else words[1] if k == 1 else words[2] if k == 2 else words[3]


@on_device
def _draw_partners(mode, seed, rule, weights, delays, rows, thread, threads):
    """Draw partners of every neuron, the same ones any number of times: four, by one counter, together."""
    blocks = (rule.degree + 3) // 4
    for item in range(thread, rule.own * blocks, threads):
        own, block = item // blocks, item % blocks
        words = philox(seed, rule.stream, own, block, 0, 0)
        for k in range(min(rule.degree - 4 * block, 4)):
            drawn = below(_one_of(words, k), rule.choices)
            _put(mode, seed, rule, weights, delays, rows, own * rule.degree + 4 * block + k, own, drawn)


@on_device
def _find(table, place):
    """Return where a place stands in a table of places, or is to be put; no table is ever full."""
    mask = len(table) - 1
    slot = (place * 0x9E3779B1 >> 8) & mask
    while table[slot] and table[slot] >> 32 != place + 1:
        slot = (slot + 1) & mask
    return slot


@on_device
def _draw_distinct(mode, seed, rule, weights, delays, rows, tables, thread, threads):
    """Draw partners of every neuron that differ, by a partial shuffle; a table keeps which places have changed."""
    working = min(len(tables) // rule.table, threads)
    for own in range(thread if thread < working else rule.own, rule.own, working):
        table = tables[thread * rule.table : (thread + 1) * rule.table]
        for k in range(rule.degree):
            words = philox(seed, rule.stream, own, k // 4, 0, 0)
            place = k + below(_one_of(words, k % 4), rule.choices - k)
            here, there = _find(table, np.int64(k)), _find(table, place)
            first = table[here] & _LOWER if table[here] else np.int64(k)
            drawn = table[there] & _LOWER if table[there] else place
            table[there] = (place + 1) << 32 | first
            _put(mode, seed, rule, weights, delays, rows, own * rule.degree + k, own, drawn)
        for slot in range(len(table)):
            table[slot] = 0


@on_device
def _draw_pairs(mode, seed, rule, weights, delays, rows, target):
    """Find a target's sources in jumps of geometric length."""
    number, source, block = rows.degrees[target], np.int64(-1), np.int64(0)
    while source < rule.choices:
        words = philox(seed, rule.stream, target, block, 0, 0)
        block += 1
        for half in range(2):
            one, other = (words[0], words[1]) if half == 0 else (words[2], words[3])
            source += 1 + gap(one, other, rule.log_failure, rule.choices)
            if source < rule.choices:
                if mode != DEGREES:
                    _put(mode, seed, rule, weights, delays, rows, number, target, source)
                number += 1
    if mode == DEGREES:
        rows.degrees[target] = number


@kernel
def draw(mode, seed, rule, weights, delays, rows, tables):
    """Draw a list of synapses, to count them or to put them to their rows."""
    thread, threads = cuda.grid(1), cuda.gridsize(1)
    if rule.kind == DEGREE:
        _draw_partners(mode, seed, rule, weights, delays, rows, thread, threads)
    elif rule.kind == DISTINCT:
        _draw_distinct(mode, seed, rule, weights, delays, rows, tables, thread, threads)
    elif rule.kind == PAIRWISE:
        for target in range(thread, rule.own, threads):
            _draw_pairs(mode, seed, rule, weights, delays, rows, target)
    else:
        for number in range(thread, rule.degree, threads):
            if rule.kind == NUMBER:
                drawn = below(np.uint64(word_of(seed, rule.stream, number, 0, 0)), rule.choices)
                own = below(np.uint64(word_of(seed, rule.stream, number, 1, 0)), rule.own)
            else:
                own, drawn = number // rule.choices, number % rule.choices
            _put(mode, seed, rule, weights, delays, rows, number, own, drawn)


@kernel
def place(numbers, keys, cursors, placed):
    """Put keys that the host has drawn to the rows of these numbers."""
    for i in range(cuda.grid(1), len(keys), cuda.gridsize(1)):
        placed[atomic_add(cursors, np.int64(numbers[i]), 1)] = keys[i]
