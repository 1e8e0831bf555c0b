"""Stimuli that vary, against the reference, spike for spike and bit for bit."""

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import reference

import snn

DT = 0.1
STEPS = 40


def random_network(seed):
    """Every stimulus that varies, onto whole populations and slices, through lists, patterns and none."""
    rng = np.random.default_rng(seed)
    net = snn.Network(seed=int(rng.integers(2**32)))
    model = snn.LIF(tau_m=3.0, v_threshold=1.0, v_reset=-0.1, c_m=1.0, t_ref=0.2, synapse="exponential", tau_syn=1.0)
    cells = net.population("cells", 7, model)
    image = net.population("image", (3, 4, 2), snn.IF(v_threshold=1.0))
    weight = float(rng.normal(0, 0.5))
    net.connect(net.poisson("shared", rng.uniform(0, 5000, 5), bin=0.7), cells + image[3:9], weight=weight)
    net.connect(net.poisson("own", rng.uniform(0, 5000, (3, 4)), bin=0.5), cells[2:6], weight=-weight)
    trains = net.poisson("trains", rng.uniform(0, 1000 / DT, (4, 3)), 3, bin=0.3)
    net.connect(trains, cells, snn.Dense(rng.normal(0, 0.4, (7, 3))))
    together = net.poisson("together", lambda t: 3000.0 * (1 + math.sin(t)), 2, bin=0.2, duration=3.0)
    net.connect(together, image, snn.AllToAll(), weight=0.1, delay=0.3)
    gamma = net.gamma("gamma", [0.0, 500.0, 3000.0, 4000.0], [1.0, 3.3, 0.4, 1.0], 4)
    net.connect(gamma, cells, snn.FixedInDegree(2), weight=0.5, delay=0.2)
    sampled = net.current("sampled", rng.normal(0, 1, (6, 4, 4, 1)), bin=0.4, start=0.3, stop=3.1)
    net.connect(sampled, image, snn.Conv2d(rng.normal(0, 1, (2, 3, 1, 2)), padding=(0, 1)))
    listed = net.current("listed", lambda t: [t, -t * t / 4], bin=0.2, duration=2.0, start=0.5)
    net.connect(listed, cells[1:], snn.FixedInDegree(3), weight=rng.normal(0, 1, 18))
    sine = net.sine_current("sine", rng.normal(0, 1, 7), 400.0, phase=rng.normal(0, 2, 7), offset=0.2)
    net.connect(sine, cells, snn.OneToOne(), weight=1.7)
    net.connect(sine, image, snn.Dense(rng.normal(0, 0.3, (24, 7))))
    net.connect(net.noise_current("noise", 0.1, 0.5, interval=0.3, start=0.2, stop=3.0), cells + image, weight=-1.3)
    net.connect(net.noise_current("different", [0.0, 1.0], [1.0, 0.0], interval=0.1), image[5:7])
    net.connect(net.current("constant", [0.3]), cells, snn.AllToAll())
    for population in (cells, image):
        net.record(population, "v", every=DT)
    return net


def assert_same(recording, spikes, traces, sample=0):
    for name, record in recording.spikes.items():
        mine = record.samples == sample
        found = list(zip(record.steps[mine].tolist(), record.neurons[mine].tolist(), strict=True))
        assert found == sorted(spikes[name])
    for trace in recording.traces:
        np.testing.assert_array_equal(trace.values[sample], traces[trace.population])


@pytest.mark.parametrize(("seed", "threads"), [(0, 1), (1, 2), (2, 1), (3, 4)])
def test_spikes_and_potentials_are_the_reference_s(seed, threads):
    network = random_network(seed)
    recording = snn.Simulation(network, dt=DT, threads=threads).run(STEPS * DT)
    assert all(len(record) > 5 for record in recording.spikes.values())
    assert_same(recording, *reference.simulate(network, DT, STEPS))


def test_without_compilation_the_spikes_are_the_same():
    code = """
import reference, snn
from test_varying import DT, STEPS, assert_same, random_network
network = random_network(7)
assert_same(snn.Simulation(network, dt=DT).run(STEPS * DT), *reference.simulate(network, DT, STEPS))
print("same")
"""
    here = Path(__file__).parent
    paths = os.pathsep.join([str(here), str(here.parent), str(here.parent.parent)])
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": paths}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.split() == ["same"]


def test_samples_of_a_batch_are_runs_of_their_own():
    network = random_network(4)
    recording = snn.Simulation(network, dt=DT, batch=2, first_sample=5, threads=2).run(STEPS * DT)
    for sample in range(2):
        spikes, traces = reference.simulate(network, DT, STEPS, 5 + sample)
        assert_same(recording, spikes, traces, sample)


