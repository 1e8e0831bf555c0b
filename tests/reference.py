"""A plain simulator of the grid engine's semantics: loops, Python numbers, nothing shared with the engine.

It takes the same `snn.Network`, expands every projection into single synapses by their definition, and follows the
order of a step to the letter. It is slow, and it is what the engine is held to, spike for spike. Step k leads from
(k - 1) dt to k dt:

1. v is propagated, with the synaptic current as it was, unless the neuron is refractory;
2. the synaptic current is propagated (an exponential one decays, an alpha one is fed by a second one, which decays);
3. what arrives at k dt is added: to v (delta synapses; dropped if refractory), the synaptic current or what feeds it;
4. v >= v_threshold: a spike stamped k, reset, refractory in steps k + 1 .. k + t_ref / dt.

Weights are integers times a power of two, so sums are exact; every product that feeds a sum is fused with it. A plastic
synapse's weight is multiplied by an integer of 30 bits, and the product rounded.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field
from fractions import Fraction
from statistics import NormalDist

import numpy as np

from snn.arithmetic import exp  # libraries differ in its last bit; tests/snn/test_arithmetic.py is about this one
from snn.connectivity import (
    AllToAll,
    Conv2d,
    Dense,
    DistanceDependent,
    Edges,
    FixedInDegree,
    FixedOutDegree,
    FixedTotalNumber,
    MaxPool2d,
    OneToOne,
    PairwiseBernoulli,
)
from snn.neurons import DiscreteLIF
from snn.random import Uniform
from snn.stimuli import (
    Current,
    GammaTrains,
    InhomogeneousPoisson,
    NoiseCurrent,
    Poisson,
    SampledCurrent,
    SpikeTrains,
)


def fma(a, b, c):
    return float(Fraction(a) * Fraction(b) + Fraction(c))


def philox(seed, stream, index, step, sample, draw):
    """Philox4x32-10, as Salmon et al. (2011) write it down."""
    counter, key = [index, step, sample, draw], [seed, stream]
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * counter[0], 2**32)
        high1, low1 = divmod(0xCD9E8D57 * counter[2], 2**32)
        counter = [high1 ^ counter[1] ^ key[0], low1, high0 ^ counter[3] ^ key[1], low0]
        key = [(key[0] + 0x9E3779B9) % 2**32, (key[1] + 0xBB67AE85) % 2**32]
    return counter


def random_word(seed, stream, i, step, sample):
    """The word of element i in a step: strips of 256 elements share 64 counters of four words each."""
    strip, lane = divmod(i, 256)
    return philox(seed, stream, 64 * strip + lane % 64, step, sample, 0)[lane // 64]


def poisson_count(mean, seed, stream, i, step, sample):
    """Count n for floor(2^16 P(n)) of the 2^16 cases of 16 random bits; what is left over is decided by a word.

    Strips of 256 elements share 32 counters of eight halves each: the lower ones of the four words, then the upper.
    """
    strip, lane = divmod(i, 256)
    number, counter = divmod(lane, 32)
    word = philox(seed, stream, 32 * strip + counter, step, sample, 0)[number % 4]
    bits = word // 2**16 if number >= 4 else word % 2**16
    probabilities = [math.exp(-mean)]
    while len(probabilities) - 1 <= mean or probabilities[-1] >= 2.0**-50:
        probabilities.append(probabilities[-1] * mean / len(probabilities))
    cases = [min(int(p * 2**16), 2**16 - 1) for p in probabilities]
    for n, some in enumerate(cases):
        if bits < some:
            return n
        bits -= some
    word = philox(seed, stream, i, step, sample, 1)[0]
    left, below = 2**16 - sum(cases), 0.0
    for n, (p, some) in enumerate(zip(probabilities, cases, strict=True)):
        below += p * 2**16 - some
        if round(below / left * 2**32) > 2**32 - 1 or word < round(below / left * 2**32):
            return n
    return len(cases)


def gamma_draw(order, *counter):
    """A gamma-distributed number of this order and a uniform one, after Marsaglia and Tsang (2000)."""
    seed, stream, train, number, sample = counter
    d = max(order, order + 1 if order < 1 else 0) - 1 / 3
    for attempt in range(1000):
        words = philox(seed, stream, train, number, sample, attempt)
        z, u = normal(words[0]), (words[1] + 0.5) / 2**32
        v = (1 + z / (3 * math.sqrt(d))) ** 3
        if v > 0 and math.log(u) < 0.5 * z * z + d - d * v + d * math.log(v):
            break
    uniform = (((words[2] << 21) ^ (words[3] >> 11)) + 0.5) * 2.0**-53
    return d * v * (uniform ** (1 / order) if order < 1 else 1.0), uniform


def gamma_train(rate, order, dt, steps, *counter):
    """Steps of the spikes of a stationary renewal train: each on the next point of the grid that is free."""
    if rate == 0:
        return []
    scale = 1000.0 / (rate * order * dt)
    value, uniform = gamma_draw(order + 1, *counter[:3], 0, counter[3])
    time, found = value * uniform * scale, []
    while True:
        found.append(max(math.ceil(time), found[-1] + 1 if found else 1))
        if found[-1] > steps:
            return found[:-1]
        time += gamma_draw(order, *counter[:3], len(found), counter[3])[0] * scale


def normal(word):
    return NormalDist().inv_cdf((word + 0.5) / 2**32)


def rate_row(stimulus, k, dt, size):
    """Rates of all trains or targets in step k: those of the bin that it lies in, or of the last one."""
    if isinstance(stimulus, Poisson):
        return np.broadcast_to(stimulus.rate, size)
    row = min((k - 1) // in_steps(stimulus.bin, dt), len(stimulus.rate) - 1)
    return np.broadcast_to(stimulus.rate[row], size)


def current_row(stimulus, k, dt):
    """Currents of all elements in step k, and the largest that they ever are."""
    if isinstance(stimulus, SampledCurrent):
        rows = stimulus.amplitude.reshape(len(stimulus.amplitude), -1)
        bins = (k - 1 - in_steps(stimulus.start, dt)) // in_steps(stimulus.bin, dt)
        return rows[max(0, min(bins, len(rows) - 1))], np.abs(rows).max()
    parts = [p.ravel() for p in (stimulus.amplitude, stimulus.frequency, stimulus.phase, stimulus.offset)]
    values = [o + a * math.sin(2 * math.pi * f * (k - 0.5) * dt / 1000 + p) for a, f, p, o in zip(*parts, strict=True)]
    return values, (np.abs(parts[0]) + np.abs(parts[3])).max()


def in_steps(time, dt):
    return round(time / dt)


def streams(network):
    """First stream of random numbers of every part of a network."""
    table = {name: 64 * (3 * i + 1) for i, name in enumerate(network.populations)}
    table |= {name: 64 * (3 * i + 2) for i, name in enumerate(network.sources)}
    return table, [64 * (3 * i + 3) for i in range(len(network.projections))]


def window_pairs(rule, source_shape, target_shape):
    """Every (source position, target position, place in the window) of a window that moves over an image."""
    for out_y in range(target_shape[0]):
        for out_x in range(target_shape[1]):
            for ky in range(rule.size[0]):
                for kx in range(rule.size[1]):
                    y = out_y * rule.stride[0] - rule.padding[0] + ky
                    x = out_x * rule.stride[1] - rule.padding[1] + kx
                    if 0 <= y < source_shape[0] and 0 <= x < source_shape[1]:
                        yield (y, x), (out_y, out_x), (ky, kx)


def distance(rule, source, target):
    """Distance of two neurons of a DistanceDependent rule; over an edge, if it is periodic and that is shorter."""
    along = [abs(a - b) for a, b in zip(rule.sources[source], rule.targets[target], strict=True)]
    if rule.periodic:
        along = [min(d, side - d) for d, side in zip(along, rule.extent, strict=True)]
    return math.hypot(*along)


def near_pairs(rule, n, m, same, seed, stream):
    """Source and target of every synapse of a DistanceDependent rule: cell by cell, candidates, of which some stay."""
    reach, scale = rule.kernel.constants.reach, rule.kernel.constants.width
    crowd = math.sqrt(n / 8 / (rule.extent[0] * rule.extent[1]))
    cells = [max(1, int(min(side * crowd, math.ceil(2 * side / scale)))) for side in rule.extent]
    sides = [side / k for side, k in zip(rule.extent, cells, strict=True)]
    inside = {}
    for s, place in enumerate(rule.sources):
        at = tuple(min(int(x // side), k - 1) for x, side, k in zip(place, sides, cells, strict=True))
        inside.setdefault(at, []).append(s)

    def chance(d):
        return float(rule.kernel.probability(d))

    def walk(axis, x):
        """Cells along an axis that may be within reach, and how near they come."""
        length, side, k = rule.extent[axis], sides[axis], cells[axis]
        first, last = (math.floor((x + sign * min(reach, 3 * length)) / side + sign * 1e-9) for sign in (-1, 1))
        if not rule.periodic:
            found = range(max(first, 0), min(last, k - 1) + 1)
        else:
            found = range(first, last + 1) if last - first < k else range(k)
        for i in found:
            low, high = side * (i % k), side * (i % k + 1) if i % k < k - 1 else length
            shifts = (-length, 0, length) if rule.periodic else (0,)
            yield i % k, min(max((low - x) - shift, (x - high) + shift, 0.0) for shift in shifts)

    found = []
    for t in range(m):
        draw, sources = 0, []

        def two(draw, t=t):
            """How far it is to the next candidate, and the number that decides on it."""
            a, b, c, d = philox(seed, stream, t, draw, 0, 0)
            return -math.log(1 - ((a << 21) ^ (b >> 11)) * 2.0**-53), ((c << 21) ^ (d >> 11)) * 2.0**-53

        left, choice = two(draw)
        x, y = rule.targets[t]
        for row, dy in walk(1, y):
            for column, dx in walk(0, x):
                p, here = chance(math.hypot(dx, dy)), inside.get((column, row), [])
                if p == 0 or not here:
                    continue
                h = p / max(1 - p, 1e-3)
                while left < h * len(here):
                    s, here = here[int(left / h)], here[int(left / h) + 1 :]
                    if choice * -math.expm1(-h) < chance(distance(rule, s, t)) and (
                        rule.autapses or s != t or not same
                    ):
                        sources.append(s)
                    draw += 1
                    left, choice = two(draw)
                left = fma(-h, len(here), left)
        found += [(s, t) for s in sorted(sources)]
    return found


def pairs(projection, seed, stream):
    """Source and target of every synapse of a rule that goes through all pairs or draws some."""
    rule, n, m = projection.rule, projection.source_size, projection.target_size
    ends = (projection.source_start, n), (projection.target_start, m)
    same = projection.source is projection.target and ends[0] == ends[1]

    def others(own, size):
        """The neurons that `own` may be connected with."""
        return [i for i in range(size) if rule.autapses or not same or i != own]

    def drawn(own, size):
        """Partners that `own` draws; where each may be drawn once, by shuffling all and taking the first."""
        order = others(own, size)
        for k in range(rule.degree):
            word = philox(seed, stream, own, k // 4, 0, 0)[k % 4]
            first = 0 if rule.multapses else k
            place = first + word * (len(order) - first) // 2**32
            yield order[place]
            if not rule.multapses:
                order[k], order[place] = order[place], order[k]

    def uniform(index, step, half):
        high, low = philox(seed, stream, index, step, 0, 0)[2 * half : 2 * half + 2]
        return ((high << 21) ^ (low >> 11)) * 2.0**-53

    if isinstance(rule, FixedInDegree):
        return [(s, t) for t in range(m) for s in drawn(t, n)]
    if isinstance(rule, FixedOutDegree):
        return [(s, t) for s in range(n) for t in drawn(s, m)]
    if isinstance(rule, DistanceDependent):
        return near_pairs(rule, n, m, same, seed, stream)
    if isinstance(rule, PairwiseBernoulli):
        found = []
        for t in range(m) if rule.probability else ():
            at, k, sources = -1, 0, others(t, n)
            while True:
                failures = math.log1p(-uniform(t, k // 2, k % 2))
                failures = failures / math.log1p(-rule.probability) if rule.probability < 1 else 0.0
                at, k = at + 1 + math.floor(failures), k + 1
                if at >= len(sources):
                    break
                found.append((sources[at], t))
        return found
    every = [(s, t) for t in range(m) for s in others(t, n)]
    if isinstance(rule, AllToAll):
        return every
    if rule.multapses:
        choices = len(others(0, n))

        def below(limit, draw, k):
            return random_word(seed, stream, k, draw, 0) * limit // 2**32

        return [every[below(m, 1, k) * choices + below(choices, 0, k)] for k in range(rule.number)]
    chosen = set()  # Floyd's algorithm
    for k in range(rule.number):
        largest = len(every) - rule.number + k
        one = int(uniform(k, 0, 0) * (largest + 1))
        chosen.add(largest if one in chosen else one)
    return [every[i] for i in sorted(chosen)]


def synapses(projection, seed, stream):
    """Every synapse as (source, target, weight); rules count from the first neuron of a slice."""
    found = counted_synapses(projection, seed, stream)
    return [(s + projection.source_start, t + projection.target_start, w) for s, t, w in found]


def counted_synapses(projection, seed, stream):
    """Every synapse as (source, target, weight), counted from the first neuron meant."""
    rule, n, m = projection.rule, projection.source_size, projection.target_size
    weight = projection.weight
    if isinstance(rule, Dense):
        return [(s, t, rule.weights[t, s]) for s in range(n) for t in range(m)]
    if isinstance(rule, OneToOne):
        weights = np.broadcast_to(weight, n)
        return [(i, i, weights[i]) for i in range(n)]
    drawn = FixedInDegree | FixedOutDegree | FixedTotalNumber | PairwiseBernoulli | DistanceDependent
    if isinstance(rule, AllToAll | drawn):
        found = pairs(projection, seed, stream)
        weights = np.broadcast_to(weight, len(found))
        return [(s, t, w) for (s, t), w in zip(found, weights, strict=True)]
    if isinstance(rule, Edges):
        weights = np.broadcast_to(weight if rule.weights is None else rule.weights, len(rule.sources))
        return list(zip(rule.sources, rule.targets, weights, strict=True))
    source = np.arange(n).reshape(projection.source.shape)
    target = np.arange(m).reshape(projection.target.shape)
    found = []
    for at, to, k in window_pairs(rule, source.shape, target.shape):
        if isinstance(rule, Conv2d):
            for c in range(source.shape[2]):
                found += [(source[*at, c], target[*to, d], rule.weights[*k, c, d]) for d in range(target.shape[2])]
        else:
            found += [(source[*at, c], target[*to, c], weight) for c in range(source.shape[2])]
    return found


@dataclass
class Cells:
    """A population's neurons, one by one."""

    model: object
    size: int
    dt: float
    v: list = field(init=False)
    current: list = field(init=False)

    def value(self, name, i):
        return float(np.broadcast_to(getattr(self.model, name), self.size)[i])

    def __post_init__(self):
        self.discrete = isinstance(self.model, DiscreteLIF)
        self.v = [self.value("v_rest", i) if hasattr(self.model, "v_rest") else 0.0 for i in range(self.size)]
        self.synaptic = [[0.0, 0.0] for _ in range(self.size)]
        self.rising = [[0.0, 0.0] for _ in range(self.size)]  # what feeds the current of an alpha synapse
        self.refractory = [0] * self.size
        self.constants = [self.constant(i) for i in range(self.size)]

    def constant(self, i):
        """Factor of v, what is added to v, effect of 1 pA, and for each synaptic current four numbers.

        They are the factor of it and of what feeds it, its effect on v, the effect of what feeds it on it, and on v.
        """
        if self.discrete:
            return self.value("beta", i), 0.0, 1.0, []
        h, c = self.dt, self.value("c_m", i)
        a = 1.0 / self.value("tau_m", i) if hasattr(self.model, "tau_m") else 0.0
        rest = self.value("v_rest", i) if hasattr(self.model, "v_rest") else 0.0

        def phi(x):
            return float(np.expm1(x) / x) if x else 1.0

        def psi(x):
            if abs(x) >= 1:
                return (x * np.exp(x) - np.expm1(x)) / x**2
            total = 0.0
            for k in reversed(range(20)):
                total = total * x + 1 / (math.factorial(k) * (k + 2))
            return total

        gain = h / c * phi(-a * h)
        taus = [] if self.model.synapse == "delta" else [self.value("tau_syn", i)]
        if taus and self.model.tau_syn_inh is not None:
            taus.append(self.value("tau_syn_inh", i))
        kernels = []
        for t in taus:
            factor, x = float(np.exp(-h / t)), (a - 1 / t) * h
            fed = math.e * h / t if self.model.synapse == "alpha" else 0.0
            effects = h / c * np.exp(-a * h) * phi(x), fed * factor, fed * h / c * np.exp(-a * h) * psi(x)
            kernels.append((factor, *map(float, effects)))
        return float(np.exp(-a * h)), float(-np.expm1(-a * h) * rest + gain * self.value("i_e", i)), gain, kernels

    def port(self, weight):
        if self.discrete or self.model.synapse == "delta" or self.model.tau_syn_inh is None:
            return 0
        return 1 if weight < 0 else 0

    def step(self, i, arrived, flowing, armed):
        decay, drive, gain, kernels = self.constants[i]
        v = fma(gain, flowing, fma(decay, self.v[i], drive))
        for port, (_, effect, _, effect_of_rising) in enumerate(kernels):
            v = fma(effect, self.synaptic[i][port], v)
            v = fma(effect_of_rising, self.rising[i][port], v)
        if not kernels:
            v = v + arrived[0]
        for port, (factor, _, feed, _) in enumerate(kernels):
            if self.model.synapse == "alpha":
                self.synaptic[i][port] = fma(feed, self.rising[i][port], factor * self.synaptic[i][port])
                self.rising[i][port] = fma(factor, self.rising[i][port], arrived[port])
            else:
                self.synaptic[i][port] = fma(factor, self.synaptic[i][port], arrived[port])
        if self.refractory[i]:
            self.refractory[i] -= 1
            return False
        self.v[i] = v
        threshold, reset = self.value("v_threshold", i), self.value("v_reset", i)
        if not (armed and v >= threshold):
            return False
        self.v[i] = v - (threshold - reset) if self.model.reset == "soft" else reset
        self.refractory[i] = 0 if self.discrete else in_steps(self.value("t_ref", i), self.dt)
        return True


