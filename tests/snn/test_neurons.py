"""Neurons against closed forms."""

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import snn

DT = 0.1


def potential(model, duration, weight=None, **stimuli):
    """v of one neuron at every step."""
    net = snn.Network()
    cell = net.population("cell", 1, model)
    if weight is not None:
        net.connect(net.spike_trains("input", [stimuli["times"]]), cell, snn.OneToOne(), weight=weight)
    net.record(cell, "v", every=DT)
    recording = snn.Simulation(net, dt=DT).run(duration)
    return recording.traces[0].times, recording.traces[0].values[0, :, 0], recording


def test_lif_relaxes_exponentially_to_rest_plus_current():
    model = snn.LIF(tau_m=12.0, c_m=200.0, v_rest=-60.0, i_e=100.0, v_threshold=0.0, v_reset=-60.0)
    t, v, _ = potential(model, 50.0)
    np.testing.assert_allclose(v, -60.0 + 100.0 * 12.0 / 200.0 * -np.expm1(-t / 12.0), atol=1e-11)


def test_lif_fires_with_the_period_of_its_closed_form():
    model = snn.LIF(tau_m=10.0, c_m=100.0, i_e=300.0, v_threshold=15.0, t_ref=2.0)
    _, _, recording = potential(model, 2000.0)
    period = 10.0 * math.log(30.0 / (30.0 - 15.0))
    steps = math.ceil(period / DT) + round(2.0 / DT)
    assert set(np.diff(recording.spikes["cell"].steps)) == {steps}


@pytest.mark.parametrize("tau_syn", [0.5, 2.0, 10.0, 10.0 * (1 + 1e-9), 30.0])
def test_exponential_synapse_follows_the_equations(tau_syn):
    times = [1.0, 3.5, 3.6]
    model = snn.LIF(tau_m=10.0, c_m=250.0, v_threshold=1e6, synapse="exponential", tau_syn=tau_syn)
    t, v, _ = potential(model, 30.0, weight=1000.0, times=times)

    def current(now):
        return sum(1000.0 * math.exp(-(now - at) / tau_syn) for at in times if now >= at - 1e-9)

    pieces, start, state = [], 0.0, 0.0
    for end in [*times, 30.0]:
        at = t[(t > start + 1e-9) & (t <= end + 1e-9)]
        solution = solve_ivp(
            lambda now, y, start=start: -y / 10.0 + current(max(now, start)) / 250.0,
            (start, end - 1e-12),
            [state],
            t_eval=np.minimum(at, end - 1e-12),
            rtol=1e-11,
            atol=1e-12,
        )
        pieces.append(solution.y[0])
        start, state = end, solution.y[0][-1]
    np.testing.assert_allclose(v, np.concatenate(pieces), atol=1e-7)


@pytest.mark.parametrize("leaky", [True, False])
@pytest.mark.parametrize("tau_syn", [0.5, 2.0, 10.0, 10.0 * (1 + 1e-9), 10.0 * (1 - 1e-6), 30.0])
def test_alpha_synapse_follows_the_equations(tau_syn, leaky):
    kind = {"v_threshold": 1e6, "c_m": 250.0, "synapse": "alpha", "tau_syn": tau_syn}
    model = snn.LIF(tau_m=10.0, **kind) if leaky else snn.IF(**kind)
    t, v, _ = potential(model, 30.0, weight=1024.0, times=[1.0])
    # v is the integral of the current that has flowed, less its leak: Gauss's rule, exact here, and nothing to cancel.
    nodes, weights = np.polynomial.legendre.leggauss(80)
    since = np.maximum(t - 1.0, 0.0)[:, None]
    at = since * (nodes + 1) / 2
    current = 1024.0 * at / tau_syn * np.exp(1 - at / tau_syn)
    expected = (current * np.exp(-(since - at) / 10.0 if leaky else 0.0) / 250.0 * since / 2) @ weights
    np.testing.assert_allclose(v, expected, rtol=1e-12, atol=1e-12)