@pytest.mark.parametrize("cut", [1, 13, 29])
def test_a_run_in_parts_is_one_run_also_after_reset_and_restore(cut):
    whole = snn.Simulation(random_network(5), dt=DT).run(STEPS * DT)

    def assert_whole(recording):
        for name, record in whole.spikes.items():
            np.testing.assert_array_equal(recording.spikes[name].steps, record.steps)
            np.testing.assert_array_equal(recording.spikes[name].neurons, record.neurons)
        for a, b in zip(whole.traces, recording.traces, strict=True):
            np.testing.assert_array_equal(a.values, b.values)

    simulation = snn.Simulation(random_network(5), dt=DT, threads=2)
    simulation.run(cut * DT)
    kept = simulation._engine.state()
    simulation.run((STEPS - cut) * DT)
    assert_whole(simulation.recording)
    simulation._engine.restore(kept)
    simulation._collector.gathered, simulation._collector.parts = simulation.time, simulation._collector.parts[:1]
    simulation.run((STEPS - cut) * DT)
    assert_whole(simulation.recording)
    simulation.reset()
    simulation.run(STEPS * DT)
    assert_whole(simulation.recording)


def test_populations_that_span_slices_give_the_same_on_any_number_of_threads(threads_meet):
    def run(threads, parts):
        net = snn.Network(seed=5)
        cells = net.population("cells", 10_000, snn.LIF(), initial={"v": snn.Uniform(0.0, 20.0)})
        net.connect(net.poisson("noise", [8000.0, 15_000.0], bin=10.0), cells, weight=0.1)
        net.connect(net.poisson("rates", np.linspace(0, 9000, 20_000).reshape(2, -1), bin=7.0), cells, weight=0.1)
        net.connect(net.gamma("gamma", 200.0, 2.0, 300), cells, snn.FixedInDegree(5), weight=0.3)
        net.connect(net.sine_current("sine", 100.0, 40.0, offset=50.0), cells, snn.AllToAll())
        net.connect(net.sine_current("sines", np.linspace(0, 99.0, 10_000), 40.0), cells, snn.OneToOne())
        net.connect(net.current("sampled", [[9.0, 1.0], [0.0, 5.0]], bin=9.9), cells, snn.FixedInDegree(3))
        net.connect(net.noise_current("white", 50.0, 100.0), cells[100:9900])
        simulation = snn.Simulation(net, threads=threads)
        for part in parts:
            simulation.run(part)
        return simulation.recording.spikes

    first = run(1, [30.0])
    assert len(first["cells"]) > 1000
    for threads, parts in ((2, [30.0]), (3, [10.1, 19.9])):
        again = run(threads, parts)
        for name, record in first.items():
            np.testing.assert_array_equal(record.steps, again[name].steps)
            np.testing.assert_array_equal(record.neurons, again[name].neurons)


def one_cell(*add, dt=1.0, steps=7):
    """v of a cell that adds up its currents, each added by a function of the network."""
    net = snn.Network()
    cell = net.population("cell", 1, snn.IF(v_threshold=1e9))
    for one in add:
        net.connect(one(net), cell, snn.OneToOne())
    net.record(cell, "v", every=dt)
    return snn.Simulation(net, dt=dt).run(steps * dt).trace("cell").values[0, :, 0]


def test_sampled_currents_flow_bin_by_bin_and_the_last_until_the_stop():
    v = one_cell(lambda n: n.current("c", [1.0, 3.0], bin=2.0, start=1.0, stop=6.0))
    assert np.diff(v, prepend=0.0).tolist() == [0.0, 1.0, 1.0, 3.0, 3.0, 3.0, 0.0]
    v = one_cell(lambda n: n.current("c", lambda t: t, bin=2.0, duration=4.0, start=1.0))
    assert np.diff(v, prepend=0.0).tolist() == [0.0, 1.0, 1.0, 3.0, 3.0, 3.0, 3.0]


def test_sinusoidal_currents_have_their_value_in_the_middle_of_a_step():
    v = one_cell(
        lambda n: n.sine_current("c", 2.0, 30.0, phase=0.7, offset=5.0, start=0.3, stop=80.0), dt=0.1, steps=1000
    )
    t = (np.arange(1000) + 0.5) * 0.1
    flows = 5.0 + 2.0 * np.sin(2 * np.pi * 0.030 * t + 0.7)
    flows[(t < 0.3) | (t > 80.0)] = 0.0
    np.testing.assert_allclose(np.diff(v, prepend=0.0) / 0.1, flows, atol=1e-6)


def test_rates_hold_for_their_bin_and_the_last_for_ever():
    net = snn.Network()
    trains = net.poisson("trains", [[1000.0, 0.0], [0.0, 0.0], [0.0, 1000.0]], 2, bin=2.0)
    net.connect(trains, net.population("cells", 2, snn.IF()), snn.OneToOne())
    record = snn.Simulation(net, dt=1.0).run(9.0).spikes["trains"]
    assert record.train(0).tolist() == [1.0, 2.0]
    assert record.train(1).tolist() == [5.0, 6.0, 7.0, 8.0, 9.0]


def test_what_varies_cannot_be_set():
    net = snn.Network()
    net.gamma("gamma", 10.0, 2.0, 3)
    net.population("cell", 1, snn.IF())
    with pytest.raises(snn.ValidationError, match="set 'gamma'"):
        snn.Simulation(net).set(net.sources["gamma"], rate=1.0)
