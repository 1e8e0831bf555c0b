"""The networks of the literature have the papers' numbers, and the same spikes on any number of threads."""

import hashlib

import numpy as np
import pytest

import snn
from snn import networks
from snn.networks.potjans_diesmann import POPULATIONS, RATES, SIZES, synapse_numbers, synaptic_current

# Each at a size for tests, and how many spikes at least there are in the tests of them.
SMALL = {
    "brunel": (lambda **seed: networks.brunel(0.1, epsilon=0.5, **seed), 1_000),
    "cuba": (lambda **seed: networks.cuba(0.3, **seed), 300),
    "coba": (lambda **seed: networks.coba(0.3, **seed), 300),
    "coba, gauss": (lambda **seed: networks.coba(0.3, integrator="gauss", **seed), 300),
    "potjans_diesmann": (lambda **seed: networks.potjans_diesmann(0.05, **seed), 100),
    "potjans_diesmann, dc": (lambda **seed: networks.potjans_diesmann(0.1, drive="dc", **seed), 100),
    "sparse": (lambda **seed: networks.sparse(0.2, **seed), 20),
}


def sizes(net):
    return {name: population.size for name, population in net.populations.items()}


def rules(net):
    """Degree or number, weight and delay of every projection between populations."""
    return {
        (p.source.name, p.target.name): (getattr(p.rule, "degree", None), p.weight, p.delay)
        for p in net.projections
        if p.rule is not None
    }


def test_brunel_is_model_a_of_the_paper():
    net = networks.brunel(g=6.0, eta=4.0)
    assert sizes(net) == {"exc": 10_000, "inh": 2_500}
    for target in ("exc", "inh"):
        assert rules(net)["exc", target] == (1_000, 0.1, 1.5)
        assert rules(net)["inh", target] == (250, pytest.approx(-0.6), 1.5)
    neuron = net.populations["exc"].model
    assert (neuron.tau_m, neuron.v_threshold, neuron.v_reset, neuron.t_ref) == (20.0, 20.0, 10.0, 2.0)
    # nu_ext = 4 nu_thr; nu_thr = 20 mV / (0.1 mV * 1000 * 0.02 s) = 10 Hz; 1000 trains of it
    assert net.sources["noise"].stimulus.rate == pytest.approx(4 * 10.0 * 1_000)
    assert networks.brunel(v_reset=0.0).populations["inh"].model.v_reset == 0.0


def test_brunel_keeps_the_in_degree_of_a_smaller_network_if_asked():
    assert rules(networks.brunel(0.2))["exc", "inh"][0] == 200
    assert rules(networks.brunel(0.2, epsilon=0.5))["exc", "inh"][0] == 1_000


def test_cuba_has_the_numbers_of_the_comparison_of_simulators():
    net = networks.cuba()
    assert sizes(net) == {"exc": 3_200, "inh": 800}
    for target in ("exc", "inh"):
        assert rules(net)["exc", target] == (64, 20.25, 0.1)
        assert rules(net)["inh", target] == (16, -112.5, 0.1)
    neuron = net.populations["inh"].model
    assert (neuron.v_rest, neuron.v_threshold, neuron.v_reset, neuron.t_ref) == (-49.0, -50.0, -60.0, 5.0)
    assert (neuron.tau_m, neuron.c_m, neuron.tau_syn, neuron.tau_syn_inh) == (20.0, 250.0, 5.0, 10.0)
    assert not net.sources
    assert sizes(networks.cuba(2.0)) == {"exc": 6_400, "inh": 1_600}
    assert rules(networks.cuba(2.0))["exc", "inh"][0] == 64


def test_coba_has_the_numbers_of_the_comparison_of_simulators():
    net = networks.coba()
    assert sizes(net) == {"exc": 3_200, "inh": 800}
    for target in ("exc", "inh"):
        assert rules(net)["exc", target] == (64, 4.0, 0.1)
        assert rules(net)["inh", target] == (16, -51.0, 0.1)
    neuron = net.populations["exc"].model
    assert (neuron.c_m, neuron.g_l, neuron.i_e, neuron.t_ref) == (200.0, 10.0, 200.0, 5.0)
    assert (neuron.v_rest, neuron.v_threshold, neuron.v_reset) == (-60.0, -50.0, -60.0)
    assert (neuron.e_ex, neuron.e_in, neuron.tau_syn, neuron.tau_syn_inh) == (0.0, -80.0, 5.0, 10.0)
    assert neuron.integrator == "exponential_euler"
    start = {name: (value.mean, value.std) for name, value in net.populations["inh"].initial.items()}
    assert start == {"v": (-60.0, 5.0), "g_ex": (40.0, 15.0), "g_in": (200.0, 120.0)}
    assert not net.sources


@pytest.mark.parametrize(("make", "nest"), [(networks.cuba, 5.4), (networks.coba, 13.4)])
def test_networks_without_input_stay_active_at_nest_s_rate(make, nest):
    simulation = snn.Simulation(make(seed=1))
    simulation.run(100.0)
    assert simulation.run(300.0).spikes["exc"].rate() == pytest.approx(nest, rel=0.25)


