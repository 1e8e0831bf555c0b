"""The generators of random input against closed forms.

Tests are on two levels where a distribution is meant: each of many samples gives a p-value, and the p-values must be
uniform, which tells both a generator that is wrong and one that is too good.
"""

import math
from statistics import NormalDist

import mpmath
import numba
import numpy as np
import pytest
from scipy import integrate, stats

import snn
from snn.connectivity.drawn import gap
from snn.engines.grid_cpu.trains import gamma
from snn.program.delays import drawn_delays
from snn.quantiles import normal, normal_quantiles, normal_value
from snn.random import uniform_value


def assert_uniform(p_values):
    assert len(p_values) >= 50
    assert stats.kstest(p_values, "uniform").pvalue > 1e-3


@numba.njit(error_model="numpy")
def normal_values_one_by_one(words, low, step, mean, std, least, most, out):
    for i in range(len(words)):
        out[i] = normal_value(np.uint64(words[i]), low, step, mean, std, least, most)


@numba.njit(error_model="numpy")
def uniform_values_one_by_one(words, low, width, out):
    for i in range(len(words)):
        out[i] = uniform_value(np.uint64(words[i]), low, width)


def some_words():
    """Return 32-bit words from everywhere, also from both ends."""
    near = np.arange(2000, dtype=np.uint64)
    return np.concatenate([np.random.default_rng(1).integers(0, 2**32, 50_000, np.uint64), near, 2**32 - 1 - near])


@pytest.mark.parametrize(
    "distribution", [snn.Normal(1.0, 0.3), snn.Normal(-3.0, 0.3, high=-2.9), snn.Normal(0.2, 1.0, low=-0.5, high=1.5)]
)
def test_normal_numbers_are_the_same_one_by_one(distribution):
    words = some_words()
    expected, found = distribution.of(words.astype(np.uint32)), np.empty(len(words))
    low, high = distribution.ends
    constants = low, (high - low) * 2.0**-32, distribution.mean, distribution.std, *distribution.bounds
    normal_values_one_by_one(words, *constants, found)
    assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("distribution", [snn.Uniform(0.1, 0.7), snn.Uniform(-2.0, 1.0), snn.Uniform(3.0, 3.0)])
def test_uniform_numbers_are_the_same_one_by_one(distribution):
    words = some_words()
    expected, found = distribution.of(words.astype(np.uint32)), np.empty(len(words))
    uniform_values_one_by_one(words, distribution.low, distribution.high - distribution.low, found)
    assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("probability", [1e-6, 0.1, 0.999])
def test_gaps_between_pairs_are_quantiles_of_the_geometric_distribution(probability):
    log_failure = snn.PairwiseBernoulli(probability).log_failure
    with mpmath.workprec(200):
        for high, low in np.random.default_rng(2).integers(0, 2**32, (300, 2), np.uint64).tolist():
            uniform = mpmath.mpf((high << 21) ^ (low >> 11)) / 2**53
            expected = int(mpmath.log(1 - uniform) / mpmath.log(1 - mpmath.mpf(probability)))
            assert gap(np.uint64(high), np.uint64(low), log_failure, 2**40) == expected
            assert gap(np.uint64(high), np.uint64(low), log_failure, 3) == min(expected, 3)
    assert gap(np.uint64(0), np.uint64(0), log_failure, 3) == 0
    assert gap(np.uint64(high), np.uint64(low), snn.PairwiseBernoulli(1.0).log_failure, 3) == 0


@pytest.mark.parametrize(
    "distribution",
    [snn.Normal(1.5, 0.75, low=0.05), snn.Normal(0.75, 0.0), snn.Uniform(0.0, 30.0), snn.Uniform(2.0, 2.0)],
)
@pytest.mark.parametrize("dt", [0.1, 0.01])
def test_drawn_delays_are_the_values_on_the_grid(distribution, dt):
    values = distribution.sample(20_000, 3, 4, first=7)
    delays = drawn_delays(distribution, dt, 1, 3, 4, 7, 20_000)
    np.testing.assert_array_equal(delays, np.maximum(np.rint(values / dt), 1))


