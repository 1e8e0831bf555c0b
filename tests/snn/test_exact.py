"""The exact engine: the oracle's spikes, the same on any number of threads and however a run is cut."""

import itertools
import math
import runpy
from pathlib import Path

import numpy as np
import pytest
import reference_events
from hypothesis import given, settings
from hypothesis import strategies as st

import snn

NEURONS = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "exact_neurons.py"))
MODELS = {
    "delta": lambda draw: snn.LIF(synapse="delta", **membrane(draw)),
    "exponential": lambda draw: snn.LIF(synapse="exponential", tau_syn=draw(TAUS), **membrane(draw)),
    "two": lambda draw: snn.LIF(synapse="exponential", tau_syn=draw(TAUS), tau_syn_inh=draw(TAUS), **membrane(draw)),
    "alpha": lambda draw: snn.LIF(synapse="alpha", tau_syn=draw(TAUS), **membrane(draw)),
    "two alphas": lambda draw: snn.LIF(synapse="alpha", tau_syn=draw(TAUS), tau_syn_inh=draw(TAUS), **membrane(draw)),
}
TAUS = st.sampled_from([0.5, 2.0, 5.0, 9.99999, 10.0, 25.0])


def membrane(draw):
    return {
        "tau_m": 10.0,
        "c_m": 250.0,
        "v_rest": -65.0,
        "v_threshold": -55.0,
        "v_reset": draw(st.sampled_from([-65.0, -70.0])),
        "t_ref": draw(st.sampled_from([0.7, 1.3, 7.77])),  # without any, excitation in a circle runs away
        "i_e": draw(st.sampled_from([0.0, 200.0, 260.0])),
        "reset": draw(st.sampled_from(["hard", "soft"])),
    }


@st.composite
def cases(draw, kind):
    """Models, initial v, synapses and trains of a small network."""
    n, trains = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    model = MODELS[kind](draw)
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    size = 12.0 if kind == "delta" else 900.0
    count = draw(st.integers(1, 14))
    sources, targets = rng.integers(0, n + trains, count), rng.integers(0, n, count)
    weights = rng.uniform(-0.5, 1.0, count) * size
    delays = rng.uniform(0.7, 4.0, count) if draw(st.booleans()) else np.full(count, 1.5)
    given = [np.unique(rng.uniform(0.01, 40.0, draw(st.integers(0, 12)))) for _ in range(trains)]
    return model, rng.uniform(-70.0, -56.0, n), np.stack([sources, targets]), weights, delays, given


def network(case):
    model, v, (sources, targets), weights, delays, trains = case
    net = snn.Network(seed=1)
    cells = net.population("cells", len(v), model, initial={"v": v})
    stimulus = net.spike_trains("trains", trains)
    for source, mine, first in ((cells, sources < len(v), 0), (stimulus, sources >= len(v), len(v))):
        if mine.any():
            edges = snn.Edges(sources[mine] - first, targets[mine])
            net.connect(source, cells, edges, weight=weights[mine], delay=delays[mine])
    return net


def spikes(net, duration=50.0, cuts=(), **options):
    simulation = snn.Simulation(net, engine="exact", **options)
    for begin, end in itertools.pairwise([0.0, *cuts, duration]):
        simulation.run(end - begin)
    return simulation.recording.spikes


def same(a, b):
    return all(
        np.array_equal(getattr(a[name], column), getattr(b[name], column))
        for name in a
        for column in ("samples", "steps", "offsets", "neurons")
    )


@pytest.mark.parametrize("kind", MODELS)
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_spikes_are_the_oracle_s(kind, data):
    case = data.draw(cases(kind))
    model, v, ends, weights, delays, trains = case
    synapses = list(zip(*ends.tolist(), weights.tolist(), delays.tolist(), strict=True))
    expected = reference_events.run([model] * len(v), v, synapses, trains, 50.0)
    found = spikes(network(case))["cells"]
    assert len(found) == len(expected)
    order = np.lexsort((found.neurons, found.times))
    np.testing.assert_allclose(found.times[order], [t for t, _ in expected], rtol=0, atol=2e-9)
    assert found.neurons[order].tolist() == [n for _, n in expected]