def quantum(weights):
    """The power of two that weights into a port are multiples of: 2^-30 of the first that no weight exceeds."""
    largest = max((abs(float(w)) for w in weights), default=0.0)
    return 2.0 ** (math.ceil(math.log2(largest)) - 30) if largest else 1.0


def simulate(network, dt, steps, sample=0, amplitudes=None):
    """Run a network; returns spikes {name: [(step, neuron), ...]} and v {name: array (steps, neurons)}.

    `amplitudes` replaces those of currents, by name, for this sample.
    """
    by_name, by_projection = streams(network)
    cells = {name: Cells(p.model, p.size, dt) for name, p in network.populations.items()}
    for name, p in network.populations.items():
        for variable, value in p.initial.items():
            names = ["v"]  # the only variable the tests start elsewhere
            stream = by_name[name] + 32 + names.index(variable)
            if isinstance(value, Uniform):
                draws = [(random_word(network.seed, stream, i, 0, 0) + 0.5) * 2.0**-32 for i in range(p.size)]
                value = [value.low + (value.high - value.low) * u for u in draws]
            cells[name].v = [float(x) for x in np.broadcast_to(value, p.size)]

    lists, ports = [], {name: [[], [], []] for name in cells}  # the third port is for currents
    for projection, stream in zip(network.projections, by_projection, strict=True):
        source, target = projection.source, projection.target
        current = not hasattr(source, "model") and source.flows
        meant = range(projection.target_start, projection.target_start + projection.target_size)
        found = [(None, t, projection.weight) for t in meant]
        if projection.rule is not None:
            found = synapses(projection, network.seed, stream)
        for _, _, w in found:
            ports[target.name][2 if current else cells[target.name].port(w)].append(w)
        lists.append((projection, found, stream, current))
    quanta = {name: [quantum(weights) for weights in by_port] for name, by_port in ports.items()}

    fired = {name: [] for name in [*network.populations, *network.sources]}
    traces = {name: np.zeros((steps, len(c.v))) for name, c in cells.items()}
    counters = [{} for _ in lists]

    def rounded(weight, name, port):
        return round(Fraction(float(weight)) / Fraction(quanta[name][port]))

    outgoing = []
    for projection, found, _, current in lists:
        table = {}
        delays = np.broadcast_to(projection.delay if projection.delay is not None else np.nan, len(found))
        least = 1 if hasattr(projection.source, "model") else 0
        for (s, t, w), delay in zip(found, delays, strict=True):
            port = 2 if current else cells[projection.target.name].port(w)
            entry = (
                t,
                port,
                rounded(w, projection.target.name, port),
                least if np.isnan(delay) else in_steps(delay, dt),
            )
            table.setdefault(s, []).append(entry)
        outgoing.append(table)
    drives = {}
    for (projection, _, _, current), table in zip(lists, outgoing, strict=True):
        if current and isinstance(projection.source.stimulus, Current):
            given = np.ravel((amplitudes or {}).get(projection.source.name, projection.source.stimulus.amplitude))
            drives[id(projection)] = drive(given, table, projection.target.size)

    renewals = {}
    for name, source in network.sources.items():
        if isinstance(source.stimulus, GammaTrains):
            given = [np.broadcast_to(x, source.size) for x in (source.stimulus.rate, source.stimulus.order)]
            renewals[name] = [
                gamma_train(rate, order, dt, steps, network.seed, by_name[name], i, sample)
                for i, (rate, order) in enumerate(zip(*given, strict=True))
            ]

    for k in range(1, steps + 1):
        for name, source in network.sources.items():
            if isinstance(source.stimulus, SpikeTrains):
                for i, train in enumerate(source.stimulus.trains):
                    if any(in_steps(t, dt) == k for t in train):
                        fired[name].append((k, i))
            elif isinstance(source.stimulus, GammaTrains):
                fired[name] += [(k, i) for i, train in enumerate(renewals[name]) if k in train]
            elif isinstance(source.stimulus, Poisson | InhomogeneousPoisson) and source.shape is not None:
                rates = rate_row(source.stimulus, k, dt, source.size)
                for i in range(source.size):
                    word = random_word(network.seed, by_name[name], i, k, sample)
                    if word < round(rates[i] * dt / 1000.0 * 2.0**32):
                        fired[name].append((k, i))
        sums = {name: [[0, 0, 0] for _ in c.v] for name, c in cells.items()}
        for p, (projection, _, stream, current) in enumerate(lists):
            source, into = projection.source, sums[projection.target.name]
            if current:
                start, stop = source.stimulus.start / dt, source.stimulus.stop / dt
                if not (round(start) < k and (math.isinf(stop) or k <= round(stop))):
                    continue
                drawn = (projection, stream, k, dt, sample, network.seed, quanta)
                stimulus, total = source.stimulus, drives.get(id(projection))
                if isinstance(stimulus, NoiseCurrent):
                    total = noise_drive(*drawn)
                elif not isinstance(stimulus, Current):
                    row, largest = current_row(stimulus, k, dt)
                    total = drive(row, outgoing[p], projection.target.size, largest)
                for t, amount in enumerate(total):
                    into[t][2] += amount
            elif projection.rule is None:
                name, c = projection.target.name, cells[projection.target.name]
                port = c.port(projection.weight)
                rates = rate_row(source.stimulus, k, dt, projection.target_size)
                for t, rate in enumerate(rates, projection.target_start):
                    count = poisson_count(rate * dt / 1000.0, network.seed, stream, t, k, sample)
                    into[t][port] += count * rounded(projection.weight, name, port)
            else:
                share = shares(projection, stream, fired[source.name], network.seed, dt)
                deliver(projection, outgoing[p], fired[source.name], k, into, counters[p], share)
        for name, c in cells.items():
            start, stop = network.populations[name].active
            armed = round(start / dt) < k and (math.isinf(stop) or k <= round(stop / dt))
            for i in range(len(c.v)):
                arrived = [float(total * Fraction(quanta[name][j])) for j, total in enumerate(sums[name][i])]
                if c.step(i, arrived, arrived[2], armed):
                    fired[name].append((k, i))
                traces[name][k - 1, i] = c.v[i]
    return fired, traces


