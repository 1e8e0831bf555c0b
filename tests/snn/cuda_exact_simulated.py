"""The exact engine for graphics cards in the simulator of CUDA: the spikes and states are those of the CPU engine.

Collected by test_cuda.py only, as cuda_simulated.py is.
"""

import numpy as np
import pytest
import test_exact
from devices import assert_equal
from hypothesis import given, settings
from hypothesis import strategies as st

import snn
from snn.engines.exact_cuda import engine as exact_cuda

MEMBRANE = {"tau_m": 10.0, "v_rest": -65.0, "v_threshold": -55.0, "v_reset": -70.0, "t_ref": 0.9}
MODELS = [
    *(snn.LIF(synapse=kind, i_e=260.0, **MEMBRANE) for kind in ("delta", "exponential", "alpha")),
    *(snn.LIF(synapse=kind, tau_syn_inh=3.0, i_e=260.0, **MEMBRANE) for kind in ("exponential", "alpha")),
    *(snn.IF(synapse=kind, i_e=60.0, reset="soft", t_ref=0.4) for kind in ("delta", "exponential", "alpha")),
    snn.LIF(synapse="exponential", tau_m=10.0, tau_syn=10.0, i_e=300.0, t_ref=12.5),
    snn.LIF(synapse="delta", i_e=450.0, t_ref=0.0),
    snn.QIF(i_e=snn.Uniform(100.0, 400.0)),
    snn.McCullochPitts(threshold=snn.Uniform(-1.0, 0.5), tau=3.0),
]


def test_every_model():
    net = snn.Network(seed=1)
    trains = net.poisson("trains", 300.0, 3)
    for i, model in enumerate(MODELS):
        cells = net.population(f"cells{i}", 3, model)
        size = 5.0 if getattr(model, "synapse", "delta") == "delta" else 300.0
        for sign in (1.0, -0.4):
            net.connect(trains, cells, snn.FixedInDegree(2), weight=sign * size, delay=snn.Uniform(0.0, 1.0))
            net.connect(cells, cells, snn.FixedInDegree(2), weight=0.1 * sign * size, delay=1.5)
        net.record(cells, "v", every=1.9)
    recording = assert_equal(net, [5.3, 9.9], batch=2, engine="exact")
    assert all(len(record) > 1 for record in recording.spikes.values())


@pytest.mark.parametrize("delay", [1.5, None])
def test_every_stimulus_and_several_samples(delay):
    recording = assert_equal(test_exact.busy(delay=delay), [6.0, 3.7, 0.0, 0.1, 5.2], batch=2, engine="exact")
    assert len(recording.spikes["exc"]) > 5 < len(recording.spikes["shared"])


@pytest.mark.parametrize("kind", test_exact.MODELS)
@settings(max_examples=2, deadline=None, derandomize=True)
@given(data=st.data())
def test_random_networks(kind, data):
    assert_equal(test_exact.network(data.draw(test_exact.cases(kind))), [11.3, 13.7], engine="exact")


def test_what_arrives_together_is_added_in_the_same_order():
    """Simultaneous arrivals whose sum depends on their order, events twice at one time, synapses in parallel."""
    rng = np.random.default_rng(0)
    net = snn.Network(seed=1)
    trains = net.spike_trains("trains", [[1.0, np.nextafter(1.0, 2.0), 2.5], *([[1.0, 2.5]] * 20)])
    cells = net.population("cells", 3, snn.LIF(synapse="exponential", i_e=300.0))
    for delay in (0.5, 1.0):
        ends = rng.integers(0, 21, 90), rng.integers(0, 3, 90)
        net.connect(trains, cells, snn.Edges(*ends), weight=rng.lognormal(0.0, 3.0, 90), delay=delay)
    net.connect(cells, cells, snn.AllToAll(), weight=1.0, delay=2.0)
    assert_equal(net, [3.0, 4.0], engine="exact")


def test_parameters_that_change_between_runs():
    def change(simulation):
        (cells,) = simulation.network.populations.values()
        simulation.set(cells[1:3], i_e=np.array([[500.0, 0.0], [100.0, 900.0]]))
        simulation.set(cells, t_ref=0.3)

    net = snn.Network(seed=2)
    cells = net.population("cells", 5, snn.LIF(synapse="exponential", i_e=600.0, t_ref=3.0))
    net.connect(cells, cells, snn.FixedInDegree(2), weight=90.0, delay=snn.Uniform(1.0, 9.0))
    recording = assert_equal(net, [15.3, 9.1], change, batch=2, engine="exact")
    assert len(recording.spikes["cells"]) > 10


@pytest.mark.parametrize("delay", [1.5, None])
def test_room_is_made_where_there_is_too_little(delay, monkeypatch):
    given, grown = exact_cuda.make_sizes, []
    tight = {"slips": 1, "arrivals": 1}
    monkeypatch.setattr(exact_cuda, "make_sizes", lambda *a: (s := given(*a))._replace(records=s.events + 3, **tight))
    grow = exact_cuda.ExactCuda._grow
    monkeypatch.setattr(exact_cuda.ExactCuda, "_grow", lambda self: (grow(self), grown.append(self.sizes)))
    assert_equal(test_exact.busy(delay=delay), [7.7, 3.5], engine="exact")
    assert grown[-1].slips > 1 < grown[-1].arrivals


def test_reset_and_counted_spikes():
    simulation = snn.Simulation(test_exact.busy(), engine="exact", device="cuda", spikes="counted")
    first = simulation.run(6.0)
    simulation.reset()
    again = simulation.run(6.0)
    listed = snn.Simulation(test_exact.busy(), engine="exact").run(6.0)
    for name in ("exc", "regular"):
        np.testing.assert_array_equal(first.counts(name), again.counts(name))
        np.testing.assert_array_equal(first.counts(name), listed.spikes[name].counts())


def test_runaway_activity_ends_with_an_error_and_keeps_what_was_recorded():
    found = []
    for device in ("cpu", "cuda"):
        net = snn.Network()
        cells = net.population("cells", 2, snn.LIF(i_e=500.0, t_ref=0.0))
        net.connect(net.current("flood", [1e9], start=12.0), cells[1:], snn.AllToAll())
        simulation = snn.Simulation(net, engine="exact", device=device)
        with pytest.raises(snn.NumericalError, match=r"population 'cells': neuron 1 .* more than 10000 spikes"):
            simulation.run(30.0)
        found.append((simulation.time, simulation.recording.spikes["cells"].times.tobytes()))
        with pytest.raises(snn.NumericalError, match="population 'cells'"):
            simulation.run(1.0)
    assert found[0] == found[1]


def test_memory_is_estimated_before_anything_is_allocated(monkeypatch):
    monkeypatch.setattr(snn.cuda.Device, "free", lambda device: 1e5)
    with pytest.raises(snn.ResourceError, match=r"2 samples of 41 neurons .* need .* GB on cuda"):
        snn.Simulation(test_exact.busy(), engine="exact", device="cuda", batch=2)