@pytest.mark.parametrize("family", NEURONS["FAMILIES"])
def test_trains_of_single_neurons_are_those_of_50_digits(family):
    found = NEURONS["measure"](family, 4, seed=2)
    assert found["spikes"] >= 8
    assert found["differing_counts"] == 0
    assert found["error_ms"] < 1e-11
    assert found["error_mv"] < 1e-13


def busy(seed=3, synapse="exponential", delay=None):
    """A random network with every kind of input."""
    net = snn.Network(seed=seed)
    scale = 1.0 if synapse == "exponential" else 0.015
    cell = snn.LIF(i_e=300.0, synapse=synapse, tau_syn=2.0)
    exc = net.population("exc", 30, cell, initial={"v": snn.Uniform(0.0, 19.0)})
    inh = net.population("inh", 11, snn.LIF(i_e=snn.Uniform(200.0, 300.0), synapse=synapse, tau_syn=2.0))
    delay = snn.Uniform(1.0, 3.0) if delay is None else delay
    net.connect(exc, exc + inh, snn.FixedInDegree(8), weight=60.0 * scale, delay=delay)
    net.connect(inh, exc + inh, snn.FixedInDegree(3), weight=-90.0 * scale, delay=delay)
    net.connect(net.poisson("own", rate=800.0), exc, weight=50.0 * scale)
    net.connect(net.poisson("shared", rate=80.0, shape=5), inh, snn.FixedInDegree(3), weight=50.0 * scale, delay=0.3)
    net.connect(net.gamma("regular", 80.0, 3.0, 5), exc, snn.FixedInDegree(2), weight=50.0 * scale)
    net.connect(net.current("step", [100.0], start=13.7, stop=60.1), inh, snn.FixedInDegree(1))
    return net


@pytest.mark.parametrize("delay", [1.5, None])
def test_threads_and_cuts_change_nothing(delay):
    net = busy(delay=delay)
    expected = spikes(net, 120.0)
    assert min(len(record) for record in expected.values()) > 30
    rng = np.random.default_rng(0)
    for threads in (1, 2, 4):
        cuts = np.sort(np.round(rng.uniform(0.0, 120.0, 25), 3))
        assert same(expected, spikes(net, 120.0, cuts, threads=threads))


def test_cut_runs_reach_the_same_state():
    net = busy()
    whole, cut = (snn.Simulation(net, engine="exact") for _ in range(2))
    whole.run(60.0)
    for _ in range(480):
        cut.run(0.125)
    assert cut.time == whole.time == 60.0
    for name in ("exc", "inh"):
        for variable in ("v", "i_syn"):
            view = net.populations[name]
            np.testing.assert_array_equal(whole.state(view, variable), cut.state(view, variable))


def test_batches_may_be_split_and_simulations_reset():
    net = busy()
    together = spikes(net, 60.0, batch=3)
    for sample in range(3):
        alone = spikes(net, 60.0, first_sample=sample)
        for name, record in alone.items():
            mine = together[name].samples == sample
            np.testing.assert_array_equal(record.offsets, together[name].offsets[mine])
            np.testing.assert_array_equal(record.neurons, together[name].neurons[mine])
    assert len({together["own" if "own" in together else "exc"].counts()[i].tobytes() for i in range(3)}) == 3
    simulation = snn.Simulation(net, engine="exact", batch=3)
    simulation.run(31.0)
    simulation.reset()
    simulation.run(60.0)
    assert same(together, simulation.recording.spikes)