def test_potjans_diesmann_has_the_paper_s_numbers():
    net = networks.potjans_diesmann(1.0)
    assert sum(sizes(net).values()) == 77_169
    assert list(sizes(net)) == list(POPULATIONS)
    numbers = {(p.source.name, p.target.name): p.rule.number for p in net.projections if p.rule is not None}
    assert len(numbers) == 55
    assert sum(numbers.values()) == pytest.approx(298_880_969, abs=30)
    # In-degrees of L2/3 E: from L2/3 E, L2/3 I and L4 E.
    for source, degree in (("L23E", 2199.86), ("L23I", 1079.32), ("L4E", 979.24)):
        assert numbers[source, "L23E"] / 20_683 == pytest.approx(degree, abs=0.01)
    assert ("L6I", "L23E") not in numbers
    assert synaptic_current() == pytest.approx(87.80849, abs=1e-5)
    weights = {key: weight for key, (_, weight, _) in rules(net).items()}
    assert weights["L4E", "L23E"].mean == pytest.approx(2 * 87.80849, abs=1e-4)
    assert weights["L4E", "L23I"].mean == pytest.approx(87.80849, abs=1e-4)
    assert weights["L5I", "L5E"].mean == pytest.approx(-4 * 87.80849, abs=1e-4)
    assert weights["L5I", "L5E"].std == pytest.approx(0.4 * 87.80849, abs=1e-4)
    delays = {key: delay for key, (_, _, delay) in rules(net).items()}
    assert (delays["L6E", "L5E"].mean, delays["L6E", "L5E"].std) == (1.5, 0.75)
    assert (delays["L6I", "L6E"].mean, delays["L6I", "L6E"].std) == (0.75, 0.375)
    assert net.sources["noise to L6E"].stimulus.rate == 2_900 * 8.0
    assert all(population.model.i_e == 0.0 for population in net.populations.values())


def test_a_synapse_of_the_microcircuit_moves_v_by_as_much_as_it_should():
    net = snn.Network()
    neuron = networks.potjans_diesmann(0.01).populations["L4I"].model
    cell = net.population("cell", 1, snn.LIF(**{**vars(neuron), "i_e": 0.0}))
    net.connect(net.spike_trains("one", [[1.0]]), cell, snn.OneToOne(), weight=synaptic_current())
    net.record(cell, "v", every=0.1)
    trace = snn.Simulation(net).run(20.0).trace("cell").values
    assert trace.max() + 65.0 == pytest.approx(0.15, abs=1e-4)


def test_a_smaller_microcircuit_keeps_its_mean_input():
    scale, full, small = 0.25, networks.potjans_diesmann(1.0), networks.potjans_diesmann(0.25)

    def mean_input(net, target):
        """Current in pA at the full-scale rates."""
        total, tau_syn = net.populations[target].model.i_e, 0.5e-3
        for p in net.projections:
            if p.target.name != target:
                continue
            if p.rule is None:
                total += tau_syn * p.weight * p.source.stimulus.rate
            else:
                rate = RATES[POPULATIONS.index(p.source.name)]
                total += tau_syn * p.weight.mean * p.rule.number / p.target.size * rate
        return total

    for name, size in zip(POPULATIONS, SIZES, strict=True):
        assert small.populations[name].size == round(size * scale)
        assert mean_input(small, name) == pytest.approx(mean_input(full, name), abs=0.5)
        dc = networks.potjans_diesmann(scale, drive="dc")
        assert mean_input(dc, name) == pytest.approx(mean_input(full, name), abs=0.5)
    assert not dc.sources


def test_the_microcircuit_s_rates_are_near_the_published_ones():
    simulation = snn.Simulation(networks.potjans_diesmann(0.1, seed=1))
    simulation.run(200.0)
    spikes = simulation.run(500.0).spikes
    rates = np.array([spikes[name].rate() for name in POPULATIONS])
    # NEST at this scale has 0.4 to 0.9 times the full-scale rates, by population.
    assert (rates > 0.3 * RATES).all()
    assert (rates < 1.2 * RATES).all()


def test_synapse_numbers_connect_pairs_with_the_paper_s_probability():
    pairs = SIZES[0] * SIZES[1]
    missed = np.exp(synapse_numbers()[0, 1] * np.log1p(-1 / pairs))
    assert 1 - missed == pytest.approx(0.1689, abs=1e-12)


def test_sparse_with_currents_carries_as_much_charge():
    net = networks.sparse(0.1, synapse="exponential", tau_syn_inh=5.0, delay=snn.Uniform(1.0, 2.0), seed=3)
    model = net.populations["exc"].model
    assert (model.synapse, model.tau_syn, model.tau_syn_inh) == ("exponential", 2.0, 5.0)
    # mV c_m / tau_syn: 0.5 mV * 250 pF / 2 ms
    assert rules(net)["exc", "inh"] == (80, 62.5, snn.Uniform(1.0, 2.0))
    assert rules(net)["inh", "inh"] == (20, -312.5, snn.Uniform(1.0, 2.0))
    exact = snn.Simulation(net, engine="exact").run(1_000.0).spikes
    grid = snn.Simulation(net).run(1_000.0).spikes
    assert exact["exc"].rate() == pytest.approx(grid["exc"].rate(), rel=0.1)