def test_normal_quantiles_are_those_of_the_library():
    words = np.concatenate([np.random.default_rng(1).integers(0, 2**32, 5000), [0, 1, 2**31, 2**32 - 1]])
    expected = [NormalDist().inv_cdf((int(word) + 0.5) / 2**32) for word in words]
    np.testing.assert_allclose([normal(word) for word in words.astype(np.uint32)], expected, rtol=4e-15)
    np.testing.assert_allclose(normal_quantiles(words.astype(np.uint32), 0.0, 1.0), expected, rtol=4e-15)


@pytest.mark.parametrize("order", [0.1, 0.7, 1.0, 2.5, 40.0])
def test_gamma_numbers_have_the_distribution(order):
    def p_value(seed):
        drawn = [gamma(order, seed, 3, train, number, 0)[0] for train in range(20) for number in range(20)]
        return stats.kstest(drawn, stats.gamma(order).cdf).pvalue

    assert_uniform([p_value(seed) for seed in range(60)])


def test_the_uniform_number_beside_a_gamma_number_is_independent_of_it():
    drawn = np.array([gamma(2.0, 1, 1, i, 0, 0) for i in range(5000)])
    assert stats.kstest(drawn[:, 1], "uniform").pvalue > 1e-3
    assert abs(stats.spearmanr(drawn[:, 0], drawn[:, 1]).statistic) < 4 / np.sqrt(5000)


def records(add, duration, samples=1, dt=0.1, seed=11):
    net = snn.Network(seed=seed)
    net.population("cell", 1, snn.IF())
    add(net)
    return snn.Simulation(net, dt=dt, batch=samples).run(duration).spikes["trains"]


def test_intervals_of_gamma_trains_are_gamma_distributed():
    orders = np.repeat([1.0, 3.0, 8.0], 40)
    record = records(lambda n: n.gamma("trains", 10.0, orders, 120), 20_000.0)
    intervals = [np.diff(record.train(i))[:80] for i in range(120)]
    assert min(map(len, intervals)) == 80  # the first eighty of all trains: no length bias
    p_values = [
        stats.kstest(values, stats.gamma(order, scale=100.0 / order).cdf).pvalue
        for values, order in zip(intervals, orders, strict=True)
    ]
    assert_uniform(p_values)


@pytest.mark.parametrize(("order", "rate"), [(0.5, 5.0), (1.0, 20.0), (4.0, 20.0), (25.0, 20.0)])
def test_gamma_trains_vary_by_one_over_the_root_of_the_order(order, rate):
    record = records(lambda n: n.gamma("trains", rate, order, 100), 40_000.0, dt=0.1)
    intervals = record.intervals()
    assert intervals.std() / intervals.mean() == pytest.approx(1 / math.sqrt(order), rel=0.02)
    assert record.rate() == pytest.approx(rate, rel=4 / math.sqrt(order * rate * 4000))


@pytest.mark.parametrize("order", [0.5, 2.0, 10.0])
def test_gamma_trains_are_in_equilibrium_from_the_start(order):
    record = records(lambda n: n.gamma("trains", 20.0, order, 4000), 300.0)
    first = np.array([train[0] if len(train := record.train(i)) else np.inf for i in range(4000)])
    survival = stats.gamma(order, scale=50.0 / order).sf
    times = np.linspace(0.0, 300.0, 601)
    forward = integrate.cumulative_simpson(survival(times) / 50.0, x=times, initial=0.0)
    seen = first[np.isfinite(first)]
    expected = lambda t: np.interp(t, times, forward) / forward[-1]  # noqa: E731
    assert stats.kstest(seen - 0.05, expected).pvalue > 1e-3
    assert len(seen) / 4000 == pytest.approx(forward[-1], abs=4 / math.sqrt(4000))
    # The rate is the same in all bins of 10 ms, the first one too.
    counts = np.histogram(record.times, np.arange(0.05, 300.1, 10.0))[0]
    assert abs(counts - 800).max() < 5 * math.sqrt(800 * max(1.0, 1 / order))


def test_no_spike_of_a_dense_gamma_train_is_lost_and_none_shares_a_step():
    record = records(lambda n: n.gamma("trains", [400.0, 0.0], [0.5, 1.0], 2), 50_000.0, dt=1.0)
    assert (np.diff(record.train(0)) >= 1.0).all()
    assert len(record.train(0)) == pytest.approx(20_000, abs=5 * math.sqrt(20_000 / 0.5))
    assert len(record.train(1)) == 0


