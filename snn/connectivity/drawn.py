"""Projections drawn at random.

The names are those of Senk et al., "Connectivity concepts in neuronal network modeling", PLOS Comput Biol 18, 2022: an
autapse connects a neuron to itself, which can only be where source and target are the same population, and multapses
are several synapses of one pair of neurons. Every draw is a function of the seed, the projection and its place.
"""

from __future__ import annotations

import math

import numpy as np

from snn import checks
from snn.arithmetic import expm1, log, log1p
from snn.connectivity.rules import flag, partners, portion_of, portions_of, skip_own
from snn.errors import ValidationError
from snn.jit import compiled, inlined
from snn.random import philox, random_words, uniforms


@inlined
def below(word, choices):
    """Return which of so many numbers a 32-bit word stands for, evenly to within choices / 2^32."""
    return np.int64((word * np.uint64(choices)) >> np.uint64(32))


@inlined
def gap(high, low, log_failure, most):
    """Return how many trials of chance 1 - e^log_failure fail before one succeeds, at most `most`, by two 32-bit words.

    The number is geometric: floor(log(1 - u) / log_failure) with u uniform in [0, 1); 1 - u is exact.
    """
    uniform = np.float64((high << np.uint64(21)) ^ (low >> np.uint64(11))) * 2.0**-53
    failed = log(1.0 - uniform) / log_failure
    return np.int64(failed) if failed < most else np.int64(most)


