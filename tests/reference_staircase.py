"""Plain accounts of networks of staircase neurons, nothing shared with the engine, and random networks to hold it to.

`twin` computes what a network without cycles says in the end: a quantised artificial network, by integer matrix
products and the definition of each model. `simulate` follows events one by one in time, with the same rules as the
engine:

- free: events in the order of (time, source, projection, when sent), each unit by itself, to its synapses in the order
  of the list, and a neuron speaks as soon as one of them has arrived;
- coalescing: neurons speak at a time (or at the next multiple of the window) when all that arrives by then has arrived.
"""

from __future__ import annotations

import heapq
import itertools
import math
from fractions import Fraction

import numpy as np
import reference

import snn


def quantum(network, population, port):
    """What weights into a port are multiples of; ports to choose from count."""
    if population.model.open_ports:
        return 1.0
    weights = []
    for p in network.projections:
        if p.target is population and p.port == port:
            given = getattr(p.rule, "weights", None)
            weights += np.ravel(p.weight if given is None else given).tolist()
    weights = weights if any(weights) else np.ravel(list(population.initial.values()))
    return reference.quantum(weights if any(weights) else [1.0])


def integer_synapses(network):
    """For each projection its synapses (source, target, weight in quanta), in the order of its list."""
    _, by_projection = reference.streams(network)
    found = []
    for p, stream in zip(network.projections, by_projection, strict=True):
        unit = quantum(network, p.target, p.port)
        found.append([(s, t, round(float(w) / unit)) for s, t, w in reference.synapses(p, network.seed, stream)])
    return found


def biases(network, population, port):
    """Initial sums in quanta."""
    value = np.broadcast_to(population.initial.get(port or "u", 0.0), population.size)
    return np.array([round(float(v) / quantum(network, population, port)) for v in value])


def level(model, i, sums, unit):
    """The level of neuron i, by definition; sums in quanta."""
    if isinstance(model, snn.Product):
        return sums[0] * sums[1]
    if isinstance(model, snn.Staircase):
        thresholds, levels = np.atleast_2d(model.thresholds), np.atleast_2d(model.levels)
        row = i % len(thresholds)
        reached = [n for t, n in zip(thresholds[row], levels[row], strict=True) if t <= Fraction(unit) * sums[0]]
        return int(reached[-1]) if reached else model.below
    step, slope = (np.ravel(v)[i % np.size(v)] for v in (model.step, model.negative_slope))
    width = round(float(step) / unit)
    if sums[0] < 0:
        if slope == 0:
            return max(0, model.low or 0) if model.low is not None else 0
        width = max(1, round(float(step) / unit / float(slope)))
    whole = math.floor(Fraction(sums[0], width) + Fraction(1, 2))
    whole = whole if model.low is None else max(whole, model.low)
    return whole if model.high is None else min(whole, model.high)


def matrices(network):
    """For each projection the integer matrix (targets, sources) of its synapses; None for max-pooling."""
    found = []
    for p, synapses in zip(network.projections, integer_synapses(network), strict=True):
        matrix = np.zeros((p.target.size, p.source.size), np.int64)
        for s, t, w in synapses:
            matrix[t, s] += w
        found.append(matrix)
    return found


def twin(network, counts):
    """Levels and sums of every population, {name: (samples, neurons)} each, for counts {name: (samples, ...)}."""
    samples = len(next(iter(counts.values())))
    levels = {name: np.asarray(c).reshape(samples, -1).astype(np.int64) for name, c in counts.items()}
    weights, sums, waiting = matrices(network), {}, list(network.populations.values())
    while waiting:
        incoming = [(p, w) for p, w in zip(network.projections, weights, strict=True) if p.target is waiting[0]]
        if any(p.source.name not in levels for p, _ in incoming):
            waiting.append(waiting.pop(0))
            continue
        population = waiting.pop(0)
        model, totals = population.model, []
        for port in model.open_ports or (None,):
            total = np.tile(biases(network, population, port), (samples, 1))
            for p, matrix in incoming:
                if p.port == port and isinstance(p.rule, snn.MaxPool2d):
                    for t, row in enumerate(matrix):
                        window = np.flatnonzero(row)
                        if len(window):
                            total[:, t] += row[window[0]] * levels[p.source.name][:, window].max(axis=1)
                elif p.port == port:
                    total += levels[p.source.name] @ matrix.T
            totals.append(total)
        unit = quantum(network, population, None)
        said = [
            [level(model, i, [int(total[b, i]) for total in totals], unit) for i in range(population.size)]
            for b in range(samples)
        ]
        levels[population.name], sums[population.name] = np.array(said), np.stack(totals, axis=-1) * unit
    return levels, sums