@settings(max_examples=6, deadline=None)
@given(order=st.permutations(range(8)), seed=st.integers(0, 1000))
def test_renamed_neurons_have_the_same_spikes(order, seed):
    rng = np.random.default_rng(seed)
    sources, targets = rng.integers(0, 8, 30), rng.integers(0, 8, 30)
    weights, delays = rng.uniform(-300.0, 500.0, 30), rng.uniform(0.5, 3.0, 30)
    v, i_e = rng.uniform(0.0, 19.0, 8), rng.uniform(0.0, 400.0, 8)
    order = np.array(order)
    place = np.argsort(order)

    def simulated(numbers, who):
        net = snn.Network(seed=1)
        cells = net.population("cells", 8, snn.LIF(synapse="exponential", i_e=i_e[who]), initial={"v": v[who]})
        net.connect(cells, cells, snn.Edges(numbers[sources], numbers[targets]), weight=weights, delay=delays)
        return spikes(net, 80.0)["cells"]

    plain, renamed = simulated(np.arange(8), np.arange(8)), simulated(place, order)
    for neuron in range(8):
        np.testing.assert_array_equal(plain.train(neuron), renamed.train(place[neuron]))


def test_simultaneous_arrivals_are_added_before_the_test():
    for weights, fired in (((12.0, 12.0, -10.0), 0), ((12.0, 12.0, -3.0), 1)):
        net = snn.Network()
        cell = net.population("cell", 1, snn.LIF(v_threshold=20.0, t_ref=0.0))
        trains = net.spike_trains("trains", [[5.0]] * 3)
        net.connect(trains, cell, snn.Edges([0, 1, 2], [0, 0, 0]), weight=np.array(weights))
        found = spikes(net, 10.0)["cell"]
        assert len(found) == fired
        assert found.times.tolist() == [5.0] * fired


def test_refractory_neurons_drop_delta_input_and_keep_currents():
    def last_v(synapse, at):
        net = snn.Network()
        cell = net.population("cell", 1, snn.LIF(t_ref=300.0, synapse=synapse), initial={"v": 25.0})
        net.connect(net.spike_trains("train", [[at]]), cell, snn.OneToOne(), weight=5.0)
        simulation = snn.Simulation(net, engine="exact")
        assert len(simulation.run(299.0).spikes["cell"]) == 1
        held = simulation.state(cell)[0, 0]
        simulation.run(2.0)
        return held, simulation.state(cell)[0, 0]

    assert last_v("delta", 100.0) == (0.0, 0.0)
    held, after = last_v("exponential", 298.0)
    assert held == 0.0
    assert after > 0.0


@pytest.mark.parametrize("gap", [2.0, 5.0, 10.0])  # windows are 10 ms long
@pytest.mark.parametrize("cuts", [(), (7.0, 10.0, 15.0)])
def test_refractory_neurons_drop_what_arrives_at_the_very_end_as_on_the_grid(gap, cuts):
    net = snn.Network()
    cell = net.population("cell", 1, snn.LIF(v_threshold=10.0, t_ref=gap))
    net.connect(net.spike_trains("train", [5.0 + gap * np.arange(4)]), cell, snn.OneToOne(), weight=11.0)
    exact, grid = spikes(net, 50.0, cuts)["cell"], snn.Simulation(net, dt=0.5).run(50.0).spikes["cell"]
    assert exact.times.tolist() == grid.times.tolist() == [5.0, 5.0 + 2 * gap]


def test_long_runs_lose_nothing():
    net = snn.Network()
    net.population("cell", 1, snn.LIF(i_e=300.0, tau_m=20.0))
    simulation = snn.Simulation(net, engine="exact")
    early = simulation.run(1_000.0).spikes["cell"].intervals()
    simulation.run(1e7 - 1_000.0)
    late = simulation.run(1_000.0).spikes["cell"]
    analytic = 2.0 + 20.0 * math.log(24.0 / 4.0)  # t_ref + tau_m log(RI / (RI - threshold))
    np.testing.assert_allclose(early, analytic, rtol=0, atol=1e-12)
    np.testing.assert_allclose(late.intervals(), analytic, rtol=0, atol=1e-12)
    assert late.times[0] > 1e7


