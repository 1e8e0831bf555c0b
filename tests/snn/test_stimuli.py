"""Stimuli and random numbers."""

import numpy as np
import pytest
import reference
from scipy import stats

import snn
from snn.poisson import poisson_count, poisson_strip, poisson_tables
from snn.random import philox, strip_halves, uniforms


def test_philox_gives_the_published_vectors():
    # Known answers of Philox4x32-10 from the Random123 library's kat_vectors file.
    assert [int(x) for x in philox(0, 0, 0, 0, 0, 0)] == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    ones = 0xFFFFFFFF
    assert [int(x) for x in philox(*[ones] * 6)] == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]
    counter, key = (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0)
    assert [int(x) for x in philox(*key, *counter)] == [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]
    assert reference.philox(*key, *counter) == [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]


@pytest.mark.parametrize("mean", [0.0, 1e-7, 0.001, 0.5, 2.0, 30.0, 499.0])
def test_poisson_counts_have_their_probabilities(mean):
    tables = poisson_tables(np.array([mean]))
    firsts, seconds = tables.firsts[0, : tables.lengths[0]], tables.seconds[0, : tables.second_lengths[0]]
    cases = np.diff([0.0, *firsts.astype(float), float(tables.ends[0])])
    shares = np.diff([0.0, *seconds.astype(float), 2.0**32]) / 2.0**32
    assert min(cases.min(), shares.min()) >= 0
    assert tables.ends[0] > 2**16 - 300
    probability = np.zeros(max(len(cases), len(shares)))
    probability[: len(cases)] += cases / 2.0**16
    probability[: len(shares)] += shares * (2.0**16 - tables.ends[0]) / 2.0**16
    np.testing.assert_allclose(probability, stats.poisson.pmf(np.arange(len(probability)), mean), rtol=0, atol=1e-12)


def test_cases_that_16_bits_leave_over_are_drawn_again():
    tables = poisson_tables(np.array([1.5, 20.0]))
    bits, counts = np.full(256, 2**16 - 1, np.uint16), np.zeros(256, np.uint16)
    poisson_strip(tables, 1, bits, 3, 4, 512, 7, 0, counts)
    alone = [poisson_count(tables, 1, bits[0], 3, 4, 512 + i, 7, 0) for i in range(256)]
    assert counts.tolist() == alone
    assert len(set(alone)) > 10


def test_poisson_counts_pass_a_chi_squared_test():
    tables = poisson_tables(np.array([0.7, 2.1]))
    bits, counts, seen = np.zeros(256, np.uint16), np.zeros(256, np.uint16), []
    for strip in range(4000):
        strip_halves(5, 6, strip, 1, 0, bits)
        poisson_strip(tables, 1, bits, 5, 6, 256 * strip, 1, 0, counts)
        seen.append(counts.copy())
    found = np.bincount(np.concatenate(seen), minlength=12)[:12]
    expected = stats.poisson.pmf(np.arange(12), 2.1)
    expected[-1] += stats.poisson.sf(11, 2.1)
    assert stats.chisquare(found, expected / expected.sum() * found.sum()).pvalue > 1e-4


def test_uniform_numbers_are_uniform_and_normal_ones_normal():
    assert stats.kstest(uniforms(1, 2, 100_000, 0), "uniform").pvalue > 1e-3
    assert stats.kstest(snn.Normal(3.0, 2.0).sample(100_000, 1, 2), "norm", args=(3.0, 2.0)).pvalue > 1e-3
    np.testing.assert_array_equal(snn.Uniform(0, 1).sample(10, 1, 2), snn.Uniform(0, 1).sample(20, 1, 2)[:10])