class _Run:
    """One sample under way."""

    def __init__(self, network):
        self.nodes = [*network.sources.values(), *network.populations.values()]
        starts = np.cumsum([0, *(n.size for n in self.nodes)])[:-1].tolist()
        self.first = dict(zip([n.name for n in self.nodes], starts, strict=True))
        self.said = {n.name: [0] * n.size for n in self.nodes}
        self.unit = {p.name: quantum(network, p, None) for p in network.populations.values()}
        self.sums = {
            p.name: [biases(network, p, port).tolist() for port in p.model.open_ports or (None,)]
            for p in network.populations.values()
        }
        self.fans, self.heap, self.number, self.changes = [], [], itertools.count(), {n.name: [] for n in self.nodes}
        for p, synapses in zip(network.projections, integer_synapses(network), strict=True):
            default = 0.0 if isinstance(p.source, snn.stimuli.Source) else 1.0
            delays = np.broadcast_to(default if p.delay is None else p.delay, len(synapses)).tolist()
            by_source = {}
            for (s, t, w), delay in zip(synapses, delays, strict=True):
                by_source.setdefault(s, {}).setdefault(delay, []).append((t, w))
            self.fans.append((p, by_source, [0] * p.source.size))

    def wish(self, name, i, model):
        return level(model, i, [port[i] for port in self.sums[name]], self.unit[name]) - self.said[name][i]

    def speak(self, name, i, change, time):
        """Say a change, and send it through every projection, once for each different delay."""
        self.said[name][i] += change
        self.changes[name].append((time, i, change))
        for k, (p, by_source, _) in enumerate(self.fans):
            if p.source.name == name:
                number = next(self.number)
                for delay in by_source.get(i, {}):
                    entry = (time + delay, self.first[name] + i, k, number, delay, i, change)
                    heapq.heappush(self.heap, entry)

    def arrivals(self, k, delay, i, change):
        """Yield every target that a change reaches, as it is added to its sum."""
        p, by_source, counts = self.fans[k]
        port = 0 if p.port is None else p.target.model.open_ports.index(p.port)
        sums = self.sums[p.target.name][port]
        before = list(counts)
        counts[i] += change
        for t, w in by_source[i][delay]:
            if isinstance(p.rule, snn.MaxPool2d):
                window = [s for s, reached in by_source.items() if any(t == other for other, _ in reached[delay])]
                grown = max(counts[s] for s in window) - max(before[s] for s in window)
                if grown == 0:
                    continue
                sums[t] += w * grown
            else:
                sums[t] += w * change
            yield t


def simulate(network, windows, times, schedule, window=0.0):
    """Settle one sample; returns levels and changes (time, neuron, change) by name.

    `windows` has the counts {name: (windows, ...)} from each of `times` on.
    """
    run, pending = _Run(network), list(range(len(times)))
    touched = {(p.name, i): p.model for p in network.populations.values() for i in range(p.size)}
    speaks = 0.0
    while run.heap or pending or touched:
        arrival = run.heap[0][0] if run.heap else math.inf
        given = times[pending[0]] if pending else math.inf
        if touched and (schedule == "free" or speaks < min(arrival, given)):
            for (name, i), model in sorted(touched.items(), key=lambda item: item[0]):
                if change := run.wish(name, i, model):
                    run.speak(name, i, change, speaks)
            touched = {}
        elif pending and given <= arrival:
            w = pending.pop(0)
            for name in network.sources:
                for i, count in enumerate(np.ravel(windows[name][w]).tolist()):
                    if count != run.said[name][i]:
                        run.speak(name, i, count - run.said[name][i], given)
        elif schedule == "coalescing":
            time, _, k, _, delay, i, change = heapq.heappop(run.heap)
            if not touched:
                speaks = max(time, math.ceil(time / window) * window) if window else time
            target = run.fans[k][0].target
            for t in run.arrivals(k, delay, i, change):
                touched[target.name, t] = target.model
        else:
            time, _, k, _, delay, i, change = heapq.heappop(run.heap)
            p = run.fans[k][0]
            graded = isinstance(getattr(p.source, "model", None), snn.Product)
            for one in [change] if graded else [int(math.copysign(1, change))] * abs(change):
                for t in run.arrivals(k, delay, i, one):
                    if wish := run.wish(p.target.name, t, p.target.model):
                        run.speak(p.target.name, t, wish, time)
    return run.said, run.changes


# ---- random networks


def random_model(rng, rows):
    """A staircase of any kind; `rows` is how many channels or neurons there are."""
    kind, per_row = rng.integers(7), rng.random() < 0.4
    step = rng.choice([0.25, 0.5, 1.0, 1.7, 3.0], rows if per_row else None)
    if kind < 4:
        bounds = [{}, {"low": 0}, {"low": 0, "high": int(rng.integers(1, 9))}, {"low": -3, "high": 4}][kind]
        slope = {"negative_slope": rng.choice([0.0, 0.1, 0.25, 2.0], rows if per_row else None)}
        return snn.Quantizer(step, **bounds, **(slope if rng.random() < 0.4 else {}))
    if kind == 4:
        return snn.Staircase.of(math.tanh, step / 4, (-4.0, 4.0), samples=1)
    if kind == 5:
        return snn.Staircase.of(lambda u: u / (1.0 + math.exp(-u)), step / 4, (-6.0, 3.0), samples=64)
    shape = (rows, 5) if per_row else (5,)
    return snn.Staircase(
        np.sort(rng.integers(-12, 13, shape) / 4), rng.integers(-4, 5, shape), int(rng.integers(-2, 3))
    )