def test_alpha_current_peaks_at_its_weight_after_its_time_constant():
    net = snn.Network()
    cells = net.population("cells", 2, snn.LIF(v_threshold=1e6, synapse="alpha", tau_syn=2.0, tau_syn_inh=4.0))
    trains = net.spike_trains("input", [[1.0]])
    net.connect(trains, cells, snn.Dense(np.array([[512.0], [-256.0]])))
    for variable in ("i_ex", "i_in"):
        net.record(cells, variable, every=DT)
    up, down = (trace.values[0] for trace in snn.Simulation(net, dt=DT).run(20.0).traces)
    t = np.maximum(DT * np.arange(1, 201) - 1.0, 0.0)
    np.testing.assert_allclose(up[:, 0], 512.0 * t / 2.0 * np.exp(1 - t / 2.0), atol=1e-10)
    np.testing.assert_allclose(down[:, 1], -256.0 * t / 4.0 * np.exp(1 - t / 4.0), atol=1e-10)
    assert not up[:, 1].any()
    assert not down[:, 0].any()


def test_excitation_and_inhibition_have_time_constants_of_their_own():
    model = snn.IF(v_threshold=1e6, synapse="exponential", tau_syn=1.0, tau_syn_inh=4.0)
    t, up, _ = potential(model, 40.0, weight=2.0, times=[0.1])
    _, down, _ = potential(model, 40.0, weight=-2.0, times=[0.1])
    np.testing.assert_allclose(up, 2.0 * 1.0 * -np.expm1(-(t - 0.1) / 1.0), atol=1e-12)
    np.testing.assert_allclose(down, -2.0 * 4.0 * -np.expm1(-(t - 0.1) / 4.0), atol=1e-12)


@pytest.mark.parametrize("drive", [-0.3, 0.0, 0.125, 0.1, 1 / 3, 0.999, 1.0, 1.7])
@pytest.mark.parametrize("steps", [1, 2, 7, 64])
def test_a_neuron_without_leak_counts_its_input(drive, steps):
    net = snn.Network()
    cell = net.population("cell", 1, snn.IF(), initial={"v": 0.5})
    current = net.current("current", [1.0])
    net.connect(current, cell, snn.OneToOne(), weight=drive)
    simulation = snn.Simulation(net, dt=1.0)
    count = len(simulation.run(float(steps)).spikes["cell"])
    quantum = snn.program.quantum_of(abs(drive))
    rounded = round(drive / quantum) * quantum
    assert count == min(max(math.floor(rounded * steps + 0.5), 0), steps)


def test_soft_reset_keeps_what_is_over_and_hard_reset_does_not():
    for reset, left in (("soft", 0.25), ("hard", 0.0)):
        net = snn.Network()
        cell = net.population("cell", 1, snn.IF(reset=reset, i_e=1.25))
        simulation = snn.Simulation(net, dt=1.0)
        simulation.run(1.0)
        assert simulation.state(cell)[0, 0] == left


def test_a_refractory_neuron_drops_delta_input():
    model = snn.LIF(tau_m=10.0, v_threshold=1.0, t_ref=1.0)
    _, v, recording = potential(model, 5.0, weight=1.5, times=[1.0, 1.5, 2.0, 2.1])
    assert recording.spikes["cell"].steps.tolist() == [10, 21]
    assert v[9:20].tolist() == [0.0] * 11


def test_discrete_lif_multiplies_by_beta():
    net = snn.Network()
    cell = net.population("cell", 1, snn.DiscreteLIF(beta=0.5, v_threshold=10.0), initial={"v": 8.0})
    net.record(cell, "v", every=1.0)
    values = snn.Simulation(net, dt=1.0).run(3.0).traces[0].values[0, :, 0]
    assert values.tolist() == [4.0, 2.0, 1.0]