def test_fly_has_log_normal_degrees_and_sparse_activity():
    net = networks.fly(0.05, seed=2)
    (projection,) = (p for p in net.projections if p.rule is not None)
    brain = net.populations["brain"]
    assert (brain.size, len(projection.weight)) == (6_932, 755_000)
    for ends in (projection.rule.sources, projection.rule.targets):
        degrees = np.bincount(ends, minlength=brain.size)
        logs = np.log(degrees[degrees > 0])
        assert np.exp(logs.mean()) == pytest.approx(755_000 / 6_932 / np.exp(0.5), rel=0.1)
        assert logs.std() == pytest.approx(1.0, rel=0.1)
    synapses = np.abs(projection.weight) / 0.275
    np.testing.assert_allclose(synapses, np.rint(synapses), atol=1e-9)
    assert np.median(synapses) == pytest.approx(2.0)
    sign = np.zeros(brain.size)
    sign[projection.rule.sources] = np.sign(projection.weight)
    assert (sign[projection.rule.sources] == np.sign(projection.weight)).all()  # a neuron excites or inhibits
    assert (sign < 0).mean() == pytest.approx(0.3, abs=0.03)
    recording = snn.Simulation(net, engine="exact", threads=2).run(500.0)
    rate = recording.spikes["brain"].rate()
    assert 0.03 < rate < 0.4  # 17,000 spikes a second of 138,639 neurons are 0.12 Hz
    assert np.isin(np.arange(20), recording.spikes["brain"].neurons).mean() > 0.8  # the driven ones fire


def test_sparse_has_few_pacemakers_and_hardly_fires():
    net = networks.sparse(seed=3)
    assert sizes(net) == {"exc": 8_000, "inh": 2_000}
    assert rules(net)["exc", "exc"] == (80, 0.5, 1.5)
    assert rules(net)["inh", "exc"] == (20, -2.5, 1.5)
    v_end = np.concatenate([net.populations[name].model.i_e * 20.0 / 250.0 for name in ("exc", "inh")])
    pacemakers = v_end > 20.0
    assert pacemakers.mean() == pytest.approx(0.04, abs=0.008)
    assert (v_end.min() >= 0.0, v_end.max() < 24.0) == (True, True)
    assert ((v_end < 14.0) | (v_end >= 20.5)).all()
    spikes = snn.Simulation(net).run(500.0).spikes
    assert 0.2 < np.mean([spikes["exc"].rate(), spikes["inh"].rate()]) < 1.5
    fired = np.concatenate([spikes[name].counts()[0] > 0 for name in ("exc", "inh")])
    assert fired[pacemakers].mean() > 0.9


def digest(recordings):
    parts = [
        part
        for recording in recordings
        for record in recording.spikes.values()
        for part in (record.steps, record.neurons)
    ]
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()


@pytest.mark.parametrize("name", SMALL)
def test_spikes_do_not_depend_on_threads_or_on_how_a_run_is_cut(name, threads_meet):
    make, least = SMALL[name]

    def run(simulation, pieces):
        simulation.reset()
        for piece in pieces:
            simulation.run(piece)
        return simulation.recording

    alone = run(snn.Simulation(make(seed=1)), [100.0])
    assert sum(len(record) for record in alone.spikes.values()) > least
    for threads in (1, 2, 3, 4):
        simulation = snn.Simulation(make(seed=1), threads=threads)
        assert np.diff(simulation.program.stages.first_block).max() == threads
        for pieces in ([0.1, 30.0, 0.7, 69.2], [100.0]):
            assert digest([run(simulation, pieces)]) == digest([alone])
    assert digest([run(snn.Simulation(make(seed=2)), [100.0])]) != digest([alone])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: networks.brunel(0.0), "brunel: scale = 0.0"),
        (lambda: networks.brunel(float("nan")), "scale = nan"),
        (lambda: networks.brunel(g=-1.0), "brunel: g = -1.0"),
        (lambda: networks.brunel(j=0.0), "brunel: j = 0.0"),
        (lambda: networks.brunel(eta=-2), "eta = -2"),
        (lambda: networks.brunel(seed=-1), "seed = -1"),
        (lambda: networks.cuba(-1.0), "cuba: scale = -1.0"),
        (lambda: networks.coba(integrator="euler"), "integrator = 'euler'"),
        (lambda: networks.potjans_diesmann(0.0), "potjans_diesmann: scale"),
        (
            lambda: networks.potjans_diesmann(0.1, drive="ac"),
            'drive = .ac. is not accepted; expected "poisson" or "dc"',
        ),
        (lambda: networks.sparse("big"), "sparse: scale = 'big'"),
    ],
)
def test_wrong_parameters_are_refused(make, message):
    with pytest.raises(snn.ValidationError, match=message):
        make()
