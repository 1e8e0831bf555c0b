"""Short-term plasticity: against the reference, its closed form, and however a run is cut."""

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import reference
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import snn

DT = 0.1
STEPS = 40


def assert_same(recording, spikes, traces, sample=0):
    for name, record in recording.spikes.items():
        mine = record.samples == sample
        found = zip(record.steps[mine].tolist(), record.neurons[mine].tolist(), strict=True)
        assert list(found) == sorted(spikes[name])
    for trace in recording.traces:
        np.testing.assert_array_equal(trace.values[sample], traces[trace.population])


def plastic_network(seed):
    """Two populations with plastic synapses of every kind of row, next to static ones, in loops and from stimuli."""
    rng = np.random.default_rng(seed)
    net = snn.Network(seed=int(rng.integers(2**32)))
    physical = {"v_threshold": 1.0, "c_m": 1.0, "tau_m": 3.0, "i_e": 0.5, "t_ref": 0.2}
    a = net.population("a", 7, snn.LIF(**physical), initial={"v": snn.Uniform(0.0, 1.0)})
    b = net.population("b", 9, snn.LIF(synapse="exponential", tau_syn=0.7, tau_syn_inh=1.1, **physical))
    given_trains = net.spike_trains("given", [np.unique(rng.integers(1, STEPS, 9)) * DT for _ in range(4)])
    poisson = net.poisson("poisson", 2000.0, 5)

    def rule(size):
        tau_fac = rng.uniform(0.3, 30.0) if rng.random() < 0.5 else 0.0
        u = rng.uniform(0.0, 1.0, size) if rng.random() < 0.5 else snn.Uniform(0.1, 0.9)
        return snn.TsodyksMarkram(u=u, tau_rec=rng.uniform(0.5, 20.0), tau_fac=tau_fac)

    net.connect(
        a, b, snn.AllToAll(), weight=rng.normal(0, 1, 63), delay=rng.integers(1, 9, 63) * DT, plasticity=rule(7)
    )
    net.connect(b, a, snn.FixedInDegree(3), weight=0.4, delay=0.2, plasticity=rule(9))  # rows of one weight
    net.connect(b, a, snn.FixedInDegree(2), weight=-0.2, delay=0.3)
    net.connect(b[2:6], a[1:4], snn.Dense(rng.normal(0, 0.3, (3, 4))), delay=0.4, plasticity=rule(4))
    net.connect(a, a, snn.OneToOne(), weight=rng.choice([1e-5, 1.0], 7), delay=0.1, plasticity=rule(7))
    net.connect(given_trains, a, snn.Dense(rng.normal(0, 1e-5, (7, 4))), plasticity=rule(4))  # weights of 16 bits
    net.connect(given_trains, b, snn.FixedOutDegree(2), weight=2.0, delay=0.3, plasticity=rule(4))
    net.connect(poisson, b, snn.AllToAll(), weight=0.3, plasticity=rule(5))
    for population in (a, b):
        net.record(population, "v", every=DT)
    return net


def assert_equal(one, other):
    for name, record in one.spikes.items():
        np.testing.assert_array_equal(record.steps, other.spikes[name].steps)
        np.testing.assert_array_equal(record.neurons, other.spikes[name].neurons)
    for a, b in zip(one.traces, other.traces, strict=True):
        np.testing.assert_array_equal(a.values, b.values)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32 - 1), threads=st.sampled_from([1, 2, 4]))
def test_spikes_and_potentials_are_the_reference_s(seed, threads):
    network = plastic_network(seed)
    recording = snn.Simulation(network, dt=DT, threads=threads).run(STEPS * DT)
    assert_same(recording, *reference.simulate(network, DT, STEPS))


def test_the_networks_of_these_tests_fire_through_plastic_synapses():
    recording = snn.Simulation(plastic_network(0), dt=DT).run(STEPS * DT)
    assert all(record.counts().max() >= 2 for record in recording.spikes.values())
    static = plastic_network(0)
    static.projections[:] = [p for p in static.projections if p.plasticity is None]
    assert len(snn.Simulation(static, dt=DT).run(STEPS * DT).spikes["b"]) != len(recording.spikes["b"])


def test_runs_in_parts_and_samples_of_a_batch_are_the_same():
    network = plastic_network(1)
    whole = snn.Simulation(network, dt=DT).run(STEPS * DT)
    simulation = snn.Simulation(network, dt=DT, threads=2)
    for part in (0.1, 1.3, STEPS * DT - 1.4):
        simulation.run(part)
    assert_equal(whole, simulation.recording)
    recording = snn.Simulation(network, dt=DT, batch=3, threads=2).run(STEPS * DT)
    for sample in range(3):
        assert_same(recording, *reference.simulate(network, DT, STEPS, sample), sample)


def test_reset_and_restore_go_back_to_what_sources_had():
    simulation = snn.Simulation(plastic_network(2), dt=DT)
    first = simulation.run(4.0)
    kept = simulation._engine.state()
    second = simulation.run(4.0)
    simulation._engine.restore(kept)
    simulation._gathered = simulation._engine.time
    assert_equal(second, simulation.run(4.0))
    simulation.reset()
    assert_equal(first, simulation.run(4.0))
    simulation.reset()
    assert not (simulation._engine.memory.plastic.last >= 0).any()


