"""Slices of populations, and groups, as source, target, recorded and changed: what they mean, neuron by neuron."""

import numpy as np
import pytest
import reference
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import snn

DT, STEPS = 0.1, 40
SIZE = 12


def rules(rng, n, m):
    """A rule of each kind that fits n sources and m targets, with options for `connect`."""
    number = int(rng.integers(1, 20))
    found = [
        (snn.AllToAll(autapses=bool(rng.random() < 0.5)), {"weight": rng.normal(0, 0.3)}),
        (snn.FixedInDegree(3), {"weight": rng.normal(0, 0.3, 3 * m)}),
        (snn.FixedOutDegree(2), {"delay": rng.integers(1, 5, 2 * n) * DT}),
        (snn.FixedTotalNumber(number), {"weight": rng.normal(0, 0.5, number)}),
        (snn.PairwiseBernoulli(0.3), {"weight": -0.2}),
        (snn.Edges(rng.integers(0, n, 7), rng.integers(0, m, 7)), {"weight": rng.normal(0, 0.5, 7)}),
        (snn.Dense(rng.normal(0, 0.2, (m, n))), {"delay": 0.2}),
    ]
    return [*found, (snn.OneToOne(), {"weight": rng.normal(0, 0.5, n)})] if n == m else found


def random_network(seed):
    """Two populations, all rules between random slices of them, and stimuli into slices."""
    rng = np.random.default_rng(seed)
    net = snn.Network(seed=int(rng.integers(2**32)))
    drive = rng.uniform(0.0, 0.4, SIZE)
    one = net.population("one", SIZE, snn.IF(i_e=drive, tau_syn_inh=1.0, synapse="exponential", c_m=0.5))
    two = net.population("two", (2, 3, 2), snn.LIF(tau_m=3.0, v_threshold=1.0, t_ref=0.2, c_m=3.0, i_e=1.1))

    def cut(population):
        start = int(rng.integers(0, SIZE))
        return population[start : int(rng.integers(start + 1, SIZE + 1))]

    apart = one[:5], one[5:]
    for source, target in ((cut(one), cut(two)), (cut(two), cut(one)), (cut(two),) * 2, apart, (one, cut(two))):
        for rule, options in rules(rng, source.size, target.size):
            net.connect(source, target, rule, **options)
    into = cut(two)
    net.connect(net.poisson("noise", 3000.0), cut(one) + into, weight=0.2)
    net.connect(net.poisson("uneven", rng.uniform(0, 5000, into.size)), into, weight=0.1)
    net.connect(net.poisson("trains", 2000.0, into.size), into, snn.OneToOne(), weight=0.3)
    net.connect(
        net.current("current", rng.normal(0, 1, 4), start=0.3), into, snn.Dense(rng.normal(0, 1, (into.size, 4)))
    )
    net.record(one, "v", every=DT)
    net.record(two, "v", every=DT)
    return net


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32 - 1), threads=st.sampled_from([1, 2]))
def test_spikes_and_potentials_are_the_reference_s(seed, threads):
    network = random_network(seed)
    spikes, traces = reference.simulate(network, DT, STEPS)
    recording = snn.Simulation(network, dt=DT, threads=threads).run(STEPS * DT)
    for name, record in recording.spikes.items():
        pairs = list(zip(record.steps.tolist(), record.neurons.tolist(), strict=True))
        assert pairs == sorted(spikes[name])
    for trace in recording.traces:
        np.testing.assert_array_equal(trace.values[0], traces[trace.population])


def synapses(net):
    """Synapses per pair of neurons, (targets, sources), counted by the reference."""
    (projection,) = net.projections
    found = np.zeros((projection.target.size, projection.source.size), int)
    for source, target, _ in reference.synapses(projection, net.seed, 64 * 3):
        found[target, source] += 1
    return found


@pytest.fixture
def net():
    network = snn.Network(seed=3)
    network.population("exc", 10, snn.IF())
    network.population("inh", (2, 2, 1), snn.IF())
    return network


def test_a_slice_of_ends_has_synapses_within_it_only(net):
    exc, inh = net.populations.values()
    (made,) = net.connect(exc[2:5], inh[1:3], snn.AllToAll())
    assert (made.source, made.source_start, made.source_size) == (exc, 2, 3)
    assert (made.target, made.target_start, made.target_size) == (inh, 1, 2)
    expected = np.zeros((4, 10), int)
    expected[1:3, 2:5] = 1
    np.testing.assert_array_equal(synapses(net), expected)
    np.testing.assert_array_equal(snn.lower(net, 0.1).fan_out["exc"], [0, 0, 2, 2, 2, 0, 0, 0, 0, 0])


def test_spikes_come_from_and_reach_the_slice(net):
    exc = net.populations["exc"]
    net.connect(net.spike_trains("given", [[1.0], [], [2.0]]), exc[7:], snn.OneToOne())
    net.connect(exc[7:], exc[:3], snn.OneToOne(), delay=3.0)
    record = snn.Simulation(net, dt=1.0).run(6.0).spikes["exc"]
    assert list(zip(record.times.tolist(), record.neurons.tolist(), strict=True)) == [(1, 7), (2, 9), (4, 0), (5, 2)]


def test_whole_populations_begin_at_0(net):
    exc, inh = net.populations.values()
    (made,) = net.connect(exc, inh, snn.AllToAll())
    assert (made.source_start, made.source_size, made.target_start, made.target_size) == (0, 10, 0, 4)
    assert made.whole
    (noise,) = net.connect(net.poisson("noise", 1.0), inh[2:])
    assert (noise.source_start, noise.source_size, noise.target_start, noise.target_size) == (0, 0, 2, 2)


