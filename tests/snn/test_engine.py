"""The engine against the reference, spike for spike, on random networks."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import reference
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse

import snn

DT = 0.1
STEPS = 40
SEEDS = st.integers(0, 2**32 - 1)
KINDS = st.sampled_from(["delta", "arrays", "mixed", "alpha"])
SETTINGS = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def random_models(rng, kind):
    """Models for three populations of 6, 24 and 8 neurons.

    Compiled code depends on the models and on which parameters are arrays, so a few kinds stand for all: one leaky
    model with delta synapses for all; two synaptic time constants, every parameter an array; three different models;
    alpha synapses, with one time constant and with two, without leak and with.
    """

    def options(size=None, **more):
        draw = lambda low, high: rng.uniform(low, high, size)  # noqa: E731
        common = {"v_threshold": draw(0.5, 1.5), "v_reset": draw(-0.5, 0.2), "reset": str(rng.choice(["hard", "soft"]))}
        return common | {name: draw(*bounds) for name, bounds in more.items()}

    def physical(size=None, **more):
        t_ref = rng.integers(0, 4, size) * DT
        return options(size, i_e=(-0.2, 0.4), c_m=(0.5, 2.0), **more) | {"t_ref": t_ref}

    if kind == "delta":
        return [snn.LIF(**physical(tau_m=(0.5, 5.0), v_rest=(-0.2, 0.2)))] * 3
    if kind == "arrays":
        reset, taus = str(rng.choice(["hard", "soft"])), {"tau_syn": (0.3, 3.0), "tau_syn_inh": (0.3, 3.0)}
        return [snn.IF(synapse="exponential", **physical(n, **taus) | {"reset": reset}) for n in (6, 24, 8)]
    if kind == "alpha":
        one, two = ({"tau_syn": (0.05, 3.0)} | more for more in ({}, {"tau_syn_inh": (0.3, 3.0), "tau_m": (0.5, 5.0)}))
        leaky = snn.LIF(synapse="alpha", **physical(**two))
        return [leaky, snn.IF(synapse="alpha", **physical(24, **one)), leaky]
    exponential = physical(tau_m=(0.5, 5.0), tau_syn=(0.3, 3.0))
    return [
        snn.DiscreteLIF(**options(beta=(0.5, 1.0))),
        snn.LIF(synapse="exponential", **exponential),
        snn.IF(**physical(8)),
    ]


def random_network(seed, kind="delta"):
    """A network with every kind of projection and stimulus, in loops and chains."""
    rng = np.random.default_rng(seed)
    models = random_models(rng, kind)
    net = snn.Network(seed=int(rng.integers(2**32)))
    active = (0.0, np.inf) if rng.random() < 0.5 else (0.5, 3.0)
    size = 6
    cells = net.population("cells", size, models[0], active=active)
    image = net.population("image", (3, 4, 2), models[1], initial={"v": snn.Uniform(-0.2, 0.5)})
    pooled = net.population("pooled", (2, 2, 2), models[2])
    noise = net.poisson("noise", float(rng.uniform(500, 4000)))
    net.connect(noise, cells + image, weight=float(rng.normal(0, 0.5)))
    trains = net.poisson("trains", rng.uniform(0, 1000 / DT, 5), 5)
    net.connect(trains, cells, snn.Dense(rng.normal(0, 0.4, (size, 5))))
    given_trains = net.spike_trains("given", [np.unique(rng.integers(1, STEPS, 6)) * DT, [], [0.1, 0.2]])
    net.connect(given_trains, cells, snn.Edges([0, 2, 2], [size - 1, 0, 0]), weight=rng.normal(0, 1, 3), delay=0.3)
    current = net.current("current", rng.normal(0, 1, (4, 4, 1)), start=0.3, stop=2.1)
    net.connect(current, image, snn.Conv2d(rng.normal(0, 1, (2, 3, 1, 2)), padding=(0, 1)))
    degree = int(rng.integers(0, 4))
    delays = rng.integers(1, 5, degree * size) * DT
    net.connect(cells, cells, snn.FixedInDegree(degree), weight=rng.normal(0, 0.5, degree * size), delay=delays)
    net.connect(cells, image, snn.Sparse(sparse.random(24, size, 0.4, rng=rng)), delay=0.2)
    net.connect(image, image, snn.OneToOne(), weight=rng.normal(0, 0.3, 24), delay=0.4)
    pool = snn.MaxPool2d(2, (1, 2)) if rng.random() < 0.5 else snn.SumPool2d((2, 2), (1, 2))
    net.connect(image, pooled, pool, weight=float(rng.normal(0, 1)))
    net.connect(image, pooled, snn.Conv2d(rng.normal(0, 0.5, (2, 3, 2, 2)), stride=(1, 2), padding=(0, 1)))
    net.connect(pooled, cells, snn.Dense(rng.normal(0, 0.4, (size, 8))), delay=0.3)
    for population in (cells, image, pooled):
        net.record(population, "v", every=DT)
    return net


def assert_same(recording, spikes, traces, sample=0):
    for name, record in recording.spikes.items():
        mine = record.samples == sample
        assert list(zip(record.steps[mine].tolist(), record.neurons[mine].tolist(), strict=True)) == sorted(
            spikes[name]
        )
    for trace in recording.traces:
        np.testing.assert_array_equal(trace.values[sample], traces[trace.population])


@SETTINGS
@given(seed=SEEDS, kind=KINDS, threads=st.sampled_from([1, 2, 4]))
def test_spikes_and_potentials_are_the_reference_s(seed, kind, threads):
    network = random_network(seed, kind)
    spikes, traces = reference.simulate(network, DT, STEPS)
    recording = snn.Simulation(network, dt=DT, threads=threads).run(STEPS * DT)
    assert_same(recording, spikes, traces)


@settings(SETTINGS, max_examples=10)
@given(seed=SEEDS, kind=KINDS, cut=st.integers(0, STEPS))
def test_a_run_in_two_parts_is_one_run(seed, kind, cut):
    network = random_network(seed, kind)
    whole = snn.Simulation(network, dt=DT).run(STEPS * DT)
    simulation = snn.Simulation(network, dt=DT, threads=2)
    simulation.run(cut * DT)
    simulation.run((STEPS - cut) * DT)
    for name, record in whole.spikes.items():
        np.testing.assert_array_equal(simulation.recording.spikes[name].steps, record.steps)
        np.testing.assert_array_equal(simulation.recording.spikes[name].neurons, record.neurons)
    for a, b in zip(whole.traces, simulation.recording.traces, strict=True):
        np.testing.assert_array_equal(a.values, b.values)
        np.testing.assert_array_equal(a.times, b.times)


@settings(SETTINGS, max_examples=10)
@given(seed=SEEDS, kind=KINDS)
def test_samples_of_a_batch_are_runs_of_their_own(seed, kind):
    network, rng = random_network(seed, kind), np.random.default_rng(seed)
    amplitudes = rng.normal(0, 1, (3, 4, 4, 1))
    simulation = snn.Simulation(network, dt=DT, batch=3, threads=2)
    simulation.set(network.sources["current"], amplitude=amplitudes)
    recording = simulation.run(STEPS * DT)
    for sample in range(3):
        assert_same(recording, *reference.simulate(network, DT, STEPS, sample, {"current": amplitudes[sample]}), sample)
    later = snn.Simulation(network, dt=DT, batch=2, first_sample=1)
    later.set(network.sources["current"], amplitude=amplitudes[1:])
    split = later.run(STEPS * DT)
    for name, record in split.spikes.items():
        np.testing.assert_array_equal(record.counts(), recording.spikes[name].counts()[1:])


@settings(SETTINGS, max_examples=15)
@given(seed=SEEDS)
def test_renaming_neurons_permutes_spikes(seed):
    rng = np.random.default_rng(seed)
    size = 12
    order = rng.permutation(size)
    weights, drive = rng.normal(0, 0.5, (size, size)), rng.uniform(0.5, 1.5, size)

    def run(weights, drive):
        net = snn.Network()
        cells = net.population("cells", size, snn.LIF(tau_m=5.0, v_threshold=1.0, c_m=5.0, i_e=drive, t_ref=0.2))
        net.connect(cells, cells, snn.Dense(weights), delay=0.3)
        record = snn.Simulation(net, dt=DT, threads=2).run(20.0).spikes["cells"]
        return set(zip(record.steps.tolist(), record.neurons.tolist(), strict=True))

    renamed = run(weights[order][:, order], drive[order])
    assert run(weights, drive) == {(step, order[neuron]) for step, neuron in renamed}


def test_populations_that_span_slices_give_the_same_on_any_number_of_threads(threads_meet):
    def run(threads, parts):
        net = snn.Network(seed=5)
        cells = net.population("cells", 10_000, snn.LIF(), initial={"v": snn.Uniform(0.0, 20.0)})
        net.connect(net.poisson("noise", 15_000.0), cells, weight=0.1)
        net.connect(cells, cells, snn.FixedInDegree(50), weight=-0.2, delay=snn.Uniform(0.1, 2.0))
        simulation = snn.Simulation(net, threads=threads)
        for part in parts:
            simulation.run(part)
        return simulation.recording.spikes["cells"]

    first = run(1, [50.0])
    assert len(first) > 1000
    for threads, parts in ((2, [50.0]), (3, [20.0, 30.0]), (4, [0.1, 49.9])):
        again = run(threads, parts)
        np.testing.assert_array_equal(first.steps, again.steps)
        np.testing.assert_array_equal(first.neurons, again.neurons)


def test_reset_goes_back_to_the_beginning():
    network = random_network(3)
    simulation = snn.Simulation(network, dt=DT)
    first = simulation.run(4.0)
    simulation.reset()
    assert simulation.time == 0
    again = simulation.run(4.0)
    for name, record in first.spikes.items():
        np.testing.assert_array_equal(record.steps, again.spikes[name].steps)


def test_state_and_restore_go_on_as_if_nothing_had_been():
    simulation = snn.Simulation(random_network(4), dt=DT)
    simulation.run(1.5)
    kept = simulation._engine.state()
    first = simulation.run(2.0)
    simulation._engine.restore(kept)
    simulation._gathered = simulation._engine.time
    again = simulation.run(2.0)
    for name, record in first.spikes.items():
        np.testing.assert_array_equal(record.steps, again.spikes[name].steps)
        np.testing.assert_array_equal(record.neurons, again.spikes[name].neurons)


def test_parameters_changed_between_runs_hold_from_then_on():
    net = snn.Network()
    cell = net.population("cell", 2, snn.IF(i_e=0.0))
    other = net.population("other", 1, snn.IF(i_e=0.3))
    simulation = snn.Simulation(net, dt=1.0, batch=2)
    assert len(simulation.run(10.0).spikes["cell"]) == 0
    simulation.set(cell, i_e=[[0.0, 0.5], [0.25, 1.0]])
    recording = simulation.run(8.0)
    np.testing.assert_array_equal(recording.spikes["cell"].counts(), [[0, 4], [2, 8]])
    np.testing.assert_array_equal(simulation.recording.spikes["other"].counts(), [[5], [5]])
    assert simulation.state(other).shape == (2, 1)


def test_a_current_set_while_it_flows_replaces_the_old_one():
    net = snn.Network()
    cell = net.population("cell", 1, snn.IF(v_threshold=100.0))
    current = net.current("current", [1.0])
    net.connect(current, cell, snn.OneToOne())
    simulation = snn.Simulation(net, dt=1.0)
    simulation.run(3.0)
    simulation.set(current, amplitude=[0.5])
    simulation.run(4.0)
    assert simulation.state(cell)[0, 0] == 3 * 1.0 + 4 * 0.5


@pytest.mark.parametrize("threads", [1, 2])
def test_a_state_that_is_not_finite_stops_the_run_and_keeps_the_recording(threads):
    net = snn.Network()
    cell = net.population("cell", 3, snn.IF())
    simulation = snn.Simulation(net, threads=threads)
    simulation.run(1.0)
    with pytest.raises(snn.ValidationError, match="drive"):
        simulation.set(cell, i_e=-1e308, c_m=np.full(3, 1e-3))
    simulation.set(cell, i_e=[0.0, -1e308, 0.0])
    with pytest.raises(snn.NumericalError, match=r"'cell': v of neuron 1 \(sample 0\)"):
        simulation.run(1000.0)
    assert simulation.recording.stop == simulation.time > 1.0


def test_without_compilation_the_spikes_are_the_same():
    code = """