def test_threads_and_blocks_share_sources(threads_meet):
    def run(threads):
        net = snn.Network(seed=5)
        cells = net.population("cells", 3_000, snn.LIF(), initial={"v": snn.Uniform(0.0, 20.0)})
        net.connect(net.poisson("noise", 15_000.0), cells, weight=0.1)
        rule = snn.TsodyksMarkram(u=snn.Uniform(0.1, 0.6), tau_rec=100.0, tau_fac=snn.Normal(50.0, 5.0))
        net.connect(
            cells,
            cells,
            snn.FixedInDegree(30),
            weight=snn.Normal(0.2, 0.1),
            delay=snn.Uniform(0.1, 2.0),
            plasticity=rule,
        )
        return snn.Simulation(net, threads=threads).run(60.0)

    alone = run(1)
    assert len(alone.spikes["cells"]) > 1000
    for threads in (2, 3):
        assert_equal(alone, run(threads))


def amplitudes(times, rule, weight=1.0, dt=0.1):
    """What the spikes of one source at these times add to v of a neuron that forgets nothing."""
    net = snn.Network()
    cell = net.population("cell", 1, snn.IF(v_threshold=1e6))
    net.connect(net.spike_trains("source", [times]), cell, snn.OneToOne(), weight=weight, plasticity=rule)
    net.record(cell, "v", every=dt)
    trace = snn.Simulation(net, dt=dt).run(float(times[-1]) + dt).trace("cell")
    rises = np.diff(trace.values[0, :, 0], prepend=0.0)
    return rises[np.rint(np.asarray(times) / dt).astype(int) - 1]


@pytest.mark.parametrize("weight", [1.0, -3.7])
@pytest.mark.parametrize("u", [0.0, 0.2, 0.5, 1.0])
def test_depression_comes_to_its_steady_state(u, weight):
    tau_rec, interval = 120.0, 25.0
    found = amplitudes(interval * np.arange(1, 60), snn.TsodyksMarkram(u=u, tau_rec=tau_rec), weight)
    left = math.exp(-interval / tau_rec)
    assert found[0] == pytest.approx(weight * u, abs=2.0**-28)
    assert found[-1] == pytest.approx(weight * u * (1 - left) / (1 - (1 - u) * left), abs=2.0**-27)


def test_facilitation_comes_to_its_steady_state():
    u, tau_rec, tau_fac, interval = 0.05, 20.0, 500.0, 15.0
    rule = snn.TsodyksMarkram(u=u, tau_rec=tau_rec, tau_fac=tau_fac)
    found = amplitudes(interval * np.arange(1, 400), rule)
    kept, left = math.exp(-interval / tau_fac), math.exp(-interval / tau_rec)
    steady = u / (1 - (1 - u) * kept)
    assert found[1] > 1.5 * found[0]
    assert found[-1] == pytest.approx(steady * (1 - left) / (1 - (1 - steady) * left), rel=1e-7)


def test_amplitudes_are_within_a_quantum_of_real_numbers():
    rng = np.random.default_rng(3)
    times = np.unique(rng.integers(1, 5000, 200)) * 0.1
    weight, u, tau_rec, tau_fac = 0.777, 0.31, 80.0, 45.0
    found = amplitudes(times, snn.TsodyksMarkram(u=u, tau_rec=tau_rec, tau_fac=tau_fac), weight)
    share, x, exact = u, 1.0, [weight * u]
    for h in np.diff(times):
        x = 1 + (x - share * x - 1) * math.exp(-h / tau_rec)
        share = u + share * (1 - u) * math.exp(-h / tau_fac)
        exact.append(weight * share * x)
    np.testing.assert_allclose(found, exact, atol=1.5 * 2.0**-30)  # of v's own rounding, too


def test_synapses_are_listed_and_counted_with_their_largest_weights():
    net = snn.Network(seed=3)
    cells = net.population("cells", 20, snn.LIF())
    net.connect(cells, cells, snn.FixedInDegree(2), weight=0.5, delay=0.3)
    net.connect(cells, cells, snn.FixedInDegree(3), weight=0.25, delay=0.7, plasticity=snn.TsodyksMarkram())
    program = snn.lower(net, 0.1)
    listed = program.listed_synapses("cells", "cells")
    np.testing.assert_array_equal(np.bincount(listed.targets), 5)
    assert sorted(set(zip(listed.weights, np.round(listed.delays, 6), strict=True))) == [(0.25, 0.7), (0.5, 0.3)]
    np.testing.assert_array_equal(program.fan_out["cells"], np.bincount(listed.sources, minlength=20))


def test_without_compilation_the_spikes_are_the_same():
    code = """
import reference, snn
from test_plasticity import DT, STEPS, assert_same, plastic_network
network = plastic_network(7)
assert_same(snn.Simulation(network, dt=DT).run(STEPS * DT), *reference.simulate(network, DT, STEPS))
print("the same")
"""
    here = Path(__file__).parent
    paths = os.pathsep.join([str(here), str(here.parent), str(here.parent.parent)])
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": paths}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == "the same"