def test_quadratic_neurons_fire_when_the_formula_says():
    model = snn.QIF(synapse="delta", i_e=400.0)
    net = snn.Network()
    net.population("cell", 1, model)
    found = spikes(net, 2_000.0)["cell"]
    grid = snn.Simulation(net, dt=0.01).run(2_000.0).spikes["cell"]
    assert len(found) > 10
    assert abs(len(found) - len(grid)) <= 1
    np.testing.assert_allclose(found.intervals()[1:6], grid.intervals()[1:6], rtol=0, atol=0.02)
    np.testing.assert_allclose(np.ptp(found.intervals()[1:]), 0.0, atol=1e-10)


def test_binary_units_agree_with_the_grid():
    def network():
        net = snn.Network(seed=2)
        units = net.population("units", 400, snn.McCullochPitts(threshold=0.5, tau=10.0))
        net.connect(units, units, snn.FixedInDegree(20), weight=-1.0, delay=0.5)
        net.connect(net.current("drive", [10.0]), units, snn.FixedInDegree(1))
        return net

    exact = snn.Simulation(network(), engine="exact").run(3_000.0).spikes["units"].rate()
    grid = snn.Simulation(network(), dt=0.1).run(3_000.0).spikes["units"].rate()
    assert exact > 5.0
    assert exact == pytest.approx(grid, rel=0.03)


def test_random_trains_have_their_rates_and_intervals():
    net = snn.Network(seed=5)
    net.population("cell", 1, snn.LIF())
    net.poisson("poisson", rate=50.0, shape=200)
    net.gamma("gamma", 50.0, 4.0, 200)
    net.poisson("silent", rate=0.0, shape=3)
    found = spikes(net, 10_000.0)
    for name, cv in (("poisson", 1.0), ("gamma", 0.5)):
        assert found[name].rate() == pytest.approx(50.0, rel=5 * cv / math.sqrt(100_000))
        assert found[name].cv() == pytest.approx(cv, rel=0.02)
        assert np.all(np.diff(found[name].times) >= 0)
    assert len(found["silent"]) == 0
    phase = np.mod(found["poisson"].times, 0.1)  # off any grid
    assert np.histogram(phase, bins=10, range=(0.0, 0.1))[0].std() < 5 * math.sqrt(10_000)


def test_sampled_currents_are_followed_exactly():
    net = snn.Network()
    cell = net.population("cell", 1, snn.LIF(tau_m=10.0, c_m=100.0, v_threshold=1e6))
    current = net.current("steps", np.array([100.0, -50.0, 0.0, 30.0]), bin=2.5, start=1.0, stop=12.0)
    net.connect(current, cell, snn.OneToOne(), weight=2.0)
    net.record(cell, "v", every=1.0)
    trace = snn.Simulation(net, engine="exact").run(15.0).trace("cell")

    def v(t):
        edges, level = [1.0, 3.5, 6.0, 8.5, 12.0, 1e9], [20.0, -10.0, 0.0, 6.0, 0.0]  # mV
        out = 0.0
        for begin, end, to in zip(edges, edges[1:], level, strict=False):
            if t > begin:
                out = to + (out - to) * math.exp(-(min(t, end) - begin) / 10.0)
        return out

    np.testing.assert_allclose(trace.times, np.arange(1.0, 16.0))
    np.testing.assert_allclose(trace.values[0, :, 0], [v(t) for t in trace.times], rtol=0, atol=1e-13)


def test_the_grid_s_spikes_come_closer_with_its_step():
    net = snn.Network(seed=4)
    cells = net.population("cells", 20, snn.LIF(synapse="exponential", tau_syn=3.0, i_e=snn.Uniform(400.0, 500.0)))
    train = net.spike_trains("trains", [[3.0, 11.0, 19.0], [6.0, 7.0]])
    net.connect(train, cells, snn.FixedInDegree(1), weight=200.0, delay=1.0)
    exact = spikes(net, 60.0)["cells"]
    first = [exact.train(n)[0] for n in range(20)]
    errors = []
    for dt in (0.5, 0.125, 0.03125):
        grid = snn.Simulation(net, dt=dt).run(60.0).spikes["cells"]
        late = np.array([grid.train(n)[0] for n in range(20)]) - first
        assert np.all(late > -1e-9)  # the grid finds a spike at the end of its step
        assert np.all(late < dt + 1e-9)
        errors.append(late.mean())
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.4)
    assert errors[1] / errors[2] == pytest.approx(4.0, rel=0.4)