@compiled
def _draw_partners(first, last, choices, degree, distinct, seed, stream):
    """Draw `degree` numbers below `choices` for each neuron; distinct ones by a partial shuffle, undone afterwards."""
    out = np.empty((last - first) * degree, np.int64)
    order = np.arange(choices if distinct else 0)
    for neuron in range(first, last):
        drawn = out[(neuron - first) * degree : (neuron - first + 1) * degree]
        for block in range((degree + 3) // 4):
            words = philox(seed, stream, neuron, block, 0, 0)
            for k in range(4 * block, min(4 * block + 4, degree)):
                drawn[k] = below(words[k % 4], choices - k if distinct else choices)
                if distinct:
                    place = k + drawn[k]
                    drawn[k] = order[place]
                    order[place] = order[k]
        if distinct:
            for k in range(degree):  # every place that has changed is one of these
                order[drawn[k]] = drawn[k]
                order[k] = k
    return out


@compiled
def _draw_distinct(uniform, choices):
    """Draw a set of as many numbers below `choices` as there are uniform ones (Bentley and Floyd, CACM 30, 1987)."""
    out = np.empty(len(uniform), np.int64)
    chosen = {np.int64(-1)}
    for k in range(len(uniform)):
        largest = choices - len(uniform) + k
        drawn = np.int64(uniform[k] * (largest + 1))
        out[k] = largest if drawn in chosen else drawn
        chosen.add(out[k])
    return out


@compiled
def _draw_pairs(sources, first, last, log_failure, seed, stream):
    """Walk through each target's sources in jumps of geometric length; returns the sources and each target's number."""
    expected = np.int64(sources * (last - first) * -expm1(log_failure))
    out, degree, filled = np.empty(sources + expected, np.int64), np.zeros(last - first, np.int64), 0
    for target in range(first, last):
        if filled + sources > len(out):
            out = np.concatenate((out, np.empty(sources + len(out) // 8, np.int64)))
        source, block = -1, 0
        while source < sources:
            words = philox(seed, stream, target, block, 0, 0)
            block += 1
            for half in range(0, 4, 2):
                source += 1 + gap(words[half], words[half + 1], log_failure, sources)
                if source < sources:
                    out[filled] = source
                    filled += 1
                    degree[target - first] += 1
    return out[:filled], degree


@compiled
def _below(choices, seed, stream, draw, first, last):
    """Draw numbers below `choices`, int32, for elements `first` .. `last - 1`, evenly to within choices / 2^32."""
    words = random_words(seed, stream, draw, first, last - first)
    out = np.empty(len(words), np.int32)
    for i in range(len(words)):
        out[i] = below(np.uint64(words[i]), choices)
    return out


class _FixedDegree:
    """What the two rules with a fixed degree share: each neuron of one side draws partners on the other."""

    kind = "sparse"
    weights = None

    def __init__(self, degree: int, *, autapses: bool = True, multapses: bool = True):
        owner = type(self).__name__
        self.degree = checks.integer(owner, "degree", degree, minimum=0)
        self.autapses = flag(owner, "autapses", autapses)
        self.multapses = flag(owner, "multapses", multapses)

    def _check(self, side: str, others: int, same: bool) -> None:
        choices = partners(others, same, self.autapses)
        if self.degree > choices and not (self.multapses and choices):
            expected = f"at most {choices}, as many {side} as each neuron may have"
            raise ValidationError(type(self).__name__, "degree", self.degree, expected)

    def _draw(self, neurons: int, others: int, seed: int, stream: int, same: bool, portion: int):
        """Return the neuron that draws and the one drawn, a synapse each."""
        choices = partners(others, same, self.autapses)
        first, last = portion_of(neurons, portions_of(neurons, self.degree), portion)
        drawn = _draw_partners(first, last, choices, self.degree, not self.multapses, seed, stream)
        own = np.repeat(np.arange(first, last), self.degree)
        return own, skip_own(drawn, own, choices < others)


class FixedInDegree(_FixedDegree):
    """Every target draws its sources at random; the synapses are ordered by target, then as drawn.

    Where the source is a group such as ``exc + inh``, the degree counts for each population of it.

    Parameters
    ----------
    degree : int
        Number of synapses onto each target.
    autapses : bool
        Whether a neuron may draw itself, where source and target are the same population.
    multapses : bool
        Whether a target may draw a source more than once.
    """

    def check(self, sources: int, targets: int, same: bool = False) -> None:
        """Refuse fewer sources than a target must find."""
        self._check("sources", sources, same)

    def count(self, sources: int, targets: int, same: bool = False) -> int:
        """Return the number of synapses."""
        return targets * self.degree

    def portions(self, sources: int, targets: int, same: bool = False) -> int:
        """Return the number of portions: ranges of targets."""
        return portions_of(targets, self.degree)

    def edges(
        self, sources: int, targets: int, seed: int, stream: int, same: bool, portion: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return source and target of every synapse of a portion, integers."""
        own, drawn = self._draw(targets, sources, seed, stream, same, portion)
        return drawn, own


class FixedOutDegree(_FixedDegree):
    """Every source draws its targets at random; the synapses are ordered by source, then as drawn.

    Where the target is a group such as ``exc + inh``, the degree counts for each population of it.

    Parameters
    ----------
    degree : int
        Number of synapses from each source.
    autapses : bool
        Whether a neuron may draw itself, where source and target are the same population.
    multapses : bool
        Whether a source may draw a target more than once.
    """

    def check(self, sources: int, targets: int, same: bool = False) -> None:
        """Refuse fewer targets than a source must find."""
        self._check("targets", targets, same)

    def count(self, sources: int, targets: int, same: bool = False) -> int:
        """Return the number of synapses."""
        return sources * self.degree

    def portions(self, sources: int, targets: int, same: bool = False) -> int:
        """Return the number of portions: ranges of sources."""
        return portions_of(sources, self.degree)

    def edges(
        self, sources: int, targets: int, seed: int, stream: int, same: bool, portion: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return source and target of every synapse of a portion, integers."""
        return self._draw(sources, targets, seed, stream, same, portion)


class FixedTotalNumber:
    """So many pairs are drawn at random from all there are.

    The synapses are in the order in which they are drawn, without multapses by target, then source.

    Where an end is a group such as ``exc + inh``, the number counts for each pair of populations.

    Parameters
    ----------
    number : int
        Number of synapses.
    autapses : bool
        Whether a neuron and itself are a pair, where source and target are the same population.
    multapses : bool
        Whether a pair may be drawn more than once.
    """

    kind = "sparse"
    weights = None

    def __init__(self, number: int, *, autapses: bool = True, multapses: bool = True):
        self.number = checks.integer("FixedTotalNumber", "number", number, minimum=0)
        self.autapses = flag("FixedTotalNumber", "autapses", autapses)
        self.multapses = flag("FixedTotalNumber", "multapses", multapses)

    def check(self, sources: int, targets: int, same: bool = False) -> None:
        """Refuse fewer pairs than must be found."""
        pairs = targets * partners(sources, same, self.autapses)
        if self.number > pairs and not (self.multapses and pairs):
            raise ValidationError(
                "FixedTotalNumber", "number", self.number, f"at most {pairs}, as many pairs as there are"
            )

    def count(self, sources: int, targets: int, same: bool = False) -> int:
        """Return the number of synapses."""
        return self.number

    def portions(self, sources: int, targets: int, same: bool = False) -> int:
        """Return the number of portions; pairs that must differ are drawn together."""
        return portions_of(self.number, 1) if self.multapses else 1

    def edges(
        self, sources: int, targets: int, seed: int, stream: int, same: bool, portion: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return source and target of every synapse of a portion, integers."""
        choices = partners(sources, same, self.autapses)
        if self.multapses:
            first, last = portion_of(self.number, self.portions(sources, targets), portion)
            starts, ends = (_below(side, seed, stream, k, first, last) for k, side in enumerate((choices, targets)))
        else:
            pairs = np.sort(_draw_distinct(uniforms(seed, stream, self.number, 0), targets * choices))
            ends, starts = np.divmod(pairs, max(choices, 1))
        return skip_own(starts, ends, choices < sources), ends


class PairwiseBernoulli:
    """Every pair is connected with the same probability, on its own; the synapses are ordered by target, then source.

    The pairs between two synapses are skipped at once (Batagelj and Brandes, "Efficient generation of large random
    networks", Phys Rev E 71, 2005). How many synapses there will be is not known in advance, so their weights and
    delays are numbers or distributions.

    Parameters
    ----------
    probability : float
        From 0 to 1.
    autapses : bool
        Whether a neuron and itself are a pair, where source and target are the same population.
    """

    kind = "sparse"
    weights = None

    def __init__(self, probability: float, *, autapses: bool = True):
        self.probability = checks.number("PairwiseBernoulli", "probability", probability, minimum=0.0)
        if self.probability > 1.0:
            raise ValidationError("PairwiseBernoulli", "probability", probability, "a number from 0 to 1")
        self.autapses = flag("PairwiseBernoulli", "autapses", autapses)

    @property
    def log_failure(self) -> float:
        """The logarithm of the probability that a pair is not connected."""
        return log1p(-self.probability) if self.probability < 1.0 else -math.inf

    def check(self, sources: int, targets: int, same: bool = False) -> None:
        """Accept any two populations."""

    def count(self, sources: int, targets: int, same: bool = False) -> None:
        """Return None, since chance decides."""

    def expected(self, sources: int, targets: int, same: bool = False) -> float:
        """Return the mean number of synapses."""
        return self.probability * targets * partners(sources, same, self.autapses)

    def portions(self, sources: int, targets: int, same: bool = False) -> int:
        """Return the number of portions: ranges of targets."""
        return portions_of(targets, self.probability * partners(sources, same, self.autapses))

    def edges(
        self, sources: int, targets: int, seed: int, stream: int, same: bool, portion: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return source and target of every synapse of a portion, integers."""
        if self.probability == 0.0:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        choices = partners(sources, same, self.autapses)
        first, last = portion_of(targets, self.portions(sources, targets, same), portion)
        drawn, degree = _draw_pairs(choices, first, last, self.log_failure, seed, stream)
        ends = np.repeat(np.arange(first, last), degree)
        return skip_own(drawn, ends, choices < sources), ends