import reference, snn
from test_engine import DT, STEPS, assert_same, random_network
for kind in ("delta", "arrays", "mixed", "alpha"):
    network = random_network(7, kind)
    assert_same(snn.Simulation(network, dt=DT).run(STEPS * DT), *reference.simulate(network, DT, STEPS))
    print(kind)
"""
    here = Path(__file__).parent
    paths = os.pathsep.join([str(here), str(here.parent), str(here.parent.parent)])
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": paths}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.split() == ["delta", "arrays", "mixed", "alpha"]


def test_one_value_a_sample_is_that_of_all_its_neurons():
    net = snn.Network(seed=1)
    cells = net.population("cells", 4, snn.LIF())
    trains = net.poisson("trains", 0.0, 3)
    net.connect(trains, cells, snn.AllToAll(), weight=3.0)
    short, long = (snn.Simulation(net, dt=0.5, batch=2) for _ in range(2))
    short.set(cells, i_e=[[300.0], [0.0]])
    short.set(cells[1:3], i_e=[[0.0], [300.0]])
    short.set(trains, rate=[[0.0], [500.0]])
    long.set(cells, i_e=[[300.0, 0.0, 0.0, 300.0], [0.0, 300.0, 300.0, 0.0]])
    long.set(trains, rate=[[0.0] * 3, [500.0] * 3])
    one, other = short.run(50.0), long.run(50.0)
    for name in ("cells", "trains"):
        np.testing.assert_array_equal(one.counts(name), other.counts(name))
    assert one.counts("trains").sum(axis=1).tolist()[0] == 0 < one.counts("trains").sum()
    assert (one.counts("cells")[0, [0, 3]] > one.counts("cells")[0, 1]).all()