def test_retested_neuron_is_snntorch_s():
    torch, snntorch = pytest.importorskip("torch"), pytest.importorskip("snntorch")
    rng = np.random.default_rng(0)
    inputs = np.round(rng.uniform(-2.0, 3.0, (200, 5)) * 64) / 64
    neuron = snntorch.Leaky(beta=0.875, reset_mechanism="subtract", reset_delay=False)
    expected, v = [], torch.zeros(5, dtype=torch.float64)
    for x in torch.from_numpy(inputs):
        spikes, v = neuron.double()(x, v)
        expected.append(spikes.numpy())
    above = np.nextafter(1.0, 2.0)
    net = snn.Network()
    cells = net.population("c", 5, snn.DiscreteLIF(beta=0.875, v_threshold=above, v_reset=above - 1, reset="retested"))
    current = net.current("x", np.zeros(5))
    net.connect(current, cells, snn.OneToOne())
    simulation, found = snn.Simulation(net, dt=1.0), []
    for x in inputs:
        simulation.set(current, amplitude=x)
        found.append(simulation.run(1.0).spikes["c"].counts()[0])
    np.testing.assert_array_equal(found, expected)
    assert 200 < np.sum(expected) < 900


@pytest.mark.parametrize("reset", ["hard", "soft"])
def test_discrete_current_based_neuron_is_its_equations(reset):
    rng = np.random.default_rng(0)
    # Multiples of 1/64 whose sums and products are exact.
    inputs = np.round(rng.uniform(-1.0, 1.5, (60, 3)) * 64) / 64
    alpha, beta, gain, feed = np.array([0.5, 0.75, 0.0]), 0.5, np.array([0.25, 1.0, 0.0]), np.array([0.5, 0.0, 1.0])
    model = snn.DiscreteCubaLIF(alpha=alpha, beta=beta, gain=gain, feed=feed, v_reset=0.25, reset=reset)
    net = snn.Network()
    cells = net.population("c", 3, model)
    current = net.current("x", np.zeros(3))
    net.connect(current, cells, snn.OneToOne())
    simulation, v, i = snn.Simulation(net, dt=1.0), np.zeros(3), np.zeros(3)
    fired = 0
    for x in inputs:
        simulation.set(current, amplitude=x)
        spikes = simulation.run(1.0).spikes["c"].counts()[0]
        v, i = beta * v + gain * i + feed * x, alpha * i + x
        np.testing.assert_array_equal(spikes, v >= 1.0)
        v = np.where(v >= 1.0, v - 0.75 if reset == "soft" else 0.25, v)
        np.testing.assert_allclose(simulation.state(cells)[0], v, rtol=0, atol=1e-12)
        fired += spikes.sum()
    assert fired > 10


def test_discrete_current_based_neuron_is_snntorch_s():
    torch, snntorch = pytest.importorskip("torch"), pytest.importorskip("snntorch")
    rng = np.random.default_rng(1)
    inputs = np.round(rng.uniform(-1.0, 1.5, (100, 4)) * 64) / 64
    neuron = snntorch.Synaptic(alpha=0.5, beta=0.75, reset_mechanism="zero", reset_delay=False)
    expected, i, v = [], torch.zeros(4, dtype=torch.float64), torch.zeros(4, dtype=torch.float64)
    for x in torch.from_numpy(inputs):
        spikes, i, v = neuron.double()(x, i, v)
        expected.append(spikes.numpy())
    net = snn.Network()
    model = snn.DiscreteCubaLIF(alpha=0.5, beta=0.75, gain=0.5, v_threshold=np.nextafter(1.0, 2.0), reset="hard")
    cells = net.population("c", 4, model)
    current = net.current("x", np.zeros(4))
    net.connect(current, cells, snn.OneToOne())
    simulation, found = snn.Simulation(net, dt=1.0), []
    for x in inputs:
        simulation.set(current, amplitude=x)
        found.append(simulation.run(1.0).spikes["c"].counts()[0])
    np.testing.assert_array_equal(found, expected)
    assert 50 < np.sum(expected) < 350


def test_a_neuron_fires_only_while_it_is_active():
    net = snn.Network()
    net.population("cell", 1, snn.IF(i_e=1.0), active=(2.0, 5.0))
    record = snn.Simulation(net, dt=1.0).run(10.0).spikes["cell"]
    assert record.times.tolist() == [3.0, 4.0, 5.0]