def random_weights(rng, shape):
    """Weights, of which some sums lie exactly on thresholds."""
    return rng.integers(-6, 7, shape) / 4 if rng.random() < 0.7 else rng.normal(0.0, 0.8, shape)


def random_delay(rng, synapses=None):
    """A delay, or one for each of a number of synapses."""
    if synapses is not None and rng.random() < 0.6:
        return (
            rng.choice([0.5, 1.0, 1.5, 2.25, 0.1], synapses) if rng.random() < 0.5 else rng.uniform(0.01, 3.0, synapses)
        )
    return float(rng.choice([0.1, 0.5, 1.0, rng.uniform(0.01, 5.0)]))


def random_network(rng, layers=4):
    """A network without cycles: convolutions, pooling, dense, listed, residual and product connections."""
    net = snn.Network(int(rng.integers(2**32)))
    side, channels = int(rng.integers(3, 6)), int(rng.integers(1, 3))
    nodes = [net.counts("image", (side, side, channels))]
    if rng.random() < 0.4:
        nodes.append(net.counts("more", int(rng.integers(1, 6))))
    for number in range(int(rng.integers(1, layers + 1))):
        nodes.append(_random_layer(rng, net, nodes, f"layer{number}"))
    return net


def _random_layer(rng, net, nodes, name):
    source = nodes[rng.integers(len(nodes))]
    bias = {"u": float(rng.integers(-4, 5) / 4)} if rng.random() < 0.5 else None
    images = [n for n in nodes if len(n.shape) == 3]
    kind = rng.choice(["conv", "sum", "max", "dense", "listed", "residual", "product"])
    if kind in ("conv", "sum", "max"):
        source = images[rng.integers(len(images))]
        size = int(rng.integers(1, min(source.shape[:2]) + 1))
        options = {"stride": int(rng.integers(1, 4)), "padding": int(rng.integers(0, 1 + size // 2))}
        if kind == "conv":
            rule = snn.Conv2d(random_weights(rng, (size, size, source.shape[2], int(rng.integers(1, 4)))), **options)
        else:
            rule = {"sum": snn.SumPool2d, "max": snn.MaxPool2d}[kind](size, **options)
        shape = rule.target_shape(source.shape)
        layer = net.population(name, shape, random_model(rng, shape[2]), initial=bias)
        weight = None if kind == "conv" else float(rng.choice([1.0, -0.5, 0.3]))
        net.connect(source, layer, rule, weight=weight, delay=random_delay(rng))
        return layer
    if kind in ("residual", "product"):
        one, other = source, [n for n in nodes if n.size == source.size][-1]
        product = kind == "product"
        model = snn.Product() if product else random_model(rng, source.shape[-1])
        start = {"a": float(rng.integers(-2, 3))} if product and rng.random() < 0.5 else None
        layer = net.population(name, source.shape, model, initial=start if product else bias)
        for end, port in ((one, "a"), (other, "b")):
            weight = rng.choice([-2.0, -1.0, 1.0, 2.0], source.size) if product else random_weights(rng, source.size)
            more = {"port": port} if product else {}
            net.connect(end, layer, snn.OneToOne(), weight=weight, delay=random_delay(rng), **more)
        return layer
    size = int(rng.integers(1, 8))
    layer = net.population(name, size, random_model(rng, size), initial=bias)
    if kind == "dense":
        net.connect(source, layer, snn.Dense(random_weights(rng, (size, source.size))), delay=random_delay(rng))
        return layer
    count = int(rng.integers(1, 20))
    rule = snn.Edges(rng.integers(0, source.size, count), rng.integers(0, size, count))
    if rng.random() < 0.3:
        rule, count = snn.FixedInDegree(3), 3 * size
    net.connect(source, layer, rule, weight=random_weights(rng, count), delay=random_delay(rng, count))
    return layer


def random_counts(rng, network, samples, largest=4):
    """Counts of every input, {name: (samples, *shape)}, of both signs."""
    return {name: rng.integers(-largest, largest + 1, (samples, *s.shape)) for name, s in network.sources.items()}


def in_windows(rng, counts, windows):
    """The same counts, {name: (windows, samples, *shape)}: each element reaches its count in a window of its own."""
    found = {}
    for name, final in counts.items():
        when = rng.integers(0, windows, final.shape)
        found[name] = np.stack([np.where(when <= w, final, 0) for w in range(windows)])
    return found