def test_parameters_change_between_runs():
    net = snn.Network()
    cells = net.population("cells", 3, snn.LIF(i_e=100.0, v_rest=-70.0, v_threshold=-50.0, v_reset=-70.0))
    simulation = snn.Simulation(net, engine="exact")
    assert len(simulation.run(33.3).spikes["cells"]) == 0
    before = simulation.state(cells)
    simulation.set(cells[1:], i_e=np.array([300.0, 400.0]), v_rest=-69.0)
    np.testing.assert_allclose(simulation.state(cells), before, rtol=0, atol=1e-12)
    found = simulation.run(200.0).spikes["cells"]
    assert len(found.train(0)) == 0 < len(found.train(1)) < len(found.train(2))
    start, drive = before[0, 2] + 69.0, 400.0 * 20.0 / 250.0
    assert found.train(2)[0] - 33.3 == pytest.approx(20.0 * math.log((drive - start) / (drive - 19.0)), abs=1e-11)


def test_recordings_keep_windows_and_offsets(tmp_path):
    net = busy()
    net.record_spikes(net.populations["exc"][:10])
    recording = snn.Simulation(net, engine="exact").run(50.0)
    assert set(recording.spikes["exc"].neurons) <= set(range(10))
    assert len(recording.spikes["inh"]) == 0
    recording.save(tmp_path / "spikes.h5")
    read = snn.Recording.load(tmp_path / "spikes.h5")
    assert same(recording.spikes, read.spikes)
    np.testing.assert_array_equal(read.spikes["exc"].rates(7.3)[1], recording.spikes["exc"].rates(7.3)[1])
    total = recording.spikes["exc"].rates(5.0)[1].sum() * 5.0 / 1_000.0 * 10
    assert total == pytest.approx(len(recording.spikes["exc"]))


def cells_of(net, **options):
    return net.population("cells", 4, snn.LIF(**options))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda net: net.population("cells", 3, snn.AdEx()), "'cells', AdEx: .*grid"),
        (lambda net: net.population("cells", 3, snn.QIF(synapse="exponential")), "'cells', QIF: .*grid"),
        (lambda net: net.population("cells", 3, snn.McCullochPitts(update="synchronous")), "update = 'synchronous'"),
        (lambda net: net.population("cells", 3, snn.LIF(), active=(0.0, 5.0)), "'cells': active"),
        (lambda net: net.connect(*[cells_of(net)] * 2, snn.AllToAll()), "delay = None"),
        (lambda net: net.connect(*[cells_of(net)] * 2, snn.AllToAll(), delay=0.0), "delay = 0.0"),
        (
            lambda net: net.connect(*[cells_of(net)] * 2, snn.AllToAll(), delay=snn.Uniform(-1.0, 1.0)),
            "delay",
        ),
        (
            lambda net: net.connect(*[cells_of(net)] * 2, snn.Edges([0, 1], [1, 0]), delay=np.array([1e-5, 10.0])),
            "delay = 10.0 .* times the shortest",
        ),
        (
            lambda net: net.connect(net.spike_trains("late", [[1e9]]), cells_of(net), snn.AllToAll()),
            "trains = 1000000000",
        ),
        (lambda net: net.connect(net.sine_current("sine", 1.0, 5.0), cells_of(net), snn.AllToAll()), "SineCurrent"),
        (lambda net: net.connect(net.noise_current("noise", 1.0, 5.0), cells_of(net)), "NoiseCurrent"),
        (lambda net: net.connect(net.poisson("p", [1.0, 2.0], bin=5.0), cells_of(net)), "rate"),
        (
            lambda net: net.connect(*[cells_of(net)] * 2, snn.AllToAll(), delay=1.0, plasticity=snn.TsodyksMarkram()),
            "plasticity",
        ),
        (lambda net: net.record(cells_of(net), "w", every=1.0), "variable = 'w'"),
        (lambda net: net.population("cells", 3, snn.LIF(), initial={"m": 1.0}), "initial = 'm'"),
    ],
)
def test_what_does_not_fit_is_refused(build, message):
    net = snn.Network()

    def simulate():
        build(net)
        snn.Simulation(net, engine="exact")

    with pytest.raises(snn.SnnError, match=message):
        simulate()


