"""The grid engine for graphics cards in the simulator of CUDA: the spikes and states are those of the CPU engine.

Collected by test_cuda.py only, in a process where NUMBA_ENABLE_CUDASIM is set before Numba is imported. Without
compilation, which the simulator does not need, all of it takes seconds.
"""

import numpy as np
import pytest
import test_engine
import test_retire
import test_steps
import test_varying
from devices import assert_equal
from hypothesis import given, settings
from hypothesis import strategies as st

import snn
from snn.engines.grid_cuda import engine as grid_cuda
from snn.engines.grid_cuda import gathering


class Resonator(snn.CustomModel):
    damping: float = 0.1
    omega: float = 0.6
    v_threshold: float = 1.0
    state = {"v": 0.0, "u": 0.0}
    ports = {"ex": "u", "inh": "v"}

    def derivatives(p, s, current):
        return -p.damping * s.v + p.omega * s.u, -p.damping * s.u - p.omega * s.v + current

    def threshold(p, s):
        return s.v >= p.v_threshold

    def reset(p, s):
        return p.v_threshold, 0.0


MODELS = [
    *test_steps.MODELS,
    *(cls(synapse=kind, i_e=600.0) for cls in (snn.LIF, snn.IF) for kind in ("delta", "exponential", "alpha")),
    *(snn.LIF(synapse=kind, tau_syn_inh=3.0, i_e=600.0) for kind in ("exponential", "alpha")),
    snn.DiscreteLIF(),
    snn.DiscreteLIF(reset="retested"),
    snn.DiscreteCubaLIF(),
    snn.McCullochPitts(),
    snn.McCullochPitts(update="synchronous"),
    Resonator(omega=np.array([0.6, 1.2])),
]


def test_every_model():
    net = snn.Network(seed=1)
    pair = net.spike_trains("pair", [[0.125, 0.5], [0.25]])
    for i, model in enumerate(MODELS):
        cells = net.population(f"cells{i}", 2, model)
        ports = {"port": "ex"} if model.open_ports else {}
        for weight in (60.0, -8.0):
            net.connect(pair, cells, snn.AllToAll(), weight=weight, **ports)
        net.record(cells, "v", every=0.125)
    recording = assert_equal(net, [0.375, 0.375], dt=0.125)
    assert sum(len(record) > 0 for record in recording.spikes.values()) > 5


@pytest.mark.parametrize("kind", ["delta", "arrays", "mixed", "alpha"])
def test_every_pattern_and_list(kind):
    assert_equal(test_engine.random_network(5, kind), [1.5, 2.5], dt=test_engine.DT)


@pytest.mark.parametrize("seed", [5, 6, 7, 8])
def test_patterns_that_are_gathered(seed, monkeypatch):
    monkeypatch.setattr(gathering, "ENOUGH", 0)
    assert_equal(test_engine.random_network(seed, "delta"), [1.5, 0.3, 2.2], dt=test_engine.DT, batch=2)


def test_windows_are_gathered_across_words_and_edges(monkeypatch):
    monkeypatch.setattr(gathering, "ENOUGH", 0)
    rng, net = np.random.default_rng(1), snn.Network(seed=1)
    neuron = snn.IF(v_threshold=1.0, reset="soft")
    noise = net.poisson("noise", 1500.0, (5, 4, 33))
    layer = net.population("layer", (3, 3, 3), neuron)
    last = net.population("last", 7, neuron)
    net.connect(noise, layer, snn.Conv2d(rng.normal(0.1, 0.3, (3, 2, 33, 3)), stride=(2, 2), padding=(1, 1)))
    net.connect(layer, last, snn.Dense(rng.normal(0.1, 0.5, (7, 27))), delay=0.3)
    net.connect(last, layer, snn.Dense(rng.normal(0.0, 0.3, (27, 7))), delay=0.2)
    recording = assert_equal(net, [1.0, 0.7], dt=0.1)
    assert all(len(record) > 20 for record in recording.spikes.values())


def test_every_stimulus_and_several_samples():
    recording = assert_equal(test_varying.random_network(0), [1.2, 1.3], dt=test_varying.DT, batch=2)
    assert all(len(record) for record in recording.spikes.values())


@settings(max_examples=4, deadline=None, derandomize=True)
@given(st.integers(0, 2**31), st.sampled_from(["delta", "mixed"]))
def test_random_networks(seed, kind):
    assert_equal(test_engine.random_network(seed, kind), [1.5], dt=test_engine.DT)


