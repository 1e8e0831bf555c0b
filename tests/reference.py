"""A plain simulator of the grid engine's semantics: loops, Python numbers, nothing shared with the engine.

It takes the same `snn.Network`, expands every projection into single synapses by their definition, and follows the
order of a step to the letter. It is slow, and it is what the engine is held to, spike for spike. Step k leads from
(k - 1) dt to k dt:

1. v is propagated, with the synaptic current as it was, unless the neuron is refractory;
2. the synaptic current decays;
3. what arrives at k dt is added: to v (delta synapses; dropped if refractory) or to the synaptic current;
4. v >= v_threshold: a spike stamped k, reset, refractory in steps k + 1 .. k + t_ref / dt.

Weights are integers times a power of two, so sums are exact; every product that feeds a sum is fused with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from snn.connectivity import Conv2d, Dense, Edges, FixedInDegree, MaxPool2d, OneToOne, SumPool2d
from snn.neurons import DiscreteLIF
from snn.random import Uniform
from snn.stimuli import Current, Poisson, SpikeTrains


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


def poisson_count(word, mean):
    """The smallest n with word < round(2^32 P(count <= n))."""
    n, probability = 0, math.exp(-mean)
    cumulative = probability
    while True:
        if (n > mean and probability < 2.0**-34) or round(cumulative * 2**32) > 2**32 - 1:
            return n
        if word < round(cumulative * 2**32):
            return n
        n += 1
        probability *= mean / n
        cumulative += probability


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


def synapses(projection, seed, stream):
    """Every synapse as (source, target, weight)."""
    rule, n, m = projection.rule, projection.source.size, projection.target.size
    weight = projection.weight
    if isinstance(rule, Dense):
        return [(s, t, rule.weights[t, s]) for s in range(n) for t in range(m)]
    if isinstance(rule, OneToOne):
        weights = np.broadcast_to(weight, n)
        return [(i, i, weights[i]) for i in range(n)]
    if isinstance(rule, FixedInDegree):
        found = []
        for target in range(m):
            for j in range(rule.degree):
                word = philox(seed, stream, target, j // 4, 0, 0)[j % 4]
                found.append((word * n // 2**32, target))
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
        self.refractory = [0] * self.size
        self.constants = [self.constant(i) for i in range(self.size)]

    def constant(self, i):
        """Factor of v, what is added to v, effect of 1 pA, and factor and effect of each synaptic current."""
        if self.discrete:
            return self.value("beta", i), 0.0, 1.0, []
        h, c = self.dt, self.value("c_m", i)
        a = 1.0 / self.value("tau_m", i) if hasattr(self.model, "tau_m") else 0.0
        rest = self.value("v_rest", i) if hasattr(self.model, "v_rest") else 0.0

        def phi(x):
            return float(np.expm1(x) / x) if x else 1.0

        gain = h / c * phi(-a * h)
        taus = [] if self.model.synapse == "delta" else [self.value("tau_syn", i)]
        if taus and self.model.tau_syn_inh is not None:
            taus.append(self.value("tau_syn_inh", i))
        kernels = [(float(np.exp(-h / t)), float(h / c * np.exp(-a * h) * phi((a - 1 / t) * h))) for t in taus]
        return float(np.exp(-a * h)), float(-np.expm1(-a * h) * rest + gain * self.value("i_e", i)), gain, kernels

    def port(self, weight):
        if self.discrete or self.model.synapse == "delta" or self.model.tau_syn_inh is None:
            return 0
        return 1 if weight < 0 else 0

    def step(self, i, arrived, flowing, armed):
        decay, drive, gain, kernels = self.constants[i]
        v = fma(decay, self.v[i], drive)
        if kernels and len(kernels) == 1:
            v = fma(gain, flowing, v)
            v = fma(kernels[0][1], self.synaptic[i][0], v)
        else:
            v = fma(gain, flowing, v)
            for (_, effect), current in zip(kernels, self.synaptic[i], strict=False):
                v = fma(effect, current, v)
        if not kernels:
            v = v + arrived[0]
        for port, (factor, _) in enumerate(kernels):
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
                words = [philox(network.seed, stream, i, 0, 0, 0) for i in range(p.size)]
                draws = [((w[0] << 21) ^ (w[1] >> 11)) * 2.0**-53 for w in words]
                value = [value.low + (value.high - value.low) * u for u in draws]
            cells[name].v = [float(x) for x in np.broadcast_to(value, p.size)]

    lists, ports = [], {name: [[], [], []] for name in cells}  # the third port is for currents
    for projection, stream in zip(network.projections, by_projection, strict=True):
        source, target = projection.source, projection.target
        current = not hasattr(source, "model") and isinstance(source.stimulus, Current)
        found = [(None, t, projection.weight) for t in range(target.size)]
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
        if current:
            given = np.ravel((amplitudes or {}).get(projection.source.name, projection.source.stimulus.amplitude))
            drives[id(projection)] = drive(given, table, projection.target.size)

    for k in range(1, steps + 1):
        for name, source in network.sources.items():
            if isinstance(source.stimulus, SpikeTrains):
                for i, train in enumerate(source.stimulus.trains):
                    if any(in_steps(t, dt) == k for t in train):
                        fired[name].append((k, i))
            elif isinstance(source.stimulus, Poisson) and source.shape is not None:
                rates = np.broadcast_to(source.stimulus.rate, source.size)
                for i in range(source.size):
                    word = philox(network.seed, by_name[name], i // 4, k, sample, 0)[i % 4]
                    if word < round(rates[i] * dt / 1000.0 * 2.0**32):
                        fired[name].append((k, i))
        sums = {name: [[0, 0, 0] for _ in c.v] for name, c in cells.items()}
        for p, (projection, _, stream, current) in enumerate(lists):
            source, into = projection.source, sums[projection.target.name]
            if current:
                start, stop = source.stimulus.start / dt, source.stimulus.stop / dt
                if round(start) < k and (math.isinf(stop) or k <= round(stop)):
                    for t, total in enumerate(drives[id(projection)]):
                        into[t][2] += total
            elif projection.rule is None:
                name, c = projection.target.name, cells[projection.target.name]
                port = c.port(projection.weight)
                rates = np.broadcast_to(source.stimulus.rate, projection.target.size)
                for t in range(projection.target.size):
                    word = philox(network.seed, stream, t // 4, k, sample, 0)[t % 4]
                    into[t][port] += poisson_count(word, rates[t] * dt / 1000.0) * rounded(
                        projection.weight, name, port
                    )
            else:
                deliver(projection, outgoing[p], fired[source.name], k, into, counters[p])
        for name, c in cells.items():
            start, stop = network.populations[name].active
            armed = round(start / dt) < k and (math.isinf(stop) or k <= round(stop / dt))
            for i in range(len(c.v)):
                arrived = [float(total * Fraction(quanta[name][j])) for j, total in enumerate(sums[name][i])]
                if c.step(i, arrived, arrived[2], armed):
                    fired[name].append((k, i))
                traces[name][k - 1, i] = c.v[i]
    return fired, traces


def deliver(projection, table, spikes, k, into, counters):
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
            into[target][port] += weight


def drive(amplitudes, table, targets):
    """What a current's targets receive, in quanta: amplitudes as integers of 30 bits or as many as sums leave room."""
    largest = max((abs(a) for a in amplitudes), default=0.0)
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


__all__ = ["SumPool2d", "simulate"]