def test_counts_of_inhomogeneous_noise_are_poisson_in_every_bin():
    rates, cells = np.array([0.0, 2000.0, 500.0, 9000.0]), 50
    net = snn.Network(seed=4)
    cell = net.population("cell", cells, snn.IF(v_threshold=1e9))
    net.connect(net.poisson("noise", rates, bin=5.0), cell)
    net.record(cell, "v", every=5.0)
    values = snn.Simulation(net, batch=100).run(20.0).trace("cell").values
    counts = np.diff(values, axis=1, prepend=0.0)  # (samples, bins, cells)
    means = rates * 5e-3
    assert (counts[:, 0] == 0).all()
    for b in (1, 2, 3):
        # Randomised, since a distribution of whole numbers has no uniform p-values.
        total, expected = counts[:, b].sum(axis=1), means[b] * cells
        u = np.random.default_rng(b).random(100)
        assert_uniform(stats.poisson.cdf(total - 1, expected) + u * stats.poisson.pmf(total, expected))
        dispersion = ((counts[:, b] - means[b]) ** 2).sum(axis=1) / means[b]
        # The variance of (c - m)^2 / m is 2 + 1 / m, not 2: a normal approximation over fifty cells.
        z = (dispersion - cells) / math.sqrt(cells * (2 + 1 / means[b]))
        assert abs(z.mean()) < 4 / math.sqrt(100)
        assert z.std() == pytest.approx(1.0, abs=0.3)


def test_spikes_of_inhomogeneous_trains_follow_their_rate():
    rate = lambda t: 40.0 * (1.0 + math.sin(2 * math.pi * t / 100.0))  # noqa: E731
    record = records(lambda n: n.poisson("trains", rate, 400, bin=1.0, duration=200.0), 200.0, samples=60)
    counts = [np.histogram(record.times[record.samples == s], np.arange(0.05, 200.1, 10.0))[0] for s in range(60)]
    edges = np.arange(0.0, 200.1, 10.0) / 100.0
    expected = 400 * 0.04 * 100.0 * np.diff(edges - np.cos(2 * np.pi * edges) / (2 * np.pi))
    # A train has a spike a step at most: the variance of its counts is smaller by rate * dt, less than 1 %.
    p_values = [stats.chi2.sf(((row - expected) ** 2 / expected).sum(), 20) for row in counts]
    assert_uniform(p_values)


def noise_trace(model, every, duration, **options):
    net = snn.Network(seed=8)
    cells = net.population("cells", 200, model)
    net.connect(net.noise_current("noise", **options), cells)
    net.record(cells, "v", every=every)
    return snn.Simulation(net, dt=0.1).run(duration).trace("cells").values[0]


def test_a_noise_current_is_normal_white_and_different_for_every_target():
    v = noise_trace(snn.IF(v_threshold=1e9, c_m=1.0), 0.5, 100.0, mean=3.0, std=2.0, interval=0.5)
    currents = np.diff(v, axis=0, prepend=0.0) / 0.5  # (intervals, cells)
    assert_uniform([stats.kstest(one, stats.norm(3.0, 2.0).cdf).pvalue for one in currents.T])
    assert_uniform([stats.kstest(one, stats.norm(3.0, 2.0).cdf).pvalue for one in currents])
    z = (currents - 3.0) / 2.0
    for lag in (1, 2):
        assert abs((z[lag:] * z[:-lag]).mean()) < 4 / math.sqrt(z[lag:].size)
    assert abs((z[:, 1:] * z[:, :-1]).mean()) < 4 / math.sqrt(z[:, 1:].size)


@pytest.mark.parametrize("interval", [0.1, 2.0])
def test_the_membrane_filters_a_noise_current_to_its_closed_form(interval):
    tau, c = 10.0, 250.0
    model = snn.LIF(tau_m=tau, c_m=c, v_rest=0.0, v_threshold=1e9)
    v = noise_trace(model, 2.0, 2000.0, mean=100.0, std=500.0, interval=interval)[50:]
    a = math.exp(-interval / tau)
    error = 500.0 * tau / c * math.sqrt(interval / (1900.0 * 200))
    assert v.mean() == pytest.approx(100.0 * tau / c, abs=4 * error)
    assert v.var() == pytest.approx((500.0 * tau / c) ** 2 * (1 - a) / (1 + a), rel=0.03)
