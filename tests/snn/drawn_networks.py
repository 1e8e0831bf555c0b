"""Networks whose synapses are listed in every way, and the comparison of rows that host and device have drawn."""

import functools

import numpy as np

import snn
from snn.engines.grid_cuda import builder
from snn.program.building import build_rows

RULES = {
    "in": lambda draw, n: snn.FixedInDegree(draw(0, 9)),
    "in, no autapses": lambda draw, n: snn.FixedInDegree(draw(0, 9), autapses=False),
    "in, distinct": lambda draw, n: snn.FixedInDegree(draw(0, n - 1), autapses=False, multapses=False),
    "out": lambda draw, n: snn.FixedOutDegree(draw(0, 9), autapses=False),
    "out, distinct": lambda draw, n: snn.FixedOutDegree(draw(0, n), multapses=False),
    "number": lambda draw, n: snn.FixedTotalNumber(draw(0, 60), autapses=draw(0, 1) == 0),
    "number, distinct": lambda draw, n: snn.FixedTotalNumber(draw(0, n), multapses=False),
    "pairwise": lambda draw, n: snn.PairwiseBernoulli(draw(1, 9) / 10, autapses=False),
    "pairwise, rare": lambda draw, n: snn.PairwiseBernoulli(0.01),
    "pairwise, never": lambda draw, n: snn.PairwiseBernoulli(0.0),
    "pairwise, always": lambda draw, n: snn.PairwiseBernoulli(1.0),
    "all": lambda draw, n: snn.AllToAll(autapses=draw(0, 1) == 0),
    "edges": lambda draw, n: snn.Edges([draw(0, n - 1) for _ in range(5)], [draw(0, n - 1) for _ in range(5)]),
    "near": lambda draw, n: snn.DistanceDependent(
        snn.GaussianKernel(p_max=0.8, sigma=0.4), snn.random_positions(n, seed=1), snn.random_positions(n, seed=2)
    ),
}
WEIGHTS = [
    lambda draw: draw(-9, 9) / 4.0,
    lambda draw: snn.Uniform(0.5, 2.5),
    lambda draw: snn.Uniform(-2.0, 1.0),
    lambda draw: snn.Normal(1.0, 0.5),
    lambda draw: snn.Normal(-3.0, 0.3, high=-2.9),
    lambda draw: snn.Normal(0.2, 1.0, low=-0.5, high=1.5),
    lambda draw: snn.Normal(0.7, 0.0),
]
DELAYS = [
    lambda draw: draw(1, 7) / 10.0,
    lambda draw: snn.Uniform(0.1, 5.0),
    lambda draw: snn.Normal(1.5, 0.75, low=0.1),
    lambda draw: snn.Normal(0.2, 1.0),
]


def network(seed, rule):
    """Return a random network of three projections by a rule: within a population, between slices, and from trains."""
    random = np.random.default_rng(seed)

    def draw(low, high):
        return int(random.integers(low, high + 1))

    size = draw(4, 12)
    net = snn.Network(seed=draw(0, 2**32 - 1))
    cells = net.population("cells", size, snn.LIF(synapse="exponential", tau_syn_inh=3.0))
    others = net.population("others", size + 3, snn.LIF(synapse="delta"))
    trains = net.poisson("trains", 100.0, size)
    for source, target in ((cells, cells), (others[2 : size + 2], cells), (trains, others[1 : size + 1])):
        drawn = RULES[rule](draw, size)
        count = drawn.count(size, size, source is target)
        weight, delay = (kinds[draw(0, len(kinds) - 1)](draw) for kinds in (WEIGHTS, DELAYS))
        if count and draw(0, 3) == 0:
            weight, delay = random.normal(size=count), random.integers(1, 9, count) / 10.0
        net.connect(source, target, drawn, weight=weight, delay=delay)
    return net


def rows_of(program):
    """Return where rows begin, and their keys, in order."""
    first, keys = program.synapses.rows, np.asarray(program.synapses.words)[: program.synapses.rows[-1]]
    row = np.repeat(np.arange(len(first) - 1), np.diff(first))
    return first, keys[np.lexsort((keys, row))]


def assert_drawn_alike(net, threads=1):
    """Compare what the device draws for a network with what the host does; returns the number of synapses."""
    on_host = snn.lower(net, 0.1, threads, build=functools.partial(build_rows, sort=False))
    on_device = snn.lower(net, 0.1, threads, build=builder(net, "cuda"))
    for one, other in zip(rows_of(on_host), rows_of(on_device), strict=True):
        np.testing.assert_array_equal(one, other)
    for name, fan_out in on_host.fan_out.items():
        np.testing.assert_array_equal(fan_out, on_device.fan_out[name])
    return int(on_host.synapses.rows[-1])