def plastic_network():
    net = snn.Network(seed=4)
    trains = net.poisson("trains", 2000.0, 4)
    cells = net.population("cells", 5, snn.LIF(synapse="exponential", t_ref=0.3, i_e=900.0), initial={"v": 17.0})
    units = net.population("units", 4, snn.McCullochPitts(threshold=snn.Uniform(-1.0, 0.5), tau=0.5))
    rule = snn.TsodyksMarkram(u=snn.Uniform(0.1, 0.6), tau_rec=5.0, tau_fac=3.0)
    net.connect(trains, cells, snn.FixedInDegree(3), weight=400.0, delay=snn.Uniform(0.1, 0.6), plasticity=rule)
    net.connect(cells, cells, snn.AllToAll(), weight=-30.0, delay=0.4, plasticity=snn.TsodyksMarkram())
    net.connect(units, units, snn.FixedInDegree(2), weight=0.5, delay=0.3)
    net.record(cells, "v", every=0.2)
    return net


def test_plastic_synapses_and_binary_units():
    recording = assert_equal(plastic_network(), [2.0, 2.0], dt=0.1, batch=2)
    assert all(len(record) > 1 for record in recording.spikes.values())


def test_spans_end_where_the_room_for_spikes_does(monkeypatch):
    monkeypatch.setattr(grid_cuda, "_SPIKE_BYTES", 0)  # room for three steps in which all fire
    monkeypatch.setattr(grid_cuda, "_LONGEST", 7)
    assert_equal(plastic_network(), [2.0], dt=0.1)


def test_input_and_parameters_that_change_between_runs():
    net = snn.Network(seed=2)
    cells = net.population("cells", 3, snn.LIF(synapse="delta", i_e=300.0))
    trains, given = net.poisson("trains", 500.0, 3), net.spike_trains("given", [[0.2, 1.4], [], [0.1]])
    current = net.current("current", np.array([100.0, 200.0]), start=0.5)
    for source in (trains, given):
        net.connect(source, cells, snn.OneToOne(), weight=2.0)
    net.connect(current, cells, snn.Dense(np.arange(6.0).reshape(3, 2)))

    def change(simulation):
        simulation.set(cells, i_e=np.array([[500.0, 0.0, 100.0], [0.0, 900.0, 50.0]]))
        simulation.set(trains, rate=np.array([[5000.0, 0.0, 900.0], [1000.0, 1000.0, 4000.0]]))
        simulation.set(given, trains=[[[1.1], [1.2], []], [[], [1.3], [1.4, 1.5]]])
        simulation.set(current, amplitude=np.array([[50.0, 60.0], [300.0, 5.0]]))

    recording = assert_equal(net, [1.0, 1.0, 1.0], change, dt=0.1, batch=2)
    assert len(recording.spikes["trains"]) > 5


def test_reset_and_counted_spikes():
    simulation = snn.Simulation(plastic_network(), dt=0.1, device="cuda", spikes="counted")
    first = simulation.run(2.0)
    simulation.reset()
    again = simulation.run(2.0)
    listed = snn.Simulation(plastic_network(), dt=0.1).run(2.0)
    for name in ("trains", "cells"):
        np.testing.assert_array_equal(first.counts(name), again.counts(name))
        np.testing.assert_array_equal(first.counts(name), listed.spikes[name].counts())


def test_spikes_are_counted_on_the_device():
    counted = []
    for device in ("cpu", "cuda"):
        network = test_engine.random_network(5, "mixed")
        simulation = snn.Simulation(network, dt=test_engine.DT, device=device, batch=2, spikes="counted")
        simulation.run(1.5)
        simulation.run(1.5)
        counted.append(simulation.recording)
    cpu, cuda = counted
    np.testing.assert_array_equal(cpu.events, cuda.events)
    for name in cpu.counted:
        np.testing.assert_array_equal(cpu.counts(name), cuda.counts(name))
    assert sum(int(cpu.counts(name).sum()) for name in cpu.counted) > 5


def test_state_and_restore():
    engine = snn.Simulation(plastic_network(), dt=0.1, device="cuda", batch=2)._engine
    engine.advance(15)
    kept = engine.state()
    engine.advance(30)
    first = engine.take_spikes()
    engine.restore(kept)
    engine.advance(30)
    again = engine.take_spikes()
    for name in first:
        for one, other in zip(first[name][:3], again[name][:3], strict=True):
            np.testing.assert_array_equal(one, other)


def test_memory_is_estimated_before_anything_is_allocated(monkeypatch):
    monkeypatch.setattr(snn.cuda.Device, "free", lambda device: 1e5)
    with pytest.raises(snn.ResourceError, match=r"2 samples of 9 neurons .* need .* GB on cuda"):
        snn.Simulation(plastic_network(), dt=0.1, device="cuda", batch=2)


def test_a_state_that_is_not_finite_names_the_neuron():
    net = snn.Network()
    cell = net.population("cell", 3, snn.IF())
    simulation = snn.Simulation(net, dt=1.0, device="cuda")
    simulation.set(cell, c_m=1.0, i_e=[0.0, -1e308, 0.0])
    with pytest.raises(snn.NumericalError, match=r"'cell': v of neuron 1 \(sample 0\)"):
        simulation.run(5.0)


def test_samples_leave():
    test_retire.assert_that_the_others_do_not_notice("cuda")