def shares(projection, stream, spikes, seed, dt):
    """What a spike (step, source) has of the weights, in units of 2^-30: all, or u x of Tsodyks and Markram."""
    rule = projection.plasticity
    if rule is None:
        return lambda step, source: 2**30

    def value(i, name, source):
        given = getattr(rule, name)
        if isinstance(given, Uniform):
            return (
                given.low + (given.high - given.low) * (random_word(seed, stream + 3 + i, source, 0, 0) + 0.5) / 2**32
            )
        return float(np.broadcast_to(given, projection.source_size)[source])

    @functools.cache
    def share(step, source):
        use, tau_rec, tau_fac = (
            value(i, name, source - projection.source_start) for i, name in enumerate(("u", "tau_rec", "tau_fac"))
        )
        u, x, before = use, 1.0, None
        for at in sorted(s for s, i in spikes if i == source and s <= step):
            if before is not None:
                x = fma(fma(-u, x, x) - 1.0, exp(-((at - before) * (dt / tau_rec))), 1.0)
                u = fma(u * (1.0 - use), exp(-((at - before) * (dt / tau_fac))) if tau_fac else 0.0, use)
            before = at
        return math.floor(u * x * 2**30 + 0.5)

    return share


def deliver(projection, table, spikes, k, into, counters, share):
    """Add what arrives in step k; max-pooling passes on an event where the largest count of a window grows."""
    for step, source in spikes:
        for target, port, weight, delay in table.get(source, ()):
            if step + delay != k:
                continue
            if isinstance(projection.rule, MaxPool2d):
                reached = sum(1 for s, i in spikes if i == source and s <= step)
                if reached <= counters.get(target, 0):
                    continue
                counters[target] = reached
            into[target][port] += (weight * share(step, source) + 2**29) // 2**30