@pytest.mark.parametrize("options", [{"dt": 0.1}, {"weight_bits": 16}, {"engine": "fast"}])
def test_options_that_do_not_fit_are_refused(options):
    net = snn.Network()
    cells_of(net)
    with pytest.raises(snn.SnnError, match=next(iter(options))):
        snn.Simulation(net, **({"engine": "exact"} | options))


def test_runaway_activity_ends_with_an_error_and_keeps_what_was_recorded():
    net = snn.Network()
    cells = net.population("cells", 200, snn.LIF(i_e=500.0, t_ref=0.0))
    net.connect(net.current("flood", [1e6], start=50.0), cells, snn.AllToAll())
    net.connect(cells, cells, snn.AllToAll(), weight=-0.01, delay=1.0)
    simulation = snn.Simulation(net, engine="exact")
    with pytest.raises(snn.NumericalError, match=r"population 'cells': neuron \d+ .* more than 10000 spikes"):
        simulation.run(1_000.0)
    kept = simulation.recording.spikes["cells"]
    assert len(kept) >= 200
    assert 50.0 <= simulation.time < 52.0
    assert np.all(kept.times <= simulation.time)
    with pytest.raises(snn.NumericalError, match="population 'cells'"):
        simulation.run(1.0)
    simulation.reset()
    assert len(simulation.run(1.0).spikes["cells"]) == 0


@pytest.mark.parametrize(
    "add",
    [
        lambda net, a: net.connect(a, a, snn.OneToOne()),
        lambda net, a: net.connect(net.noise_current("noise", 0.0, 1.0), a),
        lambda net, a: net.connect(a, a, snn.OneToOne(), delay=1.0, plasticity=snn.TsodyksMarkram()),
        lambda net, a: net.record(a, "refractory", every=1.0),
        lambda net, a: net.population("late", 1, snn.LIF(), active=(1.0, 2.0)),
    ],
)
def test_auto_takes_no_engine_that_refuses_the_network(add):
    net = snn.Network()
    add(net, net.population("a", 2, snn.LIF()))
    with pytest.raises(snn.ValidationError) as refusal:
        snn.Simulation(net, engine="exact")
    simulation = snn.Simulation(net, engine="auto")
    assert (simulation.engine, simulation.reason) == ("grid", str(refusal.value))


def test_auto_refuses_what_both_engines_refuse():
    net = snn.Network()
    net.record(net.population("a", 2, snn.LIF()), "w", every=1.0)
    with pytest.raises(snn.ValidationError, match="one of v, refractory"):
        snn.Simulation(net, engine="auto")


def test_auto_says_which_engine_and_why():
    net = snn.Network()
    cells_of(net, i_e=300.0)
    assert (snn.Simulation(net, engine="auto").engine, "arrivals" in snn.Simulation(net, engine="auto").reason) == (
        "exact",
        True,
    )
    net.connect(net.poisson("noise", rate=20_000.0), net.populations["cells"], weight=0.1)
    simulation = snn.Simulation(net, engine="auto", dt=0.2)
    assert (simulation.engine, simulation.dt) == ("grid", 0.2)
    assert "20,000 arrivals" in simulation.reason
    other = snn.Network()
    other.population("cells", 1, snn.AdEx())
    simulation = snn.Simulation(other, engine="auto")
    assert simulation.engine == "grid"
    assert "AdEx" in simulation.reason