def test_slices_of_slices_and_single_neurons(net):
    exc, inh = net.populations.values()
    assert exc[2:8][1:3] == exc[3:5]
    assert exc[3] == exc[3:4]
    assert exc[-1] == exc[9:]
    assert exc[2:8][-1] == exc[7]
    assert exc[:] + inh == (exc[:], inh)
    assert exc + inh[:2] + exc[1] == (exc, inh[:2], exc[1])
    for bad in (slice(4, 4), slice(0, 6, 2), 6, -7, 1.0, (1, 2), slice("a", None)):
        with pytest.raises(snn.ValidationError, match=r"slice 'exc\[2:8\]': index = "):
            exc[2:8][bad]


def test_groups_as_sources_are_connected_one_by_one(net):
    exc, inh = net.populations.values()
    made = net.connect(exc[:5] + inh, inh + exc, snn.FixedInDegree(2))
    assert [(p.source.name, p.source_size, p.target.name) for p in made] == [
        *(("exc", 5, "inh"), ("exc", 5, "exc")),
        *(("inh", 4, "inh"), ("inh", 4, "exc")),
    ]
    assert net.projections == made
    assert snn.lower(net, 0.1).fan_out["inh"].sum() == 2 * 14
    with pytest.raises(snn.ValidationError, match=r"target .* at least one population"):
        net.connect(exc, (), snn.AllToAll())
    with pytest.raises(snn.ValidationError, match="OneToOne: target = '4 neurons'"):
        net.connect(exc + inh, exc + inh, snn.OneToOne())  # exc and exc would do
    assert net.projections == made


def test_autapses_are_of_neurons_that_are_source_and_target(net):
    exc = net.populations["exc"]
    net.connect(exc[2:6], exc[2:6], snn.AllToAll(autapses=False))
    expected = np.zeros((10, 10), int)
    expected[2:6, 2:6] = 1 - np.eye(4, dtype=int)
    np.testing.assert_array_equal(synapses(net), expected)
    assert net.projections.pop().same
    net.connect(exc[:5], exc[5:], snn.AllToAll(autapses=False))
    assert synapses(net).sum() == 25
    assert not net.projections.pop().same
    for rule in (snn.AllToAll, lambda **k: snn.FixedInDegree(2, **k), lambda **k: snn.PairwiseBernoulli(0.5, **k)):
        for source, target in ((exc[:5], exc[4:]), (exc, exc[:9]), (exc[1:], exc)):
            with pytest.raises(snn.ValidationError, match=r"autapses = False .* slices that do not overlap"):
                net.connect(source, target, rule(autapses=False))
    assert not net.projections
    net.connect(exc[:5], exc[4:], snn.AllToAll())
    assert synapses(net).sum() == 30


def test_layers_but_dense_need_whole_populations(net):
    inh = net.populations["inh"]
    for rule in (snn.Conv2d(np.ones((1, 1, 1, 1))), snn.SumPool2d(1), snn.MaxPool2d(1)):
        for source, target, wrong in ((inh[:2], inh, "source"), (inh, inh[:2], "target")):
            with pytest.raises(snn.ValidationError, match=rf"{wrong} = 'inh\[0:2\]' .* a whole population: "):
                net.connect(source, target, rule)
        net.connect(inh[:], inh, rule)


def test_states_are_recorded_set_and_read_by_slice():
    net = snn.Network()
    cells = net.population("cells", 5, snn.IF(v_threshold=100))
    net.record(cells[1:3], "v", every=1.0)
    simulation = snn.Simulation(net, dt=1.0, batch=2)
    simulation.set(cells[1:4], i_e=[1.5, 2.0, 3.0])
    simulation.run(1.0)
    np.testing.assert_array_equal(simulation.state(cells), [[0, 1.5, 2, 3, 0]] * 2)
    np.testing.assert_array_equal(simulation.state(cells[2:]), [[2, 3, 0]] * 2)
    simulation.set(cells[0], i_e=[[5.0], [7.0]])
    simulation.set(cells[3:], i_e=0.25, v_threshold=3.25)
    recording = simulation.run(1.0)
    np.testing.assert_array_equal(simulation.state(cells), [[5, 3, 4, 0, 0.25], [7, 3, 4, 0, 0.25]])
    assert recording.trace("cells").first == 1
    np.testing.assert_array_equal(recording.trace("cells").values, [[[3, 4]], [[3, 4]]])
    for values, message in (
        ({"i_e": [1.0, 2.0, 3.0]}, r"set 'cells\[1:3\]': i_e = .*\(3,\)' .* shape \(2,\), \(2, 2\) or \(2, 1\)"),
        ({"c_m": [1.0, -1.0]}, r"c_m\[2\] = -1"),
        ({"tau_syn_inh": 1.0}, "tau_syn_inh"),
    ):
        with pytest.raises(snn.ValidationError, match=message):
            simulation.set(cells[1:3], **values)
    simulation.run(1.0)
    np.testing.assert_array_equal(simulation.state(cells[1]), [[4.5]] * 2)


def test_dense_weights_go_between_the_neurons_of_slices(net):
    exc = net.populations["exc"]
    net.connect(exc[2:4], exc[5:8], snn.Dense([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    listed = snn.lower(net, 0.1).listed_synapses("exc", "exc")
    assert list(zip(listed.sources, listed.targets, listed.weights, strict=True)) == [
        *((2, 5, 1.0), (2, 6, 3.0), (2, 7, 5.0)),
        *((3, 5, 2.0), (3, 6, 4.0), (3, 7, 6.0)),
    ]