def noise_drive(projection, stream, k, dt, sample, seed, quanta):
    """What the targets of a noise current receive in step k: what was drawn in the first step of the interval."""
    stimulus, name = projection.source.stimulus, projection.target.name
    start, interval = in_steps(stimulus.start, dt), in_steps(stimulus.interval, dt)
    drawn = k - (k - 1 - start) % interval
    weight = round(Fraction(float(projection.weight)) / Fraction(quanta[name][2]))
    amounts = [0] * projection.target.size
    for i in range(projection.target_size):
        mean, std = (float(np.broadcast_to(x, projection.target_size)[i]) for x in (stimulus.mean, stimulus.std))
        t = projection.target_start + i
        z = normal(random_word(seed, stream, t, drawn, sample))
        amounts[t] = math.floor(fma(std * weight, z, mean * weight) + 0.5)
    return amounts


def drive(amplitudes, table, targets, largest=None):
    """What a current's targets receive, in quanta: amplitudes as integers of 30 bits or as many as sums leave room."""
    largest = max((abs(a) for a in amplitudes), default=0.0) if largest is None else largest
    if largest == 0:
        return [0] * targets
    reach = [0] * targets
    for entries in table.values():
        for target, _, weight, _ in entries:
            reach[target] += abs(weight)
    bits = min(30, 62 - max(reach).bit_length())
    shift = bits - math.frexp(largest)[1]
    totals = [0] * targets
    for source, amplitude in enumerate(amplitudes):
        for target, _, weight, _ in table.get(source, ()):
            totals[target] += weight * round(Fraction(float(amplitude)) * Fraction(2) ** shift)
    return [math.floor(total * Fraction(1, 2) ** shift + Fraction(1, 2)) for total in totals]