def test_noise_has_the_mean_and_variance_of_poisson_counts():
    net = snn.Network(seed=3)
    cells = net.population("cells", 500, snn.IF(v_threshold=1e9))
    net.connect(net.poisson("noise", 5000.0), cells, weight=1.0)
    simulation = snn.Simulation(net, dt=0.1, batch=4)
    simulation.run(100.0)
    counts = simulation.state(cells)
    assert counts.mean() == pytest.approx(500.0, abs=4 * np.sqrt(500 / 2000))
    assert counts.var() == pytest.approx(500.0, rel=0.15)
    assert np.unique(counts, axis=0).shape[0] == 4


def test_trains_spike_with_their_probability_and_can_be_changed():
    net = snn.Network(seed=3)
    trains = net.poisson("trains", np.array([0.0, 200.0, 1000.0]), 3)
    net.connect(trains, net.population("cells", 3, snn.IF()), snn.OneToOne())
    simulation = snn.Simulation(net, dt=1.0, batch=2)
    counts = simulation.run(2000.0).spikes["trains"].counts()
    assert counts[:, 0].tolist() == [0, 0]
    assert counts[:, 2].tolist() == [2000, 2000]
    assert abs(counts[:, 1] - 400).max() < 4 * np.sqrt(2000 * 0.2 * 0.8)
    simulation.set(trains, rate=[[1000.0, 0.0, 0.0], [0.0, 0.0, 1000.0]])
    np.testing.assert_array_equal(simulation.run(5.0).spikes["trains"].counts(), [[5, 0, 0], [0, 0, 5]])
    np.testing.assert_array_equal(simulation.recording.spikes["cells"].counts()[:, 2], [2000, 2005])
    simulation.set(trains, rate=1000.0)
    np.testing.assert_array_equal(simulation.run(2.0).spikes["trains"].counts(), [[2, 2, 2]] * 2)


def test_given_trains_arrive_when_they_say_and_can_differ_by_sample():
    net = snn.Network()
    given = net.spike_trains("given", [[2.0], [1.0, 3.0]])
    cells = net.population("cells", 2, snn.IF())
    net.connect(given, cells, snn.OneToOne())
    simulation = snn.Simulation(net, dt=1.0, batch=2)
    record = simulation.run(4.0).spikes["cells"]
    assert record.train(1).tolist() == [1.0, 3.0]
    assert record.train(0, sample=1).tolist() == [2.0]
    simulation.reset()
    simulation.set(given, trains=[[[1.0], []], [[], [4.0]]])
    record = simulation.run(4.0).spikes["cells"]
    assert [record.train(i, s).tolist() for s in (0, 1) for i in (0, 1)] == [[1.0], [], [], [4.0]]


def test_currents_flow_from_start_to_stop():
    net = snn.Network()
    cells = net.population("cells", 1, snn.IF(v_threshold=100.0))
    net.connect(net.current("current", [1.0], start=2.0, stop=5.0), cells, snn.OneToOne(), weight=2.0)
    net.record(cells, "v", every=1.0)
    values = snn.Simulation(net, dt=1.0).run(7.0).trace("cells").values[0, :, 0]
    assert values.tolist() == [0.0, 0.0, 2.0, 4.0, 6.0, 6.0, 6.0]


def test_connectivity_does_not_depend_on_what_else_is_in_the_network():
    def drawn(extra):
        net = snn.Network(seed=9)
        cells = net.population("cells", 20, snn.LIF())
        if extra:
            net.population("others", 7, snn.LIF())
        net.connect(cells, cells, snn.FixedInDegree(4))
        return snn.lower(net, 0.1).fan_out["cells"]

    np.testing.assert_array_equal(drawn(False), drawn(True))


def test_fixed_in_degree_draws_sources_evenly():
    # Two levels: p-values of many chi-square tests must themselves be uniform (as in NEST's connectivity tests).
    p_values = []
    for seed in range(100):
        sources, targets = snn.FixedInDegree(20).edges(25, 50, seed, 3, False, 0)
        assert (np.bincount(targets, minlength=50) == 20).all()
        p_values.append(stats.chisquare(np.bincount(sources, minlength=25)).pvalue)
    assert stats.kstest(p_values, "uniform").pvalue > 1e-3
